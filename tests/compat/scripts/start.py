"""Equal weights for a network of either library, in float64 where a script computes in that."""

import numpy as np
import torch as real

DOUBLE = False


def equal(network, seed):
    if DOUBLE:
        network.double()
    random = np.random.default_rng(seed)
    for p in network.parameters():
        numbers = random.standard_normal(tuple(p.shape)) * (2 / max(p.shape[-1], 9)) ** 0.5
        p.data.copy_(real.from_numpy(numbers) if isinstance(p, real.Tensor) else numbers)
    return network
