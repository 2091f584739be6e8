"""What the tests of the live page share: a game that only counts, and a server that runs beside."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for chromium.py

TOKEN = "the-tests'-own"


class Counting:
    """A game that counts its rounds; one of them, and one look at it, take so many seconds."""

    def __init__(self, *, round_takes: float = 0.001, look_takes: float = 0.0) -> None:
        self.round_takes, self.look_takes = round_takes, look_takes
        self.playing = False
        self.serial = self.looks = 0
        self.seconds = {"playing": 0.0, "looking": 0.0}

    def advance(self, seconds: float) -> int:
        began, played = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            time.sleep(self.round_takes)
            self.serial += 1
            played += 1
        self.seconds["playing"] += time.perf_counter() - began
        return played

    def wait(self) -> float:
        return 0.0 if self.playing else float("inf")

    def answer(self, request: Any) -> dict[str, Any]:
        if request["ask"] == "fault":
            raise LookupError("planted")
        if request["ask"] == "play":
            self.playing = request["playing"]
        if request["ask"] == "frame":
            began = time.perf_counter()
            time.sleep(self.look_takes)
            self.looks += 1
            self.seconds["looking"] += time.perf_counter() - began
        return {"protocol": 1, "id": request.get("id"), "ok": True, "serial": self.serial}


class Page:
    """A client of a server: what a browser does, without the browser."""

    def __init__(self, port: int, token: str = TOKEN) -> None:
        self.port, self.token, self._id = port, token, 0
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def send(
        self, body: bytes | str, method: str = "POST", path: str = "/api", **headers: str
    ) -> tuple[int, Any]:
        """Status and answer; a header that is given as "" is left out."""
        usual = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(
            method, path, body, {name: value for name, value in (usual | named).items() if value}
        )
        response = self.connection.getresponse()
        content = response.read()
        self.headers = dict(response.getheaders())
        is_json = self.headers.get("content-type") == "application/json"
        return response.status, json.loads(content) if is_json else content

    def ask(self, ask: str, **fields: Any) -> Any:
        self._id += 1
        request = {"protocol": 1, "id": self._id, "ask": ask, **fields}
        status, answer = self.send(json.dumps(request))
        assert status == 200 and answer["id"] == self._id, answer
        return answer


Serving = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def serving() -> Serving:
    """`with serving(game) as port`: a server of that game, which ends with the block."""
    pytest.importorskip("uvicorn", reason='needs pip install "minigan[live]"')
    from minigan.live.door import Door, names_of
    from minigan.live.server import listen, server
    from minigan.live.thread import GameThread

    @contextlib.contextmanager
    def run(game: Any) -> Iterator[int]:
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        thread = GameThread(game)
        running = server(thread, Door(names_of("127.0.0.1"), port, TOKEN))
        beside = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        beside.start()
        try:
            yield port
        finally:
            running.should_exit = True
            thread.end()
            beside.join(5)
            thread.join(5)
        assert not beside.is_alive() and not thread.is_alive()

    return run


@pytest.fixture
def counting() -> type[Counting]:
    return Counting


@pytest.fixture
def page() -> type[Page]:
    return Page
