"""Arithmetic: sums, products, powers, choices. Each docstring is the formula and its derivatives.

Next: shape.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Backend, backend_of
from minigan.engine.fused import Alias
from minigan.engine.node import Array, Node, Scalar, Shape
from minigan.engine.op import Elementwise, Op, summed_to

if TYPE_CHECKING:
    from minigan.tensor import Tensor


class Add(Elementwise):
    """y = a + b        dL/da = g        dL/db = g"""

    def forward(self, a: Array, b: Array) -> Array:
        return a + b

    def da(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g

    def db(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g


class Subtract(Elementwise):
    """y = a − b        dL/da = g        dL/db = −g"""

    def forward(self, a: Array, b: Array) -> Array:
        return a - b

    def da(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g

    def db(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return -g


class Multiply(Elementwise):
    """y = a · b        dL/da = g · b        dL/db = g · a"""

    def forward(self, a: Array, b: Array) -> Array:
        return a * b

    def da(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g * b

    def db(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g * a


class Divide(Elementwise):
    """y = a / b        dL/da = g / b        dL/db = −g · y / b"""

    def forward(self, a: Array, b: Array) -> Array:
        return a / b

    def da(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g / b

    def db(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return -g * y / b


class Negate(Elementwise):
    """y = −a        dL/da = −g"""

    def forward(self, a: Array) -> Array:
        return -a

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return -g


class Power(Elementwise):
    """y = aᵇ        dL/da = g · b · aᵇ⁻¹        dL/db = g · y · ln a

    Where b is 0, y is constant in a, also at 0, where 0 · a⁻¹ would be NaN. Where a is 0, y is
    taken as constant in b.
    """

    def forward(self, a: Array, b: Array) -> Array:
        return a * a if isinstance(b, int | float) and b == 2 else a**b

    def da(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        if isinstance(b, Node):
            return g * Where()(b != 0, b * a ** (b - 1 + (b == 0)), 0.0)
        return g * (b * a ** (b - 1)) if b != 0 else g * 0

    def db(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        if isinstance(a, Node):
            return g * y * Log()(a + (a == 0))
        return g * y * (math.log(a) if a > 0 else 0 if a == 0 else math.nan)


class Exp(Elementwise):
    """y = eᵃ        dL/da = g · y"""

    def forward(self, a: Array) -> Array:
        return backend_of(a).xp.exp(a)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g * y


class Log(Elementwise):
    """y = ln a        dL/da = g / a"""

    def forward(self, a: Array) -> Array:
        return backend_of(a).xp.log(a)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g / a


class Sqrt(Elementwise):
    """y = √a        dL/da = g / 2y"""

    def forward(self, a: Array) -> Array:
        return backend_of(a).xp.sqrt(a)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g / (2 * y)


class Abs(Elementwise):
    """y = |a|        dL/da = g · sign a, which is 0 at 0"""

    def forward(self, a: Array) -> Array:
        return abs(a)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g * a.like(backend_of(a.array).xp.sign(a.array))


class Clamp(Elementwise):
    """y = min(max(a, low), high), where a bound may be None

    dL/da = g where low ≤ a ≤ high, else 0
    dL/dlow = g where a < low < high        dL/dhigh = g where a > high or low > high
    """

    def forward(self, a: Array, low: Array | None, high: Array | None) -> Array:
        xp = backend_of(a).xp
        y = a if low is None else xp.maximum(a, low)
        return y if high is None else xp.minimum(y, high)

    def da(self, g: Tensor, y: Tensor, a: Tensor, low: Tensor, high: Tensor) -> Tensor:
        inside = a.array == a.array  # everywhere but at NaN, which no limit holds
        if low is not None:
            inside = inside & (a.array >= _array(low))
        if high is not None:
            inside = inside & (a.array <= _array(high))
        return g * a.like(inside.astype(a.dtype))

    def dlow(self, g: Tensor, y: Tensor, a: Tensor, low: Tensor, high: Tensor) -> Tensor:
        below = a.array < low.array
        if high is not None:
            below = below & (low.array < _array(high))
        return g * a.like(below.astype(a.dtype))

    def dhigh(self, g: Tensor, y: Tensor, a: Tensor, low: Tensor, high: Tensor) -> Tensor:
        above = a.array > high.array
        if low is not None:
            above = above | (_array(low) > high.array)
        return g * a.like(above.astype(a.dtype))


class Maximum(Elementwise):
    """y = max(a, b)        dL/da = g where a > b, g/2 where a = b, else 0; dL/db likewise"""

    def forward(self, a: Array, b: Array) -> Array:
        return backend_of(a).xp.maximum(a, b)

    def da(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g * _larger(a, b, g)

    def db(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g * _larger(b, a, g)


class Minimum(Elementwise):
    """y = min(a, b)        dL/da = g where a < b, g/2 where a = b, else 0; dL/db likewise"""

    def forward(self, a: Array, b: Array) -> Array:
        return backend_of(a).xp.minimum(a, b)

    def da(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g * _larger(b, a, g)

    def db(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g * _larger(a, b, g)


def _larger(a: Tensor | Scalar, b: Tensor | Scalar, g: Tensor) -> Tensor:
    """1 where a is larger than b, 1/2 where they are equal, else 0; 1 for both beside a NaN."""
    p, q = _array(a), _array(b)
    share = 1.0 - (p < q) * 1.0 - (p == q) * 0.5
    return g.like(share.astype(g.dtype))


class Where(Elementwise):
    """y = a where the condition holds, else b        dL/da = g there, else 0; dL/db the rest"""

    def forward(self, condition: Array, a: Array, b: Array) -> Array:
        return backend_of(condition).xp.where(condition, a, b)

    def da(self, g: Tensor, y: Tensor, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g * condition.to(g.dtype)

    def db(self, g: Tensor, y: Tensor, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return g * (1 - condition.to(g.dtype))


class Cast(Elementwise):
    """y = a in another number type        dL/da = g in a's type"""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def forward(self, a: Array) -> Array:
        return a.astype(self.dtype)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g.to(a.dtype)


class Move(Op):
    """y = a, in the memory of another backend        dL/da = g, moved back"""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def forward(self, a: Array) -> Array:
        return self.backend.asarray(backend_of(a).to_numpy(a))

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g.to(a.backend)


class Copy(Alias):
    """y = a, in memory of its own        dL/da = g"""

    def __init__(self, order: str = "K") -> None:
        self.order = order  # of the axes in memory: K keeps it, C puts the last one innermost

    def forward(self, a: Array) -> Array:
        return a.copy(order=self.order)


# ---------------------------------------------------------------------------------------------
# Products and sums


class MatMul(Op):
    """y = a b        dL/da = g bᵀ        dL/db = aᵀ g

    (…, N, K) · (…, K, M) → (…, N, M); leading dimensions are broadcast.
    """

    def forward(self, a: Array, b: Array) -> Array:
        if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
            raise ValueError(f"cannot multiply matrices of shapes {a.shape} and {b.shape}")
        return backend_of(a).matmul(a, b)

    def da(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return summed_to(g @ b.transpose(-1, -2), a.shape)

    def db(self, g: Tensor, y: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return summed_to(a.transpose(-1, -2) @ g, b.shape)


class Sum(Op):
    """y = Σ a over some axes        dL/da = g, repeated along them"""

    def __init__(self, axes: Shape, keepdim: bool) -> None:
        self.axes, self.keepdim = axes, keepdim

    def forward(self, a: Array) -> Array:
        if a.dtype.kind != "f":
            a = a.astype(np.int64)  # booleans are counted, and small integers must not overflow
        return backend_of(a).sum(a, self.axes, self.keepdim)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g.reshape(_kept(a.shape, self.axes)).expand(a.shape)


class AMax(Op):
    """y = max a over some axes        dL/da = g at the largest, shared where several are equal

    Several equal numbers are all the largest, and moving any of them up moves y: so none is
    preferred. (torch's `max` over an axis also says *where*, and the one it names takes all of g.)
    """

    def __init__(self, axes: Shape, keepdim: bool) -> None:
        self.axes, self.keepdim = axes, keepdim

    def forward(self, a: Array) -> Array:
        return a.max(axis=self.axes, keepdims=self.keepdim)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        kept = _kept(a.shape, self.axes)
        chosen = (a.array == y.array.reshape(kept)).astype(a.dtype)
        share = a.like(chosen / chosen.sum(axis=self.axes, keepdims=True))
        return g.reshape(kept) * share


class AMin(AMax):
    """y = min a over some axes        dL/da = g at the smallest, likewise"""

    def forward(self, a: Array) -> Array:
        return a.min(axis=self.axes, keepdims=self.keepdim)


def _kept(shape: Shape, axes: Shape) -> Shape:
    """The shape with the summed axes kept as 1, ready to be broadcast back."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _array(x: Any) -> Any:
    return x.array if isinstance(x, Node) else x
