"""Where pictures come from: the files of a folder, or of a zip file, in the order of their names.

A zip file that would climb out of its place or swell beyond measure is refused, and nothing that
could wait for ever is opened. Next: classes.py.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from minigan.errors import UserError
from minigan.files import largest_content

# EPS is a program, and Pillow would run it. The others Pillow recognizes but cannot decode.
REFUSED_FORMATS = {"EPS", "BUFR", "GRIB", "HDF5", "MPEG", "WMF"}


ARCHIVE = re.compile(r"\.(tar|t?gz|tbz2?|bz2|txz|xz|zst|7z|rar)$")


class File(NamedTuple):
    """A file that may be a picture. A changed file has another size or another stamp."""

    name: str
    size: int
    stamp: int  # time of modification, or the check sum that a zip file keeps
    place: str | zipfile.ZipInfo


class Source(NamedTuple):
    """The files in a folder or, if there is an archive, in that, in the order of their names."""

    path: Path
    files: list[File]
    archive: zipfile.ZipFile | None

    def open(self, file: File) -> BinaryIO:
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
def opened(path: Path) -> Iterator[Source]:
    """The pictures at `path`, which can be read until the `with` block ends."""
    if os.path.isdir(path):
        yield _checked_source(path, _files_in_folder(path), None)
    elif os.path.isfile(path):
        with _open_zip(path) as archive:
            yield _checked_source(path, _files_in_zip(path, archive), archive)
    else:
        raise UserError(f"{path} is neither a folder nor a file: there are no images to read")


def _checked_source(path: Path, files: Iterable[File], archive: zipfile.ZipFile | None) -> Source:
    source = Source(path, sorted(files, key=lambda file: file.name), archive)
    if not source.files:
        raise UserError(
            f"{path} holds no images: no file in it has a name such as face.jpg or face.png "
            "(links to folders are not followed)"
        )
    return source


def _files_in_folder(root: Path) -> Iterator[File]:
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
            raise UserError(f"the folder {folder} cannot be read: {reason_of(error)}") from error


def _file_on_disk(entry: os.DirEntry[str], root: Path) -> Iterator[File]:
    name = os.path.relpath(entry.path, root).replace(os.sep, "/")
    try:
        status = entry.stat()
    except OSError:  # a link that leads nowhere, or round in circles: the warning will name it
        yield File(name, 0, 0, entry.path)
        return
    if stat.S_ISREG(status.st_mode):  # opening a pipe or a device could wait forever
        yield File(name, status.st_size, status.st_mtime_ns, entry.path)


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except Exception as error:  # the library raises half a dozen types for damaged directories
        raise UserError(
            f"{path} is not a whole zip file ({reason_of(error)}); "
            "give a folder of images, or a zip file of one" + unpack_first(path)
        ) from error


def unpack_first(path: Path) -> str:
    """Half a sentence for a message about an archive of a kind that we do not read."""
    is_archive = ARCHIVE.search(path.name.lower())
    return ": unpack this archive, and give the folder that comes out" if is_archive else ""


def _files_in_zip(path: Path, archive: zipfile.ZipFile) -> Iterator[File]:
    promised = 0
    for entry in archive.infolist():
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or parts[0][1:2] == ":":
            raise UserError(f"{path} is refused: its entry {entry.filename!r} leads out of it")
        if any(map(_is_hidden, parts)) or not _looks_like_image(entry.filename):
            continue
        promised += entry.file_size
        yield File(entry.filename, entry.file_size, entry.CRC, entry)
    size = path.stat().st_size
    if promised > largest_content(size):
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
    return not _is_hidden(file_name) and Path(file_name).suffix.lower() in readable_formats()[1]


@functools.cache
def readable_formats() -> tuple[list[str], set[str]]:
    """The formats that we let Pillow decode, and how the names of such files end."""
    Image.preinit()  # the common formats come first in Pillow's list, so they are tried first
    Image.init()
    formats = [name for name in Image.OPEN if name not in REFUSED_FORMATS]
    decoded = {*formats, "MPO"}  # several JPEG pictures in one file: JPEG's decoder reads the first
    suffixes = {suffix for suffix, name in Image.EXTENSION.items() if name in decoded}
    return formats, suffixes


def reason_of(error: Exception) -> str:
    """Why a file could not be read, in a few words."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
