"""Walk through a generator's latent space: python examples/latent_walk.py runs/dcgan

A generator that had memorized its images would jump from one to the next. One that has learned what
images are made of changes smoothly, and every step on the way is an image of its own (Radford et
al. 2015, section 6.1). Two ways between the same two vectors are drawn, as a page and as a film:
the straight line, and the great circle, which keeps to lengths that the generator knows.

The page choices.png numbers some samples. With those numbers one can calculate (section 6.3):

    --plus 3 17 40 --minus 5 21 33 --plus 2 8 19

takes the average of each group's vectors, adds and subtracts them, and draws what that means, once
and with a little noise. (Averages of three vectors are shorter than vectors are; the sum of three
such averages has the usual length again.)
"""

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigan import plots
from minigan.errors import UserError
from minigan.gans import GAN
from minigan.gans.latent import latent_walk
from minigan.tensor import Tensor
from minigan.training import load_gan
from minigan.training.checkpoint import checkpoint_of
from minigan.training.command import machine_flags, run_command, use_threads
from minigan.training.folder import note_drawn
from minigan.training.own_system import add_system_flag, own_system
from minigan.training.parser import Parser, natural, path, positive

# What may be drawn, by name: it goes when the run in the folder does.
DRAWN = (
    *(f"walk_{way}.{kind}" for way in ("linear", "spherical") for kind in ("png", "gif")),
    *("choices.png", "arithmetic.png"),
)
CHOICES = 64  # numbered samples
SPREAD = 0.25  # of the noise around a calculated vector, as in the paper
VARIATIONS = 4  # with such noise


def parser() -> Parser:
    parser = Parser(
        __file__,
        "Walk through a generator's latent space.",
        takes="checkpoint",
        examples=["runs/dcgan", "runs/dcgan --plus 3 17 40 --minus 5 21 33 --plus 2 8 19"],
        leaves={
            "walk_linear.png": "straight lines between two vectors; and walk_linear.gif, a film",
            "walk_spherical.png": "great circles between the same; and walk_spherical.gif",
            "choices.png": "the numbered samples that --plus and --minus choose from",
            "arithmetic.png": "with --plus or --minus: what they come to",
        },
    )
    group = parser.group("what to draw")
    add = group.add_argument
    add("checkpoint", type=path, help="a checkpoint.safetensors, or its run folder")
    add_system_flag(group)
    add("--walks", type=positive, default=8, help="pairs of ends")
    add("--steps", type=positive, default=10, help="images of a walk")
    add("--frames", type=positive, default=24, help="of a film, one way")
    numbers: dict[str, Any] = dict(
        type=natural, nargs="+", action="append", default=[], metavar="N"
    )
    add("--plus", **numbers, help="numbers of samples whose average is added; may be repeated")
    add("--minus", **numbers, help="numbers of samples whose average is subtracted; likewise")
    add(
        "--digit",
        "--class",
        metavar="CLASS",
        help="conditional systems: the class to draw, a name or a number",
    )
    add("--seed", type=natural, default=0, help="of the noise")
    add = parser.group("where").add_argument
    add("--out", type=path, help="folder of the pictures (default: beside the checkpoint)")
    machine_flags(parser)
    return parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    options = parser().parse_args(arguments)
    options.out = options.out or checkpoint_of(options.checkpoint).parent
    for flag, images in (("--steps", options.steps), ("--frames", options.frames)):
        if images < 2:
            raise UserError(f"{flag} must be at least 2: a walk has two ends")
    for number in (number for some in [*options.plus, *options.minus] for number in some):
        if number >= CHOICES:
            raise UserError(f"there is no sample {number}: they are numbered 0 to {CHOICES - 1}")
    return options


class Painter(NamedTuple):
    """Turns vectors into images; a conditional system always paints the same class."""

    gan: GAN
    digit: int | None

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """(N, *latent) -> (N, C, H, W)"""
        labels = None
        if self.digit is not None:
            labels = Tensor(np.full(len(vectors), self.digit), backend=self.gan.backend)
        noise = Tensor(vectors.astype(self.gan.dtype), backend=self.gan.backend)
        return self.gan.sample(noise, labels).numpy()


def load(options: argparse.Namespace) -> Painter:
    gan = load_gan(options.checkpoint, system=own_system(options.system), backend=options.backend)
    classes = getattr(gan.settings, "classes", None)
    if classes is not None and options.digit is None:
        raise UserError(f"a {gan.name} needs a --digit from 0 to {classes - 1}, or a --class")
    return Painter(gan, None if options.digit is None else gan.label_of(options.digit))


def walk(painter: Painter, vectors: np.ndarray, options: argparse.Namespace) -> None:
    """Pages and films of the walks from the even to the odd vectors."""
    pairs = list(zip(vectors[0::2], vectors[1::2], strict=True))
    look: dict[str, Any] = {"value_range": painter.gan.value_range}
    ways = (("linear", "straight lines", False), ("spherical", "great circles", True))
    for name, way, spherical in ways:
        page = [latent_walk(*pair, options.steps, spherical=spherical) for pair in pairs]
        images = painter(np.concatenate(page))
        says = f"{way}: each row leads from one random vector, on the left, to another"
        plots.save_grid(
            options.out / f"walk_{name}.png",
            images,
            options.steps,
            caption=says,
            **look,
        )
        film = [latent_walk(*pair, options.frames, spherical=spherical) for pair in pairs]
        frames = [painter(step) for step in np.stack(film, axis=1)]  # (frames, walks, *latent)
        there = [plots.image_grid(frame, scale=None, **look) for frame in frames]
        plots.save_animation(options.out / f"walk_{name}.gif", [*there, *there[-2:0:-1]])


def calculate(painter: Painter, choices: np.ndarray, options: argparse.Namespace) -> None:
    """A page with a row for each group, its mean at the end, and a row for the result."""
    groups = [("+", numbers) for numbers in options.plus]
    groups += [("-", numbers) for numbers in options.minus]
    columns = max(1 + VARIATIONS, *(len(numbers) + 1 for _, numbers in groups))
    result = np.zeros_like(choices[0])
    vectors: list[np.ndarray] = []
    captions: list[str] = []
    for sign, numbers in groups:
        average = choices[numbers].mean(axis=0)
        result = result + average if sign == "+" else result - average
        gap = columns - len(numbers) - 1
        vectors += [*choices[numbers], *[average] * (gap + 1)]
        captions += [*(f"{sign} {n}" for n in numbers), *["blank"] * gap, f"{sign} mean"]
    noise = np.random.default_rng(options.seed).uniform(
        -SPREAD, SPREAD, (columns - 1, *result.shape)
    )
    vectors += [result, *(result + noise)]
    captions += ["result", *["± noise"] * (columns - 1)]
    images = painter(np.stack(vectors))
    images[[caption == "blank" for caption in captions]] = painter.gan.value_range[0]
    captions = [caption.replace("blank", "") for caption in captions]
    look: dict[str, Any] = {"value_range": painter.gan.value_range, "scale": None}
    says = "rows: the groups, their mean at the end; last: the sum of the means, also with noise"
    out = options.out / "arithmetic.png"
    plots.save_grid(out, images, columns, labels=captions, caption=says, **look)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    use_threads(options)
    painter = load(options)
    vectors = painter.gan.sample_noise(2 * options.walks, seed=options.seed).numpy()
    walk(painter, vectors, options)
    choices = painter.gan.sample_noise(CHOICES, seed=options.seed + 1).numpy()
    plots.save_grid(
        options.out / "choices.png",
        painter(choices),
        columns=8,
        labels=range(CHOICES),
        caption="numbers for --plus and --minus",
        scale=None,
        value_range=painter.gan.value_range,
    )
    if options.plus or options.minus:
        calculate(painter, choices, options)
    note_drawn(options.out, DRAWN)
    made = [name for name in DRAWN if (options.out / name).exists()]
    print(f"drew {', '.join(made)} in {options.out}")


if __name__ == "__main__":
    run_command(main)
