"""Train the MLP GAN on MNIST: python examples/mnist_gan.py [--backend cupy] [--recipe tutorial]

MNIST is inside the package, so nothing is downloaded. Everything that the run makes is in its
folder, runs/mnist_gan: sample pictures, an animation, loss curves, metrics and a checkpoint.
"""

import dataclasses
from collections.abc import Sequence

from minigan.data import DataLoader, mnist
from minigan.gans.gan import MLPGAN, RECIPES
from minigan.training.command import given, run_command, training_parser
from minigan.training.run import run

# Epochs, batch size, and the decay of the average of the generator's weights, if one is kept.
DEFAULTS = {"corrected": (25, 64, 0.999), "tutorial": (200, 64, None), "dropout": (40, 128, None)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = training_parser(
        "Train a GAN of two perceptrons to draw digits.",
        out="runs/mnist_gan",
        data="a folder with another IDX set, such as Fashion-MNIST (default: MNIST)",
    )
    parser.add_argument(
        "--recipe",
        choices=list(RECIPES),
        default="corrected",
        help="tutorial: the tutorials' networks and training, to the letter; corrected: the same "
        "with the right eps in batch norm, and drawn with averaged weights; dropout: without "
        "batch norm, and with dropout in the discriminator",
    )
    options = parser.parse_args(arguments)
    epochs, batch_size, average = DEFAULTS[options.recipe]
    options.epochs = options.epochs or epochs
    options.batch_size = options.batch_size or batch_size
    options.average = average if options.average is None else options.average

    dataset = mnist("train", options.data).first(options.train_count)
    recipe = dataclasses.replace(
        RECIPES[options.recipe],
        image_shape=dataset.images.shape[1:],
        **given(options, "latent_dim", "lr", "beta1"),
    )
    gan = MLPGAN(recipe, seed=options.seed, backend=options.backend)
    loader = DataLoader(
        dataset, options.batch_size, shuffle=True, seed=options.seed, backend=gan.backend
    )
    return run(gan, loader, options)


if __name__ == "__main__":
    run_command(main)
