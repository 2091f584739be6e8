"""Who else computes: the ranks, which of them this is, and the two things that they do together.

    ranks().rank, ranks().size    2 of 0 … 3: the others run the same program at the same time
    ranks().part(10)              the rows of 10 that are this rank's: 5, 6
    ranks().all_sum(x)            Σ over all ranks of x, the same on each of them
    ranks().all_gather(value)     [rank 0's value, rank 1's, …]: plain objects, for all but numbers

Whoever calls one of the last two waits until all ranks have called it, so all must call it equally
often and in one order. They do, because they run one program on one state. What only one of them
does, such as drawing a picture, it does `alone()`.

One process by itself is a `Communicator`, too, in which every sum is what it was: nobody has to ask
whether there are others. `Rows` says which part of a batch this rank works on.

Next: threads.py, ranks as threads; then mpi.py, ranks as processes.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np

from minigan.backend import backend_of
from minigan.backend.interface import Array

T = TypeVar("T")


class Rows(NamedTuple):
    """The rows start … stop − 1 of a batch of `total`, which are this rank's.

    A batch may be smaller than the number of ranks. One that has no row of it plays with somebody
    else's and counts for nothing: `idle`. So nobody's code ever meets an empty batch.
    """

    total: int
    start: int
    stop: int
    idle: bool = False

    @property
    def here(self) -> int:
        return self.stop - self.start


class Communicator:
    """One process, alone. Several of them have other numbers, and override the next three."""

    rank: int = 0
    size: int = 1
    rows: Rows | None = None  # of the batch that is being played; None outside of a round

    def add_up(self, array: Array) -> Array:
        """Σ over all ranks, in new memory."""
        return array

    def all_gather(self, value: Any) -> list[Any]:
        """What each rank gave."""
        return [value]

    def abort(self, code: int) -> None:
        """End the other ranks, at once: this one cannot go on, and they would wait for it."""

    # ---- made of these ---------------------------------------------------------------------------

    def all_sum(self, array: Array) -> Array:
        """Σ over all ranks, those left out that have no row of the batch; perhaps the array itself.

        Statistics, gradients and losses all pass here, so what an idle rank computes reaches none.
        """
        idle = self.rows is not None and self.rows.idle
        return self.add_up(backend_of(array).xp.zeros_like(array) if idle else array)

    def part(self, count: int) -> slice:
        """This rank's part of `count` things: as many for each as is possible, none dealt twice."""
        return slice(
            count * self.rank // self.size,
            count * (self.rank + 1) // self.size,
        )

    @property
    def weight(self) -> float:
        """What a mean over this rank's rows counts for in the mean over all rows of the batch.

        Outside of a round, all ranks compute the same, and each counts for its share of that.
        """
        return 1 / self.size if self.rows is None else self.rows.here / self.rows.total

    def all_sums(self, arrays: Sequence[Array]) -> list[Array]:
        """Σ over all ranks of each of some arrays of one type, in one message."""
        if self.size == 1:
            return list(arrays)
        backend = backend_of(arrays[0])
        line = self.all_sum(backend.concatenate([a.reshape(-1) for a in arrays]))
        ends = itertools.accumulate(a.size for a in arrays)
        return [
            line[end - a.size : end].reshape(a.shape) for a, end in zip(arrays, ends, strict=True)
        ]

    def share(self, value: Any) -> Any:
        """What rank 0 gives; what the others give is not looked at."""
        return self.all_gather(value if self.rank == 0 else None)[0]

    def agree(self, wish: bool) -> bool:
        """Whether any rank wishes it: all get the same answer, at the same place."""
        return bool(self.add_up(np.array([wish], np.int64))[0])


class _Process:
    """What this process is, for all of its threads."""

    communicator = Communicator()


class _ThisThread(threading.local):
    """What this thread is instead, while it is `working_as` somebody."""

    communicator: Communicator | None = None


_process, _this_thread, _one = _Process(), _ThisThread(), Communicator()


def ranks() -> Communicator:
    """All ranks, as the one sees them that asks."""
    return _this_thread.communicator or _process.communicator


def set_process(communicator: Communicator) -> None:
    """From now on this process is one of those ranks: join.py says so, once."""
    _process.communicator = communicator


@contextmanager
def working_as(communicator: Communicator) -> Iterator[None]:
    """Inside, this thread is one of those ranks."""
    outer, _this_thread.communicator = _this_thread.communicator, communicator
    try:
        yield
    finally:
        _this_thread.communicator = outer


def blocks_over_ranks(count: int, height: int, work: Callable[[slice], T]) -> list[T]:
    """[work(rows) for the rows of each block], where `height` of `count` rows make one.

    Each block is the work of one rank, and all get the results of all. A block is the same on
    however many ranks, and so is what comes out, bit for bit.
    """
    us = ranks()
    blocks = [slice(start, min(start + height, count)) for start in range(0, count, height)]
    own = [work(rows) for rows in blocks[us.part(len(blocks))]]
    return [result for some in us.all_gather(own) for result in some]


def alone() -> Any:
    """`with alone():` what is done inside, this rank does without the others, who wait or go on."""
    return working_as(_one)
