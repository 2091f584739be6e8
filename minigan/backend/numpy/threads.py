"""A few threads that share out a loop, and single-threaded matrix products inside them.

NumPy lets go of the interpreter while it computes, so plain Python threads do run at once.

Next: compiler/__init__.py; then adam.py, a loop that they share; convolution.py, one with matrix
products inside.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from threadpoolctl import ThreadpoolController


def usable_cores() -> int:
    """The processors that this process may use: its affinity, and its control group's quota."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, max(1, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no control group, or "max": no limit
        pass
    return cores


class Threads:
    """A pool that is made when first used, and made anew in a forked child."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or usable_cores()
        self._pool: ThreadPoolExecutor | None = None
        self._blas = ThreadpoolController().select(user_api="blas").lib_controllers
        self._set_blas([min(library.num_threads, self.count) for library in self._blas])
        self._begin_alone()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._pool = None  # a fork copies the pool's memory but none of its threads
        self._begin_alone()

    def _begin_alone(self) -> None:
        self._inside = 0  # how many are in single_threaded_products at this moment
        self._outside: list[int] = []  # the libraries' threads before the first came in
        self._lock = threading.Lock()

    def set_count(self, count: int) -> None:
        """Use this many threads from now on, in our loops and in matrix products."""
        if count < 1:
            raise ValueError(f"the number of threads must be at least 1, not {count}")
        if self._pool is not None:
            self._pool.shutdown()
        self._pool, self.count = None, count
        self._set_blas([count] * len(self._blas))

    def run(self, work: Callable[[Any], Any], pieces: Sequence[Any]) -> list[Any]:
        """[work(piece) for piece in pieces], some of them at the same time.

        Each thread takes a run of neighbours, so that the result of a piece never depends on
        which thread was faster.
        """
        if self.count == 1 or len(pieces) < 2:
            return [work(piece) for piece in pieces]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.count - 1, thread_name_prefix="minigan")
        runs = self._runs(pieces)

        def work_through(run: Sequence[Any]) -> list[Any]:
            return [work(piece) for piece in run]

        others = [self._pool.submit(work_through, run) for run in runs[1:]]
        results = work_through(runs[0])  # the calling thread does its share
        for other in others:
            results.extend(other.result())
        return results

    def pieces(self, count: int, most: int) -> list[slice]:
        """Cut range(count) into slices of at most `most`, of which every thread gets as many.

        A piece is what one thread takes on at a time: a run of images, rows or channels that fits
        its cache. There are as many pieces as `most` demands, rounded up to a multiple of the
        threads (but no more than `count`), and their lengths differ by 1 at most. With two threads,
        10 images of which 4 fit are 4 pieces, not 3: of 2, 3, 2 and 3 images. The first thread
        takes the first two pieces, the other the rest, and both have five images to do.
        Nothing makes one empty slice.
        """
        pieces = -(-count // most)
        pieces = max(1, min(count, -(-pieces // self.count) * self.count))
        return [slice(i * count // pieces, (i + 1) * count // pieces) for i in range(pieces)]

    def total(self, work: Callable[[Any], Any], pieces: Sequence[Any]) -> Any:
        """Σ work(piece), in place in the arrays that it returns; at least one piece."""

        def add_up(run: Sequence[Any]) -> Any:
            first, *others = run
            total = work(first)
            for piece in others:
                total += work(piece)
            return total

        first, *others = self.run(add_up, self._runs(pieces))
        for other in others:
            first += other
        return first

    def _runs(self, pieces: Sequence[Any]) -> list[Sequence[Any]]:
        """Neighboring pieces for each thread."""
        share = -(-len(pieces) // self.count)
        return [pieces[i : i + share] for i in range(0, len(pieces), share)]

    @contextmanager
    def single_threaded_products(self) -> Iterator[None]:
        """Inside, a matrix product uses the calling thread alone: the loop around it is shared.

        It is one setting for the whole process. The first to come in makes it, and the last to go
        out puts back what was there before.
        """
        with self._lock:
            if self._inside == 0:
                self._outside = [library.num_threads for library in self._blas]
                self._set_blas([1] * len(self._blas))
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._set_blas(self._outside)

    def _set_blas(self, counts: Sequence[int]) -> None:
        for library, count in zip(self._blas, counts, strict=True):
            library.set_num_threads(count)
