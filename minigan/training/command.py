"""The command line that all examples share: flags, and errors as one line with exit code 2.

A flag of the recipe has the name of the recipe's field, and a flag of the run has the name of the
field in options.py. Next: console.py, what the command may be run on.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeVar

from minigan.backend import prepare_process, set_num_threads
from minigan.data.loader import DataLoader, ImageDataset
from minigan.data.mnist import holds_idx
from minigan.data.read import are_pictures, read_images
from minigan.distributed.ending import give_up
from minigan.distributed.joining import join
from minigan.distributed.launch import started
from minigan.errors import UserError
from minigan.evaluation.evaluate import READABLE, Reference
from minigan.evaluation.pictures import PictureReference
from minigan.gans.base import GAN
from minigan.training.console import first_rank_speaks, patient_console
from minigan.training.options import RunOptions
from minigan.training.parser import (
    Parser,
    backend_name,
    decay,
    fraction,
    natural,
    path,
    positive,
    rate,
)

Recipe = TypeVar("Recipe")


WHAT, LONG, WHERE = "what to train", "how long", "where"  # the groups of --help
LOOKING, MACHINE = "looking", "machine"
LEAVES = {  # of a run; folder.py writes it
    "config.json": "the settings, and how the run was started",
    "metrics.csv": "the losses",
    "samples/": "pictures of the same noise as training goes on",
    "progress.gif": "the samples as a film",
    "losses.png": "the losses as curves",
    "images.npy": "with --data: the pictures, as read; and images.npy.json, of which files",
    "checkpoint.safetensors": "the networks: --resume goes on from it, other examples draw from it",
    "evaluation.csv": "with --evaluate-every: the scores; best.safetensors is the best of them",
    "evaluation.png": "with --evaluate-every: the scores as curves",
    "gradients.csv": "with --watch-gradients: the norms, and in gradients.png their curves",
}


class TrainingParser(Parser):
    """What `training_parser` makes: it knows the recipes, and what each of them has."""

    recipes: Mapping[str, Any]
    recipe: str  # the name of the default one

    def recipe_flag(self, flag: str, *, help: str, group: str = WHAT, **options: Any) -> None:
        """Add a flag that changes a field of the recipe, unless these recipes have no such field.

        What is parsed has it only if it is given. Its help says what the recipes have.
        """
        name = flag.removeprefix("--").replace("-", "_")
        if all(hasattr(recipe, name) for recipe in self.recipes.values()):
            text = f"{help} (default: {self.default_of(name)})"
            self.group(group).add_argument(flag, default=argparse.SUPPRESS, help=text, **options)

    def default_of(self, name: str) -> str:
        """ "25; tutorial 200, dropout 40": of the default recipe, and of those that differ."""
        if not self.recipes:
            return "the recipe's"
        values = {recipe: said(getattr(self.recipes[recipe], name)) for recipe in self.recipes}
        own = values[self.recipe]
        others = [f"{recipe} {value}" for recipe, value in values.items() if value != own]
        return f"{own}; {', '.join(others)}" if others else own


def said(value: Any) -> str:
    """A recipe's value, as one would type it."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


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
    description: str,
    *,
    out: str,
    data: str = DATA,
    sizes: tuple[int, int] = (28, 32),
    script: str = "",
    recipes: Mapping[str, Any] | None = None,
    recipe: str = "",
    about: str = "",
    examples: Sequence[str] = (),
    leaves: Mapping[str, str] | None = None,
) -> TrainingParser:
    """The flags of every example that trains; an example adds its own.

    `out` is the default run folder; `data` says what --data takes, and `sizes` in how many pixels
    it is learned where no flag says so: digits, and pictures. `recipe` is the default one of
    `recipes`, and `about` says what they are. Without recipes, as for a system that is not known
    before the command line has been read, --help names no numbers. The rest is Parser's.
    """
    parser = TrainingParser(
        script, description, examples=examples, leaves={**LEAVES, **(leaves or {})}
    )
    parser.recipes, parser.recipe = recipes or {}, recipe
    add, flag = parser.group(WHAT).add_argument, parser.recipe_flag
    if len(parser.recipes) > 1:
        add("--recipe", choices=list(parser.recipes), default=recipe, help=about)
    add("--data", type=path, help=data)
    size = f"pixels (default: {sizes[0]} for digits, 32 for CIFAR-10, {sizes[1]} for pictures)"
    add("--image-size", type=positive, help=size)
    add("--channels", type=int, choices=[1, 3], help="gray or color (default: as they are)")
    add("--train-count", type=positive, help="learn from so many of the images only")
    add("--flip", action="store_true", help="mirror half of the images, in each epoch others")
    add("--augment", type=kinds, default=(), metavar="KIND,…", help=AUGMENT)
    add("--seed", type=natural, default=0, help="of weights, noise and batch order")
    flag("--batch-size", type=positive, help="images in a batch")
    flag("--lr", type=rate, help="learning rate")
    flag("--beta1", type=fraction, help="Adam's first beta")
    flag("--latent-dim", type=positive, help="numbers in a noise vector")
    flag("--average", type=decay, help="decay of the average of G's weights that is kept, or none")

    group = parser.group(LONG)
    group.description = minutes_of(script, recipe)
    flag("--epochs", group=LONG, type=positive, help="passes over the data")
    add = group.add_argument
    add("--max-steps", type=positive, help="end at this iteration, counted from the beginning")

    add = parser.group(WHERE).add_argument
    add("--out", type=path, default=Path(out), help="the run folder")
    add("--resume", action="store_true", help="go on with the run in the folder, bit for bit")
    add(
        "--overwrite",
        action="store_true",
        help="replace the run in the folder; without either, a folder with a run is refused",
    )
    add("--checkpoint-every", type=positive, default=1000, help="iterations between checkpoints")

    add = parser.group(LOOKING).add_argument
    add(
        "--sample-every",
        type=positive,
        default=500,
        help="iterations between sample pictures, which also come at 1, 2, 5, 10, … at first",
    )
    add("--log-every", type=positive, default=10, help="iterations between rows of metrics.csv")
    add("--evaluate-every", type=positive, help="epochs between evaluations (default: none)")
    add(
        "--tensorboard",
        action="store_true",
        help="also write losses, pictures and histograms for TensorBoard; needs pip install "
        '"minigan[tensorboard]"',
    )
    add(
        "--watch-gradients",
        action="store_true",
        help="also write the norms of each parameter's gradient and weights, and chart them",
    )

    machine_flags(parser)
    parser.set_defaults(sizes=sizes)
    add = parser.group(MACHINE).add_argument
    add("--dtype", choices=["float32", "float64"], default="float32", help="type of all numbers")
    add("--detect-anomaly", action="store_true", help="name the op that makes the first NaN (slow)")
    return parser


def machine_flags(parser: Parser) -> None:
    """--backend, and --threads, which `use_threads` obeys."""
    add = parser.group(MACHINE).add_argument
    names = "numpy, cupy (an NVIDIA GPU) or auto"
    add("--backend", type=backend_name, default="numpy", help=names)
    add(
        "--threads",
        type=positive,
        help="processor threads (default: all that may be used); --threads 1 leaves the other "
        "cores to other programs, and takes about as long beside one that is busy",
    )


def use_threads(flags: argparse.Namespace) -> None:
    """Let --threads hold from here on, if it was given."""
    if flags.threads:
        set_num_threads(flags.threads)


def minutes_of(script: str, recipe: str) -> str | None:
    """How long the recipes of an example take, from the file that docs/examples.py writes of the
    records of real runs; None where there is none."""
    path = Path(script).parent / "minutes.json"
    if not (script and path.is_file()):
        return None
    known = json.loads(path.read_text(encoding="utf-8")).get(Path(script).name, {})
    parts = [f"about {known[recipe]} minutes of one core"] if recipe in known else []
    parts += [f"--recipe {name} about {known[name]}" for name in known if name != recipe]
    return "; ".join(parts) or None


def with_flags(recipe: Recipe, flags: argparse.Namespace, **others: Any) -> Recipe:
    """The recipe, with the values that the command line gives instead, and with these others."""
    names = [field.name for field in dataclasses.fields(recipe)]  # type: ignore[arg-type]
    given = {name: getattr(flags, name) for name in names if hasattr(flags, name)}
    return dataclasses.replace(recipe, **{**given, **others})  # type: ignore[type-var]


def run_options(flags: argparse.Namespace) -> RunOptions:
    """The flags that are not about the recipe, but about the run."""
    names = [field.name for field in dataclasses.fields(RunOptions)]
    return RunOptions(**{name: getattr(flags, name) for name in names})


def images_for(flags: argparse.Namespace) -> ImageDataset:
    """What --data names, as --image-size, --channels and --train-count want it; where they do not
    say, in the parser's `sizes`. Decoded pictures are kept in the run folder."""
    digits, pictures = flags.sizes
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
        dtype=gan.dtype,
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


def run_command(
    main: Callable[[Sequence[str] | None], int | None], *, together: bool = True
) -> None:
    """Call main with the command line; what a person did wrong becomes one line, exit code 2.

    If mpiexec has started this many times, all of them do it `together`; otherwise the first alone.

    Our own warnings, such as that of pictures which cannot be read, are sentences, too.
    """
    prepare_process()
    warnings.showwarning = _show_warning
    # A run checks its numbers itself, and says more than that some product was too large.
    warnings.filterwarnings("ignore", ".* encountered in ", RuntimeWarning)
    with patient_console():
        sys.exit(_exit_code(main, together))


def _exit_code(main: Callable[[Sequence[str] | None], int | None], together: bool) -> int:
    place = started()
    if not together and place is not None and place.rank > 0:
        return 0
    try:
        if together:
            join()
        with first_rank_speaks():
            return main(None) or 0
    except (UserError, OSError) as error:
        return give_up(f"error: {error}")
    except MemoryError as error:
        why = f" ({error})" if str(error) else ""
        return give_up(f"error: there is not enough memory for this{why}; ask for less")
    except KeyboardInterrupt:
        return give_up("\ninterrupted", 130)


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
