"""The games that there are, by name, and what each of them needs to begin.

Next: history.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from minigan.data.loader import ImageDataset
from minigan.live.choices import LINE, PLANE
from minigan.live.line import LineGame
from minigan.live.perceptrons import Perceptrons
from minigan.live.plane import PlaneGame
from minigan.live.play import Play
from minigan.live.settings import Setting, Settings

Data = Callable[[], ImageDataset]

GAMES: dict[str, type[Play]] = {"plane": PlaneGame, "line": LineGame}
ALL_PARTS = tuple(dict.fromkeys(part for game in GAMES.values() for part in game.parts))


class Games:
    """The games of one session, which may have data of its own."""

    def __init__(self, data: Mapping[str, Data] | None = None) -> None:
        self.data = data
        self._settings: dict[str, list[Setting]] = {"plane": PLANE, "line": LINE}

    @property
    def names(self) -> list[str]:
        return list(self._settings)

    def settings(self, name: str) -> list[Setting]:
        """What can be chosen in a game."""
        return self._settings[name]

    def make(self, name: str, values: Settings) -> Play:
        """The game, at its beginning. Raises UserError."""
        game: type[Perceptrons] = LineGame if name == "line" else PlaneGame
        return game(values)

    def described(self) -> list[dict[str, Any]]:
        """All of them, for the page."""
        return [
            {"name": name, "label": game.label, "kind": game.kind, "help": game.help}
            for name, game in GAMES.items()
        ]
