"""The objectives against their formulas in probabilities, and the rules of the game."""

import numpy as np
import pytest

from minigan.optim import Adam
from minigan.random import Random, manual_seed
from minigan.tensor import Tensor
from minigan.theory import game
from minigan.theory.game import LEAST_SQUARES, NON_SATURATING, SATURATING, WASSERSTEIN, Game
from minigan.theory.toys import gaussian, perceptron

rng = np.random.default_rng(0)
REAL, FAKE = rng.normal(size=(50, 1)), rng.normal(size=(50, 1))


def sigma(s):
    return 1 / (1 + np.exp(-s))


def test_each_loss_is_its_formula():
    def value(loss, *scores):
        return loss(*(Tensor(s) for s in scores)).item()

    v = np.log(sigma(REAL)).mean() + np.log(1 - sigma(FAKE)).mean()
    assert value(game.cross_entropy_loss, REAL, FAKE) == pytest.approx(-v, rel=1e-12)
    assert value(game.saturating_loss, FAKE) == pytest.approx(np.log(1 - sigma(FAKE)).mean())
    assert value(game.non_saturating_loss, FAKE) == pytest.approx(-np.log(sigma(FAKE)).mean())
    squares = ((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2
    assert value(game.least_squares_loss, REAL, FAKE) == pytest.approx(squares)
    squares = ((FAKE - 1) ** 2).mean() / 2
    assert value(game.least_squares_generator_loss, FAKE) == pytest.approx(squares)
    assert value(game.critic_loss, REAL, FAKE) == pytest.approx(FAKE.mean() - REAL.mean())
    assert value(game.critic_generator_loss, FAKE) == pytest.approx(-FAKE.mean())


def test_losses_of_a_sure_discriminator_are_finite():
    """σ(-200) is 0 in float32, and its logarithm would be -infinity."""
    sure = Tensor(np.full((4, 1), -200, np.float32), requires_grad=True)
    loss = game.non_saturating_loss(sure)
    loss.backward()
    assert loss.item() == 200
    np.testing.assert_array_equal(sure.grad.numpy(), np.full((4, 1), -0.25))


def small_game(objective, seed=0):
    manual_seed(seed)
    random = Random(seed)
    generator, discriminator = perceptron(1, 1, width=8), perceptron(1, 1, width=8)
    return Game(
        objective,
        generator,
        discriminator,
        (Adam(generator.parameters()), Adam(discriminator.parameters())),
        real=lambda count: gaussian(3, 1).sample(random, count),
        noise=lambda count: Tensor(random.normal((count, 1))),
        random=random,
        batch_size=32,
    )


def test_the_slope_is_asked_for_between_real_and_fake(monkeypatch):
    asked = []

    def norms(critic, points):
        asked.extend(points.numpy().ravel().tolist())
        return critic(points)

    monkeypatch.setattr(game, "gradient_norms", norms)
    play = small_game(WASSERSTEIN)
    play.real = lambda count: Tensor(np.full((count, 1), 5, np.float32))
    play.generator = lambda z: Tensor(np.full(z.shape, 1, np.float32))
    play.discriminator_step()
    assert len(asked) == 32
    assert 1 <= min(asked) < 2 and 4 < max(asked) <= 5  # from end to end


def weights(network):
    return np.concatenate([p.numpy().ravel() for p in network.parameters()])


@pytest.mark.parametrize("objective", [SATURATING, NON_SATURATING, LEAST_SQUARES, WASSERSTEIN])
def test_each_side_moves_only_itself(objective):
    play = small_game(objective)
    g, d = weights(play.generator), weights(play.discriminator)
    play.discriminator_step()
    np.testing.assert_array_equal(weights(play.generator), g)
    moved = weights(play.discriminator)
    assert np.any(moved != d)
    play.generator_step()
    assert np.any(weights(play.generator) != g)
    np.testing.assert_array_equal(weights(play.discriminator), moved)


@pytest.mark.parametrize("objective", [SATURATING, NON_SATURATING, LEAST_SQUARES, WASSERSTEIN])
def test_the_generator_follows_the_discriminator(objective):
    """The data lie to the right. Once D knows, every objective moves the fakes to the right."""
    play = small_game(objective)
    for _ in range(30):
        play.discriminator_step()
    z = play.noise(500)
    before = play.generator(z).numpy().mean()
    for _ in range(10):
        play.generator_step()
    assert play.generator(z).numpy().mean() > before + 0.01


def test_a_round_has_as_many_discriminator_steps_as_it_says(monkeypatch):
    moves = []
    monkeypatch.setattr(Game, "discriminator_step", lambda self: moves.append("D"))
    monkeypatch.setattr(Game, "generator_step", lambda self: moves.append("G"))
    small_game(WASSERSTEIN).step()
    small_game(NON_SATURATING).step()
    small_game(NON_SATURATING._replace(generator_steps=2)).step()
    assert "".join(moves) == "DDDDDG" + "DG" + "DGG"


def test_a_round_tells_the_losses_that_it_minimized():
    play, twin = small_game(SATURATING), small_game(SATURATING)
    losses = play.step()
    real, noise = twin.real(32), twin.noise(32)
    d_loss = game.cross_entropy_loss(*map(twin.discriminator, (real, twin.generator(noise))))
    assert losses["D loss"].item() == d_loss.item()
    assert set(losses) == {"D loss", "G loss"} and losses["G loss"].op is None


def test_r1_asks_for_a_flat_discriminator_at_the_data():
    """γ/2 · E[‖∇D(x)‖²], the slopes of D by differences."""
    play = small_game(SATURATING._replace(r1=0.6))
    d, x = play.discriminator.to("float64"), Tensor(np.linspace(-1, 1, 9)[:, None])
    plain = game.cross_entropy_loss(d(x), d(x)).item()
    slopes = (d(x + 1e-6) - d(x - 1e-6)).numpy() / 2e-6
    found = play.discriminator_loss(x, x).item()
    assert found == pytest.approx(plain + 0.3 * (slopes**2).mean(), rel=1e-6)


def test_one_seed_is_one_game():
    games = [small_game(WASSERSTEIN, seed) for seed in (1, 1, 2)]
    for play in games:
        play.step()
    ours, again, other = (weights(play.generator) for play in games)
    np.testing.assert_array_equal(ours, again)
    assert np.any(ours != other)
