"""Distributions on a plane, each of which knows its exact share of every cell of a grid.

A divergence of two distributions on a plane is a sum over cells. For the generator's a histogram
of many samples must do. For the data's there is no need to count: each is a mixture of parts
whose two coordinates are independent, so a part's share of a cell is a product,

    P(cell) = Σ share · (F(right) − F(left)) · (F(top) − F(bottom)),        F: how much lies below.

Next: game.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minigan.random import Random
from minigan.tensor import Array, Tensor
from minigan.theory.toys import Ring

erf = np.vectorize(math.erf, otypes=[np.float64])  # NumPy has none


class Spots(NamedTuple):
    """Equal shares around some centers: round Gaussians, or squares that are filled evenly."""

    centers: Array  # (K, 2)
    size: float  # the standard deviation; of a square, half a side
    square: bool = False

    def sample(self, random: Random, count: int) -> Tensor:
        """Points (count, 2), float32."""
        means = self.centers[random.integers(len(self.centers), count)]  # (count, 2)
        if self.square:
            away = 2 * random.uniform((count, 2), "float64") - 1
        else:
            away = random.normal((count, 2), "float64")
        return Tensor((means + self.size * away).astype(np.float32))

    def below(self, edges: Array) -> Array:
        """The share of each part that lies below each edge (E,), for both axes: (2, K, E)."""
        scaled = (edges - self.centers.T[..., None]) / self.size  # (E,), (2, K, 1) -> (2, K, E)
        if self.square:
            return np.clip((scaled + 1) / 2, 0, 1)
        return (1 + erf(scaled / math.sqrt(2))) / 2

    def cells(self, edges: Array) -> Array:
        """P(cell) on the grid between these edges (E,) of both axes: (E-1, E-1), rows are y."""
        x, y = np.diff(self.below(edges), axis=-1)  # (K, E-1) each
        return y.T @ x / len(self.centers)


def histogram(points: Array, edges: Array) -> Array:
    """How many of the points (N, 2) fall into each cell: (E-1, E-1), rows are y."""
    return np.histogram2d(points[:, 1], points[:, 0], bins=(edges, edges))[0]


def segment(start: Sequence[float], end: Sequence[float], size: float) -> Spots:
    """A line with soft edges: Gaussians so close to each other that no eye can tell them apart."""
    length = math.dist(start, end)
    return Spots(np.linspace(start, end, 1 + math.ceil(length / size)), size)


PLANES: dict[str, Spots] = {
    "line": segment((-2, -1.2), (2, 1.2), 0.12),
    "two Gaussians": Spots(np.array([(-1.3, 0.6), (1.3, -0.6)]), 0.45),
    "ring of 8": Spots(Ring().centers(), 0.15),
    "three regions": Spots(np.array([(-1.5, -1.0), (1.5, -1.0), (0.0, 1.5)]), 0.5, square=True),
    "grid of 25": Spots(np.array([(x, y) for x in range(-2, 3) for y in range(-2, 3)]), 0.08),
}
