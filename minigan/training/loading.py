"""From a file to a system that draws: a checkpoint is read, and what it describes is built.

Next: progress.py.
"""

from __future__ import annotations

import os

from minigan.backend import Backend
from minigan.gans import GAN, rebuild
from minigan.training.checkpoint import checkpoint_of, load_checkpoint


def load_gan(path: str | os.PathLike[str], *, backend: str | Backend = "numpy") -> GAN:
    """The system that a checkpoint, or the checkpoint of a run folder, holds: `.sample()` draws.

    Raises UserError if it cannot be read, or holds no system of minigan.
    """
    path = checkpoint_of(path)
    checkpoint = load_checkpoint(path)
    return rebuild(checkpoint.tensors, checkpoint.metadata, backend=backend, where=path)
