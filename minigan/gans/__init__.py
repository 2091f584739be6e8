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

# What a checkpoint's "system" means. Its settings are of the type of those that the class has.
SYSTEMS: dict[str, type[GAN]] = {
    system.name: system for system in (MLPGAN, DCGAN, LSGAN, ConditionalGAN, OriginalGAN, WGANGP)
}


def rebuild(
    arrays: Any,
    plain: dict[str, Any],
    *,
    system: type[GAN] | None = None,
    backend: str | Backend = "numpy",
    where: str | os.PathLike[str] = "the checkpoint",
) -> GAN:
    """The system that a checkpoint holds, ready to sample from or to train on.

    system: the class, if it is none of minigan's own. What the checkpoint says is only compared
    with its name; no file can make a program import anything.

    Raises UserError for what cannot be one. The checkpoint may come from anywhere: networks are
    made only as large as the arrays that are there to fill them.
    """
    make = _class_of(plain.get("system"), system, where)
    name, settings = make.name, plain.get("settings")
    settings_class = type(make.settings)
    known = {field.name for field in fields(settings_class)}
    if not isinstance(settings, dict):
        raise UserError(f"{where} holds no settings of a {name}")
    if system is None and "epochs" not in settings:
        # Version 0.1, which kept these four outside of the settings.
        settings = {"average": plain.get("average"), **settings}
        known -= {"epochs", "batch_size", "drop_last"}  # they take the recipe's defaults
    if set(settings) != known:
        raise UserError(f"{where} has settings of another version: {sorted(set(settings) ^ known)}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    numbers = sum(math.prod(array.shape) for array in arrays.values())
    with as_user_error(f"{where} describes no {name} that can be made"), at_most(numbers):
        system_as_saved = make(settings_class(**values), backend=backend)
    with as_user_error(f"{where} holds no whole {name}"):
        system_as_saved.load_state(arrays, plain)
    return system_as_saved


def _class_of(name: Any, own: type[GAN] | None, where: str | os.PathLike[str]) -> type[GAN]:
    """The class that a checkpoint's word means: one of minigan's, or the one that was given."""
    if not isinstance(name, str):
        raise UserError(f"{where} holds no system of minigan (it says {name!r})")
    if own is not None and own.name == name:
        return own
    if own is not None:
        remedy = "leave out its file" if name in SYSTEMS else "name the file of that system"
        raise UserError(
            f"{where} holds a {name!r}, and not the {own.name!r} of {own.__name__}; {remedy}"
        )
    if name not in SYSTEMS:
        raise UserError(
            f"{where} holds a {name!r}, which is no system of minigan; name its file with --system "
            "(in a program: system=…, its class)"
        )
    return SYSTEMS[name]
