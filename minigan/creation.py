"""Tensors out of nothing, out of chance and out of other libraries, by torch's names.

Next: functional/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.backend import Backend, get_backend
from minigan.backend.random import Generator, default_generator
from minigan.tensor import Array, Scalar, Tensor, _shape


def _new(array: Array, requires_grad: bool) -> Tensor:
    return Tensor._wrap(array).requires_grad_(requires_grad)


def zeros(
    *size: Any,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    return _new(get_backend(backend).xp.zeros(_shape(size), dtype), requires_grad)


def ones(
    *size: Any,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    return _new(get_backend(backend).xp.ones(_shape(size), dtype), requires_grad)


def full(
    size: Sequence[int],
    fill_value: Scalar,
    *,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    return _new(get_backend(backend).xp.full(tuple(size), fill_value, dtype), requires_grad)


def zeros_like(x: Tensor) -> Tensor:
    return Tensor._wrap(x.backend.xp.zeros_like(x.data))


def ones_like(x: Tensor) -> Tensor:
    return Tensor._wrap(x.backend.xp.ones_like(x.data))


def arange(
    start: Scalar, end: Scalar | None = None, step: Scalar = 1, *, backend: str | Backend = "numpy"
) -> Tensor:
    """start, start + step, … below end; integers (int64) if all three are, else float32."""
    first, last = (0, start) if end is None else (start, end)
    whole = all(isinstance(n, int) for n in (first, last, step))
    dtype = np.int64 if whole else np.float32
    return Tensor._wrap(get_backend(backend).xp.arange(first, last, step, dtype=dtype))


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """Standard normal numbers, from `generator` or from this thread's default one."""
    source = generator or default_generator(backend=backend)
    return _new(source.normal(_shape(size), dtype), requires_grad)


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """Numbers drawn evenly from [0, 1), from `generator` or from this thread's default one."""
    source = generator or default_generator(backend=backend)
    return _new(source.uniform(_shape(size), dtype), requires_grad)


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor on the very memory of a NumPy array: a change to one is a change to both."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy takes a NumPy array, not a {type(array).__name__}")
    return Tensor._wrap(array)


def from_dlpack(source: Any) -> Tensor:
    """A tensor on the memory of another library's array (torch, CuPy, JAX), without a copy."""
    on_cpu = source.__dlpack_device__()[0] == 1  # DLPack's number for host memory
    return Tensor._wrap(get_backend("numpy" if on_cpu else "cupy").xp.from_dlpack(source))
