"""Adam on flat arrays: all passes of its formula on one piece, while it is in the cache.

Kingma and Ba (2015), algorithm 1, in the cheaper order of operations that their section 2 gives,
but with eps scaled along, so that it is the same formula.

Next: convolution.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigan.backend.interface import AdamStep
from minigan.backend.numpy.threads import Threads


def update(
    threads: Threads,
    piece: int,
    parameters: np.ndarray,
    gradients: Sequence[np.ndarray],
    mean: np.ndarray,
    square: np.ndarray,
    count: np.ndarray,
    options: AdamStep,
) -> None:
    """`Backend.adam` of ../interface.py, `piece` numbers at a time."""
    count += 1
    step = int(count[0])
    lr, beta1, beta2, eps, weight_decay = options
    # p − lr/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + eps), with numerator and denominator both
    # multiplied by √(1−β₂ᵗ): one pass less over the numbers.
    root = math.sqrt(1 - beta2**step)
    rate, floor = lr * root / (1 - beta1**step), eps * root

    def compute(some: tuple[slice, list[np.ndarray]]) -> None:
        where, parts = some
        p, m, v = parameters[where], mean[where], square[where]
        g = parts[0] if len(parts) == 1 else np.concatenate(parts)
        if weight_decay:
            g = g + weight_decay * p
        change = np.subtract(g, m)  # m += (1 − β₁)(g − m)
        change *= 1 - beta1
        m += change
        np.multiply(g, g, out=change)  # v = β₂ v + (1 − β₂) g²
        change *= 1 - beta2
        v *= beta2
        v += change
        np.sqrt(v, out=change)
        change += floor
        np.divide(m, change, out=change)
        change *= rate
        p -= change

    threads.run(compute, _aligned_pieces(gradients, piece))


def _aligned_pieces(
    gradients: Sequence[np.ndarray], piece: int
) -> list[tuple[slice, list[np.ndarray]]]:
    """Cut the line of all gradients into pieces; each comes with the arrays that lie in it."""
    pieces: list[tuple[slice, list[np.ndarray]]] = []
    parts: list[np.ndarray] = []
    start = end = 0
    for line in gradients:
        taken = 0
        while taken < len(line):
            take = min(len(line) - taken, piece - (end - start))
            parts.append(line[taken : taken + take])
            taken, end = taken + take, end + take
            if end - start == piece:
                pieces.append((slice(start, end), parts))
                start, parts = end, []
    if parts:
        pieces.append((slice(start, end), parts))
    return pieces
