"""What all systems share: how one is built, what that leaves alone, and systems of other people."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest

from minigan import Generator, manual_seed, nn, rand
from minigan.errors import UserError
from minigan.gans import GAN, MLPGAN, rebuild
from minigan.gans.gan import Recipe
from minigan.optim import Adam
from minigan.tensor import Tensor

SMALL = Recipe(
    latent_dim=2, image_shape=(1, 2, 3), generator_widths=(3, 4), discriminator_widths=(3,)
)


@dataclass(frozen=True)
class Settings:
    latent_dim: int = 3


class OfVersion01(GAN):
    """A system as one was written for version 0.1: its own constructor, `play`, two optimizers."""

    name = "theirs"

    def __init__(self, settings, *, seed=0, backend="numpy", dtype="float32", fail=False):
        super().__init__(settings, seed=seed, backend=backend, dtype=dtype)
        generator = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Unflatten(1, (1, 2, 2)))
        if fail:
            raise UserError("half built")
        self.play(generator, nn.Sequential(nn.Flatten(), nn.Linear(4, 1)))
        self.generator_optimizer = Adam(self.generator.parameters(), 1e-3)
        self.discriminator_optimizer = Adam(self.discriminator.parameters(), 1e-3)

    def step(self, real, labels=None):
        d_loss = self.discriminator(self.generator(self.noise(len(real)))).mean()
        self.discriminator_optimizer.minimize(d_loss)
        g_loss = self.discriminator(self.generator(self.noise(len(real)))).mean()
        self.generator_optimizer.minimize(g_loss)
        return {"D loss": d_loss.detach(), "G loss": g_loss.detach()}


class Inner(OfVersion01):
    """One that builds another system before its own networks."""

    def __init__(self, settings, **options):
        self.other = MLPGAN(SMALL, seed=9)
        super().__init__(settings, **options)


def weights(gan):
    return [p.numpy().tolist() for p in gan.generator.parameters()]


def fail():
    with pytest.raises(UserError, match="half built"):
        OfVersion01(Settings(), fail=True)


def load():
    rebuild(*MLPGAN(SMALL, seed=3).state())


@pytest.mark.parametrize(
    "build",
    [
        lambda: MLPGAN(SMALL),
        lambda: MLPGAN(SMALL, seed=5),
        load,
        lambda: OfVersion01(Settings(), seed=7),
        lambda: Inner(Settings()),
        fail,
        lambda: pytest.raises(TypeError, MLPGAN, wrong=1),
    ],
)
def test_building_leaves_the_callers_random_numbers_alone(build):
    manual_seed(5)
    undisturbed = [rand(3).tolist(), rand(3).tolist()]
    generator = manual_seed(5)
    drawn = [rand(3).tolist()]
    build()
    drawn.append(rand(3).tolist())
    assert drawn == undisturbed
    assert manual_seed(5) is generator


def test_a_system_is_printed_as_its_two_networks():
    gan = MLPGAN(Recipe(generator_widths=(5,), discriminator_widths=(4,), latent_dim=3), seed=0)
    lines = repr(gan).splitlines()
    assert lines[0] == "MLPGAN(" and lines[-1] == ")"
    assert lines[1] == "  (generator, 4,724 parameters): Generator("
    assert "  (discriminator, 3,145 parameters): Discriminator(" in lines
    assert "      (0): Linear(in_features=3, out_features=5, bias=True)" in lines
    assert repr(GAN.__new__(GAN)) == "GAN(\n)"  # whose networks are yet to be made


def test_in_two_threads_at_once():
    found = {}

    def work(seed):
        manual_seed(seed)
        numbers = []
        for _ in range(20):
            numbers.append(float(rand(1)))
            gan = MLPGAN(SMALL, seed=seed)
        found[seed] = numbers, weights(gan)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (1, 2):
        manual_seed(seed)
        assert found[seed] == (
            [float(rand(1)) for _ in range(20)],
            weights(MLPGAN(SMALL, seed=seed)),
        )


def test_the_seed_alone_decides_the_weights_and_they_are_those_of_manual_seed():
    manual_seed(4)
    layer = nn.Linear(3, 4)
    manual_seed(77)
    rand(8)
    for system in (OfVersion01, Inner):
        first = next(iter(system(Settings(), seed=4).generator.parameters()))
        np.testing.assert_array_equal(first.numpy(), layer.weight.numpy())


def test_a_system_of_version_01_plays_keeps_an_average_and_comes_back():
    gan = OfVersion01(Settings(), seed=1)
    assert gan.generator[1].generator is gan.random  # its dropout draws from the system's numbers
    gan.keep_average(0.5)
    real = Tensor(np.zeros((4, 1, 2, 2), np.float32))
    gan.play_round(real)
    again = OfVersion01(Settings(), seed=2)
    again.load_state(*gan.state())
    for each in (gan, again):
        each.play_round(real)
    assert weights(gan) == weights(again)
    noise = gan.sample_noise(2)
    assert gan.sample(noise).tolist() == again.sample(noise).tolist()
    assert gan.sample(noise).tolist() != gan.sample(noise, averaged=False).tolist()


def test_a_system_says_its_networks_and_their_optimizer():
    class Short(GAN):
        name = "short"
        settings = Settings(latent_dim=5)

        def networks(self):
            return nn.Linear(self.settings.latent_dim, 2), nn.Linear(2, 1)

        def optimizer(self, network):
            return Adam(network.parameters(), 0.1 if network is self.generator else 0.2)

    gan = Short(seed=3, dtype="float64")
    assert gan.generator.weight.dtype == np.float64 and gan.generator.weight.shape == (2, 5)
    assert (gan.generator_optimizer.lr, gan.discriminator_optimizer.lr) == (0.1, 0.2)
    assert (
        gan.noise(2).tolist()
        == Tensor(Generator(3).fork("training").normal((2, 5), "float64")).tolist()
    )
    assert Short(Settings(4)).generator.weight.shape == (2, 4)
