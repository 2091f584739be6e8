"""torchvision.utils: make_grid and save_image, by torchvision's rules.

minigan's own plots/grids.py maps a fixed range to black and white; here `normalize=True` stretches
the darkest and the brightest pixel of the whole grid, as scripts for torchvision expect.
Next: models.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from minigan.compat.forward import forward
from minigan.tensor import Tensor

Range = tuple[float, float] | None


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: Range = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
    *,
    range: Range = None,  # its name before torchvision 0.12
) -> Tensor:
    """Images (N, C, H, W) side by side, `nrow` in a row: (3, rows · (H + padding) + padding, …).

    Gray images get three equal channels. `normalize` maps value_range, or else the darkest and the
    brightest pixel (of each image, with scale_each), to 0 and 1. A single image is not padded.
    """
    if isinstance(tensor, Tensor):
        images = tensor.numpy()
    else:
        images = np.stack([image.numpy() for image in tensor])
    if images.ndim not in (2, 3, 4):
        raise ValueError(f"make_grid takes images (N, C, H, W), not {images.shape}")
    images = images.reshape((1,) * (4 - images.ndim) + images.shape)  # (H, W), (C, H, W) -> 4
    if images.shape[1] == 1:
        images = images.repeat(3, axis=1)
    if normalize:
        limits = value_range or range
        parts = [_stretched(x, limits) for x in (images if scale_each else [images])]
        images = np.stack(parts) if scale_each else parts[0]
    count, channels, height, width = images.shape
    if count == 1:
        return Tensor(images[0])
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    down, across = height + padding, width + padding
    grid = np.full(
        (channels, rows * down + padding, columns * across + padding), pad_value, images.dtype
    )
    for number, image in enumerate(images):
        top, left = number // columns * down + padding, number % columns * across + padding
        grid[:, top : top + height, left : left + width] = image
    return Tensor(grid)


def save_image(
    tensor: Tensor | Sequence[Tensor], fp: Any, format: str | None = None, **options: Any
) -> None:
    """Write `make_grid(tensor, **options)` as a picture: 0 is black, 1 is white."""
    levels = make_grid(tensor, **options).numpy() * 255 + 0.5
    pixels = np.clip(levels, 0, 255).astype(np.uint8).transpose(1, 2, 0)  # (C, H, W) -> (H, W, C)
    Image.fromarray(pixels).save(fp, format=format)


def _stretched(x: np.ndarray, limits: Range) -> np.ndarray:
    """low … high -> 0 … 1; what lies outside is cut off."""
    low, high = (float(x.min()), float(x.max())) if limits is None else limits
    result: np.ndarray = (np.clip(x, low, high) - low) / max(high - low, 1e-5)
    return result


__getattr__ = forward("torchvision.utils")
