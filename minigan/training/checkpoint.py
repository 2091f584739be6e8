"""A checkpoint is one safetensors file: named arrays, a little JSON, and a checksum over both.

No pickle: reading a checkpoint can run no code, whoever wrote it. The file is written so that it
is there whole or not at all, whatever happens to the machine meanwhile.
Next: loading.py, which makes a system of it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minigan.errors import UserError, did_you_mean
from minigan.files import atomic_write, leftovers_of, writing

# safetensors writes several metadata entries in random order. One entry keeps the bytes of a file
# a function of what is in it, so two checkpoints can be compared with `cmp`.
HEADER_KEY = "minigan"


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds; `note` says so when the one before it had to be used."""

    tensors: dict[str, np.ndarray]
    metadata: dict[str, Any]
    note: str | None = None

    def __repr__(self) -> str:
        """The names of what it holds, for the numbers are millions."""
        names = ", ".join(f"{name} {array.shape}" for name, array in self.tensors.items())
        return f"Checkpoint({len(self.tensors)} tensors: {names}; metadata: {self.metadata})"


def save_checkpoint(
    path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> None:
    """Write `tensors` and `metadata` to `path`, keeping the last one as `<path>.previous`.

    Arrays may have any shape, () included, and any dtype of bool, (u)int8-64 or float16-64.
    Metadata is plain: str, int of any size, float, bool, None, lists and dicts of these (a tuple
    comes back as a list).

    One process may save to a path at a time. At every instant, a crash in the middle included,
    `path` or `<path>.previous` is a whole checkpoint. A full disk is a UserError and leaves both.
    """
    from safetensors.numpy import save  # only here: all else of training does without it

    path = Path(path)
    check_plain(metadata, "metadata")
    arrays = {name: _contiguous(array) for name, array in tensors.items()}
    header = {"sha256": _checksum(arrays, metadata), "metadata": metadata}
    _, kept = leftovers_of(path)
    # Not safetensors' save_file: it writes by way of a random name, which a crash leaves behind.
    contents = save(arrays, metadata={HEADER_KEY: json.dumps(header)})
    with atomic_write(path) as temporary:
        temporary.write_bytes(contents)
        _keep(path, kept)  # a second name, before the new file takes the first
    with writing(path):
        if kept.exists():
            os.replace(kept, previous_of(path))


def load_checkpoint(path: str | os.PathLike[str], *, fall_back: bool = False) -> Checkpoint:
    """Read and verify a checkpoint; with `fall_back`, a damaged or missing one gives the previous.

    Raises UserError for a file that is absent, cut short, altered or of another kind. Memory stays
    under 40 times the size of the file, whatever its header promises (a real checkpoint: once).
    """
    path = Path(path)
    previous = previous_of(path)
    try:
        return _read(path)
    except UserError as damage:
        if not previous.exists():
            raise
        if not fall_back:
            raise UserError(f"{damage} The checkpoint before it is {previous}.") from damage
        try:
            older = _read(previous)
        except UserError as also:
            raise UserError(f"{damage} The one before it does not help: {also}") from also
        return replace(older, note=f"{damage} Using the checkpoint before it, {previous}.")


def checkpoint_of(path: str | os.PathLike[str]) -> Path:
    """The checkpoint's own path, if that of its run folder is given."""
    path = Path(path)
    return path / "checkpoint.safetensors" if path.is_dir() else path


def previous_of(path: str | os.PathLike[str]) -> Path:
    """Where the checkpoint before the one at `path` is kept."""
    path = Path(path)
    return path.parent / f"{path.name}.previous"


def _read(path: Path) -> Checkpoint:
    if not os.path.isfile(path):  # a pipe or a device would block or never end
        raise UserError(f"there is no checkpoint file at {path}{_meant(path)}")
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get(HEADER_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        is_ours = isinstance(header, dict) and isinstance(header.get("metadata"), dict)
        intact = is_ours and _checksum(tensors, header["metadata"]) == header.get("sha256")
    except Exception as error:  # a stranger's header makes the readers raise all kinds of errors
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} is not a checkpoint, or only a part of one: reading it gives '{reason}'."
        ) from error
    if not is_ours:
        raise UserError(f"{path} is a safetensors file, but minigan's header is not in it.")
    if not intact:
        raise UserError(f"{path} is damaged: its contents do not match its checksum.")
    return Checkpoint(tensors, header["metadata"])


def _meant(path: Path) -> str:
    """What may have been meant by a path that is not there: "; did you mean mnist_gan?" """
    while not path.parent.is_dir():  # the first name that is wrong
        path = path.parent
    with suppress(OSError):  # a folder that may not be looked into
        beside = [other.name for other in path.parent.iterdir() if other.name != path.name]
        return did_you_mean(path.name, beside)
    return ""


def _checksum(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> str:
    """SHA-256 over the metadata, then each array's name, dtype, shape and bytes."""
    digest = hashlib.sha256(json.dumps(metadata).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(array.data)
    return digest.hexdigest()


def _contiguous(array: np.ndarray) -> np.ndarray:
    """The same numbers in C order and little-endian: safetensors writes memory as it lies.

    Given a transposed view, it would silently write the numbers in the wrong places.
    """
    array = np.asarray(array)
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def check_plain(value: Any, name: str) -> None:
    """Raise TypeError unless JSON can hold `value` and give it back as it was."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if type(key) is not str:
                raise TypeError(f"{name} has the key {key!r}; keys must be strings")
            check_plain(inner, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            check_plain(inner, f"{name}[{position}]")
    elif type(value) not in (str, int, float, bool, type(None)):
        kind = type(value).__name__
        raise TypeError(f"{name} is a {kind}; it must be a str, int, float, bool, None, list, dict")


def _keep(path: Path, kept: Path) -> None:
    """Give the file at `path`, if there is one, the second name `kept`."""
    kept.unlink(missing_ok=True)
    if not path.exists():
        return
    try:
        os.link(path, kept)
    except OSError:  # a file system without hard links: a copy does as well, more slowly
        shutil.copyfile(path, kept)
