"""From a file to a system that draws: a checkpoint is read, and what it describes is built.

Next: own_system.py, for systems that are not minigan's.
"""

from __future__ import annotations

import os

from minigan.backend import Backend
from minigan.gans import GAN, rebuild
from minigan.training.checkpoint import checkpoint_of, load_checkpoint


def load_gan(
    path: str | os.PathLike[str],
    *,
    system: type[GAN] | None = None,
    backend: str | Backend = "numpy",
) -> GAN:
    """The system that a checkpoint, or the checkpoint of a run folder, holds: `.sample()` draws.

    system: the class of a system of your own, `load_gan("runs/hinge", system=HingeGAN)`. Without
    it the checkpoint must hold one of minigan's: no checkpoint makes a program import code.

    Raises UserError if it cannot be read, or holds another system.
    """
    path = checkpoint_of(path)
    checkpoint = load_checkpoint(path)
    return rebuild(
        checkpoint.tensors, checkpoint.metadata, system=system, backend=backend, where=path
    )
