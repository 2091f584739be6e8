"""Train the Wasserstein GAN with gradient penalty: python examples/wgan_gp.py [--recipe conv]

Watch `distance` in metrics.csv and losses.png: once the critic has caught up with the generator,
after a few hundred iterations, it falls as the images improve. No loss of another GAN does that.
"""

from collections.abc import Sequence

from minigan.gans.wgan_gp import RECIPES, WGANGP
from minigan.training import run
from minigan.training.command import (
    images_for,
    loader_for,
    positive,
    real_to_compare,
    run_command,
    run_options,
    training_parser,
    with_flags,
)
from minigan.training.parser import Parser


def parser() -> Parser:
    parser = training_parser(
        "Train a generator and a critic with bounded slope to draw digits.",
        script=__file__,
        recipes=RECIPES,
        recipe="mlp",
        about="two perceptrons, or convolutional networks (several times slower)",
        out="runs/wgan_gp",
        examples=["", "--recipe conv --out runs/wgan_gp_conv"],
    )
    parser.recipe_flag("--n-critic", type=positive, help="critic updates for one of G")
    parser.recipe_flag("--penalty", type=float, help="how much the slope counts")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    dataset = images_for(options)
    shape = dataset.images.shape[1:]
    recipe = with_flags(RECIPES[options.recipe], options, image_shape=shape)
    gan = WGANGP(recipe, seed=options.seed, backend=options.backend)
    loader = loader_for(gan, dataset, seed=options.seed, updates=recipe.n_critic, flip=options.flip)
    return run(gan, loader, run_options(options), reference=real_to_compare(options, gan, dataset))


if __name__ == "__main__":
    run_command(main)
