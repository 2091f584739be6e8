"""The thread pool: the order of results, polite counts, and life after a fork."""

import os
import threading
import warnings

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from minigan.backend.numpy.threads import Threads, usable_cores


def test_results_come_in_the_order_of_the_pieces() -> None:
    threads = Threads(3)
    for count in range(8):
        assert threads.run(lambda n: n * n, range(count)) == [n * n for n in range(count)]


def test_the_work_is_shared_and_the_caller_takes_part() -> None:
    threads = Threads(2)
    barrier = threading.Barrier(2, timeout=20)  # passes only if two pieces run at the same time

    def work(piece: int) -> str:
        barrier.wait()
        return threading.current_thread().name

    names = threads.run(work, [0, 1])
    assert names[0] == threading.current_thread().name != names[1]


def test_an_error_in_another_thread_arrives() -> None:
    def work(piece: int) -> None:
        if piece == 3:
            raise ZeroDivisionError("piece 3")

    with pytest.raises(ZeroDivisionError, match="piece 3"):
        Threads(2).run(work, range(4))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_total_is_of_every_piece_once(count: int) -> None:
    threads = Threads(count)
    for pieces in range(1, 8):
        total = threads.total(lambda piece: np.array([2**piece]), range(pieces))
        assert total.tolist() == [2**pieces - 1]


def test_pieces_of_nothing_are_one_empty_piece() -> None:
    assert Threads(2).pieces(0, 10) == [slice(0, 0)]


def test_no_more_threads_than_cores() -> None:
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))
    assert Threads().count == usable_cores()
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Threads().set_count(0)


def blas_threads() -> set[int]:
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return {library.num_threads for library in libraries}


@pytest.mark.parametrize("before", [1, 2])
def test_single_threaded_products_end_and_leave_the_setting_as_it_was(before: int) -> None:
    threads = Threads(2)
    with threadpool_limits(before):
        with pytest.raises(RuntimeError), threads.single_threaded_products():
            assert blas_threads() == {1}
            raise RuntimeError
        assert blas_threads() == {before}


def test_of_two_who_need_single_threaded_products_the_last_puts_the_setting_back() -> None:
    threads = Threads(2)
    with threadpool_limits(2):
        first, second = threads.single_threaded_products(), threads.single_threaded_products()
        for way, expected in (
            (first.__enter__, {1}),
            (second.__enter__, {1}),
            (lambda: first.__exit__(None, None, None), {1}),
            (lambda: second.__exit__(None, None, None), {2}),
        ):
            way()
            assert blas_threads() == expected


def test_products_use_no_more_threads_than_we_may() -> None:
    with threadpool_limits(2):
        Threads(1)
        assert blas_threads() == {1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_after_use_does_not_hang() -> None:
    threads = Threads(2)
    threads.run(np.sqrt, [1.0, 4.0, 9.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of fork + threads
        child = os.fork()
    if child == 0:
        ok = threads.run(np.sqrt, [1.0, 4.0, 9.0]) == [1.0, 2.0, 3.0]
        os._exit(0 if ok else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
