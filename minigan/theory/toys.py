"""Distributions that are known exactly, and networks small enough to be watched.

On a line and on a plane everything that the theory speaks of can be computed: both densities, the
best discriminator, the divergence. Next: plane.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from minigan import nn
from minigan.random import Random
from minigan.tensor import Array, Tensor

# The points at which curves on the line are computed, and the distance between two of them.
GRID = np.linspace(-12, 12, 2401)
CELL = float(GRID[1] - GRID[0])


class Mixture(NamedTuple):
    """A mixture of Gaussians on a line: their shares, means and standard deviations."""

    shares: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]

    def log_density(self, x: Array) -> Array:
        """log p(x) at points of any shape, without underflow however far out they are."""
        x = np.asarray(x, np.float64)[..., None]  # (…,) -> (…, 1), against (parts,)
        scaled = (x - self.means) / self.deviations  # (…, parts)
        heights = np.log(self.shares) - np.log(self.deviations) - math.log(2 * math.pi) / 2
        return np.logaddexp.reduce(heights - scaled**2 / 2, axis=-1)  # (…, parts) -> (…,)

    def density(self, x: Array) -> Array:
        """p(x), of x's shape."""
        return np.exp(self.log_density(x))

    def sample(self, random: Random, count: int) -> Tensor:
        """Points (count, 1), float32."""
        ends = np.cumsum(self.shares)[:-1]
        part = np.searchsorted(ends, random.uniform(count, "float64"), side="right")  # (count,)
        means, deviations = np.array(self.means)[part], np.array(self.deviations)[part]
        points = means + deviations * random.normal(count, "float64")
        return Tensor(points.astype(np.float32)[:, None])  # (count,) -> (count, 1)


def gaussian(mean: float, deviation: float) -> Mixture:
    """One Gaussian."""
    return Mixture((1.0,), (mean,), (deviation,))


class Ring(NamedTuple):
    """Gaussians of equal share, evenly spaced on a circle: eight modes that must all be found."""

    modes: int = 8
    radius: float = 2.0
    deviation: float = 0.1

    def centers(self) -> Array:
        """The means (modes, 2)."""
        angles = 2 * np.pi * np.arange(self.modes) / self.modes
        return self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def sample(self, random: Random, count: int) -> Tensor:
        """Points (count, 2), float32."""
        means = self.centers()[random.integers(self.modes, count)]  # (count, 2)
        points = means + self.deviation * random.normal((count, 2), "float64")
        return Tensor(points.astype(np.float32))

    def counts(self, points: Array) -> Array:
        """How many of the points (N, 2) are good in each mode: (modes,).

        A point is good if it is within 3 standard deviations of the nearest center.
        """
        away = np.linalg.norm(points[:, None] - self.centers(), axis=2)  # (N, modes)
        good = away.min(axis=1) <= 3 * self.deviation
        return np.bincount(away.argmin(axis=1)[good], minlength=self.modes)


def perceptron(
    inputs: int,
    outputs: int,
    *,
    width: int,
    layers: int = 2,
    activation: nn.Module | None = None,
) -> nn.Sequential:
    """Two hidden layers, or as many as are asked for, `width` units each: (N, inputs) ->
    (N, outputs).

    The activation is LeakyReLU(0.2) unless another module is given. The weights start at
    U(±√(3/inputs of the layer)), with which a linear layer keeps the mean square of what comes in;
    the activation takes its share, and behind three layers a deviation of 1 is 0.2 to 0.6. torch's
    own default leaves a third of the mean square in each layer: 0.1 would come out, and the
    generator would begin nearly as a point.
    """
    activation = activation or nn.LeakyReLU(0.2)
    made: list[nn.Module] = []
    for _ in range(layers):
        made += [_linear(inputs, width), activation]
        inputs = width
    return nn.Sequential(*made, _linear(inputs, outputs))


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_uniform_(layer.weight, a=1)
    return layer
