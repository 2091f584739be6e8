"""The Wasserstein GAN with gradient penalty: a critic that grades instead of judging.

    Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, algorithm 1

The critic f gives a score without bounds, and learns  max over f of E[f(x)] − E[f(G(z))].  If its
slope is nowhere above 1, that maximum is the distance over which the generator's images would have
to be moved to become the data (the earth mover's, or Wasserstein distance). That does not flatten
where the two are far apart, as the divergence behind the first game does: it goes on saying how
far. The slope is kept near 1 by a
penalty on the norm of the critic's own gradient: to learn from it takes second derivatives.

Next: latent.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from minigan import nn
from minigan.errors import UserError
from minigan.gans import gan
from minigan.gans.base import GAN, Losses, cut
from minigan.gans.penalty import gradient_norms, slope_penalty
from minigan.optim import Adam
from minigan.tensor import Tensor, no_grad


@dataclass(frozen=True)
class Recipe(gan.Recipe):
    """All choices of one run; what is not the paper's is the shape of the networks, how long they
    learn, and the average of the generator's weights."""

    generator_widths: tuple[int, ...] = (256, 512, 1024)
    discriminator_widths: tuple[int, ...] = (512, 256)
    norm_eps: float | None = None
    convolutional: bool = False
    features: int = 64  # channels of the convolutional networks next to the image
    penalty: float = 10.0  # λ
    n_critic: int = 5  # critic updates, on fresh images each, for one of the generator
    lr: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.9
    epochs: int = 30
    drop_last: bool = True
    average: float | None = 0.999

    def __post_init__(self) -> None:
        if self.n_critic < 1:
            raise UserError(f"n_critic must be at least 1, not {self.n_critic}")
        if not 0 <= self.penalty < float("inf"):
            raise UserError(f"the penalty must be a number from 0 up, not {self.penalty}")
        if self.convolutional and any(side % 4 for side in self.image_shape[1:]):
            raise UserError(
                f"the convolutional networks halve an image twice, so its sides must be multiples "
                f"of 4; these images are {self.image_shape}"
            )


RECIPES = {
    "mlp": Recipe(),
    "conv": Recipe(convolutional=True, epochs=20),
}


def perceptron_critic(recipe: Recipe) -> nn.Sequential:
    """image (N, C, H, W) -> score (N, 1): the discriminator of gan.py without its sigmoid.

    There is no batch norm in a critic: the penalty is about the slope at each image, and batch
    norm would make the score of one image depend on the others.
    """
    return nn.Sequential(nn.Flatten(), *gan.Discriminator(recipe).model[:-1])


def convolutional_generator(recipe: Recipe) -> nn.Sequential:
    """z (N, latent_dim) -> image (N, C, H, W) in [-1, 1]"""
    channels, height, width = recipe.image_shape
    small = (2 * recipe.features, height // 4, width // 4)
    return nn.Sequential(
        nn.Linear(recipe.latent_dim, small[0] * small[1] * small[2]),
        nn.ReLU(),
        nn.Unflatten(1, small),  # (N, 2F·H/4·W/4) -> (N, 2F, H/4, W/4)
        nn.ConvTranspose2d(small[0], recipe.features, 4, 2, 1),  # -> (N, F, H/2, W/2)
        nn.ReLU(),
        nn.ConvTranspose2d(recipe.features, channels, 4, 2, 1),  # -> (N, C, H, W)
        nn.Tanh(),
    )


def convolutional_critic(recipe: Recipe) -> nn.Sequential:
    """image (N, C, H, W) -> score (N, 1)"""
    channels, height, width = recipe.image_shape
    small = (2 * recipe.features, height // 4, width // 4)
    return nn.Sequential(
        nn.Conv2d(channels, recipe.features, 4, 2, 1),  # (N, C, H, W) -> (N, F, H/2, W/2)
        nn.LeakyReLU(0.2),
        nn.Conv2d(recipe.features, small[0], 4, 2, 1),  # -> (N, 2F, H/4, W/4)
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(small[0] * small[1] * small[2], 1),
    )


class WGANGP(GAN):
    """A generator and a critic, which plays the discriminator's part."""

    name = "wgan_gp"
    loss_unit = "units of the critic's score"
    settings: Recipe = RECIPES["mlp"]

    def networks(self) -> tuple[nn.Module, nn.Module]:
        if self.settings.convolutional:
            return convolutional_generator(self.settings), convolutional_critic(self.settings)
        return gan.Generator(self.settings), perceptron_critic(self.settings)

    def optimizer(self, network: nn.Module) -> Adam:
        settings = self.settings
        return Adam(network.parameters(), settings.lr, (settings.beta1, settings.beta2))

    @property
    def parts(self) -> int:
        return self.settings.n_critic

    def step(self, real: Tensor, labels: Tensor | None = None) -> Losses:
        """One round of algorithm 1: `n_critic` updates of the critic, then one of the generator."""
        parts = cut(real, self.parts)
        for images in parts:
            losses = self.critic_step(images)

        fake = self.generator(self.noise(len(parts[0])))
        with nn.frozen(self.discriminator):
            g_loss = -self.discriminator(fake).mean()
        self.generator_optimizer.minimize(g_loss)
        return losses | {"G loss": g_loss.detach()}

    def critic_step(self, real: Tensor) -> Losses:
        with no_grad():
            fake = self.generator(self.noise(len(real)))
        mix = Tensor(self.random.uniform((len(real), 1, 1, 1), self.dtype))
        norms = gradient_norms(self.discriminator, mix * real + (1 - mix) * fake)  # (N,)
        distance = self.discriminator(real).mean() - self.discriminator(fake).mean()
        d_loss = self.settings.penalty * slope_penalty(norms) - distance
        self.discriminator_optimizer.minimize(d_loss)
        return {
            "D loss": d_loss.detach(),
            "distance": distance.detach(),  # an estimate of Wasserstein's, once the critic is good
            "slope": norms.detach().mean(),
        }
