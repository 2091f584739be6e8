"""Tests of the server: who is let in, what is refused and how, and that the game goes on."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason='needs pip install "minigan[live]"')
pytest.importorskip("uvicorn", reason='needs pip install "minigan[live]"')

from minigan.errors import UserError
from minigan.live import connections
from minigan.live import server as module
from minigan.live.door import Door, names_of
from minigan.live.server import listen, page_files
from minigan.live.session import Session

ROOT = Path(__file__).parents[2]
HELLO = json.dumps({"protocol": 1, "id": 1, "ask": "hello"})


def raw(port: int, text: bytes) -> socket.socket:
    """A connection over which these bytes have been sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(text)
    return connection


def everything(connection: socket.socket) -> bytes:
    """All that still comes over a connection, until it is closed or cut."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


# ---- the page ----------------------------------------------------------------------------------


def test_the_page_is_served_and_nothing_else_of_the_disk(
    serving: Any, page: Any, counting: Any
) -> None:
    files = page_files()
    assert {"index.html", "connection.js", "style.css", "site.json"} <= set(files)
    with serving(counting()) as port:
        client = page(port)
        for name, content in files.items():
            path = "/" if name == "index.html" else f"/{name}"
            status, received = client.send("", "GET", path, Authorization="")
            assert status == 200
            assert received == (json.loads(content) if name.endswith(".json") else content)
            assert client.headers["x-content-type-options"] == "nosniff"
            assert "script-src 'self';" in client.headers["content-security-policy"]
            assert client.headers["content-type"].startswith(module.TYPES[Path(name).suffix])
        assert client.send("", "GET", "/site.json")[1] == {"engine": "server"}
        for path in (
            "/server.py", "/../server.py", "/%2e%2e/server.py", "/..%2fserver.py",
            "/page/index.html", "//etc/passwd", "/etc/passwd", "/index.html/../../server.py",
            "/index.html%00.js",
            "/.", "/style.css/", "/C:/Windows/win.ini", "/..%5cserver.py", "/api", "/docs",
        ):  # fmt: skip
            status, received = client.send("", "GET", path)
            assert status in (404, 405) and not received["ok"], path
            assert b"import" not in json.dumps(received).encode()


# ---- what is refused ---------------------------------------------------------------------------

REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "no token": (401, "token is missing or wrong", {"Authorization": ""}),
    "another token": (401, "token is missing or wrong", {"Authorization": "Bearer guess"}),
    "no bearer": (
        401,
        "token is missing or wrong",
        {"Authorization": "Basic the-tests'-own"},
    ),
    "a token of no ASCII": (401, "token is missing or wrong", {"Authorization": "Bearer \xff"}),
    "another name": (403, "this is not 'evil.example", {"Host": "evil.example:{port}"}),
    "another port": (403, "this is not '127.0.0.1:1'", {"Host": "127.0.0.1:1"}),
    "another origin": (403, "a page of 'http://evil.example'", {"Origin": "http://evil.example"}),
    "another port's page": (403, "may not ask", {"Origin": "http://127.0.0.1:1"}),
    "no origin": (403, "a page of 'null' may not ask", {"Origin": "null"}),
    "another page": (403, "another page may not ask", {"Sec-Fetch-Site": "cross-site"}),
    "a form": (415, "sent as application/json", {"Content-Type": "text/plain"}),
    "no JSON": (400, "cannot be read as JSON", {"body": "{"}),
    "no UTF-8": (400, "cannot be read as JSON", {"body": b"\xff\xfe{"}),
    "a list": (400, "a request is a JSON object", {"body": "[1]"}),
    "nothing": (400, "cannot be read as JSON", {"body": ""}),
    "too deep": (400, "deep", {"body": '{"protocol":1,"a":' + "[" * 20 + "]" * 20 + "}"}),
    "far too deep": (400, "", {"body": '{"a":' + "[" * 30000}),
    "another protocol": (400, "this is protocol 1", {"body": '{"protocol": 2, "ask": "hello"}'}),
    "too long": (413, "at most 65,536 bytes", {"body": b" " * 70_000}),
    "another method": (405, "and nothing else", {"method": "PUT"}),
    "a question of CORS": (405, "and nothing else", {"method": "OPTIONS"}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_in_one_line(what: str, serving: Any, page: Any, counting: Any) -> None:
    status, words, how = REFUSED[what]
    how = {"body": HELLO, **how}
    with serving(counting()) as port:
        if "Host" in how:
            how["Host"] = how["Host"].format(port=port)
        got, answer = page(port).send(**{name.replace("-", "_"): how[name] for name in how})
        assert got == status and answer["ok"] is False
        assert words in answer["error"] and "\n" not in answer["error"]
        assert page(port).ask("hello")["ok"]


def test_what_a_session_is_asked_wrongly_does_not_end_it(serving: Any, page: Any) -> None:
    with serving(Session()) as port:
        client = page(port)
        client.ask("play", playing=True)
        for wrong in (
            {"ask": "nonsense"}, {"ask": 7}, {}, {"ask": "go", "round": 10**400}, {"ask": "go"},
            {"ask": "change", "change": {"batch_size": float("nan")}}, {"ask": "frame", "wants": 3},
            {"ask": "change", "change": {"generator_lr": 1e308}}, {"ask": "frame", "since": "x"},
            {"ask": "play", "playing": "yes"}, {"ask": "new", "settings": {"game": "chess"}},
            {"ask": "play", "playing": True, "speed": -1}, {"ask": "look", "what": "everything"},
            {"ask": "step", "player": "H"}, {"ask": "frame", "after": {"a": [1]}},
        ):  # fmt: skip
            status, answer = client.send(json.dumps({"protocol": 1, "id": 1, **wrong}))
            assert status in (200, 400), answer
            if wrong.get("after") is None:
                assert answer["ok"] is False and "\n" not in answer["error"], wrong
                assert "fault of minigan" not in answer["error"], answer
        before = client.ask("frame")
        time.sleep(0.1)
        after = client.ask("frame")
        assert before["playing"] and after["round"] > before["round"]


def test_what_is_no_http_is_refused(serving: Any, page: Any, counting: Any) -> None:
    with serving(counting()) as port:
        for text in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # somebody speaks TLS
            b"GET / HTTP/1.1\r\n\r\n",  # without a Host
            b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
            b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 30_000,
            b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
            b"POST /api HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                try:
                    connection.sendall(text)
                except ConnectionError:
                    continue  # it was cut before we had said it all
                head = everything(connection)[:15]
                assert head == b"" or head.startswith((b"HTTP/1.1 4",)), (text[:40], head)
        assert page(port).ask("hello")["ok"]


def test_an_endless_body_is_not_read_to_its_end(serving: Any, page: Any, counting: Any) -> None:
    with serving(counting()) as port:
        head = f"POST /api HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n"
        head += "Content-Type: application/json\r\nAuthorization: Bearer the-tests'-own\r\n\r\n"
        connection = raw(port, head.encode())
        chunk, sent = b"4000\r\n" + b" " * 0x4000 + b"\r\n", 0
        try:
            while sent < 100 << 20 and not select.select([connection], [], [], 0)[0]:
                connection.sendall(chunk)
                sent += len(chunk)
        except ConnectionError:
            pass
        assert sent < 10 << 20
        connection.close()
        assert page(port).ask("hello")["ok"]


# ---- connections that are held open ------------------------------------------------------------


def test_who_says_nothing_or_takes_nothing_is_cut_off(
    serving: Any, page: Any, counting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.4)
    with serving(counting()) as port:
        request = f"POST /api HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode()
        silent = raw(port, b"")
        half = raw(port, request[:30])
        body = raw(port, request + b"Content-Length: 100\r\n\r\n{")
        again = raw(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\nGET" % port)
        dripping = raw(port, request)
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            while time.monotonic() - began < 5:
                dripping.sendall(b"X: y\r\n")
                time.sleep(0.05)
        assert time.monotonic() - began < 2
        for connection in (silent, half, body, again):
            everything(connection)  # it ends, or the test would hang until the time-out
            connection.close()
        assert page(port).ask("hello")["ok"]


def test_a_slow_reader_slows_nobody_and_is_cut_off(
    serving: Any, page: Any, counting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.5)
    monkeypatch.setattr(module, "page_files", lambda: {"big.js": bytes(32 << 20)})
    game = counting()
    with serving(game) as port:
        slow = raw(port, b"GET /big.js HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
        client = page(port)
        client.ask("play", playing=True)
        rounds, began = game.serial, time.monotonic()
        while time.monotonic() - began < 1.0:
            client.ask("frame")
        assert game.serial - rounds > 100
        assert len(everything(slow)) < 32 << 20  # what had been sent, and then it was cut


def test_so_many_connections_and_no_more(
    serving: Any, page: Any, counting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "OPEN", 4)
    with serving(counting()) as port:
        held = [raw(port, b"GET") for _ in range(4)]
        time.sleep(0.1)
        refused = everything(raw(port, b""))
        assert refused.startswith(b"HTTP/1.1 503 ") and refused.endswith(b"close some")
        for connection in held:
            connection.close()
        time.sleep(0.1)
        assert page(port).ask("hello")["ok"]


# ---- many at once ------------------------------------------------------------------------------


def test_fifty_clients_are_all_answered_and_the_game_is_played(serving: Any, page: Any) -> None:
    with serving(Session()) as port:
        page(port).ask("play", playing=True)
        faults: list[BaseException] = []

        def visit() -> None:
            try:
                client = page(port)
                serial = client.ask("frame")["serial"]
                for _ in range(6):
                    frame = client.ask("frame", after=serial, wants=["samples", "field"])
                    assert frame["serial"] >= serial and frame["samples"]["real"]["shape"][1] == 2
                    serial = frame["serial"]
            except BaseException as error:
                faults.append(error)

        first = page(port).ask("frame")["round"]
        visitors = [threading.Thread(target=visit) for _ in range(50)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join(30)
        assert faults == [] and not any(visitor.is_alive() for visitor in visitors)
        assert page(port).ask("frame")["round"] > first


def test_a_change_of_one_is_seen_by_all(serving: Any, page: Any) -> None:
    with serving(Session()) as port:
        one, other = page(port), page(port)
        held: list[Any] = []
        serial = other.ask("frame")["serial"]
        waiting = threading.Thread(
            target=lambda: held.append(other.ask("frame", after=serial)["settings"]["batch_size"])
        )
        waiting.start()
        one.ask("change", change={"batch_size": 17})
        waiting.join(5)
        assert held == [17]


# ---- addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listens", "host", "ours"),
    [
        ("127.0.0.1", "127.0.0.1:8", True), ("127.0.0.1", "localhost:8", True),
        ("127.0.0.1", "LOCALHOST:8", True), ("::1", "[::1]:8", True),
        ("localhost", "[::1]:8", True),
        ("127.0.0.1", "127.0.0.1", False), ("127.0.0.1", "127.0.0.1:80", False),
        ("127.0.0.1", "192.168.0.7:8", False), ("127.0.0.1", "localhost.evil.example:8", False),
        ("127.0.0.1", "", False), ("127.0.0.1", "*:8", False), ("127.0.0.1", ":8", False),
        ("0.0.0.0", "192.168.0.7:8", True), ("0.0.0.0", f"{socket.gethostname()}:8", True),
        ("0.0.0.0", "evil.example:8", False), ("0.0.0.0", "[fe80::1]:8", True),
    ],
)  # fmt: skip
def test_by_what_names_it_may_be_called(listens: str, host: str, ours: bool) -> None:
    door = Door(names_of(listens), 8, "token")
    assert door.is_ours(host.lower()) is ours


def test_a_taken_port_is_left_to_who_has_it() -> None:
    first = listen("127.0.0.1", 0)
    port = first.getsockname()[1]
    second = listen("127.0.0.1", port)
    assert second.getsockname()[1] > port
    for listener in (first, second):
        listener.close()
    with pytest.raises(UserError, match="--host 203.0.113.1: .*; is it this machine's"):
        listen("203.0.113.1", port)
    with pytest.raises(UserError, match="there is no such address"):
        listen("no such host.invalid", port)


# ---- the command -------------------------------------------------------------------------------


def start(*flags: str, refuse: str = "") -> subprocess.Popen[str]:
    """examples/live.py; `refuse` is a library that is not to be found."""
    program = [str(ROOT / "examples" / "live.py")]
    if refuse:
        hide = f"import runpy, sys; sys.modules[{refuse!r}] = None; sys.argv = sys.argv[1:]; "
        program = ["-c", hide + "runpy.run_path(sys.argv[0], run_name='__main__')", *program]
    return subprocess.Popen(
        [sys.executable, *program, "--no-browser", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def address(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Port and token, as the program prints them."""
    assert process.stdout is not None
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/#token=(\S{32})\n", process.stdout.readline())
    assert found is not None
    return int(found[1]), found[2]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")
def test_two_of_them_and_ctrl_c_ends_each_within_a_second(page: Any) -> None:
    both = [start(), start()]
    places = [address(process) for process in both]
    assert places[0][0] != places[1][0] and places[0][1] != places[1][1]
    for process, place in zip(both, places, strict=True):
        client = page(*place)
        client.ask("play", playing=True)
        held = threading.Thread(target=lambda client=client: hold(client))
        held.start()
        slow = raw(place[0], b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        time.sleep(0.1)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=5)
        assert time.monotonic() - began < 1.0
        assert errors == "" and process.returncode == 0
        held.join(5)
        slow.close()


def hold(client: Any) -> None:
    """Ask until nobody answers."""
    with pytest.raises(OSError):  # the connection is cut
        while True:
            client.ask("frame", wants=["field"])


def test_without_the_extra_one_line_says_what_to_install() -> None:
    process = start(refuse="uvicorn")
    printed, errors = process.communicate(timeout=20)
    assert process.returncode == 2 and printed == ""
    assert errors == (
        'error: the page is served by Starlette and uvicorn: pip install "minigan[live]"\n'
    )


def test_another_host_says_what_it_means(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], counting: Any
) -> None:
    class Ends:
        async def serve(self, sockets: list[socket.socket]) -> None:
            sockets[0].close()

    monkeypatch.setattr(module, "server", lambda thread, door: Ends())
    module.serve(counting(), port=0, browser=False)
    assert "warning" not in capsys.readouterr().out
    module.serve(counting(), port=0, host="0.0.0.0", browser=False)
    printed = capsys.readouterr().out
    assert printed.startswith(f"http://{socket.gethostname()}:")
    assert "warning: with --host 0.0.0.0 other machines can reach this server." in printed
