"""Tests of hooks on tensors, and of gradients that are kept, beside torch's."""

import numpy as np
import pytest
import torch

import minigan as mg


def pair(backend, *data):
    """The same leaf here and in torch."""
    return (
        mg.tensor(np.array(data), requires_grad=True, backend=backend),
        torch.tensor(np.array(data), requires_grad=True),
    )


def noting(name, calls):
    """A hook that only says that it was called."""
    return lambda g: calls.append(name)


def test_a_hook_sees_the_whole_gradient_and_may_replace_it(backend):
    for x in pair(backend, 1.0, 2.0):
        seen = []
        y = x * 3
        y.register_hook(lambda g, seen=seen: seen.append(g.tolist()))
        y.register_hook(lambda g: g * 10)
        x.register_hook(lambda g: g + 1)
        (y + y * y).sum().backward()
        assert seen == [[7, 13]]  # 1 + 2y, of both uses
        assert x.grad.tolist() == [7 * 10 * 3 + 1, 13 * 10 * 3 + 1]


def test_hooks_are_called_in_their_order_and_only_until_removed(backend):
    for x in pair(backend, 1.0):
        calls = []
        handles = [x.register_hook(noting(i, calls)) for i in range(3)]
        y = x * 2
        y.register_hook(noting("inner", calls))
        handles[1].remove()
        handles[1].remove()
        with x.register_hook(noting("with", calls)):
            y.sum().backward()
        (x * 2).sum().backward()
        assert calls == ["inner", 0, 2, "with", 0, 2]


def test_one_function_hooked_twice(backend):
    for x in pair(backend, 1.0):

        def double(g):
            return g * 2

        first = x.register_hook(double)
        x.register_hook(double)
        x.sum().backward()
        assert x.grad.tolist() == [4]
        first.remove()
        x.sum().backward()
        assert x.grad.tolist() == [6]


def test_grad_tells_the_hooks_on_its_way_and_no_others(backend):
    for lib, x in zip((mg.grad, torch.autograd.grad), pair(backend, 1.0, 2.0), strict=True):
        calls = []
        y = x * 3
        y.register_hook(lambda g: g * 10)
        x.register_hook(lambda g, calls=calls: calls.append(g.tolist()))
        (gy,) = lib((y * 2).sum(), y, retain_graph=True)
        assert gy.tolist() == [20, 20] and not calls
        (gx,) = lib((y * 2).sum(), x)
        assert gx.tolist() == [60, 60] and calls == [[60, 60]]
        assert x.grad is None


def test_the_hook_of_the_root_sees_what_backward_is_given(backend):
    for x in pair(backend, 2.0):
        calls = []
        y = (x * x).sum()
        y.register_hook(lambda g, calls=calls: calls.append(g.item()))
        y.backward()
        assert calls == [1]


def test_a_hook_s_gradient_can_be_differentiated(backend):
    for lib, x in zip((mg.grad, torch.autograd.grad), pair(backend, 3.0), strict=True):
        y = x * x
        y.register_hook(lambda g, x=x: g * x)  # 2x · x
        (g,) = lib((y * 1).sum(), x, create_graph=True)
        (h,) = lib(g.sum(), x)
        assert g.tolist() == [18] and h.tolist() == [12]


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_records_only_if_the_gradient_is_recorded(backend, create_graph):
    for x, lib in zip(pair(backend, 3.0), (mg, torch), strict=True):
        recording = []
        x.register_hook(lambda g, lib=lib, note=recording: note.append(lib.is_grad_enabled()))
        (x * x).sum().backward(create_graph=create_graph)
        assert recording == [create_graph]


def test_a_kept_gradient_is_what_the_hooks_leave_and_adds_up(backend):
    for x in pair(backend, 1.0, 2.0):
        y = x * 2
        y.retain_grad()
        y.retain_grad()
        y.register_hook(lambda g: g * 10)
        for times in (1, 2):
            (y * 3).sum().backward(retain_graph=True)
            assert y.grad.tolist() == [30 * times] * 2
            assert x.grad.tolist() == [60 * times] * 2
        x.retain_grad()  # leaves keep theirs anyway
        (x * 1).sum().backward()
        assert x.grad.tolist() == [121, 121]


def test_a_kept_gradient_has_memory_of_its_own(backend):
    x, _ = pair(backend, 1.0, 2.0)
    y = x * 1
    y.retain_grad()
    z = y + x
    z.sum().backward()
    y.grad.fill_(7)
    assert x.grad.tolist() == [2, 2]


def test_what_has_no_gradient_cannot_be_hooked(backend):
    for x in (mg.ones(2, backend=backend), torch.ones(2)):
        with pytest.raises(RuntimeError):
            x.register_hook(print)
        with pytest.raises(RuntimeError):
            x.retain_grad()


@pytest.mark.parametrize("answer", [3, np.ones(2)])
def test_a_hook_that_returns_no_gradient(backend, answer):
    for x in pair(backend, 1.0):
        x.register_hook(lambda g: answer)
        with pytest.raises((RuntimeError, TypeError)):
            (x * 2).sum().backward()


def test_a_hook_that_returns_another_shape(backend):
    x, their_x = pair(backend, 1.0)
    x.register_hook(lambda g: mg.ones(7, backend=backend))
    their_x.register_hook(lambda g: torch.ones(7))
    with pytest.raises(RuntimeError, match=r"of its shape \(1,\); this one returned \(7,\)"):
        (x * 2).sum().backward()
    with pytest.raises(RuntimeError):
        (their_x * 2).sum().backward()


def test_only_inputs_is_torch_s_word(backend):
    x, _ = pair(backend, 2.0)
    (g,) = mg.grad((x * x).sum(), x, only_inputs=True)
    assert g.tolist() == [4]
    with pytest.raises(ValueError, match="grad is for its inputs only"):
        mg.grad((x * x).sum(), x, only_inputs=False)
