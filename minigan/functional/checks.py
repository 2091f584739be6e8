"""What several functions refuse, each with a sentence that begins with the function's name.

Next: linear.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.tensor import Array, Tensor


def check_tensors(name: str, input: Any, **others: Any) -> None:
    """Refuse an array or a number in a tensor's place; others than the input may be None."""
    if not isinstance(input, Tensor):
        raise _not_a_tensor(name, "input", input)
    for argument, value in others.items():
        if value is not None and not isinstance(value, Tensor):
            raise _not_a_tensor(name, argument, value)


def _not_a_tensor(name: str, argument: str, value: Any) -> TypeError:
    kind = type(value).__name__
    return TypeError(
        f"{name}: the {argument} must be a Tensor, this is of type {kind}; wrap it with "
        "minigan.tensor(…)"
    )


def check_types(name: str, input: Tensor, weight: Tensor) -> None:
    """Refuse float64 that meets float32: all that follows would be float64, and half as fast."""
    if input.array.dtype is not weight.array.dtype and input.dtype != weight.dtype:
        raise ValueError(
            f"{name}: the input is {input.dtype} and the weight {weight.dtype}; turn one of them "
            "into the other's type, with .float() or .double()"
        )


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Refuse what would be broadcast: (N, 1) against (N,) is N² pairs where N are meant."""
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: input and target must have one shape, got {input.shape} and {target.shape}"
        )


def check_range(name: str, labels: Array, classes: int) -> None:
    """Refuse labels outside 0 … classes − 1 (not on a GPU, where a look would stall the step)."""
    if isinstance(labels, np.ndarray) and labels.size:
        low, high = labels.min(), labels.max()
        if low < 0 or high >= classes:
            wrong = low if low < 0 else high
            raise ValueError(f"{name}: label {wrong} is outside the range 0 to {classes - 1}")
