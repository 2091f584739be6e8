"""Choosing numbers instead of computing them: a row for each label, and dropout's coin tosses.

Next: convolution.py.
"""

from __future__ import annotations

from minigan.backend.random import Generator, default_generator
from minigan.functional.losses import check_range
from minigan.tensor import Tensor


def embedding(input: Tensor, weight: Tensor) -> Tensor:
    """Row `input[i]` of weight (rows, width) for each integer label: (…,) -> (…, width).

    The gradient adds up in a row that was chosen several times.
    """
    if input.dtype.kind not in "iu":
        raise ValueError(f"embedding: labels are integers, these are {input.dtype}")
    check_range("embedding", input.data, weight.shape[0])
    return weight[input]


def dropout(
    x: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None
) -> Tensor:
    """Set each number to 0 with probability p and divide the others by 1 − p (Srivastava 2014).

    The division keeps the expected value, so that nothing needs to change outside of training.
    """
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    source = generator or default_generator(backend=x.backend)
    return x * Tensor._wrap(source.bernoulli(1 - p, x.shape, x.dtype, value=1 / (1 - p)))
