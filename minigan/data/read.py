"""What --data may name: MNIST, a folder like it, CIFAR-10, or any folder or zip file of pictures.

Next: ../gans/base.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from minigan.data.cifar10 import cifar10
from minigan.data.loader import ImageDataset
from minigan.data.mnist import holds_idx, mnist
from minigan.data.pictures.folder import image_folder
from minigan.errors import UserError

CIFAR = "cifar10:"  # before the folder that holds its files


def are_pictures(data: str | Path | None) -> bool:
    """Whether `data` names a folder or zip file of pictures, and none of the known sets."""
    return data is not None and not str(data).startswith(CIFAR) and not holds_idx(data)


def read_images(
    data: str | Path | None = None,
    image_size: int | None = None,
    channels: int | None = None,
    *,
    count: int | None = None,
    digits: int = 28,
    pictures: int = 32,
    cache: str | Path | None = None,
) -> ImageDataset:
    """The training images that `data` names, as they are to be learned.

    data: None for MNIST; a folder of IDX files, such as Fashion-MNIST; cifar10:FOLDER; or a folder
    of pictures, nested or not, or a zip file of one.
    image_size: the side of the images in pixels. Where it is None it is `digits` for MNIST and its
    like, `pictures` for pictures, and 32, as they are, for CIFAR-10's.
    channels: 1 for gray, 3 for color; None: as they are, and color for pictures.
    count: so many of them only: of pictures, whose order is that of their names, a fair draw, and
    of the other sets the first ones.
    cache: a .npy file in which decoded pictures are kept; see `image_folder`.

    Raises UserError if there are no such images, or none of that size.
    """
    if are_pictures(data):
        assert data is not None
        found = image_folder(data, image_size or pictures, channels or 3, cache=cache)
        return found if count is None else found.drawn(count)[0]
    if str(data or "").startswith(CIFAR):
        if channels == 1:
            raise UserError("the photographs of CIFAR-10 have 3 channels: leave out --channels 1")
        found = cifar10(Path(str(data).removeprefix(CIFAR)).expanduser())
        side = image_size or found.images.shape[2]
    else:
        found = mnist("train", data)
        side = image_size or (digits if found.images.shape[2:] == (28, 28) else 0)
    if side and found.images.shape[2:] != (side, side):
        found = found.resized(side)
    if channels == 3 and found.images.shape[1] == 1:  # three equal ones make a gray picture
        found = replace(found, images=found.images.repeat(3, axis=1))
    return found.first(count)
