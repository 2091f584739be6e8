"""Where a step began, so that one can go back there; and whether two ways led to the same place.

Next: program.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from minigan.backend.numpy.replay.exchange import Exchange

# Bytes of weights, moments and all else that the owner holds. In a step of larger ones all time
# goes to products, and the copies would take more memory than the step.
LARGEST = 1 << 27


class TooLargeError(Exception):
    """The owner's arrays are too large to be copied for a trial."""


class Before:
    """Where a step began: what was in the arrays, and how far the random numbers had come.

    Raises TooLargeError if the arrays together are larger than LARGEST.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.arrays, self.streams = exchange.arrays, exchange.streams
        if (size := sum(array.nbytes for array in self.arrays)) > LARGEST:
            raise TooLargeError(f"to try it would take a copy of {size >> 20:,} MB")
        self.copies = [array.copy(order="K") for array in self.arrays]
        self.offsets = [stream.offset() for stream in self.streams]

    def restore(self) -> None:
        """Put all of it back."""
        for array, copy in zip(self.arrays, self.copies, strict=True):
            if array.flags.writeable:
                array[...] = copy
        for stream, offset in zip(self.streams, self.offsets, strict=True):
            stream.seek(stream.seed, offset)

    def changed(self, made: Iterable[Any]) -> list[Any]:
        """What stands for all that a step has left, and made: the same if that is the same."""
        ends = [stream.offset() for stream in self.streams]
        return [*ends, *[_digest(array) for array in (*self.arrays, *made)]]


def _digest(array: Any) -> Any:
    """A few bytes that stand for an array's numbers."""
    return array.shape, array.dtype, hashlib.sha256(np.ascontiguousarray(array).data).digest()
