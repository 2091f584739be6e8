"""A rank's part of a batch: which rows it plays with, and that it knows of the others.

    for chosen in loader.deal():            # the numbers of the whole batch, the same on all ranks
        with my_part(chosen) as mine:       # those of this rank's images
            losses = gan.step(*loader.batch(mine))

A process that is alone gets the whole batch.

Next: mnist.py, where a data set comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minigan.distributed.communicator import Rows, ranks
from minigan.tensor import Tensor


@contextmanager
def my_part(chosen: Tensor, parts: int = 1) -> Iterator[Tensor]:
    """Of the numbers (B,) of a batch, this rank's; inside, it draws noise and masks for its rows.

    `parts` is into how many batches the round will cut these rows, one for each update of D: the
    rank then gets its part of each of them, in order.

        whole batch, parts = 2      0 1 2 3 4 | 5 6 7 8 9
        rank 0 of 2                 0 1       | 5 6
        rank 1                          2 3 4 |     7 8 9
    """
    us = ranks()
    if us.size == 1:
        yield chosen
        return
    total = len(chosen) // parts
    place = us.part(total)
    us.rows = Rows(total, place.start, place.stop)
    if place.start == place.stop:  # fewer rows than ranks: play somebody else's, for nothing
        us.rows = Rows(total, place.start, place.start + 1, idle=True)
        place = slice(place.start, place.start + 1)
    mine = chosen.array[: total * parts].reshape(parts, total)[:, place].reshape(-1)
    try:
        yield Tensor(mine)
    finally:
        us.rows = None
