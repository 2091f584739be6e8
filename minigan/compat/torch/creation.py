"""minigan's creation functions with torch's `device=` and what else it takes and we need not.

Next: serialization.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from minigan import creation
from minigan.backend.device import backend_named
from minigan.random import default_generator
from minigan.tensor import Tensor


def _placed(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`make(…, device="cuda")` is `make(…, backend="cupy")`."""

    @functools.wraps(make)
    def made(*values: Any, device: Any = None, pin_memory: bool = False, **options: Any) -> Tensor:
        if device is not None:
            options["backend"] = backend_named(device)
        return make(*values, **options)

    return made


def _moved(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same for what takes its place from a tensor."""

    @functools.wraps(make)
    def made(input: Tensor, *, device: Any = None, **options: Any) -> Tensor:
        return make(input if device is None else input.detach().to(device), **options)

    return made


arange, full = _placed(creation.arange), _placed(creation.full)
ones, zeros = _placed(creation.ones), _placed(creation.zeros)
empty = zeros  # memory as it was found is of no use to anybody
rand, randn = _placed(creation.rand), _placed(creation.randn)
randint = _placed(creation.randint)
tensor = _placed(creation.tensor)
ones_like, zeros_like = _moved(creation.ones_like), _moved(creation.zeros_like)
rand_like, randn_like = _moved(creation.rand_like), _moved(creation.randn_like)


def randperm(n: int, *, generator: Any = None, device: Any = "cpu") -> Tensor:
    """(n,): 0 … n − 1 in random order."""
    return Tensor((generator or default_generator()).permutation(n)).to(device)
