"""Which formula is it? What a function's result depends on, besides its arguments.

Whoever makes machine code of a formula keeps it, and must find it again.
Next: numpy/arrays.py.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

# What a formula may depend on besides its arguments, and still be told apart from others by value.
PLAIN = (int, float, str, type(None), np.dtype)


def identity(function: Any) -> Any:
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


def twin(function: Any) -> Any:
    """The same method of a copy: the kernel stays, and must not keep an op and its graph alive."""
    owner = getattr(function, "__self__", None)
    return function if owner is None else function.__func__.__get__(copy.copy(owner))


def name_of(function: Any) -> str:
    """The op's name, to be read in a profile."""
    owner = getattr(function, "__self__", None)
    name = function.__name__ if owner is None else type(owner).__name__
    return f"minigan_{name if name.isidentifier() else 'formula'}"  # a lambda has no name
