"""torchvision.datasets: MNIST out of the package, and others from folders; nothing is downloaded.

An item is (picture, label): a Pillow picture, unless `transform` makes a tensor of it.
Next: utils.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from minigan.compat.forward import forward
from minigan.compat.torch.utils.data import Dataset
from minigan.data.cifar10 import cifar10
from minigan.data.loader import ImageDataset
from minigan.data.mnist import FILES, mnist
from minigan.errors import UserError
from minigan.tensor import Tensor

Transform = Callable[[Any], Any] | None

IMG_EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"
)  # fmt: skip


class VisionDataset(Dataset):
    """What they share: the transforms of a picture and of its label."""

    def __init__(
        self, root: Any, transform: Transform = None, target_transform: Transform = None
    ) -> None:
        self.root, self.transform, self.target_transform = root, transform, target_transform

    def item(self, picture: Any, label: Any) -> tuple[Any, Any]:
        if self.transform is not None:
            picture = self.transform(picture)
        return picture, label if self.target_transform is None else self.target_transform(label)


class _InMemory(VisionDataset):
    """A data set of minigan's, item by item."""

    def __init__(
        self,
        root: Any,
        train: bool = True,
        transform: Transform = None,
        target_transform: Transform = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform, target_transform)
        self.train = train
        source = self.source("train" if train else "test")
        self._images: np.ndarray = np.asarray(source.images)  # (N, C, H, W)
        assert source.labels is not None
        self._labels: np.ndarray = source.labels
        self.classes = list(source.class_names or ())

    def source(self, split: Any) -> ImageDataset:
        raise NotImplementedError

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        pixels = self._images[index].transpose(1, 2, 0)  # (C, H, W) -> (H, W, C)
        pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        return self.item(picture, int(self._labels[index]))

    def __len__(self) -> int:
        return len(self._images)


class MNIST(_InMemory):
    """60,000 digits, or 10,000 with train=False: those of root/MNIST/raw if it holds their files,
    as torchvision would leave them there, or else of minigan's package."""

    folder = "MNIST"

    def source(self, split: Any) -> ImageDataset:
        folder = self._folder()
        there = any((folder / f"{FILES[split][0]}{suffix}").is_file() for suffix in ("", ".gz"))
        return mnist(split, folder if there else self._elsewhere(folder))

    def _folder(self) -> Path:
        return Path(self.root) / self.folder / "raw"

    def _elsewhere(self, folder: Path) -> Path | None:
        return None

    @property
    def data(self) -> Tensor:
        """The bytes, (N, 28, 28)."""
        return Tensor(self._images[:, 0])

    @property
    def targets(self) -> Tensor:
        """The labels, (N,)."""
        return Tensor(self._labels)

    train_data = test_data = data
    train_labels = test_labels = targets


class FashionMNIST(MNIST):
    """The clothes of Zalando, from root/FashionMNIST/raw: the four files of their own page."""

    folder = "FashionMNIST"

    def _elsewhere(self, folder: Path) -> Path | None:
        raise UserError(
            f"{folder} holds no files of FashionMNIST, and minigan downloads nothing: put there "
            f"{', '.join(f'{name}.gz' for pair in FILES.values() for name in pair)}"
        )


class CIFAR10(_InMemory):
    """Small photographs, from the folder of the binary version: see data/cifar10.py."""

    def source(self, split: Any) -> ImageDataset:
        return cifar10(self.root, split)

    @property
    def data(self) -> np.ndarray:
        """The bytes, (N, 32, 32, 3)."""
        return self._images.transpose(0, 2, 3, 1)

    @property
    def targets(self) -> list[int]:
        labels: list[int] = self._labels.tolist()
        return labels


def pil_loader(path: str) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


class ImageFolder(VisionDataset):
    """Pictures in folders, whose names in their order are the classes: root/class/…/picture.png.

    A picture is what has one of torchvision's endings, unless `is_valid_file` says otherwise.
    Raises UserError for a class without any, whose number nothing would have.
    """

    def __init__(
        self,
        root: Any,
        transform: Transform = None,
        target_transform: Transform = None,
        loader: Callable[[str], Any] = pil_loader,
        is_valid_file: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(root, transform, target_transform)
        if not os.path.isdir(root):
            raise UserError(f"{root} is no folder, so it holds no pictures")
        self.loader = loader
        valid = is_valid_file or (lambda path: path.lower().endswith(IMG_EXTENSIONS))
        self.classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir())
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        self.samples = [
            (path, number)
            for name, number in self.class_to_idx.items()
            for folder, _, names in sorted(os.walk(os.path.join(root, name), followlinks=True))
            for path in (os.path.join(folder, file) for file in sorted(names))
            if valid(path)
        ]
        self.imgs, self.targets = self.samples, [number for _, number in self.samples]
        if not self.classes:
            raise UserError(
                f"{root} holds no pictures in folders of their own: each class needs one, such as "
                f"{os.path.join(root, 'all', 'picture.png')}"
            )
        met = set(self.targets)
        for name, number in self.class_to_idx.items():
            if number not in met:
                raise UserError(
                    f"{os.path.join(root, name)} holds no pictures, whose names end in "
                    f"{', '.join(IMG_EXTENSIONS)}; remove it, or give is_valid_file"
                )

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, number = self.samples[index]
        return self.item(self.loader(path), number)

    def __len__(self) -> int:
        return len(self.samples)


_INSTEAD = {
    "CelebA": "unpack it into a folder, and use ImageFolder(root) with root/celeba/*.jpg",
    "LSUN": "export it to a folder of pictures, and use ImageFolder",
    "CIFAR100": "CIFAR10, or a folder of pictures and ImageFolder",
    "STL10": "a folder of pictures and ImageFolder",
    "SVHN": "a folder of pictures and ImageFolder",
    "FakeData": "torch.utils.data.TensorDataset(torch.randn(…))",
}
__getattr__ = forward("torchvision.datasets", instead=_INSTEAD)
