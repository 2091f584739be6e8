"""FusedOp: an op that is fast by hand, and defined by a formula.

Next: arithmetic.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigan.engine.node import Array, Node
from minigan.engine.op import Gradients, Op
from minigan.engine.recording import this_thread
from minigan.engine.walk import grad

if TYPE_CHECKING:
    from minigan.tensor import Tensor


class FusedOp(Op):
    """An op that is fast by hand and defined by a formula.

    `forward` and `backward_arrays(g, y)` work on whole arrays in few passes. `formula` says the
    same in plain ops. Ordinary training runs the arrays; when the gradient itself is to be
    differentiated, the engine differentiates the formula instead. So the formula is at once the
    documentation, the oracle of the tests and the second derivative.
    """

    def formula(self, *inputs: Any) -> Tensor:
        raise NotImplementedError(f"{self.name} has no formula")

    def backward_arrays(self, g: Array, y: Array) -> tuple[Array | None, ...]:
        raise NotImplementedError(f"{self.name} has no array backward")

    def backward(self, g: Tensor, y: Tensor, needs: Sequence[bool] | None = None) -> Gradients:
        needs = needs or self.all_needs(y)
        if not this_thread.recording:
            gradients = self.backward_arrays(g.array, y.array)
            return tuple(None if d is None else g.like(d) for d in gradients)
        # Stand-ins for the inputs: the walk below must end at them, not go on into their history.
        stand_ins = [Alias()(x) if isinstance(x, Node) else x for x in self.inputs]
        wanted = [x for x, need in zip(stand_ins, needs, strict=True) if need]
        found = iter(grad(self.formula(*stand_ins), wanted, g, create_graph=True))
        return tuple(next(found) if need else None for need in needs)


class Alias(Op):
    """y = a        dL/da = g"""

    def forward(self, a: Array) -> Array:
        return a

    def da(self, g: Tensor, y: Tensor, a: Tensor) -> Tensor:
        return g
