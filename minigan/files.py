"""Files: written whole or not at all, and read without believing what they say about themselves.

All that reads or writes a file in this package does it by these few rules. Next: lock.py, which
lets one process at a time write.
"""

from __future__ import annotations

import csv
import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from minigan.errors import UserError

# Pictures shrink to a fifth when compressed, blank paper to a thousandth. A file that promises more
# than this many times its own size is no picture book, and reading it could fill the memory.
LARGEST_EXPANSION = 100
SMALL = 1 << 20  # bytes that anybody may promise: a set of a few blank pictures is still read


# ---------------------------------------------------------------------------------------------
# Files that are there whole or not at all


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, picture: bool = False) -> Iterator[Path]:
    """A temporary name to write to; after the block, its file stands at `path`, complete.

    A block that fails leaves what stood at `path` before. A crash can leave the temporary file
    behind; its name is always the same, so the next write to `path` overwrites it. An OSError
    becomes a UserError. Folders on the way to `path` are made.

    On Windows a picture that a viewer holds open cannot be replaced, which is no reason to end a
    run: a `picture` is then found beside it, under another name, and a warning says so.
    """
    path = Path(path)
    temporary, _ = leftovers_of(path)
    with writing(path):
        make_folder(path.parent)
        try:
            yield temporary
            # Contents must reach the disk before the name does: some file systems would otherwise
            # show an empty file after a power cut.
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            _put(temporary, path, picture)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def _put(temporary: Path, path: Path, picture: bool) -> None:
    """Give a finished file its name, or, if its place cannot be had, a picture a second one."""
    try:
        os.replace(temporary, path)
    except PermissionError:
        if not picture:
            raise
        beside = path.with_stem(f"{path.stem}-new")
        os.replace(temporary, beside)
        warnings.warn(
            f"{path} cannot be replaced, as another program holds it open: the new picture is "
            f"{beside}",
            stacklevel=2,
        )


def refuse_unwritable(path: str | os.PathLike[str]) -> None:
    """Raise UserError if nothing could be written to `path`, which stays as it is.

    For the beginning of a work whose result will go there: the end would be too late to say so.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the name of a file")
    temporary, _ = leftovers_of(path)
    with writing(path):
        make_folder(path.parent)
        temporary.touch()
        temporary.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder and those around it, if they are not there.

    Raises UserError if one of them is a link to nothing: the system would say that it exists.
    """
    for place in (folder, *folder.parents):
        if place.is_symlink() and not place.exists():
            raise UserError(
                f"{place} is a link to {os.readlink(place)}, which is not there: make that folder, "
                "or remove the link"
            )
    folder.mkdir(parents=True, exist_ok=True)


def leftovers_of(path: Path) -> tuple[Path, Path]:
    """The two hidden names, in the folder of `path`, where a crash can leave a file.

    The first is the one being written; the second is the one it replaces (checkpoints only).
    """
    return path.parent / f".{path.name}.tmp", path.parent / f".{path.name}.old"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into a sentence that says what could not be written, and why."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"Cannot write {path} ({reason}). What stood there before is untouched."
        ) from error


def _sync_folder(folder: Path) -> None:
    """Bring a renamed name to the disk: a file's name is the folder's content, not its own."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------------------------------------
# Files from strangers


def refuse_special_file(path: str | os.PathLike[str]) -> None:
    """Raise OSError if a folder, pipe or device lies at `path`.

    For readers of files from strangers: opening a pipe waits for its writer, and reading a device
    may never end.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "not a plain file")


def text_of(path: Path) -> str:
    """What a plain file of UTF-8 says; OSError for a folder, a pipe or a device."""
    refuse_special_file(path)
    return path.read_text(encoding="utf-8")


def largest_content(size: int) -> int:
    """How many bytes a compressed file of `size` bytes may promise to unpack to."""
    return LARGEST_EXPANSION * size + SMALL


def read_table(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The columns of a CSV file of numbers, each float64 (rows,); half a last line is left out."""
    path = Path(path)
    try:
        text = text_of(path)
        header, *rows = csv.reader(text.split("\n")[:-1] or [""], strict=True)
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise ValueError(f"line {number} has {len(row)} cells, and line 1 {len(header)}")
        table = np.array(rows, dtype=np.float64).reshape(len(rows), len(header))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a table of metrics: {error}") from error
    return {name: table[:, column] for column, name in enumerate(header)}
