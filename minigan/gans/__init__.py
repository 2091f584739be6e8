"""Generative adversarial networks: one paper, one file.

Each file holds its networks, its hyperparameters and its training step. Next: base.py, gan.py.
"""

from __future__ import annotations

import math
import os
from dataclasses import fields
from typing import Any

from minigan.backend import Backend
from minigan.errors import UserError, as_user_error
from minigan.gans import conditional_gan, dcgan, gan, lsgan, original_gan, wgan_gp
from minigan.gans.base import GAN
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.gans.dcgan import DCGAN
from minigan.gans.gan import MLPGAN, Recipe
from minigan.gans.lsgan import LSGAN
from minigan.gans.original_gan import OriginalGAN
from minigan.gans.wgan_gp import WGANGP
from minigan.nn.allowance import at_most

__all__ = [
    "DCGAN",
    "GAN",
    "ConditionalGAN",
    "LSGAN",
    "MLPGAN",
    "OriginalGAN",
    "Recipe",
    "SYSTEMS",
    "WGANGP",
    "rebuild",
]

# What a checkpoint's "system" means: the class, and the class of its settings.
SYSTEMS: dict[str, tuple[type[GAN], type[Any]]] = {
    "gan": (MLPGAN, gan.Recipe),
    "dcgan": (DCGAN, dcgan.Recipe),
    "lsgan": (LSGAN, lsgan.Recipe),
    "conditional_gan": (ConditionalGAN, conditional_gan.Recipe),
    "original_gan": (OriginalGAN, original_gan.Recipe),
    "wgan_gp": (WGANGP, wgan_gp.Recipe),
}


def rebuild(
    arrays: Any,
    plain: dict[str, Any],
    *,
    backend: str | Backend = "numpy",
    where: str | os.PathLike[str] = "the checkpoint",
) -> GAN:
    """The system that a checkpoint holds, ready to sample from or to train on.

    Raises UserError for what cannot be one. The checkpoint may come from anywhere: networks are
    made only as large as the arrays that are there to fill them.
    """
    system = plain.get("system")
    if not isinstance(system, str) or system not in SYSTEMS:
        raise UserError(f"{where} holds no system of minigan (it says {system!r})")
    make, settings_class = SYSTEMS[system]
    settings = plain.get("settings")
    known = {field.name for field in fields(settings_class)}
    if not isinstance(settings, dict):
        raise UserError(f"{where} holds no settings of a {system}")
    if "epochs" not in settings:  # version 0.1, which kept these four outside of the settings
        settings = {"average": plain.get("average"), **settings}
        known -= {"epochs", "batch_size", "drop_last"}  # they take the recipe's defaults
    if set(settings) != known:
        raise UserError(f"{where} has settings of another version: {sorted(set(settings) ^ known)}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    numbers = sum(math.prod(array.shape) for array in arrays.values())
    with as_user_error(f"{where} describes no {system} that can be made"), at_most(numbers):
        system_as_saved = make(settings_class(**values), backend=backend)
    with as_user_error(f"{where} holds no whole {system}"):
        system_as_saved.load_state(arrays, plain)
    return system_as_saved
