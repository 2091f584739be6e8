"""Figure 1 of the 2014 paper, in motion: two densities, a discriminator, and the map from z to x.

z is spread evenly over a line. The generator bends that line: where it squeezes z together, x
becomes dense. The discriminator is p / (p + q) where it has had time to learn, and the generator
follows its slope upwards, until both densities are one and the discriminator says ½ everywhere.
Next: eigenvalues.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minigan import nn
from minigan.evaluation.divergences import js_divergence
from minigan.optim import Adam
from minigan.random import Random, fork_rng, manual_seed
from minigan.tensor import Array, Tensor, no_grad
from minigan.theory.game import NON_SATURATING, Game
from minigan.theory.line import curve, uniform_noise
from minigan.theory.toys import CELL, GRID, Mixture, perceptron

DATA = Mixture((0.55, 0.45), (-1.5, 1.5), (0.5, 0.7))
GENERATOR_LR, DISCRIMINATOR_LR = 1e-3, 1e-2

ARROWS = np.linspace(-1, 1, 31)  # the z whose way to x is drawn
FINE = np.linspace(-1, 1, 20_001)  # the z that the density of G is made of
BLUR = 0.05  # the standard deviation of the bell that each of them becomes


class Moment(NamedTuple):
    """The game at one step; curves are over GRID's points (P,)."""

    step: int
    generated: Array
    discriminator: Array
    arrows: Array  # G(z) for z in ARROWS
    jsd: float  # of data and generated, in nats


def generated_density(generator: Callable[[Tensor], Tensor], z: Array = FINE) -> Array:
    """The density of G(z) for z ~ U(-1, 1), over GRID: (P,), from many z that are evenly apart.

    Points at equal steps of z land in the cells of GRID; their histogram is blurred a little,
    since the true density is infinite wherever G turns back.
    """
    with no_grad():
        x = generator(Tensor(z.astype(np.float32)[:, None])).numpy()[:, 0]
    x = np.clip(x, GRID[0], GRID[-1])
    edges = np.append(GRID, GRID[-1] + CELL) - CELL / 2
    heights = np.histogram(x, edges)[0] / (len(x) * CELL)  # (P,)
    reach = np.arange(-4 * BLUR, 4 * BLUR + CELL, CELL)
    bell = np.exp(-((reach / BLUR) ** 2) / 2)
    return np.convolve(heights, bell / bell.sum(), mode="same")


@fork_rng()
def moments(*, steps: int = 2000, frames: int = 48, seed: int = 0) -> list[Moment]:
    """Play the game on a line, and keep `frames` moments of it: many early ones, fewer later."""
    manual_seed(seed)
    random = Random(seed).fork("figure 1")
    generator = perceptron(1, 1, width=64, activation=nn.Tanh())  # a smooth map
    discriminator = perceptron(1, 1, width=64, activation=nn.Tanh())
    optimizers = (
        Adam(generator.parameters(), GENERATOR_LR, (0.5, 0.999)),
        Adam(discriminator.parameters(), DISCRIMINATOR_LR, (0.5, 0.999)),
    )
    game = Game(
        NON_SATURATING._replace(discriminator_steps=5),
        generator,
        discriminator,
        optimizers,
        real=lambda count: DATA.sample(random, count),
        noise=lambda count: uniform_noise(random, count),
        random=random,
        batch_size=512,
    )
    looks = set((steps * np.linspace(0, 1, frames) ** 2).round().astype(int).tolist())
    kept = []
    for step in range(steps + 1):
        if step in looks:
            kept.append(_moment(game, step))
        left = 1 - step / (steps + 1)  # both rates fall to 0, or the two would circle forever
        game.generator_optimizer.lr = GENERATOR_LR * left
        game.discriminator_optimizer.lr = DISCRIMINATOR_LR * left
        game.step()
    return kept


figure1 = moments  # its name in version 0.1


def _moment(game: Game, step: int) -> Moment:
    generated = generated_density(game.generator)
    with no_grad():
        arrows = game.generator(Tensor(ARROWS.astype(np.float32)[:, None])).numpy()[:, 0]
    jsd = js_divergence(DATA.density(GRID), generated, cell=CELL)
    return Moment(step, generated, curve(game.discriminator), arrows, jsd)
