"""Tensors out of nothing, out of chance and out of other libraries, by torch's names.

Next: graph/__init__.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.backend import Backend, get_backend
from minigan.random import Random, default_generator
from minigan.tensor import Array, Scalar, Tensor, number_type, shape_of


def _type_of(*numbers: Any) -> Any:
    """The type that torch gives a tensor of plain numbers: bool, int64 or float32."""
    return {"b": np.bool_, "f": np.float32}.get(np.asarray(numbers).dtype.kind, np.int64)


def _new(array: Array, requires_grad: bool) -> Tensor:
    number_type(array.dtype)
    return Tensor.of(array).requires_grad_(requires_grad)


def _source(generator: Random | None, backend: str | Backend) -> Random:
    """Who draws: the generator that is given, or else this thread's default one."""
    return generator or default_generator(backend=backend)


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    backend: str | Backend | None = None,
) -> Tensor:
    """A tensor with memory of its own, as in torch; `Tensor(array)` lies on the array's memory."""
    wrapped = Tensor(data, dtype=dtype, backend=backend)
    return wrapped.detach().clone().requires_grad_(requires_grad)


def zeros(
    *size: Any,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """0 everywhere: `zeros(2, 3)` or `zeros((2, 3))`."""
    return _new(get_backend(backend).xp.zeros(shape_of(size), dtype), requires_grad)


def ones(
    *size: Any,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """1 everywhere: `ones(2, 3)` or `ones((2, 3))`."""
    return _new(get_backend(backend).xp.ones(shape_of(size), dtype), requires_grad)


def full(
    size: Sequence[int],
    fill_value: Scalar,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """The same number everywhere; its type, unless given, is bool, int64 or float32."""
    dtype = dtype or _type_of(fill_value)
    return _new(get_backend(backend).xp.full(tuple(size), fill_value, dtype), requires_grad)


def zeros_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """0 everywhere, in the input's shape, its order of memory and, unless given, its type."""
    return _new(input.backend.xp.zeros_like(input.array, dtype), requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """1 everywhere, in the input's shape, its order of memory and, unless given, its type."""
    return _new(input.backend.xp.ones_like(input.array, dtype), requires_grad)


def arange(
    start: Scalar,
    end: Scalar | None = None,
    step: Scalar = 1,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """start, start + step, … below end; integers (int64) if all three are, else float32."""
    first, last = (0, start) if end is None else (start, end)
    if step == 0 or (last - first) / step < 0:
        raise ValueError(f"arange goes from {first} to {last} never in steps of {step}")
    kind = _type_of(first, last, step)
    if dtype is not None and np.dtype(dtype).kind != "f" and kind is not np.int64:
        raise ValueError(
            f"whole numbers have whole steps: give {first}, {last}, {step} as integers"
        )
    exact = np.int64 if kind is np.int64 else np.float64  # in float32, steps would add up wrongly
    array = get_backend(backend).xp.arange(first, last, step, dtype=exact)
    return _new(array.astype(dtype or kind, copy=False), requires_grad)


def linspace(
    start: Scalar,
    end: Scalar,
    steps: int,
    *,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """So many numbers from start to end, both included, all equally far apart."""
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"linspace gives fractions, which {np.dtype(dtype)} cannot hold")
    array = get_backend(backend).xp.linspace(float(start), float(end), steps, dtype=np.float64)
    return _new(array.astype(dtype, copy=False), requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """1 on the diagonal and 0 beside it: (n, m), or (n, n)."""
    return _new(get_backend(backend).xp.eye(n, m, dtype=dtype), requires_grad)


def randn(
    *size: Any,
    generator: Random | None = None,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """Standard normal numbers, from `generator` or from this thread's default one."""
    return _new(_source(generator, backend).normal(shape_of(size), dtype), requires_grad)


def rand(
    *size: Any,
    generator: Random | None = None,
    dtype: Any = np.float32,
    requires_grad: bool = False,
    backend: str | Backend = "numpy",
) -> Tensor:
    """Numbers drawn evenly from [0, 1), from `generator` or from this thread's default one."""
    return _new(_source(generator, backend).uniform(shape_of(size), dtype), requires_grad)


def randint(
    low: Any = 0,
    high: Any = None,
    size: Sequence[int] | None = None,
    *,
    generator: Random | None = None,
    dtype: Any = np.int64,
    backend: str | Backend = "numpy",
) -> Tensor:
    """Whole numbers from low to high − 1: `randint(low, high, size)` or `randint(high, size)`."""
    if size is None:
        high, size = None, high
    if high is None:
        low, high = 0, low
    if size is None or low >= high:
        raise ValueError(f"randint needs low < high and a size, got {low}, {high} and {size}")
    numbers = _source(generator, backend).integers(high - low, size) + low
    return _new(numbers.astype(dtype, copy=False), requires_grad=False)


def randn_like(
    input: Tensor,
    *,
    generator: Random | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal numbers in the input's shape and, unless given, its type."""
    source = _source(generator, input.backend)
    return _new(source.normal(input.shape, dtype or input.dtype), requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Random | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers drawn evenly from [0, 1) in the input's shape and, unless given, its type."""
    source = _source(generator, input.backend)
    return _new(source.uniform(input.shape, dtype or input.dtype), requires_grad)


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor on the very memory of a NumPy array: a change to one is a change to both."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy takes a NumPy array, not a {type(array).__name__}")
    return _new(array, requires_grad=False)


def from_dlpack(source: Any) -> Tensor:
    """A tensor on the memory of another library's array (torch, CuPy, JAX), without a copy."""
    on_cpu = source.__dlpack_device__()[0] == 1  # DLPack's number for host memory
    array = get_backend("numpy" if on_cpu else "cupy").xp.from_dlpack(source)
    return _new(array, requires_grad=False)
