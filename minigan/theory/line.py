"""Three experiments on a line, where both densities are known and the theory can be held to them.

    optimal_discriminator    D learns p / (p + q)                               (proposition 1)
    criterion                max over D of V is -log 4 + 2·JSD                    (theorem 1)
    gradients                why G maximizes log D instead of minimizing log(1 - D)

docs/theory.md derives what they show. Next: figure1.py, where the generator moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from minigan import nn
from minigan.evaluation.divergences import js_divergence, kl_divergence
from minigan.functional import sigmoid
from minigan.optim import SGD, Adam, Optimizer
from minigan.random import Random, fork_rng, manual_seed
from minigan.tensor import Array, Tensor, grad, no_grad
from minigan.theory.game import (
    NON_SATURATING,
    SATURATING,
    Game,
    Objective,
    cross_entropy_loss,
    non_saturating_loss,
    saturating_loss,
)
from minigan.theory.toys import CELL, GRID, Mixture, gaussian, perceptron

LR = 1e-2
BATCH_SIZE = 512

Loss = Callable[[Tensor], Tensor]


# ---------------------------------------------------------------------------------------------
# Proposition 1: the optimal discriminator

# Data and generator. The first ratio of densities has a straight logarithm, so that D is exactly
# a logistic function; the second a parabola; the third belongs to no family.
PAIRS = {
    "two neighbors": (gaussian(-1, 1), gaussian(1, 1)),
    "narrow in wide": (gaussian(0, 0.6), gaussian(0, 2)),
    "two hills, one hill": (Mixture((0.6, 0.4), (-2, 1.8), (0.5, 0.8)), gaussian(0.3, 1.5)),
}

# Where p + q is less than this, hardly a sample falls, and D can only guess.
SEEN = 0.02


class Discrimination(NamedTuple):
    """Discriminators of one pair of densities; curves are over GRID's points (P,)."""

    data: Array
    generated: Array
    optimal: Array
    steps: list[int]  # when D was looked at
    trained: list[Array]  # D at each of them
    errors: list[float]  # max |D - D*| at each of them, over the points that are `seen`
    seen: Array  # where p + q > SEEN


def log_odds(data: Mixture, generated: Mixture, x: Array) -> Array:
    """The score of the optimal discriminator: log D*/(1 - D*) = log p(x) - log q(x)."""
    return data.log_density(x) - generated.log_density(x)


def train_discriminator(
    discriminator: nn.Module,
    data: Mixture,
    generated: Mixture,
    random: Random,
    *,
    steps: int,
) -> Iterator[int]:
    """Maximize V over D for two fixed distributions; yields the number of steps taken so far.

    The rate falls to 0 along half a cosine, so that the noise of single batches averages out.
    """
    optimizer = Adam(discriminator.parameters(), LR)
    yield 0
    for step in range(steps):
        optimizer.lr = LR * (1 + np.cos(np.pi * step / steps)) / 2
        real, fake = data.sample(random, BATCH_SIZE), generated.sample(random, BATCH_SIZE)
        optimizer.minimize(cross_entropy_loss(discriminator(real), discriminator(fake)))
        yield step + 1


def optimal_discriminator(*, steps: int = 2000, seed: int = 0) -> dict[str, Discrimination]:
    """Train D between known densities p and q, and compare it with D* = p / (p + q)."""
    return {name: _discrimination(*pair, steps=steps, seed=seed) for name, pair in PAIRS.items()}


@fork_rng()
def _discrimination(data: Mixture, generated: Mixture, *, steps: int, seed: int) -> Discrimination:
    manual_seed(seed)  # the initial weights
    random = Random(seed).fork("optimal discriminator")
    discriminator = perceptron(1, 1, width=64, activation=nn.Tanh())
    optimal = sigmoid(Tensor(log_odds(data, generated, GRID))).numpy()
    seen = data.density(GRID) + generated.density(GRID) > SEEN
    looks = sorted({0, *np.geomspace(1, steps, 25).round().astype(int).tolist()})
    trained = [
        curve(discriminator)
        for step in train_discriminator(discriminator, data, generated, random, steps=steps)
        if step in looks
    ]
    errors = [float(np.abs(d - optimal)[seen].max()) for d in trained]
    p, q = data.density(GRID), generated.density(GRID)
    return Discrimination(p, q, optimal, looks, trained, errors, seen)


@no_grad()
def curve(discriminator: nn.Module) -> Array:
    """D(x) at the points of GRID: (P,)."""
    return sigmoid(discriminator(Tensor(GRID.astype(np.float32)[:, None]))).numpy()[:, 0]


# ---------------------------------------------------------------------------------------------
# Theorem 1: what the generator minimizes


class Criterion(NamedTuple):
    """C(G) for a generator at several distances from the data; one entry for each distance."""

    distances: list[float]
    closed_form: list[float]  # -log 4 + 2·JSD, by the divergence of the two densities
    with_optimal: list[float]  # V(D*, G) on fresh samples
    with_trained: list[float]  # V(D, G) on the same samples, for a trained D
    kl: list[float]  # KL(data ‖ generated)


@fork_rng()
def criterion(*, steps: int = 400, seed: int = 0, samples: int = 100_000) -> Criterion:
    """Measure C(G) = max over D of V(D, G) while the generator N(d, 1) nears the data N(0, 1).

    `steps` are D's at each distance; it goes on from the last one. The trained D is one among all
    D, so its V stays below the maximum but for the chance in the samples.
    """
    manual_seed(seed)
    random = Random(seed).fork("criterion")
    discriminator = perceptron(1, 1, width=64, activation=nn.Tanh())
    data = gaussian(0, 1)
    result = Criterion([], [], [], [], [])
    for distance in np.linspace(6, 0, 13):
        generated = gaussian(float(distance), 1)
        for _ in train_discriminator(discriminator, data, generated, random, steps=steps):
            pass
        real, fake = data.sample(random, samples), generated.sample(random, samples)
        p, q = data.density(GRID), generated.density(GRID)
        best = [Tensor(log_odds(data, generated, x.numpy())) for x in (real, fake)]
        result.distances.append(float(distance))
        result.closed_form.append(-np.log(4) + 2 * js_divergence(p, q, cell=CELL))
        result.with_optimal.append(-cross_entropy_loss(*best).item())
        with no_grad():
            scores = [discriminator(x).to(np.float64) for x in (real, fake)]
            result.with_trained.append(-cross_entropy_loss(*scores).item())
        result.kl.append(kl_divergence(p, q, cell=CELL))
    return result


# ---------------------------------------------------------------------------------------------
# Why not minimize V itself?

# The data are where the generator does not yet draw, as pictures are among random pixels.
FAR_DATA = gaussian(4, 0.5)
LOSSES = {"saturating": saturating_loss, "non-saturating": non_saturating_loss}


class Gradients(NamedTuple):
    """The generator's gradient under each of LOSSES; the lists run over `steps`."""

    steps: list[int]  # that D has learned, while G stands still
    belief: list[float]  # the mean of D(G(z)) by then
    norms: dict[str, list[float]]  # ‖dL/dθ‖ over all of G's parameters


class Race(NamedTuple):
    """How G fares against a D with a head start; the lists run over `steps`."""

    steps: list[int]  # of the generator
    distances: dict[str, list[float]]  # from the data, by loss and optimizer


def slopes(loss: Loss, scores: Array) -> Array:
    """|dL/ds| of a generator's loss at scores s (N,): how hard one sample is pulled."""
    s = Tensor(scores, requires_grad=True)
    (g,) = grad(loss(s) * len(scores), s)  # the loss is a mean: times N, each counts in full
    assert g is not None
    return np.abs(g.numpy())


def gradients(*, steps: int = 1000, seed: int = 0) -> Gradients:
    """Let D learn while G stands still, and measure G's gradient under either loss."""
    game = _far_game(NON_SATURATING, Adam, seed)
    looks = [0, *np.unique(np.geomspace(1, steps, 40).round().astype(int)).tolist()]
    result = Gradients(looks, [], {name: [] for name in LOSSES})
    z = game.noise(2048)
    for step in range(steps + 1):
        if step in looks:
            scores = game.discriminator(game.generator(z))
            result.belief.append(float(sigmoid(scores.detach()).numpy().mean()))
            for name, loss in LOSSES.items():
                parameters = list(game.generator.parameters())
                found = grad(loss(scores), parameters, retain_graph=True)
                square = sum(float((g.numpy() ** 2).sum()) for g in found if g is not None)
                result.norms[name].append(square**0.5)
        game.discriminator_step()
    return result


def race(*, steps: int = 500, seed: int = 0) -> Race:
    """Train G against a D that has learned for twice as many steps before.

    SGD shows the gradient as it is. Adam divides each gradient by its own size, and so can hide
    that it has become tiny.
    """
    looks = list(range(0, steps + 1, max(1, steps // 100)))
    result = Race(looks, {})
    for loss, objective in (("saturating", SATURATING), ("non-saturating", NON_SATURATING)):
        for optimizer in (SGD, Adam):
            game = _far_game(objective, optimizer, seed)
            for _ in range(2 * steps):
                game.discriminator_step()
            distances = result.distances[f"{loss}, {optimizer.__name__}"] = []
            for step in range(steps + 1):
                if step in looks:
                    distances.append(_distance_from_data(game.generator))
                game.step()
    return result


@no_grad()
def _distance_from_data(generator: nn.Module) -> float:
    z = np.linspace(-1, 1, 1000, dtype=np.float32)[:, None]  # (1000, 1)
    data = FAR_DATA.sample(Random(0), len(z))
    return transport_distance(generator(Tensor(z)).numpy(), data.numpy())


def transport_distance(a: Array, b: Array) -> float:
    """How far a sample (N,) must be moved on average to become another (Wasserstein-1).

    On a line nobody overtakes anybody: the i-th smallest goes to the i-th smallest.
    """
    return float(np.abs(np.sort(a.ravel()) - np.sort(b.ravel())).mean())


@fork_rng()
def _far_game(objective: Objective, optimizer: type[Optimizer], seed: int) -> Game:
    """A generator that starts around 0, and data around 4."""
    manual_seed(seed)
    random = Random(seed).fork("gradients")
    generator, discriminator = perceptron(1, 1, width=64), perceptron(1, 1, width=64)
    rate = 1e-3 if optimizer is SGD else 5e-4
    return Game(
        objective,
        generator,
        discriminator,
        (optimizer(generator.parameters(), rate), Adam(discriminator.parameters(), 1e-3)),
        real=lambda count: FAR_DATA.sample(random, count),
        noise=lambda count: uniform_noise(random, count),
        random=random,
    )


def uniform_noise(random: Random, count: int) -> Tensor:
    """z of U(-1, 1): (count, 1)."""
    return Tensor(2 * random.uniform((count, 1)) - 1)
