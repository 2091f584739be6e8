"""The thread pool: the order of results, polite counts, and life after a fork."""

import os
import threading
import warnings

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from minigan.backend.numpy.threads import Share, Threads, usable_cores


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


def test_what_no_thread_begins_the_caller_does() -> None:
    """A thread that does not come to run, because another program holds its core, is not missed."""
    threads, go_on, began = Threads(2), threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        go_on.wait(20)

    held = Share(hold)
    threads._pool().put(held)
    assert began.wait(20)
    names = threads.run(lambda _: threading.current_thread().name, range(4))
    go_on.set()
    held.result()
    assert names == [threading.current_thread().name] * 4


def test_a_share_is_done_once_by_whoever_comes_first() -> None:
    for _ in range(200):
        done: list[int] = []
        share = Share(lambda done=done: done.append(1) or len(done))
        other = threading.Thread(target=share.take)
        other.start()
        assert share.result() == 1
        other.join()
        assert done == [1]


def test_threads_of_an_old_count_end() -> None:
    threads = Threads(3)
    threads.run(abs, [1, 2, 3])
    old = [t for t in threading.enumerate() if t.name in ("minigan_1", "minigan_2")]
    threads.set_count(1)
    for thread in old[-2:]:
        thread.join(20)
        assert not thread.is_alive()


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


def test_any_thread_may_have_single_threaded_products() -> None:
    """threadpoolctl 3.8 ignores whoever is not the thread that set a number first."""
    threads, seen = Threads(2), []
    threads.set_count(2)

    def train() -> None:
        with threads.single_threaded_products():
            seen.append(blas_threads())
        seen.append(blas_threads())

    other = threading.Thread(target=train)
    other.start()
    other.join()
    assert seen == [{1}, {2}]


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_within_single_threaded_products_gets_the_setting_back() -> None:
    threads = Threads(2)
    with threadpool_limits(2), threads.single_threaded_products():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            os._exit(0 if blas_threads() == {2} and threads._inside == 0 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
