"""Maxout: of several linear functions of the input, the largest.

    h(x) = max over j of (wⱼ · x + bⱼ)                              (Goodfellow et al. 2013, eq. 1)

A unit of this kind learns its own convex, piecewise linear activation. The linear part is
linear.py's; here is the maximum. Next: ../nn/module.py.
"""

from __future__ import annotations

from minigan.backend import backend_of
from minigan.engine.node import Array
from minigan.engine.op import Op
from minigan.functional.checks import check_tensors
from minigan.tensor import Tensor


class MaxPiece(Op):
    """y = max over j of x[:, j]        dL/dx = g at the first of the largest pieces, else 0

    x (N, pieces, units)  ->  y (N, units)
    """

    def forward(self, x: Array) -> Array:
        return x.max(axis=1)

    def dx(self, g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        winner = x.like(_first_largest(x.array, y.array))  # (N, pieces, units)
        return g.unsqueeze(1) * winner


def _first_largest(x: Array, y: Array) -> Array:
    """1 where a piece is the maximum and no piece before it is, else 0.

    Only one piece may take the gradient: when all weights begin equal, for instance at zero,
    pieces that share it would stay equal for ever.
    """
    xp = backend_of(x).xp
    winner = xp.empty_like(x)
    undecided = xp.ones_like(y, dtype=bool)
    for piece in range(x.shape[1]):
        here = undecided & (x[:, piece] == y)
        winner[:, piece] = here
        undecided &= ~here
    return winner


def maxout(input: Tensor, pieces: int) -> Tensor:
    """The largest of `pieces` numbers for each unit: (N, pieces · units) -> (N, units).

    The first `units` columns are the first piece of every unit, and so on.
    Raises ValueError if the width of the input is no multiple of `pieces`.
    """
    check_tensors("maxout", input)
    if input.ndim != 2 or pieces < 1 or input.shape[1] % pieces:
        raise ValueError(
            f"maxout: {pieces} pieces of each unit need an input (N, {pieces} · units), "
            f"got shape {input.shape}"
        )
    return MaxPiece()(input.view(input.shape[0], pieces, -1))  # (N, pieces · units) -> (N, units)
