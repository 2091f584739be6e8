"""The first GAN, of the 2014 paper itself: maxout and dropout against ReLU and a sigmoid.

    Goodfellow et al., "Generative Adversarial Nets", 2014, algorithm 1 and section 5

The paper names the parts; sizes, initial weights and schedules are those of the settings that its
authors published for MNIST. Two things are unlike all later GANs. Both networks move at the same
time, on one forward pass, so that the generator learns from the discriminator as it was. And the
optimizer is plain momentum, with a rate that falls and a momentum that grows.

Next: penalty.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minigan import nn
from minigan.backend import backend_of
from minigan.errors import UserError
from minigan.functional import binary_cross_entropy_with_logits, sigmoid
from minigan.gans.base import GAN, Losses, cut
from minigan.optim import SGD
from minigan.optim.flat import move
from minigan.random import Random
from minigan.tensor import Array, Tensor, grad, no_grad


@dataclass(frozen=True)
class Recipe:
    """All choices of one run; the defaults are the authors'."""

    latent_dim: int = 100
    image_shape: tuple[int, int, int] = (1, 28, 28)
    generator_widths: tuple[int, ...] = (1200, 1200)
    maxout_units: tuple[int, ...] = (240, 240)
    pieces: int = 5
    input_dropout: float = 0.2
    hidden_dropout: float = 0.5
    generator_bound: float = 0.05  # initial weights are U(−bound, bound), biases 0
    discriminator_bound: float = 0.005
    saturating: bool = False  # G minimizes log(1 − D(G(z))) instead of −log D(G(z))
    k: int = 1  # discriminator updates in a round, on fresh images each
    lr: float = 0.1
    lr_decay: float = 1.000004  # the rate is divided by it after each update
    min_lr: float = 1e-6
    momentum: float = 0.5  # in the first epoch
    final_momentum: float = 0.7  # from epoch `momentum_epochs` on
    momentum_epochs: int = 250
    updates_per_epoch: int = 500  # of D: 50,000 images in batches of 100
    epochs: int = 50  # passes over the data
    batch_size: int = 100
    drop_last: bool = True  # whether an epoch's last batch is left out if it is smaller
    average: float | None = None  # the decay of the average of G's weights, if one is kept

    def __post_init__(self) -> None:
        if self.k < 1:
            raise UserError(f"k, the discriminator updates in a round, must be 1 or more: {self.k}")


RECIPES = {
    "averaged": Recipe(average=0.999),
    "paper": Recipe(),
}


class Generator(nn.Module):
    """z (N, latent_dim) -> image (N, C, H, W) in [0, 1]"""

    def __init__(self, recipe: Recipe) -> None:
        layers: list[nn.Module] = []
        width = recipe.latent_dim
        for wider in recipe.generator_widths:
            layers += [nn.Linear(width, wider), nn.ReLU()]
            width = wider
        self.image_shape = recipe.image_shape
        pixels = math.prod(self.image_shape)
        self.model = nn.Sequential(*layers, nn.Linear(width, pixels), nn.Sigmoid())

    def forward(self, z: Tensor) -> Tensor:
        return self.model(z).view(len(z), *self.image_shape)


class Discriminator(nn.Module):
    """image (N, C, H, W) -> the logit (N, 1) of the probability that it is real"""

    def __init__(self, recipe: Recipe) -> None:
        width = math.prod(recipe.image_shape)
        layers: list[nn.Module] = [nn.Dropout(recipe.input_dropout)]
        for units in recipe.maxout_units:
            layers += [nn.Maxout(width, units, recipe.pieces), nn.Dropout(recipe.hidden_dropout)]
            width = units
        self.model = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image.view(len(image), -1))


class ScheduledSGD(SGD):
    """v ← μ(t) · v − lr(t) · g,  p ← p + v

    t, the number of updates so far, is an array beside the weights: it is in the checkpoint, and
    a recorded step can raise it.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, updates_per_epoch: int) -> None:
        self.recipe, self.updates_per_epoch = recipe, updates_per_epoch
        super().__init__(network.parameters(), recipe.lr, recipe.momentum)

    def update(
        self, where: slice, parameters: Sequence[Array], gradients: Sequence[Array], count: Array
    ) -> None:
        backend, recipe = backend_of(count), self.recipe
        v = self.memory.flat["momentum_buffer"][where]
        lr = backend.xp.maximum(recipe.lr / recipe.lr_decay**count, recipe.min_lr)  # (1,)
        epoch = count // self.updates_per_epoch + 1
        way = backend.xp.minimum((epoch - 1) / (recipe.momentum_epochs - 1), 1)
        momentum = recipe.momentum + (recipe.final_momentum - recipe.momentum) * way  # (1,)
        v *= momentum.astype(v.dtype)
        v -= lr.astype(v.dtype) * backend.concatenate(gradients)
        move(parameters, v)
        count += 1


class OriginalGAN(GAN):
    """The two networks of the paper and their game."""

    name = "original_gan"
    losses_at_rest = {"log 2, of D": math.log(2)}
    value_range = (0.0, 1.0)
    settings: Recipe = RECIPES["paper"]

    def networks(self) -> tuple[nn.Module, nn.Module]:
        generator, discriminator = Generator(self.settings), Discriminator(self.settings)
        start_uniform(generator, self.settings.generator_bound)
        start_uniform(discriminator, self.settings.discriminator_bound)
        return generator, discriminator

    def optimizer(self, network: nn.Module) -> ScheduledSGD:
        updates = self.settings.updates_per_epoch
        if network is self.generator:  # it has one where D has k
            updates = max(1, updates // self.settings.k)
        return ScheduledSGD(network, self.settings, updates)

    @no_grad()
    def start_from_mean(self, images: np.ndarray) -> None:
        """Let G begin by drawing about the mean of images (N, C, H, W) of bytes: its output bias
        becomes the logit of each pixel's mean brightness."""
        mean = np.clip(images.mean(axis=0) / 255, 1e-7, 1 - 1e-7).reshape(-1)  # (C·H·W,)
        *_, bias = self.generator.parameters()
        bias.copy_(self.backend.asarray(np.log(mean / (1 - mean)).astype(self.dtype)))

    def draw_noise(self, source: Random, count: int) -> Tensor:
        """z of U(−√3, √3), which has variance 1"""
        uniform = source.uniform((count, self.settings.latent_dim), self.dtype)
        return Tensor((2 * uniform - 1) * math.sqrt(3))

    @property
    def parts(self) -> int:
        return self.settings.k

    def step(self, real: Tensor, labels: Tensor | None = None) -> Losses:
        """One round of algorithm 1: the last of the k discriminator updates is G's as well."""
        *early, last = cut(real, self.parts)
        for images in early:
            with no_grad():
                fake = self.generator(self.noise(len(images)))
            d_loss, _, _ = self.discriminator_loss(images, fake)
            self.discriminator_optimizer.minimize(d_loss)

        fake = self.generator(self.noise(len(last)))
        d_loss, real_logit, fake_logit = self.discriminator_loss(last, fake)
        if self.settings.saturating:  # log(1 − D(G(z))), the value of the game itself
            no = self.zeros(len(last), 1)
            g_loss = -binary_cross_entropy_with_logits(fake_logit, no)
        else:  # −log D(G(z)): the same fixed point, but steep where D is sure
            yes = self.ones(len(last), 1)
            g_loss = binary_cross_entropy_with_logits(fake_logit, yes)
        # One graph holds both losses. Each network takes the gradient of its own loss, and only
        # then do the two move.
        for optimizer, loss in (
            (self.discriminator_optimizer, d_loss),
            (self.generator_optimizer, g_loss),
        ):
            gradients = grad(loss, optimizer.params, retain_graph=True)
            for parameter, gradient in zip(optimizer.params, gradients, strict=True):
                parameter.grad = gradient
        self.discriminator_optimizer.step()
        self.generator_optimizer.step()

        return {
            "D loss": d_loss.detach(),
            "G loss": g_loss.detach(),
            "D(x)": sigmoid(real_logit.detach()).mean(),
            "D(G(z))": sigmoid(fake_logit.detach()).mean(),
        }

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The loss, and the logits (N, 1) of the real and of the fake images."""
        real_logit, fake_logit = self.discriminator(real), self.discriminator(fake)
        real_loss = binary_cross_entropy_with_logits(real_logit, self.ones(len(real), 1))
        fake_loss = binary_cross_entropy_with_logits(fake_logit, self.zeros(len(fake), 1))
        return (real_loss + fake_loss) / 2, real_logit, fake_logit


def start_uniform(network: nn.Module, bound: float) -> None:
    """Weights of U(−bound, bound), biases of 0."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Maxout):
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)
