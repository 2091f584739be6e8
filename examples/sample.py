"""Draw pictures with a trained generator: python examples/sample.py runs/dcgan

Takes the checkpoint of any system, trained on either backend, and draws a page. For other programs,
such as those that compute a Fréchet distance, it writes the pictures themselves, pixel for pixel:

    --count 10000 --each FOLDER     0000.png, 0001.png, …
    --count 10000 --npz FILE        an array `images`, uint8 (N, H, W, C)

The same seed draws the same pictures.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from minigan import plots
from minigan.errors import UserError
from minigan.files import atomic_write, make_folder, writing
from minigan.gans import GAN
from minigan.tensor import Tensor
from minigan.training import load_gan
from minigan.training.command import machine_flags, run_command, use_threads
from minigan.training.own_system import add_system_flag, own_system
from minigan.training.parser import Parser, natural, path, positive

BATCH = 256  # images drawn at a time
NUMBERED = re.compile(r"\d{4,}\.png")  # what --each writes


def parser() -> Parser:
    parser = Parser(
        __file__,
        "Draw a page of pictures with a trained generator, or single ones.",
        takes="checkpoint",
        examples=["runs/mnist_gan", "runs/conditional_gan --digit 7 --count 100 --out sevens.png"],
        leaves={
            "grid.png": "the page; --out has another name for it",
            "0000.png": "and so on: with --each, the single pictures",
        },
    )
    group = parser.group("what to draw")
    add = group.add_argument
    add("checkpoint", type=path, help="a checkpoint.safetensors, or its run folder")
    add_system_flag(group)
    add("--count", type=positive, default=64, help="pictures to draw")
    add("--columns", type=positive, help="pictures in a row (default: as many as rows)")
    add(
        "--digit",
        "--class",
        metavar="CLASS",
        help="conditional systems: draw this class, a name or a number (default: all in turn)",
    )
    add("--last", action="store_true", help="draw with the last weights, even if the run averaged")
    add("--seed", type=natural, default=0, help="of the noise")
    add = parser.group("where").add_argument
    add("--out", type=path, help="the page (default: grid.png, if nothing else is asked for)")
    add("--each", type=path, metavar="FOLDER", help="write each picture as a PNG, by its number")
    add("--npz", type=path, metavar="FILE", help="write all as one array `images`, (N, H, W, C)")
    add("--overwrite", action="store_true", help="replace what --each and --npz have written")
    machine_flags(parser)
    return parser


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    options = parser().parse_args(arguments)
    if not (options.out or options.each or options.npz):
        options.out = Path("grid.png")
    # What cannot be written is said before anything is drawn.
    if options.out and options.out.suffix.lower() != ".png":
        raise UserError(f"the name of {options.out} must end in .png")
    if options.npz:
        refuse_file(options.npz, options.overwrite)
    if options.each:
        refuse_folder(options.each, options.overwrite)
    return options


def refuse_file(file: Path, overwrite: bool) -> None:
    if file.suffix.lower() != ".npz":
        raise UserError(f"The name of {file} must end in .npz")
    if file.exists() and not overwrite:
        raise UserError(f"{file} is there already: replace it (--overwrite), or name another file")


def refuse_folder(folder: Path, overwrite: bool) -> None:
    """Only numbered pictures may be in it, or programs that read the whole folder read others."""
    there = sorted(folder.iterdir()) if folder.exists() else []
    for file in there:
        if not NUMBERED.fullmatch(file.name):
            raise UserError(f"{folder} holds something else, {file.name}: name a folder of its own")
    if there and not overwrite:
        raise UserError(
            f"{folder} holds {len(there)} pictures already: replace them (--overwrite), or name "
            "another folder"
        )


def class_labels(gan: GAN, count: int, name: str | None) -> Tensor | None:
    """What a conditional system is asked for: one class, or all in turn. None for the others."""
    classes = getattr(gan.settings, "classes", None)
    if name is not None:
        wanted = np.full(count, gan.label_of(name))
    elif classes is not None:
        wanted = np.arange(count) % classes
    else:
        return None
    return Tensor(wanted, backend=gan.backend)


def draw(gan: GAN, options: argparse.Namespace) -> np.ndarray:
    """The pictures: uint8 (N, C, H, W)."""
    noise = gan.sample_noise(options.count, seed=options.seed)
    labels = class_labels(gan, options.count, options.digit)
    averaged = False if options.last else None  # None: as the run's own pictures
    drawn = []
    for start in range(0, options.count, BATCH):
        some = slice(start, start + BATCH)
        asked = None if labels is None else labels[some]
        images = gan.sample(noise[some], asked, averaged=averaged)
        drawn.append(plots.as_pixels(images, gan.value_range))
    return np.concatenate(drawn)


def save_each(folder: Path, pixels: np.ndarray) -> None:
    """Each of (N, C, H, W) as a PNG of its own, in place of those that are there."""
    make_folder(folder)
    digits = max(4, len(str(len(pixels) - 1)))
    with writing(folder):
        for old in folder.iterdir():
            if NUMBERED.fullmatch(old.name):
                old.unlink()
        for number, image in enumerate(pixels):
            picture = image[0] if len(image) == 1 else image.transpose(1, 2, 0)  # (H, W[, 3])
            Image.fromarray(picture).save(folder / f"{number:0{digits}}.png")


def save_npz(file: Path, pixels: np.ndarray) -> None:
    with atomic_write(file) as temporary, open(temporary, "wb") as target:
        np.savez(target, images=pixels.transpose(0, 2, 3, 1))  # (N, C, H, W) -> (N, H, W, C)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    use_threads(options)
    gan = load_gan(options.checkpoint, system=own_system(options.system), backend=options.backend)
    pixels = draw(gan, options)
    if options.each:
        save_each(options.each, pixels)
        print(f"drew {len(pixels)} pictures in {options.each}")
    if options.npz:
        save_npz(options.npz, pixels)
        print(f"drew {len(pixels)} pictures in {options.npz}")
    if options.out:
        plots.save_grid(options.out, pixels, options.columns)
        print(f"drew {options.out}")


if __name__ == "__main__":
    run_command(main)
