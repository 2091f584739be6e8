"""Draw a page of pictures with a trained generator: python examples/sample.py runs/dcgan

Takes the checkpoint of any system, trained on either backend. The same seed draws the same page.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minigan import plots
from minigan.errors import UserError
from minigan.gans import GAN
from minigan.tensor import Tensor
from minigan.training import load_gan
from minigan.training.command import machine_flags, run_command, use_threads
from minigan.training.parser import Parser, natural, path, positive

BATCH = 256  # images drawn at a time


def parser() -> Parser:
    parser = Parser(
        __file__,
        "Draw a page of pictures with a trained generator.",
        takes="checkpoint",
        examples=["runs/mnist_gan", "runs/conditional_gan --digit 7 --count 100 --out sevens.png"],
        leaves={"grid.png": "the page; --out has another name for it"},
    )
    add = parser.group("what to draw").add_argument
    add("checkpoint", type=path, help="a checkpoint.safetensors, or its run folder")
    add("--count", type=positive, default=64, help="pictures on the page")
    add("--columns", type=positive, help="pictures in a row (default: as many as rows)")
    add("--digit", type=natural, help="conditional systems: draw this class (default: all in turn)")
    add("--last", action="store_true", help="draw with the last weights, even if the run averaged")
    add("--seed", type=natural, default=0, help="of the noise")
    add = parser.group("where").add_argument
    add("--out", type=picture, default=Path("grid.png"), help="the picture to write, a .png")
    machine_flags(parser)
    return parser


def picture(text: str) -> Path:
    """The path of a picture to write, for argparse: what cannot be written is not drawn first."""
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"{text} is no .png, the kind of picture that is written")
    return path(text)


def class_labels(gan: GAN, count: int, digit: int | None) -> Tensor | None:
    """What a conditional system is asked for: one class, or all in turn. None for the others."""
    classes = getattr(gan.settings, "classes", None)
    if classes is None:
        if digit is not None:
            raise UserError(f"--digit needs a conditional system, and this is a {gan.name}")
        return None
    if digit is not None and digit >= classes:
        raise UserError(f"--digit {digit} is not a class: the classes are 0 to {classes - 1}")
    wanted = np.arange(count) % classes if digit is None else np.full(count, digit)
    return Tensor(wanted, backend=gan.backend)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    use_threads(options)
    gan = load_gan(options.checkpoint, backend=options.backend)
    noise = gan.sample_noise(options.count, seed=options.seed)
    labels = class_labels(gan, options.count, options.digit)
    averaged = False if options.last else None  # None: as the run's own pictures
    pages = []
    for start in range(0, options.count, BATCH):
        some = slice(start, start + BATCH)
        asked = None if labels is None else labels[some]
        pages.append(gan.sample(noise[some], asked, averaged=averaged).numpy())
    images = np.concatenate(pages)
    plots.save_grid(options.out, images, options.columns, value_range=gan.value_range)
    print(f"drew {options.out}")


if __name__ == "__main__":
    run_command(main)
