"""Train a system of your own: python examples/train.py --system my_gan.py

The file defines one class that derives from minigan's GAN: docs/your_own_system.md writes one.
Each field of its settings is a flag (`--system my_gan.py --help` lists them), and the run leaves
what all runs leave in their folder, runs/NAME. It learns MNIST, or what --data names: an IDX set,
or a folder or a .zip of pictures.

The pictures are made to fit the settings: where these have `image_shape`, or `image_size` and
`channels`, that is the size and the number of channels.
"""

import argparse
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.errors import UserError
from minigan.gans import GAN
from minigan.tensor import Tensor
from minigan.training import run
from minigan.training.command import (
    WHAT,
    images_for,
    loader_for,
    real_to_compare,
    run_command,
    run_options,
    training_parser,
)
from minigan.training.own_system import (
    add_settings_flags,
    add_system_flag,
    own_settings,
    own_system,
)
from minigan.training.parser import Parser

DESCRIPTION = "Train a system of your own, which a Python file defines."
SHOWN = 25  # images of a sample picture


def parser(system: type[GAN] | None = None) -> Parser:
    """All flags: which there are depends on the system's settings."""
    name = system.name if system else "NAME"
    parser = training_parser(
        DESCRIPTION,
        script=__file__,
        recipes={name: system.settings} if system else None,
        recipe=name,
        out=f"runs/{name}",
        sizes=(28, 64),
        examples=["--system my_gan.py", "--system my_gan.py --data PICTURES --image-size 32"],
    )
    group = parser.group(WHAT)
    add_system_flag(group, required=True)
    if system:
        add_settings_flags(parser, system)
    return parser


def parse(arguments: Sequence[str] | None) -> tuple[type[GAN] | None, argparse.Namespace]:
    """The system that --system names, and all flags."""
    first = argparse.ArgumentParser(add_help=False)
    add_system_flag(first)
    system = own_system(first.parse_known_args(arguments)[0].system)
    return system, parser(system).parse_args(arguments)


def shape_wanted(settings: Any, options: argparse.Namespace) -> tuple[int | None, int | None]:
    """Channels and size that the flags ask for, or else the settings; None: as the pictures are."""
    channels, size, *_ = getattr(settings, "image_shape", (None, None))
    channels = options.channels or getattr(settings, "channels", channels)
    return channels, options.image_size or getattr(settings, "image_size", size)


def same_noise(gan: GAN) -> Tensor:
    """The images of a sample picture; of a system with `classes`, all of them in turn."""
    classes = getattr(gan.settings, "classes", None)
    labels = None
    if classes is not None:
        labels = Tensor(np.arange(SHOWN) % classes, backend=gan.backend)
    return gan.sample(gan.sample_noise(SHOWN), labels)


def main(arguments: Sequence[str] | None = None) -> int:
    system, options = parse(arguments)
    assert system is not None  # the parser insists on it
    options.channels, options.image_size = shape_wanted(system.settings, options)
    dataset = images_for(options)
    shape = dataset.images.shape[1:]
    settings = own_settings(
        system, options, image_shape=shape, image_size=shape[1], channels=shape[0]
    )
    gan = system(settings, seed=options.seed, backend=options.backend)
    drawn = same_noise(gan).shape[1:]
    if drawn != shape:
        raise UserError(f"{gan.name} draws images of shape {drawn}, and the pictures have {shape}")
    loader = loader_for(gan, dataset, seed=options.seed, updates=gan.parts, flip=options.flip)
    return run(
        gan,
        loader,
        run_options(options),
        picture=same_noise,
        reference=real_to_compare(options, gan, dataset),
        system_flag=f"--system {shlex.quote(str(options.system))}",
    )


if __name__ == "__main__":
    run_command(main)
