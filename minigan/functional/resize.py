"""Resizing: images of another height and width, each of whose pixels is a weighted sum of old ones.

To enlarge an image by bilinear interpolation, or to shrink it by averaging, one can treat its
columns first and its rows afterwards. Each of the two is a matrix: so all of these are one linear
op, and only the matrices differ. They are as large as the sides of an image, and most of their
numbers are 0; beside a convolution, the products with them cost little. (Their price: an infinity
or a NaN spreads over its row and column, as 0 · ∞ is NaN.)

Next: pooling.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigan.backend import backend_of
from minigan.engine.node import Array
from minigan.engine.op import Op
from minigan.functional.checks import check_tensors
from minigan.tensor import Tensor


class Resize(Op):
    """y = p x qᵀ, for each channel of each image        dL/dx = pᵀ g q

    x (N, C, H, W), p (OH, H), q (OW, W)  ->  y (N, C, OH, OW), with the channels last in memory

    yₙ꜀ᵢⱼ = Σ over (h, w) of pᵢₕ · qⱼ_w · xₙ꜀ₕ_w. The adjoint of a Resize is one with both matrices
    transposed, so the gradient's gradient needs no further code.
    """

    def __init__(self, p: np.ndarray, q: np.ndarray) -> None:
        self.p, self.q = p, q

    def forward(self, x: Array) -> Array:
        backend = backend_of(x)
        p, q = (backend.asarray(matrix.astype(x.dtype)) for matrix in (self.p, self.q))
        n, channels, height, width = x.shape
        last = backend.contiguous(x.transpose(0, 2, 3, 1))  # (N, H, W, C)
        rows = last.reshape(n, height, width * channels)
        rows = backend.matmul(p, rows)  # (N, OH, W·C)
        places = backend.matmul(q, rows.reshape(n, len(p), width, channels))  # (N, OH, OW, C)
        return places.transpose(0, 3, 1, 2)

    def dx(self, g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Resize(self.p.T, self.q.T)(g)


def nearest(size: int, out: int, step: float) -> np.ndarray:
    """(out, size): place i takes pixel ⌊i · step⌋ as it is.

    To twice the size a step is ½, whatever the scale factor was, and the products are rounded to
    float32: torch's pixels to the last.
    """
    if out == 2 * size:
        step = 0.5
    places = np.floor(np.arange(out, dtype=np.float32) * np.float32(step)).astype(int)
    return np.eye(size)[np.minimum(places, size - 1)]


def linear(size: int, out: int, step: float, align_corners: bool) -> np.ndarray:
    """(out, size): place i lies between two pixels, and the nearer one weighs more.

    Pixels are squares, and place i is the middle of its square: s = (i + ½) · step − ½, held at 0
    and at the last pixel. With align_corners they are points, and the outermost ones stay where
    they are: s = i · (size − 1)/(out − 1). Pixel j weighs max(0, 1 − |s − j|).
    """
    i = np.arange(out)
    if align_corners:
        at = i * ((size - 1) / (out - 1)) if out > 1 else 0.0 * i
    else:
        at = np.maximum((i + 0.5) * step - 0.5, 0)
    at = np.minimum(at, size - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size)))


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Images (N, C, H, W) of another size, or so many times as high and wide: (N, C, OH, OW).

    `size` and `scale_factor` are one number for both directions, or (height, width); one of them
    is given. The mode is "nearest", which repeats pixels, or "bilinear", which blends the four
    around a place. With a scale factor s, OH = ⌊H · s⌋.
    """
    check_tensors("interpolate", input)
    if input.ndim != 4 or 0 in input.shape[1:]:
        raise ValueError(f"interpolate: images are (N, C, H, W), got shape {input.shape}")
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f'interpolate: the mode is "nearest" or "bilinear", not {mode!r}')
    if align_corners is not None and mode == "nearest":
        raise ValueError('interpolate: align_corners is for mode="bilinear" alone')
    matrices = []
    for n, (out, step) in zip(input.shape[2:], _steps(input, size, scale_factor), strict=True):
        if out < 1:
            raise ValueError(
                f"interpolate: from images of shape {input.shape}, size={size} and "
                f"scale_factor={scale_factor} would leave no pixel"
            )
        if out == n:  # whatever the scale factor was
            matrices.append(np.eye(n))
        elif mode == "nearest":
            matrices.append(nearest(n, out, step))
        else:
            matrices.append(linear(n, out, step, bool(align_corners)))
    return Resize(*matrices)(input)


def _steps(
    input: Tensor,
    size: int | Sequence[int] | None,
    scale_factor: float | Sequence[float] | None,
) -> list[tuple[int, float]]:
    """For height and width: the new size, and the old pixels from one new pixel to the next."""
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: either size or scale_factor is needed, and not both")
    sides = input.shape[2:]
    if size is not None:
        return [(int(out), n / max(out, 1)) for n, out in zip(sides, _two(size), strict=True)]
    assert scale_factor is not None
    factors = [float(factor) for factor in _two(scale_factor)]
    if not all(0 < factor < math.inf for factor in factors):
        raise ValueError(f"interpolate: scale factors are above 0 and finite, not {scale_factor}")
    return [(math.floor(n * s), 1 / s) for n, s in zip(sides, factors, strict=True)]


def _two(value: float | Sequence[float]) -> tuple[float, float]:
    height, width = value if isinstance(value, Sequence) else (value, value)
    return height, width
