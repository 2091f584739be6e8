"""A picture: a uint8 array, (H, W) in gray or (H, W, 3) in color, until it is written as a PNG.

Next: grids.py, which makes one of many images.
"""

from __future__ import annotations

import io
import operator
import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from minigan.errors import UserError
from minigan.files import atomic_write

PathLike: TypeAlias = str | os.PathLike[str]


class Picture(np.ndarray):
    """A picture: an array like any other, but that a notebook shows it."""

    def _repr_png_(self) -> bytes | None:
        """As a PNG; None where arithmetic or an index has made something else of a picture."""
        try:
            image = image_of(self)
        except UserError:
            return None
        with io.BytesIO() as file:
            image.save(file, format="PNG")
            return file.getvalue()


def save_picture(path: PathLike, picture: np.ndarray, *, scale: int = 1) -> None:
    """Save a picture as a PNG, whole or not at all; `scale` enlarges each pixel to a square."""
    path, scale = checked_name(path, ".png"), whole("scale", scale, 1)
    image = image_of(picture)
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    with atomic_write(path, picture=True) as temporary:
        image.save(temporary, format="PNG", optimize=True)


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """The argument `name`, if it is a whole number from `least` to `most`; else a UserError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or (most is not None and number > most):
        bounds = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise UserError(f"{name} must be a whole number {bounds}, not {value!r}")
    return number


def on_host(values: Any) -> np.ndarray:
    return np.asarray(values.numpy() if hasattr(values, "numpy") else values)


def checked_name(path: PathLike, ending: str) -> Path:
    path = Path(path)
    if path.suffix.lower() != ending:
        raise UserError(f"The name of {path} must end in {ending}")
    return path


def image_of(picture: Any) -> Image.Image:
    picture = on_host(picture)
    is_one = picture.ndim >= 2 and picture.shape[2:] in ((), (3,)) and picture.size > 0
    if picture.dtype != np.uint8 or not is_one:
        raise UserError(
            f"A picture must be uint8, (H, W) or (H, W, 3), of at least one pixel, not "
            f"{picture.dtype} {picture.shape}. image_grid makes one of images."
        )
    return Image.fromarray(picture)
