"""The training loop: deal a batch, play a round, report.

`train` is a generator: the caller's `for` loop decides what to do with each report, so there are
no callbacks. session.py is one such caller, and gans/ has the rounds. Next: options.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from minigan.data.loader import DataLoader
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

    def play_round(chosen: Tensor) -> Losses:
        return gan.play_round(*loader.batch(chosen))

    # The batch is gathered in there, so that a GPU can record that together with the round.
    next_round = gan.backend.compiled(play_round, owner=gan)
    gan.train()
    while loader.epoch < epochs:
        epoch = loader.epoch + 1
        for chosen in loader.deal():
            losses = next_round(chosen)
            iteration += 1
            yield Report(iteration, epoch, len(chosen), losses)
            if iteration == max_steps:
                return


def refuse_small_batches(gan: GAN, loader: DataLoader) -> None:
    """Raise UserError if the last batch of an epoch is too small to play a round with.

    To be called before anything begins: the first epoch of a large set may take a day.
    """
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
