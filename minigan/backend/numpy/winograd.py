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

import numpy as np

from minigan.backend.interface import Window
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


def convolution(threads: Threads, x: np.ndarray, w: np.ndarray, window: Window) -> np.ndarray:
    """y = sumsᵀ(differences(x) · sums(w)), where ᵀ is the adjoint"""
    height, width = window.outputs(x.shape[1:3], w.shape[:2])
    blocks, out = (height // 2, width // 2), w.shape[3]
    w_sums = _kernel_sums(threads, w, window)  # (9, K, O)
    y = np.empty((len(x), height, width, out), x.dtype)

    def compute(images: slice) -> None:
        products = _image_differences(x[images], window, blocks) @ w_sums  # (9, M, O)
        products = products.reshape(3, 3, images.stop - images.start, *blocks, out)
        _add_sums(_add_sums(products, 3), 1, y[images])

    with threads.single_threaded_products():
        threads.run(compute, _pieces(threads, len(x), blocks))
    return y


def transposed_convolution(
    threads: Threads, g: np.ndarray, w: np.ndarray, window: Window, size: tuple[int, int]
) -> np.ndarray:
    """x = differencesᵀ(sums(g) · sums(w))"""
    blocks = g.shape[1] // 2, g.shape[2] // 2
    w_sums = _kernel_sums(threads, w, window).transpose(0, 2, 1)  # (9, O, K)
    x = np.empty((len(g), *size, w.shape[2]), g.dtype)

    def compute(images: slice) -> None:
        products = _output_sums(g[images]) @ w_sums  # (9, M, K)
        _add_image_differences(products, window, blocks, x[images])

    with threads.single_threaded_products():
        threads.run(compute, _pieces(threads, len(g), blocks))
    return x


def kernel_gradient(
    threads: Threads, g: np.ndarray, x: np.ndarray, window: Window, kernel: tuple[int, int]
) -> np.ndarray:
    """w = sumsᵀ(differences(x) · sums(g))"""
    blocks = g.shape[1] // 2, g.shape[2] // 2
    (down, right), channels, out = window.stride, x.shape[3], g.shape[3]

    def compute(images: slice) -> np.ndarray:
        seen = _image_differences(x[images], window, blocks).transpose(0, 2, 1)  # (9, K, M)
        return seen @ _output_sums(g[images])  # (9, K, O)

    with threads.single_threaded_products():
        products = threads.total(compute, _pieces(threads, len(x), blocks))
    products = products.reshape(3, 3, 1, down, 1, right, channels, out)
    return _add_sums(_add_sums(products, 3), 0).reshape(*kernel, channels, out)


def _pieces(threads: Threads, count: int, blocks: tuple[int, int]) -> list[slice]:
    return threads.pieces(count, max(1, BLOCKS // (blocks[0] * blocks[1])))


# ---- the transforms in both directions -------------------------------------------------------


def _kernel_sums(threads: Threads, w: np.ndarray, window: Window) -> np.ndarray:
    """(KH, KW, C, O) -> (9, K, O)"""
    (down, right), (channels, out) = window.stride, w.shape[2:]
    folded = w.reshape(2, down, 2, right, channels, out)
    result = np.empty((3, 3, 1, down, 1, right, channels, out), w.dtype)

    def compute(some: slice) -> None:
        _sums(_sums(folded[..., some, :], 0), 3, result[..., some, :])

    threads.run(compute, threads.pieces(channels, channels))
    return result.reshape(9, -1, out)


def _output_sums(g: np.ndarray) -> np.ndarray:
    """(n, OH, OW, O) -> (9, M, O)"""
    blocks = len(g) * (g.shape[1] // 2) * (g.shape[2] // 2)
    return _sums(_sums(g, 1), 3).reshape(9, blocks, g.shape[3])


def _image_differences(x: np.ndarray, window: Window, blocks: tuple[int, int]) -> np.ndarray:
    """(n, H, W, C) -> (9, M, K)"""
    (top, left), (down, right) = window.padding, window.stride
    n, height, width, channels = x.shape
    padded = np.zeros(_padded(x.shape, window), x.dtype)
    padded[:, top : top + height, left : left + width] = x
    differences = _differences(_differences(_folded(padded, window, blocks), 1), 3)
    return differences.reshape(9, n * blocks[0] * blocks[1], down * right * channels)


def _add_image_differences(
    products: np.ndarray, window: Window, blocks: tuple[int, int], x: np.ndarray
) -> None:
    """(9, M, K) -> (n, H, W, C) in x: the adjoint of `_image_differences`."""
    (top, left), (down, right) = window.padding, window.stride
    n, height, width, channels = x.shape
    padded = np.zeros(_padded(x.shape, window), x.dtype)
    products = products.reshape(3, 3, n, *blocks, down, right * channels)
    _add_differences(_add_differences(products, 3), 1, _folded(padded, window, blocks))
    x[...] = padded[:, top : top + height, left : left + width]


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


# ---- the transforms in one direction, along an axis, and their adjoints ----------------------


def _sums(pairs: np.ndarray, axis: int, out: np.ndarray | None = None) -> np.ndarray:
    """(…, 2T, …) -> (3, …, T, …): a, a + b and b of each pair."""
    if out is None:
        out = np.empty((3, *_resized(pairs, axis, pairs.shape[axis] // 2)), pairs.dtype)
    first, both, second = np.moveaxis(out, axis + 1, 1)  # (T, …) each
    line = np.moveaxis(pairs, axis, 0)
    a, b = line[0::2], line[1::2]
    first[...] = a
    np.add(a, b, out=both)
    second[...] = b
    return out


def _add_sums(sums: np.ndarray, axis: int, out: np.ndarray | None = None) -> np.ndarray:
    """(3, …, T, …) -> (…, 2T, …): the adjoint of `_sums`."""
    if out is None:
        out = np.empty(_resized(sums[0], axis, 2 * sums.shape[axis + 1]), sums.dtype)
    first, both, second = np.moveaxis(sums, axis + 1, 1)  # (T, …) each
    line = np.moveaxis(out, axis, 0)
    np.add(first, both, out=line[0::2])
    np.add(both, second, out=line[1::2])
    return out


def _differences(x: np.ndarray, axis: int) -> np.ndarray:
    """(…, 2T + 1, …) -> (3, …, T, …): x₀ − x₁, x₁ and x₂ − x₁ of each three; x₂ begins the next."""
    result = np.empty((3, *_resized(x, axis, x.shape[axis] // 2)), x.dtype)
    before, at, after = np.moveaxis(result, axis + 1, 1)  # (T, …) each
    line = np.moveaxis(x, axis, 0)
    ends, middle = line[0::2], line[1::2]
    np.subtract(ends[:-1], middle, out=before)
    at[...] = middle
    np.subtract(ends[1:], middle, out=after)
    return result


def _add_differences(
    differences: np.ndarray, axis: int, out: np.ndarray | None = None
) -> np.ndarray:
    """(3, …, T, …) -> (…, 2T + 1, …): the adjoint of `_differences`."""
    if out is None:
        length = 2 * differences.shape[axis + 1] + 1
        out = np.empty(_resized(differences[0], axis, length), differences.dtype)
    before, at, after = np.moveaxis(differences, axis + 1, 1)  # (T, …) each
    line = np.moveaxis(out, axis, 0)
    ends, middle = line[0::2], line[1::2]
    ends[0] = before[0]
    np.add(before[1:], after[:-1], out=ends[1:-1])
    ends[-1] = after[-1]
    np.subtract(at, before, out=middle)
    middle -= after
    return out


def _resized(x: np.ndarray, axis: int, length: int) -> tuple[int, ...]:
    return (*x.shape[:axis], length, *x.shape[axis + 1 :])
