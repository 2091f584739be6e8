"""The Dirac-GAN of Mescheder et al. 2018, whose eigenvalues are known in closed form."""

import numpy as np
import pytest

from minigan import nn
from minigan.optim import SGD
from minigan.random import Random
from minigan.tensor import Tensor
from minigan.theory.eigenvalues import eigenvalues, jacobian
from minigan.theory.game import NON_SATURATING, SATURATING, Game


class One(nn.Module):
    """A single number: θ itself, or ψ · x."""

    def __init__(self, times: bool) -> None:
        self.times = times
        self.number = nn.Parameter(np.zeros((1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.number * x if self.times else self.number + 0 * x


def dirac(objective):
    generator, discriminator = One(times=False), One(times=True)
    optimizers = SGD(generator.parameters(), 0.1), SGD(discriminator.parameters(), 0.1)
    nothing = Tensor(np.zeros((1, 1)))
    game = Game(
        objective,
        generator,
        discriminator,
        optimizers,
        real=lambda count: nothing,
        noise=lambda count: nothing,
        random=Random(0),
    )
    return game, nothing


@pytest.mark.parametrize("objective", [SATURATING, NON_SATURATING])
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
def test_the_dirac_gan(objective, gamma):
    """λ = −γ/2 ± √(γ²/4 − 1/4): it circles without R1, and with R1 it comes to rest."""
    game, nothing = dirac(objective._replace(r1=gamma))
    found = np.sort_complex(eigenvalues(jacobian(game, nothing, nothing)))
    root = np.sqrt(complex(gamma**2 / 4 - 1 / 4))
    expected = np.sort_complex(np.array([-gamma / 2 + root, -gamma / 2 - root]))
    np.testing.assert_allclose(found, expected, atol=2e-8)  # a double root is known to √eps


def test_looking_leaves_the_game_as_it_is():
    game, nothing = dirac(SATURATING)
    before = game.generator.number.numpy().copy()
    jacobian(game, nothing, nothing)
    assert game.generator.number.grad is None
    np.testing.assert_array_equal(game.generator.number.numpy(), before)
