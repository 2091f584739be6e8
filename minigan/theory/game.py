"""The game between two networks, and four ways to keep its score.

Each objective is two short formulas over the discriminator's output before any sigmoid, its
*score* s (N, 1), with D = σ(s). Since log D = -softplus(-s) and log(1 - D) = -softplus(s), no
logarithm of a number near 0 is ever taken.
Next: line.py, the theory of the first two objectives; ring.py has all four at work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from minigan import nn
from minigan.functional import softplus
from minigan.gans.base import Losses
from minigan.gans.penalty import gradient_norms, slope_penalty, squared_gradient_norms
from minigan.optim import Optimizer
from minigan.random import Random
from minigan.tensor import Tensor, no_grad

Draw = Callable[[int], Tensor]  # count -> (count, …)


def cross_entropy_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-V(D, G) = -E[log D(x)] - E[log(1 - D(G(z)))] (Goodfellow et al. 2014, equation 1)"""
    return softplus(-real).mean() + softplus(fake).mean()


def saturating_loss(fake: Tensor) -> Tensor:
    """E[log(1 - D(G(z)))], the generator's part of V itself"""
    return -softplus(fake).mean()


def non_saturating_loss(fake: Tensor) -> Tensor:
    """-E[log D(G(z))]: the same wish, and a gradient while D is sure (2014, section 3)"""
    return softplus(-fake).mean()


def least_squares_loss(real: Tensor, fake: Tensor) -> Tensor:
    """½ E[(s(x) - 1)²] + ½ E[s(G(z))²] (Mao et al. 2017, equation 9)"""
    return ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2


def least_squares_generator_loss(fake: Tensor) -> Tensor:
    """½ E[(s(G(z)) - 1)²]"""
    return ((fake - 1) ** 2).mean() / 2


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E[s(G(z))] - E[s(x)]: grades apart as far as the penalty lets them (Arjovsky et al. 2017)"""
    return fake.mean() - real.mean()


def critic_generator_loss(fake: Tensor) -> Tensor:
    """-E[s(G(z))]"""
    return -fake.mean()


class Objective(NamedTuple):
    """What the two sides minimize, and how often each of them moves in a round."""

    discriminator_loss: Callable[[Tensor, Tensor], Tensor]  # of the real and the fake scores
    generator_loss: Callable[[Tensor], Tensor]
    penalty: float = 0.0  # λ of the slope penalty
    discriminator_steps: int = 1
    generator_steps: int = 1
    r1: float = 0.0  # γ of γ/2 · E[‖∇D(x)‖²] on the data (Mescheder et al. 2018, equation 9)


SATURATING = Objective(cross_entropy_loss, saturating_loss)
NON_SATURATING = Objective(cross_entropy_loss, non_saturating_loss)
LEAST_SQUARES = Objective(least_squares_loss, least_squares_generator_loss)
# λ is 10 for images; for points on a plane the authors' own code has 0.1.
WASSERSTEIN = Objective(critic_loss, critic_generator_loss, penalty=0.1, discriminator_steps=5)


class Game:
    """A generator and a discriminator that learn from each other, on batches of any shape."""

    def __init__(
        self,
        objective: Objective,
        generator: nn.Module,
        discriminator: nn.Module,
        optimizers: tuple[Optimizer, Optimizer],  # the generator's, the discriminator's
        *,
        real: Draw,
        noise: Draw,
        random: Random,
        batch_size: int = 256,
    ) -> None:
        self.objective, self.batch_size, self.random = objective, batch_size, random
        self.generator, self.discriminator = generator, discriminator
        self.generator_optimizer, self.discriminator_optimizer = optimizers
        self.real, self.noise = real, noise

    def step(self) -> Losses:
        """One round of the game (Goodfellow et al. 2014, algorithm 1); the last loss of each."""
        losses: Losses = {}
        for _ in range(self.objective.discriminator_steps):
            losses["D loss"] = self.discriminator_step()
        for _ in range(self.objective.generator_steps):
            losses["G loss"] = self.generator_step()
        return losses

    def discriminator_step(self) -> Tensor:
        real = self.real(self.batch_size)
        with no_grad():  # what the discriminator learns is not the generator's business
            fake = self.generator(self.noise(self.batch_size))
        loss = self.discriminator_loss(real, fake)
        self.discriminator_optimizer.minimize(loss)
        return loss.detach()

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimizes on these points, penalties included."""
        scores = self.discriminator(real), self.discriminator(fake)
        loss = self.objective.discriminator_loss(*scores)
        if self.objective.penalty:
            share = Tensor(self.random.uniform((len(real), 1), real.dtype))
            between = share * real + (1 - share) * fake
            norms = gradient_norms(self.discriminator, between)
            loss = loss + self.objective.penalty * slope_penalty(norms)
        if self.objective.r1:
            squares = squared_gradient_norms(self.discriminator, real)
            loss = loss + self.objective.r1 / 2 * squares.mean()
        return loss

    def generator_step(self) -> Tensor:
        with nn.frozen(self.discriminator):
            fake = self.generator(self.noise(self.batch_size))
            loss = self.objective.generator_loss(self.discriminator(fake))
        self.generator_optimizer.minimize(loss)
        return loss.detach()
