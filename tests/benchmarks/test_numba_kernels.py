"""What weighs numba against the compiler measures what it says; numba is not installed here."""

import time

import pytest


@pytest.fixture(autouse=True)
def as_beside_the_program(monkeypatch):
    monkeypatch.syspath_prepend(str(__file__).rpartition("/")[0])


def test_both_of_our_ways_compute_the_same():
    import numba_kernels

    from minigan.backend import get_backend

    compiler = get_backend("numpy").compiler
    results = {}
    try:
        for way in ("numpy", "llvmlite"):
            results[way] = [work() for work in numba_kernels.kernels(way).values()]
    finally:
        compiler.on = True
    for some, others in zip(results["numpy"], results["llvmlite"], strict=True):
        assert numba_kernels.difference(some, others) == 0
        assert numba_kernels.difference(some, [a + 1 for a in others]) == pytest.approx(1)


def test_a_call_is_measured_by_its_processor_time():
    import numba_kernels

    def work():
        end = time.thread_time() + 2e-3
        while time.thread_time() < end:
            pass

    assert numba_kernels.seconds(work, rounds=3, least=0.01) == pytest.approx(2e-3, rel=0.3)
    assert numba_kernels.megabytes("numpy") > 10
