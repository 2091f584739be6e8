"""Maxout against torch's maximum, ties and second derivatives included."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan import functional as F  # noqa: N812
from minigan import nn
from minigan.tensor import Tensor, grad
from minigan.testing.strategies import seeds


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 3),
    st.booleans(),
    seeds(),
)
def test_value_and_gradient_are_those_of_torch(backend, rows, pieces, units, with_ties, seed):
    rng = np.random.default_rng(seed)
    shape = (rows, pieces * units)
    x = rng.integers(-1, 2, shape).astype(float) if with_ties else rng.normal(size=shape)
    cotangent = rng.normal(size=(rows, units))

    ours = Tensor(x, requires_grad=True, backend=backend)
    y = F.maxout(ours, pieces)
    y.backward(cotangent)
    theirs = torch.tensor(x, requires_grad=True)
    expected = theirs.view(rows, pieces, units).max(1).values  # max(dim) takes the first of equals
    expected.backward(torch.tensor(cotangent))

    assert (y.numpy() == expected.detach().numpy()).all()
    assert ours.grad is not None and (ours.grad.numpy() == theirs.grad.numpy()).all()


def test_of_equal_pieces_the_first_takes_the_whole_gradient(backend):
    x = Tensor([[2.0, 2.0, 1.0]], requires_grad=True, backend=backend)
    F.maxout(x, 3).sum().backward()
    assert x.grad.numpy().tolist() == [[1.0, 0.0, 0.0]]


def test_second_derivatives_pass_through_the_winner(backend):
    """d²/dx² of Σ v · maxout(x)³ is 6 v x at the winners and 0 elsewhere."""
    rng = np.random.default_rng(5)
    x = Tensor(rng.normal(size=(3, 8)), requires_grad=True, backend=backend)  # 4 pieces of 2 units
    v, u = rng.normal(size=(3, 2)), rng.normal(size=(3, 8))
    tv, tu = Tensor(v, backend=backend), Tensor(u, backend=backend)
    (first,) = grad((F.maxout(x, 4) ** 3 * tv).sum(), x, create_graph=True)
    (second,) = grad((first * tu).sum(), x)

    pieces = x.numpy().reshape(3, 4, 2)
    wins = pieces == pieces.max(1, keepdims=True)
    expected = (6 * v[:, None] * pieces * wins).reshape(3, 8) * u
    np.testing.assert_allclose(second.numpy(), expected, rtol=1e-12)


def test_the_layer_is_the_largest_of_linear_functions(backend):
    layer = nn.Maxout(7, 3, 5).double().to(backend)
    assert layer.weight.shape == (15, 7) and layer.bias.shape == (15,)
    assert repr(layer) == "Maxout(in_features=7, out_features=3, pieces=5)"
    assert abs(layer.weight.numpy()).max() <= 1 / np.sqrt(7) and layer.bias.numpy().std() > 0

    x = np.random.default_rng(1).normal(size=(4, 7))
    weight, bias = layer.weight.numpy(), layer.bias.numpy()
    by_hand = [
        [max(weight[p * 3 + u] @ row + bias[p * 3 + u] for p in range(5)) for u in range(3)]
        for row in x
    ]
    np.testing.assert_allclose(layer(Tensor(x, backend=backend)).numpy(), by_hand, rtol=1e-12)


def test_float32_is_kept(backend):
    layer = nn.Maxout(4, 2, 3).to(backend)
    y = layer(Tensor(np.ones((2, 4), np.float32), backend=backend))
    y.sum().backward()
    assert y.dtype == layer.weight.grad.dtype == layer.bias.grad.dtype == np.float32


@pytest.mark.parametrize("shape", [(4, 7), (7,)])
def test_a_width_that_has_no_such_pieces(shape):
    with pytest.raises(ValueError, match=r"3 pieces of each unit .* got shape \((4, 7|7,)\)"):
        F.maxout(Tensor(np.ones(shape)), 3)


def test_no_pieces():
    with pytest.raises(ValueError, match="at least 1 piece, not 0"):
        nn.Maxout(4, 2, 0)
