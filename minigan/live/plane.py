"""The game on a plane: points that are drawn, points that should be learned, and all that is known.

Both networks are perceptrons, and the data's density is known exactly (theory/plane.py). So beside
what D says there can stand what the best D would say, and beside the losses how far apart data and
generator really are.

Next: games.py.
"""

from __future__ import annotations

import time
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np

from minigan import nn
from minigan.errors import UserError
from minigan.evaluation.divergences import js_divergence, kl_divergence
from minigan.functional import sigmoid
from minigan.live.choices import PLANE
from minigan.live.play import Play, Row
from minigan.live.protocol import array, number
from minigan.live.settings import Settings
from minigan.optim import SGD, Adam, Optimizer
from minigan.random import Random, fork_rng, manual_seed
from minigan.tensor import Array, Tensor, grad, no_grad
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
from minigan.theory.plane import PLANES, Spots, histogram
from minigan.theory.toys import perceptron

OBJECTIVES: dict[str, Objective] = {
    "non-saturating": NON_SATURATING,
    "saturating": SATURATING,
    "least squares": LEAST_SQUARES,
    "Wasserstein": WASSERSTEIN,
}
PROBABILITY = ("non-saturating", "saturating")  # where σ of the score is a probability
ACTIVATIONS = {"LeakyReLU": lambda: nn.LeakyReLU(0.2), "ReLU": nn.ReLU, "Tanh": nn.Tanh}

EXTENT = 3.0  # the plane is shown, and its cells are counted, from -EXTENT to EXTENT
CELLS = 40  # on each side
EDGES = np.linspace(-EXTENT, EXTENT, CELLS + 1)
CENTERS = (EDGES[:-1] + EDGES[1:]) / 2

SHOWN = 450  # points of the data and of the generator
ARROWS = 60
LATTICE = 21  # lines of z in each direction
COUNTED = 10_000  # samples behind a divergence
DRAWN_SIZE = 0.12  # the deviation around each point of a drawing
MOST_PARAMETERS = 2500  # of a game whose eigenvalues are asked for: they take a cube of time


class PlaneGame(Play):
    """Two perceptrons on a plane."""

    name = kind = "plane"
    label = "points on a plane"
    help = (
        "The generator bends a square of noise until its points lie as the data's do; the "
        "discriminator colours the plane by how likely a point there is real."
    )
    curves = ("D loss", "G loss", "KL", "JS")
    parts = ("samples", "field", "best", "manifold", "arrows", "divergences", "gradients")
    sights = ("point", "eigenvalues")

    def __init__(self, values: Settings) -> None:
        self.values = values
        self.random = Random(values["seed"]).fork("plane")
        self.views = Views(values)
        networks = {player: self._network(player) for player in ("generator", "discriminator")}
        self.game = Game(
            self._objective(),
            *networks.values(),
            (
                self._optimizer("generator", networks["generator"]),
                self._optimizer("discriminator", networks["discriminator"]),
            ),
            real=self.real,
            noise=self.noise,
            random=self.random,
            batch_size=values["batch_size"],
        )

    # ---- what it is made of -------------------------------------------------------------------

    def real(self, count: int) -> Tensor:
        return self.views.data.sample(self.random, count)

    def noise(self, count: int) -> Tensor:
        return self.views.noise(self.random, count)

    @fork_rng()
    def _network(self, player: str) -> nn.Sequential:
        values = self.values
        manual_seed(Random(values["seed"]).fork(player).state_dict()["seed"])
        inputs, outputs = (values["noise_dim"], 2) if player == "generator" else (2, 1)
        return perceptron(
            inputs,
            outputs,
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
        weights = {"slopes of 1": "penalty", "R1": "r1"}
        penalties = {"penalty": 0.0, "r1": 0.0}
        if values["penalty"] in weights:
            penalties[weights[values["penalty"]]] = values["penalty_weight"]
        return OBJECTIVES[values["objective"]]._replace(
            discriminator_steps=values["discriminator_steps"],
            generator_steps=values["generator_steps"],
            **penalties,
        )

    def change(self, values: Settings) -> None:
        before, self.values = self.values, values
        changed = {name for name in values if values[name] != before[name]}
        if changed & {"data", "points", "noise", "noise_dim"}:
            self.views = Views(values)
        game = self.game
        game.objective, game.batch_size = self._objective(), values["batch_size"]
        for player in ("generator", "discriminator"):
            size = {"activation", f"{player}_layers", f"{player}_width"}
            if player == "generator":
                size.add("noise_dim")
            if changed & size:
                setattr(game, player, self._network(player))
            if changed & {*size, f"{player}_optimizer"}:
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

    def _drawn(self, z: Array) -> Array:
        with no_grad():
            return self.game.generator(Tensor(z)).numpy()

    def _judged(self, points: Array) -> Array:
        """What D says of points (N, 2): a probability, or a score where it gives scores: (N,)."""
        with no_grad():
            scores = self.game.discriminator(Tensor(points.astype(np.float32)))
            return (sigmoid(scores) if self._is_probability else scores).numpy()[:, 0]

    @property
    def _is_probability(self) -> bool:
        return self.values["objective"] in PROBABILITY

    def samples(self) -> dict[str, Any]:
        return {
            "real": array(self.views.shown),
            "fake": array(self._drawn(self.views.z[:SHOWN])),
        }

    def field(self) -> dict[str, Any]:
        """D at the centers of all cells: rows are y, from low to high."""
        return {
            "values": array(self._judged(self.views.grid).reshape(CELLS, CELLS)),
            "kind": "probability" if self._is_probability else "score",
            "extent": [-EXTENT, EXTENT, -EXTENT, EXTENT],
        }

    def _counts(self) -> Array:
        """How many of COUNTED samples of the generator fall into each cell."""
        return histogram(self._drawn(self.views.z), EDGES)

    def best(self) -> dict[str, Any] | None:
        """D* = p / (p + q) in each cell; NaN where of COUNTED samples hardly one would fall.

        It is the best D of the first two objectives, and the best score under least squares. A
        Wasserstein critic has no formula.
        """
        if self.values["objective"] == "Wasserstein":
            return None
        p, q = self.views.p, self._counts() / COUNTED
        seen = p + q > 0.5 / COUNTED
        return array(np.where(seen, p / np.where(seen, p + q, 1), np.nan))

    def manifold(self) -> dict[str, Any]:
        """Where a lattice of z goes: between neighboring lines lies the same share of all z."""
        lattice = self.views.lattice
        shape = (LATTICE, LATTICE) if self.values["noise_dim"] == 2 else (len(lattice),)
        return array(self._drawn(lattice).reshape(*shape, 2))

    def arrows(self) -> dict[str, Any]:
        """-∂(its loss)/∂x at some fakes x: where D's slope would have each of them go."""
        at = self._drawn(self.views.z[:ARROWS])
        x = Tensor(at, requires_grad=True)
        with nn.frozen(self.game.discriminator):
            loss = self.game.objective.generator_loss(self.game.discriminator(x)) * len(at)
        (slope,) = grad(loss, x)
        assert slope is not None
        return {"at": array(at), "by": array(-slope.numpy())}

    def divergences(self) -> dict[str, Any]:
        """How far data and generator are apart, in nats, over the cells and the rest of the plane.

        KL takes half a sample more in each cell, because a histogram cannot tell what is never
        drawn from what is drawn seldom, and of what is never drawn KL is infinite.
        """
        counts, p = self._counts().ravel(), self.views.p.ravel()
        q = counts / COUNTED
        js = js_divergence(_with_rest(p), _with_rest(q))
        found = {
            "kl": kl_divergence(_with_rest(p), self.views.smoothed(counts)),
            "js": js,
            **self.views.floor,
            "value": None,
            "bound": -np.log(4) + 2 * js,
            "sum_p": p.sum(),
            "sum_q": q.sum(),
            "samples": COUNTED,
            "round": self.round,
        }
        if self._is_probability:
            with no_grad():
                fake = self.game.generator(Tensor(self.views.z))
                scores = [self.game.discriminator(x) for x in (Tensor(self.views.real), fake)]
                found["value"] = -cross_entropy_loss(*scores).item()
        return found

    # ---- what is looked at on demand ----------------------------------------------------------

    def look_point(self, request: Any) -> dict[str, Any]:
        """D, D*, p and q at one point: the shares are those of its cell."""
        x, y = _pair(request)
        column, row = (int((each + EXTENT) / (2 * EXTENT) * CELLS) for each in (x, y))
        p, q = self.views.p[row, column], self._counts()[row, column] / COUNTED
        return {
            "D": self._judged(np.array([[x, y]]))[0],
            "best": p / (p + q) if p + q > 0.5 / COUNTED else None,
            "p": p,
            "q": q,
        }

    def look_eigenvalues(self, request: Any) -> dict[str, Any]:
        """Those of the game's Jacobian at this round: does it spiral, and inwards or outwards?"""
        count = sum(parameter.numel() for _, _, parameter in self.parameters())
        if count > MOST_PARAMETERS:
            raise UserError(
                f"the eigenvalues of {count:,} parameters take too long; choose narrower networks, "
                f"with at most {MOST_PARAMETERS:,} in all"
            )
        batch, start = 256, time.perf_counter()
        found = eigenvalues(
            jacobian(self.game, Tensor(self.views.real[:batch]), Tensor(self.views.z[:batch]))
        )
        return {
            "values": array(np.stack([found.real, found.imag], axis=1)),  # (n, 2)
            "parameters": count,
            "largest_real": found.real.max(),
            "seconds": time.perf_counter() - start,
            "round": self.round,
        }


class Views:
    """What is looked at with: always the same points, noise and cells, so that only what has
    learned is seen to move. Of a stream of its own, so that looking changes nothing."""

    def __init__(self, values: Settings) -> None:
        self.dim, self.normal = values["noise_dim"], values["noise"] == "normal"
        self.random = Random(values["seed"]).fork("looking")
        if values["data"] == "drawn":
            self.data = Spots(np.array(values["points"]), DRAWN_SIZE)
        else:
            self.data = PLANES[values["data"]]

    def noise(self, random: Random, count: int) -> Tensor:
        """z (count, dim): of N(0, 1), or of U(-1, 1)."""
        if self.normal:
            return Tensor(random.normal((count, self.dim)))
        return Tensor(2 * random.uniform((count, self.dim)) - 1)

    @cached_property
    def real(self) -> Array:
        return self.data.sample(self.random.fork("real"), COUNTED).numpy()

    @property
    def shown(self) -> Array:
        return self.real[:SHOWN]

    @cached_property
    def z(self) -> Array:
        return self.noise(self.random.fork("z"), COUNTED).numpy()

    @cached_property
    def grid(self) -> Array:
        """The centers of all cells: (CELLS², 2), x runs fastest."""
        x, y = np.meshgrid(CENTERS, CENTERS)
        return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)

    @cached_property
    def lattice(self) -> Array:
        """Lines of z between which lie equal shares of it: (LATTICE², 2), or (101, 1)."""
        lines = LATTICE if self.dim == 2 else 101
        shares = (np.arange(lines) + 0.5) / lines
        if self.normal:
            levels = np.array([NormalDist().inv_cdf(share) for share in shares])
        else:
            levels = 2 * shares - 1
        axes = np.meshgrid(*[levels] * self.dim)
        return np.stack([axis.ravel() for axis in axes], axis=1).astype(np.float32)

    @cached_property
    def p(self) -> Array:
        """The data's share of each cell, exactly."""
        return self.data.cells(EDGES)

    def smoothed(self, counts: Array) -> Array:
        """Counts (cells,) of COUNTED samples as shares, with half a sample more for each cell and
        for the rest of the plane: (cells + 1,)."""
        filled = np.append(counts, COUNTED - counts.sum()) + 0.5
        return filled / filled.sum()

    @cached_property
    def floor(self) -> dict[str, float]:
        """KL and JS of the data and as many samples of the data itself: nobody gets below."""
        counts, p = histogram(self.real, EDGES).ravel(), _with_rest(self.p.ravel())
        return {
            "kl_floor": kl_divergence(p, self.smoothed(counts)),
            "js_floor": js_divergence(p, _with_rest(counts / COUNTED)),
        }


def _with_rest(shares: Array) -> Array:
    """The shares of all cells, and that of the rest of the plane."""
    return np.append(shares, max(0.0, 1 - shares.sum()))


def _pair(request: Any) -> tuple[float, float]:
    x = request.get("x")
    if not isinstance(x, list | tuple) or len(x) != 2:
        raise UserError("x is a point [x, y]")
    pair = (number({"x": x[0]}, "x"), number({"x": x[1]}, "x"))
    if not all(abs(each) < EXTENT for each in pair):
        raise UserError(f"x is a point [x, y] between {-EXTENT:g} and {EXTENT:g}, not {list(x)}")
    return pair
