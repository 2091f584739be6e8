"""torchvision.transforms: from a Pillow picture to a tensor, one step after another.

Next: datasets.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np
from PIL import Image

from minigan.compat.forward import forward
from minigan.random import default_generator
from minigan.tensor import Tensor


class InterpolationMode(Enum):
    """How Pillow fills in between pixels."""

    NEAREST = Image.Resampling.NEAREST
    BILINEAR = Image.Resampling.BILINEAR
    BICUBIC = Image.Resampling.BICUBIC
    LANCZOS = Image.Resampling.LANCZOS


class Compose:
    """One transform after another."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.transforms))})"


class ToTensor:
    """A picture, or bytes (H, W, C) or (H, W), as float32 (C, H, W) from 0 to 1.

    An array of other numbers keeps its values and type.
    """

    def __call__(self, picture: Image.Image | np.ndarray) -> Tensor:
        if not isinstance(picture, Image.Image | np.ndarray):
            raise TypeError(f"ToTensor takes a picture or an array, not {_kind(picture)}")
        pixels = np.asarray(picture)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))  # (H, W, C) -> (C, H, W)
        return Tensor(planes / np.float32(255) if planes.dtype == np.uint8 else planes)


class Normalize:
    """(x − mean) / std, with a mean and a std for each channel of (…, C, H, W).

    Three equal numbers do for gray images, too, as in torchvision before 0.3: many scripts of then
    have them.
    """

    def __init__(
        self, mean: Sequence[float] | float, std: Sequence[float] | float, inplace: bool = False
    ) -> None:
        self.mean, self.std = mean, std
        if not np.all(np.asarray(std)):
            raise ValueError(f"Normalize divides by the std, which must not be 0: {std}")

    def __call__(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError(f"Normalize takes a tensor, not {_kind(x)}: put ToTensor before it")
        mean, std = (np.asarray(v, x.dtype).reshape(-1, 1, 1) for v in (self.mean, self.std))
        if x.shape[-3] == 1 and len(np.unique(mean)) == len(np.unique(std)) == 1:
            mean, std = mean[:1], std[:1]
        if max(len(mean), len(std)) > x.shape[-3]:
            raise ValueError(
                f"Normalize has {len(mean)} means and {len(std)} stds for {x.shape[-3]} channels; "
                "gray images take Normalize([0.5], [0.5])"
            )
        return (x - Tensor(mean)) / Tensor(std)

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class _OfPicture:
    """What takes a Pillow picture and gives another."""

    def __call__(self, picture: Image.Image) -> Image.Image:
        if not isinstance(picture, Image.Image):
            raise TypeError(
                f"{type(self).__name__} takes a Pillow picture, not {_kind(picture)}: put it "
                "before ToTensor"
            )
        return self.changed(picture)

    def changed(self, picture: Image.Image) -> Image.Image:
        raise NotImplementedError


class Resize(_OfPicture):
    """To (height, width), or, for a single number, so that the shorter side has it."""

    def __init__(
        self, size: int | Sequence[int], interpolation: Any = InterpolationMode.BILINEAR,
        *torchs: Any, **antialias: Any,
    ) -> None:  # fmt: skip
        self.size = size
        known = isinstance(interpolation, InterpolationMode)
        self.filter = interpolation.value if known else Image.Resampling(interpolation)

    def changed(self, picture: Image.Image) -> Image.Image:
        sizes = [self.size] if isinstance(self.size, int) else list(self.size)
        if len(sizes) == 2:
            return picture.resize((sizes[1], sizes[0]), self.filter)
        short, (width, height) = sizes[0], picture.size
        if width <= height:
            wanted = (short, int(short * height / width))
        else:
            wanted = (int(short * width / height), short)
        return picture if wanted == picture.size else picture.resize(wanted, self.filter)


class CenterCrop(_OfPicture):
    """The middle (height, width), or a square; what is missing at the edges is black."""

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)

    def changed(self, picture: Image.Image) -> Image.Image:
        (height, width), (w, h) = self.size, picture.size
        if w < width or h < height:
            left, top = max(width - w, 0) // 2, max(height - h, 0) // 2
            canvas = Image.new(picture.mode, (max(w, width), max(h, height)))
            canvas.paste(picture, (left, top))
            picture, (w, h) = canvas, canvas.size
        top, left = round((h - height) / 2), round((w - width) / 2)
        return picture.crop((left, top, left + width, top + height))


class RandomHorizontalFlip(_OfPicture):
    """Mirrored with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def changed(self, picture: Image.Image) -> Image.Image:
        if default_generator().uniform(1)[0] >= self.p:
            return picture
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


class Grayscale(_OfPicture):
    """Gray, in one channel or in three equal ones."""

    def __init__(self, num_output_channels: int = 1) -> None:
        if num_output_channels not in (1, 3):
            raise ValueError(f"a gray picture has 1 or 3 channels, not {num_output_channels}")
        self.channels = num_output_channels

    def changed(self, picture: Image.Image) -> Image.Image:
        gray = picture.convert("L")
        return gray if self.channels == 1 else gray.convert("RGB")


class ToPILImage:
    """A tensor (C, H, W) from 0 to 1, or bytes (H, W, C), as a Pillow picture."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, image: Tensor | np.ndarray) -> Image.Image:
        if isinstance(image, Tensor):
            values = image.detach().numpy()
            values = values[None] if values.ndim == 2 else values
            if values.dtype.kind == "f":
                values = (values * 255).astype(np.uint8)
            pixels = values.transpose(1, 2, 0)  # (C, H, W) -> (H, W, C)
        else:
            pixels = image
        pixels = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        return picture.convert(self.mode) if self.mode else picture


class Lambda:
    """Any function."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        self.lambd = lambd

    def __call__(self, x: Any) -> Any:
        return self.lambd(x)


def _kind(x: object) -> str:
    return f"a {type(x).__name__}"


_INSTEAD = {
    "Scale": "Resize, its name since torchvision 0.4",
    **dict.fromkeys(
        ("RandomCrop", "RandomResizedCrop", "RandomRotation", "ColorJitter", "RandomAffine"),
        "transforms.Lambda(function of a Pillow picture) does it",
    ),
}
__getattr__ = forward("torchvision.transforms", instead=_INSTEAD)
