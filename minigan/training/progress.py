"""The progress bar: losses, images a second and time left on a terminal or in a notebook, plain
lines elsewhere.

Next: telling.py, what is said above and below it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from minigan.training.console import Console


def _new_bar(**look: Any) -> Any:
    """A tqdm bar. It is imported here, where one is drawn: all else does without it."""
    from tqdm import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # no watching thread: `update` alone decides when to draw

    return Bar(**look)


class ProgressBar:
    """Shows how a run of `total` iterations gets on; a context manager.

    `initial` is where a resumed run starts and `epochs` the number of epochs, if it is known. On a
    terminal and below a notebook's cell there is a bar. Elsewhere (a file, a pipe) there is one
    plain line an epoch. A stream that is full, has gone or never was ends nothing.
    """

    def __init__(
        self,
        total: int,
        *,
        initial: int = 0,
        epochs: int | None = None,
        stream: TextIO | Console | None = None,
    ) -> None:
        stream = sys.stderr if stream is None else stream
        self._stream = Console(stream)
        self._epochs = epochs
        self._iteration = initial
        self._statistics: Mapping[str, Any] = {}
        self._epoch_began = time.monotonic()
        self._speed = _Speed()
        self._bar: Any = None
        notebook = _is_notebook(stream)
        if notebook or self._stream.isatty():
            # A notebook has no width to ask for, and keeps all that was ever written to it.
            look = {"ncols": 100, "mininterval": 1.0} if notebook else {"dynamic_ncols": True}
            self._bar = _new_bar(
                total=total,
                initial=initial,
                file=self._stream,
                bar_format="{percentage:3.0f}% |{bar}| {remaining} left{postfix}",
                miniters=1,
                **look,
            )

    def update(
        self,
        iteration: int,
        statistics: Mapping[str, Any],
        *,
        images: int,
        epoch: int | None = None,
    ) -> None:
        """Note that `iteration` is done, with its losses and the number of images it used.

        Values may be anything that float() takes. They are read only when they are shown, ten
        times a second at most: reading a number from a GPU makes the program wait for it.
        """
        self._statistics = statistics
        self._speed.add(images)
        done, self._iteration = iteration - self._iteration, iteration
        if self._bar is None:
            return
        if self._speed.is_due():
            self._bar.set_postfix_str(self._described(epoch), refresh=False)
        self._bar.update(done)

    def _described(self, epoch: int | None) -> str:
        """What stands after the bar: all of it if there is room, or in short as much as fits."""
        room = (self._bar.format_dict["ncols"] or 80) - 23  # percentage, small bar, time left
        speed = self._speed.measure()
        epochs = [f"epoch {epoch}/{self._epochs}"] if epoch and self._epochs else []
        for digits, gap, unit in ((3, "  ", "images/s"), (2, " ", "img/s")):
            losses = [f"{name} {float(v):.{digits}f}" for name, v in self._statistics.items()]
            text = gap.join([*epochs, *losses, f"{speed:,.0f} {unit}"])
            if len(text) <= room:
                return text
        while (epochs or losses) and len(text) > room:
            (losses if len(losses) > 2 or not epochs else epochs).pop()  # two losses outlast it
            text = gap.join([*epochs, *losses, f"{speed:,.0f} {unit}"])
        return text

    def end_epoch(self, epoch: int) -> None:
        """Without a terminal, print the epoch's number, its last losses and its seconds."""
        seconds = time.monotonic() - self._epoch_began
        self._epoch_began = time.monotonic()
        if self._bar is None:
            of = f"/{self._epochs}" if self._epochs else ""
            losses = [f"{name}: {float(value):.4f}" for name, value in self._statistics.items()]
            self.write("  ".join([f"[Epoch {epoch}{of}]", *losses, f"({seconds:.1f} s)"]))

    def write(self, line: str) -> None:
        """Print a line above the bar."""
        if self._bar is None:
            print(line, file=self._stream, flush=True)
        else:
            self._bar.write(line, file=self._stream)

    def close(self) -> None:
        """Draw the bar for the last time and leave it standing."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _is_notebook(stream: TextIO | Console | None) -> bool:
    """Whether a stream is a Jupyter cell's: no terminal, and yet a line can be overwritten."""
    return type(stream).__module__.partition(".")[0] == "ipykernel"


class _Speed:
    """Images a second over the last second or so: neither jumpy nor late."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._images = 0
        self._average: float | None = None

    def add(self, images: int) -> None:
        self._images += images

    def is_due(self) -> bool:
        return time.monotonic() - self._since >= 0.1

    def measure(self) -> float:
        now = time.monotonic()
        latest = self._images / (now - self._since)
        self._since, self._images = now, 0
        old = latest if self._average is None else self._average
        self._average = 0.7 * old + 0.3 * latest
        return self._average
