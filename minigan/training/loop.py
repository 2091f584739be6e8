"""The training loop: deal a batch, play a round, report.

`train` is a generator: the caller's `for` loop decides what to do with each report, so there are
no callbacks. session.py is one such caller, and gans/ has the rounds. Next: options.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from minigan.data.loader import DataLoader
from minigan.data.parts import my_part
from minigan.distributed.communicator import Rows, ranks
from minigan.distributed.joining import digest
from minigan.errors import UserError
from minigan.gans.base import GAN, Losses
from minigan.tensor import Tensor


class Report(NamedTuple):
    """What has just happened. The losses are tensors: reading one from a GPU waits for it."""

    iteration: int  # rounds played so far, from the very beginning
    epoch: int  # the epoch that this round belongs to, from 1
    images: int  # real images in it
    losses: Losses


def train(
    gan: GAN, loader: DataLoader, *, epochs: int, max_steps: int | None = None
) -> Iterator[Report]:
    """Play rounds until `epochs` are over or `max_steps` rounds have been played.

    Both count from the very beginning, and so does a report's `iteration`: how far the training has
    come is the loader's bookmark. So a loop that was left early, such as an interrupted cell of a
    notebook, goes on where it stood when it is run again, and counts on; `for` loops over the
    loader do not move the bookmark.

    Raises UserError if nothing is left to play, or the loader deals a batch that is too small for a
    round.
    """
    refuse_small_batches(gan, loader)
    iteration = loader.dealt
    for said, dealt, wanted in (
        (f"{loader.epoch} epochs, and epochs={epochs} counts", loader.epoch, epochs),
        (f"{iteration} batches, and max_steps={max_steps} counts", iteration, max_steps),
    ):
        if wanted is not None and dealt >= wanted:
            raise UserError(
                f"nothing is left to train: this loader has dealt {said} from the very beginning. "
                "Give more to go on; to begin again, make the system and the loader anew"
            )

    def play_round(chosen: Tensor, rows: Rows | None) -> Losses:
        """`rows` are what the random numbers of this rank depend on: a recording is for one."""
        return over_ranks(gan.play_round(*loader.batch(chosen)))

    # The batch is gathered in there, so that a recording holds that together with the round. What
    # ranks on processors say to each other goes through Python, which a recording leaves out.
    next_round = play_round
    if ranks().size == 1 or gan.backend.name != "numpy":
        next_round = gan.backend.compiled(play_round, owner=gan)
    gan.train()
    refuse_drift(gan, iteration)
    while loader.epoch < epochs:
        epoch = loader.epoch + 1
        for chosen in loader.deal():
            with my_part(chosen, gan.parts) as mine:
                losses = next_round(mine, ranks().rows)
            iteration += 1
            if loader.epoch == epoch:  # it stands at the next one already
                refuse_drift(gan, iteration)
            yield Report(iteration, epoch, len(chosen), losses)
            if iteration == max_steps:
                return


def over_ranks(losses: Losses) -> Losses:
    """The losses of the whole batch; here they are means over this rank's rows."""
    us = ranks()
    if us.size == 1:
        return losses
    arrays = [(x * us.weight).array for x in losses.values()]
    return {
        name: x.like(total)
        for (name, x), total in zip(losses.items(), us.all_sums(arrays), strict=True)
    }


def refuse_drift(gan: GAN, iteration: int) -> None:
    """Raise UserError if the ranks no longer hold the same bits: weights, moments, random numbers.

    They do by construction. Memory that fails, or a system that does something on one rank only,
    would make them part without a word.
    """
    us = ranks()
    if us.size == 1:
        return
    arrays, plain = gan.state()
    ordered = (np.ascontiguousarray(arrays[name]).data for name in sorted(arrays))
    sums = us.all_gather(digest([json.dumps(plain).encode(), *ordered]))
    usual = max(sums, key=sums.count)
    if others := [rank for rank, each in enumerate(sums) if each != usual]:
        raise UserError(
            f"iteration {iteration}: the weights of rank {others[0]} are no longer those of the "
            "others. What a rank does by itself must be done alone() (docs/scaling.md), and memory "
            "can fail; go on from the last checkpoint with --resume"
        )


def refuse_small_batches(gan: GAN, loader: DataLoader) -> None:
    """Raise UserError if the last batch of an epoch is too small to play a round with.

    To be called before anything begins: the first epoch of a large set may take a day.
    """
    if ranks().size > loader.batch_size // gan.parts:
        raise UserError(
            f"{ranks().size} processes share batches of {loader.batch_size // gan.parts} images: "
            "start no more processes than that, or choose a larger --batch-size"
        )
    norm, smallest = gan.has_batch_norm(), loader.smallest_batch
    if smallest >= gan.parts * (2 if norm else 1):
        return
    left = f"{len(loader.dataset)} images in batches of {loader.batch_size} leave a batch of"
    which = f"which a round cannot cut into {gan.parts} batches"
    which += " of two or more: batch norm cannot learn from one" if norm else ""
    if gan.parts == 1:
        which = "which batch norm cannot learn from"
    images = "one image" if smallest == 1 else f"{smallest} images"
    raise UserError(
        f"{left} {images}, {which}: choose another --batch-size or --train-count, or drop_last"
    )
