"""Tests of how a process learns who it is, and of the witness who sees how it ends."""

import os
import socket
import subprocess
import threading

import pytest

from minigan.distributed import joining, ranks, run_in_threads, witness
from minigan.distributed.ending import give_up
from minigan.distributed.joining import refuse_differences, refuse_more_ranks_than_gpus
from minigan.distributed.launch import NAMES, Started, started
from minigan.distributed.witness import Witness
from minigan.errors import UserError


@pytest.fixture(autouse=True)
def by_itself(monkeypatch):
    for names in NAMES:
        for name in names:
            monkeypatch.delenv(name, raising=False)
    joining.visible_gpus.cache_clear()


def test_without_mpiexec_a_program_is_alone():
    assert started() is None
    assert joining.join() is ranks() and ranks().size == 1


@pytest.mark.parametrize("names", NAMES)
def test_what_each_mpiexec_says(monkeypatch, names):
    for name, value in zip(names, ("5", "8", "1", "4"), strict=True):
        monkeypatch.setenv(name, value)
    assert started() == Started(5, 8, 1, 4)
    monkeypatch.setenv(names[1], "1")
    assert started() is None  # one process of itself


def test_a_difference_is_named():
    def work():
        rank = ranks().rank
        refuse_differences({"minigan": "abc", "numpy": "2.3" if rank < 2 else "2.4"})

    with pytest.raises(UserError, match=r"differ in numpy: rank 0 has '2.3', rank 2 has '2.4'"):
        run_in_threads(3, work)


def test_cores_are_those_that_all_ranks_have_together(monkeypatch):
    host = joining.platform.node()
    monkeypatch.setattr(joining, "_affinity", lambda: frozenset({0}))
    bound = [(host, frozenset({core})) for core in range(4)] + [("other", frozenset({0, 9}))]
    assert joining._cores_of(bound) == 4  # each bound to a core of its own
    monkeypatch.setattr(joining, "_affinity", lambda: frozenset(range(4)))
    monkeypatch.setattr(joining, "usable_cores", lambda: 2)  # a quota
    assert joining._cores_of([(host, frozenset(range(4)))] * 4) == 2


def test_gpus_are_told_by_the_environment(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 1")
    assert joining.visible_gpus() == ["3", "1"]


def test_more_ranks_than_gpus_are_refused(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    for name, value in zip(NAMES[0], ("0", "3", "0", "3"), strict=True):
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="3 processes on one machine, and 2 GPUs"):
        run_in_threads(3, refuse_more_ranks_than_gpus)


def test_one_process_gives_up_with_a_line(capsys):
    assert give_up("error: no") == 2
    assert capsys.readouterr().err == "error: no\n"


# ---- the witness ---------------------------------------------------------------------------------


def seen(words, expected=2, patience=5.0, parent=0):
    """What the witness says of ranks whose last words these are, in that order."""
    name = f"minigan-test-{os.getpid()}-{threading.get_ident()}"
    looker = Witness(name, 3, expected, patience, parent)
    looker.end_all = lambda: None
    said = []
    thread = threading.Thread(target=lambda: said.append(looker.watch()))
    thread.start()
    lines = []
    for rank in range(len(words)):
        line = socket.socket(socket.AF_UNIX)
        line.connect(f"\0{name}")
        line.sendall(f"{rank:8}{os.getpid():8}".encode())
        lines.append(line)
    for rank, word in sorted(enumerate(words), reverse=True):
        lines[rank].sendall(word)
        lines[rank].close()
        thread.join(0.3)
    thread.join(20)
    assert not thread.is_alive()
    looker.listener.close()
    return said[0]


linux = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="on Linux")


@linux
def test_the_first_that_breaks_without_a_word_was_killed():
    assert seen([b".", b""]).startswith("rank 1 of 3 ended without a word: it was killed")
    assert seen([b"", b"."]).startswith("rank 0 of 3 ended without a word")


@linux
def test_who_ends_in_order_or_has_said_why_is_not_spoken_of():
    assert seen([b".", b"."]) is None
    assert seen([b"", b"!"]) is None


@linux
@pytest.mark.parametrize(
    ("living", "patience", "why"), [(5, 0.2, "after 0 s"), (0, 60.0, "the others have ended")]
)
def test_who_does_not_come_is_missed(monkeypatch, living, patience, why):
    monkeypatch.setattr(witness, "living_children", lambda parent: living)
    start = "2 processes were to start, and only these ranks did"
    assert seen([], patience=patience) == f"{start} ({why}): none"


@linux
def test_children_that_have_ended_do_not_live():
    child = subprocess.Popen(["sleep", "60"])
    before = witness.living_children(os.getpid())
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
    assert witness.living_children(os.getpid()) == before - 1
    child.wait()
