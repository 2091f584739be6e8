"""The conditional GAN of the fifth tutorial: both networks are told which digit it is about.

    Mirza and Osindero, "Conditional Generative Adversarial Nets", 2014: min over G, max over D of
    E[log D(x|y)] + E[log(1 − D(G(z|y)))]                                           (equation 2)

These are the perceptrons of gan.py (its recipe `dropout`) with one thing added: a learned vector
for each label, joined to the noise in G and to the pixels in D. A fake of the wrong digit is then
easily told, so G must draw what it was asked for.

The tutorial's generator step lacks its call of backward, so that its generator never learns; ours
has it. It also sets n_critic = 5 and then uses it nowhere: its discriminator moves once for each
move of the generator. Our default is what it does, 1; what it meant is an option.

docs/tutorials.md names the tutorials.

Next: original_gan.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from minigan import nn
from minigan.errors import UserError
from minigan.functional import binary_cross_entropy
from minigan.gans import gan
from minigan.gans.base import GAN, Losses, cut
from minigan.optim import Adam
from minigan.tensor import Tensor, cat, no_grad


@dataclass(frozen=True)
class Recipe(gan.Recipe):
    """All choices of one run: those of gan.py, and what a label adds. Defaults: the tutorial's."""

    generator_widths: tuple[int, ...] = (256, 512, 1024)
    discriminator_widths: tuple[int, ...] = (1024, 512, 256)
    norm_eps: float | None = None
    dropout: float = 0.3
    lr: float = 1e-4
    beta1: float = 0.9
    epochs: int = 30
    classes: int = 10
    label_dim: int = 10  # numbers in the learned vector of a label
    n_critic: int = 1  # discriminator updates, on fresh images each, for one of the generator

    def __post_init__(self) -> None:
        if self.n_critic < 1:
            raise UserError(f"n_critic must be at least 1, not {self.n_critic}")


RECIPES = {
    # The rate and the beta of gan.py, and drawn with averaged weights.
    "tuned": Recipe(lr=2e-4, beta1=0.5, average=0.999),
    "tutorial": Recipe(),
}


class Generator(nn.Module):
    """z (N, latent_dim) and labels (N,) -> images (N, C, H, W) in [-1, 1]"""

    def __init__(self, recipe: Recipe) -> None:
        self.image_shape = recipe.image_shape
        self.label_emb = nn.Embedding(recipe.classes, recipe.label_dim)
        wider = replace(recipe, latent_dim=recipe.latent_dim + recipe.label_dim)
        self.model = gan.Generator(wider).model

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        noise_and_label = cat([z, self.label_emb(labels)], 1)  # (N, latent_dim + label_dim)
        return self.model(noise_and_label).view(len(z), *self.image_shape)


class Discriminator(nn.Module):
    """images (N, C, H, W) and labels (N,) -> the probability (N, 1) that the pairs are real"""

    def __init__(self, recipe: Recipe) -> None:
        self.label_emb = nn.Embedding(recipe.classes, recipe.label_dim)
        inputs = math.prod(recipe.image_shape) + recipe.label_dim
        self.model = gan.Discriminator(replace(recipe, image_shape=(1, 1, inputs))).model

    def forward(self, image: Tensor, labels: Tensor) -> Tensor:
        image_and_label = cat([image.flatten(1), self.label_emb(labels)], 1)  # (N, C·H·W + label)
        return self.model(image_and_label)


class ConditionalGAN(GAN):
    """The two perceptrons, each with a label, and their game."""

    name = "conditional_gan"
    losses_at_rest = {"log 2: D cannot tell": math.log(2)}
    settings: Recipe = RECIPES["tutorial"]

    def networks(self) -> tuple[nn.Module, nn.Module]:
        return Generator(self.settings), Discriminator(self.settings)

    def optimizer(self, network: nn.Module) -> Adam:
        return Adam(network.parameters(), self.settings.lr, (self.settings.beta1, 0.999))

    def fakes(self, count: int) -> tuple[Tensor, Tensor]:
        """Images (count, C, H, W) of digits drawn at random, and those digits (count,)."""
        noise = self.noise(count)
        labels = Tensor(self.random.integers(self.settings.classes, count))
        return self.generator(noise, labels), labels

    def generate(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is None:
            raise UserError("a conditional GAN draws what it is asked for: sample(noise, labels)")
        return self.generator(noise, labels)

    @property
    def parts(self) -> int:
        return self.settings.n_critic

    def step(self, real: Tensor, labels: Tensor | None = None) -> Losses:
        """One round of the game: the discriminator moves first, `n_critic` times."""
        if labels is None:
            raise UserError("a conditional GAN learns from labels, and this data set has none")
        n = self.parts
        for images, digits in zip(cut(real, n), cut(labels, n), strict=True):
            losses = self.discriminator_step(images, digits)
        return losses | {"G loss": self.generator_step(len(real) // n)}

    def discriminator_step(self, real: Tensor, labels: Tensor) -> Losses:
        real_score = self.discriminator(real, labels)
        with no_grad():
            fake, fake_labels = self.fakes(len(real))
        fake_score = self.discriminator(fake, fake_labels)
        real_loss = binary_cross_entropy(real_score, self.ones(len(real), 1))
        fake_loss = binary_cross_entropy(fake_score, self.zeros(len(real), 1))
        d_loss = (real_loss + fake_loss) / 2
        self.discriminator_optimizer.minimize(d_loss)
        return {
            "D loss": d_loss.detach(),
            "D(x)": real_score.detach().mean(),
            "D(G(z))": fake_score.detach().mean(),
        }

    def generator_step(self, count: int) -> Tensor:
        fake, labels = self.fakes(count)
        with nn.frozen(self.discriminator):
            g_loss = binary_cross_entropy(self.discriminator(fake, labels), self.ones(count, 1))
        self.generator_optimizer.minimize(g_loss)
        return g_loss.detach()
