"""A few threads that share out a loop, and single-threaded matrix products inside them.

NumPy lets go of the interpreter while it computes, so plain Python threads do run at once.

Next: products.py, matrix products that they share; convolution.py has a loop with products inside.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from queue import SimpleQueue
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


class Share:
    """Some of the work, for whoever comes first: a thread of the pool, or the one that asked."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = [work]  # taken out by whoever does it; list.pop lets one in only
        self._done = threading.Lock()
        self._done.acquire()
        self._result: Any = None
        self._error: BaseException | None = None

    def take(self) -> None:
        """Do it, unless another thread has begun."""
        try:
            work = self._work.pop()
        except IndexError:
            return
        try:
            self._result = work()
        except BaseException as error:  # it belongs to the thread that asked
            self._error = error
        self._done.release()

    def result(self) -> Any:
        """Wait for it; do it here if nobody has begun."""
        self.take()
        self._done.acquire()
        if self._error is not None:
            raise self._error
        return self._result


def _work_through(work: Callable[[Any], Any], run: Sequence[Any]) -> list[Any]:
    return [work(piece) for piece in run]


def _help(shares: SimpleQueue[Share | None]) -> None:
    """What a thread of the pool does, until it is given None."""
    while (share := shares.get()) is not None:
        share.take()


def _setter(library: Any) -> Callable[[int], Any]:
    """How a BLAS library is told how many threads it may use.

    threadpoolctl (3.8) lets only one thread set OpenBLAS's number, the first that asked, and
    ignores others in silence. But a program may train in any of its threads, and here a lock keeps
    order. So OpenBLAS's own function is called.
    """
    if library.internal_api == "openblas" and library.threading_layer == "pthreads":
        for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
            name = f"{prefix}openblas_set_num_threads{suffix}"
            if hasattr(library.dynlib, name):
                return getattr(library.dynlib, name)
    return library.set_num_threads


class Threads:
    """A pool that is made when first used, and made anew in a forked child."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or usable_cores()
        self._shares: SimpleQueue[Share | None] | None = None  # that the pool waits for
        self._blas = ThreadpoolController().select(user_api="blas").lib_controllers
        self._setters = [_setter(library) for library in self._blas]
        self._set_blas([min(library.num_threads, self.count) for library in self._blas])
        self._begin_alone()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._shares = None  # a fork copies the pool's memory but none of its threads
        if self._inside:  # and none that would put the setting back
            self._set_blas(self._outside)
        self._begin_alone()

    def _begin_alone(self) -> None:
        self._inside = 0  # how many are in single_threaded_products at this moment
        self._outside: list[int] = []  # the libraries' threads before the first came in
        self._lock = threading.Lock()

    def set_count(self, count: int) -> None:
        """Use this many threads from now on, in our loops and in matrix products."""
        if count < 1:
            raise ValueError(f"the number of threads must be at least 1, not {count}")
        with self._lock:
            if self._shares is not None:
                for _ in range(self.count - 1):
                    self._shares.put(None)
            self._shares, self.count = None, count
        self._set_blas([count] * len(self._blas))

    def _pool(self) -> SimpleQueue[Share | None]:
        """What is put here, the threads take out. They do not keep the program from ending."""
        with self._lock:
            if self._shares is None:
                self._shares = SimpleQueue()
                for number in range(1, self.count):
                    name, given = f"minigan_{number}", (self._shares,)
                    threading.Thread(target=_help, args=given, name=name, daemon=True).start()
            return self._shares

    def run(self, work: Callable[[Any], Any], pieces: Sequence[Any]) -> list[Any]:
        """[work(piece) for piece in pieces], some of them at the same time.

        Each thread takes a run of neighbours, so that the result of a piece never depends on
        which thread was faster. What nobody has begun when the calling thread is done with its own
        run, it does itself: where another program holds a core, a thread may not come to run for
        a long time.
        """
        if self.count == 1 or len(pieces) < 2:
            return [work(piece) for piece in pieces]
        own, *others = self._runs(pieces)
        shares = [Share(partial(_work_through, work, other)) for other in others]
        pool = self._shares or self._pool()
        for share in shares:
            pool.put(share)
        results = _work_through(work, own)
        for share in shares:
            results += share.result()
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
        for set_count, count in zip(self._setters, counts, strict=True):
            set_count(count)
