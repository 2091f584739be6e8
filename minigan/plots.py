"""Pictures of a run: grids of images, films, loss curves, latent walks, filters and features.

Every function takes host arrays, or anything with `.numpy()`. Pictures are uint8 arrays, (H, W)
in gray or (H, W, 3) in color, until `save_picture` writes them. Curves are drawn without pyplot,
so nothing here touches the figures or the settings of the program around it.
Next: testing.py.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from minigan.errors import UserError
from minigan.files import atomic_write
from minigan.training.run_folder import read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PathLike: TypeAlias = str | os.PathLike[str]
Picture: TypeAlias = np.ndarray  # uint8, (H, W) or (H, W, 3)

COMFORTABLE = 640  # pixels: small images are enlarged until a picture is about this wide
COLORS = ("#2f6db3", "#e07b28", "#3c9d72", "#8c5fb5")  # blue for D, orange for G, then others


# ---------------------------------------------------------------------------------------------
# Grids


def image_grid(
    images: Any,
    columns: int | None = None,
    *,
    padding: int = 2,
    value_range: tuple[float, float] = (-1, 1),
    labels: Sequence[object] | None = None,
    scale: int | None = 1,
    background: int = 0,
) -> Picture:
    """Lay out images (N, C, H, W), C = 1 or 3, as one picture, row by row.

    Floats are mapped from `value_range` to 0..255: a fixed range, so that a gray generator looks
    gray. (Stretching each grid to its own minimum and maximum would make it look finished.) uint8
    is shown as it is. `columns` is the number in a row, by default about as many as rows.
    `padding` is the gap around each image in pixels of the picture, `background` its gray, and
    `labels` N captions, one under each image. `scale` is a whole enlargement; None enlarges small
    images, such as digits of 28 pixels, until they can be seen, and leaves large grids alone.
    """
    pixels = _as_pixels(images, value_range)  # (N, C, H, W) uint8
    count, channels = pixels.shape[:2]
    columns = min(count, math.ceil(math.sqrt(count)) if columns is None else columns)
    if columns < 1 or (scale is not None and scale < 1):
        raise UserError(f"columns ({columns}) and scale ({scale}) must be at least 1.")
    if scale is None:
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
    if labels is None:
        return picture
    if len(labels) != count:
        raise UserError(f"There are {count} images and {len(labels)} labels; give one for each.")
    places = [(left + width / 2, top + height + font_size / 2 + 2) for top, left in corners]
    ink = "black" if background > 127 else "white"
    return _write(picture, places, labels, font_size, ink)


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


def save_picture(path: PathLike, picture: Picture, *, scale: int = 1) -> None:
    """Save a picture as a PNG, whole or not at all; `scale` enlarges each pixel to a square."""
    path = _checked(path, ".png")
    image = _to_image(picture)
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    with atomic_write(path) as temporary:
        image.save(temporary, format="PNG", optimize=True)


def real_beside_fake(
    path: PathLike,
    real: Any,
    fake: Any,
    *,
    columns: int | None = None,
    scale: int | None = None,
    value_range: tuple[float, float] = (-1, 1),
) -> None:
    """Save a PNG with a grid of real images on the left and of generated ones on the right."""
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
    save_picture(path, _write(page, places, ("real", "generated"), 20, "black"))


def filter_grid(weights: Any, *, columns: int | None = None, scale: int | None = None) -> Picture:
    """A picture of convolution weights (O, I, KH, KW), such as a discriminator's first layer.

    Filters with 3 input channels are shown in color; otherwise each (output, input) pair is one
    gray tile, a row for each output. Each filter is scaled by its own largest weight: mid-gray is
    0, white is +max and black is -max.
    """
    weights = _known(weights)
    if weights.ndim != 4:
        raise UserError(f"Filters must be (out, in, height, width), not {weights.shape}.")
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
    if maps.ndim != 3:
        raise UserError(f"Feature maps must be of one image, (channels, H, W), not {maps.shape}.")
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    maps = (maps - low) / np.where(high > low, high - low, 1)
    from matplotlib import colormaps  # here and below: it takes half a second, grids need none

    palette = colormaps["magma"](np.arange(256), bytes=True)[:, :3]  # (256, 3)
    shades = _as_pixels(maps[:, None], (0, 1))[:, 0]  # (C, H, W)
    return image_grid(palette[shades].transpose(0, 3, 1, 2), columns, scale=scale, background=255)


# ---------------------------------------------------------------------------------------------
# Films


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
    path = _checked(path, ".gif")
    if len(frames) == 0:
        raise UserError(f"{path} would have no frames: give at least one picture.")
    chosen = np.linspace(len(frames) - 1, 0, min(most, len(frames))).round().astype(int)[::-1]
    images = [_as_image(frames[i]) for i in chosen]
    if len({(image.size, image.mode) for image in images}) > 1:
        kinds = sorted({f"{image.size} {image.mode}" for image in images})
        raise UserError(
            f"All frames of {path} must have one size and kind, not {', '.join(kinds)}."
        )
    first, *rest = _in_32_grays(images) if images[0].mode == "L" else _in_256_colors(images)
    options = {
        "append_images": rest,
        "duration": [milliseconds] * len(rest) + [last_milliseconds],
        "loop": 0,  # for ever
        "palette": bytes(first.getpalette() or b""),  # once for all, not again for each frame
        "optimize": False,
    }
    with atomic_write(path) as temporary:
        first.save(temporary, format="GIF", save_all=True, **options)


# ---------------------------------------------------------------------------------------------
# Curves


def save_losses(
    path: PathLike, metrics: PathLike | Mapping[str, Any], *, unit: str = "nats"
) -> None:
    """Save a PNG of every loss against the iteration; of a critic's distance, and of D(x) and
    D(G(z)), too, where recorded.

    `metrics` is the path of a metrics.csv or its columns, such as {"iteration": …, "D loss": …}.
    `unit` is the losses' (nats for a cross entropy). The faint line is what was recorded; the
    strong one its moving average over a fiftieth of the rows. Rows that are not finite are gaps.
    """
    path = _checked(path, ".png")
    columns = metrics if isinstance(metrics, Mapping) else read_metrics(metrics)
    values = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    losses = sorted(name for name in values if "loss" in name.lower())  # D before G
    losses += [name for name in values if name == "distance"]
    beliefs = [name for name in values if name.startswith("D(")]
    if not losses or "iteration" not in values:
        raise UserError(f"There is no loss to plot: the columns are {', '.join(values) or 'none'}.")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7 if beliefs else 4.5), dpi=110, layout="constrained")
    panels = figure.subplots(2 if beliefs else 1, squeeze=False, sharex=True)[:, 0]
    _draw(panels[0], values, losses, f"loss ({unit})")
    if beliefs:
        panels[1].axhline(0.5, color="#999999", linewidth=1, linestyle=":")
        _draw(panels[1], values, beliefs, "D's output (probability of real)")
        panels[1].set_ylim(0, 1)
    panels[-1].set_xlabel("iteration (batches)")
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw(axes: Axes, values: dict[str, np.ndarray], names: list[str], label: str) -> None:
    iterations = values["iteration"]
    limits: list[float] = []
    for name, color in zip(names, itertools.cycle(COLORS), strict=False):
        recorded = np.where(np.isfinite(values[name]), values[name], np.nan)
        smooth = _moving_average(recorded, len(recorded) // 50)
        marker = "o" if len(recorded) < 3 else None  # a single row makes no line
        axes.plot(iterations, recorded, color=color, alpha=0.25, linewidth=0.8, zorder=2)
        axes.plot(
            iterations, smooth, color=color, linewidth=1.8, marker=marker, label=name, zorder=3
        )
        if np.isfinite(recorded).any():
            limits += list(np.nanpercentile(recorded, [0.5, 99.5]))
    if limits:  # percentiles, for a few wild batches should not press the curves flat
        margin = 0.05 * (max(limits) - min(limits) or 1)
        axes.set_ylim(min(limits) - margin, max(limits) + margin)
    else:
        axes.text(0.5, 0.5, "no finite value was recorded", transform=axes.transAxes, ha="center")
    if iterations[-1:] > iterations[:1]:
        axes.set_xlim(iterations[0], iterations[-1])
    axes.set_ylabel(label)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(names), loc="lower right", bbox_to_anchor=(1, 1))


def _moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """The mean of the known values within half a window of each; unknown (NaN) stays unknown."""
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])  # (rows + 1,)
    counts = np.concatenate([[0], np.cumsum(known)])
    row = np.arange(len(values))
    start, stop = np.maximum(row - window // 2, 0), np.minimum(row + window // 2 + 1, len(values))
    means = (sums[stop] - sums[start]) / np.maximum(counts[stop] - counts[start], 1)
    return np.where(known, means, np.nan)


# ---------------------------------------------------------------------------------------------
# Latent space


def latent_walk(start: Any, end: Any, steps: int, *, spherical: bool = True) -> np.ndarray:
    """`steps` latent vectors from `start` to `end`, both included: (steps, *start.shape).

    Normal vectors of many dimensions all lie near one sphere, and a straight line between two of
    them runs through its empty inside. The great circle stays on the sphere (Shoemake 1985;
    White 2016, "Sampling Generative Networks"):

        z(t) = sin((1-t)·ω) / sin(ω) · start + sin(t·ω) / sin(ω) · end,   t = 0 … 1,

    with ω the angle between the two. For parallel vectors sin(ω) is 0; then, and with
    `spherical=False`, the walk is z(t) = (1-t)·start + t·end.
    """
    start, end = _host(start), _host(end)
    if start.shape != end.shape:
        raise UserError(
            f"A walk needs two vectors of one shape, not {start.shape} and {end.shape}."
        )
    if steps < 2:
        raise UserError(f"A walk from one vector to another has at least 2 steps, not {steps}.")
    t = np.linspace(0, 1, steps).reshape(-1, *[1] * start.ndim)  # (steps, 1, ...)
    angle = _angle(start, end)
    if spherical and math.sin(angle) > 1e-6:
        weights = np.sin((1 - t) * angle), np.sin(t * angle)
        walk = (weights[0] * start + weights[1] * end) / math.sin(angle)
    else:
        walk = (1 - t) * start + t * end
    return walk.astype(start.dtype)


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    """The angle between two vectors, accurate for nearly parallel ones too (Kahan 2006)."""
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    a, b = a * np.linalg.norm(b), b * np.linalg.norm(a)  # of one length
    return 2 * math.atan2(float(np.linalg.norm(a - b)), float(np.linalg.norm(a + b)))


# ---------------------------------------------------------------------------------------------
# Helpers


def _host(values: Any) -> np.ndarray:
    return np.asarray(values.numpy() if hasattr(values, "numpy") else values)


def _known(values: Any) -> np.ndarray:
    """float64, with 0 for NaN and infinity."""
    return np.nan_to_num(_host(values).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _as_pixels(images: Any, value_range: tuple[float, float]) -> np.ndarray:
    """Images (N, C, H, W) as uint8; values outside the range are clipped, NaN is its low end."""
    images = _host(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.size == 0:
        raise UserError(
            f"Images must be (N, C, H, W) with 1 or 3 channels and at least one pixel, "
            f"not {images.shape}."
        )
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"Images must be uint8 or float, not {images.dtype}.")
    low, high = value_range
    levels = (images.astype(np.float64) - low) * (255 / (high - low))
    return np.nan_to_num(levels, nan=0.0).clip(0, 255).round().astype(np.uint8)


def _write(
    picture: Picture,
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
    return np.asarray(image)


def _checked(path: PathLike, ending: str) -> Path:
    path = Path(path)
    if path.suffix.lower() != ending:
        raise UserError(f"The name of {path} must end in {ending}.")
    return path


def _as_image(frame: Any) -> Image.Image:
    if isinstance(frame, str | os.PathLike):
        try:
            with Image.open(frame) as image:
                return image.convert("L" if image.mode == "L" else "RGB")
        except OSError as error:
            raise UserError(f"{frame} cannot be read as a picture: {error}.") from error
    return _to_image(frame)


def _to_image(picture: Any) -> Image.Image:
    picture = _host(picture)
    if picture.dtype != np.uint8 or picture.shape[2:] not in ((), (3,)) or picture.ndim < 2:
        raise UserError(
            f"A picture must be uint8, (H, W) or (H, W, 3), not {picture.dtype} {picture.shape}. "
            "image_grid makes one of images."
        )
    return Image.fromarray(picture)


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
