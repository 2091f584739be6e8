"""Eight Gaussians on a ring: does a generator find all of them, and does it draw them well?

Each is a mode of the data. A generator that has lost some draws nothing wrong, and no sample shows
it: this is mode collapse. Here the truth is known, so it can be counted. Next: pictures.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minigan.optim import Adam
from minigan.random import Random, fork_rng, manual_seed
from minigan.tensor import Array, Tensor, no_grad
from minigan.theory.game import (
    LEAST_SQUARES,
    NON_SATURATING,
    SATURATING,
    WASSERSTEIN,
    Game,
    Objective,
)
from minigan.theory.toys import Ring, perceptron

RING = Ring()
OBJECTIVES: dict[str, Objective] = {
    "saturating": SATURATING,
    "non-saturating": NON_SATURATING,
    "least squares": LEAST_SQUARES,
    "Wasserstein, gradient penalty": WASSERSTEIN,
    # To tell what the penalty does from what its five steps of D in a round do
    "non-saturating, 5 steps of D": NON_SATURATING._replace(discriminator_steps=5),
}
# The discriminator's learning rate; the generator's is always 1e-3. A generator that runs ahead of
# its judge is what the 2014 paper warns of in section 6: it maps too many z to one x.
RATES = {"equal rates": 1e-3, "hasty generator": 1e-4}

LATENT_DIM = 2

SAMPLES = 10_000
# A mode counts as found from this share of the samples on, a tenth of its due.
LEAST_SHARE = 1 / 80


class Snapshot(NamedTuple):
    """Samples of a generator at one step, and how they are."""

    step: int
    points: Array  # (SAMPLES, 2)
    modes: int  # found, of RING.modes
    good: float  # the share of points within 3 standard deviations of a mode


@fork_rng()
def snapshots(
    objective: Objective,
    *,
    discriminator_lr: float = 1e-3,
    betas: tuple[float, float] = (0.5, 0.999),
    steps: int = 1500,
    seed: int = 0,
) -> list[Snapshot]:
    """Train a generator on RING for `steps` rounds, and look at it five times on the way.

    Both players learn with Adam of the same `betas`, whatever the objective: what differs between
    two objectives should not come from their optimizers.
    """
    manual_seed(seed)
    random = Random(seed).fork("ring")
    generator = perceptron(LATENT_DIM, 2, width=128)
    discriminator = perceptron(2, 1, width=128)
    game = Game(
        objective,
        generator,
        discriminator,
        (
            Adam(generator.parameters(), 1e-3, betas),
            Adam(discriminator.parameters(), discriminator_lr, betas),
        ),
        real=lambda count: RING.sample(random, count),
        noise=lambda count: Tensor(random.normal((count, LATENT_DIM))),
        random=random,
    )
    looks = {round(share * steps) for share in (0.06, 0.15, 0.3, 0.6, 1)}
    taken = []
    for step in range(steps + 1):
        if step in looks:
            taken.append(look(game, step))
        if step < steps:
            game.step()
    return taken


ring = snapshots  # its name in version 0.1


def look(game: Game, step: int) -> Snapshot:
    """The same noise every time, from a stream of its own."""
    z = Random(0).fork("look").normal((SAMPLES, LATENT_DIM))
    with no_grad():
        points = game.generator(Tensor(z)).numpy()
    counts = RING.counts(points)
    modes = int(np.count_nonzero(counts >= LEAST_SHARE * SAMPLES))
    return Snapshot(step, points, modes, float(counts.sum() / SAMPLES))
