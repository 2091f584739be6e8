"""Several element-wise steps in one kernel: `x * (x > 0)` reads and writes memory once, not twice.

`cupy.fuse` finds out what a function of arrays does by calling it with stand-ins, and makes one
kernel of it. The formulas of the ops stay as they are written; nothing is written twice.

Next: cublas.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minigan.backend.cupy.launch import cupy
from minigan.backend.formula import identity, name_of, twin
from minigan.backend.interface import Array


class Fusion:
    """Functions that were made into kernels, by what they are and depend on."""

    def __init__(self) -> None:
        self._kernels: dict[Any, Callable[..., Array] | None] = {}

    def run(self, function: Callable[..., Array], lines: Sequence[Array]) -> Array:
        """function(*lines), in one kernel if that is possible; lines are (P,) each."""
        key = identity(function)
        if key is None:
            return function(*lines)
        key = (key, *[line.dtype for line in lines])
        if key not in self._kernels:
            self._kernels[key] = cupy.fuse(kernel_name=name_of(function))(twin(function))
        kernel = self._kernels[key]
        if kernel is not None:
            try:
                return kernel(*lines)
            except (TypeError, NotImplementedError, AttributeError):
                self._kernels[key] = None  # it does something that stand-ins cannot follow
        return function(*lines)
