"""Convolution with 9 products where 16 seem to be needed, for kernels twice as wide as the stride.

First, fold the image (*space-to-depth*): let each block of `stride` pixels become the channels of
one. A kernel of 4 at stride 2 is then a kernel of 2 at stride 1, with four times the channels:

    a b | c d        A kernel of 4 × 4 at stride 2 sees 4 × 4       (abef) (cdgh)     A kernel of
    e f | g h        pixels of one channel, and moves by two. ->                      2 × 2 moves
    ----+----        Each block of 2 × 2 becomes one pixel of       (ijmn) (klop)     by one, over
    i j | k l        four channels.                                                   4 channels.
    m n | o p

In one direction, two neighboring outputs of such a kernel,

    y₀ = x₀·w₀ + x₁·w₁        y₁ = x₁·w₀ + x₂·w₁

need not take four products. Three will do:

    p = (x₀ − x₁)·w₀    q = x₁·(w₀ + w₁)    r = (x₂ − x₁)·w₁        y₀ = p + q    y₁ = q + r

With x = (1, 4, 2) and w = (3, 5): y₀ = 1·3 + 4·5 = 23 and y₁ = 4·3 + 2·5 = 22 by four products;
by three, p = (1 − 4)·3 = −9, q = 4·(3 + 5) = 32, r = (2 − 4)·5 = −10, and again −9 + 32 = 23 and
32 − 10 = 22.

In two directions that makes 3 · 3 instead of 4 · 4, for each block of 2 × 2 outputs. The trick is
Karatsuba's; for convolutions, Winograd's minimal filtering, F(2, 2) in one direction and
F(2×2, 2×2) in two: 2 × 2 outputs, of a 2 × 2 kernel (Lavin and Gray 2016). It only adds and
subtracts, so it rounds about as the plain sum does.

As the trilinear form of ../../functional/convolution.py it reads, with an index for each product,

    ⟨g, x ⋆ w⟩ = Σ over 9 of  ⟨sums(g), differences(x) · sums(w)⟩

    sums(a, b) = (a, a + b, b)        differences(x₀, x₁, x₂) = (x₀ − x₁, x₁, x₂ − x₁)

and each of the three convolutions is one matrix product between those transforms and the adjoint
of the third. A few images go through all of it at a time, while they are in the cache.

functional/convolution.py makes an op of each. Next: random.py.

Shapes: images (N, H, W, C), outputs (N, OH, OW, O), kernels (KH, KW, C, O); TY·TX = OH/2 · OW/2
blocks of 2 × 2 outputs in an image, M = n·TY·TX in n images; K = stride²·C channels when folded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.backend.interface import Window
from minigan.backend.numpy.compiler import Compiler
from minigan.backend.numpy.threads import Threads

BLOCKS = 256  # rows of a matrix product: fewer are slow, and more leave the cache
DEPTH = 256  # below so many folded channels, the transforms take longer than they save


def fits(window: Window, kernel: tuple[int, ...], places: tuple[int, ...]) -> bool:
    """Is this a convolution of the kind above, and will it be faster for it?

    kernel: (KH, KW, C, O), places: (OH, OW)
    """
    (down, right), (channels, out) = window.stride, kernel[2:]
    return (
        kernel[:2] == (2 * down, 2 * right)
        and window.dilation == (1, 1)
        and all(n > 0 and n % 2 == 0 for n in places)
        and down * right * channels >= DEPTH
        and out >= DEPTH // 4
    )


def convolution(
    threads: Threads, compiler: Compiler, x: np.ndarray, w: np.ndarray, window: Window
) -> np.ndarray:
    """y = sumsᵀ(differences(x) · sums(w)), where ᵀ is the adjoint"""
    height, width = window.outputs(x.shape[1:3], w.shape[:2])
    blocks, out = (height // 2, width // 2), w.shape[3]
    w_sums = _kernel_sums(threads, compiler, w, window)  # (9, K, O)
    y = np.empty((len(x), height, width, out), x.dtype)

    def compute(images: slice) -> None:
        products = _image_differences(compiler, x[images], window, blocks) @ w_sums  # (9, M, O)
        products = products.reshape(9, images.stop - images.start, *blocks, out)
        _written(compiler, add_sums, _of_pairs(y[images]), [*products])

    with threads.single_threaded_products():
        threads.run(compute, _pieces(threads, len(x), blocks))
    return y


def transposed_convolution(
    threads: Threads,
    compiler: Compiler,
    g: np.ndarray,
    w: np.ndarray,
    window: Window,
    size: tuple[int, int],
) -> np.ndarray:
    """x = differencesᵀ(sums(g) · sums(w))"""
    blocks = g.shape[1] // 2, g.shape[2] // 2
    w_sums = _kernel_sums(threads, compiler, w, window).transpose(0, 2, 1)  # (9, O, K)
    x = np.empty((len(g), *size, w.shape[2]), g.dtype)

    def compute(images: slice) -> None:
        products = _output_sums(compiler, g[images]) @ w_sums  # (9, M, K)
        _add_image_differences(compiler, products, window, blocks, x[images])

    with threads.single_threaded_products():
        threads.run(compute, _pieces(threads, len(g), blocks))
    return x


def kernel_gradient(
    threads: Threads,
    compiler: Compiler,
    g: np.ndarray,
    x: np.ndarray,
    window: Window,
    kernel: tuple[int, int],
) -> np.ndarray:
    """w = sumsᵀ(differences(x) · sums(g))"""
    blocks = g.shape[1] // 2, g.shape[2] // 2
    (down, right), channels, out = window.stride, x.shape[3], g.shape[3]

    def compute(images: slice) -> np.ndarray:
        seen = _image_differences(compiler, x[images], window, blocks)  # (9, M, K)
        return seen.transpose(0, 2, 1) @ _output_sums(compiler, g[images])  # (9, K, O)

    with threads.single_threaded_products():
        products = threads.total(compute, _pieces(threads, len(x), blocks))
    products = products.reshape(9, down, right, channels, out)
    w = np.empty((2, down, 2, right, channels, out), products.dtype)
    parts = [w[i, :, j] for i in range(2) for j in range(2)]
    _written(compiler, add_sums, parts, [*products])
    return w.reshape(*kernel, channels, out)


def _pieces(threads: Threads, count: int, blocks: tuple[int, int]) -> list[slice]:
    return threads.pieces(count, max(1, BLOCKS // (blocks[0] * blocks[1])))


# ---- what is transformed, as views of every second row and column ----------------------------


def _kernel_sums(threads: Threads, compiler: Compiler, w: np.ndarray, window: Window) -> np.ndarray:
    """(KH, KW, C, O) -> (9, K, O)"""
    (down, right), (channels, out) = window.stride, w.shape[2:]
    folded = w.reshape(2, down, 2, right, channels, out)
    result = np.empty((9, down, right, channels, out), w.dtype)

    def compute(some: slice) -> None:
        parts = [folded[i, :, j, :, some] for i in range(2) for j in range(2)]
        _written(compiler, sums, [*result[:, :, :, some]], parts)

    threads.run(compute, threads.pieces(channels, channels))
    return result.reshape(9, -1, out)


def _output_sums(compiler: Compiler, g: np.ndarray) -> np.ndarray:
    """(n, OH, OW, O) -> (9, M, O)"""
    n, height, width, out = g.shape
    result = np.empty((9, n, height // 2, width // 2, out), g.dtype)
    _written(compiler, sums, [*result], _of_pairs(g))
    return result.reshape(9, n * (height // 2) * (width // 2), out)


def _image_differences(
    compiler: Compiler, x: np.ndarray, window: Window, blocks: tuple[int, int]
) -> np.ndarray:
    """(n, H, W, C) -> (9, M, K)"""
    (top, left), (down, right) = window.padding, window.stride
    n, height, width, channels = x.shape
    padded = np.zeros(_padded(x.shape, window), x.dtype)
    padded[:, top : top + height, left : left + width] = x
    folded = _folded(padded, window, blocks)
    result = np.empty((9, n, *blocks, down, right * channels), x.dtype)
    _written(compiler, differences, [*result], _of_threes(folded, blocks))
    return result.reshape(9, n * blocks[0] * blocks[1], down * right * channels)


def _add_image_differences(
    compiler: Compiler,
    products: np.ndarray,
    window: Window,
    blocks: tuple[int, int],
    x: np.ndarray,
) -> None:
    """(9, M, K) -> (n, H, W, C) in x: the adjoint of `_image_differences`."""
    (top, left), (down, right) = window.padding, window.stride
    n, height, width, channels = x.shape
    padded = np.zeros(_padded(x.shape, window), x.dtype)
    products = products.reshape(3, 3, n, *blocks, down, right * channels)
    rows = _add_differences(compiler, products, 3)
    _add_differences(compiler, rows, 1, _folded(padded, window, blocks))
    x[...] = padded[:, top : top + height, left : left + width]


def _of_pairs(x: np.ndarray) -> list[np.ndarray]:
    """(n, 2·TY, 2·TX, …) -> the four numbers of each 2 × 2, row by row."""
    return [x[:, i::2, j::2] for i in range(2) for j in range(2)]


def _of_threes(x: np.ndarray, blocks: tuple[int, int]) -> list[np.ndarray]:
    """(n, 2·TY + 1, 2·TX + 1, …) -> the nine of each 3 × 3; the next begins with the last."""
    (down, across), every = blocks, range(3)
    return [
        x[:, i : i + 2 * down - 1 : 2, j : j + 2 * across - 1 : 2] for i in every for j in every
    ]


def _padded(shape: tuple[int, ...], window: Window) -> tuple[int, ...]:
    """The shape of images with their padding, and on to a whole number of folded pixels."""
    n, *size, channels = shape
    whole = (
        -(-(length + 2 * p) // s) * s
        for length, p, s in zip(size, window.padding, window.stride, strict=True)
    )
    return (n, *whole, channels)


def _folded(padded: np.ndarray, window: Window, blocks: tuple[int, int]) -> np.ndarray:
    """A view (n, 2·TY + 1, 2·TX + 1, stride, stride·C): the pixels of a block as channels."""
    (down, right), (n, height, width, channels) = window.stride, padded.shape
    folded = padded.reshape(n, height // down, down, width // right, right * channels)
    return folded.transpose(0, 1, 3, 2, 4)[:, : 2 * blocks[0] + 1, : 2 * blocks[1] + 1]


# ---- the transforms --------------------------------------------------------------------------
# Each is written for NumPy, pass by pass into `out`, and compiled into one pass where that can be.
# First for one direction; then down the rows, and along them in place. Of nine results, the first
# three are those of the left column: a, a + b and b down the rows.


def _written(
    compiler: Compiler,
    transform: Callable[..., Any],
    out: list[np.ndarray],
    given: list[np.ndarray],
) -> None:
    """The transform of the given arrays, into `out`."""
    in_one_pass = compiler.each(transform, given, memory=len(out))
    if in_one_pass is None:
        transform(*out, *given)
    else:
        in_one_pass(*given, out=tuple(out))


def _sums(out: Sequence[Any], a: Any, b: Any) -> None:
    """a, a + b and b of each pair."""
    np.multiply(a, 1, out=out[0])
    np.add(a, b, out=out[1])
    np.multiply(b, 1, out=out[2])


def sums(*arrays: Any) -> Sequence[Any]:
    """Nine of four."""
    out, (a, b, c, d) = arrays[:9], arrays[9:]
    _sums(out[:3], a, c)
    _sums(out[6:], b, d)
    for i in range(3):
        np.add(out[i], out[6 + i], out=out[3 + i])
    return out


def add_sums(*arrays: Any) -> Sequence[Any]:
    """Four of nine: the adjoint of `sums`, which adds a + b to what a and b get."""
    out, given = arrays[:4], arrays[4:]
    for j in range(2):  # the left column, and the right one; along the rows first
        left, right = given[3 * j : 3 * j + 3], given[3 * j + 3 : 3 * j + 6]
        both = left[1] + right[1]
        for place, i in ((out[j], 0), (out[2 + j], 2)):
            np.add(left[i], right[i], out=place)
            np.add(place, both, out=place)
    return out


def _differences(out: Sequence[Any], before: Any, at: Any, after: Any) -> None:
    """x₀ − x₁, x₁ and x₂ − x₁ of each three."""
    np.subtract(before, at, out=out[0])
    np.multiply(at, 1, out=out[1])
    np.subtract(after, at, out=out[2])


def differences(*arrays: Any) -> Sequence[Any]:
    """Nine of nine."""
    out, x = arrays[:9], arrays[9:]
    for j in range(3):
        _differences(out[3 * j : 3 * j + 3], *x[j::3])
    for i in range(3):
        before, at, after = out[i::3]
        np.subtract(before, at, out=before)
        np.subtract(after, at, out=after)
    return out


def _without_ends(middle: Any, at: Any, before: Any, after: Any) -> Any:
    """What the middle of a three gets: all that x₁ was in."""
    np.subtract(at, before, out=middle)
    return np.subtract(middle, after, out=middle)


def _add_differences(
    compiler: Compiler, three: np.ndarray, axis: int, out: np.ndarray | None = None
) -> np.ndarray:
    """(3, …, T, …) -> (…, 2T + 1, …): the adjoint of `_differences`, in one direction.

    What ends one three and begins the next gets something from both.
    """
    if out is None:
        length = 2 * three.shape[axis + 1] + 1
        out = np.empty((*three.shape[1 : axis + 1], length, *three.shape[axis + 2 :]), three.dtype)
    before, at, after = np.moveaxis(three, axis + 1, 1)  # (T, …) each
    line = np.moveaxis(out, axis, 0)
    ends = line[0::2]
    ends[0] = before[0]
    np.add(before[1:], after[:-1], out=ends[1:-1])
    ends[-1] = after[-1]
    _written(compiler, _without_ends, [line[1::2]], [at, before, after])
    return out
