"""CIFAR-10: small color photographs of ten classes, from either of two forms it is distributed in.

    data_batch_1.bin … test_batch.bin     the official "binary version": for each image its label,
                                          one byte, then 3072 bytes, red, green and blue planes
    data_batch_1.png … test_batch.png     sheets of one image a row, its 1024 pixels side by side;
                                          train_lables.json and test_lables.json lie beside them

The third form, the "python version", is made of pickles. A pickle is a program that runs when it
is opened, so we do not open it. Next: read.py; examples/dcgan.py --data cifar10:FOLDER learns to
paint such images.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from minigan.data.loader import ImageDataset
from minigan.errors import UserError
from minigan.files import refuse_special_file

BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
IMAGES_PER_FILE = 10_000
BYTES = 3 * 32 * 32
LARGEST_LABEL_FILE = 1 << 20  # bytes; the real ones have a tenth of that
CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def cifar10(directory: str | Path, split: Literal["train", "test"] = "train") -> ImageDataset:
    """CIFAR-10 (Krizhevsky, "Learning multiple layers of features from tiny images", 2009).

    directory: the folder with the files named above, or the one around cifar-10-batches-bin.
    split: "train", 50,000 images, or "test", 10,000.

    Returns images uint8 (N, 3, 32, 32) and labels int64 (N,).

    Raises UserError if a file is missing, damaged, or not what its name says.
    """
    if split not in BATCHES:
        raise UserError(f'there is no split "{split}" of CIFAR-10: choose "train" or "test"')
    folder = Path(directory)
    if (folder / "cifar-10-batches-bin").is_dir():
        folder /= "cifar-10-batches-bin"
    if folder.is_file():
        raise UserError(
            f"{folder} is a file, and CIFAR-10 is read from a folder: unpack it, and give the "
            "folder that comes out. Of its versions the binary one is needed, not the pickled"
        )
    names = BATCHES[split]
    if (folder / f"{names[0]}.bin").is_file():
        images, labels = _read_binary([folder / f"{name}.bin" for name in names])
    elif (folder / f"{names[0]}.png").is_file():
        sheets = [folder / f"{name}.png" for name in names]
        images, labels = _read_sheets(sheets, folder / f"{split}_lables.json")  # as it is spelled
    else:
        pickled = (folder / names[0]).exists() or (folder / "cifar-10-batches-py").exists()
        packed = sorted(folder.glob("cifar-10-*.tar*")) + sorted(folder.glob("cifar-10*.zip"))
        raise UserError(
            f"{directory} holds neither {names[0]}.bin nor {names[0]}.png"
            + ("; of CIFAR-10's versions the binary one is needed, not the pickled" * pickled)
            + (f"; unpack {packed[0].name} first" if packed else "")
        )
    return ImageDataset(images, labels, name="CIFAR-10", class_names=CLASS_NAMES)


def _read_binary(paths: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = np.empty((len(paths), IMAGES_PER_FILE, 3, 32, 32), np.uint8)
    labels = np.empty((len(paths), IMAGES_PER_FILE), np.int64)
    size = IMAGES_PER_FILE * (1 + BYTES)
    for i, path in enumerate(paths):
        try:
            refuse_special_file(path)
            with open(path, "rb") as file:
                data = file.read(size + 1)  # one byte more shows that a file is too long
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from error
        if len(data) != size:
            found = f"{len(data)}" if len(data) < size else "more"
            raise UserError(f"{path} must have {size} bytes, and has {found}")
        records = np.frombuffer(data, np.uint8).reshape(IMAGES_PER_FILE, 1 + BYTES)
        labels[i] = records[:, 0]
        images[i] = records[:, 1:].reshape(-1, 3, 32, 32)  # (n, 3072) -> (n, C, H, W)
        _check_labels(path, labels[i])
    return images.reshape(-1, 3, 32, 32), labels.reshape(-1)


def _read_sheets(
    paths: list[Path], label_path: Path
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = np.empty((len(paths), IMAGES_PER_FILE, 3, 32, 32), np.uint8)
    for i, path in enumerate(paths):
        pixels = _read_sheet(path).reshape(IMAGES_PER_FILE, 32, 32, 3)  # (n, H·W, C)
        images[i] = pixels.transpose(0, 3, 1, 2)  # (n, H, W, C) -> (n, C, H, W)
    labels = _read_labels(label_path, len(paths) * IMAGES_PER_FILE)
    return images.reshape(-1, 3, 32, 32), labels


def _read_sheet(path: Path) -> NDArray[np.uint8]:
    """(n, 1024, 3): one image a row."""
    wanted = (32 * 32, IMAGES_PER_FILE)  # width, height
    try:
        refuse_special_file(path)
        # A larger sheet is an error here, so Pillow need not warn of it.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=["PNG"]) as sheet:
            size, mode = sheet.size, sheet.mode
            if size == wanted and mode == "RGB":
                return np.asarray(sheet)
    except Exception as error:  # a decoder may raise anything at all over a damaged file
        raise UserError(f"{path} cannot be read as a PNG image: {error}") from error
    raise UserError(
        f"{path} must be a sheet of {wanted[0]} × {wanted[1]} RGB pixels; "
        f"it has {size[0]} × {size[1]} in mode {mode}"
    )


def _read_labels(path: Path, count: int) -> NDArray[np.int64]:
    """(count,) from a JSON list of numbers."""
    try:
        refuse_special_file(path)
        with open(path, "rb") as file:
            labels = json.loads(file.read(LARGEST_LABEL_FILE))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as a list of labels: {error}") from error
    if not isinstance(labels, list) or len(labels) != count:
        found = f"{len(labels)} entries" if isinstance(labels, list) else "no list"
        raise UserError(f"{path} must be a list of {count} labels, and holds {found}")
    if any(type(label) is not int or not 0 <= label < len(CLASS_NAMES) for label in labels):
        raise UserError(f"{path} is damaged: labels are whole numbers from 0 to 9")
    return np.array(labels, np.int64)


def _check_labels(path: Path, labels: NDArray[np.int64]) -> None:
    if labels.max() >= len(CLASS_NAMES):
        where = int(labels.argmax())
        raise UserError(
            f"{path} is damaged: label number {where} is {labels[where]}, "
            "but the classes are 0 to 9"
        )
