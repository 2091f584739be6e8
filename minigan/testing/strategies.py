"""Hypothesis strategies for tests of tensor functions: what to try, and how it lies in memory.

    from hypothesis import given
    from minigan.testing import check_gradients, strategies

    @given(x=strategies.arrays(away_from=[0]))
    def test_my_op(x):
        check_gradients(my_op, [x])

Hypothesis draws arrays of all shapes and memory layouts, and when a test fails it looks for the
smallest array that fails. minigan's own tests draw from these strategies, too, and
docs/your_own_op.md tests an op with them. Next: ../live/protocol.py, the game on a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp
except ImportError as error:
    needs = 'minigan.testing.strategies needs Hypothesis: pip install "minigan[check]"'
    raise ImportError(needs) from error

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]

STEP = 1 / 64  # between neighbours on the lattice of `numbers`
LAYOUTS = ("as usual", "transposed", "channels last", "every second", "reversed")


def seeds() -> st.SearchStrategy[int]:
    """A seed for a random generator."""
    return st.integers(0, 2**32 - 1)


def dtypes() -> st.SearchStrategy[str]:
    """The two number types that have gradients."""
    return st.sampled_from(["float32", "float64"])


# ---------------------------------------------------------------------------------------------
# Shapes


def shapes(
    *, min_dims: int = 0, max_dims: int = 4, min_side: int = 1, max_side: int = 4
) -> st.SearchStrategy[Shape]:
    """A shape, () included; min_side=0 gives arrays without elements, too."""
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def broadcastable_pairs(*, max_dims: int = 4, max_side: int = 4) -> st.SearchStrategy[Any]:
    """Two shapes that NumPy broadcasts against each other, such as (2, 1, 3) and (4, 1)."""
    pairs = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=max_dims, max_side=max_side)
    return pairs.map(lambda found: found.input_shapes)


def pairs(low: int, high: int) -> st.SearchStrategy[Pair]:
    """Two whole numbers from low to high: heights and widths."""
    return st.tuples(st.integers(low, high), st.integers(low, high))


# ---------------------------------------------------------------------------------------------
# Numbers


def numbers(
    seed: int,
    *shape: int,
    away_from: Sequence[float] = (0.0,),
    distance: float = 1 / 16,
    low: float = -3.0,
    high: float = 3.0,
    second: bool = False,
    dtype: Any = np.float64,
) -> np.ndarray:
    """Random numbers from low to high that central differences can be trusted at.

    None lies within `distance` of those to stay `away_from`: kinks such as ReLU's at 0, and places
    where a function is not defined. They are k/64 + 1/256, for whole k, or, as the `second` of two
    arrays, k/64 + 3/256: so no number of the one array is one of the other's, where `maximum` has
    its kink. float32 holds each of them exactly.

    Raises ValueError if no number is left.
    """
    first, last = np.ceil(low / STEP), np.floor(high / STEP)
    lattice = np.arange(first, last) * STEP + (3 if second else 1) * STEP / 4
    for kink in away_from:
        lattice = lattice[abs(lattice - kink) >= distance]
    if not lattice.size:
        raise ValueError(f"numbers: none from {low} to {high} is {distance} from {away_from}")
    return np.asarray(np.random.default_rng(seed).choice(lattice, shape), dtype)


def layouts() -> st.SearchStrategy[str]:
    """How an array lies in memory, for `laid_out`."""
    return st.sampled_from(LAYOUTS)


def laid_out(x: np.ndarray, layout: str) -> np.ndarray:
    """x, its numbers in another order in memory ("transposed", "channels last"), with gaps between
    them ("every second"), or from its end to its beginning ("reversed": all strides are negative).

    "channels last" puts the third axis from the end behind the last two, as images lie; arrays that
    have no such axis stay as they are.
    """
    if layout == "transposed":
        return np.array(x.T, order="C").T
    if layout == "channels last" and x.ndim >= 3:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -3, -1)), -1, -3)
    if layout == "every second" and x.ndim:
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if layout == "reversed":
        back: tuple[Any, ...] = (..., *[slice(None, None, -1)] * x.ndim)
        return np.array(x[back])[back]
    return x


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    *,
    layout: str | st.SearchStrategy[str] | None = None,
    dtype: Any = np.float64,
    **options: Any,
) -> np.ndarray:
    """An array of `numbers(…, **options)`, of any shape and in any layout unless they are given.

    dtype: a number type, or a strategy for one, such as dtypes().
    """
    size = draw(shapes() if shape is None else shape) if not isinstance(shape, tuple) else shape
    lies = draw(layouts() if layout is None else layout) if not isinstance(layout, str) else layout
    kind = draw(dtype) if isinstance(dtype, st.SearchStrategy) else dtype
    return laid_out(numbers(draw(seeds()), *size, dtype=kind, **options), lies)


@st.composite
def array_pairs(
    draw: st.DrawFn, shape: st.SearchStrategy[Any] | None = None, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Two `arrays` of shapes that can be broadcast; no number of the one is one of the other's."""
    first, second = draw(broadcastable_pairs() if shape is None else shape)
    return draw(arrays(first, **options)), draw(arrays(second, second=True, **options))


# ---------------------------------------------------------------------------------------------
# Convolutions


@dataclass(frozen=True)
class Geometry:
    """The sizes of one convolution, (height, width) each, and how its kernel steps."""

    batch: int | None  # None: a single image (C, H, W)
    channels: int
    out_channels: int
    size: Pair
    kernel: Pair
    stride: Pair
    padding: Pair | str
    dilation: Pair
    output_padding: Pair  # of a transposed one; (0, 0) otherwise
    transposed: bool

    @property
    def images(self) -> Shape:
        """The shape of the input."""
        batch = () if self.batch is None else (self.batch,)
        return (*batch, self.channels, *self.size)

    @property
    def weight(self) -> Shape:
        """The shape of the kernels: a transposed convolution has its inputs first."""
        channels = self.out_channels, self.channels
        return (*(channels[::-1] if self.transposed else channels), *self.kernel)

    @property
    def arguments(self) -> dict[str, Any]:
        """The keywords of `conv2d` or `conv_transpose2d`, here and in torch."""
        geometry = {name: getattr(self, name) for name in ("stride", "padding", "dilation")}
        return geometry | ({"output_padding": self.output_padding} if self.transposed else {})


@st.composite
def convolutions(
    draw: st.DrawFn, *, transposed: bool = False, max_size: int = 7, max_kernel: int = 4
) -> Geometry:
    """A convolution, or a transposed one, that has an output; torch takes each of them.

    Not transposed, it may have "same" or "valid" for its padding.
    """
    stride, dilation = draw(pairs(1, 3)), draw(pairs(1, 3))
    kernel, size = draw(pairs(1, max_kernel)), draw(pairs(1, max_size))
    word = None if transposed else draw(st.sampled_from([None, None, None, "same", "valid"]))
    extra, padding, fitting = [], [], []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        reach = d * (k - 1)  # how far behind its first pixel a kernel ends
        extra.append(draw(st.integers(0, max(s, d) - 1)) if transposed else 0)
        most = ((n - 1) * s + reach + extra[-1]) // 2 if transposed else 3
        padding.append(draw(st.integers(0, min(3, most))))
        around = {None: 2 * padding[-1], "same": reach, "valid": 0}[word]
        fitting.append(n if transposed else max(n, reach + 1 - around))
    return Geometry(
        batch=draw(st.sampled_from([None, 1, 2, 3])),
        channels=draw(st.integers(1, 4)),
        out_channels=draw(st.integers(1, 5)),
        size=(fitting[0], fitting[1]),
        kernel=kernel,
        stride=(1, 1) if word == "same" else stride,
        padding=(padding[0], padding[1]) if word is None else word,
        dilation=dilation,
        output_padding=(extra[0], extra[1]),
        transposed=transposed,
    )
