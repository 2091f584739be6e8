"""Evaluate a run every few epochs: a row of scores in evaluation.csv, and the best checkpoint.

GANs do not stop at their best: the last checkpoint may be far worse than one before it. The best
is that of the least Fréchet distance. ../evaluation/evaluate.py says what is measured.

Next: ../compat/__init__.py.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigan import plots
from minigan.errors import UserError
from minigan.evaluation.evaluate import COUNT, ROWS, Reference, Scores, draw, evaluate
from minigan.evaluation.pictures import PICTURE_ROWS, PictureReference, PictureScores
from minigan.files import atomic_write, refuse_special_file
from minigan.gans.base import GAN
from minigan.training.checkpoint import previous_of, save_checkpoint

TABLE = "evaluation.csv"
BEST = "best.safetensors"
CURVES = "evaluation.png"
MADE = (TABLE, f"{BEST}*", CURVES)  # what this file puts in a run folder

Row = Mapping[str, Any]  # numbers, or their text where they were read from a file
State = Callable[[], tuple[Mapping[str, np.ndarray], dict[str, Any]]]


class Evaluations:
    """The evaluations of one run, in its folder.

    `iteration` is where the run starts or goes on: rows that were written after it are dropped, and
    will be made again.
    """

    def __init__(
        self,
        folder: Path,
        gan: GAN,
        reference: Reference | PictureReference,
        iteration: int,
        *,
        count: int = COUNT,
    ) -> None:
        if isinstance(reference, Reference):
            draw(gan, 1)  # if the judge cannot read its images: an error now, and not epochs later
        self.gan = gan
        self.path, self.best_path = folder / TABLE, folder / BEST
        self.reference, self.count = reference, count
        self.rows = self._read(last=iteration)
        self._write()

    def take(self, iteration: int, epoch: int, state: State) -> str:
        """Evaluate the generator, and its average if there is one; one line that says how it is.

        `state` gives the arrays and plain values of a checkpoint, and is asked if this is the best.
        """
        gan = self.gan
        row: dict[str, Any] = {"iteration": iteration, "epoch": epoch}
        for averaged in [False] if gan.average is None else [False, True]:
            scores = self._scores(averaged)
            prefix = "averaged_" if averaged else ""
            row |= {
                prefix + name: value
                for name, value in scores._asdict().items()
                if value is not None
            }
        is_best = all(_distance(row) < _distance(other) for other in self.rows)
        if is_best:
            save_checkpoint(self.best_path, *state())
            previous_of(self.best_path).unlink(missing_ok=True)  # it was only the second best
        self.rows.append(row)
        self._write()
        self._draw()
        line = f"evaluation after epoch {epoch}: Fréchet distance {row['frechet_distance']:.2f}"
        if gan.average is not None:
            line += f", of the average {row['averaged_frechet_distance']:.2f}"
        return line + (", the best so far" if is_best else "")

    def _scores(self, averaged: bool) -> Scores | PictureScores:
        if isinstance(self.reference, PictureReference):
            return self.reference.score(self.reference.draw(self.gan, averaged=averaged))
        images, labels = draw(self.gan, self.count, averaged=averaged)
        return evaluate(images, self.reference, labels).scores

    def _draw(self) -> None:
        """All scores that have a best, over the epochs so far."""
        reference = self.reference
        if isinstance(reference, PictureReference):
            rows, beside, count = PICTURE_ROWS, reference.train.name, reference.count
        else:
            rows, beside, count = ROWS, reference.test.name, self.count
        meanings = {
            name: f"{title}\n{best}"
            for name, (title, _, best) in rows.items()
            if not title.startswith(" ")  # what is indented belongs to the row above it
        }
        path = self.path.with_name(CURVES)
        title = f"{self.gan.name} beside {beside}, {count:,} images drawn"
        plots.save_scores(path, self.path, meanings, title=title)

    def _read(self, last: int) -> list[Row]:
        """The rows up to iteration `last`."""
        try:
            refuse_special_file(self.path)
            with open(self.path, newline="", encoding="utf-8") as file:
                return [row for row in csv.DictReader(file) if int(row["iteration"]) <= last]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise UserError(f"{self.path} cannot be read ({error}); move it away") from error

    def _write(self) -> None:
        if not self.rows:
            self.path.unlink(missing_ok=True)
            return
        with atomic_write(self.path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[-1]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def _distance(row: Row) -> float:
    """The least Fréchet distance of a row: the generator's or its average's."""
    return min(float(row[name]) for name in row if name.endswith("frechet_distance"))
