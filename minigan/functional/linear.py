"""The linear layer's function: every output is a weighted sum of every input.

Next: normalization.py.
"""

from __future__ import annotations

from minigan.backend import backend_of
from minigan.functional.checks import check_types
from minigan.tensor import Array, Gradients, Op, Tensor


class Linear(Op):
    """y = x wᵀ + b        dL/dx = g w        dL/dw = (xᵀ g)ᵀ        dL/db = Σ g over the rows

    x (N, in), w (out, in), b (out,) or left out  ->  y (N, out)

    xᵀ g is (in, out), which is how the layers keep w in memory: optimizers copy nothing.
    """

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        y = backend_of(x).matmul(x, w.T)
        if b is not None:
            y += b
        return y

    def backward(self, g: Tensor, y: Tensor) -> Gradients:
        x, w, *b = self.inputs
        gx = g @ w if self.needs[0] else None
        gw = (x.T @ g).T if self.needs[1] else None
        return (gx, gw, g.sum(0) if self.needs[2] else None) if b else (gx, gw)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x weightᵀ + bias for x = input (…, in), weight (out, in) and bias (out,): (…, out)."""
    if weight.ndim != 2:
        raise ValueError(f"linear: the weight is (out, in), this one has shape {weight.shape}")
    if input.ndim < 1 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: the input of shape {input.shape} must end in the weight's "
            f"{weight.shape[1]} inputs (weight {weight.shape})"
        )
    check_types("linear", input, weight)
    rows = input if input.ndim == 2 else input.reshape(-1, input.shape[-1])  # (…, in) -> (N, in)
    y = Linear()(rows, weight) if bias is None else Linear()(rows, weight, bias)
    return y if input.ndim == 2 else y.reshape(*input.shape[:-1], weight.shape[0])
