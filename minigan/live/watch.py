"""A run of examples/*.py on the page, under way or finished: looked at, and never touched.

It reads what any run leaves behind: the table of losses, and the last checkpoint, out of which
the networks are made again. Each frame is of what lies there now.

Next: thread.py.
"""

from __future__ import annotations

import os
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from minigan.errors import UserError
from minigan.evaluation.circumstances import versions
from minigan.gans import rebuild
from minigan.gans.base import GAN
from minigan.live import protocol
from minigan.live.drawing import Drawing, Noises
from minigan.live.lines import sources
from minigan.live.protocol import Answer, Request
from minigan.training.checkpoint import load_checkpoint
from minigan.training.folder import CHECKPOINT, METRICS, read_config
from minigan.training.metrics import read_metrics

MOST_ROWS = 1000  # of curves in one answer


class WatchedGame(Drawing):
    """The networks of a checkpoint."""

    def __init__(self, gan: GAN, iteration: int) -> None:
        self.gan, self.round = gan, iteration
        self.views = Noises(gan)

    def acts(self) -> list[Any]:
        return [type(self.gan).step]


class Watch:
    """A run folder, with the requests that can be made of it: to look."""

    playing = False

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Raises UserError if this is no run folder."""
        self.folder = Path(folder)
        self.config = read_config(self.folder)
        self.serial = 0
        self.game: WatchedGame | None = None
        self.note: str | None = None
        self._curves: dict[str, np.ndarray] = {}
        self._stamps: dict[str, Any] = {}
        self._refresh()

    def advance(self, seconds: float) -> int:
        """Nothing is played here."""
        return 0

    def wait(self) -> float:
        """There is never anything to play."""
        return inf

    def answer(self, request: Any) -> Answer:
        """The answer to any request, whatever it is; it never raises."""
        try:
            checked = protocol.checked(request)
            ask = protocol.word(checked, "ask", ASKED)
            if ask not in LOOKS:
                raise UserError(f"this is a run to look at: {ask} would change it")
            self._refresh()
            return protocol.accepted(checked, LOOKS[ask](self, checked))
        except UserError as error:
            return protocol.refused(request, error)
        except Exception as error:  # a stranger's folder may hold anything
            return protocol.refused(request, f"this failed with {type(error).__name__}: {error}")

    # ---- the folder ---------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Read what has changed since the last time."""
        self.note = None
        self._read(METRICS, self._read_curves)
        self._read(CHECKPOINT, self._read_game)

    def _read(self, name: str, read: Any) -> None:
        """Read a file if it is another one; while it cannot be read, what was read last stays."""
        path = self.folder / name
        try:
            status = path.stat()
            stamp = status.st_mtime_ns, status.st_size, status.st_ino
            if stamp != self._stamps.get(name):
                read(path)
                self._stamps[name] = stamp
                self.serial += 1
        except FileNotFoundError:
            self.note = f"{path} is not there yet"
        except (UserError, OSError) as error:
            self.note = str(error)

    def _read_curves(self, path: Path) -> None:
        self._curves = read_metrics(path)

    def _read_game(self, path: Path) -> None:
        checkpoint = load_checkpoint(path)
        gan = rebuild(checkpoint.tensors, checkpoint.metadata, where=path)
        self.game = WatchedGame(gan, int(checkpoint.metadata["iteration"]))

    # ---- requests -----------------------------------------------------------------------------

    def hello(self, request: Request) -> Answer:
        """What there is to see."""
        return {
            "version": versions()["minigan"],
            "where": "watch",
            "games": [
                {
                    "name": Drawing.name,
                    "label": f"{self.config.get('system')} in {self.folder.name}",
                    "kind": Drawing.kind,
                    "help": "A run of minigan: its losses, and what its last checkpoint draws.",
                }
            ],
            "settings": {Drawing.name: []},
            "source": sources(self.game.acts()) if self.game else [],
            "limits": {"bytes": protocol.MOST_BYTES, "rows": MOST_ROWS},
        }

    def frame(self, request: Request) -> Answer:
        """What there is to see now."""
        after = request.get("after")
        if after is not None and protocol.whole(request, "after") == self.serial:
            return {"unchanged": True, "serial": self.serial}
        since = protocol.whole(request, "since", -1, low=-1)
        wants = [name for name in request.get("wants") or [] if name in Drawing.parts]
        iterations = self._curves.get("iteration", np.zeros(0))
        at = self.game.round if self.game else 0
        newest = max(at, int(iterations[-1]) if len(iterations) else 0)
        return {
            "round": at,
            "newest": newest,
            "oldest": 0,
            "serial": self.serial,
            "era": 1,
            "playing": False,
            "speed": None,
            "until": None,
            "rate": 0.0,
            "note": self.note,
            "game": Drawing.name,
            "settings": {},
            "began": {},
            "journal": [],
            "curves": self._rows(since),
            **{name: self.game.part(name) if self.game else None for name in wants},
        }

    def _rows(self, since: int) -> dict[str, Any]:
        """The table's rows after an iteration, thinned to MOST_ROWS, the last one among them."""
        names = [name for name in self._curves if name not in ("iteration", "epoch")]
        iterations = self._curves.get("iteration", np.zeros(0))
        rows = np.flatnonzero(iterations > since)
        stride = max(1, -(-len(rows) // MOST_ROWS))
        rows = rows[::-1][::stride][::-1]
        return {
            "names": names,
            "rows": [
                [int(iterations[row]), *(float(self._curves[name][row]) for name in names)]
                for row in rows
            ],
        }

    def look(self, request: Request) -> Answer:
        """The image at a point of the plane of noise."""
        if self.game is None:
            raise UserError(f"{self.folder} has no checkpoint yet; look again later")
        protocol.word(request, "what", self.game.sights)
        return {"what": "latent", **self.game.look_latent(request)}


LOOKS = {"hello": Watch.hello, "frame": Watch.frame, "look": Watch.look}
ASKED = (*LOOKS, "new", "change", "play", "step", "go")
