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

from minigan.nn import BatchNorm1d, BatchNorm2d, Module, init
from minigan.tensor import Array, Tensor, no_grad


class Average:
    """A copy of a network that follows it:  average ← decay · average + (1 − decay) · weights.

    Buffers are copied. A running mean is an average already, but of what the *latest* weights make
    of their inputs, and it then serves the averaged ones. Where that matters, `measure_statistics`
    gives them statistics of their own.

    Which tensor follows which is found once, here, and not at each round. The network's tensors may
    get other numbers or other memory, from an optimizer, a checkpoint or `to`; whoever puts other
    tensors into it makes a new average, as he makes a new optimizer.
    """

    def __init__(self, network: Module, *, shared: list[Any]) -> None:
        """`shared` are objects that the copy should hold as well, not copies of them."""
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


@no_grad()
def measure_statistics(network: Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Let batch norm's running means and variances be those of these batches, and of no others.

    running = mean of the batches' means; of their variances (with n − 1)

    Only batch norm is in training mode meanwhile; dropout draws nothing. A network without running
    statistics stays as it is. torch has this as `swa_utils.update_bn`; BigGAN's "standing
    statistics" are such (Brock et al. 2019, section 3.1 and appendix B).
    """
    norms = [
        module
        for module in network.modules()
        if isinstance(module, BatchNorm1d | BatchNorm2d) and module.running_mean is not None
    ]
    if not norms:
        return
    was_training, momenta = network.training, [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        for statistic in norm.buffers():
            init.zeros_(statistic)
        norm.momentum = None  # the plain mean over all batches from here on
        norm.train()
    try:
        for batch in batches:
            network(*batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        network.train(was_training)


def _pairs(means: Iterable[Tensor], now: Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    return list(zip(means, now, strict=True))
