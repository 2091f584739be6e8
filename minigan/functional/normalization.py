"""Batch normalization: each channel gets the mean and the deviation that it shall have.

Next: losses.py.
"""

from __future__ import annotations

from minigan.backend import backend_of
from minigan.engine.fused import FusedOp
from minigan.engine.node import Array
from minigan.tensor import Tensor


class BatchNorm(FusedOp):
    """x̂ = (x − mean) / √(var + eps),  y = w · x̂ + b, per channel (Ioffe and Szegedy 2015)

    dL/dx = w/√(var + eps) · (g − mean(g) − x̂ · mean(g · x̂)),  dL/dw = Σ g · x̂,  dL/db = Σ g

    x (N, C, …); w and b (C,), or left out for 1 and 0. mean and var run over everything but C,
    and var is the biased one (÷ m). After the forward pass they are in `self.mean`, `self.var`.
    """

    mean: Array
    var: Array

    def __init__(self, eps: float) -> None:
        self.eps = eps

    def formula(self, x: Tensor, w: Tensor | None = None, b: Tensor | None = None) -> Tensor:
        others = [axis for axis in range(x.ndim) if axis != 1]
        per_channel = (1, -1) + (1,) * (x.ndim - 2)
        from_mean = x - x.mean(others, keepdim=True)
        variance = (from_mean * from_mean).mean(others, keepdim=True)
        y = from_mean / (variance + self.eps).sqrt()
        if w is None or b is None:
            return y
        return y * w.reshape(per_channel) + b.reshape(per_channel)

    def forward(self, x: Array, w: Array | None = None, b: Array | None = None) -> Array:
        backend = backend_of(x)
        rows = channel_rows(x)  # (N, C, …) -> (M, C)
        self.mean, self.var = backend.column_moments(rows)
        scale = 1 / backend.xp.sqrt(self.var + self.eps)
        if w is not None:
            scale = scale * w
        shift = -self.mean * scale if b is None else b - self.mean * scale
        return from_channel_rows(backend.column_affine(rows, scale, shift), x.shape)

    def backward_arrays(self, g: Array, y: Array) -> tuple[Array | None, ...]:
        arrays = [x.array for x in self.inputs]
        x, w = arrays[0], arrays[1] if len(arrays) == 3 else None
        backend = backend_of(x)
        rows, g_rows = channel_rows(x), channel_rows(g)
        inv_std = 1 / backend.xp.sqrt(self.var + self.eps)
        gb = backend.column_sums(g_rows)
        gw = backend.column_products(g_rows, rows, self.mean) * inv_std
        # gx = scale · (g − gb/m − x̂ · gw/m), gathered as  g · scale + x · slope + shift
        # With x̂ = (x − mean) · inv_std, the last term is x · slope − mean · slope.
        scale = inv_std if w is None else inv_std * w
        slope = -scale * inv_std * gw / rows.shape[0]
        shift = -scale * gb / rows.shape[0] - self.mean * slope
        gx = from_channel_rows(backend.column_affine(g_rows, scale, rows, slope, shift), x.shape)
        return (gx,) if w is None else (gx, gw, gb)


def channel_rows(x: Array) -> Array:
    """(N, C, …) -> (N·…, C), row after row in memory: no copy if x's channels lie last there."""
    last = (0, *range(2, x.ndim), 1)
    return backend_of(x).xp.ascontiguousarray(x.transpose(last).reshape(-1, x.shape[1]))


def from_channel_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    """(N·…, C) -> (N, C, …), with the channels last in memory."""
    n, channels, *spatial = shape
    first = (0, len(shape) - 1, *range(1, len(shape) - 1))
    return rows.reshape(n, *spatial, channels).transpose(first)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalize each channel of (N, C, …) by the batch (training) or by running statistics.

    In training the running statistics, if given, move: running += momentum · (batch − running),
    where the batch's variance is the unbiased one (÷ (m − 1)).
    """
    if (weight is None) != (bias is None):
        raise ValueError("batch_norm: weight and bias come together, or neither of them")
    affine = () if weight is None or bias is None else (weight, bias)
    if training or running_mean is None or running_var is None:
        count = input.numel() // max(input.shape[1], 1)
        if count < 2 and training:
            raise ValueError(
                f"batch_norm: training needs more than 1 value per channel, got shape {input.shape}"
            )
        op = BatchNorm(eps)
        y = op(input, *affine)
        if training and running_mean is not None and running_var is not None:
            for running, batch in (
                (running_mean, op.mean),
                (running_var, op.var * (count / (count - 1))),
            ):
                running.array += momentum * (batch - running.array)
                running.mark_changed()
        return y
    per_channel = (1, -1) + (1,) * (input.ndim - 2)
    mean, var = running_mean.reshape(per_channel), running_var.reshape(per_channel)
    scale = 1 / (var + eps).sqrt()
    if not affine:
        return (input - mean) * scale
    scale = scale * affine[0].reshape(per_channel)
    return (input - mean) * scale + affine[1].reshape(per_channel)
