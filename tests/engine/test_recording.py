"""Tests of recording or not: no_grad and its kin, threads, and the search for anomalies."""

import threading

import numpy as np
import pytest
import torch

import minigan as mg
from minigan.tensor import FusedOp, Tensor


def leaf(backend, *shape, seed=0, dtype=np.float64):
    data = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    return Tensor(data, requires_grad=True, backend=backend)


def test_no_grad_and_its_kin(backend):
    x = leaf(backend, 3)
    with mg.no_grad():
        assert not mg.is_grad_enabled() and not (x * 2).requires_grad
        with mg.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
        with mg.set_grad_enabled(True):
            assert mg.is_grad_enabled()
    with mg.set_grad_enabled(False):
        assert (x * 2).op is None
    assert mg.is_grad_enabled()


def test_no_grad_as_a_bare_decorator():
    @mg.no_grad
    def without(x):
        return x * 2

    @mg.enable_grad
    def with_it(x):
        return x * 2

    x = mg.ones(2).requires_grad_()
    assert not without(x).requires_grad
    with mg.no_grad():
        assert with_it(x).requires_grad


def test_no_grad_does_not_pretend_to_reach_into_a_generator():
    with pytest.raises(TypeError, match="numbers is a generator"):

        @mg.no_grad()
        def numbers():
            yield 1


def test_no_grad_ends_with_an_error():
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert mg.is_grad_enabled()


def test_one_no_grad_entered_twice():
    off = mg.no_grad()
    with off:
        with mg.enable_grad(), off:
            assert not mg.is_grad_enabled()
        assert not mg.is_grad_enabled()
    assert mg.is_grad_enabled()


def test_no_grad_as_decorator_also_of_a_recursive_function():
    @mg.no_grad()
    def count_down(n):
        assert not mg.is_grad_enabled()
        return n if n == 0 else count_down(n - 1)

    assert count_down(3) == 0
    assert mg.is_grad_enabled()


def in_threads(*functions):
    """Run the functions in threads of their own and raise what they raise."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    if errors:
        raise errors[0]


def test_no_grad_is_a_matter_of_one_thread():
    meet = threading.Barrier(2, timeout=60)

    @mg.no_grad()
    def sample():
        meet.wait()  # both are inside one decorated function now
        meet.wait()

    def sampler():
        sample()
        assert mg.is_grad_enabled()

    def trainer():
        meet.wait()
        assert mg.is_grad_enabled()
        meet.wait()

    in_threads(sampler, sampler)
    in_threads(sampler, trainer)


def test_one_decorated_function_in_two_threads_that_record_and_do_not():
    """Entered by the first, then the second; left by the first, then the second."""
    entered = [threading.Event(), threading.Event()]
    left = threading.Event()

    @mg.no_grad()
    def sample(wait):
        wait()

    def recording():
        sample(lambda: (entered[0].set(), entered[1].wait(60)))
        left.set()
        assert mg.is_grad_enabled()

    @mg.no_grad()
    def not_recording():
        entered[0].wait(60)
        sample(lambda: (entered[1].set(), left.wait(60)))
        assert not mg.is_grad_enabled()

    in_threads(recording, not_recording)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_anomalies_are_found_where_they_arise(backend):
    class Overflow(FusedOp):
        """y = x, with a derivative that is infinite."""

        def forward(self, x):
            return x.copy()

        def backward_arrays(self, g, y):
            return (g / 0,)

    x = Tensor(np.array([1.0, 0.0]), requires_grad=True, backend=backend)
    with mg.detect_anomaly():
        with pytest.raises(FloatingPointError, match=r"the result of Log on shapes \(2,\)"):
            x.log()
        y = Overflow()(x).sum()
        with pytest.raises(FloatingPointError, match=r"gradient made by Overflow for shape \(2,\)"):
            y.backward()
    x.log()  # nobody looks any more


def test_set_grad_enabled_is_a_statement_a_block_and_a_decorator():
    for lib in (mg, torch):
        x = lib.ones(2, requires_grad=True)
        try:
            lib.set_grad_enabled(False)
            assert not lib.is_grad_enabled() and not (x * 2).requires_grad
            with lib.set_grad_enabled(True):
                assert (x * 2).requires_grad
            assert not lib.is_grad_enabled()
        finally:
            lib.set_grad_enabled(True)

        @lib.set_grad_enabled(False)
        def double(x):
            return x * 2  # noqa: B023

        assert lib.is_grad_enabled()
        assert not double(x).requires_grad
        assert lib.is_grad_enabled()
