"""Several element-wise steps in one kernel: `x * (x > 0)` reads and writes memory once, not twice.

`cupy.fuse` finds out what a function of arrays does by calling it with stand-ins, and makes one
kernel of it. The formulas of the ops stay as they are written; nothing is written twice.

Next: cublas.py.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.backend.cupy.launch import cupy
from minigan.backend.interface import Array

# What a formula may depend on besides its arguments, and still be told apart from others by value.
PLAIN = (int, float, str, type(None), np.dtype)


class Fusion:
    """Functions that were made into kernels, by what they are and depend on."""

    def __init__(self) -> None:
        self._kernels: dict[Any, Callable[..., Array] | None] = {}

    def run(self, function: Callable[..., Array], lines: Sequence[Array]) -> Array:
        """function(*lines), in one kernel if that is possible; lines are (P,) each."""
        key = _identity(function)
        if key is None:
            return function(*lines)
        key = (key, *[line.dtype for line in lines])
        if key not in self._kernels:
            self._kernels[key] = cupy.fuse(kernel_name=_name(function))(_twin(function))
        kernel = self._kernels[key]
        if kernel is not None:
            try:
                return kernel(*lines)
            except (TypeError, NotImplementedError, AttributeError):
                self._kernels[key] = None  # it does something that stand-ins cannot follow
        return function(*lines)


def _identity(function: Any) -> Any:
    """All that a function's result depends on but its arguments; None if that is not plain.

    The code alone would not do. In

        double, triple = [lambda x, k=k: k * x for k in (2, 3)]

    both have one code object, and differ by a default; written as `(lambda k: lambda x: k * x)(2)`,
    by what they close over. With one kernel for both, triple would double.
    """
    owner = getattr(function, "__self__", None)
    method = getattr(function, "__func__", function)
    cells = getattr(method, "__closure__", None) or ()
    state = [] if owner is None else list(vars(owner).items())
    values = [value for _, value in state] + [cell.cell_contents for cell in cells]
    values += getattr(method, "__defaults__", None) or ()
    if not hasattr(method, "__code__") or not all(isinstance(value, PLAIN) for value in values):
        return None
    return type(owner), method.__code__, *state, *[repr(value) for value in values]


def _twin(function: Any) -> Any:
    """The same method of a copy: the kernel stays, and must not keep an op and its graph alive."""
    owner = getattr(function, "__self__", None)
    return function if owner is None else function.__func__.__get__(copy.copy(owner))


def _name(function: Any) -> str:
    """The op's name, to be read in a profile."""
    owner = getattr(function, "__self__", None)
    name = function.__name__ if owner is None else type(owner).__name__
    return f"minigan_{name if name.isidentifier() else 'formula'}"  # a lambda has no name
