"""The functions between the layers: ReLU and its kin, tanh, sigmoid, softplus, softmax.

Next: checks.py.
"""

from __future__ import annotations

from typing import Any

from minigan.backend import backend_of
from minigan.engine.node import Array
from minigan.engine.op import Elementwise
from minigan.functional.checks import check_tensors
from minigan.tensor import Tensor, log, where


class LeakyRectifier(Elementwise):
    """y = x where x > 0, else slope · x        dL/dx = g where x > 0, else slope · g

    At 0 the derivative is the slope, as in torch.
    """

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def forward(self, x: Array) -> Array:
        if self.slope == 0:
            return backend_of(x).xp.maximum(x, 0)  # 0 · ∞ would be NaN
        if 0 < self.slope <= 1:
            return backend_of(x).xp.maximum(x, x * self.slope)
        return backend_of(x).xp.where(x > 0, x, x * self.slope)

    def dx(self, g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return LeakyRectifierGradient(self.slope)(g, x.detach())


class LeakyRectifierGradient(Elementwise):
    """y = a where x > 0, else slope · a        dL/da = g where x > 0, else slope · g

    In x it is flat except for the step at 0, so x has no gradient.
    """

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def forward(self, a: Array, x: Array) -> Array:
        # (x > 0) is 0 or 1, so this is a factor of 1 or of the slope
        return a * ((x > 0) * x.dtype.type(1 - self.slope) + x.dtype.type(self.slope))

    def da(self, g: Tensor, y: Tensor, a: Tensor, x: Tensor) -> Tensor:
        return LeakyRectifierGradient(self.slope)(g, x)

    def dx(self, g: Tensor, y: Tensor, a: Tensor, x: Tensor) -> None:
        return None


class ExponentialRectifier(Elementwise):
    """y = x where x > 0, else α (eˣ − 1)        dL/dx = g where x > 0, else g · (y + α)

    At 0 the derivative is α, as in torch.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def forward(self, x: Array) -> Array:
        xp = backend_of(x).xp
        return xp.where(x > 0, x, self.alpha * xp.expm1(xp.minimum(x, 0)))

    def dx(self, g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return g * where(x > 0, 1, y + self.alpha)


class HyperbolicTangent(Elementwise):
    """y = tanh x        dL/dx = g · (1 − y²)"""

    def forward(self, x: Array) -> Array:
        return backend_of(x).xp.tanh(x)

    def dx(self, g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return g * (1 - y * y)


class Logistic(Elementwise):
    """y = 1 / (1 + e⁻ˣ)        dL/dx = g · y · (1 − y)

    Written as e^min(x, 0) / (1 + e^−|x|), in which nothing can overflow.
    """

    def forward(self, x: Array) -> Array:
        xp = backend_of(x).xp
        return xp.exp(xp.minimum(x, 0)) / (1 + xp.exp(-xp.abs(x)))

    def dx(self, g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return g * y * (1 - y)


class SmoothRectifier(Elementwise):
    """y = ln(1 + e^βx) / β        dL/dx = g · σ(βx)

    Where βx > threshold it is x, as in torch: y = x and dL/dx = g.
    """

    def __init__(self, beta: float, threshold: float) -> None:
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Array) -> Array:
        xp = backend_of(x).xp
        scaled = x * self.beta
        y = (xp.maximum(scaled, 0) + xp.log1p(xp.exp(-xp.abs(scaled)))) / self.beta
        return xp.where(scaled > self.threshold, x, y)

    def dx(self, g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        scaled = x * self.beta
        return g * where(scaled > self.threshold, 1, sigmoid(scaled))


# `inplace` is torch's: there it saves memory. Here no function overwrites its input, and the
# argument is accepted so that a class definition runs unchanged.


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0); its derivative at 0 is 0."""
    check_tensors("relu", input)
    return LeakyRectifier(0.0)(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, else negative_slope · x (Maas, Hannun and Ng 2013)."""
    check_tensors("leaky_relu", input)
    return LeakyRectifier(negative_slope)(input)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else alpha · (eˣ − 1) (Clevert, Unterthiner and Hochreiter 2015)."""
    check_tensors("elu", input)
    return ExponentialRectifier(alpha)(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent, from −1 to 1."""
    check_tensors("tanh", input)
    return HyperbolicTangent()(_floating(input))


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e⁻ˣ), from 0 to 1."""
    check_tensors("sigmoid", input)
    return Logistic()(_floating(input))


def _floating(input: Tensor) -> Tensor:
    """Itself, or float32 for whole numbers, as in torch."""
    return input if input.dtype.kind == "f" else input.float()


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^βx) / β, a smooth max(x, 0)."""
    check_tensors("softplus", input)
    return SmoothRectifier(beta, threshold)(input)


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """x − ln Σ eˣ along a dimension: the logarithms of probabilities that sum to 1.

    Without `dim`, torch's guess: the first dimension of 0, 1 or 3, else the second. With `dtype`
    the input is turned into that type before.
    """
    return _log_softmax("log_softmax", input, dim, dtype)


def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """eˣ / Σ eˣ along a dimension: positive numbers that sum to 1. Its arguments: log_softmax."""
    return _log_softmax("softmax", input, dim, dtype).exp()


def _log_softmax(name: str, input: Tensor, dim: int | None, dtype: Any) -> Tensor:
    check_tensors(name, input)
    if dtype is not None:
        input = input.to(dtype)
    if dim is None:
        dim = 0 if input.ndim in (0, 1, 3) else 1
    if input.numel() == 0:
        return input.clone()  # which has no largest number
    below_zero = input - input.detach().amax(dim, keepdim=True)  # so that no exponential overflows
    return below_zero - log(below_zero.exp().sum(dim, keepdim=True))
