"""Where weights begin: torch.nn.init's functions, in place on a tensor or its `.data`.

Random numbers come from `generator`, or from this thread's default one: `manual_seed` fixes them.

Why just these numbers? An output adds up n = fan in products. Let the inputs be of mean square q,
and the weights independent, of mean 0 and variance v: then the products are as likely positive as
negative, and the sum has variance n · v · q. For v = 1/n a layer hands on numbers of the size that
it was given; for any other v they grow, or shrink, by the same factor *in each layer*, and so do
the gradients on their way back. U(−b, b) has v = b²/3, so b = √(3/n). A ReLU lets half of the mean
square pass, which is why Kaiming He's bound is √(6/n). torch's default for its layers, b = 1/√n,
gives a third of the variance, so numbers shrink on their way through a deep network without
normalization; with batch norm, which sets the size anew, it does not matter.
Next: spectral_norm.py.
"""

from __future__ import annotations

import math
from typing import Any

from minigan.backend import backend_of
from minigan.random import Random, default_generator
from minigan.tensor import Array, Tensor


def _write(tensor: Tensor | Array, values: Any) -> Any:
    array = tensor.array if isinstance(tensor, Tensor) else tensor
    array[...] = backend_of(array).asarray(values) if hasattr(values, "shape") else values
    if isinstance(tensor, Tensor):
        tensor.mark_changed()
    return tensor


def normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Random | None = None
) -> Any:
    """Normal numbers of that mean and standard deviation."""
    values = (generator or default_generator()).normal(tensor.shape, tensor.dtype)
    return _write(tensor, values * std + mean)


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Random | None = None) -> Any:
    """Numbers drawn evenly from [a, b)."""
    values = (generator or default_generator()).uniform(tensor.shape, tensor.dtype)
    return _write(tensor, values * (b - a) + a)


def constant_(tensor: Any, val: float) -> Any:
    """The same number everywhere."""
    return _write(tensor, val)


def zeros_(tensor: Any) -> Any:
    """0 everywhere."""
    return constant_(tensor, 0.0)


def ones_(tensor: Any) -> Any:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def fan_in_and_out(tensor: Any) -> tuple[int, int]:
    """How many inputs one output adds up, and how many outputs one input reaches.

    For a weight (out, in, …) with a kernel area k: in · k and out · k.
    """
    if len(tensor.shape) < 2:
        raise ValueError(
            f"fan in and fan out need a weight of 2 dimensions or more, not of shape {tensor.shape}"
        )
    area = math.prod(tensor.shape[2:])
    return tensor.shape[1] * area, tensor.shape[0] * area


def kaiming_uniform_(tensor: Any, a: float = 0.0, *, generator: Random | None = None) -> Any:
    """U(−bound, bound), bound = √(6 / ((1 + a²) · fan in)) (He et al. 2015, equation 14).

    With a = √5, as torch's layers have it, the bound is 1/√(fan in).
    """
    fan_in = max(fan_in_and_out(tensor)[0], 1)  # a weight without inputs has no numbers to fill
    bound = math.sqrt(6 / ((1 + a * a) * fan_in))
    return uniform_(tensor, -bound, bound, generator)


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Random | None = None) -> Any:
    """U(−bound, bound), bound = gain · √(6 / (fan in + fan out)) (Glorot and Bengio 2010)."""
    bound = gain * math.sqrt(6 / sum(fan_in_and_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)
