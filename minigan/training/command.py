"""The command line that all examples share: flags, and errors as one line with exit code 2.

A flag of the recipe has the name of the recipe's field, and a flag of the run has the name of the
field in options.py. Next: console.py, what the command may be run on.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypeVar

from minigan.backend import automatic_backend, prepare_process
from minigan.data.loader import DataLoader, ImageDataset
from minigan.data.mnist import holds_idx
from minigan.data.read import are_pictures, read_images
from minigan.errors import UserError
from minigan.evaluation.evaluate import READABLE, Reference
from minigan.evaluation.pictures import PictureReference
from minigan.gans.base import GAN
from minigan.training.console import patient_console
from minigan.training.options import RunOptions

Recipe = TypeVar("Recipe")


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    return _whole_number(text, 1)


def natural(text: str) -> int:
    """A whole number of at least 0, for argparse."""
    return _whole_number(text, 0)


def _whole_number(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        message = f"must be a whole number of at least {least}, not {text!r}"
        raise argparse.ArgumentTypeError(message)
    return number


def rate(text: str) -> float:
    """A positive number, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text!r}")
    return number


def fraction(text: str) -> float:
    """A number from 0 up to, but not including, 1, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"must lie in [0, 1), not {text!r}")
    return number


def decay(text: str) -> float | None:
    """A number from 0 up to, but not including, 1, or the word none, for argparse."""
    return None if text == "none" else fraction(text)


def path(text: str) -> Path:
    """A path, for argparse; ~ is the user's home, which bash leaves alone behind --out=."""
    return Path(text).expanduser() if text.startswith("~/") or text == "~" else Path(text)


def backend_name(text: str) -> str:
    """The name of a backend, for argparse: auto is settled here, with a line that says how."""
    if text != "auto":
        return text  # a wrong name, or a GPU that is not there, is refused where it is used
    backend, says = automatic_backend()
    print(says)
    return backend.name


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default of each flag that has one; switches have none to speak of."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        has_none = action.default is None or action.default is False
        return action.help if has_none else super()._get_help_string(action)


DATA = (
    "a folder of pictures, nested or not, or a .zip of one; a folder of IDX files, such as "
    "Fashion-MNIST; or cifar10:FOLDER (default: MNIST)"
)
AUGMENT = (
    "color, translation, cutout, or several of them: change real and drawn images alike before D "
    "sees them, for few pictures (DiffAugment)"
)


def kinds(text: str) -> tuple[str, ...]:
    """What --augment takes: names with commas between them. The system knows which there are."""
    return tuple(kind.strip() for kind in text.split(","))


def training_parser(
    description: str, *, out: str, data: str, adam: bool = True
) -> argparse.ArgumentParser:
    """The flags of every example that trains; an example adds its own.

    `out` is the default run folder; `data` says what --data takes; `adam`, whether its optimizer
    has betas. Flags of the recipe are absent from what is parsed unless they are given.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=Help)
    add = parser.add_argument
    add("--backend", type=backend_name, default="numpy", help="numpy, cupy (an NVIDIA GPU) or auto")
    recipes = partial(add, default=argparse.SUPPRESS)
    recipes("--epochs", type=positive, help="passes over the data (default: the recipe's)")
    recipes("--batch-size", type=positive, help="images in a batch (default: the recipe's)")
    recipes("--lr", type=rate, help="learning rate (default: the recipe's)")
    if adam:
        recipes("--beta1", type=fraction, help="Adam's first beta (default: the recipe's)")
    recipes("--latent-dim", type=positive, help="numbers in a noise vector (default: the recipe's)")
    recipes(
        "--average",
        type=decay,
        help="also keep an average of G's weights, such as 0.999, or none (default: the recipe's)",
    )
    add("--seed", type=natural, default=0, help="of weights, noise and batch order")
    add("--max-steps", type=positive, help="end at this iteration, counted from the beginning")
    add("--sample-every", type=positive, default=500, help="iterations between sample pictures")
    add("--checkpoint-every", type=positive, default=1000, help="iterations between checkpoints")
    add("--log-every", type=positive, default=10, help="iterations between rows of metrics.csv")
    add("--evaluate-every", type=positive, help="epochs between evaluations (default: none)")
    add("--data", type=path, help=data)
    add("--image-size", type=positive, help="pixels; other images are scaled to it")
    add("--channels", type=int, choices=[1, 3], help="gray or color")
    add("--train-count", type=positive, help="learn from so many of the images only")
    add("--flip", action="store_true", help="mirror half of the images, in each epoch others")
    add("--augment", type=kinds, default=(), metavar="KIND,…", help=AUGMENT)
    add("--out", type=path, default=Path(out), help="the run folder")
    add("--resume", action="store_true", help="go on with the run in the folder")
    add("--overwrite", action="store_true", help="replace the run in the folder")
    add("--tensorboard", action="store_true", help="also write losses for TensorBoard")
    add("--threads", type=positive, help="processor threads (default: all that may be used)")
    add("--detect-anomaly", action="store_true", help="name the op that makes the first NaN (slow)")
    return parser


def with_flags(recipe: Recipe, flags: argparse.Namespace, **others: Any) -> Recipe:
    """The recipe, with the values that the command line gives instead, and with these others."""
    names = [field.name for field in dataclasses.fields(recipe)]  # type: ignore[arg-type]
    given = {name: getattr(flags, name) for name in names if hasattr(flags, name)}
    return dataclasses.replace(recipe, **{**given, **others})  # type: ignore[type-var]


def run_options(flags: argparse.Namespace) -> RunOptions:
    """The flags that are not about the recipe, but about the run."""
    names = [field.name for field in dataclasses.fields(RunOptions)]
    return RunOptions(**{name: getattr(flags, name) for name in names})


def images_for(flags: argparse.Namespace, *, digits: int = 28, pictures: int = 32) -> ImageDataset:
    """What --data names, as --image-size, --channels and --train-count want it, and where they are
    not given in `digits` or `pictures` pixels. Decoded pictures are kept in the run folder."""
    return read_images(
        flags.data,
        flags.image_size,
        flags.channels,
        count=flags.train_count,
        digits=digits,
        pictures=pictures,
        cache=flags.out / "images.npy",
    )


def loader_for(
    gan: GAN, dataset: ImageDataset, *, seed: int, updates: int = 1, flip: bool = False
) -> DataLoader:
    """The recipe's shuffled batches; for a round of several `updates`, so many of them in one."""
    recipe = gan.settings
    if recipe.drop_last and len(dataset) < recipe.batch_size * updates:
        each = f"{updates} updates of {recipe.batch_size}" if updates > 1 else "a batch"
        raise UserError(
            f"{dataset.name} has {len(dataset)} images, and a round takes "
            f"{recipe.batch_size * updates} ({each}): give --batch-size "
            f"{max(1, len(dataset) // updates)} or less"
        )
    return DataLoader(
        dataset,
        recipe.batch_size * updates,
        shuffle=True,
        drop_last=recipe.drop_last,
        seed=seed,
        backend=gan.backend,
        scale=gan.value_range,
        flip=flip,
    )


def real_to_compare(
    flags: argparse.Namespace, gan: GAN, dataset: ImageDataset
) -> Reference | PictureReference | None:
    """The real images for --evaluate-every, if it is given: a judge reads digits, and pictures of
    any other kind are compared with those that are learned and with those that are not."""
    if not flags.evaluate_every:
        return None
    _, channels, height, _ = dataset.images.shape
    if holds_idx(flags.data) and channels == 1 and height in READABLE:
        return Reference.mnist(flags.data, backend=gan.backend)
    rest = None
    if are_pictures(flags.data) and flags.train_count:
        whole = images_for(argparse.Namespace(**{**vars(flags), "train_count": None}))
        rest = whole.drawn(flags.train_count)[1]
    return PictureReference(dataset, rest, backend=gan.backend)


def run_command(main: Callable[[Sequence[str] | None], int | None]) -> None:
    """Call main with the command line; what a person did wrong becomes one line, exit code 2.

    Our own warnings, such as that of pictures which cannot be read, are sentences, too.
    """
    prepare_process()
    warnings.showwarning = _show_warning
    # A run checks its numbers itself, and says more than that some product was too large.
    warnings.filterwarnings("ignore", ".* encountered in ", RuntimeWarning)
    with patient_console():
        sys.exit(_exit_code(main))


def _exit_code(main: Callable[[Sequence[str] | None], int | None]) -> int:
    try:
        return main(None) or 0
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
    except MemoryError as error:
        why = f" ({error})" if str(error) else ""
        print(f"error: there is not enough memory for this{why}; ask for less", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    return 2


_show_with_place = warnings.showwarning


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if category is UserWarning:
        print(f"warning: {message}", file=sys.stderr)
    else:
        _show_with_place(message, category, filename, lineno, file, line)
