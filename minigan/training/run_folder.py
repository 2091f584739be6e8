"""A run folder holds all that one training run makes, and one process at a time may write to it.

    config.json               the settings, written first
    metrics.csv               one row a report: iteration, epoch, losses
    samples/iteration_*.png   the same noise, drawn as training goes on
    progress.gif, losses.png  the samples as a film, the losses as curves
    checkpoint.safetensors    where --resume goes on from (and .previous, the one before)

Next: run.py, which fills it.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from minigan.errors import UserError, refuse_special_file
from minigan.training.checkpoint import (
    Checkpoint,
    atomic_write,
    check_plain,
    leftovers_of,
    load_checkpoint,
    previous_of,
    save_checkpoint,
    writing,
)

CONFIG, METRICS, CHECKPOINT = "config.json", "metrics.csv", "checkpoint.safetensors"
PICTURES = ("progress.gif", "losses.png")
SAMPLE_NAME = re.compile(r"iteration_(\d{8,})\.png")
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
        self._columns: list[str] | None = None
        self._metrics: io.FileIO | None = None
        self._was_cut = False
        self._is_open = False

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        config: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
        may_differ: Sequence[str] = (),
        also_made: Sequence[str] = (),
    ) -> RunFolder:
        """Make a run folder, go on with one (`resume`), or start one afresh (`overwrite`).

        `config` is plain JSON. With `resume` it must equal the one in the folder, except for the
        keys in `may_differ`. `also_made` has patterns for further files of the run, such as
        "tensorboard/events*", which `overwrite` removes too. Other files are never removed.

        Raises UserError, having touched nothing, for a folder that holds another run, other
        settings or somebody else's files, and for one that another process is writing to.
        """
        if resume and overwrite:
            raise UserError("--resume goes on with a run and --overwrite removes it: choose one.")
        check_plain(config, "config")
        folder = cls(Path(path), json.loads(json.dumps(config)), also_made)
        if folder.path.exists() and not folder.path.is_dir():
            raise UserError(f"{folder.path} is a file; a run needs a folder.")
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
        with writing(folder.path), _one_at_a_time(folder.path):
            _refuse_if_held(folder.path)
            folder._refuse_if_taken(resume, overwrite, may_differ)
            _write_lock(folder.path)
        folder._is_open = True
        try:
            folder._prepare(overwrite)
        except BaseException:
            folder.close()
            raise
        if resume and not folder.has_checkpoint():
            folder.note = f"{folder.path} holds no checkpoint: this run starts at the beginning."
        return folder

    def close(self) -> None:
        """Close the metrics and let other processes have the folder."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        if self._is_open and self.path.is_dir():
            with writing(self.path), _one_at_a_time(self.path):
                if _read_lock(self.path) == _our_lock():
                    _lock_path(self.path).unlink()
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
        if self._metrics is not None:  # after a power cut, no row before the checkpoint is missing
            with writing(self.metrics_path):
                os.fsync(self._metrics.fileno())
        save_checkpoint(self.checkpoint_path, tensors, metadata)

    def cut_back_to(self, iteration: int | None) -> None:
        """Drop rows and samples later than `iteration` (None: all of them), before going on.

        A killed run may have got further than its last checkpoint, and its last row may be half
        written. What is dropped is made again, so the files end as if nothing had happened.
        """
        last = -1 if iteration is None else iteration
        with writing(self.path):
            for number, sample in list(self._samples()):
                if number > last:
                    sample.unlink()
        self._was_cut = True
        if self.metrics_path.exists():
            self._cut_metrics(last)

    # -- metrics ------------------------------------------------------------------------------

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add one row of numbers, such as {"iteration": 500, "epoch": 1, "D loss": 0.53}.

        The first row decides the columns; the first column is the iteration. The row is handed
        to the system at once, so a kill loses nothing. No clock times: the file of an interrupted
        and resumed run equals that of an uninterrupted one.
        """
        line = _csv_line([str(np.asarray(value)[()]) for value in row.values()])
        if self._columns is None:
            if next(iter(row)) != "iteration":
                raise ValueError(f"the first metric must be the iteration, not {next(iter(row))!r}")
            self._columns = list(row)
            line = _csv_line(self._columns) + line
        elif list(row) != self._columns:
            raise ValueError(f"metrics {list(row)} do not fit the columns {self._columns}")
        with writing(self.metrics_path):
            if self._metrics is None:
                mode = "a" if self._was_cut else "x"  # never after a row that is half written
                self._metrics = io.FileIO(self.metrics_path, mode)  # unbuffered
            _append(self._metrics, line.encode())

    def _cut_metrics(self, last: int) -> None:
        if not self.metrics_path.is_file():
            raise UserError(f"{self.metrics_path} is not a plain file; move it away.")
        with open(self.metrics_path, encoding="utf-8", errors="replace", newline="") as file:
            header, *rows = file.read().split("\n")[:-1] or [""]  # after the last \n: half a line
        kept = [row for row in rows if 0 <= _iteration_of(row) <= last]
        with writing(self.metrics_path):
            if not kept:
                self.metrics_path.unlink()
                return
            try:
                self._columns = next(csv.reader([header]))
            except csv.Error as error:
                path = self.metrics_path
                raise UserError(
                    f"{path} is no table of metrics ({error}); move it away."
                ) from error
            with atomic_write(self.metrics_path) as temporary:
                temporary.write_bytes("".join(f"{line}\n" for line in [header, *kept]).encode())

    # -- opening ------------------------------------------------------------------------------

    def _made_here(self) -> list[Path]:
        """The files of a run that are in the folder, all but config.json."""
        checkpoint = self.checkpoint_path
        damaged, previous = _damaged(checkpoint).name, previous_of(checkpoint).name
        names = [METRICS, *PICTURES, checkpoint.name, previous, damaged]
        paths = [self.path / name for name in names if (self.path / name).exists()]
        for pattern in self._also_made:
            paths += sorted(self.path.glob(pattern))
        return paths + self.sample_paths()

    def _refuse_if_taken(self, resume: bool, overwrite: bool, may_differ: Sequence[str]) -> None:
        if not (self.path / CONFIG).exists():
            if others := self._made_here():
                raise UserError(
                    f"{self.path} holds {others[0].name}, but not the config.json of a run. "
                    "Choose another folder, or move that file away."
                )
            return
        there = read_config(self.path)
        if resume:
            _refuse_if_different(self.path, there, self.config, may_differ)
        elif not overwrite and self._made_here():  # settings alone are no loss
            raise UserError(
                f"{self.path} already holds a run. Go on with it (--resume), replace it "
                "(--overwrite) or choose another folder (--out)."
            )

    def _prepare(self, overwrite: bool) -> None:
        with writing(self.path):
            if overwrite:
                for path in self._made_here():
                    path.unlink()
            self._remove_leftovers()
        with atomic_write(self.path / CONFIG) as temporary:
            text = json.dumps({MARK: FORMAT, **self.config}, indent=2)
            temporary.write_text(text + "\n", encoding="utf-8")

    def _remove_leftovers(self) -> None:
        """Remove what writes that a crash cut short have left."""
        for name in (CONFIG, METRICS, CHECKPOINT, *PICTURES):
            for path in leftovers_of(self.path / name):
                path.unlink(missing_ok=True)
        for path in self.path.glob("samples/.iteration_*.png.tmp"):
            path.unlink()


# ---------------------------------------------------------------------------------------------
# Reading a run


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings in a run folder's config.json."""
    path = Path(folder) / CONFIG
    try:
        config = json.loads(_text_of(path))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as settings of a run: {error}.") from error
    if not isinstance(config, dict) or config.pop(MARK, None) != FORMAT:
        raise UserError(f"{path} is not from a minigan run. Choose another folder.")
    return config


def read_metrics(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The columns of a metrics.csv, each float64 (rows,); half a last line is left out."""
    path = Path(path)
    try:
        text = _text_of(path)
        header, *rows = csv.reader(text.split("\n")[:-1] or [""], strict=True)
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise ValueError(f"line {number} has {len(row)} cells, and line 1 {len(header)}")
        table = np.array(rows, dtype=np.float64).reshape(len(rows), len(header))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as a table of metrics: {error}.") from error
    return {name: table[:, column] for column, name in enumerate(header)}


def _damaged(path: Path) -> Path:
    """Where a checkpoint that cannot be read is kept, for whoever wants to know why."""
    return path.parent / f"{path.name}.damaged"


def _text_of(path: Path) -> str:
    refuse_special_file(path)
    return path.read_text(encoding="utf-8")


def _refuse_if_different(
    path: Path, there: dict[str, Any], now: dict[str, Any], may_differ: Sequence[str]
) -> None:
    before, after = _flat(there), _flat(now)
    absent = "absent"
    changes = [
        f"{key} was {before.get(key, absent)} and is now {after.get(key, absent)}"
        for key in dict.fromkeys([*before, *after])
        if key.split(".")[0] not in may_differ and before.get(key, absent) != after.get(key, absent)
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


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _iteration_of(row: str) -> int:
    """The number in a row's first column, or -1 where there is none."""
    try:
        return int(row.partition(",")[0])
    except ValueError:
        return -1


def _append(file: io.FileIO, line: bytes) -> None:
    """Write the whole line at the end of the file, or nothing of it."""
    end = file.seek(0, os.SEEK_END)
    try:
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        file.truncate(end)
        raise


# ---------------------------------------------------------------------------------------------
# The lock: a small file that says which process writes here
#
# Only the kernel can tell a process that runs from one that was killed, and process numbers are
# used again. So the lock names the process by its number and the moment it started.


def _lock_path(folder: Path) -> Path:
    return folder / ".lock"


def _our_lock() -> dict[str, Any]:
    pid = os.getpid()
    return {"pid": pid, "started": _start_of(pid), "host": socket.gethostname()}


def _write_lock(folder: Path) -> None:
    with atomic_write(_lock_path(folder)) as temporary:
        temporary.write_text(json.dumps(_our_lock()))


def _read_lock(folder: Path) -> dict[str, Any] | None:
    try:
        lock = json.loads(_text_of(_lock_path(folder)))
    except (OSError, ValueError, RecursionError):
        return None
    pid = lock.get("pid") if isinstance(lock, dict) else None
    return lock if isinstance(pid, int) and pid > 0 else None


def _refuse_if_held(folder: Path) -> None:
    """Raise UserError if a process that runs holds the lock; a stale lock is nothing."""
    lock = _read_lock(folder)
    if lock is None:
        return
    pid, host = lock["pid"], lock.get("host")
    if host != socket.gethostname():  # nothing here can tell whether it still runs there
        raise UserError(
            f"{folder} is in use by process {pid} on the machine {host}. "
            f"If that has ended, delete {_lock_path(folder)}."
        )
    if _is_running(pid) and _start_of(pid) in ("unknown", lock.get("started")):
        raise UserError(f"{folder} is in use by process {pid}. Wait for it, or stop it first.")


def _is_running(pid: int) -> bool:
    if os.name != "posix":  # elsewhere os.kill would do what its name says
        return True
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True


def _start_of(pid: int) -> str:
    """When a process started, as the boot's identity and clock ticks since; Linux only."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return "unknown"
    state, ticks = fields[0].decode(), fields[19].decode()  # fields 3 and 22 of man proc_pid_stat
    if state in "ZX":
        return "ended"  # killed, and kept by its parent only to be asked how it ended
    return f"{boot} {ticks}"


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time look at the lock and change it, or two might both take it."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which also lets go
