"""The small GAN of the third tutorial: two layers each, and squared errors for losses.

    D: min E[(D(x) − 1)²] + E[D(G(z))²]        G: min E[(D(G(z)) − 1)²]
    Mao et al., "Least Squares Generative Adversarial Networks", 2017, equation 9

As the tutorial writes it, it does not learn, and its author says so. The cause is one layer, the
batch norm in front of the discriminator's sigmoid. Real and fake images go through it in separate
batches, and each leaves it with the same mean, its bias. So the discriminator cannot tell the two
apart by their average; all it sees is how an image differs from the rest of its own batch. To
the generator such differences only cost: the loss is convex where it is (for D(G(z)) > 1/3), and
of all batches with one mean the one without any spread has the lowest. (It does not get there in a
straight line: batch norm undoes a spread that only shrinks, until that is near the root of its
eps.) docs/results/README.md follows two ways of dying, which depend on the seed. In one the images
themselves become one, epoch by epoch. In the other G soon finds images that still differ, but not
in what D's last layer sees of them: then batch norm passes on its bias, whatever comes in, and no
gradient back.

The recipe `fixed` leaves that layer out, and scales the pixels to [-1, 1], as a generator that
ends in tanh needs them (the tutorial has them in [0, 1]). Nothing else differs, and the page also
shows either change alone.

docs/tutorials.md names the tutorials.

Next: dcgan.py, where the networks are convolutional.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from minigan import nn
from minigan.functional import mse_loss
from minigan.gans.base import GAN, Losses
from minigan.optim import Adam
from minigan.random import Random
from minigan.tensor import Tensor, no_grad


@dataclass(frozen=True)
class Recipe:
    """All choices of one run; the defaults are the tutorial's."""

    latent_dim: int = 50
    image_shape: tuple[int, int, int] = (1, 28, 28)
    width: int = 200
    noise_std: float = 0.1
    norm_before_sigmoid: bool = True  # this is what it dies of
    black: float = 0.0  # a black pixel; a white one is 1
    lr: float = 2e-4
    beta1: float = 0.5
    epochs: int = 50  # passes over the data
    batch_size: int = 512
    drop_last: bool = True  # whether an epoch's last batch is left out if it is smaller
    average: float | None = None  # the decay of the average of G's weights, if one is kept


RECIPES = {
    "tutorial": Recipe(),
    "fixed": Recipe(norm_before_sigmoid=False, black=-1.0),
}


class Generator(nn.Module):
    """z (N, latent_dim) -> image (N, C, H, W) in [-1, 1]"""

    def __init__(self, recipe: Recipe) -> None:
        channels, height, width = self.image_shape = recipe.image_shape
        # An OrderedDict names the layers: the first weight is layer1.fc1.weight, in torch as here.
        self.layer1 = nn.Sequential(
            OrderedDict(
                fc1=nn.Linear(recipe.latent_dim, recipe.width),
                bn1=nn.BatchNorm1d(recipe.width),
                act1=nn.ReLU(),
            )
        )
        self.layer2 = nn.Sequential(
            OrderedDict(
                fc2=nn.Linear(recipe.width, channels * height * width),
                tanh=nn.Tanh(),
            )
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layer2(self.layer1(z)).view(len(z), *self.image_shape)


class Discriminator(nn.Module):
    """image (N, C, H, W) -> how real it looks (N, 1), from 0 to 1"""

    def __init__(self, recipe: Recipe) -> None:
        channels, height, width = recipe.image_shape
        self.layer1 = nn.Sequential(
            OrderedDict(
                fc1=nn.Linear(channels * height * width, recipe.width),
                act1=nn.LeakyReLU(),  # torch's default slope, 0.01
            )
        )
        last: OrderedDict[str, nn.Module] = OrderedDict(fc2=nn.Linear(recipe.width, 1))
        if recipe.norm_before_sigmoid:
            last["bn2"] = nn.BatchNorm1d(1)
        last["act2"] = nn.Sigmoid()
        self.layer2 = nn.Sequential(last)

    def forward(self, image: Tensor) -> Tensor:
        return self.layer2(self.layer1(image.view(len(image), -1)))


class LSGAN(GAN):
    """The two small networks and their game."""

    name = "lsgan"
    loss_unit = "squared error"
    losses_at_rest = {"1/2, of D": 0.5, "1/4, of G": 0.25}
    settings: Recipe = RECIPES["tutorial"]

    @property
    def value_range(self) -> tuple[float, float]:  # type: ignore[override]
        """Black and white, as the recipe has them."""
        return self.settings.black, 1.0

    def networks(self) -> tuple[nn.Module, nn.Module]:
        return Generator(self.settings), Discriminator(self.settings)

    def optimizer(self, network: nn.Module) -> Adam:
        return Adam(network.parameters(), self.settings.lr, (self.settings.beta1, 0.999))

    def draw_noise(self, source: Random, count: int) -> Tensor:
        return super().draw_noise(source, count) * self.settings.noise_std

    def step(self, real: Tensor, labels: Tensor | None = None) -> Losses:
        """One round of the game: here the discriminator moves first."""
        real_label, fake_label = self.ones(len(real), 1), self.zeros(len(real), 1)

        with no_grad():  # the tutorial computes G's gradient here too, and throws it away
            fake = self.generator(self.noise(len(real)))
        fake_score, real_score = self.discriminator(fake), self.discriminator(real)
        d_loss = mse_loss(fake_score, fake_label) + mse_loss(real_score, real_label)
        self.discriminator_optimizer.minimize(d_loss)

        # New noise, and the discriminator as it now is.
        fake = self.generator(self.noise(len(real)))
        with nn.frozen(self.discriminator):
            g_loss = mse_loss(self.discriminator(fake), real_label)
        self.generator_optimizer.minimize(g_loss)

        return {
            "D loss": d_loss.detach(),
            "G loss": g_loss.detach(),
            "D(x)": real_score.detach().mean(),
            "D(G(z))": fake_score.detach().mean(),
        }
