"""A picture: a uint8 array, (H, W) in gray or (H, W, 3) in color, until it is written as a PNG.

Next: grids.py, which makes one of many images.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from minigan.errors import UserError
from minigan.files import atomic_write

PathLike: TypeAlias = str | os.PathLike[str]
Picture: TypeAlias = np.ndarray  # uint8, (H, W) or (H, W, 3)


def save_picture(path: PathLike, picture: Picture, *, scale: int = 1) -> None:
    """Save a picture as a PNG, whole or not at all; `scale` enlarges each pixel to a square."""
    path = checked_name(path, ".png")
    image = image_of(picture)
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    with atomic_write(path) as temporary:
        image.save(temporary, format="PNG", optimize=True)


def on_host(values: Any) -> np.ndarray:
    return np.asarray(values.numpy() if hasattr(values, "numpy") else values)


def checked_name(path: PathLike, ending: str) -> Path:
    path = Path(path)
    if path.suffix.lower() != ending:
        raise UserError(f"The name of {path} must end in {ending}.")
    return path


def image_of(picture: Any) -> Image.Image:
    picture = on_host(picture)
    if picture.dtype != np.uint8 or picture.shape[2:] not in ((), (3,)) or picture.ndim < 2:
        raise UserError(
            f"A picture must be uint8, (H, W) or (H, W, 3), not {picture.dtype} {picture.shape}. "
            "image_grid makes one of images."
        )
    return Image.fromarray(picture)
