"""Train the MLP GAN on MNIST: python examples/mnist_gan.py [--backend cupy] [--recipe tutorial]

MNIST is inside the package, so nothing is downloaded. Everything that the run makes is in its
folder, runs/mnist_gan: sample pictures, an animation, loss curves, metrics and a checkpoint.
"""

from collections.abc import Sequence

from minigan.gans.gan import MLPGAN, RECIPES
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
        "Train a GAN of two perceptrons to draw digits.",
        script=__file__,
        recipes=RECIPES,
        recipe="corrected",
        about="tutorial: the tutorials' networks and training, to the letter; corrected: the same "
        "with the right eps in batch norm, and drawn with averaged weights; dropout: without "
        "batch norm, and with dropout in the discriminator",
        out="runs/mnist_gan",
        examples=["", "--recipe tutorial --threads 1"],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    dataset = images_for(options)
    shape = dataset.images.shape[1:]
    recipe = with_flags(RECIPES[options.recipe], options, image_shape=shape)
    gan = MLPGAN(recipe, seed=options.seed, backend=options.backend)
    loader = loader_for(gan, dataset, seed=options.seed, flip=options.flip)
    return run(gan, loader, run_options(options), reference=real_to_compare(options, gan, dataset))


if __name__ == "__main__":
    run_command(main)
