"""The games that there are, by name, and what each of them needs to begin.

Next: history.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from minigan.data.loader import ImageDataset
from minigan.data.mnist import mnist
from minigan.live import choices
from minigan.live.images import ImagesGame, recipes
from minigan.live.line import LineGame
from minigan.live.plane import PlaneGame
from minigan.live.play import Play
from minigan.live.settings import Setting, Settings

Data = Callable[[], ImageDataset]

GAMES: tuple[type[Play], ...] = (PlaneGame, LineGame, ImagesGame)
ALL_PARTS = tuple(dict.fromkeys(part for game in GAMES for part in game.parts))


class Games:
    """The games of one session, with the data sets that its images may come from."""

    def __init__(self, data: Mapping[str, Data] | None = None) -> None:
        self.data: Mapping[str, Data] = {"mnist": mnist} if data is None else data
        self._read: dict[str, ImageDataset] = {}
        self._settings: dict[str, list[Setting]] = {
            PlaneGame.name: choices.PLANE,
            LineGame.name: choices.LINE,
        }
        if self.data:
            self._settings[ImagesGame.name] = choices.images(list(self.data), list(recipes()))

    @property
    def names(self) -> list[str]:
        return list(self._settings)

    def settings(self, name: str) -> list[Setting]:
        """What can be chosen in a game."""
        return self._settings[name]

    def make(self, name: str, values: Settings) -> Play:
        """The game, at its beginning. Raises UserError."""
        if name == ImagesGame.name:
            return ImagesGame(values, self._dataset(values["data"]))
        return LineGame(values) if name == LineGame.name else PlaneGame(values)

    def _dataset(self, name: str) -> ImageDataset:
        """A data set, which is read when it is chosen for the first time."""
        if name not in self._read:
            self._read[name] = self.data[name]()
        return self._read[name]

    def described(self) -> list[dict[str, Any]]:
        """All of them, for the page."""
        return [
            {"name": game.name, "label": game.label, "kind": game.kind, "help": game.help}
            for game in GAMES
            if game.name in self._settings
        ]
