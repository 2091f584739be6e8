"""Choosing numbers instead of computing them: a row for each label, and dropout's coin tosses.

Next: convolution.py.
"""

from __future__ import annotations

from minigan.functional.checks import check_range
from minigan.random import Random, default_generator
from minigan.tensor import Tensor, as_tensor


def embedding(input: Tensor, weight: Tensor) -> Tensor:
    """Row `input[i]` of weight (rows, width) for each integer label: (…,) -> (…, width).

    The gradient adds up in a row that was chosen several times.
    """
    input = as_tensor(input)
    if input.dtype.kind not in "iu":
        raise ValueError(f"embedding: labels are integers, these are {input.dtype}")
    check_range("embedding", input.array, weight.shape[0])
    return weight[input.long()]  # bytes would be a mask


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Random | None = None,
) -> Tensor:
    """Set each number to 0 with probability p and divide the others by 1 − p (Srivastava 2014).

    The division keeps the expected value, so that nothing needs to change outside of training.
    `inplace` is accepted, as in relu.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability from 0 to 1, not {p}")
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    source = generator or default_generator(backend=input.backend)
    mask = source.bernoulli(1 - p, input.shape, input.dtype, value=1 / (1 - p))
    return input * Tensor.of(mask)
