"""Train the small least-squares GAN on MNIST: python examples/lsgan.py [--recipe tutorial]

--recipe tutorial is the third tutorial's GAN to the letter. It collapses: all its images become
one, and the file minigan/gans/lsgan.py says why. --recipe fixed leaves one layer out, and draws.
"""

import dataclasses
from collections.abc import Sequence

from minigan.data import DataLoader, mnist
from minigan.gans.lsgan import LSGAN, RECIPES
from minigan.training.command import given, run_command, training_parser
from minigan.training.run import run


def main(arguments: Sequence[str] | None = None) -> int:
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
    options = parser.parse_args(arguments)
    options.epochs = options.epochs or 50
    options.batch_size = options.batch_size or 512

    dataset = mnist("train", options.data).first(options.train_count)
    recipe = dataclasses.replace(
        RECIPES[options.recipe],
        image_shape=dataset.images.shape[1:],
        **given(options, "latent_dim", "lr", "beta1"),
    )
    gan = LSGAN(recipe, seed=options.seed, backend=options.backend)
    loader = DataLoader(
        dataset,
        options.batch_size,
        shuffle=True,
        drop_last=True,
        seed=options.seed,
        backend=gan.backend,
        scale=gan.value_range,
    )
    return run(gan, loader, options)


if __name__ == "__main__":
    run_command(main)
