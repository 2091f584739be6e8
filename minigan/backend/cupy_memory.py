"""How arrays lie in a GPU's memory: the order of their elements, and what is said when it is full.

Next: cupy_backend.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from minigan.backend.cupy_kernels import cupy
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


# ---------------------------------------------------------------------------------------------


def memory_order(array: Array) -> tuple[int, ...]:
    """The axes from the widest step in memory to the narrowest: (0, 1, …) for C order."""
    if array.flags.c_contiguous:
        return tuple(range(array.ndim))
    return tuple(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))


def inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def is_dense(array: Array) -> bool:
    """Whether the elements fill one piece of memory without gaps."""
    return bool(array.transpose(memory_order(array)).flags.c_contiguous)


def same_layout(arrays: Sequence[Array]) -> bool:
    """Whether all have one shape and lie alike, so that equal indices are equal places."""
    return len({(a.shape, _strides(a)) for a in arrays}) == 1


def _strides(array: Array) -> tuple[int, ...]:
    return tuple(stride // array.itemsize for stride in array.strides)


def turned(a: Any, order: tuple[int, ...]) -> Any:
    """The axes of an array in another order; those that it lacks for broadcasting are added."""
    if not isinstance(a, cupy.ndarray):
        return a
    return a.reshape((1,) * (len(order) - a.ndim) + a.shape).transpose(order)
