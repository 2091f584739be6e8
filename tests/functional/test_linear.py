"""Tests of the linear function: torch's numbers for any leading dimensions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan import Tensor, zeros
from minigan import functional as F  # noqa: N812
from minigan.functional.linear import Linear
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients

theirs = torch.nn.functional


def inputs(seed, *leading, bias=True):
    random = np.random.default_rng(seed)
    arrays = [random.normal(size=(*leading, 3)), random.normal(size=(2, 3)), random.normal(size=2)]
    return arrays if bias else arrays[:2]


@given(
    seed=st.integers(0, 2**32 - 1),
    leading=hnp.array_shapes(min_dims=0, max_dims=3, max_side=4),
    bias=st.booleans(),
)
def test_linear_is_torch_s(backend, seed, leading, bias):
    assert_matches_torch(
        F.linear, theirs.linear, inputs(seed, *leading, bias=bias), backend=backend
    )


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("leading", [(4,), (), (2, 1, 2)])
def test_derivatives_of_linear(backend, leading, bias):
    check_gradients(F.linear, inputs(1, *leading, bias=bias), backend=backend)
    assert_keeps_float32(F.linear, inputs(1, *leading, bias=bias), backend=backend)


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_gradient_of_a_frozen_input_is_not_computed(backend, frozen):
    tensors = [
        Tensor(x, requires_grad=i != frozen, backend=backend) for i, x in enumerate(inputs(1, 4))
    ]
    op = Linear()
    y = op(*tensors)
    op.needs = op.tracked
    gradients = op.backward(Tensor(np.ones(y.shape), backend=backend), y)
    assert [g is None for g in gradients] == [i == frozen for i in range(3)]


@pytest.mark.parametrize("wrap", [lambda x: x.T.copy().T, lambda x: x[:, ::-1], lambda x: x[::2]])
def test_any_memory_order(backend, wrap):
    x, w, b = inputs(1, 4)
    x, w = wrap(x), wrap(w)
    b = b[: len(w)]
    y = F.linear(*[Tensor(array, backend=backend) for array in (x, w, b)])
    np.testing.assert_allclose(y.numpy(), x @ w.T + b, rtol=1e-12)


def test_inputs_are_not_written(backend):
    arrays = inputs(1, 4)
    tensors = [Tensor(x.copy(), backend=backend) for x in arrays]
    F.linear(*tensors)
    for tensor, array in zip(tensors, arrays, strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("shape", [(4, 5), (3, 4), ()])
def test_shapes_that_do_not_fit(backend, shape):
    with pytest.raises(ValueError) as error:
        F.linear(zeros(*shape, backend=backend), zeros(2, 3, backend=backend))
    assert f"linear: the input of shape {shape} must end in the weight's 3 inputs" in str(error)


def test_a_weight_that_is_no_matrix(backend):
    with pytest.raises(ValueError, match=r"weight is \(out, in\), this one has shape \(3,\)"):
        F.linear(zeros(2, 3, backend=backend), zeros(3, backend=backend))


def test_unlike_types_are_refused(backend):
    x, w = (Tensor(np.ones((2, 3)), dtype=dtype, backend=backend) for dtype in ("f8", "f4"))
    with pytest.raises(ValueError, match="the input is float64 and the weight float32"):
        F.linear(x, w)
    assert F.linear(x, w.double()).dtype == np.float64
