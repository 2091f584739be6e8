"""Matplotlib, which draws the curves: loaded when it is first needed, wherever that may be.

It wants to know how to open windows, and where to keep a list of fonts. We open none, and can do
without the list, so neither may end a run in whose last second a curve is drawn.

Next: curves.py.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from minigan.errors import UserError
from minigan.plots.picture import PathLike

WINDOWS, CACHE = "MPLBACKEND", "MPLCONFIGDIR"  # what Matplotlib looks up as it is loaded


def get_ready(folder: PathLike | None = None) -> None:
    """Load Matplotlib now: what will be drawn after a long run can be, or a UserError says why not.

    A Jupyter kernel tells the programs that it starts to open windows in its own way, by a name in
    MPLBACKEND that another Python does not have: then it is loaded without it. Where nothing but
    `folder` can be written, the list of fonts lies there for the moment.
    """
    reason: Exception | None = None
    for without_windows, cache in itertools.product((False, True), (None, folder)):
        was_there = set(sys.modules)
        try:
            with _environment(without_windows, cache):
                import matplotlib.figure  # noqa: F401
            return
        except (ImportError, OSError, ValueError) as error:
            reason = error
        for name in set(sys.modules) - was_there:  # half of a library cannot be loaded further
            if name.partition(".")[0] == "matplotlib":
                del sys.modules[name]
    raise UserError(f"Matplotlib, which draws the curves, cannot be loaded: {reason}") from reason


@contextmanager
def _environment(without_windows: bool, cache: PathLike | None) -> Iterator[None]:
    """Inside, the environment has no word on windows, if so asked, and a new folder for fonts."""
    before = {name: os.environ.get(name) for name in (WINDOWS, CACHE)}
    if without_windows:
        os.environ.pop(WINDOWS, None)
    try:
        if cache is None:
            yield
            return
        with tempfile.TemporaryDirectory(prefix=".matplotlib-", dir=cache) as fonts:
            os.environ[CACHE] = fonts
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
