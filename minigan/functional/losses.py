"""Losses: one number that says how far the outputs are from what they should be.

Next: lookup.py.
"""

from __future__ import annotations

import math

import numpy as np

from minigan.backend import backend_of
from minigan.engine.fused import FusedOp
from minigan.engine.node import Array
from minigan.engine.op import Elementwise
from minigan.functional.activations import log_softmax, sigmoid, softplus
from minigan.functional.checks import check_range, check_same_shape, check_tensors
from minigan.tensor import Tensor, as_tensor, where


class BinaryCrossEntropy(Elementwise):
    """y = −t · ln p − (1 − t) · ln(1 − p), each logarithm held above −100

    dL/dp = g · (p − t) / max(p(1 − p), 10⁻¹²)        dL/dt = g · (ln(1 − p) − ln p)

    Both limits are torch's. The second costs the generator its gradient once the discriminator
    is sure: behind a sigmoid it should be p − t, and is cut down as soon as p(1 − p) < 10⁻¹²,
    that is from logits of ±27.6 on. BinaryCrossEntropyWithLogits has no such cliff. In dL/dt the
    logarithms are held above −100 as in y, whose derivative it is; torch's has ±∞ at p = 0 or 1.
    """

    def forward(self, p: Array, t: Array) -> Array:
        xp = backend_of(p).xp
        with np.errstate(divide="ignore"):
            log_p, log_q = xp.maximum(xp.log(p), -100), xp.maximum(xp.log1p(-p), -100)
        return (t - 1) * log_q - t * log_p

    def dp(self, g: Tensor, y: Tensor, p: Tensor, t: Tensor) -> Tensor:
        return g * (p - t) / (p * (1 - p)).clamp(min=1e-12)

    def dt(self, g: Tensor, y: Tensor, p: Tensor, t: Tensor) -> Tensor:
        with np.errstate(divide="ignore"):
            log_p, log_q = p.log().clamp(min=-100), (1 - p).log().clamp(min=-100)
        return g * (log_q - log_p)


class BinaryCrossEntropyWithLogits(Elementwise):
    """y = max(z, 0) − z · t + ln(1 + e^−|z|)        dL/dz = g · (σ(z) − t)        dL/dt = −g · z

    The binary cross entropy of p = σ(z), without ever computing p: exact for any z. z is called the
    *logit* of p, z = ln(p / (1 − p)), the logarithm of its odds: 0 for p = ½, ±∞ for 1 and 0.
    """

    def forward(self, z: Array, t: Array) -> Array:
        xp = backend_of(z).xp
        return xp.maximum(z, 0) - z * t + xp.log1p(xp.exp(-xp.abs(z)))

    def dz(self, g: Tensor, y: Tensor, z: Tensor, t: Tensor) -> Tensor:
        return g * (sigmoid(z) - t)

    def dt(self, g: Tensor, y: Tensor, z: Tensor, t: Tensor) -> Tensor:
        return -g * z


class SoftmaxCrossEntropy(FusedOp):
    """yₙ = ln Σⱼ e^xₙⱼ − xₙₖ, for the right class k of row n        dL/dx = g · (softmax(x) − 1ₖ)

    x (N, C) scores, k (N,) integers from 0 to C − 1  ->  y (N,)
    """

    def formula(self, x: Tensor, k: Tensor) -> Tensor:
        rows = backend_of(x.array).xp.arange(x.shape[0])
        return -log_softmax(x, 1)[rows, k]

    def forward(self, x: Array, k: Array) -> Array:
        xp = backend_of(x).xp
        below_zero = x - x.max(axis=1, keepdims=True)
        self.logs = below_zero - xp.log(xp.exp(below_zero).sum(axis=1, keepdims=True))
        return -self.logs[xp.arange(len(x)), k]

    def backward_arrays(self, g: Array, y: Array) -> tuple[Array | None, ...]:
        xp = backend_of(g).xp
        gx = xp.exp(self.logs)
        gx[xp.arange(len(gx)), self.inputs[1].array] -= 1
        gx *= g[:, None]
        return gx, None


# ---------------------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """−t ln p − (1 − t) ln(1 − p) for probabilities p = input and targets t of one shape."""
    check_tensors("binary_cross_entropy", input, target=target, weight=weight)
    check_same_shape("binary_cross_entropy", input, target)
    if isinstance(input.array, np.ndarray):  # on a GPU a look at the numbers would stall the step
        low, high = input.array.min(initial=0.0), input.array.max(initial=0.0)
        if math.isnan(low):
            raise ValueError(
                "binary_cross_entropy: the inputs hold NaN; under detect_anomaly() the op that "
                "made the first of them says so"
            )
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"binary_cross_entropy: inputs are probabilities from 0 to 1, these run from "
                f"{low:.4g} to {high:.4g}; end the network in a Sigmoid, or use "
                "binary_cross_entropy_with_logits"
            )
    return _reduced(BinaryCrossEntropy()(input, target.to(input.dtype)), weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """The binary cross entropy of σ(input), exact however large the input (the logit) is."""
    name = "binary_cross_entropy_with_logits"
    check_tensors(name, input, target=target, weight=weight, pos_weight=pos_weight)
    check_same_shape(name, input, target)
    if pos_weight is None:
        losses = BinaryCrossEntropyWithLogits()(input, target.to(input.dtype))
    else:
        log_p, log_q = (-softplus(z, threshold=math.inf) for z in (-input, input))
        losses = -pos_weight * target * log_p - (1 - target) * log_q
    return _reduced(losses, weight, reduction)


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input − target)². Shapes must be equal: torch would broadcast (N, 1) against (N,)."""
    check_tensors("mse_loss", input, target=target)
    check_same_shape("mse_loss", input, target)
    return _reduced((input - target) ** 2, None, reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """|input − target|. Shapes must be equal, as in mse_loss. Its slope where they meet is 0."""
    check_tensors("l1_loss", input, target=target)
    check_same_shape("l1_loss", input, target)
    return _reduced((input - target).abs(), None, reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """−ln softmax(input)ₖ for scores (N, C, …) and integer labels k = target (N, …).

    The labels may be an array. One sample without a batch is (C,) and (). Labels that equal
    `ignore_index` count for nothing; `weight` (C,) weights the classes, and the mean is a weighted
    one. `label_smoothing` s mixes the right class, taken as probabilities (1, 0, 0, …), with 1/C
    for all: (1 − s) of the first and s of the second (Szegedy et al. 2016).

    A floating-point target of the scores' shape holds probabilities t: −Σ t ln softmax(input).
    """
    target = as_tensor(target)
    check_tensors("cross_entropy", input, target=target, weight=weight)
    if input.ndim == 0:
        raise ValueError("cross_entropy: scores are (N, C, …) or (C,), these have no dimensions")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"cross_entropy: label_smoothing is a number from 0 to 1, not {label_smoothing}"
        )
    classes = input.shape[1] if input.ndim > 1 else input.shape[0]
    if weight is not None and weight.shape != (classes,):
        raise ValueError(
            f"cross_entropy: a weight for each of {classes} classes is needed, got {weight.shape}"
        )
    if target.dtype.kind == "f" and target.shape == input.shape:
        if ignore_index >= 0:
            raise ValueError("cross_entropy: ignore_index is for labels, not for probabilities")
        return _of_probabilities(input, target, weight, reduction, label_smoothing)
    if target.shape != (*input.shape[:1], *input.shape[2:])[input.ndim == 1 :]:
        raise ValueError(
            f"cross_entropy: scores (N, C) and labels (N,) are needed, "
            f"got {input.shape} and {target.shape}"
        )
    if target.dtype.kind not in "iu":
        raise ValueError(f"cross_entropy: labels are integers, these are {target.dtype}")
    counted = target != ignore_index
    labels = where(counted, target.long(), 0).reshape(-1)
    check_range("cross_entropy", labels.array, classes)
    share = counted.reshape(-1).to(input.dtype)  # of each sample in the mean
    scores = _class_last(input).reshape(labels.shape[0], classes)
    losses = SoftmaxCrossEntropy()(scores, labels)
    own = share if weight is None else share * weight[labels]
    losses = losses * own
    if label_smoothing:
        others = -log_softmax(scores, 1) if weight is None else -log_softmax(scores, 1) * weight
        others = others.sum(1) * share / classes
        losses = (1 - label_smoothing) * losses + label_smoothing * others
    if reduction == "mean":
        return losses.sum() / own.sum()
    return _reduced(losses.reshape(target.shape), None, reduction)


def _of_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    logs, target = log_softmax(_class_last(input), -1), _class_last(target)
    target = target * (1 - label_smoothing) + label_smoothing / target.shape[-1]
    losses = -target * logs if weight is None else -target * logs * weight
    return _reduced(losses.sum(-1), None, reduction)


def _class_last(x: Tensor) -> Tensor:
    """(N, C, …) -> (N, …, C)"""
    return x.permute(0, *range(2, x.ndim), 1) if x.ndim > 1 else x


def _reduced(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    if weight is not None:
        losses = losses * weight
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    if reduction == "none":
        return losses
    raise ValueError(f'reduction is "mean", "sum" or "none", not "{reduction}"')
