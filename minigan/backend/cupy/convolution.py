"""Convolution on CuPy: image columns, and one matrix product for as many images as memory allows.

The idea and the shapes are those of ../numpy/convolution.py: read that first. Here a kernel builds
the columns, one thread for each number or for four neighboring channels, and cuBLAS multiplies
them. A GPU wants much work at once, so a piece is as many images as COLUMNS allows: the whole
batch, in the networks of this package.

The columns are built in kernels.cu. Next: random.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from minigan.backend.cupy.launch import cupy, launch, rectangle
from minigan.backend.interface import Array, Window

COLUMNS = 1 << 26  # numbers in the column matrix: 256 MiB of float32

# out = a b, or out += a b
Multiply = Callable[..., None]

GEOMETRY = np.dtype(
    [
        (name, np.int32)
        for name in (
            "height width channels rows across high wide down right top left dy dx".split()
        )
    ]
)


def convolution(multiply: Multiply, x: Array, w: Array, window: Window) -> Array:
    """y[n, i, j] = Σ over (a, b, c) of x[n, s·i + d·a − p, s·j + d·b − p, c] · w[a, b, c]"""
    kernel, matrix = w.shape[:2], w.reshape(-1, w.shape[3])  # (KH, KW, C, O) -> (K, O)
    places = window.outputs(x.shape[1:3], kernel)
    x = cupy.ascontiguousarray(x)
    y = cupy.empty((len(x), *places, w.shape[3]), x.dtype)
    for images in _pieces(len(x), places[0] * places[1] * len(matrix)):
        columns = _columns(x[images], kernel, window, places)  # (n·OH·OW, K)
        multiply(columns, matrix, y[images].reshape(-1, w.shape[3]))
    return y


def transposed_convolution(
    multiply: Multiply, g: Array, w: Array, window: Window, size: tuple[int, int]
) -> Array:
    """The adjoint of `convolution` in x: every output spreads g · w over the pixels that it saw."""
    kernel, channels = w.shape[:2], w.shape[2]
    matrix = w.reshape(-1, w.shape[3]).T  # (O, K)
    places = g.shape[1:3]
    g = cupy.ascontiguousarray(g)
    x = cupy.empty((len(g), *size, channels), g.dtype)
    for images in _pieces(len(g), places[0] * places[1] * matrix.shape[1]):
        rows = g[images].reshape(-1, g.shape[3])  # (n·OH·OW, O)
        columns = cupy.empty((len(rows), matrix.shape[1]), g.dtype)
        multiply(rows, matrix, columns)
        _from_columns(columns, x[images], kernel, window, places)
    return x


def kernel_gradient(
    multiply: Multiply, g: Array, x: Array, window: Window, kernel: tuple[int, int]
) -> Array:
    """The adjoint of `convolution` in w: columnsᵀ · g, summed over the batch."""
    places, out, channels = g.shape[1:3], g.shape[3], x.shape[3]
    depth = kernel[0] * kernel[1] * channels  # K
    g, x = cupy.ascontiguousarray(g), cupy.ascontiguousarray(x)
    gw = cupy.empty((depth, out), x.dtype)
    pieces = list(_pieces(len(x), places[0] * places[1] * depth))
    if not pieces:
        gw.fill(0)
    for i, images in enumerate(pieces):
        columns = _columns(x[images], kernel, window, places)
        multiply(columns.T, g[images].reshape(-1, out), gw, add=i > 0)
    return gw.reshape(*kernel, channels, out)


# ---------------------------------------------------------------------------------------------


def _columns(x: Array, kernel: tuple[int, ...], window: Window, places: tuple[int, int]) -> Array:
    """(n, H, W, C) -> (n·OH·OW, KH·KW·C): what the kernel sees at each of its places."""
    count, depth = len(x) * places[0] * places[1], kernel[0] * kernel[1] * x.shape[3]
    columns = cupy.empty((count, depth), x.dtype)
    fours = _in_fours(x, columns)
    along = kernel[1] * x.shape[3]  # a row of the kernel
    _launch("columns", fours, along, count, x, columns, kernel, window, places, x.shape[1:])
    return columns


def _from_columns(
    columns: Array,
    x: Array,
    kernel: tuple[int, ...],
    window: Window,
    places: tuple[int, int],
) -> None:
    """(n·OH·OW, KH·KW·C) -> x (n, H, W, C): the adjoint of `_columns`; it adds up what meets."""
    fours, pixels = _in_fours(x, columns), math.prod(x.shape[:3])
    along = x.shape[3]
    _launch("from_columns", fours, along, pixels, columns, x, kernel, window, places, x.shape[1:])


def _launch(
    kernel_name: str,
    fours: bool,
    along: int,
    rows: int,
    source: Array,
    out: Array,
    kernel: tuple[int, ...],
    window: Window,
    places: tuple[int, int],
    image: tuple[int, int, int],
) -> None:
    """Run a kernel that writes `out` in so many rows, with a thread for each number along one."""
    if not out.size:
        return
    step = 4 if fours else 1
    height, across, channels = image
    geometry = np.zeros((), GEOMETRY)
    numbers = (height, across, channels // step, *places, *kernel)
    geometry[()] = (*numbers, *window.stride, *window.padding, *window.dilation)
    block = rectangle(along // step)
    grid = (-(-rows // block[1]),)
    name = f"{kernel_name}_{out.dtype.name}{'x4' if fours else ''}"
    launch("kernels.cu", name, grid, block, (source, out, np.int64(rows), geometry))


def _in_fours(*arrays: Array) -> bool:
    """Whether four channels can be moved at once: 16 bytes are the most that one load takes."""
    return arrays[0].dtype == np.float32 and all(
        a.shape[-1] % 4 == 0 and a.data.ptr % 16 == 0 for a in arrays
    )


def _pieces(count: int, columns_per_image: int) -> Iterator[slice]:
    """Cut the batch into equal pieces of images whose columns fit."""
    most = max(1, COLUMNS // max(columns_per_image, 1))
    pieces = -(-count // most)
    for i in range(pieces):
        yield slice(i * count // pieces, (i + 1) * count // pieces)
