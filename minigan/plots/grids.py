"""Grids: many images as one picture, and what the filters and the feature maps of a network show.

Next: films.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minigan.errors import UserError
from minigan.plots.picture import PathLike, Picture, on_host, save_picture, whole
from minigan.plots.ready import get_ready

COMFORTABLE = 640  # pixels: small images are enlarged until a picture is about this wide


def image_grid(
    images: Any,
    columns: int | None = None,
    *,
    padding: int = 2,
    value_range: tuple[float, float] = (-1, 1),
    labels: Sequence[object] | None = None,
    scale: int | None = 1,
    background: int = 0,
    caption: str | None = None,
) -> Picture:
    """Lay out images (N, C, H, W), C = 1 or 3, as one picture, row by row.

    Floats are mapped from `value_range` to 0..255: a fixed range, so that a gray generator looks
    gray. (Stretching each grid to its own minimum and maximum would make it look finished.) uint8
    is shown as it is. `columns` is the number in a row, by default about as many as rows.
    `padding` is the gap around each image in pixels of the picture, `background` its gray, and
    `labels` N captions, one under each image. `scale` is a whole enlargement; None enlarges small
    images, such as digits of 28 pixels, until they can be seen, and leaves large grids alone.
    `caption` stands on a strip of its own below all of them.
    """
    pixels = as_pixels(images, value_range)  # (N, C, H, W) uint8
    count, channels = pixels.shape[:2]
    columns = math.ceil(math.sqrt(count)) if columns is None else whole("columns", columns, 1)
    columns = min(count, columns)
    padding, background = whole("padding", padding, 0), whole("background", background, 0, 255)
    if scale is not None:
        scale = whole("scale", scale, 1)
    else:
        scale = max(1, round(COMFORTABLE / (columns * (pixels.shape[3] + padding))))
    rows = math.ceil(count / columns)
    pixels = pixels.repeat(scale, axis=2).repeat(scale, axis=3)  # -> (N, C, H·scale, W·scale)
    height, width = pixels.shape[2:]
    font_size = max(10, min(16, width // 4))
    down, across = height + padding + (font_size + 4 if labels is not None else 0), width + padding
    shape = (rows * down + padding, columns * across + padding, channels)
    picture = np.full(shape, background, dtype=np.uint8)
    corners = [
        (padding + i // columns * down, padding + i % columns * across) for i in range(count)
    ]
    for image, (top, left) in zip(pixels, corners, strict=True):
        picture[top : top + height, left : left + width] = image.transpose(1, 2, 0)  # (H, W, C)
    picture = picture[:, :, 0] if channels == 1 else picture  # (H, W, 1) -> (H, W)
    if labels is not None:
        labels = list(labels)
        if len(labels) != count:
            raise UserError(f"There are {count} images and {len(labels)} labels; give one for each")
        places = [(left + width / 2, top + height + font_size / 2 + 2) for top, left in corners]
        ink = "black" if background > 127 else "white"
        picture = _write(picture, places, labels, font_size, ink)
    return picture.view(Picture) if caption is None else captioned(picture, caption)


def captioned(picture: np.ndarray, caption: str) -> Picture:
    """The picture, and below it a white strip with a line of text, as large as there is room."""
    height, width = picture.shape[:2]
    font = next(
        font
        for size in (*range(15, 6, -1), 6)
        if (font := ImageFont.load_default(size)).getlength(caption) <= width - 4 or size == 6
    )
    strip = 22
    page = Image.new("L" if picture.ndim == 2 else "RGB", (width, height + strip), "white")
    page.paste(Image.fromarray(picture))
    middle = (width / 2, height + strip / 2)
    ImageDraw.Draw(page).text(middle, caption, fill="black", font=font, anchor="mm")
    return np.asarray(page).view(Picture)


def save_grid(
    path: PathLike,
    images: Any,
    columns: int | None = None,
    *,
    scale: int | None = None,
    **options: Any,
) -> None:
    """Save `image_grid(images, columns, scale=scale, **options)` as a PNG, whole or not at all."""
    save_picture(path, image_grid(images, columns, scale=scale, **options))


def real_beside_fake(
    path: PathLike,
    real: Any,
    fake: Any,
    *,
    columns: int | None = None,
    scale: int | None = None,
    value_range: tuple[float, float] = (-1, 1),
    caption: str | None = None,
) -> None:
    """Save a PNG with a grid of real images on the left and of generated ones on the right.

    Whoever shows it chooses both fairly: the real ones by a seed, not the first of the set, which
    are often of one class. `caption` says below them how they were chosen, or whose they are.
    """
    grids = [
        image_grid(images, columns, value_range=value_range, scale=scale) for images in (real, fake)
    ]
    margin, title = 16, 40
    height = max(grid.shape[0] for grid in grids) + title + margin
    width = sum(grid.shape[1] for grid in grids) + 3 * margin
    page = np.full((height, width, 3), 255, dtype=np.uint8)
    left, places = margin, []
    for grid in grids:
        color = grid if grid.ndim == 3 else grid[:, :, None]  # (H, W) -> (H, W, 1)
        page[title : title + grid.shape[0], left : left + grid.shape[1]] = color
        places.append((left + grid.shape[1] / 2, title / 2))
        left += grid.shape[1] + margin
    page = _write(page, places, ("real", "generated"), 20, "black")
    save_picture(path, page if caption is None else captioned(page, caption))


def filter_grid(weights: Any, *, columns: int | None = None, scale: int | None = None) -> Picture:
    """A picture of convolution weights (O, I, KH, KW), such as a discriminator's first layer.

    Filters with 3 input channels are shown in color; otherwise each (output, input) pair is one
    gray tile, a row for each output. Each filter is scaled by its own largest weight: mid-gray is
    0, white is +max and black is -max.
    """
    weights = _known(weights)
    if weights.ndim != 4 or weights.size == 0:
        raise UserError(
            f"Filters must be (out, in, height, width), none of them 0, not {weights.shape}"
        )
    if weights.shape[1] != 3:
        columns = columns or (weights.shape[1] if weights.shape[1] > 1 else None)
        weights = weights.reshape(-1, 1, *weights.shape[2:])  # (O, I, KH, KW) -> (O·I, 1, KH, KW)
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    largest[largest == 0] = 1
    return image_grid(weights / largest, columns, scale=scale, padding=3, background=255)


def activation_grid(maps: Any, *, columns: int | None = None, scale: int | None = None) -> Picture:
    """A picture of the feature maps (C, H, W) or (1, C, H, W) that one image gives, in color.

    Each map is scaled to its own range: dark is its smallest value and bright its largest, so
    one sees where a feature responds, not how strongly compared with the others. A map that is
    constant, such as a dead ReLU's, is dark.
    """
    maps = _known(maps)
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    if maps.ndim != 3 or maps.size == 0:
        raise UserError(
            f"Feature maps must be of one image, (channels, H, W), none 0, not {maps.shape}"
        )
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    maps = (maps - low) / np.where(high > low, high - low, 1)
    get_ready()  # here and below: it takes half a second, grids need none
    from matplotlib import colormaps

    palette = colormaps["magma"](np.arange(256), bytes=True)[:, :3]  # (256, 3)
    shades = as_pixels(maps[:, None], (0, 1))[:, 0]  # (C, H, W)
    return image_grid(palette[shades].transpose(0, 3, 1, 2), columns, scale=scale, background=255)


def _known(values: Any) -> np.ndarray:
    """float64, with 0 for NaN and infinity."""
    array = on_host(values)
    if array.dtype.kind not in "fiub":
        raise UserError(f"What a picture shows must be numbers, not {array.dtype}")
    return np.nan_to_num(array.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def as_pixels(images: Any, value_range: tuple[float, float]) -> np.ndarray:
    """Images (N, C, H, W) as uint8; values outside the range are clipped, NaN is its low end."""
    images = on_host(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.size == 0:
        raise UserError(
            f"Images must be (N, C, H, W) with 1 or 3 channels and at least one pixel, "
            f"not {images.shape}"
        )
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"Images must be uint8 or float, not {images.dtype}")
    low, high = _ends(value_range)
    levels = (images.astype(np.float64) - low) * (255 / (high - low))
    return np.nan_to_num(levels, nan=0.0).clip(0, 255).round().astype(np.uint8)


def _ends(value_range: Any) -> tuple[float, float]:
    try:
        low, high = map(float, value_range)
        different = math.isfinite(high - low) and low != high
    except (TypeError, ValueError):
        different = False
    if not different:
        raise UserError(
            "value_range must be two different numbers, what is black and what is white, such as "
            f"(-1, 1), not {value_range!r}"
        )
    return low, high


def _write(
    picture: np.ndarray,
    places: Iterable[tuple[float, float]],
    texts: Iterable[object],
    size: int,
    ink: str,
) -> Picture:
    """Write each text centered at its place (x, y)."""
    image = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for place, text in zip(places, texts, strict=True):
        pen.text(place, str(text), fill=ink, font=font, anchor="mm")
    return np.asarray(image).view(Picture)
