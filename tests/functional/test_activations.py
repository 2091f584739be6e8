"""Tests of the activations: torch's numbers to second order, at the extremes too."""

import numpy as np
import pytest
import torch
from hypothesis import given

from minigan import Tensor, grad, ones_like
from minigan import functional as F  # noqa: N812
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients
from minigan.testing.strategies import arrays, numbers, shapes

theirs = torch.nn.functional

ACTIVATIONS = {
    "relu": (F.relu, theirs.relu),
    "leaky_relu": (F.leaky_relu, theirs.leaky_relu),
    "leaky_relu 0.2": (lambda x: F.leaky_relu(x, 0.2), lambda x: theirs.leaky_relu(x, 0.2)),
    "leaky_relu 0": (lambda x: F.leaky_relu(x, 0.0), lambda x: theirs.leaky_relu(x, 0.0)),
    "leaky_relu 1.5": (lambda x: F.leaky_relu(x, 1.5), lambda x: theirs.leaky_relu(x, 1.5)),
    "leaky_relu -0.3": (lambda x: F.leaky_relu(x, -0.3), lambda x: theirs.leaky_relu(x, -0.3)),
    "elu": (F.elu, theirs.elu),
    "elu 0.5": (lambda x: F.elu(x, 0.5), lambda x: theirs.elu(x, 0.5)),
    "tanh": (F.tanh, torch.tanh),
    "sigmoid": (F.sigmoid, torch.sigmoid),
    "softplus": (F.softplus, theirs.softplus),
    "softplus 3, 4": (lambda x: F.softplus(x, 3, 4), lambda x: theirs.softplus(x, 3, 4)),
    "softmax": (lambda x: F.softmax(x, -1), lambda x: theirs.softmax(x, -1)),
    "softmax 0": (lambda x: F.softmax(x, 0), lambda x: theirs.softmax(x, 0)),
    "log_softmax": (lambda x: F.log_softmax(x, -1), lambda x: theirs.log_softmax(x, -1)),
    "log_softmax 1": (lambda x: F.log_softmax(x, 1), lambda x: theirs.log_softmax(x, 1)),
}
ELEMENTWISE = [name for name in ACTIVATIONS if "softmax" not in name]


WIDE = {"low": -27.0, "high": 27.0}  # enough to reach softplus's threshold


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(x=arrays(shapes(min_dims=2), **WIDE))
def test_activation_is_torch_s(backend, name, x):
    assert_matches_torch(*ACTIVATIONS[name], [x], backend=backend)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_activation(backend, name):
    x = numbers(1, 2, 3)
    assert x.min() < 0 < x.max()
    check_gradients(ACTIVATIONS[name][0], [x], 3, backend=backend)
    assert_keeps_float32(ACTIVATIONS[name][0], [x], backend=backend)


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if name != "leaky_relu 0"])
def test_activation_at_the_extremes(backend, name):
    """±0, numbers whose exponential overflows, and infinity: torch's results and gradients."""
    ours, their = ACTIVATIONS[name]
    for dtype in (np.float32, np.float64):
        host = np.array([0.0, -0.0, 1e-30, -1e-30, 30, -30, 90, -90, 800, -800, np.inf, -np.inf])
        x = Tensor(host.astype(dtype), requires_grad=True, backend=backend)
        their_x = torch.tensor(host.astype(dtype), requires_grad=True)
        y, their_y = ours(x), their(their_x)
        tolerance = 2 * np.finfo(dtype).eps
        np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), tolerance, tolerance)
        (gx,) = grad(y, x, ones_like(y))
        (their_gx,) = torch.autograd.grad(their_y, their_x, torch.ones_like(their_y))
        np.testing.assert_allclose(gx.numpy(), their_gx.numpy(), tolerance, tolerance)


def test_slope_of_0_is_relu_also_at_infinity(backend):
    """Where torch's leaky_relu gives −∞ · 0 = NaN."""
    x = Tensor(np.array([-np.inf, np.inf]), backend=backend)
    assert F.leaky_relu(x, 0.0).tolist() == F.relu(x).tolist() == [0, np.inf]


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_softmax_of_large_numbers(backend, function):
    x = np.array([[1000.0, 0.0, -1000.0], [1e4, 1e4, 1e4]])
    their = {F.softmax: theirs.softmax, F.log_softmax: theirs.log_softmax}[function]
    assert_matches_torch(lambda x: function(x, 1), lambda x: their(x, 1), [x], backend=backend)


def test_softplus_at_its_threshold(backend):
    """Above 4 it is a straight line; at 4 it is not yet, here and in torch."""
    x = Tensor([3.9, 4.0, 4.1], dtype="float64", requires_grad=True, backend=backend)
    their_x = torch.tensor([3.9, 4.0, 4.1], dtype=torch.float64, requires_grad=True)
    y, their_y = F.softplus(x, 1, 4), theirs.softplus(their_x, 1, 4)
    np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), rtol=1e-14)
    y.sum().backward()
    their_y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), their_x.grad.numpy(), rtol=1e-14)
    assert y[1].item() > 4 > 4 * x.grad[1].item()


@pytest.mark.parametrize("slope", [0.0, 0.01, 0.1, 0.2, 0.3, 0.7, 1.0, -0.5, 1.7])
def test_leaky_relu_is_exact_in_float32(backend, slope):
    """Positive numbers and their gradients pass unchanged, to the last bit."""
    x = Tensor(np.float32([1.1, 3.3, -1.1]), requires_grad=True, backend=backend)
    y = F.leaky_relu(x, slope)
    (gx,) = grad(y.sum(), x)
    assert y.tolist() == [x.tolist()[0], x.tolist()[1], np.float32(-1.1) * np.float32(slope)]
    assert gx.tolist() == [1, 1, np.float32(slope)]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_many_elements_in_channels_last_order(backend, small_pieces, name):
    """Large arrays are cut into pieces, on threads; the memory order stays."""
    ours, their = ACTIVATIONS[name]
    host = numbers(1, 5, 23, 21, 3, **WIDE).transpose(0, 3, 1, 2)
    assert host.size > 10 * small_pieces
    x, their_x = Tensor(host, requires_grad=True, backend=backend), torch.tensor(host.copy())
    their_x.requires_grad_()
    y, their_y = ours(x), their(their_x)
    np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), rtol=1e-12)
    g = numbers(2, 5, 23, 21, 3, **WIDE).transpose(0, 3, 1, 2)
    (gx,) = grad(y, x, Tensor(g, backend=backend))
    (their_gx,) = torch.autograd.grad(their_y, their_x, torch.tensor(g.copy()))
    np.testing.assert_allclose(gx.numpy(), their_gx.numpy(), rtol=1e-10, atol=1e-12)
    assert y.array.strides == gx.array.strides == x.array.strides


@pytest.mark.parametrize(("shape", "dim"), [((3, 0), 1), ((0, 3), 1), ((0, 3), 0)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_over_nothing(backend, name, shape, dim):
    functions = [lambda x, f=f: getattr(f, name)(x, dim) for f in (F, theirs)]
    assert_matches_torch(*functions, [np.zeros(shape)], backend=backend)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_in_another_type(backend, name):
    x = Tensor(np.float32([1.0, 2.0, 4.0]), backend=backend)
    y = getattr(F, name)(x, 0, dtype="float64")
    expected = getattr(theirs, name)(torch.tensor([1.0, 2.0, 4.0]), 0, dtype=torch.float64)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.numpy(), expected.numpy(), 1e-14)
