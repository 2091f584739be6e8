"""How long a run will take, said once; and that its threads wait, when they do."""

import subprocess
import sys
import time

import pytest

from minigan.backend import get_num_threads
from minigan.training import pace
from minigan.training.pace import Pace, in_words, seconds_waited


@pytest.fixture
def clock(monkeypatch):
    """A clock, what the processor has worked and what threads have waited, all set by hand."""
    now = {"wall": 0.0, "ran": 0.0, "waited": 0.0}
    monkeypatch.setattr(pace.time, "monotonic", lambda: now["wall"])
    monkeypatch.setattr(pace.time, "process_time", lambda: now["ran"])
    monkeypatch.setattr(pace, "seconds_waited", lambda: now["waited"])
    monkeypatch.setattr(pace, "get_num_threads", lambda: 2)
    return now


def played(pace, clock, iterations, *, seconds=0.5, ran=0.8, waited=0.0):
    said = []
    for iteration in iterations:
        clock["wall"] += seconds
        clock["ran"] += ran
        clock["waited"] += waited
        said += [(iteration, line) for line in pace.lines(iteration)]
    return said


def test_the_time_that_is_left_is_measured_and_said_once(clock):
    clock["wall"] = 30  # the first iteration took long, and tells nothing
    said = played(Pace(1010), clock, range(1, 60))
    assert said == [(11, "about 8 minutes to go, as the first 5 s went")]
    assert played(Pace(1010), clock, range(1001, 1011)) == []  # done before one has read it


def test_a_resumed_run_counts_what_is_left(clock):
    said = played(Pace(1010, besides="evaluations"), clock, range(811, 900))
    assert said == [(821, "about 2 minutes to go, as the first 5 s went, besides evaluations")]


def test_threads_that_wait_are_said_once(clock):
    slow = Pace(10**6)
    assert [line for _, line in played(slow, clock, range(1, 40), waited=0.1)] == [
        "about 6 days to go, as the first 5 s went"
    ]
    said = played(slow, clock, range(40, 100), waited=0.3)
    assert [line for _, line in said] == [pace.WAITING]
    assert "--threads 1" in pace.WAITING


def test_one_thread_waits_for_nobody(clock, monkeypatch):
    monkeypatch.setattr(pace, "get_num_threads", lambda: 1)
    assert played(Pace(20), clock, range(1, 21), waited=9.0) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5.4, "5 seconds"), (89, "89 seconds"), (100, "2 minutes"), (3600, "60 minutes")]
    + [(9000, "2.5 hours"), (10**6, "12 days")],
)
def test_durations(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_waiting_for_a_core_is_seen():
    """More programs that never rest than cores: this thread cannot always run."""
    rivals = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(2 * get_num_threads())
    ]
    try:
        before, until = seconds_waited(), time.monotonic() + 1.0
        while time.monotonic() < until:
            pass
        assert seconds_waited() - before > 0.2
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
