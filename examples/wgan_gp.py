"""Train the Wasserstein GAN with gradient penalty: python examples/wgan_gp.py [--recipe conv]

Watch `distance` in metrics.csv and losses.png: once the critic has caught up with the generator,
after a few hundred iterations, it falls as the images improve. No loss of another GAN does that.
"""

import dataclasses
from collections.abc import Sequence

from minigan.data import DataLoader, mnist
from minigan.gans.wgan_gp import RECIPES, WGANGP
from minigan.training.command import given, positive, run_command, training_parser
from minigan.training.run import run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = training_parser(
        "Train a generator and a critic with bounded slope to draw digits.",
        out="runs/wgan_gp",
        data="a folder with another IDX set, such as Fashion-MNIST (default: MNIST)",
    )
    parser.add_argument(
        "--recipe",
        choices=list(RECIPES),
        default="mlp",
        help="two perceptrons, or convolutional networks (several times slower)",
    )
    paper = RECIPES["mlp"]
    parser.add_argument(
        "--n-critic", type=positive, default=paper.n_critic, help="critic updates for one of G"
    )
    parser.add_argument(
        "--penalty", type=float, default=paper.penalty, help="how much the slope counts"
    )
    options = parser.parse_args(arguments)
    options.epochs = options.epochs or 50
    options.batch_size = options.batch_size or 64

    dataset = mnist("train", options.data).first(options.train_count)
    recipe = dataclasses.replace(
        RECIPES[options.recipe],
        image_shape=dataset.images.shape[1:],
        **given(options, "latent_dim", "lr", "beta1", "n_critic", "penalty"),
    )
    gan = WGANGP(recipe, seed=options.seed, backend=options.backend)
    loader = DataLoader(
        dataset,
        options.batch_size * recipe.n_critic,
        shuffle=True,
        drop_last=True,
        seed=options.seed,
        backend=gan.backend,
    )
    return run(gan, loader, options)


if __name__ == "__main__":
    run_command(main)
