"""What every game on the page is: something that moves, can be looked at, changed and copied.

A copy is how the page travels in time. Whatever the next move depends on (weights, what the
optimizers remember, where the random numbers stand) lies in the game itself; what only looking
needs lies in `views`, which copies share because nobody writes to it.

Next: perceptrons.py.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from minigan.errors import UserError
from minigan.live.settings import Settings
from minigan.nn import Module
from minigan.optim import Optimizer
from minigan.tensor import Tensor

Row = dict[str, float | None]  # of the curves: what one round left behind

PLAYERS = ("D", "G", "both")


class Play:
    """A game: subclasses say what is in it, how it moves and what there is to see."""

    name: ClassVar[str]
    label: ClassVar[str]
    kind: ClassVar[str]  # "plane", "line" or "images": which pictures the page draws
    help: ClassVar[str]
    curves: tuple[str, ...]
    parts: tuple[str, ...]  # what a frame can hold, each the name of a method
    sights: tuple[str, ...] = ()  # what can be asked for, likewise: look_…

    values: Settings
    views: Any
    round: int = 0
    measured: Mapping[str, Any] = {}  # parts that took long, as they were a while ago

    def change(self, values: Settings) -> None:
        """Go on with these values, which are all of the settings."""
        raise NotImplementedError

    def move(self, player: str) -> Row:
        """One round of the game, or one update of "D" or "G" alone. Raises UserError."""
        raise NotImplementedError

    def can_move(self, player: str) -> None:
        """Raise UserError if a round of this game cannot be cut into moves of "D" and "G"."""

    def after_round(self) -> Row:
        """What else is to be measured now that a round is over, for the curves."""
        return {}

    def acts(self) -> list[Any]:
        """The functions that play a round: those whose lines the page can show."""
        raise NotImplementedError

    def players(self) -> dict[str, tuple[Module, Optimizer]]:
        """ "D" and "G": the network and what moves it."""
        raise NotImplementedError

    def shared(self) -> list[Any]:
        """What copies have in common with their original."""
        return [self.views]

    def copy(self) -> Self:
        """A game that stands where this one stands, and goes on by itself."""
        return copy.deepcopy(self, {id(each): each for each in self.shared()})

    def size(self) -> int:
        """About how many bytes a copy takes: weights, twice as much that Adam remembers, and a
        little around each of them."""
        return sum(3 * p.array.nbytes + 2000 for _, _, p in self.parameters())

    def parameters(self) -> Iterator[tuple[str, str, Tensor]]:
        """The players' parameters: player, name, parameter."""
        for player, (network, _) in self.players().items():
            for name, parameter in network.named_parameters():
                yield player, name, parameter

    def count(self) -> int:
        """How many numbers the players learn, together."""
        return sum(parameter.numel() for _, _, parameter in self.parameters())

    def gradients(self) -> list[dict[str, Any]]:
        """How long each parameter's last gradient and the parameter itself are: Euclidean norms."""
        return [
            {
                "player": player,
                "name": name,
                "shape": list(parameter.shape),
                "gradient": None if parameter.grad is None else parameter.grad.norm().item(),
                "weight": parameter.detach().norm().item(),
            }
            for player, name, parameter in self.parameters()
        ]

    def part(self, name: str, *, hurried: bool = False) -> Any:
        """A part of a frame; while the game hurries on, what takes long as it was measured last.

        Raises UserError for a part that this game does not have.
        """
        if name not in self.parts:
            raise UserError(f"the game {self.name} shows {', '.join(self.parts)}, but no {name}")
        return self.measured[name] if hurried and name in self.measured else getattr(self, name)()
