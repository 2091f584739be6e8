"""The linear layer's function: every output is a weighted sum of every input.

Next: normalization.py.
"""

from __future__ import annotations

from minigan.backend import backend_of
from minigan.engine.node import Array
from minigan.engine.op import Op
from minigan.functional.checks import check_tensors, check_types
from minigan.tensor import Tensor


class Affine(Op):
    """y = x wᵀ + b        dL/dx = g w        dL/dw = (xᵀ g)ᵀ        dL/db = Σ g over the rows

    x (N, in), w (out, in), b (out,) or left out  ->  y (N, out)

    xᵀ g is (in, out), which is how the layers keep w in memory: optimizers copy nothing.
    """

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        y = backend_of(x).matmul(x, w.T)
        if b is not None:
            y += b
        return y

    def dx(self, g: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        return g @ w

    def dw(self, g: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        return (x.T @ g).T

    def db(self, g: Tensor, y: Tensor, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        return g.sum(0)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x weightᵀ + bias for x = input (…, in), weight (out, in) and bias (out,): (…, out)."""
    check_tensors("linear", input, weight=weight, bias=bias)
    if weight.ndim != 2:
        raise ValueError(f"linear: the weight is (out, in), this one has shape {weight.shape}")
    if input.ndim < 1 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: the input of shape {input.shape} must end in the weight's "
            f"{weight.shape[1]} inputs (weight {weight.shape})"
        )
    check_types("linear", input, weight)
    rows = input if input.ndim == 2 else input.reshape(-1, input.shape[-1])  # (…, in) -> (N, in)
    y = Affine()(rows, weight) if bias is None else Affine()(rows, weight, bias)
    return y if input.ndim == 2 else y.reshape(*input.shape[:-1], weight.shape[0])
