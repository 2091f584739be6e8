"""The same run in TensorBoard: losses, norms, sample pictures, and histograms of the weights.

Next: evaluations.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan.errors import UserError
from minigan.gans.base import GAN
from minigan.plots import Picture
from minigan.tensor import Tensor

FOLDER = "tensorboard"
MADE = (f"{FOLDER}/events*",)  # what this file puts in a run folder


class TensorBoard:
    """Writes one run's events, by tensorboardX, into its folder."""

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise UserError(
                '--tensorboard needs tensorboardX: pip install "minigan[tensorboard]"'
            ) from None
        self.writer: Any = SummaryWriter(str(folder / FOLDER))

    def losses(self, values: Mapping[str, float], iteration: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, iteration)

    def look(self, gan: GAN, picture: Picture, iteration: int, *, gradients: bool) -> None:
        """The sample picture, a histogram of each parameter, and, if asked for, of its gradient."""
        formats = {2: "HW", 3: "HWC"}
        self.writer.add_image("samples", picture, iteration, dataformats=formats[picture.ndim])
        for player, network in (("G", gan.generator), ("D", gan.discriminator)):
            for name, parameter in network.named_parameters():
                self._histogram(f"{player}/{name}", parameter, iteration)
                if gradients and parameter.grad is not None:
                    self._histogram(f"{player}/{name}, gradient", parameter.grad, iteration)

    def _histogram(self, name: str, tensor: Tensor, iteration: int) -> None:
        numbers = tensor.numpy()
        if np.isfinite(numbers).all():  # the run itself says so if they are not, and ends
            self.writer.add_histogram(name, numbers, iteration)

    def close(self) -> None:
        self.writer.close()
