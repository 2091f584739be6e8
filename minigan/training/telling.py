"""What a run says of itself: at its start what learns, from what and where; at its end, what it has
made, and the commands to type next.

Next: pace.py, how long it will take.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from minigan.backend import get_num_threads
from minigan.data.loader import DataLoader
from minigan.gans.base import GAN
from minigan.nn.summary import Row, table_of
from minigan.training.options import RunOptions

MADE = ("samples", "progress.gif", "losses.png", "evaluation.png", "gradients.png")


def opening(
    gan: GAN, loader: DataLoader, options: RunOptions, *, iteration: int, total: int
) -> list[str]:
    """What is about to be played, on what and where: three lines, before the first round."""
    count, channels, height, width = loader.dataset.images.shape
    epochs, length = gan.settings.epochs, len(loader)
    rounds = f"{epochs:,} epochs of {length:,} iterations, {loader.batch_size:,} images in each"
    if total < epochs * length:
        rounds += f", until iteration {total:,}"
    else:
        rounds += f": {total:,} iterations"
    if iteration:
        rounds += f", of which {iteration:,} are played"
    machine = f"on {gan.backend.name}"
    if gan.backend.name == "numpy":
        threads = get_num_threads()
        machine += f" with {threads} thread{'s' if threads > 1 else ''}"
    return [
        f"{gan.name} learns from {loader.dataset.name}: "
        f"{count:,} images of {channels} × {height} × {width}",
        rounds,
        f"in {options.out}, {machine}, seed {options.seed}",
    ]


def networks(gan: GAN, generator: Sequence[Row], discriminator: Sequence[Row]) -> list[str]:
    """Both networks in one table, by the rows of the layers' calls in the first round.

    Most layers are called several times in a round; the first is shown.
    """
    rows: list[Row] = []
    for name, network, calls in (
        ("generator", gan.generator, generator),
        ("discriminator", gan.discriminator, discriminator),
    ):
        rows.append((name, "", sum(parameter.numel() for parameter in network.parameters())))
        first: dict[str, Row] = {}
        for layer, shape, count in calls:
            first.setdefault(layer, (f"  {layer}", shape, count))
        rows += first.values()
    return table_of(rows)


def closing(gan: GAN, loader: DataLoader, out: Path, system_flag: str | None) -> list[str]:
    """What lies in the folder, and three commands that make something of it."""
    there = [name for name in MADE if (out / name).exists()]
    lines = [f"saved in {out}: {', '.join(there)}"]
    if commands := next_commands(gan, loader, out, system_flag):
        lines += ["next:", *(f"  {command}" for command in commands)]
    return lines


def next_commands(
    gan: GAN, loader: DataLoader, out: Path, system_flag: str | None = None
) -> list[str]:
    """Three commands to be pasted: draw with what was trained, walk through it, and score it.

    Scores are of digits, and of pictures that lie in the folder; with others the third command
    trains on. None of them where the examples are not to be found, because minigan was installed
    without.
    """
    examples = _examples()
    if examples is None:
        return []
    python, system = sys.orig_argv[0], shlex.split(system_flag or "")
    digit: list[str] = []
    if hasattr(gan.settings, "classes"):
        names = gan.class_names or ("7",)
        digit = ["--digit", "7"] if "7" in names else ["--class", names[0]]
    words = [
        [python, str(examples / "sample.py"), str(out), *system],
        [python, str(examples / "latent_walk.py"), str(out), *system, *digit],
    ]
    if loader.dataset.name.startswith("MNIST") or (out / "images.npy").exists():
        words.append([python, str(examples / "evaluate.py"), str(out), *system])
    elif on := going_on("--epochs", str(2 * gan.settings.epochs)):
        words.append(on)
    return [command_line(some) for some in words]


def stopped(out: Path, iteration: int) -> list[str]:
    """Where a run stands that was asked to stop, and how it goes on."""
    flags = command_line(["--resume", "--out", str(out)])
    typed = going_on()
    again = [f"  {command_line(typed)}"] if typed else []
    return [f"stopped at iteration {iteration:,}; go on with {flags}", *again]


def going_on(*flags: str) -> list[str]:
    """The words of the command that started this process, with --resume and these flags.

    Empty where that was no program in a file, but a notebook or a prompt.
    """
    program = Path(sys.argv[0]) if sys.argv else Path()
    if not program.is_file() or program.name.startswith("ipykernel"):
        return []
    words = [word for word in sys.orig_argv if word not in ("--resume", "--overwrite")]
    return [*words, *flags, "--resume"]


def command_line(words: Sequence[str]) -> str:
    """Words as one line that this system's shell takes apart again."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def started_by() -> str:
    """The command that this process was started by, as a line to be pasted."""
    return command_line(sys.orig_argv)


def _examples() -> Path | None:
    """The folder of sample.py, as it would be typed from here: that of the program, or beside the
    package."""
    beside = Path(sys.argv[0]).parent if sys.argv else Path()
    for folder in (beside, Path(__file__).parents[2] / "examples"):
        if (folder / "sample.py").is_file() and (folder / "latent_walk.py").is_file():
            here = Path.cwd()
            return folder.relative_to(here) if folder.is_relative_to(here) else folder
    return None
