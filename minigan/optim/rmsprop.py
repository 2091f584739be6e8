"""RMSprop: a gradient divided by its own usual size. WGAN with clipped weights is trained by it.

Next: adam.py, which adds a mean of the gradient and a correction for the first steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from minigan.errors import refuse_lacking
from minigan.optim.flat import overwrite
from minigan.optim.optimizer import Optimizer
from minigan.optim.settings import LACKING
from minigan.tensor import Array, Tensor

Numbers = TypeVar("Numbers", Array, Tensor)


class RMSprop(Optimizer):
    """s ← αs + (1 − α)g²,  p ← p − lr · g / (√s + eps)  (Tieleman and Hinton 2012, lecture 6e)

    `centered` divides by √(s − m²), the deviation of g from its own running mean m (Graves 2013).
    With `momentum`, p moves by what adds up of those quotients. `weight_decay` adds λp to g.

    `formula` says it line by line, and is what `update` computes.

    s begins at 0 and is not corrected for it, as Adam's is: the first step is lr / √(1 − α) long,
    ten times lr under the default α of 0.99.
    """

    state_names = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        **lacking: Any,
    ) -> None:
        refuse_lacking(self, lacking, LACKING)
        self.alpha, self.eps, self.weight_decay = alpha, eps, weight_decay
        self.momentum, self.centered = momentum, centered
        super().__init__(params, lr)

    def options(self) -> dict[str, Any]:
        names = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered")
        return {name: getattr(self, name) for name in names}

    def remembered(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        needed = (True, settings["momentum"] > 0, settings["centered"])
        return tuple(name for name, need in zip(self.state_names, needed, strict=True) if need)

    def formula(
        self, p: Numbers, g: Numbers, state: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        """An update of p under the gradient g: the new p, and the new state by torch's names.

        It takes arrays or tensors, writes to none of them, and can be differentiated.
        """
        new: dict[str, Numbers] = {}
        if self.weight_decay:
            g = g + self.weight_decay * p
        # The mean of g² over about 1/(1 − α) steps: its root is g's usual size.
        square = new["square_avg"] = self.alpha * state["square_avg"] + (1 - self.alpha) * g * g
        if self.centered:
            mean = state["grad_avg"]
            mean = new["grad_avg"] = mean + (1 - self.alpha) * (g - mean)
            square = square - mean * mean  # E[g²] − E[g]²: the variance
        size = square**0.5 + self.eps
        if not self.momentum:
            return p - self.lr * g / size, new
        v = new["momentum_buffer"] = self.momentum * state["momentum_buffer"] + g / size
        return p - self.lr * v, new

    def update(
        self, where: slice, parameters: Sequence[Array], gradients: Sequence[Array], count: Array
    ) -> None:
        backend, memory = self.memory.backend, self.memory
        memory.remember(self.remembered(self.options()))  # a setting may be another one by now
        state = {name: line[where] for name, line in memory.flat.items()}
        p, g = backend.concatenate(parameters), backend.concatenate(gradients)
        p, new = self.formula(p, g, state)
        for name, numbers in new.items():
            state[name][...] = numbers
        overwrite(parameters, p)
        count += 1
