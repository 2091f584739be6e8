"""Tests of embedding and dropout."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan import Generator, Tensor, functional, grad, manual_seed, ones
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients
from minigan.testing.strategies import shapes

theirs = torch.nn.functional
WEIGHT = np.random.default_rng(1).normal(size=(5, 2))


def squared(library):
    return lambda labels, weight: library.embedding(labels, weight) ** 2


@given(labels=hnp.arrays(np.int64, shapes(min_dims=1, max_dims=3), elements=st.integers(0, 4)))
def test_embedding_is_torch_s(backend, labels):
    """Rows that are named several times gather all their gradients."""
    assert_matches_torch(squared(functional), squared(theirs), [labels, WEIGHT], backend=backend)


def test_derivatives_of_embedding(backend):
    labels = np.array([[1, 4, 1], [0, 1, 0]])
    check_gradients(squared(functional), [labels, WEIGHT], backend=backend)
    assert_keeps_float32(squared(functional), [labels, WEIGHT], backend=backend)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_labels_of_any_integer_type(backend, dtype):
    labels = Tensor(np.array([1, 4], dtype), backend=backend)
    weight = Tensor(WEIGHT, backend=backend)
    np.testing.assert_array_equal(functional.embedding(labels, weight).numpy(), WEIGHT[[1, 4]])


@pytest.mark.parametrize("labels", [Tensor, np.array])
@pytest.mark.parametrize("wrong", [-1, 5, 100])
def test_label_out_of_range(wrong, labels):
    with pytest.raises(ValueError, match=rf"embedding: label {wrong} is outside the range 0 to 4"):
        functional.embedding(labels([1, wrong]), Tensor(WEIGHT))


def test_label_that_is_no_integer(backend):
    with pytest.raises(ValueError, match="labels are integers, these are float32"):
        functional.embedding(Tensor([1.0], backend=backend), Tensor(WEIGHT, backend=backend))


# ---- dropout ------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_dropout_keeps_the_mean(backend, p):
    count = 40000
    y = functional.dropout(
        ones(200, 200, backend=backend), p, generator=Generator(1, backend=backend)
    )
    kept = y.numpy() != 0
    np.testing.assert_array_equal(y.numpy()[kept], np.float32(1 / (1 - p)))
    assert abs(kept.sum() - count * (1 - p)) < 5 * np.sqrt(count * p * (1 - p))


def test_dropout_drops_the_gradient_of_what_it_drops(backend):
    x = Tensor(np.random.default_rng(1).normal(size=(50, 20)), requires_grad=True, backend=backend)
    y = functional.dropout(x, 0.4, generator=Generator(1, backend=backend))
    (gx,) = grad(y.sum(), x)
    np.testing.assert_allclose(gx.numpy(), np.where(y.numpy() != 0, 1 / 0.6, 0), rtol=1e-12)


def test_derivatives_of_dropout(backend):
    def drop(x):
        return functional.dropout(x.exp(), 0.4, generator=Generator(3, backend=x.backend))

    x = np.random.default_rng(1).normal(size=(3, 4))
    check_gradients(drop, [x], backend=backend)
    assert_keeps_float32(drop, [x], backend=backend)


def test_dropout_does_nothing_outside_of_training(backend):
    x = ones(3, backend=backend)
    assert functional.dropout(x, 0.5, training=False) is x
    assert functional.dropout(x, 0.0) is x
    assert functional.dropout(x, 1.0).tolist() == [0, 0, 0]


@pytest.mark.parametrize("p", [-0.1, 1.5, np.nan])
def test_dropout_with_what_is_no_probability(p):
    with pytest.raises(ValueError, match=f"dropout: p is a probability from 0 to 1, not {p}"):
        functional.dropout(ones(3), p)


def test_dropout_follows_the_seed(backend):
    def drop(source=None):
        return functional.dropout(ones(100, backend=backend), 0.5, generator=source).tolist()

    manual_seed(5)
    first = drop()
    assert drop() != first
    manual_seed(5)
    assert drop() == first
    assert drop(Generator(5, backend=backend)) == drop(Generator(5, backend=backend))
