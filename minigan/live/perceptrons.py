"""Two perceptrons against each other: how they are made, changed while they play, and moved.

The game on a plane and the one on a line differ in what is learned and in what there is to see.
Both are `theory/game.py`'s game, and every setting is one of its arguments.

Next: plane.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minigan import nn
from minigan.functional import sigmoid
from minigan.live.play import Play, Row
from minigan.live.protocol import array
from minigan.live.settings import Settings
from minigan.optim import SGD, Adam, Optimizer
from minigan.random import Random, fork_rng, manual_seed
from minigan.tensor import Array, Tensor, no_grad
from minigan.theory.eigenvalues import eigenvalues, jacobian
from minigan.theory.game import (
    LEAST_SQUARES,
    NON_SATURATING,
    SATURATING,
    WASSERSTEIN,
    Game,
    Objective,
    cross_entropy_loss,
)
from minigan.theory.toys import perceptron

OBJECTIVES: dict[str, Objective] = {
    "non-saturating": NON_SATURATING,
    "saturating": SATURATING,
    "least squares": LEAST_SQUARES,
    "Wasserstein": WASSERSTEIN,
}
PROBABILITY = ("non-saturating", "saturating")  # where σ of the score is a probability
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "ReLU": nn.ReLU,
    "Tanh": nn.Tanh,
}

EIGENVALUES_OF = 256  # points and noises that their game is played on


class Perceptrons(Play):
    """A game of two perceptrons; a subclass says on what, and what there is to see."""

    curves = ("D loss", "G loss", "KL", "JS")
    points: int  # numbers in a point

    def __init__(self, values: Settings) -> None:
        self.values = values
        self.random = Random(values["seed"]).fork(self.name)
        self.views = self.new_views()
        generator, discriminator = self._network("generator"), self._network("discriminator")
        self.game = Game(
            self._objective(),
            generator,
            discriminator,
            (
                self._optimizer("generator", generator),
                self._optimizer("discriminator", discriminator),
            ),
            real=self.real,
            noise=self.noise,
            random=self.random,
            batch_size=values["batch_size"],
        )

    # ---- what it is made of -------------------------------------------------------------------

    def new_views(self) -> Any:
        """What is looked at with, for the present values."""
        raise NotImplementedError

    def real(self, count: int) -> Tensor:
        """Points of the data (count, points)."""
        raise NotImplementedError

    def noise(self, count: int) -> Tensor:
        """z (count, noise_dim)."""
        raise NotImplementedError

    @property
    def noise_dim(self) -> int:
        return self.values.get("noise_dim", 1)

    @fork_rng()
    def _network(self, player: str) -> nn.Sequential:
        """A new one: always the same for the same seed, also in the middle of a game."""
        values = self.values
        manual_seed(Random(values["seed"]).fork(player).state_dict()["seed"])
        sizes = (self.noise_dim, self.points) if player == "generator" else (self.points, 1)
        return perceptron(
            *sizes,
            width=values[f"{player}_width"],
            layers=values[f"{player}_layers"],
            activation=ACTIVATIONS[values["activation"]](),
        )

    def _optimizer(self, player: str, network: nn.Module) -> Optimizer:
        lr = self.values[f"{player}_lr"]
        if self.values[f"{player}_optimizer"] == "SGD":
            return SGD(network.parameters(), lr)
        return Adam(network.parameters(), lr, (self.values["beta1"], 0.999))

    def _objective(self) -> Objective:
        values = self.values
        penalty, weight = values["penalty"], values["penalty_weight"]
        return OBJECTIVES[values["objective"]]._replace(
            penalty=weight if penalty == "slopes of 1" else 0.0,
            r1=weight if penalty == "R1" else 0.0,
            discriminator_steps=values["discriminator_steps"],
            generator_steps=values["generator_steps"],
        )

    def change(self, values: Settings) -> None:
        before, self.values = self.values, values
        changed = {name for name in values if values[name] != before[name]}
        if changed & {"data", "points", "noise", "noise_dim"}:
            self.views, self.measured = self.new_views(), {}
        self.game.objective, self.game.batch_size = self._objective(), values["batch_size"]
        self._change_player("generator", changed, anew={"activation", "noise_dim"})
        self._change_player("discriminator", changed, anew={"activation"})

    def _change_player(self, player: str, changed: set[str], *, anew: set[str]) -> None:
        """Another size is another network, and another optimizer remembers nothing."""
        game, values = self.game, self.values
        anew = anew | {f"{player}_layers", f"{player}_width"}
        if changed & anew:
            setattr(game, player, self._network(player))
        if changed & {*anew, f"{player}_optimizer"}:
            optimizer = self._optimizer(player, getattr(game, player))
            setattr(game, f"{player}_optimizer", optimizer)
        optimizer = getattr(game, f"{player}_optimizer")
        optimizer.lr = values[f"{player}_lr"]
        if isinstance(optimizer, Adam):
            optimizer.betas = (values["beta1"], 0.999)

    def players(self) -> dict[str, tuple[nn.Module, Optimizer]]:
        game = self.game
        return {
            "D": (game.discriminator, game.discriminator_optimizer),
            "G": (game.generator, game.generator_optimizer),
        }

    # ---- how it moves -------------------------------------------------------------------------

    def move(self, player: str) -> Row:
        game = self.game
        if player == "both":
            losses = game.step()
            self.round += 1
        elif player == "D":
            losses = {"D loss": game.discriminator_step()}
        else:
            losses = {"G loss": game.generator_step()}
        return {name: loss.item() for name, loss in losses.items()}

    def after_round(self) -> Row:
        every = self.values["measure_every"]
        if every == 0 or self.round % every:
            return {}
        found = self.divergences()
        self.measured = {"divergences": found}
        return {"KL": found["kl"], "JS": found["js"]}

    def acts(self) -> list[Any]:
        loss = OBJECTIVES[self.values["objective"]]
        return [
            Game.step,
            Game.discriminator_step,
            Game.discriminator_loss,
            loss.discriminator_loss,
            Game.generator_step,
            loss.generator_loss,
        ]

    # ---- what one sees ------------------------------------------------------------------------

    def drawn(self, z: Array) -> Array:
        """G(z): (N, points)."""
        with no_grad():
            return self.game.generator(Tensor(z)).numpy()

    def judged(self, points: Array) -> Array:
        """What D says of points (N, points): a probability, or a score if it gives scores: (N,)."""
        with no_grad():
            scores = self.game.discriminator(Tensor(points.astype(np.float32)))
            return (sigmoid(scores) if self.is_probability else scores).numpy()[:, 0]

    @property
    def is_probability(self) -> bool:
        return self.values["objective"] in PROBABILITY

    @property
    def has_best(self) -> bool:
        """Whether p / (p + q) is what D should say: a Wasserstein critic has no formula.

        Under the first two losses it is the best probability, and under least squares the best
        score.
        """
        return self.values["objective"] != "Wasserstein"

    def divergences(self) -> dict[str, Any]:
        """How far data and generator are apart."""
        raise NotImplementedError

    def value(self, real: Array, z: Array) -> float | None:
        """V(D, G) on these points and this noise, in nats, where D says probabilities."""
        if not self.is_probability:
            return None
        with no_grad():
            points = (Tensor(real), self.game.generator(Tensor(z)))
            return -cross_entropy_loss(*map(self.game.discriminator, points)).item()

    def look_eigenvalues(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the game's Jacobian at this round: does it spiral, and inwards or outwards?"""
        start = time.perf_counter()
        real, z = self.views.real[:EIGENVALUES_OF], self.views.z[:EIGENVALUES_OF]
        found = eigenvalues(jacobian(self.game, Tensor(real), Tensor(z)))
        return {
            "values": array(np.stack([found.real, found.imag], axis=1)),  # (n, 2)
            "parameters": len(found),
            "largest_real": found.real.max(),
            "seconds": time.perf_counter() - start,
            "round": self.round,
        }
