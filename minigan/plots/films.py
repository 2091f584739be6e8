"""Films: pictures of one size, one after another, as a GIF.

Next: ready.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from minigan.errors import UserError
from minigan.files import atomic_write
from minigan.plots.picture import PathLike, checked_name, image_of, whole


def save_animation(
    path: PathLike,
    frames: Sequence[Any],
    *,
    milliseconds: int = 150,
    last_milliseconds: int = 2000,
    most: int = 120,
) -> None:
    """Save pictures of one size, or the paths of saved ones, as a GIF that loops.

    All frames share one palette: 32 grays, or the 256 colors that fit the whole film best. The
    last frame stands longer. Of more than `most` frames, so many are taken at equal distances,
    the last one always.
    """
    path, most = checked_name(path, ".gif"), whole("most", most, 1)
    # GIF counts hundredths of a second, in 16 bits.
    milliseconds = whole("milliseconds", milliseconds, 0, 655_350)
    last_milliseconds = whole("last_milliseconds", last_milliseconds, 0, 655_350)
    if len(frames) == 0:
        raise UserError(f"{path} would have no frames: give at least one picture")
    chosen = np.linspace(len(frames) - 1, 0, min(most, len(frames))).round().astype(int)[::-1]
    images = [_as_image(frames[i]) for i in chosen]
    if len({(image.size, image.mode) for image in images}) > 1:
        kinds = sorted({f"{image.size} {image.mode}" for image in images})
        raise UserError(f"All frames of {path} must have one size and kind, not {', '.join(kinds)}")
    first, *rest = _in_32_grays(images) if images[0].mode == "L" else _in_256_colors(images)
    options = {
        "append_images": rest,
        "duration": [milliseconds] * len(rest) + [last_milliseconds],
        "loop": 0,  # for ever
        "palette": bytes(first.getpalette() or b""),  # once for all, not again for each frame
        "optimize": False,
    }
    with atomic_write(path, picture=True) as temporary:
        first.save(temporary, format="GIF", save_all=True, **options)


def _as_image(frame: Any) -> Image.Image:
    if isinstance(frame, str | os.PathLike):
        try:
            with Image.open(frame) as image:
                return image.convert("L" if image.mode == "L" else "RGB")
        except OSError as error:
            raise UserError(f"{frame} cannot be read as a picture: {error}") from error
    return image_of(frame)


def _in_32_grays(images: list[Image.Image]) -> list[Image.Image]:
    """The same pictures as numbers into one palette of grays; with 256 they would be far larger."""
    ramp = np.linspace(0, 255, 32).round().astype(np.uint8)  # (32,)
    indexed = [(np.asarray(image) * (31 / 255)).round().astype(np.uint8) for image in images]
    films = [Image.fromarray(index) for index in indexed]
    for film in films:
        film.putpalette(ramp.repeat(3).tobytes())  # red, green and blue alike
    return films


def _in_256_colors(images: list[Image.Image]) -> list[Image.Image]:
    """The same pictures in the colors that fit a sample of them best, not dithered.

    Dither would flicker from frame to frame, and it compresses badly.
    """
    some = images[:: max(1, len(images) // 16)] + images[-1:]
    sample = [np.asarray(image)[::2, ::2] for image in some]  # a quarter of the pixels
    palette = Image.fromarray(np.concatenate(sample, axis=1)).quantize(256)
    return [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
