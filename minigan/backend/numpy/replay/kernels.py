"""What a backend is asked by a step that is watched: its kernels, as single calls in the notes.

A formula that works element by element is written down pass by pass, if its arrays are small or it
is a single pass: then neighbors can be made one (fusion.py). Everything else that ../arrays.py does
in a way of its own, products, convolutions, Adam, is one call.

Next: exchange.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.backend.formula import twin
from minigan.backend.interface import AdamStep, Backend, RandomStream, Window
from minigan.backend.numpy.compiler.trace import UntraceableError, trace
from minigan.backend.numpy.replay.notes import Notes
from minigan.backend.numpy.replay.watched import Watched, found_in, noted


class WatchedBackend(Backend):
    """NumPy's backend for arrays that are watched."""

    name = "numpy"
    xp = np

    def __init__(self, backend: Any, large: int) -> None:
        self.backend, self.large = backend, large  # from how many numbers on it works in pieces

    def asarray(self, data: Any) -> Any:
        return data if isinstance(data, Watched) else self.backend.asarray(data)

    def to_numpy(self, array: Any) -> np.ndarray:
        return array.__array__()

    def synchronize(self) -> None:
        self.backend.synchronize()

    def compiled(self, step: Callable[..., Any], owner: Any = None) -> Callable[..., Any]:
        return step

    def random_stream(self, seed: int, offset: int) -> RandomStream:
        return self.backend.random_stream(seed, offset)

    def concatenate(self, arrays: Sequence[Any], axis: int = 0) -> Any:
        return noted(_notes(arrays), self.backend.concatenate, list(arrays), axis)

    def contiguous(self, array: Any) -> Any:
        return noted(_notes([array]), self.backend.contiguous, array)

    def take(self, array: Any, places: Any) -> Any:
        return noted(_notes([array, places]), self.backend.take, array, places)

    def add_at(self, array: Any, index: Any, values: Any) -> None:
        notes = _notes([array, values])
        noted(notes, self.backend.add_at, array, index, values, writes=[array])

    def elementwise(self, function: Callable[..., Any], arrays: Sequence[Any]) -> Any:
        notes = _notes(arrays)
        large = max([x.size for x in found_in(list(arrays))]) >= self.large
        if large and not _is_one_pass(function, arrays):
            return noted(notes, self.backend.elementwise, twin(function), list(arrays))
        return function(*arrays)

    def matmul(self, a: Any, b: Any) -> Any:
        return noted(_notes([a, b]), self.backend.matmul, a, b)

    def sum(self, a: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
        return a.sum(axis=axes, keepdims=keepdims, dtype=a.dtype)

    def column_sums(self, rows: Any) -> Any:
        return noted(_notes([rows]), self.backend.column_sums, rows)

    def column_products(self, rows: Any, others: Any, center: Any) -> Any:
        given = rows, others, center
        return noted(_notes(given), self.backend.column_products, *given)

    def column_moments(self, rows: Any) -> tuple[Any, Any]:
        return noted(_notes([rows]), self.backend.column_moments, rows)

    def column_affine(self, *pairs: Any) -> Any:
        rows = pairs[0]
        if rows.size >= self.large:
            return noted(_notes(pairs), self.backend.column_affine, *pairs)
        *factors, shift = pairs
        y = rows * factors[1]
        for others, scale in zip(factors[2::2], factors[3::2], strict=True):
            y += others * scale
        y += shift
        return y

    def convolution(self, x: Any, w: Any, window: Window) -> Any:
        return noted(_notes([x, w]), self.backend.convolution, x, w, window)

    def transposed_convolution(self, g: Any, w: Any, window: Window, size: tuple[int, int]) -> Any:
        return noted(_notes([g, w]), self.backend.transposed_convolution, g, w, window, size)

    def kernel_gradient(self, g: Any, x: Any, window: Window, kernel: tuple[int, int]) -> Any:
        return noted(_notes([g, x]), self.backend.kernel_gradient, g, x, window, kernel)

    def adam(
        self,
        parameters: Sequence[Any],
        gradients: Sequence[Any],
        mean: Any,
        square: Any,
        count: Any,
        options: AdamStep,
    ) -> None:
        written = [*parameters, mean, square, count]
        given = list(parameters), list(gradients), mean, square, count, options
        noted(_notes(written), self.backend.adam, *given, writes=written)


class WatchedStream:
    """A stream of random numbers: each replay draws the next ones."""

    def __init__(self, notes: Notes, stream: RandomStream) -> None:
        self.notes, self.stream = notes, stream

    @property
    def seed(self) -> int:
        return self.stream.seed

    def offset(self) -> int:
        self.notes.fail("it reads how far the random numbers have come")
        return self.stream.offset()

    def seek(self, seed: int, offset: int) -> None:
        self.notes.fail("it moves a stream of random numbers to another place")
        self.stream.seek(seed, offset)

    def skip(self, blocks: int) -> None:
        noted(self.notes, self.stream.skip, blocks)

    def uniform(self, count: int, dtype: np.dtype[Any]) -> Any:
        return noted(self.notes, self.stream.uniform, count, dtype)

    def normal(self, count: int, dtype: np.dtype[Any]) -> Any:
        return noted(self.notes, self.stream.normal, count, dtype)

    def bernoulli(self, threshold: int, value: float, count: int, dtype: np.dtype[Any]) -> Any:
        return noted(self.notes, self.stream.bernoulli, threshold, value, count, dtype)

    def integers(self, high: int, count: int) -> Any:
        return noted(self.notes, self.stream.integers, high, count)


def _is_one_pass(function: Callable[..., Any], arrays: Sequence[Any]) -> bool:
    """Whether a formula is one simple pass, of which pieces in a cache make nothing better."""
    first = next(found_in(list(arrays))).dtype
    try:
        return trace(twin(function), [getattr(a, "dtype", first) for a in arrays]).operations < 2
    except UntraceableError:
        return False


def _notes(arrays: Sequence[Any]) -> Notes:
    return next(found_in(list(arrays))).notes
