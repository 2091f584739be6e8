"""Train the GAN of the 2014 paper on MNIST: python examples/original_gan.py [--saturating]

Maxout and dropout, ReLU and a sigmoid, and plain momentum, as the authors had them. The last
10,000 training images are held out: the paper's score chooses its bandwidth on them.
"""

import dataclasses
from collections.abc import Sequence

from minigan.data import DataLoader, mnist
from minigan.gans.original_gan import PAPER, OriginalGAN
from minigan.training.command import fraction, given, positive, run_command, training_parser
from minigan.training.run import run

TRAIN_COUNT = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = training_parser(
        "Train the first GAN to draw digits.",
        out="runs/original_gan",
        data="a folder with another IDX set, such as Fashion-MNIST (default: MNIST)",
        adam=False,
    )
    parser.set_defaults(train_count=TRAIN_COUNT)
    parser.add_argument("--k", type=positive, default=PAPER.k, help="D's updates for one of G")
    parser.add_argument("--saturating", action="store_true", help="G minimizes log(1 - D(G(z)))")
    parser.add_argument(
        "--momentum", type=fraction, default=PAPER.momentum, help="in the first epoch; it grows"
    )
    options = parser.parse_args(arguments)
    options.epochs = options.epochs or 50
    options.batch_size = options.batch_size or 100

    dataset = mnist("train", options.data).first(options.train_count)
    recipe = dataclasses.replace(
        PAPER,
        image_shape=dataset.images.shape[1:],
        saturating=options.saturating,
        updates_per_epoch=len(dataset) // options.batch_size,
        **given(options, "latent_dim", "lr", "momentum", "k"),
    )
    gan = OriginalGAN(recipe, seed=options.seed, backend=options.backend)
    gan.start_from_mean(dataset.images)
    loader = DataLoader(
        dataset,
        options.batch_size * recipe.k,
        shuffle=True,
        drop_last=True,
        seed=options.seed,
        backend=gan.backend,
        scale=gan.value_range,
    )
    return run(gan, loader, options)


if __name__ == "__main__":
    run_command(main)
