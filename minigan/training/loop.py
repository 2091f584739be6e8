"""The training loop: deal a batch, play a round, report.

`train` is a generator: the caller's `for` loop decides what to do with each report, so there are
no callbacks. session.py is one such caller, and gans/ has the rounds. Next: options.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from minigan.data.loader import DataLoader
from minigan.gans.base import GAN, Losses
from minigan.tensor import Tensor


class Report(NamedTuple):
    """What has just happened. The losses are tensors: reading one from a GPU waits for it."""

    iteration: int  # rounds played so far, from the very beginning
    epoch: int  # the epoch that this round belongs to, from 1
    images: int  # real images in it
    losses: Losses


def train(
    gan: GAN, loader: DataLoader, *, epochs: int, max_steps: int | None = None, iteration: int = 0
) -> Iterator[Report]:
    """Play rounds until `epochs` are over or `max_steps` rounds have been played.

    Both count from the very beginning; a resumed run passes the `iteration` that it starts at and
    a loader that stands where it stopped.
    """

    def play_round(chosen: Tensor) -> Losses:
        return gan.play_round(*loader.batch(chosen))

    # The batch is gathered in there, so that a GPU can record that together with the round.
    next_round = gan.backend.compiled(play_round, owner=gan)
    gan.train()
    while loader.epoch < epochs and (max_steps is None or iteration < max_steps):
        epoch = loader.epoch + 1
        for chosen in loader.deal():
            losses = next_round(chosen)
            iteration += 1
            yield Report(iteration, epoch, len(chosen), losses)
            if iteration == max_steps:
                return
