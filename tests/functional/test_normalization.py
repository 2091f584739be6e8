"""Tests of batch norm: torch's numbers to second order, its statistics, and what must hold."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigan import Tensor, grad, no_grad
from minigan import functional as F  # noqa: N812
from minigan.functional.normalization import BatchNorm
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients
from minigan.testing.strategies import laid_out, seeds

SHAPES = [(5, 3), (2, 3, 4), (2, 3, 1, 4), (3, 2, 4, 5), (2, 1)]
# Few and many channels, rows that cannot be paired, and enough of each to be cut into pieces.
LARGE = [(200, 37), (4097, 3), (3, 5, 23, 61), (4, 64, 4, 6), (9, 3000), (7001, 1)]


def inputs(seed, *shape, affine=True):
    """x with a mean and deviation of its own in each channel, random weight and bias."""
    random = np.random.default_rng(seed)
    per_channel = (1, -1) + (1,) * (len(shape) - 2)
    scale, shift = random.uniform(0.5, 2, shape[1]), random.normal(size=shape[1])
    x = random.normal(size=shape) * scale.reshape(per_channel) + shift.reshape(per_channel)
    return [x, random.normal(size=shape[1]), random.normal(size=shape[1])][: 3 if affine else 1]


def ours(eps=1e-5):
    return lambda x, *affine: F.batch_norm(x, None, None, *affine, training=True, eps=eps)


def theirs(eps=1e-5):
    def batch_norm(x, *affine):
        return torch.nn.functional.batch_norm(x, None, None, *affine, training=True, eps=eps)

    return batch_norm


@given(
    seed=seeds(),
    shape=st.tuples(st.integers(2, 5), st.integers(1, 4))
    | st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(2, 4))
    | st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 4), st.integers(1, 3)),
    eps=st.sampled_from([1e-5, 0.8]),
    affine=st.booleans(),
)
def test_batch_norm_is_torch_s(backend, seed, shape, eps, affine):
    x = inputs(seed, *shape, affine=affine)
    # Two numbers in a channel may be close, and then the derivatives are huge.
    assert_matches_torch(ours(eps), theirs(eps), x, 1, tolerance=1e-8, backend=backend)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("eps", [1e-5, 0.8])
@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_of_batch_norm(backend, shape, eps, affine):
    x = inputs(1, *shape, affine=affine)
    if shape == (2, 1):
        x[0] = np.array([[0.3], [1.7]])
    assert_matches_torch(ours(eps), theirs(eps), x, tolerance=1e-9, backend=backend)
    check_gradients(ours(eps), x, tolerance=1e-5, backend=backend)
    assert_keeps_float32(ours(eps), x, backend=backend)


@pytest.mark.parametrize("shape", SHAPES)
def test_fused_batch_norm_is_its_formula(backend, shape):
    x, w, b = (Tensor(a, requires_grad=True, backend=backend) for a in inputs(2, *shape))
    op = BatchNorm(1e-3)
    fused, formula = op(x, w, b), BatchNorm(1e-3).formula(x, w, b)
    np.testing.assert_allclose(fused.numpy(), formula.numpy(), atol=1e-12)
    g = Tensor(np.random.default_rng(3).normal(size=shape), backend=backend)
    for one, other in zip(grad(fused, [x, w, b], g), grad(formula, [x, w, b], g), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-11)


@pytest.mark.parametrize("order", ["as usual", "channels last"])
@pytest.mark.parametrize("shape", LARGE)
def test_many_elements(backend, small_pieces, shape, order):
    """Sums of columns are gathered in pieces, on threads; channels-last memory stays so."""
    x, w, b = inputs(1, *shape)
    x = laid_out(x, order)
    assert_matches_torch(ours(), theirs(), [x, w, b], 1, tolerance=1e-10, backend=backend)
    image = Tensor(x, requires_grad=True, backend=backend)
    y = ours()(image, Tensor(w, backend=backend), Tensor(b, backend=backend))
    (gx,) = grad(y, image, y.detach())
    if order == "channels last":
        assert y.array.strides == gx.array.strides == image.array.strides


@pytest.mark.parametrize("rows", [5, 6])
def test_columns_first_in_memory(backend, rows):
    x, w, b = inputs(1, rows, 3)
    assert_matches_torch(ours(), theirs(), [np.asfortranarray(x), w, b], backend=backend)


# ---- what must hold whatever the numbers are ----------------------------------------------------


@given(seed=seeds(), shape=st.sampled_from([(5, 3), (4, 3, 2, 5)]))
def test_gradient_of_batch_norm_adds_up_to_0(backend, seed, shape):
    """To shift a whole channel, or (without eps) to stretch it, changes nothing."""
    x = Tensor(inputs(seed, *shape, affine=False)[0], requires_grad=True, backend=backend)
    y = ours(1e-30)(x)
    (gx,) = grad(y, x, Tensor(np.random.default_rng(seed).normal(size=shape), backend=backend))
    others = (0, *range(2, len(shape)))
    np.testing.assert_allclose(gx.numpy().sum(others), 0, atol=1e-9)
    np.testing.assert_allclose((gx * y).numpy().sum(others), 0, atol=1e-9)
    np.testing.assert_allclose(y.numpy().mean(others), 0, atol=1e-9)
    np.testing.assert_allclose(y.numpy().var(others), 1, atol=1e-9)


def test_constant_batch_becomes_the_bias(backend):
    x = Tensor(np.full((4, 3), 7.0), requires_grad=True, backend=backend)
    w, b = (Tensor(a, requires_grad=True, backend=backend) for a in inputs(1, 4, 3)[1:])
    y = ours()(x, w, b)
    np.testing.assert_allclose(y.numpy(), np.tile(b.numpy(), (4, 1)), atol=1e-12)
    (gx,) = grad(y, x, Tensor(np.ones((4, 3)), backend=backend))
    np.testing.assert_allclose(gx.numpy(), 0, atol=1e-9)


def test_eps_of_the_tutorial_shrinks_small_numbers(backend):
    """√(v / (v + 0.8)): a channel of variance 0.01 leaves with a deviation of 0.11, not of 1."""
    x = np.random.default_rng(1).normal(size=(2000, 3))
    x = (x - x.mean(0)) / x.std(0) * np.sqrt([0.01, 0.5, 4])
    y = ours(0.8)(Tensor(x, backend=backend)).numpy()
    np.testing.assert_allclose(y.std(0), [0.1111, 0.6202, 0.9129], atol=1e-4)


# ---- running statistics -------------------------------------------------------------------------


def statistics(backend, dtype=np.float64):
    host = np.array([0.5, -1.0, 2.0], dtype), np.array([1.0, 0.3, 4.0], dtype)
    return [Tensor(a.copy(), backend=backend) for a in host], [torch.tensor(a) for a in host]


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4), (2, 3, 4, 5)])
@pytest.mark.parametrize("momentum", [0.1, 1.0, 0.0])
def test_running_statistics_are_torch_s(backend, shape, momentum):
    mine, torch_s = statistics(backend)
    for seed in range(3):
        x = inputs(seed, *shape, affine=False)[0]
        with no_grad():  # does not keep them from moving
            F.batch_norm(Tensor(x, backend=backend), *mine, training=True, momentum=momentum)
        torch.nn.functional.batch_norm(torch.tensor(x), *torch_s, training=True, momentum=momentum)
        for a, b in zip(mine, torch_s, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    assert [a.version for a in mine] == [3, 3]
    assert not any(a.requires_grad for a in mine)


@pytest.mark.parametrize("affine", [True, False])
def test_running_statistics_are_used_outside_of_training(backend, affine):
    x, *rest = inputs(1, 2, 3, 4, 5, affine=affine)
    mine, torch_s = statistics(backend)

    def mine_of(x, *affine):
        return F.batch_norm(x, *mine, *affine)

    def torch_s_of(x, *affine):
        return torch.nn.functional.batch_norm(x, *torch_s, *affine)

    assert_matches_torch(mine_of, torch_s_of, [x, *rest], backend=backend)
    check_gradients(mine_of, [x[:1, :, :2, :2], *rest], backend=backend)
    assert [a.version for a in mine] == [0, 0]
    mine, _ = statistics(backend, np.float32)
    assert_keeps_float32(mine_of, [x, *rest], backend=backend)


def test_statistics_keep_their_type(backend):
    mine, _ = statistics(backend, np.float32)
    x = Tensor(inputs(1, 5, 3)[0].astype(np.float32), backend=backend)
    F.batch_norm(x, *mine, training=True)
    assert [a.dtype for a in mine] == [np.float32, np.float32]


# ---- what cannot be normalized ------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 1), (1, 3, 1, 1)])
def test_one_value_per_channel_is_an_error_in_training(backend, shape):
    x = Tensor(np.ones(shape, np.float32), backend=backend)
    with pytest.raises(ValueError, match="more than 1 value per channel, got shape"):
        ours()(x)
    mine, _ = statistics(backend, np.float32)
    assert F.batch_norm(x, *mine).shape == shape


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (2, 3, 0, 4)])
def test_no_numbers_are_normalized_to_none(backend, shape):
    """torch's result and gradients, and statistics that stay."""
    assert_matches_torch(ours(), theirs(), inputs(1, *shape), backend=backend)
    mine, _ = statistics(backend)
    F.batch_norm(Tensor(np.ones(shape), backend=backend), *mine, training=True)
    assert mine[0].tolist() == [0.5, -1.0, 2.0] and mine[1].tolist() == [1.0, 0.3, 4.0]
    assert_matches_torch(
        lambda x: F.batch_norm(x, *mine),
        lambda x: torch.nn.functional.batch_norm(x, *statistics(backend)[1]),
        [np.ones(shape)],
        backend=backend,
    )


@pytest.mark.parametrize("missing", ["weight", "bias"])
@pytest.mark.parametrize("training", [True, False])
def test_scale_without_shift_and_shift_without_scale(backend, missing, training):
    x, w, _ = inputs(1, 4, 3, 2)
    mine, torch_s = statistics(backend)
    name = {"weight": "bias", "bias": "weight"}[missing]
    assert_matches_torch(
        lambda x, w: F.batch_norm(x, *mine, **{name: w}, training=training, momentum=0),
        lambda x, w: torch.nn.functional.batch_norm(
            x, *torch_s, **{name: w}, training=training, momentum=0
        ),
        [x, w],
        2 if missing == "bias" else 1,  # torch's second order fails without a weight
        tolerance=1e-9,
        backend=backend,
    )


@pytest.mark.parametrize("eps", [0.0, -1.0])
def test_eps_is_positive(eps):
    x = Tensor(np.ones((4, 3, 2, 2)))
    for normalize in (lambda x: ours(eps)(x), lambda x: F.instance_norm(x, eps=eps)):
        with pytest.raises(ValueError, match="eps must be positive, not"):
            normalize(x)


# ---- instance norm and layer norm ---------------------------------------------------------------

OTHERS = {
    "instance": (
        lambda x, *wb: F.instance_norm(x, None, None, *wb),
        lambda x, *wb: torch.nn.functional.instance_norm(x, None, None, *wb),
        (3,),
    ),
    "layer": (
        lambda x, *wb: F.layer_norm(x, (5,), *wb),
        lambda x, *wb: torch.nn.functional.layer_norm(x, (5,), *wb),
        (5,),
    ),
    "layer 3": (
        lambda x, *wb: F.layer_norm(x, [3, 4, 5], *wb, eps=1e-3),
        lambda x, *wb: torch.nn.functional.layer_norm(x, [3, 4, 5], *wb, eps=1e-3),
        (3, 4, 5),
    ),
}


@pytest.mark.parametrize("affine", [0, 1, 2])
@pytest.mark.parametrize("name", OTHERS)
def test_instance_and_layer_norm(backend, name, affine):
    mine, its, shape = OTHERS[name]
    random = np.random.default_rng(1)
    x = [random.normal(size=(2, 3, 4, 5)), *(random.normal(size=shape) for _ in range(affine))]
    assert_matches_torch(mine, its, x, tolerance=1e-9, backend=backend)
    small = [x[0][:1], *x[1:]]
    check_gradients(mine, small, tolerance=1e-5, backend=backend)
    assert_keeps_float32(mine, small, backend=backend)


@pytest.mark.parametrize("name", OTHERS)
def test_instance_and_layer_norm_keep_the_memory_order(backend, name):
    x = laid_out(np.random.default_rng(1).normal(size=(2, 3, 4, 5)), "channels last")
    image = Tensor(x, requires_grad=True, backend=backend)
    y = OTHERS[name][0](image)
    (gx,) = grad(y, image, y.detach())
    assert y.array.strides == gx.array.strides == image.array.strides


def test_running_statistics_of_instance_norm(backend):
    mine, torch_s = statistics(backend)
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    for training in (True, True, False):
        y = F.instance_norm(Tensor(x, backend=backend), *mine, use_input_stats=training)
        its = torch.nn.functional.instance_norm(torch.tensor(x), *torch_s, use_input_stats=training)
        np.testing.assert_allclose(y.numpy(), its.numpy(), atol=1e-10)
    for a, b in zip(mine, torch_s, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 3, 0, 4), (2, 0, 2, 2)])
def test_instance_norm_of_nothing_is_torch_s_and_moves_nothing(backend, shape):
    channels = shape[1]
    wb = np.arange(1.0, 1 + channels), np.arange(channels) - 1.0
    for weights in ((), wb) if shape[0] and channels else ((),):  # torch fails on some with weights
        assert_matches_torch(
            lambda x, *wb: F.instance_norm(x, None, None, *wb),
            lambda x, *wb: torch.nn.functional.instance_norm(x, None, None, *wb),
            [np.zeros(shape), *weights],
            backend=backend,
        )
    assert F.instance_norm(Tensor(np.zeros(shape)), None, None, *map(Tensor, wb)).shape == shape
    running = [Tensor(np.full(channels, n), backend=backend) for n in (0.5, 2.0)]
    F.instance_norm(Tensor(np.zeros(shape), backend=backend), *running)
    assert [x.tolist() for x in running] == [[0.5] * channels, [2.0] * channels]


def test_what_instance_and_layer_norm_refuse():
    with pytest.raises(ValueError, match=r"more than 1 value per channel .* \(2, 3, 1, 1\)"):
        F.instance_norm(Tensor(np.ones((2, 3, 1, 1))))
    with pytest.raises(ValueError, match=r"\(2, 3\) must end in the dimensions \(4,\)"):
        F.layer_norm(Tensor(np.ones((2, 3))), (4,))
    with pytest.raises(ValueError, match="running ones are due"):
        F.instance_norm(Tensor(np.ones((2, 3, 2, 2))), use_input_stats=False)
