"""The DCGAN of the fourth tutorial: the same game with convolutions, on pictures of 64 × 64 pixels.

    Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional
    Generative Adversarial Networks", 2015

The paper's rules for networks that train: strided convolutions in place of pooling, batch norm in
both networks but not at the generator's output and the discriminator's input, no hidden dense
layers, ReLU in the generator with Tanh at its end, LeakyReLU in the discriminator.

The tutorial ends the discriminator in a Sigmoid and takes BCELoss of that. In its own log Loss_G
soon stands at 35 and 38, where BCELoss passes on less than a thousandth of the generator's
gradient. That is kept as `loss="bce"`. With `loss="logits"` the Sigmoid is part of the loss, and
nothing is lost: docs/dcgan.md measures the difference.

docs/tutorials.md names the tutorials.

Next: conditional_gan.py, where one can ask for a digit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from minigan import nn
from minigan.errors import UserError
from minigan.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    sigmoid,
)
from minigan.gans.base import GAN, Losses
from minigan.optim import Adam
from minigan.random import Random
from minigan.tensor import Tensor

LOSSES = {"bce": binary_cross_entropy, "logits": binary_cross_entropy_with_logits}
SMALLEST = range(4, 8)  # pixels: the side of the first map in G and of the last one in D


@dataclass(frozen=True)
class Recipe:
    """All choices of one run; the defaults are the tutorial's."""

    latent_dim: int = 100
    image_size: int = 64
    channels: int = 3
    ngf: int = 64  # maps in the largest hidden layer of G; each smaller one has twice as many
    ndf: int = 64  # and of D
    loss: str = "bce"  # or "logits"
    lr: float = 2e-4
    beta1: float = 0.5
    epochs: int = 5  # passes over the data
    batch_size: int = 128
    drop_last: bool = False  # whether an epoch's last batch is left out if it is smaller
    average: float | None = None  # the decay of the average of G's weights, if one is kept


RECIPES = {
    "averaged": Recipe(epochs=25, average=0.999),
    "tutorial": Recipe(),
}


def smallest_map(image_size: int) -> tuple[int, int]:
    """How an image size is reached: the side of the smallest map, and how often it is doubled.

    64 = 4 · 2⁴, 32 = 4 · 2³, 28 = 7 · 2². Raises UserError for a size that is not of this kind.
    """
    side, doublings = image_size, 0
    while side not in SMALLEST and side % 2 == 0 and side > 0:
        side, doublings = side // 2, doublings + 1
    if side not in SMALLEST or doublings == 0:
        raise UserError(
            f"the DCGAN cannot make images of {image_size} × {image_size} pixels: the size must be "
            "4, 5, 6 or 7, doubled a few times, such as 28, 32, 48, 64 or 128"
        )
    return side, doublings


def weights_init(module: Any) -> None:
    """N(0, 0.02²) for all convolutions, N(1, 0.02²) for batch norm; give it to `Module.apply`."""
    name = type(module).__name__
    if "Conv" in name:
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif "BatchNorm" in name:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.constant_(module.bias, 0.0)


class Generator(nn.Module):
    """z (N, latent_dim, 1, 1) -> image (N, channels, S, S) in [-1, 1]"""

    def __init__(self, recipe: Recipe) -> None:
        side, doublings = smallest_map(recipe.image_size)
        maps = recipe.ngf * 2 ** (doublings - 1)
        # No biases: the batch norm that follows would take them away again.
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(recipe.latent_dim, maps, side, 1, 0, bias=False),
            nn.BatchNorm2d(maps),
            nn.ReLU(True),
        ]  # (N, latent_dim, 1, 1) -> (N, 8·ngf, 4, 4), at 64 pixels
        for _ in range(doublings - 1):  # -> (4·ngf, 8, 8) -> (2·ngf, 16, 16) -> (ngf, 32, 32)
            layers += [
                nn.ConvTranspose2d(maps, maps // 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(maps // 2),
                nn.ReLU(True),
            ]
            maps //= 2
        last = nn.ConvTranspose2d(maps, recipe.channels, 4, 2, 1, bias=False)
        self.main = nn.Sequential(*layers, last, nn.Tanh())  # -> (N, channels, 64, 64)

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z)


class Discriminator(nn.Module):
    """image (N, channels, S, S) -> the probability (N, 1, 1, 1) that it is real, or its logit"""

    def __init__(self, recipe: Recipe) -> None:
        side, doublings = smallest_map(recipe.image_size)
        maps = recipe.ndf
        layers: list[nn.Module] = [
            nn.Conv2d(recipe.channels, maps, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]  # (N, channels, 64, 64) -> (N, ndf, 32, 32), at 64 pixels
        for _ in range(doublings - 1):  # -> (2·ndf, 16, 16) -> (4·ndf, 8, 8) -> (8·ndf, 4, 4)
            layers += [
                nn.Conv2d(maps, maps * 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(maps * 2),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            maps *= 2
        layers.append(nn.Conv2d(maps, 1, side, 1, 0, bias=False))  # -> (N, 1, 1, 1)
        self.main = nn.Sequential(*layers, *([nn.Sigmoid()] if recipe.loss == "bce" else []))

    def forward(self, image: Tensor) -> Tensor:
        return self.main(image)

    def features(self, image: Tensor) -> list[Tensor]:
        """What each hidden layer sees in the images: (N, maps, H, W), the largest maps first."""
        found, x = [], image
        for layer in self.main:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                found.append(x)
        return found


class DCGAN(GAN):
    """The two convolutional networks and their game."""

    name = "dcgan"
    losses_at_rest = {"2 log 2, of D": 2 * math.log(2), "log 2, of G": math.log(2)}
    settings: Recipe = RECIPES["tutorial"]
    discriminator: Discriminator

    def networks(self) -> tuple[nn.Module, nn.Module]:
        if self.settings.loss not in LOSSES:
            raise UserError(f'the loss is "bce" or "logits", not "{self.settings.loss}"')
        generator, discriminator = Generator(self.settings), Discriminator(self.settings)
        return generator.apply(weights_init), discriminator.apply(weights_init)

    def optimizer(self, network: nn.Module) -> Adam:
        return Adam(network.parameters(), self.settings.lr, (self.settings.beta1, 0.999))

    def draw_noise(self, source: Random, count: int) -> Tensor:
        """z (count, latent_dim, 1, 1): to a convolution, a picture of one pixel."""
        return super().draw_noise(source, count).view(count, -1, 1, 1)

    def step(self, real: Tensor, labels: Tensor | None = None) -> Losses:
        """One round of the game (Goodfellow et al. 2014, algorithm 1, with k = 1)."""
        criterion = LOSSES[self.settings.loss]
        real_label, fake_label = self.ones(len(real)), self.zeros(len(real))

        # The discriminator moves first. Real and generated images go through it in batches of
        # their own, or its batch norm would measure the one kind by the other. Each backward pass
        # adds to the gradients, so one step follows both.
        self.discriminator_optimizer.zero_grad()
        real_score = self.discriminator(real).view(-1)  # (N, 1, 1, 1) -> (N,)
        real_loss = criterion(real_score, real_label)
        real_loss.backward()

        fake = self.generator(self.noise(len(real)))
        fake_score = self.discriminator(fake.detach()).view(-1)  # nothing here may reach G
        fake_loss = criterion(fake_score, fake_label)
        fake_loss.backward()
        self.discriminator_optimizer.step()

        # The generator answers with the same fakes, but they are judged anew: D has just changed.
        with nn.frozen(self.discriminator):  # its gradient is needed *through* D, not of D
            new_score = self.discriminator(fake).view(-1)
            g_loss = criterion(new_score, real_label)
        self.generator_optimizer.minimize(g_loss)

        return {
            "D loss": (real_loss + fake_loss).detach(),
            "G loss": g_loss.detach(),
            "D(x)": self._mean_probability(real_score),
            "D(G(z1))": self._mean_probability(fake_score),
            "D(G(z2))": self._mean_probability(new_score),  # after D's step
        }

    def _mean_probability(self, score: Tensor) -> Tensor:
        score = score.detach()
        return (score if self.settings.loss == "bce" else sigmoid(score)).mean()
