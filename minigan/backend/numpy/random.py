"""The random numbers of random.py on a processor: NumPy's Philox for the bits, arrays for the rest.

../../random.py says how a word becomes numbers; here each of its lines is a few passes over arrays.

Next: replay/notes.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORDS_PER_BLOCK = 4  # Philox4x64 gives four 64-bit words at a time
CHUNK = 4096  # words handled at once: a float64 array of them (32 KB) stays in cache


class NumpyStream:
    """`RandomStream` on the CPU: NumPy's Philox for the bits, array arithmetic for the rest."""

    def __init__(self, seed: int, offset: int = 0) -> None:
        self.seek(seed, offset)

    def seek(self, seed: int, offset: int) -> None:
        self.seed = seed
        self._offset = offset
        self._philox = np.random.Philox(key=seed, counter=offset)

    def offset(self) -> int:
        return self._offset

    def skip(self, blocks: int) -> None:
        if blocks:
            self.seek(self.seed, self._offset + blocks)

    def words(self, count: int) -> NDArray[np.uint64]:
        """`count` 64-bit words. Whole blocks are drawn; what is left of the last is dropped."""
        blocks = -(-count // WORDS_PER_BLOCK)
        self._offset += blocks
        return self._philox.random_raw(blocks * WORDS_PER_BLOCK)[:count]

    def _chunks(self, words: int) -> Iterator[tuple[int, NDArray[np.uint64]]]:
        """The next `words` words, a cache-sized piece at a time, each with its position."""
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

    The 11th order suffices: the first term left out is at most 2 · 0.1716^13 / 13 = 1.7e-11 of the
    logarithm and (pi/4)^13 / 13! = 6.9e-12 of the sine, and no normal is off by 3e-10. Numbers of
    float32 between 1 and 2 are 1.2e-7 apart, so one in two thousand is rounded to its neighbor. The
    9th order would be off by 4e-8, and round one in thirty so.
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
