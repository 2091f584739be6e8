"""Random numbers that depend on a seed and a position alone: the same on NumPy and on CuPy.

Most generators carry a state from one number to the next. A *counter-based* generator has none: its
n-th block of bits is a function of a key (here: the seed) and of n (here: the offset),

    block n of seed s  =  Philox4x64-10(key = s, counter = n + 1)       four 64-bit words,

from Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Every
GPU thread can therefore compute its own block, and a checkpoint need only keep (seed, offset).
The "+ 1" is NumPy's: `numpy.random.Philox` raises its counter before it computes a block.

How a word becomes numbers, on both backends and for both dtypes (`low` and `high` are the two
32-bit halves of a word; each call starts with a fresh block and uses up whole blocks):

    uniform     low, high   -> two numbers half / 2^32; float32 keeps the upper 24 of the 32 bits
    normal      (low, high) -> two numbers, by Box and Muller's formula
    bernoulli   low, high   -> two numbers 1 where half < p * 2^32, else 0
    integers    word        -> one number, word mod high

Where many processes share a batch, each needs its own rows of the noise that one process would
draw. It computes those blocks alone, and moves on behind those of all.

`Random` is what the rest of minigan uses. `NumpyStream` in backend/numpy/random.py is its NumPy
body. The CuPy body is `CupyStream` in backend/cupy/random.py, with its kernels in philox.cu.

Next: engine/node.py.
"""

from __future__ import annotations

import copy
import hashlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minigan.backend import Backend, get_backend
from minigan.backend.interface import RandomStream
from minigan.backend.numpy.random import NumpyStream
from minigan.distributed.communicator import ranks
from minigan.errors import UserError

Shape = tuple[int, ...]


class Random:
    """A stream of random numbers, given by its seed and by how much of it has been used.

    For the seed, 0 <= seed < 2**128; all of it is the key of the stream. The backend is "numpy",
    "cupy", or what `get_backend` returned. It decides where the arrays live; the numbers are the
    same.
    """

    def __init__(self, seed: int = 0, *, backend: str | Backend = "numpy") -> None:
        self.backend = get_backend(backend)
        self._stream: RandomStream = self.backend.random_stream(
            _checked_int("seed", seed, 2**128), 0
        )

    def uniform(self, shape: int | Sequence[int], dtype: DTypeLike = "float32") -> Any:
        """Numbers of U[0, 1). float32 and float64 agree in their first 24 bits."""
        sizes, dtype = _checked_shape(shape), _checked_dtype(dtype)
        return self._drawn(sizes, 8, lambda count: self._stream.uniform(count, dtype))

    def normal(self, shape: int | Sequence[int], dtype: DTypeLike = "float32") -> Any:
        """Numbers of N(0, 1). The float32 ones are the float64 ones, rounded."""
        sizes, dtype = _checked_shape(shape), _checked_dtype(dtype)
        return self._drawn(sizes, 8, lambda count: self._stream.normal(count, dtype))

    def bernoulli(
        self,
        p_keep: float,
        shape: int | Sequence[int],
        dtype: DTypeLike = "float32",
        *,
        value: float = 1.0,
    ) -> Any:
        """`value` with probability `p_keep`, else 0: a dropout mask, already scaled if wished.

        The probability is rounded to a multiple of 2**-32.
        """
        if not 0.0 <= p_keep <= 1.0:
            raise UserError(f"bernoulli: p_keep is {p_keep}; it must lie between 0 and 1")
        sizes, dtype = _checked_shape(shape), _checked_dtype(dtype)
        threshold = round(p_keep * 2**32)
        return self._drawn(
            sizes, 8, lambda count: self._stream.bernoulli(threshold, value, count, dtype)
        )

    def integers(self, high: int, shape: int | Sequence[int]) -> Any:
        """int64 numbers, uniform on 0 ... high - 1.

        No probability is off by more than 2**-64, too little to ever be seen.
        """
        if _checked_int("high", high, 2**63 + 1) == 0:
            raise UserError("integers: high is 0, so there is no number to draw; use high >= 1")
        sizes = _checked_shape(shape)
        return self._drawn(sizes, 4, lambda count: self._stream.integers(high, count))

    def _drawn(self, shape: Shape, per_block: int, fill: Callable[[int], Any]) -> Any:
        """fill(all numbers) in this shape; `per_block` of them come from one block.

        In a round that ranks share, an array with a row for each of this rank's rows is a part of
        the array for the whole batch. Its numbers are those of that place:

            blocks        |   0   |   1   |   2   |   3   |   4   |
            whole batch   |...............|###############|.......|   # this rank's rows
            drawn here                |   1   |   2   |   3   |       then on to block 5
        """
        rows = ranks().rows
        if rows is None or shape[:1] != (rows.here,):
            return fill(math.prod(shape)).reshape(shape)
        row = math.prod(shape[1:])
        first, last, whole = (row * place for place in (rows.start, rows.stop, rows.total))
        skipped = first // per_block
        self._stream.skip(skipped)
        numbers = fill(last - skipped * per_block)
        self._stream.skip(-(-whole // per_block) - -(-last // per_block))
        return numbers[first - skipped * per_block :].reshape(shape)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """0 ... n - 1 in random order: a host array on every backend.

        Sorting n random words shuffles fairly, since all n! orders of the words are equally likely.
        """
        seed, offset = self._stream.seed, self._stream.offset()
        host = NumpyStream(seed, offset)
        order = np.argsort(host.words(_checked_int("n", n, 2**63)), kind="stable")
        self._stream.seek(seed, host.offset())
        return order.astype(np.int64, copy=False)

    def fork(self, name: str | int) -> Random:
        """An independent stream, whose seed is a hash of this one's seed and of `name`.

        It does not depend on how far this stream has come, and drawing from it does not move this
        stream: looking at samples during a training run leaves the run as it was.
        """
        label = name if isinstance(name, str) else int(name)
        digest = hashlib.sha256(f"{self._stream.seed}/{label!r}".encode()).digest()
        return Random(int.from_bytes(digest[:16], "little"), backend=self.backend)

    def state_dict(self) -> dict[str, int]:
        """All there is to know: {"seed": ..., "offset": blocks of four words used so far}."""
        return {"seed": self._stream.seed, "offset": self._stream.offset()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where the generator stood that gave `state`, on whichever backend that was."""
        if set(state) != {"seed", "offset"}:
            raise UserError(
                f'a random state has the keys "seed" and "offset"; this one has {sorted(state)}'
            )
        seed = _checked_int("seed", state["seed"], 2**128)
        self._stream.seek(seed, _checked_int("offset", state["offset"], 2**63))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied or pickled, it is a stream of its own that goes on from the same place."""
        return _restored, (self.backend, self.state_dict())

    def __repr__(self) -> str:
        return f"Random(seed={self._stream.seed}, backend={self.backend.name!r})"


Generator = Random  # torch's name for it; here five networks are called Generator, too


# --- the generators that are used where none is named ---------------------------------------------


class _ThreadDefaults(threading.local):
    """One seed per thread and, for each backend used there, the generator it started."""

    def __init__(self) -> None:
        self.seed = 0
        self.generators: dict[str, Random] = {}


_defaults = _ThreadDefaults()


def default_generator(*, backend: str | Backend = "numpy") -> Random:
    """This thread's generator for `backend`. It has seed 0 until `manual_seed` is called."""
    backend = get_backend(backend)
    if backend.name not in _defaults.generators:
        _defaults.generators[backend.name] = Random(_defaults.seed, backend=backend)
    return _defaults.generators[backend.name]


def manual_seed(seed: int, *, backend: str | Backend = "numpy") -> Random:
    """Restart this thread's default generators from `seed`; return the one for `backend`."""
    _defaults.seed = _checked_int("seed", seed, 2**128)
    for generator in _defaults.generators.values():
        generator.load_state_dict({"seed": seed, "offset": 0})
    return default_generator(backend=backend)


@contextmanager
def fork_rng() -> Iterator[None]:
    """Inside, this thread's default generators are copies; afterwards the caller's are back.

    What is seeded or drawn inside, or fails there, leaves the caller's random numbers alone.
    """
    seed, generators = _defaults.seed, _defaults.generators
    _defaults.generators = {name: copy.copy(generator) for name, generator in generators.items()}
    try:
        yield
    finally:
        _defaults.seed, _defaults.generators = seed, generators


def _restored(backend: Backend, state: dict[str, int]) -> Random:
    generator = Random(backend=backend)
    generator.load_state_dict(state)
    return generator


# --- arguments ------------------------------------------------------------------------------------


def _checked_int(name: str, value: int, limit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise UserError(f"{name} is {value!r}; it must be an int")
    if not 0 <= value < limit:
        raise UserError(f"{name} is {value}; it must be at least 0 and less than {limit}")
    return int(value)


def _checked_shape(shape: int | Sequence[int]) -> Shape:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(size < 0 for size in sizes):
        raise UserError(f"the shape {sizes} has a negative size")
    return sizes


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise UserError(f"random numbers are float32 or float64, not {dtype}")
    return dtype
