"""How many numbers networks may have: a quota on memory, for networks that a file describes.

Nothing else needs to be known of it to read the layers. Next: clipping.py.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from minigan.errors import UserError


class _Allowance(threading.local):
    numbers: float = math.inf


_allowance = _Allowance()


@contextmanager
def at_most(numbers: int) -> Iterator[None]:
    """Inside, layers may have so many parameters in all; more are a UserError.

    For networks that a file describes: its word may ask for more memory than there is.
    """
    before, _allowance.numbers = _allowance.numbers, numbers
    try:
        yield
    finally:
        _allowance.numbers = before


def memory(*shape: int) -> np.ndarray:
    """Room for the numbers of a parameter, not written to yet.

    Raises MemoryError if there is none, even where NumPy would say that the number is no size.
    """
    _allowance.numbers -= math.prod(shape)
    if _allowance.numbers < 0:
        raise UserError(f"a parameter of shape {shape} is more than these networks may have")
    if math.prod(shape) * 4 > sys.maxsize:  # bytes
        raise MemoryError(f"a parameter of shape {shape}")
    return np.empty(shape, np.float32)
