"""The cache: decoded images in one .npy file, and beside it a record of what they were made of.

The next run reads them from there in no time, and the system keeps in memory what is needed.
Next: ../cifar10.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.data.pictures.decode import Decoder
from minigan.errors import UserError
from minigan.files import SMALL, atomic_write, make_folder, writing
from minigan.lock import one_at_a_time


def cached(cache: Path, record: dict[str, Any], decoder: Decoder) -> NDArray[np.uint8]:
    """The images of `decoder`, kept in the file `cache`; see `image_folder`."""
    if cache.suffix != ".npy":
        raise UserError(f"the cache must be a .npy file, not {cache}")
    beside = cache.with_name(f"{cache.name}.json")
    images = _read_cache(cache, beside, record)
    if images is not None:
        return images
    with writing(cache):
        make_folder(cache.parent)
        with one_at_a_time(cache.parent):
            images = _read_cache(cache, beside, record)
            if images is not None:  # another process was as fast
                return images
            _write_cache(cache, beside, record, decoder)
    images = _read_cache(cache, beside, record)
    if images is None:
        raise UserError(f"the cache {cache} was changed by someone else as it was being written")
    return images


def _write_cache(cache: Path, beside: Path, record: dict[str, Any], decoder: Decoder) -> None:
    with atomic_write(cache) as temporary:
        with open(temporary, "wb") as file:
            decoder.to_npy(file)
        # From here until the new record is in place, the cache counts as stale.
        beside.unlink(missing_ok=True)
    with atomic_write(beside) as temporary:
        temporary.write_text(json.dumps(record, indent=2))


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
