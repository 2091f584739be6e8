"""A GPU's memory: what is said when it is full, and a pool of one's own for a recorded step.

Next: fusion.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from minigan.backend.cupy.launch import cupy
from minigan.backend.interface import Array
from minigan.errors import UserError


def explained(allocate: Callable[[int], Any]) -> Callable[[int], Any]:
    """The same allocator, but what it says when memory is used up is a sentence with a way out."""

    def allocate_or_explain(size: int) -> Any:
        try:
            return allocate(size)
        except cupy.cuda.memory.OutOfMemoryError as error:
            free, total = (bytes_ / 2**30 for bytes_ in cupy.cuda.runtime.memGetInfo())
            raise UserError(
                f"the GPU's memory is used up: {size / 2**20:,.0f} MiB more were asked for, "
                f"{free:.1f} of {total:.1f} GiB are free on the device; use a smaller --batch-size "
                "or smaller images, or end other programs on this GPU"
            ) from error

    return allocate_or_explain


@contextmanager
def private_memory(pool: Any) -> Iterator[None]:
    """Inside, arrays are made in this pool."""
    with cupy.cuda.using_allocator(explained(pool.malloc)):
        yield


def concatenated(arrays: Sequence[Array], axis: int = 0) -> Array:
    """The arrays one after another, eight at a time.

    For more at once, CuPy sends a table of their addresses to the GPU, which cannot be recorded.
    """
    while len(arrays) > 8:
        arrays = [cupy.concatenate(arrays[i : i + 8], axis) for i in range(0, len(arrays), 8)]
    return cupy.concatenate(arrays, axis)
