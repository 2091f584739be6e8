"""Train the GAN of the 2014 paper on MNIST: python examples/original_gan.py [--saturating]

Maxout and dropout, ReLU and a sigmoid, and plain momentum, as the authors had them. The last
10,000 training images are held out: the paper's score chooses its bandwidth on them.
"""

from collections.abc import Sequence
from dataclasses import replace

from minigan.data.read import are_pictures
from minigan.gans.original_gan import RECIPES, OriginalGAN
from minigan.training import run
from minigan.training.command import (
    WHAT,
    fraction,
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

TRAIN_COUNT = 50_000


def parser() -> Parser:
    parser = training_parser(
        "Train the first GAN to draw digits.",
        script=__file__,
        recipes=RECIPES,
        recipe="averaged",
        about="paper: as the authors had it, to the letter; averaged: the same, and drawn with "
        "averaged weights",
        out="runs/original_gan",
        examples=["", "--saturating --out runs/saturating"],
    )
    parser.set_defaults(train_count=TRAIN_COUNT)
    parser.recipe_flag("--k", type=positive, help="D's updates for one of G")
    parser.recipe_flag("--momentum", type=fraction, help="in the first epoch; it grows")
    parser.group(WHAT).add_argument(
        "--saturating", action="store_true", help="G minimizes log(1 - D(G(z)))"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if are_pictures(options.data) and options.train_count == TRAIN_COUNT:
        options.train_count = None  # of pictures all
    dataset = images_for(options)
    shape = dataset.images.shape[1:]
    recipe = with_flags(RECIPES[options.recipe], options, image_shape=shape)
    recipe = replace(recipe, updates_per_epoch=len(dataset) // recipe.batch_size)
    gan = OriginalGAN(recipe, seed=options.seed, backend=options.backend)
    gan.start_from_mean(dataset.images)
    loader = loader_for(gan, dataset, seed=options.seed, updates=recipe.k, flip=options.flip)
    return run(gan, loader, run_options(options), reference=real_to_compare(options, gan, dataset))


if __name__ == "__main__":
    run_command(main)
