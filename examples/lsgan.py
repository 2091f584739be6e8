"""Train the small least-squares GAN on MNIST: python examples/lsgan.py [--recipe tutorial]

--recipe tutorial is the third tutorial's GAN to the letter. It collapses: all its images become
one, and the file minigan/gans/lsgan.py says why. --recipe fixed leaves one layer out, and draws.
"""

from collections.abc import Sequence

from minigan.gans.lsgan import LSGAN, RECIPES
from minigan.training import run
from minigan.training.command import (
    images_for,
    loader_for,
    real_to_compare,
    run_command,
    run_options,
    training_parser,
    with_flags,
)
from minigan.training.parser import Parser


def parser() -> Parser:
    return training_parser(
        "Train a small GAN with squared errors for losses to draw digits.",
        script=__file__,
        recipes=RECIPES,
        recipe="fixed",
        about="fixed draws; tutorial is the tutorial's network, which collapses",
        out="runs/lsgan",
        examples=["", "--recipe tutorial --out runs/lsgan_tutorial"],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    dataset = images_for(options)
    shape = dataset.images.shape[1:]
    recipe = with_flags(RECIPES[options.recipe], options, image_shape=shape)
    gan = LSGAN(recipe, seed=options.seed, backend=options.backend)
    loader = loader_for(gan, dataset, seed=options.seed, flip=options.flip)
    return run(gan, loader, run_options(options), reference=real_to_compare(options, gan, dataset))


if __name__ == "__main__":
    run_command(main)
