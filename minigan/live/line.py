"""The game on a line: figure 1 of the 2014 paper, while it happens.

Two densities as curves, what D says and what the best D would say, and the map from z to x whose
bends make one density of the other. All of it is computed as in theory/figure1.py.

Next: drawing.py.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from minigan.evaluation.divergences import js_divergence, kl_divergence
from minigan.live.perceptrons import Perceptrons
from minigan.live.protocol import array
from minigan.live.settings import Settings
from minigan.random import Random
from minigan.tensor import Array, Tensor
from minigan.theory import figure1
from minigan.theory.figure1 import generated_density
from minigan.theory.line import uniform_noise
from minigan.theory.toys import CELL, GRID, Mixture, gaussian

LINES: dict[str, Mixture] = {
    "two hills": figure1.DATA,
    "one hill": gaussian(1.0, 0.8),
    "three hills": Mixture((0.3, 0.3, 0.4), (-2.5, 0.0, 2.5), (0.35, 0.35, 0.35)),
    "far away": gaussian(4.0, 0.5),
}

SHOWN = slice(600, 1801, 4)  # points of GRID that are drawn: x from -6 to 6
FINE = np.linspace(-1, 1, 5001)  # the z that the density of G is made of
SAMPLES = 2000  # behind V


class LineGame(Perceptrons):
    """Two perceptrons on a line; z is spread evenly from -1 to 1."""

    name = kind = "line"
    label = "densities on a line"
    help = (
        "The generator bends a line of noise: where it squeezes z together, x becomes dense. The "
        "discriminator should say p / (p + q) everywhere, and ½ in the end."
    )
    parts = ("densities", "curve", "map", "divergences", "gradients")
    sights = ("eigenvalues",)
    points = 1

    def new_views(self) -> Views:
        return Views(self.values)

    def real(self, count: int) -> Tensor:
        return self.views.data.sample(self.random, count)

    def noise(self, count: int) -> Tensor:
        return uniform_noise(self.random, count)

    def _generated(self) -> Array:
        """The generator's density over GRID, of sum 1 also where some of it lies beyond."""
        density = generated_density(self.game.generator, FINE)
        total = density.sum() * CELL
        return density / total if total > 0 else density

    def densities(self) -> dict[str, Any]:
        return {
            "x": array(GRID[SHOWN]),
            "data": array(self.views.density[SHOWN]),
            "generated": array(self._generated()[SHOWN]),
        }

    def curve(self) -> dict[str, Any]:
        """D at the x of the densities, and D* = p / (p + q): NaN where there is nothing."""
        x = GRID[SHOWN]
        p, q = self.views.density[SHOWN], self._generated()[SHOWN]
        seen = p + q > 1e-4
        best = np.where(seen, p / np.where(seen, p + q, 1), np.nan)
        return {
            "D": array(self.judged(x[:, None])),
            "best": array(best) if self.has_best else None,
            "kind": "probability" if self.is_probability else "score",
        }

    def map(self) -> dict[str, Any]:
        """Where some z, evenly apart, go."""
        z = figure1.ARROWS.astype(np.float32)
        return {"z": array(z), "x": array(self.drawn(z[:, None])[:, 0])}

    def divergences(self) -> dict[str, Any]:
        """How far data and generator are apart, in nats.

        For KL one z more is spread over the whole line, because KL is infinite where none goes.
        """
        p, q = self.views.density, self._generated()
        found: dict[str, Any] = {"kl": None, "js": None, "bound": None}
        if q.sum() > 0:
            js = js_divergence(p, q, cell=CELL)
            found = {"kl": _kl(p, q), "js": js, "bound": -np.log(4) + 2 * js}
        return {
            **found,
            **self.views.floor,
            "value": self.value(self.views.real, self.views.z),
            "sum_p": p.sum() * CELL,
            "sum_q": q.sum() * CELL,
            "samples": len(FINE),
            "round": self.round,
        }


def _kl(p: Array, q: Array) -> float:
    filled = q + 1 / (len(FINE) * len(GRID) * CELL)
    return kl_divergence(p, filled / (filled.sum() * CELL), cell=CELL)


class Views:
    """What is looked at with; of a stream of its own, so that looking changes nothing."""

    def __init__(self, values: Settings) -> None:
        self.data = LINES[values["data"]]
        self.random = Random(values["seed"]).fork("looking")

    @cached_property
    def density(self) -> Array:
        return self.data.density(GRID)

    @cached_property
    def real(self) -> Array:
        return self.data.sample(self.random.fork("real"), SAMPLES).numpy()

    @cached_property
    def z(self) -> Array:
        return uniform_noise(self.random.fork("z"), SAMPLES).numpy()

    @cached_property
    def floor(self) -> dict[str, float]:
        """KL and JS of a generator that draws the data itself, seen through the same blur."""
        below = np.cumsum(self.density) * CELL

        def perfect(z: Tensor) -> Tensor:
            return Tensor(np.interp((z.numpy() + 1) / 2, below, GRID))

        q = generated_density(perfect, FINE)
        return {
            "kl_floor": _kl(self.density, q),
            "js_floor": js_divergence(self.density, q, cell=CELL),
        }
