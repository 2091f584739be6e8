"""CuPy on an NVIDIA GPU: the same kernels as ../numpy/arrays.py, and whole steps that are recorded.

An operation costs several microseconds of Python before the GPU hears of it, often longer than
the GPU then needs. So whatever can be one launch is one, and `compiled` records a training step
once and has the GPU repeat it without Python.

Next: capture.py, which records. docs/gpu.md tells it all in one go.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigan.backend.cupy import convolution
from minigan.backend.cupy.capture import CompiledStep
from minigan.backend.cupy.cublas import WORKSPACE, Blas, direct
from minigan.backend.cupy.fusion import Fusion
from minigan.backend.cupy.launch import THREADS, cupy, launch, rectangle
from minigan.backend.cupy.memory import concatenated, explained
from minigan.backend.cupy.random import CupyStream
from minigan.backend.cupy.start import EXTRAS, find_gpu, reason
from minigan.backend.interface import AdamStep, Array, Backend, RandomStream, Window
from minigan.backend.layout import (
    as_line,
    axes_in_memory,
    from_line,
    inverse,
    is_dense,
    same_layout,
)
from minigan.errors import UserError

PRODUCTS = ("none", "convolutions", "all")  # of which products TF32 may be used
BLOCKS = 512  # that a sum over columns is spread over: a few for each multiprocessor
OUT_OF_MEMORY = 2  # cudaErrorMemoryAllocation
GRADIENTS = 64  # that one launch of Adam takes; kernels.cu has the same number


class CupyBackend(Backend):
    """Raises UserError, one line with the cause and the fix, if CuPy cannot run here."""

    name = "cupy"
    xp = cupy

    def __init__(self) -> None:
        self.gpu = find_gpu(cupy)
        self._tf32 = "convolutions"
        self._local = threading.local()  # cuBLAS handles are not for sharing between threads
        self._fusion = Fusion()
        cupy.cuda.set_allocator(explained(cupy.cuda.get_allocator()))
        self._try_out()

    def _try_out(self) -> None:
        """Compile and run the first kernels, and a product: what is missing shows here."""
        try:
            two = cupy.ones((1, 1), np.float32) + cupy.ones((1, 1), np.float32)
            four = float(self.matmul(two, two)[0, 0])
        except UserError:  # there is no memory left
            raise
        except Exception as error:
            full = getattr(error, "status", None) == OUT_OF_MEMORY
            remedy = (
                "end other programs on this GPU"
                if full
                else f"CuPy needs CUDA's compiler, headers and cuBLAS: {EXTRAS}"
            )
            raise UserError(
                f"{self.gpu} was found, but the first kernel fails ({reason(error)}); {remedy}"
            ) from error
        if four != 4:
            raise UserError(f"{self.gpu} computes 2 · 2 = {four}: its driver or memory is at fault")

    @property
    def tf32(self) -> str:
        """Which float32 products may round their factors to TF32: 10 bits of fraction instead of
        23, several times faster. "convolutions" (the default, and torch's), "all" or "none".

        A recorded step is recorded anew when this has changed.
        """
        return self._tf32

    @tf32.setter
    def tf32(self, products: str) -> None:
        if products not in PRODUCTS:
            raise UserError(f'tf32 is "none", "convolutions" or "all", not "{products}"')
        self._tf32 = products

    # ---- arrays ---------------------------------------------------------------------------

    def asarray(self, data: Any) -> Array:
        if isinstance(data, cupy.ndarray):
            return data
        host = np.asarray(data)
        order = axes_in_memory(host)
        return cupy.asarray(host.transpose(order)).transpose(inverse(order))

    def to_numpy(self, array: Array) -> np.ndarray:
        order = axes_in_memory(array)
        return cupy.asnumpy(array.transpose(order)).transpose(inverse(order))

    def synchronize(self) -> None:
        cupy.cuda.get_current_stream().synchronize()

    def compiled(self, step: Callable[..., Any], owner: Any = None) -> Callable[..., Any]:
        """The step, recorded into a CUDA graph for each shape of batch: see capture.py."""
        return CompiledStep(self, step, owner)

    def concatenate(self, arrays: Sequence[Array], axis: int = 0) -> Array:
        return concatenated(arrays, axis)

    def random_stream(self, seed: int, offset: int) -> RandomStream:
        return CupyStream(seed, offset)

    def add_at(self, array: Array, index: Any, values: Array) -> None:
        """CuPy adds up in whatever order the GPU's threads arrive; whole rows, as those of an
        embedding, are added here in the order of the index, and so alike every time."""
        whole_rows = (
            isinstance(index, cupy.ndarray)
            and index.dtype == np.int64
            and values.shape == (*index.shape, *array.shape[1:])
        )
        in_lines = array.dtype.kind == "f" and array.flags.c_contiguous and values.size > 0
        if not (whole_rows and in_lines):
            cupy.add.at(array, index, values)
            return
        values, index = (cupy.ascontiguousarray(a) for a in (values, index))
        columns = array.size // len(array)
        block = rectangle(columns)
        grid = (-(-columns // block[0]), -(-len(array) // block[1]))
        sizes = (np.int64(index.size), np.int64(len(array)), np.int32(columns))
        arguments = (array, index, values.astype(array.dtype, copy=False), *sizes)
        launch("sums.cu", f"add_rows_{array.dtype.name}", grid, block, arguments)

    # ---- element by element ------------------------------------------------------------------

    def elementwise(self, function: Callable[..., Array], arrays: Sequence[Any]) -> Array:
        """CuPy's element-wise functions always write C order. So they get to see their arguments
        in the order of memory, where that is the order they write, and the result is turned back.
        """
        own = [a for a in arrays if isinstance(a, cupy.ndarray)]
        dense = [a for a in own if a.size and is_dense(a)]
        if len(dense) == len(arrays) and same_layout(dense):
            line = self._fusion.run(function, [as_line(a) for a in arrays])
            return from_line(line, dense[0].shape, axes_in_memory(dense[0]))
        # Something is broadcast, or lies differently: follow the first array of the full shape.
        shape = np.broadcast_shapes(*[a.shape for a in own])
        model = next((a for a in dense if a.shape == shape), None)
        if model is None or model.flags.c_contiguous:
            return function(*arrays)
        order = axes_in_memory(model)
        return function(*[_turned(a, order) for a in arrays]).transpose(inverse(order))

    # ---- sums and products ---------------------------------------------------------------------

    def matmul(self, a: Array, b: Array) -> Array:
        if a.dtype != b.dtype or a.dtype.char not in "fd":
            return cupy.matmul(a, b)  # CuPy's own; it cannot be recorded
        many = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        out = cupy.empty((*many, a.shape[-2], b.shape[-1]), a.dtype)
        a, b = (cupy.broadcast_to(m, (*many, *m.shape[-2:])) for m in (a, b))
        for index in np.ndindex(many):  # one product after another, in networks just one
            self._multiply(a[index], b[index], out[index], tf32=self._tf32 == "all")
        return out

    def _multiply(self, a: Array, b: Array, out: Array, *, tf32: bool, add: bool = False) -> None:
        """out = a b, or out += a b."""
        if not out.size:
            return
        if not a.shape[1]:
            if not add:
                out.fill(0)  # the sum of no products
            return
        a = a if direct(a) else cupy.ascontiguousarray(a)
        b = b if direct(b) else cupy.ascontiguousarray(b)
        self._blas().multiply(a, b, out, tf32=tf32, add=add)

    def _blas(self) -> Blas:
        """This thread's cuBLAS handle for the current stream."""
        stream, handles = cupy.cuda.get_current_stream(), self._handles()
        if stream.ptr not in handles:
            handles[stream.ptr] = Blas(stream, cupy.empty(WORKSPACE, np.uint8))
        return handles[stream.ptr]

    def _handles(self) -> dict[int, Blas]:
        return self._local.__dict__.setdefault("handles", {})

    @contextmanager
    def multiplying_with(self, blas: Blas) -> Iterator[None]:
        """Inside, this thread's products on the stream of `blas` go through it."""
        handles = self._handles()
        handles[blas.stream.ptr] = blas
        try:
            yield
        finally:
            del handles[blas.stream.ptr]

    def sum(self, a: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        order = axes_in_memory(a)
        kept = [axis for axis in order if axis not in axes]
        leading = sorted(order[: len(axes)]) == sorted(axes)
        if a.dtype.kind != "f" or not axes or not a.size or not leading or not is_dense(a):
            return a.sum(axis=axes, keepdims=keepdims, dtype=a.dtype)
        # In memory the summed axes come first: these are the columns of a matrix.
        columns = math.prod(a.shape[axis] for axis in kept)
        line = self.column_sums(a.transpose(order).reshape(-1, columns))
        in_memory = line.reshape([a.shape[axis] for axis in kept])
        total = in_memory.transpose(inverse(kept))
        if not keepdims:
            return total
        return total.reshape([1 if i in axes else n for i, n in enumerate(a.shape)])

    def column_sums(self, rows: Array) -> Array:
        return self._add_up("sums", [cupy.ascontiguousarray(rows)])

    def column_products(self, rows: Array, others: Array, center: Array) -> Array:
        matrices = [cupy.ascontiguousarray(m) for m in (rows, others, center)]
        return self._add_up("products", matrices)

    def _add_up(self, kernel: str, arrays: list[Array]) -> Array:
        """Σ of each column, in two launches if there are many rows: pieces, then their sums."""
        count, columns = arrays[0].shape
        dtype = arrays[0].dtype
        pieces, height = _pieces(count, columns)
        partial = cupy.empty((pieces, columns), dtype)
        self._launch_sums(
            f"{kernel}_{dtype.name}", columns, pieces, [*arrays, partial], count, height
        )
        return partial[0] if pieces == 1 else self._add_up("sums", [partial])

    def column_moments(self, rows: Array) -> tuple[Array, Array]:
        rows = cupy.ascontiguousarray(rows)
        (count, columns), dtype = rows.shape, rows.dtype
        pieces, height = _pieces(count, columns)
        means, squares = cupy.empty((2, pieces, columns), dtype)
        name = f"moments_{dtype.name}"
        self._launch_sums(name, columns, pieces, [rows, means, squares], count, height)
        if pieces == 1:
            return means[0], squares[0]
        mean, variance = cupy.empty((2, columns), dtype)
        arrays = [means, squares, mean, variance]
        self._launch_sums(f"merge_{name}", columns, 1, arrays, count, height, np.int32(pieces))
        return mean, variance

    def _launch_sums(
        self,
        kernel: str,
        columns: int,
        pieces: int,
        arrays: list[Array],
        count: int,
        height: int,
        *more: Any,
    ) -> None:
        if not columns:
            return
        block = rectangle(columns, most=32)
        sizes = (np.int64(count), np.int32(columns), np.int64(height), *more)
        grid = (-(-columns // block[0]), pieces)
        launch("sums.cu", kernel, grid, block, (*arrays, *sizes))

    def column_affine(self, *pairs: Array) -> Array:
        *factors, shift = (cupy.ascontiguousarray(a) for a in pairs)
        if len(factors) > 4:
            earlier = self.column_affine(*factors[4:], shift)
            return self.column_affine(*factors[:4], cupy.zeros_like(shift)) + earlier
        (count, columns), dtype = factors[0].shape, factors[0].dtype
        out = cupy.empty((count, columns), dtype)
        if out.size:
            block = rectangle(columns)
            second = factors[2:] or (None, None)
            arguments = (*factors[:2], *second, shift, out, np.int64(count), np.int32(columns))
            grid = (-(-count // block[1]),)
            launch("kernels.cu", f"affine_{dtype.name}", grid, block, arguments)
        return out

    # ---- convolution, channels last ----------------------------------------------------------

    def _convolution_product(self, a: Array, b: Array, out: Array, add: bool = False) -> None:
        self._multiply(a, b, out, tf32=self._tf32 != "none", add=add)

    def convolution(self, x: Array, w: Array, window: Window) -> Array:
        return convolution.convolution(self._convolution_product, x, w, window)

    def transposed_convolution(
        self, g: Array, w: Array, window: Window, size: tuple[int, int]
    ) -> Array:
        multiply = self._convolution_product
        return convolution.transposed_convolution(multiply, g, w, window, size)

    def kernel_gradient(self, g: Array, x: Array, window: Window, kernel: tuple[int, int]) -> Array:
        return convolution.kernel_gradient(self._convolution_product, g, x, window, kernel)

    # ---- optimizers ------------------------------------------------------------------------------

    def adam(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        mean: Array,
        square: Array,
        count: Array,
        options: AdamStep,
    ) -> None:
        # The kernel finds both by their addresses.
        gradients = [cupy.ascontiguousarray(g, mean.dtype) for g in gradients]
        shared = cupy.empty(2, np.float64)
        lr, beta1, beta2, eps, decay = (np.float64(number) for number in options)
        launch("kernels.cu", "adam_count", (1,), (1,), (count, shared, lr, beta1, beta2, eps))
        number = mean.dtype.type
        shares = [number(share) for share in (1 - beta1, beta2, 1 - beta2, decay)]
        start = 0
        for first in range(0, len(gradients), GRADIENTS):
            some = slice(first, first + GRADIENTS)
            table, end = _table(parameters[some], gradients[some], start)
            numbers = (*shares, np.int64(start), np.int64(end))
            arguments = (mean, square, shared, *numbers, table)
            blocks = max(1, min(-(-(end - start) // THREADS), 4 * BLOCKS))
            launch("kernels.cu", f"adam_{number.__name__}", (blocks,), (THREADS,), arguments)
            start = end


def _turned(a: Any, order: tuple[int, ...]) -> Any:
    """The axes of an array in another order; those that it lacks for broadcasting are added."""
    if not isinstance(a, cupy.ndarray):
        return a
    return a.reshape((1,) * (len(order) - a.ndim) + a.shape).transpose(order)


_ADDRESSES = (np.uint64, GRADIENTS)
_TABLE = np.dtype([("p", *_ADDRESSES), ("g", *_ADDRESSES), ("end", np.int64, GRADIENTS)])


def _table(
    parameters: Sequence[Array], gradients: Sequence[Array], start: int
) -> tuple[np.ndarray, int]:
    """`Parts` in kernels.cu: where each part lies, and the number at which it ends."""
    table = np.zeros((), _TABLE)
    ends = start + np.cumsum([len(g) for g in gradients])
    table["p"][: len(parameters)] = [p.data.ptr for p in parameters]
    table["g"][: len(gradients)] = [g.data.ptr for g in gradients]
    table["end"][: len(gradients)] = ends
    return table, int(ends[-1])


def _pieces(count: int, columns: int) -> tuple[int, int]:
    """How many pieces a sum over `count` rows is cut into, and the rows of each.

    A small matrix is one piece, and so one launch.
    """
    along, lanes = rectangle(columns, most=32)
    enough = max(1, BLOCKS // max(1, -(-columns // along)))
    pieces = max(1, min(enough, -(-count // (8 * lanes))))
    height = max(1, -(-count // pieces))
    return max(1, -(-count // height)), height
