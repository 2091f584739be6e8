"""MNIST, which lies inside the package, and every other data set that is distributed like it.

An IDX file is a magic number, a few sizes and then the bytes, in this order:

    0x00000803, N, rows, columns, pixels…       images: unsigned bytes, 3 dimensions
    0x00000801, N, labels…                      labels: unsigned bytes, 1 dimension

with big-endian 32-bit numbers. Such a file may come from anywhere, so nothing that it says about
itself is believed before it is compared with what is there. Next: pictures/folder.py.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from minigan.data.loader import ImageDataset
from minigan.errors import UserError
from minigan.files import largest_content

PACKAGED = Path(__file__).parent / "files"

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SHA256 = {  # of the packaged files, decompressed
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
CLASSES = 10
CONTENT = {1: "labels", 3: "images"}  # the number of dimensions tells which

CHUNK = 1 << 20  # bytes decompressed at a time


def _open_xz(path: Path) -> Any:
    try:
        import lzma  # only here, because not every Python has it: one inside a browser has not
    except ImportError as error:
        raise UserError(
            f"{path} cannot be read: this Python was built without lzma. Give the folder of a set "
            "whose files are plain or end with .gz"
        ) from error
    return lzma.open(path)


OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".xz": _open_xz}


def mnist(
    split: Literal["train", "test"] = "train", directory: str | Path | None = None
) -> ImageDataset:
    """MNIST (LeCun, Cortes and Burges, 1998), or another ten-class set in files of the same names.

    split: "train", 60,000 images of MNIST, or "test", 10,000.
    directory: where to find another set, such as Fashion-MNIST: a folder that holds
    train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
    t10k-labels-idx1-ubyte, or two of them, plain or with .gz behind the name.

    Returns images uint8 (N, 1, 28, 28), or of the size that the files state, and labels int64 (N,).

    Raises UserError if a file is missing, damaged, or not what its name says. No more memory is
    used than 100 times the size of a file, and 1 MiB.
    """
    if split not in FILES:
        raise UserError(f'there is no split "{split}" of MNIST: choose "train" or "test"')
    paths = [_find(name, directory) for name in FILES[split]]
    packaged = directory is None
    images = read_idx(paths[0], 3, SHA256[FILES[split][0]] if packaged else None)
    labels = read_idx(paths[1], 1, SHA256[FILES[split][1]] if packaged else None)
    if len(images) != len(labels):
        raise UserError(
            f"{paths[1]} holds {len(labels)} labels, but {paths[0].name} holds {len(images)} images"
        )
    if labels.max() >= CLASSES:
        where = int(labels.argmax())
        raise UserError(
            f"{paths[1]} is damaged: label number {where} is {labels[where]}, "
            f"but the classes are 0 to {CLASSES - 1}"
        )
    return ImageDataset(
        images[:, np.newaxis],  # (N, H, W) -> (N, 1, H, W)
        labels.astype(np.int64),
        name="MNIST" if directory is None else Path(directory).resolve().name,
        class_names=tuple(str(digit) for digit in range(CLASSES)),
    )


def holds_idx(directory: str | Path | None) -> bool:
    """Whether `mnist("train", directory)` finds its images there."""
    name = FILES["train"][0]
    if str(directory).startswith("cifar10:"):
        return False
    return directory is None or any(
        (Path(directory) / f"{name}{suffix}").is_file() for suffix in ("", ".gz")
    )


def _find(name: str, directory: str | Path | None) -> Path:
    if directory is None:
        return PACKAGED / f"{name}.xz"
    for path in (Path(directory) / name, Path(directory) / f"{name}.gz"):
        if path.is_file():
            return path
    if not Path(directory).is_dir():
        raise UserError(f"{directory} is not a folder, so it holds no {name}")
    raise UserError(f"{directory} holds no file {name}, neither plain nor with .gz behind its name")


def read_idx(path: Path, dimensions: Literal[1, 3], sha256: str | None = None) -> NDArray[np.uint8]:
    """The bytes of an IDX file with so many dimensions: (N,) labels, or (N, rows, columns).

    path: a file; .gz and .xz at the end of its name say how it is compressed.
    dimensions: 1 for labels, 3 for images.
    sha256: the sum, in hexadecimal, that the decompressed file must have; None for any.

    Raises UserError, one line that names the file and what is wrong with it.
    """
    try:
        with OPENERS.get(path.suffix, _open_plain)(path) as file:
            header = file.read(4 + 4 * dimensions)
            shape = _checked_shape(path, header, dimensions)
            data = np.empty(math.prod(shape), np.uint8)
            received = _fill(data, file)
            ends_there = not file.read(1)  # this read also checks the sum of a compressed file
    except _faults_of_files() as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if received < data.size:
        raise UserError(
            f"{path} is cut off: its header promises {data.size} bytes of "
            f"{CONTENT[dimensions]}, and {received} are there"
        )
    if not ends_there:
        raise UserError(f"{path} is damaged: bytes follow after the last of its {shape[0]} items")
    if sha256 is not None and _sha256(header, data) != sha256:
        raise UserError(f"{path} is damaged: its SHA-256 is not MNIST's; install minigan again")
    return data.reshape(shape)


def _open_plain(path: Path) -> BinaryIO:
    return open(path, "rb")


def _faults_of_files() -> tuple[type[Exception], ...]:
    """What reading a file raises; lzma's own error is known only where it was imported."""
    xz = (sys.modules["lzma"].LZMAError,) if "lzma" in sys.modules else ()
    return (OSError, EOFError, zlib.error, MemoryError, *xz)


def _checked_shape(path: Path, header: bytes, dimensions: Literal[1, 3]) -> tuple[int, ...]:
    """The sizes that the header states, if it is a header and the file can keep its promise."""
    wanted = CONTENT[dimensions]
    if len(header) < 4 + 4 * dimensions:
        raise UserError(f"{path} is cut off: {len(header)} bytes are too few for an IDX header")
    magic, *shape = struct.unpack(f">{1 + dimensions}I", header)
    if magic != 0x800 + dimensions:
        other = CONTENT.get(magic - 0x800)
        raise UserError(
            f"{path} holds {other}, not {wanted}"
            if other
            else f"{path} is not an IDX file of {wanted}: it begins with 0x{magic:08x}, "
            f"not with 0x{0x800 + dimensions:08x}"
        )
    size = path.stat().st_size
    promised = math.prod(shape)
    if promised == 0:
        raise UserError(f"{path} holds no {wanted}: its header states the sizes {tuple(shape)}")
    most = largest_content(size) if path.suffix in OPENERS else size
    if promised > most:
        raise UserError(
            f"{path} is cut off or damaged: its header promises {promised} bytes of {wanted}, "
            f"which a file of {size} bytes cannot hold"
        )
    return tuple(shape)


def _fill(data: NDArray[np.uint8], file: Any) -> int:
    """Read into `data` until it is full or the file ends; the number of bytes read."""
    view = data.data
    received = 0
    while received < len(view):
        count = file.readinto(view[received : received + CHUNK])
        if not count:
            break
        received += count
    return received


def _sha256(header: bytes, data: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256(header)
    digest.update(data.data)
    return digest.hexdigest()
