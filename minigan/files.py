"""Files that are there whole or not at all, whatever happens to the machine meanwhile.

Whoever writes a checkpoint, a table or a picture writes it so. Next: tensor.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minigan.errors import UserError


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary name to write to; after the block, its file stands at `path`, complete.

    A block that fails leaves what stood at `path` before. A crash can leave the temporary file
    behind; its name is always the same, so the next write to `path` overwrites it. An OSError
    becomes a UserError. Folders on the way to `path` are made.
    """
    path = Path(path)
    temporary, _ = leftovers_of(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            # Contents must reach the disk before the name does: some file systems would otherwise
            # show an empty file after a power cut.
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


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
