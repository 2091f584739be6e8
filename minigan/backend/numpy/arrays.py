"""NumPy on a few cores: work is cut into pieces that fit a cache, and the pieces are shared out.

A pass over a large array waits for memory. Doing all passes of a formula on one piece, while it is
in the cache, and then going on to the next, waits once. That is the idea behind every kernel here.

Next: threads.py, which share them out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from minigan.backend.interface import AdamStep, Array, Backend, RandomStream, Window
from minigan.backend.layout import as_line, is_dense, same_layout
from minigan.backend.numpy import adam, convolution, products, winograd
from minigan.backend.numpy.compiler import Compiler
from minigan.backend.numpy.random import NumpyStream
from minigan.backend.numpy.replay.recording import NumpyStep
from minigan.backend.numpy.threads import Threads

PIECE = 1 << 16  # numbers: 256 KiB of float32. Smaller ones make the threads queue for Python
LARGE = 2 * PIECE  # numbers: from here on a formula is done piece by piece
COMPILED = 1 << 12  # numbers: below, a formula's few passes cost less than to find its machine code
ALONE = 1 << 20  # numbers: up to here, one thread has added up columns before a second one wakes
WIDE = 2048  # numbers: a row long enough for NumPy's inner loop to run at full speed


class NumpyBackend(Backend):
    """Arrays of NumPy, and the kernels, on as many threads as there are cores to use."""

    name = "numpy"
    xp = np

    def __init__(self) -> None:
        self.threads = Threads()
        self.compiler = Compiler()

    def asarray(self, data: Any) -> np.ndarray:
        return np.asarray(data.get() if hasattr(data, "get") else data)  # get(): from CuPy

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def synchronize(self) -> None:
        """Nothing to wait for: NumPy returns when it is done."""

    def compiled(self, step: Callable[..., Any], owner: Any = None) -> Callable[..., Any]:
        """The step, recorded for each shape of batch: see replay/recording.py."""
        return NumpyStep(self, step, owner)

    def random_stream(self, seed: int, offset: int) -> RandomStream:
        return NumpyStream(seed, offset)

    # ---- element by element ------------------------------------------------------------------

    def elementwise(self, function: Callable[..., Array], arrays: Sequence[Any]) -> np.ndarray:
        size = max([a.size for a in arrays if isinstance(a, np.ndarray)], default=0)
        if size < COMPILED:
            return function(*arrays)
        compiled = None
        if all([isinstance(a, np.ndarray) for a in arrays]):
            compiled = self.compiler.each(function, arrays)
        formula = compiled or function
        flat = _flat_views(arrays)
        if flat is None:
            return formula(*arrays)
        model = next(a for a in arrays if isinstance(a, np.ndarray))
        starts = range(0, model.size, PIECE)
        first = formula(*[a[:PIECE] if isinstance(a, np.ndarray) else a for a in flat])
        result = np.empty_like(model, dtype=first.dtype)  # keeps the model's memory order
        out = as_line(result)
        out[:PIECE] = first

        def compute(start: int) -> None:
            piece = slice(start, start + PIECE)
            if compiled is not None:
                compiled(*[a[piece] for a in flat], out=out[piece])
                return
            out[piece] = function(*[a[piece] if isinstance(a, np.ndarray) else a for a in flat])

        self.threads.run(compute, starts[1:])
        return result

    # ---- sums and products ---------------------------------------------------------------------

    def matmul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return products.matmul(self.threads, a, b)

    def sum(self, a: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return np.asarray(a.sum(axis=axes, keepdims=keepdims, dtype=a.dtype))

    def column_sums(self, rows: np.ndarray) -> np.ndarray:
        return self._column_totals(_itself, [rows])

    def column_products(
        self, rows: np.ndarray, others: np.ndarray, center: np.ndarray
    ) -> np.ndarray:
        return self._column_totals(_product, [others, rows], center)

    def column_moments(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = rows.dtype.type(len(rows))
        mean = self.column_sums(rows) / count
        return mean, self._column_totals(_squared_distance, [rows], mean) / count

    def _column_totals(
        self, formula: Callable[..., Array], rows: Sequence[np.ndarray], *columns: np.ndarray
    ) -> np.ndarray:
        """Σ formula(*rows, *columns) of each column: (M, C), …, (C,), … → (C,)."""
        count = rows[0].shape[1]
        wide = [_widened(a) for a in rows]
        repeat = wide[0].shape[1] // count
        operands = [*wide, *[np.tile(a, repeat) if repeat > 1 else a for a in columns]]
        in_one_pass = None
        if rows[0].size >= COMPILED and all([a.flags.c_contiguous for a in wide]):
            in_one_pass = self.compiler.columns(formula, operands, rows=len(rows))

        def add_up(piece: slice) -> np.ndarray:
            some = [a[piece] for a in wide] + operands[len(wide) :]
            if in_one_pass is not None:
                return in_one_pass(*some)
            return formula(*some).sum(axis=0)  # (some of M/k, k·C) -> (k·C,)

        partial = self._over_rows(add_up, wide[0])
        if repeat == len(partial) == 1:
            return partial[0]
        return np.sum(partial, axis=0).reshape(-1, count).sum(axis=0)

    def column_affine(self, *pairs: np.ndarray) -> np.ndarray:
        *factors, shift = pairs
        columns = len(shift)
        wide = [_widened(rows) for rows in factors[0::2]]
        repeat = wide[0].shape[1] // columns
        scales = [np.tile(scale, repeat) for scale in factors[1::2]]
        wide_shift = np.tile(shift, repeat)
        result = np.empty(factors[0].shape, factors[0].dtype)
        out = _widened(result)
        in_one_pass = None
        if result.size >= COMPILED:
            operands = [*wide, *scales, wide_shift]
            in_one_pass = self.compiler.each(_affine, operands, memory=1)

        def compute(piece: slice) -> None:
            some = [*[rows[piece] for rows in wide], *scales, wide_shift]
            if in_one_pass is not None:
                in_one_pass(*some, out=out[piece])
            else:
                _affine(out[piece], *some)

        self._over_rows(compute, wide[0])
        return result

    def _over_rows(self, work: Callable[[slice], Any], rows: np.ndarray) -> list[Any]:
        """[work(some rows), …], shared out among the threads if that pays."""
        pieces = _row_pieces(rows)
        if rows.size < ALONE:
            return [work(piece) for piece in pieces]
        return self.threads.run(work, pieces)

    # ---- convolution, channels last ----------------------------------------------------------

    def convolution(self, x: np.ndarray, w: np.ndarray, window: Window) -> np.ndarray:
        places = window.outputs(x.shape[1:3], w.shape[:2])
        by, workers = self._convolutions(window, w.shape, places)
        return by.convolution(*workers, x, w, window)

    def transposed_convolution(
        self, g: np.ndarray, w: np.ndarray, window: Window, size: tuple[int, int]
    ) -> np.ndarray:
        by, workers = self._convolutions(window, w.shape, g.shape[1:3])
        return by.transposed_convolution(*workers, g, w, window, size)

    def kernel_gradient(
        self, g: np.ndarray, x: np.ndarray, window: Window, kernel: tuple[int, int]
    ) -> np.ndarray:
        shape = (*kernel, x.shape[3], g.shape[3])
        by, workers = self._convolutions(window, shape, g.shape[1:3])
        return by.kernel_gradient(*workers, g, x, window, kernel)

    def _convolutions(
        self, window: Window, kernel: tuple[int, ...], places: tuple[int, ...]
    ) -> tuple[ModuleType, tuple[Any, ...]]:
        """The file whose three convolutions are the faster ones for these shapes, and who works."""
        if winograd.fits(window, kernel, places):
            return winograd, (self.threads, self.compiler)
        return convolution, (self.threads,)

    # ---- optimizers ------------------------------------------------------------------------------

    def adam(
        self,
        parameters: Sequence[np.ndarray],
        gradients: Sequence[np.ndarray],
        mean: np.ndarray,
        square: np.ndarray,
        count: np.ndarray,
        options: AdamStep,
    ) -> None:
        numbers = (parameters, gradients, mean, square, count)
        adam.update(self.threads, self.compiler, PIECE, *numbers, options)


# ---- formulas, run by NumPy or compiled ---------------------------------------------------------


def _itself(x: Array) -> Array:
    return x


def _product(x: Array, other: Array, center: Array) -> Array:
    product = x - center
    product *= other
    return product


def _squared_distance(x: Array, center: Array) -> Array:
    distance = x - center
    distance *= distance
    return distance


def _affine(out: Array, *operands: Array) -> Array:
    """x₁·a₁ + x₂·a₂ + … + b, in the memory `out`; given as x₁, x₂, …, a₁, a₂, …, b."""
    *factors, shift = operands
    half = len(factors) // 2
    y = np.multiply(factors[0], factors[half], out=out)
    for rows, scale in zip(factors[1:half], factors[half + 1 :], strict=True):
        y += rows * scale
    y += shift
    return y


# ---------------------------------------------------------------------------------------------


def _flat_views(arrays: Sequence[Any]) -> list[Any] | None:
    """The arrays as lines of memory in one common order; None if small, or of unlike layout."""
    for a in arrays:
        if isinstance(a, np.ndarray) and a.size < LARGE:
            return None
    own = [a for a in arrays if isinstance(a, np.ndarray)]
    if not is_dense(own[0]) or not same_layout(own):
        return None
    return [as_line(a) if isinstance(a, np.ndarray) else a for a in arrays]


def _widened(rows: np.ndarray) -> np.ndarray:
    """(M, C) as (M/k, k·C): for few columns, NumPy's inner loop would be too short."""
    count, columns = rows.shape
    if not rows.flags.c_contiguous:
        return rows
    repeat = 1
    while count % (2 * repeat) == 0 and 2 * repeat * columns <= WIDE:
        repeat *= 2
    return rows.reshape(count // repeat, repeat * columns)


def _row_pieces(rows: np.ndarray) -> list[slice]:
    height = max(1, PIECE // rows.shape[1])
    return [slice(start, start + height) for start in range(0, len(rows), height)]
