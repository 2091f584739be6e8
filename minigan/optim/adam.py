"""Adam: each number has a step size of its own, from the history of its gradient.

Next: lr_scheduler.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from minigan.backend import AdamStep
from minigan.errors import refuse_lacking
from minigan.optim.optimizer import Optimizer
from minigan.optim.settings import LACKING
from minigan.tensor import Array, Tensor

Numbers = TypeVar("Numbers", Array, Tensor)


class Adam(Optimizer):
    """m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²  (Kingma and Ba 2015, algorithm 1)

    p ← p − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + eps)

    eps is added after the bias correction, as in the paper and in torch. `weight_decay` adds λp
    to g.

    `formula` says it line by line. `update` does the same in one walk over memory.
    """

    state_names = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        **lacking: Any,
    ) -> None:
        refuse_lacking(self, lacking, LACKING)
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        super().__init__(params, lr)

    def options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("lr", "betas", "eps", "weight_decay")}

    def check(self, settings: Mapping[str, Any]) -> None:
        super().check(settings)
        betas = settings["betas"]
        try:
            beta1, beta2 = betas
        except (TypeError, ValueError):
            beta1 = beta2 = math.nan
        if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
            raise ValueError(f"Adam's betas must be two numbers of [0, 1), got {betas}")

    def formula(
        self, p: Numbers, g: Numbers, m: Numbers, v: Numbers, t: int
    ) -> tuple[Numbers, Numbers, Numbers]:
        """The t-th update, t = 1, 2, …, of p under the gradient g: the new p, m and v.

        It takes arrays or tensors, writes to none of them, and can be differentiated: what a loss
        after the step says of the gradient, or of p, before it. It is the oracle of `update`.
        """
        beta1, beta2 = self.betas
        g = g + self.weight_decay * p
        # Running means of g and of g². They forget: what was k steps ago counts β^k as much as now,
        # so β₁ = 0.9 looks back about 10 steps, and β₂ = 0.999 about 1,000.
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        # Both began at 0, and of t weights (1 − β)β^k the sum is 1 − βᵗ only. Divided by it, they
        # are means again: at t = 1 they are g and g², and the step is lr, not a tenth of it.
        mean = m / (1 - beta1**t)
        square = v / (1 - beta2**t)
        # mean/√square is near ±1 while g keeps its sign, and near 0 while it only trembles.
        return p - self.lr * mean / (square**0.5 + self.eps), m, v

    def update(
        self, where: slice, parameters: Sequence[Array], gradients: Sequence[Array], count: Array
    ) -> None:
        options = AdamStep(self.lr, self.betas[0], self.betas[1], self.eps, self.weight_decay)
        mean, square = (self.memory.flat[name][where] for name in self.state_names)
        self.memory.backend.adam(parameters, gradients, mean, square, count, options)
