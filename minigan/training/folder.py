"""A run folder holds all that one training run makes, and one process at a time may write to it.

    config.json               the settings, written first, and each start: command, date, versions
    metrics.csv               one row a report: iteration, epoch, losses
    samples/iteration_*.png   the same noise, drawn as training goes on
    progress.gif, losses.png  the samples as a film, the losses as curves
    checkpoint.safetensors    where --resume goes on from (and .previous, the one before)

Next: metrics.py; with checkpoint.py, the two files that must not be damaged.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigan.errors import UserError
from minigan.files import atomic_write, leftovers_of, make_folder, text_of, writing
from minigan.lock import give_lock_back, one_at_a_time, refuse_if_held, take_lock
from minigan.training.checkpoint import (
    Checkpoint,
    check_plain,
    load_checkpoint,
    previous_of,
    save_checkpoint,
)
from minigan.training.metrics import Metrics

CONFIG, METRICS, CHECKPOINT = "config.json", "metrics.csv", "checkpoint.safetensors"
NOTED = ".drawn_here"  # the names of what others drew into the folder, one a line
PICTURES = ("progress.gif", "losses.png")
SAMPLE_NAME = re.compile(r"iteration_(\d{8,})\.png")
STARTS = "starts"  # the key of config.json for how each process was started that worked here
MARK = "minigan_run"  # the first key of config.json: no other program's config.json has it
FORMAT = 1


class RunFolder:
    """One run's files. Made by `RunFolder.open`; a context manager that lets go at the end.

    `note` is a sentence for the user when something about opening it is worth knowing.
    """

    def __init__(self, path: Path, config: dict[str, Any], also_made: Sequence[str] = ()) -> None:
        self.path = path
        self.config = config
        self.note: str | None = None
        self._also_made = tuple(also_made)
        self._metrics = Metrics(self.metrics_path)
        self._is_open = False
        self._starts: list[dict[str, Any]] = []

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        config: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
        may_differ: Sequence[str] = (),
        may_lack: Sequence[str] = (),
        also_made: Sequence[str] = (),
        start: Mapping[str, Any] | None = None,
    ) -> RunFolder:
        """Make a run folder, go on with one (`resume`), or start one afresh (`overwrite`).

        `config` is plain JSON. With `resume` it must equal the one in the folder, except for the
        keys in `may_differ` ("settings.epochs" is the key `epochs` in `settings`), and those in
        `may_lack` may be missing there: an older version did not write them. `also_made` has
        patterns for further files of the run, such as "tensorboard/events*", which `overwrite`
        removes, too, as it does what `note_drawn` named. Other files are never removed. `start`,
        plain JSON that says how this process was started, is added to those in config.json: they
        are compared with nothing.

        Raises UserError, having touched nothing, for a folder that holds another run, other
        settings or somebody else's files, and for one that another process is writing to.
        """
        if resume and overwrite:
            raise UserError("--resume goes on with a run and --overwrite removes it: choose one")
        check_plain(config, "config")
        folder = cls(Path(path), json.loads(json.dumps(config)), also_made)
        if folder.path.exists() and not folder.path.is_dir():
            raise UserError(f"{folder.path} is a file; a run needs a folder")
        with writing(folder.path):
            make_folder(folder.path)
        with writing(folder.path), one_at_a_time(folder.path):
            refuse_if_held(folder.path)
            folder._refuse_if_taken(resume, overwrite, may_differ, may_lack)
            take_lock(folder.path)
        folder._is_open = True
        try:
            folder._prepare(overwrite, start)
        except BaseException:
            folder.close()
            raise
        if resume and not folder.has_checkpoint():
            folder.note = f"{folder.path} holds no checkpoint: this run starts at the beginning"
            if others := _runs_beside(folder.path):
                folder.note += f" (beside it lie runs that could go on: {', '.join(others)})"
        return folder

    def close(self) -> None:
        """Close the metrics and let other processes have the folder."""
        self._metrics.close()
        if self._is_open and self.path.is_dir():
            with writing(self.path), one_at_a_time(self.path):
                give_lock_back(self.path)
        self._is_open = False

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # -- where things are ---------------------------------------------------------------------

    @property
    def checkpoint_path(self) -> Path:
        return self.path / CHECKPOINT

    @property
    def metrics_path(self) -> Path:
        return self.path / METRICS

    @property
    def animation_path(self) -> Path:
        return self.path / "progress.gif"

    @property
    def losses_path(self) -> Path:
        return self.path / "losses.png"

    def sample_path(self, iteration: int) -> Path:
        """Where the picture of the fixed noise after `iteration` steps belongs."""
        return self.path / "samples" / f"iteration_{iteration:08d}.png"

    def sample_paths(self) -> list[Path]:
        """The sample pictures that are there, oldest first: the frames of the animation."""
        return [path for _, path in sorted(self._samples())]

    def _samples(self) -> Iterator[tuple[int, Path]]:
        samples = self.path / "samples"
        for path in samples.iterdir() if samples.is_dir() else ():
            if name := SAMPLE_NAME.fullmatch(path.name):
                yield int(name[1]), path

    # -- checkpoints --------------------------------------------------------------------------

    def has_checkpoint(self) -> bool:
        """Whether there is anything to go on from."""
        return self.checkpoint_path.exists() or previous_of(self.checkpoint_path).exists()

    def load_checkpoint(self) -> Checkpoint | None:
        """The last good checkpoint, or None at the beginning; a `note` in it is for the user.

        Once it is loaded into the networks, call `cut_back_to` with its iteration.
        """
        if not self.has_checkpoint():
            return None
        path = self.checkpoint_path
        checkpoint = load_checkpoint(path, fall_back=True)
        if checkpoint.note and path.exists():
            # Out of the way: the next save would put it in the place of the good one before it.
            with writing(path):
                os.replace(path, _damaged(path))
        return checkpoint

    def save_checkpoint(self, tensors: Mapping[str, np.ndarray], metadata: dict[str, Any]) -> None:
        """Save where the run stands, after the metrics of this iteration have been appended."""
        self._metrics.sync()  # after a power cut, no row before the checkpoint is missing
        save_checkpoint(self.checkpoint_path, tensors, metadata)

    def cut_back_to(self, iteration: int | None, *, sample_was_due: bool = True) -> None:
        """Drop rows and samples later than `iteration` (None: all of them), before going on.

        A killed run may have got further than its last checkpoint, and its last row may be half
        written. What is dropped is made again, so the files end as if nothing had happened. A
        run that ends also draws how far it has come: when it goes on, the sample of `iteration`
        itself stays only if `sample_was_due` there.
        """
        last = -1 if iteration is None else iteration
        with writing(self.path):
            for number, sample in list(self._samples()):
                if number > last or (number == last and not sample_was_due):
                    sample.unlink()
        self._metrics.cut_back_to(last)

    # -- metrics ------------------------------------------------------------------------------

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add one row of numbers, such as {"iteration": 500, "epoch": 1, "D loss": 0.53}."""
        self._metrics.append(row)

    # -- opening ------------------------------------------------------------------------------

    def _made_here(self) -> list[Path]:
        """The files of a run that are in the folder, all but config.json."""
        checkpoint = self.checkpoint_path
        damaged, previous = _damaged(checkpoint).name, previous_of(checkpoint).name
        names = [METRICS, *PICTURES, checkpoint.name, previous, damaged]
        paths = [self.path / name for name in names if (self.path / name).exists()]
        for pattern in self._also_made:
            paths += sorted(self.path.glob(pattern))
        noted = [self.path / name for name in _noted(self.path)]
        paths += [path for path in noted if path.is_file() and path not in paths]
        return paths + self.sample_paths()

    def _refuse_if_taken(
        self, resume: bool, overwrite: bool, may_differ: Sequence[str], may_lack: Sequence[str]
    ) -> None:
        if not (self.path / CONFIG).exists():
            if others := self._made_here():
                raise UserError(
                    f"{self.path} holds {others[0].name}, but not the config.json of a run. "
                    "Choose another folder, or move that file away."
                )
            return
        there = read_config(self.path)
        self._starts = there.pop(STARTS, [])
        if resume:
            _refuse_if_different(self.path, there, self.config, may_differ, may_lack)
        elif not overwrite and self._made_here():  # settings alone are no loss
            raise UserError(
                f"{self.path} already holds a run. Go on with it (--resume), replace it "
                "(--overwrite) or choose another folder (--out)."
            )

    def _prepare(self, overwrite: bool, start: Mapping[str, Any] | None) -> None:
        if overwrite or not self._made_here():
            self._starts = []  # of a run that is no more
        if start is not None:
            self._starts.append(dict(start))
        with writing(self.path):
            if overwrite:
                for path in self._made_here():
                    path.unlink()
                (self.path / NOTED).unlink(missing_ok=True)
            self._remove_leftovers()
        with atomic_write(self.path / CONFIG) as temporary:
            starts = {STARTS: self._starts} if self._starts else {}
            text = json.dumps({MARK: FORMAT, **self.config, **starts}, indent=2)
            temporary.write_text(text + "\n", encoding="utf-8")

    def _remove_leftovers(self) -> None:
        """Remove what writes that a crash cut short have left."""
        for name in (CONFIG, METRICS, CHECKPOINT, NOTED, *PICTURES):
            for path in leftovers_of(self.path / name):
                path.unlink(missing_ok=True)
        for path in self.path.glob("samples/.iteration_*.png.tmp"):
            path.unlink()


# ---------------------------------------------------------------------------------------------
# What others draw from a run, beside it


def note_drawn(folder: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Note in a run folder that files of these names were drawn there from the run.

    `overwrite` then removes them together with it: they show networks that are no more. Of a folder
    without a run nothing is noted.
    """
    folder = Path(folder)
    if (folder / CONFIG).exists():
        with writing(folder), one_at_a_time(folder):
            noted = dict.fromkeys([*_noted(folder), *names])
            with atomic_write(folder / NOTED) as temporary:
                temporary.write_text("".join(f"{name}\n" for name in noted), encoding="utf-8")


def _noted(folder: Path) -> list[str]:
    """The names that `note_drawn` noted; names only, for nothing outside may ever be removed."""
    try:
        lines = text_of(folder / NOTED).splitlines()
    except (OSError, ValueError):
        return []
    return [name for name in lines if name == Path(name).name and name != CONFIG]


# ---------------------------------------------------------------------------------------------
# Reading a run


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings in a run folder's config.json."""
    path = Path(folder) / CONFIG
    try:
        config = json.loads(text_of(path))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as settings of a run: {error}") from error
    if not isinstance(config, dict) or config.pop(MARK, None) != FORMAT:
        raise UserError(f"{path} is not from a minigan run. Choose another folder.")
    if not isinstance(config.get(STARTS, []), list):
        raise UserError(f"{path} cannot be read as settings of a run: its {STARTS} are no list")
    return config


def _runs_beside(path: Path) -> list[str]:
    """The names of the runs in the same folder: the one that was meant may be among them."""
    found = path.resolve().parent.glob(f"*/{CHECKPOINT}")
    return sorted(checkpoint.parent.name for checkpoint in found)


def _damaged(path: Path) -> Path:
    """Where a checkpoint that cannot be read is kept, for whoever wants to know why."""
    return path.parent / f"{path.name}.damaged"


def _refuse_if_different(
    path: Path,
    there: dict[str, Any],
    now: dict[str, Any],
    may_differ: Sequence[str],
    may_lack: Sequence[str],
) -> None:
    before, after = _flat(there), _flat(now)
    absent = "absent"
    changes = [
        f"{key} was {before.get(key, absent)} and is now {after.get(key, absent)}"
        for key in dict.fromkeys([*before, *after])
        if not {key, key.split(".")[0]} & {*may_differ}
        and not (key in may_lack and key not in before)
        and before.get(key, absent) != after.get(key, absent)
    ]
    if changes:
        raise UserError(
            f"The run in {path} has other settings: {'; '.join(changes)}. Resume it with its own, "
            "or choose another folder (--out)."
        )


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} as {"a.b": 1}: what has changed is then named exactly."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        inner = isinstance(value, dict) and value
        flat |= _flat(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return flat
