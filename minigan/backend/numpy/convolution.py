"""Convolution on NumPy: image columns, and one matrix product for a few images at a time.

The pixels under the kernel at one place, laid out as a row, are that place's *column* (the name
stayed from layouts that stood it upright). With the columns of all places in a matrix (*im2col*), a
convolution is a matrix product. With the channels last in memory a kernel row of KW pixels is one
run of KW·C numbers, so building the matrix moves long runs, and the product's result is already
the output image.

The columns of a whole batch would be KH·KW times the batch. So they are built for a few images,
used while they are in the cache, and overwritten by the next few; threads share the images out, and
each runs its products alone.

Shapes: images (N, H, W, C), outputs (N, OH, OW, O), kernels (KH, KW, C, O), K = KH·KW·C.
Next: winograd.py, which needs fewer products where the shapes allow it.
"""

from __future__ import annotations

import numpy as np

from minigan.backend.interface import Window
from minigan.backend.numpy.threads import Threads

COLUMNS = 1 << 20  # numbers in the column matrix of one thread: 4 MiB of float32
SHORT = 8  # runs of fewer numbers are slow: then a row of places is added up, number by number


def convolution(threads: Threads, x: np.ndarray, w: np.ndarray, window: Window) -> np.ndarray:
    """y[n, i, j] = Σ over (a, b, c) of x[n, s·i + d·a − p, s·j + d·b − p, c] · w[a, b, c]"""
    kernel, (out, matrix) = w.shape[:2], (w.shape[3], w.reshape(-1, w.shape[3]))  # (K, O)
    height, width = window.outputs(x.shape[1:3], kernel)
    y = np.empty((len(x), height, width, out), x.dtype)

    def compute(images: slice) -> None:
        columns = _columns(x[images], kernel, window)  # (n·OH·OW, K)
        np.matmul(columns, matrix, out=y[images].reshape(-1, out))

    with threads.single_threaded_products():
        threads.run(compute, _pieces(threads, len(x), height * width * len(matrix)))
    return y


def transposed_convolution(
    threads: Threads, g: np.ndarray, w: np.ndarray, window: Window, size: tuple[int, int]
) -> np.ndarray:
    """The adjoint of `convolution` in x: every output spreads g · w over the pixels that it saw."""
    kernel, channels, out = w.shape[:2], w.shape[2], w.shape[3]
    matrix = w.reshape(-1, out).T  # (O, K)
    places = g.shape[1:3]
    x = np.empty((len(g), *size, channels), g.dtype)

    def compute(images: slice) -> None:
        rows = np.ascontiguousarray(g[images]).reshape(-1, out)
        columns = np.matmul(rows, matrix).reshape(-1, *places, *kernel, channels)
        x[images] = _from_columns(columns, window, size)

    with threads.single_threaded_products():
        threads.run(compute, _pieces(threads, len(g), places[0] * places[1] * matrix.shape[1]))
    return x


def kernel_gradient(
    threads: Threads, g: np.ndarray, x: np.ndarray, window: Window, kernel: tuple[int, int]
) -> np.ndarray:
    """The adjoint of `convolution` in w: columnsᵀ · g, summed over the batch."""
    channels, (height, width, out) = x.shape[3], g.shape[1:]
    depth = kernel[0] * kernel[1] * channels  # K

    def compute(images: slice) -> np.ndarray:
        columns = _columns(x[images], kernel, window, (height, width))
        return columns.T @ np.ascontiguousarray(g[images]).reshape(-1, out)  # (K, O)

    with threads.single_threaded_products():
        total = threads.total(compute, _pieces(threads, len(x), height * width * depth))
    return total.reshape(*kernel, channels, out)


# ---------------------------------------------------------------------------------------------


def _columns(
    x: np.ndarray,
    kernel: tuple[int, ...],
    window: Window,
    places: tuple[int, int] | None = None,
) -> np.ndarray:
    """(n, H, W, C) -> (n·OH·OW, KH·KW·C): what the kernel sees at each of its places."""
    (top, left), (down, right), (dy, dx) = window.padding, window.stride, window.dilation
    n, height, width, channels = x.shape
    rows, across = places or window.outputs((height, width), kernel)
    if top or left:
        padded = np.zeros((n, height + 2 * top, width + 2 * left, channels), x.dtype)
        padded[:, top : top + height, left : left + width] = x
        x = padded
    image, line, pixel, channel = x.strides
    shape: tuple[int, ...] = (*kernel, channels)
    steps: tuple[int, ...] = (dy * line, dx * pixel, channel)
    if dx == 1 and pixel == channels * channel:  # a row of the kernel is one run of memory
        shape, steps = (kernel[0], kernel[1] * channels), (dy * line, channel)
    seen = np.lib.stride_tricks.as_strided(
        x,
        (n, rows, across, *shape),
        (image, down * line, right * pixel, *steps),
        writeable=False,
    )
    depth = kernel[0] * kernel[1] * channels
    return seen.reshape(n * rows * across, depth)  # the copy: until here all were views


def _from_columns(columns: np.ndarray, window: Window, size: tuple[int, int]) -> np.ndarray:
    """(n, OH, OW, KH, KW, C) -> (n, H, W, C): the adjoint of `_columns`, it adds up what meets."""
    (top, left), (down, right), (dy, dx) = window.padding, window.stride, window.dilation
    n, rows, across, high, wide, channels = columns.shape
    padded = np.zeros((n, size[0] + 2 * top, size[1] + 2 * left, channels), columns.dtype)
    # As many columns of the kernel as the stride is wide lie side by side at neighboring places:
    # taken together they are longer runs, and the places do not overlap.
    together = right if dx == 1 else 1
    if together * channels < SHORT:
        for a, b, c in np.ndindex(high, wide, channels):
            pixels = padded[:, a * dy :, b * dx :, c]
            pixels[:, : down * rows : down, : right * across : right] += columns[:, :, :, a, b, c]
        return padded[:, top : top + size[0], left : left + size[1]]
    image, line, pixel, channel = padded.strides
    for a in range(high):
        for b in range(0, wide, together):
            some = min(together, wide - b)
            places = np.lib.stride_tricks.as_strided(
                padded[:, a * dy :, b * dx :],
                (n, rows, across, some * channels),
                (image, down * line, right * pixel, channel),
            )
            places += columns[:, :, :, a, b : b + some].reshape(n, rows, across, some * channels)
    return padded[:, top : top + size[0], left : left + size[1]]


def _pieces(threads: Threads, count: int, columns_per_image: int) -> list[slice]:
    """Cut the batch so that a piece's columns fit, and so that every thread gets as many."""
    return threads.pieces(count, max(1, COLUMNS // max(columns_per_image, 1)))
