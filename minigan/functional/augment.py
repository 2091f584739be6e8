"""Changing images at random, differentiably: brightness, saturation, contrast, place, a hole.

    Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020

A discriminator that has few pictures learns them by heart. It cannot if it never sees one twice as
it was. But then the drawn images must be changed in the same way, or the generator would learn to
draw changed ones; and for the generator to learn through the changes, they need derivatives. That
is all the paper is about, and all that is here: each function takes images (N, C, H, W), and one
random number for each of them. gans/augmentation.py draws these, and says when.

Next: maxout.py.
"""

from __future__ import annotations

from minigan.backend import backend_of
from minigan.engine.node import Array
from minigan.engine.op import Op
from minigan.functional.checks import check_tensors
from minigan.tensor import Tensor


class Shift(Op):
    """yₙ꜀ᵢⱼ = xₙ꜀₍ᵢ₋ₐ₎₍ⱼ₋ᵦ₎, or 0 where that lies outside        dL/dx = g, shifted back

    a and b are whole numbers (N,), on the backend of the images: how far image n goes down, and how
    far to the right.

    x (N, C, H, W)  ->  y (N, C, H, W), with the channels last in memory

    What is shifted out comes back as 0, so the adjoint of a Shift is the Shift back, and the
    gradient's gradient needs no further code.
    """

    def __init__(self, down: Array, right: Array) -> None:
        self.down, self.right = down, right

    def forward(self, x: Array) -> Array:
        xp = backend_of(x).xp
        n, _, height, width = x.shape
        rows = xp.arange(height) - self.down[:, None]  # (N, H): from where each row comes
        places = xp.arange(width) - self.right[:, None]  # (N, W)
        inside = _inside(rows, height)[:, :, None] & _inside(places, width)[:, None, :]  # (N, H, W)
        last = x.transpose(0, 2, 3, 1)  # (N, H, W, C)
        moved = last[
            xp.arange(n)[:, None, None],
            rows.clip(0, max(height - 1, 0))[:, :, None],
            places.clip(0, max(width - 1, 0))[:, None, :],
        ]  # (N, H, W, C)
        moved[~inside] = 0
        return moved.transpose(0, 3, 1, 2)

    def dx(self, g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Shift(-self.down, -self.right)(g)


def _inside(places: Array, size: int) -> Array:
    return (places >= 0) & (places < size)


def brightness(images: Tensor, amount: Tensor) -> Tensor:
    """Lighter by an amount (N, 1, 1, 1), or darker."""
    _check("brightness", images, amount)
    return images + amount


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Each pixel's colors, so many times as far from their mean: factors (N, 1, 1, 1), 0 is gray.

    Images of one channel have no color, and stay what they are.
    """
    _check("saturation", images, factor)
    gray = images.mean(1, keepdim=True)  # (N, 1, H, W)
    return (images - gray) * factor + gray


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Each pixel, so many times as far from the image's mean: factors (N, 1, 1, 1)."""
    _check("contrast", images, factor)
    mean = images.mean((1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
    return (images - mean) * factor + mean


def translation(images: Tensor, down: Array, right: Array, *, fill: float = 0.0) -> Tensor:
    """Shifted by whole pixels (N,), down and to the right; what comes in from outside is `fill`."""
    _check("translation", images)
    return Shift(down, right)(images - fill) + fill if fill else Shift(down, right)(images)


def cutout(
    images: Tensor, row: Array, column: Array, size: tuple[int, int], *, fill: float = 0.0
) -> Tensor:
    """A rectangle of `fill` in place of the pixels around (row, column), whole numbers (N,).

    The rectangle is size = (height, width) pixels large, and its middle may lie at the edge: what
    of it would be outside is not cut (DeVries and Taylor 2017).
    """
    _check("cutout", images)
    xp = images.backend.xp
    height, width = images.shape[2:]
    rows = xp.arange(height) - (row[:, None] - size[0] // 2)  # (N, H), from the hole's first row
    columns = xp.arange(width) - (column[:, None] - size[1] // 2)  # (N, W)
    hole = _inside(rows, size[0])[:, None, :, None] & _inside(columns, size[1])[:, None, None, :]
    keep = Tensor.of((~hole).astype(images.dtype))  # (N, 1, H, W): 0 in the hole, else 1
    return images * keep + (1 - keep) * fill if fill else images * keep


def _check(name: str, images: Tensor, amount: Tensor | None = None) -> None:
    check_tensors(name, images, amount=amount)
    if images.ndim != 4:
        raise ValueError(f"{name}: images are (N, C, H, W), got shape {images.shape}")
    if amount is not None and amount.shape != (len(images), 1, 1, 1):
        raise ValueError(
            f"{name}: one number for each of {len(images)} images has the shape "
            f"({len(images)}, 1, 1, 1), got {amount.shape}"
        )
