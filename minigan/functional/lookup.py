"""Choosing numbers instead of computing them: a row for each label, and dropout's coin tosses.

Next: convolution.py.
"""

from __future__ import annotations

from minigan.functional.checks import check_range, check_tensors
from minigan.random import Random, default_generator
from minigan.tensor import Shape, Tensor, as_tensor


def embedding(input: Tensor, weight: Tensor) -> Tensor:
    """Row `input[i]` of weight (rows, width) for each integer label: (…,) -> (…, width).

    The labels may be an array. The gradient adds up in a row that was chosen several times.
    """
    input = as_tensor(input)
    check_tensors("embedding", input, weight=weight)
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
    check_tensors("dropout", input)
    return _dropped("dropout", input, input.shape, p, training, generator)


def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Random | None = None,
) -> Tensor:
    """The same for whole channels: one coin for each map of (N, C, H, W) (Tompson et al. 2015).

    Neighboring pixels are so alike that one of them, dropped alone, would not be missed.
    """
    check_tensors("dropout2d", input)
    if input.ndim < 3:
        raise ValueError(f"dropout2d: images are (N, C, H, W), got shape {input.shape}")
    coins = (*input.shape[:2], *(1,) * (input.ndim - 2))
    return _dropped("dropout2d", input, coins, p, training, generator)


def _dropped(
    name: str, input: Tensor, coins: Shape, p: float, training: bool, generator: Random | None
) -> Tensor:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p is a probability from 0 to 1, not {p}")
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    source = generator or default_generator(backend=input.backend)
    mask = source.bernoulli(1 - p, coins, input.dtype, value=1 / (1 - p))
    return input * Tensor.of(mask)
