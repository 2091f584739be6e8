"""Random numbers that depend on a seed and a position alone: the same on NumPy and on CuPy.

Most generators carry a state from one number to the next. A *counter-based* generator has none: its
n-th block of bits is a function of a key (here: the seed) and of n (here: the offset),

    block n of seed s  =  Philox4x64-10(key = s, counter = n + 1)       four 64-bit words,

from Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Every
GPU thread can therefore compute its own block, and a checkpoint need only keep (seed, offset).
The "+ 1" is NumPy's: ``numpy.random.Philox`` raises its counter before it computes a block.

How a word becomes numbers, on both backends and for both dtypes (``low`` and ``high`` are the two
32-bit halves of a word; each call starts with a fresh block and uses up whole blocks):

    uniform     low, high   -> two numbers half / 2^32; float32 keeps the upper 24 of the 32 bits
    normal      (low, high) -> two numbers, by Box and Muller's formula
    bernoulli   low, high   -> two numbers 1 where half < p * 2^32, else 0
    integers    word        -> one number, word mod high

``Generator`` is what the rest of minigan uses. ``NumpyStream`` is its NumPy body; the CuPy body is
``CupyStream`` in ``cupy_random.py``, with its kernels in ``philox.cu``: read that next.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from minigan.backend import Backend, get_backend
from minigan.errors import UserError

WORDS_PER_BLOCK = 4  # Philox4x64 gives four 64-bit words at a time
CHUNK = 4096  # words handled at once: a float64 array of them (32 KB) stays in cache


class RandomStream(Protocol):
    """What a backend does for a ``Generator``: flat arrays of random numbers from (seed, offset).

    Each of the four methods below starts at block ``offset``, uses up whole blocks and moves the
    offset behind the last one. ``backend.random_stream(seed, offset)`` makes such an object.
    """

    seed: int

    def uniform(self, count: int, dtype: np.dtype[Any]) -> Any: ...
    def normal(self, count: int, dtype: np.dtype[Any]) -> Any: ...
    def bernoulli(self, threshold: int, value: float, count: int, dtype: np.dtype[Any]) -> Any: ...
    def integers(self, high: int, count: int) -> Any: ...

    def offset(self) -> int:
        """The number of blocks used so far. On a GPU this waits for the device."""

    def seek(self, seed: int, offset: int) -> None:
        """Go on from block ``offset`` of ``seed``."""


class Generator:
    """A stream of random numbers, given by its seed and by how much of it has been used.

    Args:
        seed: 0 <= seed < 2**128; all of it is the key of the stream.
        backend: "numpy", "cupy", or what ``get_backend`` returned. It decides where the arrays
            live; the numbers are the same.
    """

    def __init__(self, seed: int = 0, *, backend: str | Backend = "numpy") -> None:
        self.backend = get_backend(backend)
        self._stream: RandomStream = self.backend.random_stream(
            _checked_int("seed", seed, 2**128), 0
        )

    def uniform(self, shape: int | Sequence[int], dtype: DTypeLike = "float32") -> Any:
        """Numbers of U[0, 1). float32 and float64 agree in their first 24 bits."""
        shape, count = _checked_shape(shape)
        return self._stream.uniform(count, _checked_dtype(dtype)).reshape(shape)

    def normal(self, shape: int | Sequence[int], dtype: DTypeLike = "float32") -> Any:
        """Numbers of N(0, 1). The float32 ones are the float64 ones, rounded."""
        shape, count = _checked_shape(shape)
        return self._stream.normal(count, _checked_dtype(dtype)).reshape(shape)

    def bernoulli(
        self,
        p_keep: float,
        shape: int | Sequence[int],
        dtype: DTypeLike = "float32",
        *,
        value: float = 1.0,
    ) -> Any:
        """``value`` with probability ``p_keep``, else 0: a dropout mask, already scaled if wished.

        The probability is rounded to a multiple of 2**-32.
        """
        if not 0.0 <= p_keep <= 1.0:
            raise UserError(f"bernoulli: p_keep is {p_keep}; it must lie between 0 and 1")
        shape, count = _checked_shape(shape)
        threshold = round(p_keep * 2**32)
        flat = self._stream.bernoulli(threshold, value, count, _checked_dtype(dtype))
        return flat.reshape(shape)

    def integers(self, high: int, shape: int | Sequence[int]) -> Any:
        """int64 numbers, uniform on 0 ... high - 1.

        No probability is off by more than 2**-64, too little to ever be seen.
        """
        if _checked_int("high", high, 2**63 + 1) == 0:
            raise UserError("integers: high is 0, so there is no number to draw; use high >= 1")
        shape, count = _checked_shape(shape)
        return self._stream.integers(high, count).reshape(shape)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """0 ... n - 1 in random order: a host array on every backend.

        Sorting n random words shuffles fairly, since all n! orders of the words are equally likely.
        """
        seed, offset = self._stream.seed, self._stream.offset()
        host = NumpyStream(seed, offset)
        order = np.argsort(host.words(_checked_int("n", n, 2**63)), kind="stable")
        self._stream.seek(seed, host.offset())
        return order.astype(np.int64, copy=False)

    def fork(self, name: str | int) -> Generator:
        """An independent stream, whose seed is a hash of this one's seed and of ``name``.

        It does not depend on how far this stream has come, and drawing from it does not move this
        stream: looking at samples during a training run leaves the run as it was.
        """
        label = name if isinstance(name, str) else int(name)
        digest = hashlib.sha256(f"{self._stream.seed}/{label!r}".encode()).digest()
        return Generator(int.from_bytes(digest[:16], "little"), backend=self.backend)

    def state_dict(self) -> dict[str, int]:
        """All there is to know: {"seed": ..., "offset": blocks of four words used so far}."""
        return {"seed": self._stream.seed, "offset": self._stream.offset()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where the generator stood that gave ``state``, on whichever backend that was."""
        if set(state) != {"seed", "offset"}:
            raise UserError(
                f'a random state has the keys "seed" and "offset"; this one has {sorted(state)}'
            )
        seed = _checked_int("seed", state["seed"], 2**128)
        self._stream.seek(seed, _checked_int("offset", state["offset"], 2**63))

    def __repr__(self) -> str:
        return f"Generator(seed={self._stream.seed}, backend={self.backend.name!r})"


# --- the generators that are used where none is named ---------------------------------------------


class _ThreadDefaults(threading.local):
    """One seed per thread and, for each backend used there, the generator it started."""

    def __init__(self) -> None:
        self.seed = 0
        self.generators: dict[str, Generator] = {}


_defaults = _ThreadDefaults()


def default_generator(*, backend: str | Backend = "numpy") -> Generator:
    """This thread's generator for ``backend``. It has seed 0 until ``manual_seed`` is called."""
    backend = get_backend(backend)
    if backend.name not in _defaults.generators:
        _defaults.generators[backend.name] = Generator(_defaults.seed, backend=backend)
    return _defaults.generators[backend.name]


def manual_seed(seed: int, *, backend: str | Backend = "numpy") -> Generator:
    """Restart this thread's default generators from ``seed``; return the one for ``backend``."""
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
    _defaults.generators = {name: _twin(generator) for name, generator in generators.items()}
    try:
        yield
    finally:
        _defaults.seed, _defaults.generators = seed, generators


def _twin(generator: Generator) -> Generator:
    twin = Generator(backend=generator.backend)
    twin.load_state_dict(generator.state_dict())
    return twin


# --- the NumPy body -------------------------------------------------------------------------------


class NumpyStream:
    """``RandomStream`` on the CPU: NumPy's Philox for the bits, array arithmetic for the rest."""

    def __init__(self, seed: int, offset: int = 0) -> None:
        self.seek(seed, offset)

    def seek(self, seed: int, offset: int) -> None:
        self.seed = seed
        self._offset = offset
        self._philox = np.random.Philox(key=seed, counter=offset)

    def offset(self) -> int:
        return self._offset

    def words(self, count: int) -> NDArray[np.uint64]:
        """``count`` 64-bit words. Whole blocks are drawn; what is left of the last is dropped."""
        blocks = -(-count // WORDS_PER_BLOCK)
        self._offset += blocks
        return self._philox.random_raw(blocks * WORDS_PER_BLOCK)[:count]

    def _chunks(self, words: int) -> Iterator[tuple[int, NDArray[np.uint64]]]:
        """The next ``words`` words, a cache-sized piece at a time, each with its position."""
        for start in range(0, words, CHUNK):
            yield start, self.words(min(CHUNK, words - start))

    def uniform(self, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        pairs = np.empty((-(-count // 2), 2), dtype)
        for start, words in self._chunks(len(pairs)):
            pairs[start : start + CHUNK] = _uniform_pairs(words, dtype)
        return pairs.reshape(-1)[:count]

    def normal(self, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        pairs = np.empty((-(-count // 2), 2), dtype)
        for start, words in self._chunks(len(pairs)):
            box_muller(words, out=pairs[start : start + CHUNK])
        return pairs.reshape(-1)[:count]

    def bernoulli(
        self, threshold: int, value: float, count: int, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        pairs = np.empty((-(-count // 2), 2), dtype)
        for start, words in self._chunks(len(pairs)):
            keep = _halves(words) < threshold
            np.multiply(keep, dtype.type(value), out=pairs[start : start + CHUNK])
        return pairs.reshape(-1)[:count]

    def integers(self, high: int, count: int) -> NDArray[np.int64]:
        return (self.words(count) % np.uint64(high)).view(np.int64)


def _halves(words: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """(N,) words -> (N, 2) halves, the low one first, whatever the machine's byte order."""
    return words.astype("<u8", copy=False).view("<u4").reshape(-1, 2)


def _uniform_pairs(words: NDArray[np.uint64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """(N,) words -> (N, 2) numbers in [0, 1). No rounding happens, so that 1 is never reached."""
    if dtype == np.float64:
        return _halves(words) * 2.0**-32
    return (_halves(words) >> 8).astype(dtype) * dtype.type(2.0**-24)


def box_muller(words: NDArray[np.uint64], *, out: NDArray[Any]) -> None:
    """(N,) random words -> out (N, 2): two independent numbers of N(0, 1) from each.

    Box and Muller (1958): with u and v uniform, sqrt(-2 log u) is the length and 2 pi v the angle
    of a point whose two coordinates are independent normals.

    The logarithm and the sine are our own, made of operations that IEEE 754 rounds exactly
    (+ - * / sqrt, in this order, in float64), because the library functions of two machines differ
    in the last bit and ours must not. Both are their textbook series, cut off where the error is
    below 1e-10. The largest number that can come out is sqrt(64 log 2) = 6.66.
    """
    halves = _halves(words)
    squared = -2.0 * _log((halves[:, 0] + 1.0) * 2.0**-32)  # u in (0, 1]: log 0 cannot happen
    radius = np.sqrt(squared)

    # A signed half covers [-2^31, 2^31); a quarter of the angle therefore covers [-pi/4, pi/4),
    # where the series of the sine is short. Doubling the angle twice gives the whole circle.
    quarter = halves[:, 1].view(np.int32) * (math.pi / 4 * 2.0**-31)
    sine = _sin(quarter)
    square = sine * sine
    cosine = np.sqrt(1.0 - square)
    sine2 = 2.0 * sine * cosine  # sin 2x = 2 sin x cos x
    cosine2 = 1.0 - 2.0 * square  # cos 2x = 1 - 2 sin^2 x
    np.multiply(radius, 1.0 - 2.0 * sine2 * sine2, out=out[:, 0], casting="same_kind")
    np.multiply(radius, 2.0 * sine2 * cosine2, out=out[:, 1], casting="same_kind")


_SQRT_HALF_BITS = int(np.float64(math.sqrt(0.5)).view(np.int64))


def _log(u: NDArray[Any]) -> NDArray[Any]:
    """log u = k log 2 + log m for u = 2^k m with m in [sqrt(1/2), sqrt 2), and with f = (m-1)/(m+1)
    log m = 2 (f + f^3/3 + f^5/5 + ...), where |f| < 0.172.

    k is read off the bits of u: bits 52 and up of a float64 are its exponent. Taking sqrt(1/2) for
    the start of a binade instead of 1 keeps log u exact where it is close to 0.
    """
    bits = u.view(np.int64)
    k = (bits - _SQRT_HALF_BITS) >> 52
    m = (bits - (k << 52)).view(np.float64)
    f = (m - 1.0) / (m + 1.0)
    s = f * f
    series: Any = 1.0 / 11.0
    for coefficient in (1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0):  # Horner's rule
        series = series * s + coefficient
    return k * math.log(2.0) + 2.0 * f * series


def _sin(x: NDArray[Any]) -> NDArray[Any]:
    """sin x = x - x^3/3! + x^5/5! - ... - x^11/11!, for |x| <= pi/4."""
    s = x * x
    series: Any = -1.0 / 39916800.0
    for coefficient in (1.0 / 362880.0, -1.0 / 5040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0):
        series = series * s + coefficient
    return x * series


# --- arguments ------------------------------------------------------------------------------------


def _checked_int(name: str, value: int, limit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise UserError(f"{name} is {value!r}; it must be an int")
    if not 0 <= value < limit:
        raise UserError(f"{name} is {value}; it must be at least 0 and less than {limit}")
    return int(value)


def _checked_shape(shape: int | Sequence[int]) -> tuple[tuple[int, ...], int]:
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(size < 0 for size in sizes):
        raise UserError(f"the shape {sizes} has a negative size")
    return sizes, math.prod(sizes)


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise UserError(f"random numbers are float32 or float64, not {dtype}")
    return dtype
