"""torch with its compiler: both networks go through torch.compile, the loop around them stays.

The first rounds compile, which takes minutes; they are not among the measured ones.
"""

from __future__ import annotations

from typing import Any

import torch

from contenders import Game, UnsupportedError, Work, torch_eager
from contenders.cases import Operation, Step


class Contender(torch_eager.Contender):
    """torch, its networks compiled and its loop as it is."""

    def operation(self, case: Operation) -> dict[str, Work]:
        raise UnsupportedError("nothing to gain from compiling one operation")

    def step(self, case: Step, arrays: dict[str, Any]) -> Game:
        if case.game == "wgan_gp":
            raise UnsupportedError("torch.compile has no second derivatives")
        game = torch_eager.TorchGame(self, case, arrays)
        game.generator = torch.compile(game.generator)
        game.discriminator = torch.compile(game.discriminator)
        return game
