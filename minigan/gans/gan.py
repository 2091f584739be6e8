"""The GAN of the first two tutorials: two multilayer perceptrons on MNIST.

    Goodfellow et al., "Generative Adversarial Nets", 2014: min over G, max over D of
    V(D, G) = E[log D(x)] + E[log(1 − D(G(z)))]                                     (equation 1)

As the tutorials write them, the networks draw poorly, and one number is to blame: their batch norm
has eps = 0.8, where 0.8 was probably meant as a momentum. A variance v comes out as v / (v + 0.8)
and not as 1, and before training the three layers leave deviations of 0.22, 0.09 and 0.04. With
torch's default in its place (the recipe `corrected`) all ten digits appear. docs/results/README.md
shows both, measures them, and says after how many epochs.

docs/tutorials.md names the tutorials.

Next: lsgan.py, a smaller one, whose batch norm stands in its way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from minigan import nn
from minigan.functional import binary_cross_entropy
from minigan.gans.base import GAN, Losses
from minigan.optim import Adam
from minigan.tensor import Tensor


@dataclass(frozen=True)
class Recipe:
    """All choices of one run; the defaults are the tutorials'."""

    latent_dim: int = 100
    image_shape: tuple[int, int, int] = (1, 28, 28)
    generator_widths: tuple[int, ...] = (128, 256, 512, 1024)
    discriminator_widths: tuple[int, ...] = (512, 256)
    norm_eps: float | None = 0.8  # batch norm in G, but for its first layer; None: without
    dropout: float = 0.0  # in D, after each hidden layer
    lr: float = 2e-4
    beta1: float = 0.5
    epochs: int = 200  # passes over the data
    batch_size: int = 64
    drop_last: bool = False  # whether an epoch's last batch is left out if it is smaller
    average: float | None = None  # the decay of the average of G's weights, if one is kept


RECIPES = {
    "tutorial": Recipe(),
    "corrected": Recipe(norm_eps=1e-5, epochs=25, average=0.999),
    # The perceptrons of conditional_gan.py without the label: no batch norm, but dropout in D.
    "dropout": Recipe(
        generator_widths=(256, 512, 1024),
        discriminator_widths=(1024, 512, 256),
        norm_eps=None,
        dropout=0.3,
        epochs=40,
        batch_size=128,
    ),
}


class Generator(nn.Module):
    """z (N, latent_dim) -> image (N, C, H, W) in [-1, 1]"""

    def __init__(self, recipe: Recipe) -> None:
        layers: list[nn.Module] = []
        width = recipe.latent_dim
        for i, wider in enumerate(recipe.generator_widths):
            layers.append(nn.Linear(width, wider))
            if recipe.norm_eps is not None and i > 0:
                layers.append(nn.BatchNorm1d(wider, recipe.norm_eps))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            width = wider
        self.image_shape = recipe.image_shape
        self.model = nn.Sequential(
            *layers, nn.Linear(width, math.prod(self.image_shape)), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.model(z).view(z.size(0), *self.image_shape)


class Discriminator(nn.Module):
    """image (N, C, H, W) -> the probability (N, 1) that it is real"""

    def __init__(self, recipe: Recipe) -> None:
        layers: list[nn.Module] = []
        width = math.prod(recipe.image_shape)
        for narrower in recipe.discriminator_widths:
            layers += [nn.Linear(width, narrower), nn.LeakyReLU(0.2, inplace=True)]
            if recipe.dropout:
                layers.append(nn.Dropout(recipe.dropout))
            width = narrower
        self.model = nn.Sequential(*layers, nn.Linear(width, 1), nn.Sigmoid())

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image.view(image.size(0), -1))


class MLPGAN(GAN):
    """The two perceptrons and their game."""

    name = "gan"
    losses_at_rest = {"log 2: D cannot tell": math.log(2)}
    settings: Recipe = RECIPES["tutorial"]

    def networks(self) -> tuple[nn.Module, nn.Module]:
        return Generator(self.settings), Discriminator(self.settings)

    def optimizer(self, network: nn.Module) -> Adam:
        return Adam(network.parameters(), self.settings.lr, (self.settings.beta1, 0.999))

    def step(self, real: Tensor, labels: Tensor | None = None) -> Losses:
        """One round of the game (Goodfellow et al. 2014, algorithm 1, with k = 1)."""
        real_label, fake_label = self.ones(len(real), 1), self.zeros(len(real), 1)

        # The generator moves first, and against the discriminator as it is: it wants its fakes
        # to be taken for real. That is −log D(G(z)) and not log(1 − D(G(z))), which is flat
        # as long as the fakes are easily told (section 3 of the paper).
        fake = self.generator(self.noise(len(real)))
        with nn.frozen(self.discriminator):  # its gradient is needed *through* D, not of D
            score = self.discriminator(fake)
            g_loss = binary_cross_entropy(score, real_label)
        self.generator_optimizer.minimize(g_loss)

        # The discriminator learns from the same fakes. detach: what it learns must not reach G.
        real_score, fake_score = self.discriminator(real), self.discriminator(fake.detach())
        real_loss = binary_cross_entropy(real_score, real_label)
        fake_loss = binary_cross_entropy(fake_score, fake_label)
        d_loss = (real_loss + fake_loss) / 2
        self.discriminator_optimizer.minimize(d_loss)

        return {
            "D loss": d_loss.detach(),
            "G loss": g_loss.detach(),
            "D(x)": real_score.detach().mean(),
            "D(G(z))": fake_score.detach().mean(),
        }
