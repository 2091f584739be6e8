"""metrics.csv: one row of losses a report, whole rows only, equal for a resumed and a whole run.

Next: checkpoint.py.
"""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigan.errors import UserError
from minigan.files import atomic_write, read_table, writing


class Metrics:
    """The table of a run that is under way: rows are added, and cut off when it goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns: list[str] | None = None
        self._file: io.FileIO | None = None
        self._was_cut = False

    def append(self, row: Mapping[str, Any]) -> None:
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
        with writing(self.path):
            if self._file is None:
                mode = "a" if self._was_cut else "x"  # never after a row that is half written
                self._file = io.FileIO(self.path, mode)  # unbuffered
            _append(self._file, line.encode())

    def cut_back_to(self, iteration: int) -> None:
        """Drop the rows after this iteration, and half a last row; more may then be added."""
        self._was_cut = True
        if not self.path.exists():
            return
        if not self.path.is_file():
            raise UserError(f"{self.path} is not a plain file; move it away")
        with open(self.path, encoding="utf-8", errors="replace", newline="") as file:
            header, *rows = file.read().split("\n")[:-1] or [""]  # after the last \n: half a line
        kept = [row for row in rows if 0 <= _iteration_of(row) <= iteration]
        with writing(self.path):
            if not kept:
                self.path.unlink()
                return
            try:
                self._columns = next(csv.reader([header]))
            except csv.Error as error:
                raise UserError(
                    f"{self.path} is no table of metrics ({error}); move it away"
                ) from error
            with atomic_write(self.path) as temporary:
                temporary.write_bytes("".join(f"{line}\n" for line in [header, *kept]).encode())

    def sync(self) -> None:
        """Bring the rows to the disk: what is saved after this never stands before them."""
        if self._file is not None:
            with writing(self.path):
                os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def read_metrics(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The columns of a metrics.csv, each float64 (rows,); half a last line is left out."""
    return read_table(path)


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
