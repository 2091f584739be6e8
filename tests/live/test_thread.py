"""Tests of the thread that plays: it answers between moves, and nobody who looks slows it down."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from minigan.errors import UserError
from minigan.live import thread as module
from minigan.live.thread import GameThread


@pytest.fixture
def started(counting: Any) -> Iterator[Any]:
    """`started(look_takes=…)`: a game that counts, and the thread that plays it."""
    threads = []

    def start(**choices: float) -> tuple[Any, GameThread]:
        game = counting(**choices)
        thread = GameThread(game)
        thread.start()
        threads.append(thread)
        return game, thread

    yield start
    for thread in threads:
        thread.end()
        thread.join(5)
        assert not thread.is_alive()


def said(answer: Future[bytes]) -> Any:
    return json.loads(answer.result(timeout=5))


def request(ask: str, **fields: Any) -> dict[str, Any]:
    return {"protocol": 1, "ask": ask, **fields}


def test_it_plays_when_told_and_answers_meanwhile(started: Any) -> None:
    game, thread = started()
    assert said(thread.ask(request("frame", id=5))) == {
        "protocol": 1, "id": 5, "ok": True, "serial": 0,
    }  # fmt: skip
    said(thread.ask(request("play", playing=True)))
    first = said(thread.ask(request("frame")))["serial"]
    time.sleep(0.1)
    assert said(thread.ask(request("frame")))["serial"] > first
    said(thread.ask(request("play", playing=False)))
    rounds = game.serial
    time.sleep(0.1)
    assert game.serial == rounds


def test_many_that_look_take_a_third_of_the_time_and_one_takes_no_more(started: Any) -> None:
    shares = []
    for tabs in (1, 10):
        game, thread = started(look_takes=0.005)
        said(thread.ask(request("play", playing=True)))
        # Each tab asks again as soon as it is answered, and all of them for something else.
        waiting = [thread.ask(request("frame", since=tab)) for tab in range(tabs)]
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            for tab, answer in enumerate(waiting):
                if answer.done():
                    waiting[tab] = thread.ask(request("frame", since=tab))
            time.sleep(0.001)
        shares.append(game.seconds["looking"] / sum(game.seconds.values()))
    assert all(0.05 < share < 0.36 for share in shares), shares


def test_what_many_ask_is_looked_at_once(started: Any) -> None:
    game, thread = started(look_takes=0.05)
    first = thread.ask(request("frame", id=0, since=9))  # the thread is busy with it
    time.sleep(0.01)
    same = [thread.ask(request("frame", id=tab, since=1)) for tab in range(1, 20)]
    other = thread.ask(request("frame", id=20, since=2))
    assert [said(answer)["id"] for answer in (first, *same, other)] == list(range(21))
    assert game.looks == 3


def test_a_command_does_not_wait_for_those_that_look(started: Any) -> None:
    game, thread = started(look_takes=0.05)
    said(thread.ask(request("play", playing=True)))
    looks = [thread.ask(request("frame", since=tab)) for tab in range(20)]
    began = time.monotonic()
    said(thread.ask(request("play", playing=False)))
    assert time.monotonic() - began < 0.2 and not all(look.done() for look in looks)


def test_a_frame_is_held_until_there_is_a_newer_one(
    started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD", 0.3)
    game, thread = started()
    began = time.monotonic()
    said(thread.ask(request("frame", after=0)))
    assert 0.25 < time.monotonic() - began < 1.0  # none came
    held = thread.ask(request("frame", after=0))
    time.sleep(0.05)
    assert not held.done()
    said(thread.ask(request("play", playing=True)))
    assert said(held)["serial"] > 0
    assert said(thread.ask(request("frame", after=-1)))["ok"]  # of another game: at once


def test_a_fault_is_told_and_the_thread_goes_on(
    started: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    game, thread = started()
    answer = said(thread.ask(request("fault", id=3)))
    assert answer["id"] == 3 and not answer["ok"]
    assert answer["error"] == "this is a fault of minigan: LookupError: planted"
    assert "planted" in capsys.readouterr().err
    monkeypatch.setattr(game, "advance", lambda seconds: 1 // 0)
    said(thread.ask(request("play", playing=True)))
    time.sleep(0.05)
    assert said(thread.ask(request("frame")))["ok"] and not game.playing
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_there_is_an_end_to_waiting(started: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING", 3)
    game, thread = started()
    held = [thread.ask(request("frame", after=0)) for _ in range(3)]
    with pytest.raises(UserError, match="3 requests are waiting already"):
        thread.ask(request("frame"))
    thread.end()
    assert {said(answer)["error"] for answer in held} == {"the game has ended"}
    with pytest.raises(UserError, match="has ended"):
        thread.ask(request("frame"))
