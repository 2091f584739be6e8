"""Train the conditional GAN on MNIST: python examples/conditional_gan.py [--digit 7]

The sample pictures have a column for each class. With --digit 7 a page of sevens is drawn as well,
in the file digit_7.png of the run folder; a run that is there already is drawn from at once.

Pictures of one's own (--data) lie in a folder for each class, whose name is that of the class:
--class cats then draws a page of what cats/ holds, in class_cats.png.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from minigan import plots
from minigan.errors import UserError
from minigan.gans.base import GAN
from minigan.gans.conditional_gan import RECIPES, ConditionalGAN
from minigan.tensor import Tensor
from minigan.training import load_gan, run
from minigan.training.command import (
    LOOKING,
    images_for,
    loader_for,
    positive,
    real_to_compare,
    run_command,
    run_options,
    training_parser,
    with_flags,
)
from minigan.training.folder import note_drawn
from minigan.training.parser import Parser

ROWS = 5  # of a sample picture
PAGE = 100  # sevens on a page of sevens


def one_class_per_column(gan: GAN) -> Tensor:
    """ROWS images of each class: the classes of a row are 0, 1, 2, …"""
    classes = gan.settings.classes
    labels = Tensor(np.tile(np.arange(classes), ROWS), backend=gan.backend)
    return gan.sample(gan.sample_noise(ROWS * classes), labels)


def draw_class(options: argparse.Namespace) -> None:
    """A page of one class, from the checkpoint of the run."""
    gan = load_gan(options.out, backend=options.backend)
    name = options.digit
    labels = Tensor(np.full(PAGE, gan.label_of(name)), backend=gan.backend)
    images = gan.sample(gan.sample_noise(PAGE, seed=options.seed), labels)
    page = options.out / f"{'digit' if name.isdecimal() else 'class'}_{name}.png"
    plots.save_grid(page, images.numpy(), columns=10, scale=2)
    note_drawn(options.out, [page.name])
    print(f"drew {page}")


def parser() -> Parser:
    parser = training_parser(
        "Train a GAN to draw the digit that it is asked for.",
        script=__file__,
        recipes=RECIPES,
        recipe="tuned",
        about="tutorial: the tutorial's networks and training, to the letter; tuned: the same with "
        "another learning rate and beta, and drawn with averaged weights",
        out="runs/conditional_gan",
        examples=["", "--digit 7"],
        leaves={"digit_7.png": "with --digit 7: a page of sevens"},
    )
    parser.recipe_flag("--n-critic", type=positive, help="D's updates for one of G")
    parser.group(LOOKING).add_argument(
        "--digit",
        "--class",
        metavar="CLASS",
        help="draw a page of this class, a name or a number; at once if the folder holds a run",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    chosen = RECIPES[options.recipe]
    has_run = (options.out / "checkpoint.safetensors").exists()
    if options.digit is not None and has_run and not (options.resume or options.overwrite):
        draw_class(options)
        return 0
    dataset = images_for(options)
    if dataset.labels is None:
        raise UserError(
            f"{dataset.name} has no classes: put the pictures into folders, one for each class, "
            "such as cats/ and dogs/"
        )
    shape, classes = dataset.images.shape[1:], int(dataset.labels.max()) + 1
    recipe = with_flags(chosen, options, image_shape=shape, classes=classes)
    # What is left over can hardly be cut into as many batches.
    recipe = replace(recipe, drop_last=recipe.n_critic > 1)
    gan = ConditionalGAN(recipe, seed=options.seed, backend=options.backend)
    gan.class_names = dataset.class_names
    if options.digit is not None:
        gan.label_of(options.digit)  # a class that there is not is said now, not after training
    loader = loader_for(gan, dataset, seed=options.seed, updates=recipe.n_critic, flip=options.flip)
    code = run(
        gan,
        loader,
        run_options(options),
        picture=one_class_per_column,
        columns=recipe.classes,
        reference=real_to_compare(options, gan, dataset),
    )
    if options.digit is not None:
        draw_class(options)
    return code


if __name__ == "__main__":
    run_command(main)
