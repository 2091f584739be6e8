"""A folder of pictures, or a zip file of one, decoded once into one array of small square images.

Pictures come from strangers. A file that is not one is skipped and named; a zip file that would
climb out of its place or swell beyond measure is refused. Next: cifar10.py.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import stat
import sys
import uuid
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ImageOps import exif_transpose
from tqdm import tqdm

from minigan.backend.numpy.threads import usable_cores
from minigan.data.loader import ImageDataset
from minigan.data.mnist import LARGEST_EXPANSION, SMALL
from minigan.errors import UserError

# EPS is a program, and Pillow would run it. The others Pillow recognizes but cannot decode.
REFUSED_FORMATS = {"EPS", "BUFR", "GRIB", "HDF5", "MPEG", "WMF"}
BILINEAR = Image.Resampling.BILINEAR
LARGEST_IMAGE = 89_478_485  # pixels: Pillow's own limit, beyond which it speaks of a bomb
BLOCK = 256  # files handed to the threads at a time: decoded images do not pile up behind them
NAMED = 3  # skipped files that a warning names
FORMAT_VERSION = 1  # of the cache; raise it when the same pictures would come out differently


def image_folder(
    path: str | Path,
    image_size: int = 64,
    channels: int = 3,
    *,
    cache: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> ImageDataset:
    """All pictures in a folder, its sub-folders included, or in a zip file of one. No labels.

    Of each picture the largest square in its middle is taken and scaled to image_size × image_size
    (bilinear, over all pixels that fall into one): the same as scaling the short side and cropping
    the long one. Photographs are turned upright as their EXIF tag says, transparency is ignored.

    Args:
        path: a folder or a .zip file. Files whose names end like an image's in any format that
            Pillow decodes are read, in the order of their names, except hidden ones. A link to a
            picture is followed, a link to a folder is not.
        image_size: side of the images in pixels. Smaller pictures are enlarged, with a warning.
        channels: 3 for color, 1 for gray.
        cache: a .npy file that keeps the decoded images, with a .npy.json file beside it that
            says what they were made of. It is read if that is still so, otherwise written anew; the
            data set then stays in the file and is read from there as needed.
        workers: threads that decode; as many as there are processors, if None.
        progress: show a bar, if the error stream is a terminal.

    Returns:
        Images uint8 (N, channels, image_size, image_size). Pictures that cannot be decoded are
        left out; a warning tells how many, and names the first.

    Raises:
        UserError: there is no such folder or zip file, no picture in it can be read, the zip
            file is damaged, has an entry that leads out of it, or would unpack to more than
            100 times its size (and 1 MiB), or the cache cannot be written.

    Beside the result, each worker holds one decoded picture of at most 89 million pixels, and
    the file it came from.
    """
    if image_size < 1 or channels not in (1, 3) or (workers is not None and workers < 1):
        raise UserError(
            "image_folder needs image_size >= 1, channels 1 or 3 and workers >= 1, "
            f"not image_size={image_size}, channels={channels}, workers={workers}"
        )
    path = Path(path)
    with _opened(path) as source:
        decoder = _Decoder(source, image_size, channels, workers or usable_cores(), progress)
        if cache is None:
            images = decoder.to_memory()
        else:
            record = {
                "format": FORMAT_VERSION,
                "source": str(path.resolve()),
                "image_size": image_size,
                "channels": channels,
                "fingerprint": source.fingerprint(),
            }
            images = _cached(Path(cache), record, decoder)
    for remark in decoder.remarks:
        warnings.warn(remark, stacklevel=2)
    whole = path.resolve()
    return ImageDataset(images, name=whole.stem if whole.suffix == ".zip" else whole.name)


# --- where the files come from --------------------------------------------------------------------


class _File(NamedTuple):
    """A file that may be a picture. A changed file has another size or another stamp."""

    name: str
    size: int
    stamp: int  # time of modification, or the check sum that a zip file keeps
    place: str | zipfile.ZipInfo


class _Source(NamedTuple):
    """The files in a folder or, if there is an archive, in that, in the order of their names."""

    path: Path
    files: list[_File]
    archive: zipfile.ZipFile | None

    def open(self, file: _File) -> BinaryIO:
        """The bytes of a file, for Pillow."""
        if self.archive is None or isinstance(file.place, str):
            return _Clipped(str(file.place))
        return _unpacked(self.archive, file.place)

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(ascii((file.name, file.size, file.stamp)).encode())
        return digest.hexdigest()


class _Clipped(io.BufferedReader):
    """A file that is never asked for more than it holds.

    A picture of 78 bytes may say that its next chunk has 2 GiB. Python would reserve them first,
    and then find that they are not there.
    """

    def __init__(self, path: str) -> None:
        super().__init__(io.FileIO(path))
        self.size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self.size - self.tell(), 0)
        return super().read(left if size is None or size < 0 else min(size, left))


@contextmanager
def _opened(path: Path) -> Iterator[_Source]:
    """The pictures at `path`, which can be read until the `with` block ends."""
    if os.path.isdir(path):
        yield _checked_source(path, _files_in_folder(path), None)
    elif os.path.isfile(path):
        with _open_zip(path) as archive:
            yield _checked_source(path, _files_in_zip(path, archive), archive)
    else:
        raise UserError(f"{path} is neither a folder nor a file: there are no images to read")


def _checked_source(path: Path, files: Iterable[_File], archive: zipfile.ZipFile | None) -> _Source:
    source = _Source(path, sorted(files, key=lambda file: file.name), archive)
    if not source.files:
        raise UserError(
            f"{path} holds no images: no file in it has a name such as face.jpg or face.png "
            "(links to folders are not followed)"
        )
    return source


def _files_in_folder(root: Path) -> Iterator[_File]:
    folders = [str(root)]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if _is_hidden(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif _looks_like_image(entry.name):
                        yield from _file_on_disk(entry, root)
        except OSError as error:
            raise UserError(f"the folder {folder} cannot be read: {_reason(error)}") from error


def _file_on_disk(entry: os.DirEntry[str], root: Path) -> Iterator[_File]:
    name = os.path.relpath(entry.path, root).replace(os.sep, "/")
    try:
        status = entry.stat()
    except OSError:  # a link that leads nowhere, or round in circles: the warning will name it
        yield _File(name, 0, 0, entry.path)
        return
    if stat.S_ISREG(status.st_mode):  # opening a pipe or a device could wait forever
        yield _File(name, status.st_size, status.st_mtime_ns, entry.path)


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except Exception as error:  # the library raises half a dozen types for damaged directories
        raise UserError(
            f"{path} is not a whole zip file ({_reason(error)}); "
            "give a folder of images, or a zip file of one"
        ) from error


def _files_in_zip(path: Path, archive: zipfile.ZipFile) -> Iterator[_File]:
    promised = 0
    for entry in archive.infolist():
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or parts[0][1:2] == ":":
            raise UserError(f"{path} is refused: its entry {entry.filename!r} leads out of it")
        if any(map(_is_hidden, parts)) or not _looks_like_image(entry.filename):
            continue
        promised += entry.file_size
        yield _File(entry.filename, entry.file_size, entry.CRC, entry)
    size = path.stat().st_size
    if promised > LARGEST_EXPANSION * size + SMALL:
        raise UserError(
            f"{path} is refused: its {size} bytes would unpack to {promised}, as no images do"
        )


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    # For other methods the library decompresses all there is, however little the entry promised.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("its compression method is neither stored nor deflated")
    with archive.open(entry) as stream:
        return io.BytesIO(stream.read(entry.file_size))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _looks_like_image(name: str) -> bool:
    file_name = name.rpartition("/")[2]
    return not _is_hidden(file_name) and Path(file_name).suffix.lower() in _readable()[1]


@functools.cache
def _readable() -> tuple[list[str], set[str]]:
    """The formats that we let Pillow decode, and how the names of such files end."""
    Image.preinit()  # the common formats come first in Pillow's list, so they are tried first
    Image.init()
    formats = [name for name in Image.OPEN if name not in REFUSED_FORMATS]
    suffixes = {suffix for suffix, name in Image.EXTENSION.items() if name in formats}
    return formats, suffixes


# --- decoding -------------------------------------------------------------------------------------


class _Decoder:
    """Turns the files of a source into images, on several threads, in the order of the files."""

    def __init__(
        self, source: _Source, image_size: int, channels: int, workers: int, progress: bool
    ) -> None:
        self.source = source
        self.image_size = image_size
        self.channels = channels
        self.workers = workers
        self.progress = progress
        self.remarks: list[str] = []  # what whoever asked for the images should be told
        self.most = (len(source.files), channels, image_size, image_size)

    def to_memory(self) -> NDArray[np.uint8]:
        """The images (N, C, S, S)."""
        images = np.empty(self.most, np.uint8)
        count = 0
        for image in self:
            images[count] = image
            count += 1
        return images[:count]

    def to_npy(self, file: BinaryIO) -> None:
        """The images (N, C, S, S) as a .npy file, written as they come."""
        header = {"descr": "|u1", "fortran_order": False, "shape": self.most}
        np.lib.format.write_array_header_1_0(file, header)
        count = 0
        for image in self:
            file.write(image.tobytes())
            count += 1
        # The header leaves room for any N, so that the true one can be put in place at the end.
        file.seek(0)
        header["shape"] = (count, *self.most[1:])
        np.lib.format.write_array_header_1_0(file, header)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Images (C, S, S), one for each file that is a picture."""
        skipped: list[str] = []
        enlarged = 0
        files = self.source.files
        with (
            warnings.catch_warnings(),
            ThreadPoolExecutor(self.workers, thread_name_prefix="minigan-decode") as pool,
            tqdm(
                total=len(files),
                desc=f"reading {self.source.path.name}",
                unit=" images",
                disable=None if self.progress else True,  # None: unless it is a terminal
            ) as bar,
        ):
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files; we name what we skip
            for start in range(0, len(files), BLOCK):
                block = files[start : start + BLOCK]
                for file, result in zip(block, pool.map(self._decode, block), strict=True):
                    bar.update()
                    if isinstance(result, str):
                        skipped.append(f"{file.name!r} ({result})")
                        continue
                    image, was_smaller = result
                    enlarged += was_smaller
                    yield image
        self._report(skipped, enlarged)

    def _decode(self, file: _File) -> tuple[NDArray[np.uint8], bool] | str:
        """The image of a file, and whether it was smaller; or why there is none."""
        try:
            with (
                self.source.open(file) as stream,
                Image.open(stream, formats=_readable()[0]) as picture,
            ):
                was_smaller = min(picture.size) < self.image_size
                return self._square(picture), was_smaller
        except Exception as error:  # a decoder may raise anything at all over a damaged file
            return _reason(error)

    def _square(self, picture: Image.Image) -> NDArray[np.uint8]:
        width, height = picture.size
        if width * height > LARGEST_IMAGE:
            raise ValueError(f"{width} × {height} pixels are too many")
        mode = "RGB" if self.channels == 3 else "L"
        # A large JPEG file can be decoded at a half, a quarter or an eighth of its size, in a
        # fraction of the time. What is left is still twice as large as we need.
        picture.draft(mode, (2 * self.image_size, 2 * self.image_size))
        exif_transpose(picture, in_place=True)
        width, height = picture.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        middle = (left, top, left + side, top + side)
        size = (self.image_size, self.image_size)
        square = _eight_bit(picture).convert(mode).resize(size, BILINEAR, box=middle)
        pixels = np.asarray(square).reshape(self.image_size, self.image_size, self.channels)
        return pixels.transpose(2, 0, 1)  # (S, S, C) -> (C, S, S)

    def _report(self, skipped: list[str], enlarged: int) -> None:
        path, total = self.source.path, len(self.source.files)
        listed = ", ".join(skipped[:NAMED])
        if len(skipped) > NAMED:
            listed += f" and {len(skipped) - NAMED} more"
        if len(skipped) == total:
            raise UserError(f"{path} holds no readable image: all {total} were skipped: {listed}")
        if skipped:
            self.remarks.append(f"{path}: skipped {len(skipped)} of {total} files: {listed}")
        if enlarged:
            size = f"{self.image_size} × {self.image_size}"
            self.remarks.append(
                f"{path}: enlarged {enlarged} of {total} files, smaller than {size}"
            )


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Gray pictures of 16 bits a pixel, which Pillow would not scale but cut off at 255."""
    if picture.mode in ("I", "F"):
        raise ValueError("its pixels are 32-bit numbers, for which no white is agreed")
    if not picture.mode.startswith("I;16"):
        return picture
    return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


# --- the cache ------------------------------------------------------------------------------------


def _cached(cache: Path, record: dict[str, Any], decoder: _Decoder) -> NDArray[np.uint8]:
    """The images of `decoder`, kept in the file `cache`; see `image_folder`."""
    if cache.suffix != ".npy":
        raise UserError(f"the cache must be a .npy file, not {cache}")
    beside = cache.with_name(f"{cache.name}.json")
    images = _read_cache(cache, beside, record)
    if images is not None:
        return images
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(cache) as file:
            decoder.to_npy(file)
            # From here until the new record is in place, the cache counts as stale.
            beside.unlink(missing_ok=True)
        with _replacing(beside) as file:
            file.write(json.dumps(record, indent=2).encode())
    except OSError as error:
        raise UserError(f"the cache {cache} cannot be written: {_reason(error)}") from error
    images = _read_cache(cache, beside, record)
    if images is None:
        raise UserError(f"the cache {cache} was changed by someone else as it was being written")
    return images


def _read_cache(cache: Path, beside: Path, record: dict[str, Any]) -> NDArray[np.uint8] | None:
    """The images in the file `cache`, mapped into memory, if they are what `record` says."""
    try:
        with open(beside, "rb") as file:
            if json.loads(file.read(SMALL)) != record:
                return None
        images = np.lib.format.open_memmap(cache, mode="r")
    except Exception:  # missing, cut off, or damaged in whatever way: as good as none
        return None
    shape = (record["channels"], record["image_size"], record["image_size"])
    if images.dtype != np.uint8 or images.shape[1:] != shape or not images.flags.c_contiguous:
        return None
    return np.asarray(images)  # a plain array, whose pages the system reads and forgets as needed


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once it is complete, and never before."""
    _remove_abandoned(path)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(unfinished, "wb") as file:
            _claim(file)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove the unfinished files, each as large as the cache, of processes that were killed."""
    for unfinished in path.parent.glob(f".{escape(path.name)}.{'[0-9a-f]' * 32}"):
        with suppress(OSError), open(unfinished, "rb") as file:
            if _claim(file):
                unfinished.unlink()


def _claim(file: BinaryIO) -> bool:
    """Lock a file for as long as it is open here; False if a process that runs has it already."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # or a file system that knows no locks
        return False
    return True
