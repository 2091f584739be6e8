"""Stochastic gradient descent, with or without momentum.

Next: rmsprop.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from minigan.errors import refuse_lacking
from minigan.optim.flat import move
from minigan.optim.optimizer import Optimizer
from minigan.optim.settings import LACKING
from minigan.tensor import Array, Tensor


class SGD(Optimizer):
    """p ← p − lr · v, with v = g, or with momentum μ: v ← μ · v + (1 − dampening) · g

    The first v is g itself. Nesterov's variant moves by g + μ · v. `weight_decay` adds λp to g.

    Momentum is a ball's that rolls downhill: across a valley the gradients change their sign and
    cancel, along it they add up, under a constant g to v = g / (1 − μ).
    """

    state_names = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        **lacking: Any,
    ) -> None:
        refuse_lacking(self, lacking, LACKING)
        self.momentum, self.dampening = momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        super().__init__(params, lr)

    def options(self) -> dict[str, Any]:
        names = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
        return {name: getattr(self, name) for name in names}

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        if settings["nesterov"] and (settings["momentum"] <= 0 or settings["dampening"] != 0):
            raise ValueError("Nesterov momentum needs a momentum and no dampening")

    def update(
        self, where: slice, parameters: Sequence[Array], gradients: Sequence[Array], count: Array
    ) -> None:
        backend = self.memory.backend
        v = self.memory.flat["momentum_buffer"][where]
        g = backend.concatenate(gradients)
        if self.weight_decay:
            g += self.weight_decay * backend.concatenate(parameters)
        if self.momentum:
            # The first v is all of g: it has no history that dampening would leave room for.
            share = backend.xp.where(count == 0, 1, 1 - self.dampening).astype(g.dtype)
            v *= self.momentum
            v += share * g
            # Nesterov looks ahead: it moves as if the next step of the ball were already known.
            g = g + self.momentum * v if self.nesterov else v
        move(parameters, -self.lr * g)
        count += 1
