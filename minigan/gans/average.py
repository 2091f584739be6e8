"""An average of a generator's weights over the last rounds, which often draws better than the last.

The two networks chase each other around the point where both would rest. The average of the way
lies nearer to that point than any place on it, so it often draws better (Yazıcı et al. 2019, "The
Unusual Effectiveness of Averaging in GAN Training").

Next: augmentation.py.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from minigan.nn import Module
from minigan.tensor import Array, Tensor


class Average:
    """A copy of a network that follows it:  average ← decay · average + (1 − decay) · weights.

    Buffers, such as running means, are averages already: they are copied.

    Which tensor follows which is found once, here, and not at each round. The network's tensors may
    get other numbers or other memory, from an optimizer, a checkpoint or `to`; whoever puts other
    tensors into it makes a new average, as he makes a new optimizer.
    """

    def __init__(self, network: Module, *, shared: list[Any]) -> None:
        """`shared` are objects that the copy shall hold as well, not copies of them."""
        known = {id(each): each for each in shared}
        self.network = copy.deepcopy(network, known).requires_grad_(False)
        self.weights = _pairs(self.network.parameters(), network.parameters())
        self.buffers = _pairs(self.network.buffers(), network.buffers())

    def follow(self, decay: float) -> None:
        """One step of the average towards the network as it now is."""

        def moved(average: Array, weights: Array) -> Array:
            return average + (1 - decay) * (weights - average)

        for mean, now in self.weights:
            mean.copy_(now.backend.elementwise(moved, [mean.array, now.array]))
        for mean, now in self.buffers:
            mean.copy_(now)


def _pairs(means: Iterable[Tensor], now: Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    return list(zip(means, now, strict=True))
