"""Ranks as threads of one process: for tests, which can delay one of them, or let it fail.

It is also the shortest way to see what a communicator does: all lay something down, wait for each
other, look at what the others laid down, and wait again before they take theirs away.

Next: mpi.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from minigan.backend.interface import Array
from minigan.distributed.communicator import Communicator, working_as

T = TypeVar("T")
PATIENCE = 60.0  # seconds that a thread waits for the others


class Meeting:
    """Where `size` threads meet."""

    def __init__(self, size: int, before: Callable[[int], None] | None = None) -> None:
        self.table: list[Any] = [None] * size
        self.barrier = threading.Barrier(size)
        self.before = before  # called with the rank before each meeting: a test's delay or fault

    def exchange(self, rank: int, value: Any, look: Callable[[list[Any]], T]) -> T:
        """look(what all ranks brought), on each of them."""
        if self.before:
            self.before(rank)
        self.table[rank] = value
        self.barrier.wait(PATIENCE)
        seen = look(self.table)
        self.barrier.wait(PATIENCE)  # nobody goes on to change his array before all have seen it
        return seen


class Threads(Communicator):
    """One of the threads of a meeting."""

    def __init__(self, rank: int, meeting: Meeting) -> None:
        self.rank, self.size = rank, len(meeting.table)
        self.meeting = meeting

    def add_up(self, array: Array) -> Array:
        return self.meeting.exchange(self.rank, array, _sum_in_order)

    def all_gather(self, value: Any) -> list[Any]:
        return self.meeting.exchange(self.rank, value, list)

    def abort(self, code: int) -> None:
        self.meeting.barrier.abort()


def _sum_in_order(arrays: list[Array]) -> Array:
    """Every rank adds in the same order, so all get the same bits."""
    first, *others = arrays
    total = first.copy()
    for other in others:
        total += other
    return total


def run_in_threads(
    size: int, work: Callable[[], T], *, before: Callable[[int], None] | None = None
) -> list[T]:
    """work() on each of `size` ranks at the same time; what each of them returned.

    If one raises, the others are told, and its error comes out, with a note which rank it was.
    """
    meeting = Meeting(size, before)
    results: list[Any] = [None] * size
    errors: dict[int, BaseException] = {}

    def run(rank: int) -> None:
        me = Threads(rank, meeting)
        try:
            with working_as(me):
                results[rank] = work()
        except BaseException as error:
            errors[rank] = error
            me.abort(1)

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for rank, error in sorted(errors.items(), key=_who_only_waited):
        error.add_note(f"on rank {rank} of {size}")
        raise error
    return results


def _who_only_waited(item: tuple[int, BaseException]) -> tuple[bool, int]:
    """Last, because a broken barrier is the fault of another rank."""
    rank, error = item
    return isinstance(error, threading.BrokenBarrierError), rank
