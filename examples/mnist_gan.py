"""Train the MLP GAN on MNIST: python examples/mnist_gan.py [--backend cupy] [--recipe tutorial]

MNIST is inside the package, so nothing is downloaded. Everything that the run makes is in its
folder, runs/mnist_gan: sample pictures, an animation, loss curves, metrics and a checkpoint.
"""

import dataclasses
from collections.abc import Sequence

from minigan.data import DataLoader, mnist
from minigan.gans.gan import MLPGAN, RECIPES
from minigan.training.command import run_command, training_parser
from minigan.training.run import run

# epochs and batch size of each recipe; the tutorials run for 200 epochs, which is four hours here
LENGTH = {"dropout": (40, 128), "tutorial": (50, 64), "tutorial-eps": (50, 64)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = training_parser(
        "Train a GAN of two perceptrons to draw digits.",
        out="runs/mnist_gan",
        data="a folder with another IDX set, such as Fashion-MNIST (default: MNIST)",
    )
    parser.add_argument(
        "--recipe",
        choices=list(RECIPES),
        default="dropout",
        help="dropout draws well; tutorial is the tutorials' network, to the letter; "
        "tutorial-eps corrects its batch norm",
    )
    options = parser.parse_args(arguments)
    epochs, batch_size = LENGTH[options.recipe]
    options.epochs = options.epochs or epochs
    options.batch_size = options.batch_size or batch_size

    dataset = mnist("train", options.data)
    changes = {
        name: value
        for name in ("latent_dim", "lr", "beta1")
        if (value := getattr(options, name)) is not None
    }
    recipe = dataclasses.replace(
        RECIPES[options.recipe], image_shape=dataset.images.shape[1:], **changes
    )
    gan = MLPGAN(recipe, seed=options.seed, backend=options.backend)
    loader = DataLoader(
        dataset, options.batch_size, shuffle=True, seed=options.seed, backend=gan.backend
    )
    return run(gan, loader, options)


if __name__ == "__main__":
    run_command(main)
