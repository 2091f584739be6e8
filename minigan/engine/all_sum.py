"""AllSum: the one op that many processes need, and its own derivative.

A number x on each rank, and each rank gets the sum of all. If rank r's output counts for gᵣ in what
all of them compute together, then x on any rank counts for Σᵣ gᵣ: it went into every output. So the
derivative is the op itself, and with it batch norm over all ranks has derivatives of every order.

Next: ../tensor.py, all of it under torch's names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigan.distributed.communicator import ranks
from minigan.engine.node import Array
from minigan.engine.op import Op

if TYPE_CHECKING:
    from minigan.tensor import Tensor


class AllSum(Op):
    """y = Σ over ranks of x        dL/dx = Σ over ranks of g"""

    def forward(self, x: Array) -> Array:
        return ranks().all_sum(x)

    def dx(self, g: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return AllSum()(g)
