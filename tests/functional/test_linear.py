"""Tests of the linear function: torch's numbers for any leading dimensions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigan import Tensor, zeros
from minigan import functional as F  # noqa: N812
from minigan.functional.linear import Affine
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients
from minigan.testing.strategies import laid_out, layouts, seeds, shapes

theirs = torch.nn.functional


def inputs(seed, *leading, bias=True):
    random = np.random.default_rng(seed)
    arrays = [random.normal(size=(*leading, 3)), random.normal(size=(2, 3)), random.normal(size=2)]
    return arrays if bias else arrays[:2]


@given(
    seed=seeds(),
    leading=shapes(max_dims=3),
    bias=st.booleans(),
    lies=st.tuples(layouts(), layouts()),
)
def test_linear_is_torch_s(backend, seed, leading, bias, lies):
    x, w, *b = inputs(seed, *leading, bias=bias)
    x, w = laid_out(x, lies[0]), laid_out(w, lies[1])
    assert_matches_torch(F.linear, theirs.linear, [x, w, *b], backend=backend)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("leading", [(4,), (), (2, 1, 2)])
def test_derivatives_of_linear(backend, leading, bias):
    check_gradients(F.linear, inputs(1, *leading, bias=bias), backend=backend)
    assert_keeps_float32(F.linear, inputs(1, *leading, bias=bias), backend=backend)


@pytest.mark.parametrize("frozen", [0, 1, 2])
def test_gradient_of_a_frozen_input_is_not_computed(backend, frozen):
    arrays = enumerate(inputs(1, 4))
    tensors = [Tensor(x, requires_grad=i != frozen, backend=backend) for i, x in arrays]
    op = Affine()
    y = op(*tensors)
    gradients = op.backward(Tensor(np.ones(y.shape), backend=backend), y, op.tracked)
    assert [g is None for g in gradients] == [i == frozen for i in range(3)]


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
