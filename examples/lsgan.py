"""Train the small least-squares GAN on MNIST: python examples/lsgan.py [--recipe tutorial]

--recipe tutorial is the third tutorial's GAN to the letter. It collapses: all its images become
one, and the file minigan/gans/lsgan.py says why. --recipe fixed leaves one layer out, and draws.
"""

import argparse
from collections.abc import Sequence

from minigan.data import mnist
from minigan.gans.lsgan import LSGAN, RECIPES
from minigan.training import run
from minigan.training.command import (
    digits_to_compare,
    loader_for,
    run_command,
    run_options,
    training_parser,
    with_flags,
)


def parser() -> argparse.ArgumentParser:
    parser = training_parser(
        "Train a small GAN with squared errors for losses to draw digits.",
        out="runs/lsgan",
        data="a folder with another IDX set, such as Fashion-MNIST (default: MNIST)",
    )
    parser.add_argument(
        "--recipe",
        choices=list(RECIPES),
        default="fixed",
        help="fixed draws; tutorial is the tutorial's network, which collapses",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    dataset = mnist("train", options.data).first(options.train_count)
    shape = dataset.images.shape[1:]
    recipe = with_flags(RECIPES[options.recipe], options, image_shape=shape)
    gan = LSGAN(recipe, seed=options.seed, backend=options.backend)
    loader = loader_for(gan, dataset, seed=options.seed)
    return run(gan, loader, run_options(options), reference=digits_to_compare(options, gan.backend))


if __name__ == "__main__":
    run_command(main)
