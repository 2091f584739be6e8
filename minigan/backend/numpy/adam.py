"""Adam on flat arrays: all passes of its formula on one piece, while it is in the cache.

Kingma and Ba (2015), algorithm 1, in the cheaper order of operations that their section 2 gives,
but with eps scaled along, so that it is the same formula.

Next: convolution.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from minigan.backend.interface import AdamStep
from minigan.backend.numpy.compiler import Compiler
from minigan.backend.numpy.threads import Threads

# The place of a piece in the line of all numbers; the parameters, and the gradients, in it
Piece: TypeAlias = tuple[slice, list[np.ndarray], list[np.ndarray]]


def update(
    threads: Threads,
    compiler: Compiler,
    piece: int,
    parameters: Sequence[np.ndarray],
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
    numbers = lr * root / (1 - beta1**step), eps * root, 1 - beta1, 1 - beta2, beta2

    def whole(
        change: Any, p: Any, g: Any, m: Any, v: Any, rate: Any, floor: Any, *shares: Any
    ) -> tuple[Any, Any, Any]:
        if weight_decay:
            g = g + weight_decay * p
        p -= _change(change, g, m, v, rate, floor, *shares)
        return p, m, v

    def compute(some: Piece) -> None:
        where, ps, gs = some
        m, v = mean[where], square[where]
        g = gs[0] if len(gs) == 1 else np.concatenate(gs)
        if weight_decay:
            g = g + weight_decay * np.concatenate(ps)
        change = _change(np.empty_like(g), g, m, v, *numbers)
        start = 0
        for p in ps:
            end = start + len(p)
            p -= change[start:end]
            start = end

    def compute_at_once(some: Piece) -> None:
        where, ps, gs = some
        start = where.start
        for p, g in zip(ps, gs, strict=True):
            m, v = mean[start : start + len(p)], square[start : start + len(p)]
            in_one_pass(p, g, m, v, *numbers, out=(p, m, v))
            start += len(p)

    given = [parameters[0], gradients[0], mean, square, *[None] * len(numbers)]
    in_one_pass: Any = compiler.each(whole, given, memory=1) if len(mean) >= piece else None
    if in_one_pass is None:
        threads.run(compute, _aligned_pieces(parameters, gradients, piece))
    else:  # nothing waits in a cache between two passes: a thread's whole share is one piece
        share = -(-len(mean) // threads.count)
        threads.run(compute_at_once, _aligned_pieces(parameters, gradients, share))


def _change(
    change: Any, g: Any, m: Any, v: Any, rate: Any, floor: Any, new1: Any, new2: Any, old2: Any
) -> Any:
    """What is to be taken off the parameters, in the memory `change`; m and v move."""
    np.subtract(g, m, out=change)  # m += (1 − β₁)(g − m)
    change *= new1
    m += change
    np.multiply(g, g, out=change)  # v = β₂ v + (1 − β₂) g²
    change *= new2
    v *= old2
    v += change
    np.sqrt(v, out=change)
    change += floor
    np.divide(m, change, out=change)
    change *= rate
    return change


def _aligned_pieces(
    parameters: Sequence[np.ndarray], gradients: Sequence[np.ndarray], piece: int
) -> list[Piece]:
    """Cut the line of all gradients into pieces; each comes with the arrays that lie in it."""
    whole = sum([len(g) for g in gradients])
    if whole <= piece:
        return [(slice(0, whole), list(parameters), list(gradients))]
    pieces: list[Piece] = []
    ps: list[np.ndarray] = []
    gs: list[np.ndarray] = []
    start = end = 0
    for p, g in zip(parameters, gradients, strict=True):
        taken = 0
        while taken < len(g):
            take = min(len(g) - taken, piece - (end - start))
            part = slice(taken, taken + take)
            ps.append(p[part])
            gs.append(g[part])
            taken, end = taken + take, end + take
            if end - start == piece:
                pieces.append((slice(start, end), ps, gs))
                start, ps, gs = end, [], []
    if gs:
        pieces.append((slice(start, end), ps, gs))
    return pieces
