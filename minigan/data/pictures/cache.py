"""The cache: decoded images in one .npy file, and beside it a record of what they were made of.

The next run reads them from there in no time, and the system keeps in memory what is needed. The
record also has the classes, so that the two files are a whole data set, whatever becomes of the
pictures. Next: ../cifar10.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from minigan.data.loader import ImageDataset
from minigan.data.pictures.classes import classes_of
from minigan.data.pictures.decode import Decoder
from minigan.errors import UserError
from minigan.files import atomic_write, make_folder, writing
from minigan.lock import one_at_a_time

LARGEST_RECORD = 1 << 26  # bytes: the classes of ten million pictures


def cached(cache: Path, record: dict[str, Any], decoder: Decoder) -> ImageDataset:
    """The images of `decoder`, kept in the file `cache`; see `image_folder`."""
    if cache.suffix != ".npy":
        raise UserError(f"the cache must be a .npy file, not {cache}")
    dataset = kept(cache, record)
    if dataset is not None:
        return dataset
    with writing(cache):
        make_folder(cache.parent)
        with one_at_a_time(cache.parent):
            dataset = kept(cache, record)
            if dataset is not None:  # another process was as fast
                return dataset
            _write_cache(cache, record, decoder)
    dataset = kept(cache, record)
    if dataset is None:
        raise UserError(f"the cache {cache} was changed by someone else as it was being written")
    return dataset


def _beside(cache: Path) -> Path:
    return cache.with_name(f"{cache.name}.json")


def _write_cache(cache: Path, record: dict[str, Any], decoder: Decoder) -> None:
    beside = _beside(cache)
    with atomic_write(cache) as temporary:
        with open(temporary, "wb") as file:
            decoder.to_npy(file)
        # From here until the new record is in place, the cache counts as stale.
        beside.unlink(missing_ok=True)
    labels, names = classes_of(decoder.names)
    classes = {"classes": list(names), "labels": None if labels is None else labels.tolist()}
    with atomic_write(beside) as temporary:
        temporary.write_text(json.dumps({**record, **classes}, indent=2))


def kept(cache: Path, record: dict[str, Any] | None = None) -> ImageDataset | None:
    """The data set in the file `cache`, mapped into memory, if it is there, and what `record` says.

    Without a record it may be of any pictures.
    """
    try:
        with open(_beside(cache), "rb") as file:
            found = json.loads(file.read(LARGEST_RECORD))
        names, labels = tuple(found.pop("classes")), found.pop("labels")
        images = np.lib.format.open_memmap(cache, mode="r")
        shape = (found["channels"], found["image_size"], found["image_size"])
        if record is not None and found != record:
            return None
        if images.shape[1:] != shape or not images.flags.c_contiguous:
            return None
        return ImageDataset(
            np.asarray(images),  # a plain array: the system reads and forgets its pages as needed
            None if labels is None else np.array(labels, np.int64),
            name=found["name"],
            class_names=names,
        )
    except Exception:  # missing, cut off, or damaged in whatever way: as good as none
        return None
