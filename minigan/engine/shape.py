"""Shape: the ops that compute nothing and only move numbers, or views of them, about.

All of them are linear in a, y = A a, and the derivative of a linear op is its *adjoint*: the map Aᵀ
for which ⟨A a, g⟩ = ⟨a, Aᵀ g⟩ whatever a and g are, with ⟨a, b⟩ = Σ aᵢ bᵢ. (A written as a matrix,
it is the transposed one.) Where A copies, Aᵀ adds up; where A leaves out, Aᵀ puts zeros. So they
come in pairs, each the derivative of the other: Expand and Sum, Index and Scatter, Permute
and its inverse, Convolution and TransposedConvolution (../functional/convolution.py).

Next: all_sum.py, the op of many processes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigan.backend import backend_of
from minigan.backend.layout import inverse
from minigan.engine.node import Array, Shape
from minigan.engine.op import Gradients, Op, summed_to

if TYPE_CHECKING:
    from minigan.tensor import Tensor


class Reshape(Op):
    """y = a in another shape        dL/da = g in a's shape"""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def forward(self, a: Array) -> Array:
        return a.reshape(self.shape)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g.reshape(a.shape)


class Permute(Op):
    """y = a with its axes in another order        dL/da = g with them put back"""

    def __init__(self, order: Shape) -> None:
        self.order = order

    def forward(self, a: Array) -> Array:
        return a.transpose(self.order)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g.permute(inverse(self.order))


class Expand(Op):
    """y = a repeated along axes of size 1        dL/da = Σ g over those axes"""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def forward(self, a: Array) -> Array:
        return a if a.shape == self.shape else backend_of(a).xp.broadcast_to(a, self.shape)

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return summed_to(g, a.shape)


class Index(Op):
    """y = a[i]        dL/da = zeros with g added at i

    Tensors in i are inputs, too, so that somebody watches whether they are overwritten.
    """

    def __init__(self, index: Any) -> None:
        self.index = index

    def forward(self, a: Array, *parts: Array) -> Array:
        return a[self.index]

    def backward(self, g: Tensor, y: Tensor, needs: Sequence[bool] | None = None) -> Gradients:
        needs = needs or self.all_needs(y)
        a, *parts = self.inputs
        ga = Scatter(self.index, a.shape)(g) if needs[0] else None
        return [ga, *[None for _ in parts]]


class Scatter(Op):
    """y = zeros with a added at i, once for every time i names a place        dL/da = g[i]"""

    def __init__(self, index: Any, shape: Shape) -> None:
        self.index, self.shape = index, shape

    def forward(self, a: Array) -> Array:
        backend = backend_of(a)
        y = backend.xp.zeros_like(a, shape=self.shape, order="C")
        parts = self.index if isinstance(self.index, tuple) else (self.index,)
        if any(hasattr(part, "__array__") or isinstance(part, Sequence) for part in parts):
            backend.add_at(y, self.index, a)  # an index array may name one place twice
        else:
            y[self.index] = a
        return y

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g[self.index]


class Concatenate(Op):
    """y = the inputs one after another along an axis        dL/dxᵢ = xᵢ's piece of g"""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def forward(self, *arrays: Array) -> Array:
        return backend_of(arrays[0]).concatenate(arrays, self.axis)

    def backward(self, g: Tensor, y: Tensor, needs: Sequence[bool] | None = None) -> Gradients:
        needs = needs or self.all_needs(y)
        before = (slice(None),) * (self.axis % g.ndim)
        ends = list(itertools.accumulate(x.shape[self.axis] for x in self.inputs))
        starts = [0, *ends[:-1]]
        return [
            g[(*before, slice(start, end))] if need else None
            for start, end, need in zip(starts, ends, needs, strict=True)
        ]
