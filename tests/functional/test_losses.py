"""Tests of the losses: torch's numbers and limits, and shapes that must fit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigan import Tensor, grad
from minigan import functional as F  # noqa: N812
from minigan.functional.losses import SoftmaxCrossEntropy
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients
from minigan.testing.strategies import seeds, shapes

theirs = torch.nn.functional
REDUCTIONS = ["mean", "sum", "none"]
PAIRS = {
    "binary_cross_entropy": (F.binary_cross_entropy, theirs.binary_cross_entropy),
    "binary_cross_entropy_with_logits": (
        F.binary_cross_entropy_with_logits,
        theirs.binary_cross_entropy_with_logits,
    ),
    "mse_loss": (F.mse_loss, theirs.mse_loss),
}


def inputs(name, seed, *shape):
    random = np.random.default_rng(seed)
    target = random.uniform(0, 1, shape)
    if name == "binary_cross_entropy":
        return [random.uniform(0.02, 0.98, shape), target]
    return [random.normal(scale=3, size=shape), target]


@pytest.mark.parametrize("name", PAIRS)
@given(seed=seeds(), shape=shapes(max_dims=3), reduction=st.sampled_from(REDUCTIONS))
def test_loss_is_torch_s(backend, name, seed, shape, reduction):
    """With respect to the targets, too."""
    mine, torch_s = (
        lambda x, t, f=function: f(x, t, reduction=reduction) for function in PAIRS[name]
    )
    # torch adds 10⁻¹² to p(1 − p) in the second derivative of the cross entropy.
    tolerance = 1e-8 if name == "binary_cross_entropy" else 1e-11
    x = inputs(name, seed, *shape)
    assert_matches_torch(mine, torch_s, x, tolerance=tolerance, backend=backend)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_derivatives_of_loss(backend, name, reduction):
    def loss(x, t):
        return PAIRS[name][0](x, t, reduction=reduction)

    check_gradients(loss, inputs(name, 1, 3, 2), tolerance=1e-5, backend=backend)
    assert_keeps_float32(loss, inputs(name, 1, 3, 2), backend=backend)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight_shape", [(4, 3), (3,), (4, 1)])
def test_weights(backend, name, reduction, weight_shape):
    weight = np.random.default_rng(2).uniform(0.5, 2, weight_shape)
    mine, torch_s = (
        lambda x, t, w, f=function: f(x, t, weight=w, reduction=reduction)
        for function in PAIRS[name]
    )
    w = Tensor(weight)  # requires no grad
    x = inputs(name, 1, 4, 3)
    assert_matches_torch(mine, torch_s, [*x, w], 1, tolerance=1e-10, backend=backend)


# ---- the limits of the binary cross entropy -----------------------------------------------------


def bce(backend, p, t, dtype=np.float64):
    """The loss of one number, and its gradient."""
    x = Tensor(np.array([p], dtype), requires_grad=True, backend=backend)
    y = F.binary_cross_entropy(x, Tensor(np.array([t], dtype), backend=backend))
    (gx,) = grad(y, x)
    return y.item(), gx.item()


def test_each_logarithm_ends_at_minus_100(backend):
    """... and the gradient's denominator at 10⁻¹²: torch's limits, pinned."""
    assert bce(backend, 0, 1) == (100, -1e12)
    assert bce(backend, 1, 0) == (100, 1e12)
    assert bce(backend, 0, 0) == (0, 0) and bce(backend, 1, 1) == (0, 0)
    assert bce(backend, 1e-30, 1)[0] == pytest.approx(69.07755, abs=1e-5)
    assert bce(backend, 1e-13, 1)[1] == pytest.approx(-1e12, rel=1e-9)  # not −10¹³
    assert bce(backend, 1e-45, 1, np.float32)[0] == 100


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_limits_are_torch_s(backend, dtype, t):
    p = np.array([0, 1e-45, 1e-38, 1e-13, 1e-6, 0.5, 1 - 1e-7, 1 - 1e-12, 1]).astype(dtype)
    if backend.name == "cupy":  # whose kernels take the smallest numbers of all for zero
        p = p[(p == 0) | (p >= np.finfo(dtype).tiny)]
    x, target = (Tensor(a, requires_grad=True, backend=backend) for a in (p, np.full_like(p, t)))
    their_x, their_target = (torch.tensor(a.numpy(), requires_grad=True) for a in (x, target))
    y = F.binary_cross_entropy(x, target, reduction="none")
    their_y = theirs.binary_cross_entropy(their_x, their_target, reduction="none")
    np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), rtol=1e-6)
    y.backward(np.ones(len(p), dtype))
    their_y.backward(torch.ones_like(their_y))
    np.testing.assert_allclose(x.grad.numpy(), their_x.grad.numpy(), rtol=1e-6)
    bounded = np.clip(their_target.grad.numpy(), -100, 100)  # torch forgets its limit here
    np.testing.assert_allclose(target.grad.numpy(), bounded, rtol=1e-6)


def slope_behind_sigmoid(backend, logit, dtype=np.float64):
    """dL/d(logit) of −log σ(logit), which should be σ(logit) − 1: the generator's signal."""
    z = Tensor(np.array([logit], dtype), requires_grad=True, backend=backend)
    loss = F.binary_cross_entropy(F.sigmoid(z), Tensor(np.ones(1, dtype), backend=backend))
    return grad(loss, z)[0].item()


@pytest.mark.parametrize(
    ("logit", "slope"),
    [(-20, -1), (-27, -1), (-28, -0.691), (-30, -0.0936), (-35.524, -3.7e-4), (-50, -1.9e-10)],
)
def test_generator_loses_its_gradient_behind_a_sure_discriminator(backend, logit, slope):
    """From logits of −27.6 on: a property of the loss, which the one with logits has not."""
    assert slope_behind_sigmoid(backend, logit) == pytest.approx(slope, rel=0.02)
    z = Tensor(np.array([float(logit)]), requires_grad=True, backend=backend)
    loss = F.binary_cross_entropy_with_logits(z, Tensor(np.ones(1), backend=backend))
    assert grad(loss, z)[0].item() == pytest.approx(-1, abs=1e-8)


def test_float32_sigmoid_reaches_1(backend):
    """From a logit of 16.64 on, and the loss jumps from 16 to 100."""

    def loss(logit):
        z = Tensor(np.float32([logit]), backend=backend)
        return F.binary_cross_entropy(F.sigmoid(z), Tensor(np.float32([0]), backend=backend)).item()

    assert loss(16.6) == pytest.approx(15.94, abs=0.01)
    assert loss(16.7) == 100


def test_nan_is_no_matter_of_a_missing_sigmoid():
    with pytest.raises(ValueError, match="inputs hold NaN; under detect_anomaly"):
        F.binary_cross_entropy(Tensor([0.5, np.nan]), Tensor([0.0, 1.0]))


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.inf])
def test_what_is_no_probability_is_refused(wrong):
    x, t = Tensor([0.5, wrong]), Tensor([0.0, 1.0])
    with pytest.raises(ValueError, match=r"from 0 to 1, these run from .*Sigmoid"):
        F.binary_cross_entropy(x, t)


# ---- logits -------------------------------------------------------------------------------------


@given(seed=seeds(), reduction=st.sampled_from(REDUCTIONS))
def test_weight_of_positives_is_torch_s(backend, seed, reduction):
    z, t = inputs("logits", seed, 4, 3)
    pos_weight = np.random.default_rng(seed).uniform(0.2, 5, 3)
    mine, torch_s = (
        lambda z, t, w, f=function: f(z * 4, t, pos_weight=w, reduction=reduction)
        for function in PAIRS["binary_cross_entropy_with_logits"]
    )
    w = Tensor(pos_weight)
    assert_matches_torch(mine, torch_s, [z, t, w], tolerance=1e-10, backend=backend)


@pytest.mark.parametrize("pos_weight", [None, 1.0])
def test_logits_of_any_size(backend, pos_weight):
    z = np.array([-1e4, -800, -90, -21, 0, 21, 90, 800, 1e4])
    for dtype in (np.float32, np.float64):
        for t in (0, 1):
            x = Tensor(z.astype(dtype), requires_grad=True, backend=backend)
            target = Tensor(np.full(len(z), t, dtype), backend=backend)
            weight = None if pos_weight is None else Tensor(dtype(pos_weight), backend=backend)
            y = F.binary_cross_entropy_with_logits(x, target, reduction="none", pos_weight=weight)
            their_x = torch.tensor(z.astype(dtype), requires_grad=True)
            their_y = theirs.binary_cross_entropy_with_logits(
                their_x, torch.tensor(target.numpy()), reduction="none"
            )
            eps = 4 * np.finfo(dtype).eps
            np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), eps, eps)
            y.backward(np.ones(len(z), dtype))
            their_y.backward(torch.ones_like(their_y))
            np.testing.assert_allclose(x.grad.numpy(), their_x.grad.numpy(), eps, eps)


# ---- classes ------------------------------------------------------------------------------------


@given(
    seed=seeds(),
    count=st.integers(1, 5),
    classes=st.integers(1, 4),
    reduction=st.sampled_from(REDUCTIONS),
)
def test_cross_entropy_is_torch_s(backend, seed, count, classes, reduction):
    random = np.random.default_rng(seed)
    scores = random.normal(scale=3, size=(count, classes))
    labels = random.integers(classes, size=count)
    assert_matches_torch(
        lambda x, k: F.cross_entropy(x, k, reduction=reduction),
        lambda x, k: theirs.cross_entropy(x, k, reduction=reduction),
        [scores, labels],
        backend=backend,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_derivatives_of_cross_entropy(backend, reduction):
    def loss(x, k):
        return F.cross_entropy(x, k, reduction=reduction)

    x, labels = np.random.default_rng(1).normal(size=(4, 3)), np.array([2, 0, 1, 1])
    check_gradients(loss, [x, labels], backend=backend)
    assert_keeps_float32(loss, [x, labels], backend=backend)


def test_fused_cross_entropy_is_its_formula(backend):
    x = Tensor(np.random.default_rng(1).normal(size=(4, 3)), requires_grad=True, backend=backend)
    labels = Tensor(np.array([2, 0, 1, 1]), backend=backend)
    op = SoftmaxCrossEntropy()
    fused, formula = op(x, labels), op.formula(x, labels)
    np.testing.assert_allclose(fused.numpy(), formula.numpy(), rtol=1e-12)
    g = Tensor(np.array([1.0, -2, 3, 0.5]), backend=backend)
    np.testing.assert_allclose(grad(fused, x, g)[0].numpy(), grad(formula, x, g)[0].numpy())


def test_scores_of_any_size(backend):
    x = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]])
    labels = np.array([2, 0])
    assert_matches_torch(F.cross_entropy, theirs.cross_entropy, [x, labels], backend=backend)


@pytest.mark.parametrize("labels", [Tensor, np.array])
@pytest.mark.parametrize("wrong", [-1, 3])
def test_class_out_of_range(wrong, labels):
    with pytest.raises(ValueError, match=rf"cross_entropy: label {wrong} is outside .* 0 to 2"):
        F.cross_entropy(Tensor(np.ones((2, 3))), labels([0, wrong]))


def test_what_is_no_class(backend):
    scores = Tensor(np.ones((2, 3)), backend=backend)
    with pytest.raises(ValueError, match="labels are integers, these are float32"):
        F.cross_entropy(scores, Tensor([0.0, 1.0], backend=backend))
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(2, 1\)"):
        F.cross_entropy(scores, Tensor([[0], [1]], backend=backend))
    with pytest.raises(ValueError, match=r"got \(3,\) and \(3,\)"):
        F.cross_entropy(scores[0], Tensor([0, 1, 1], backend=backend))


# ---- shapes and reductions ----------------------------------------------------------------------


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4, 3), (1, 3)), ((4,), ())])
def test_shapes_must_be_equal(backend, name, shapes):
    """torch's MSELoss takes (N, 1) and (N,), and gives the mean of N × N numbers."""
    x, t = (Tensor(np.full(shape, 0.5), backend=backend) for shape in shapes)
    with pytest.raises(ValueError) as error:
        PAIRS[name][0](x, t)
    assert str(error.value).startswith(f"{name}: input and target must have one shape, got ")
    assert all(str(shape) in str(error.value) for shape in shapes)


def test_unknown_reduction(backend):
    x = Tensor([0.5], backend=backend)
    with pytest.raises(ValueError, match='"mean", "sum" or "none", not "average"'):
        F.mse_loss(x, x, reduction="average")


@pytest.mark.parametrize("name", PAIRS)
def test_many_elements(backend, small_pieces, name):
    """Large arrays are cut into pieces, on threads."""
    x = inputs(name, 1, 73, 89)
    assert_matches_torch(*PAIRS[name], x, 1, tolerance=1e-10, backend=backend)
