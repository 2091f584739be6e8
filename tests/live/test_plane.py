"""What the plane shows, beside numbers that are known."""

import base64

import numpy as np
import pytest

from minigan.functional import softplus
from minigan.live.choices import LINE, PLANE
from minigan.live.line import LineGame
from minigan.live.plane import COUNTED, PlaneGame
from minigan.live.settings import defaults
from minigan.tensor import Tensor
from minigan.theory.plane import Spots


def numbers(sent):
    values = np.frombuffer(base64.b64decode(sent["data"]), sent["dtype"])
    return values.reshape(sent["shape"])


def game(**values):
    return PlaneGame({**defaults(PLANE), "measure_every": 0, **values})


class Moved:
    """A generator whose q is known: z scaled and moved, whatever it was."""

    def __init__(self, scale, move):
        self.scale, self.move = scale, np.array(move, np.float32)

    def __call__(self, z):
        return Tensor(z.numpy() * np.float32(self.scale) + self.move)


def test_kl_and_js_of_two_gaussians_are_those_of_the_closed_form():
    """KL of two round Gaussians of one deviation is (distance / deviation)² / 2."""
    plane = game(data="drawn", points=[[0.4, 0.2]])
    plane.views.data = Spots(np.array([(0.4, 0.2)]), 0.5)
    plane.game.generator = Moved(0.5, (0.0, 0.2))
    found = plane.divergences()
    assert found["kl"] - found["kl_floor"] == pytest.approx((0.4 / 0.5) ** 2 / 2, abs=0.04)
    # JS by an integral along the line through both means; across it the two are one.
    x = np.linspace(-5, 5, 20_001)
    p, q = (np.exp(-(((x - m) / 0.5) ** 2) / 2) / (0.5 * np.sqrt(2 * np.pi)) for m in (0.4, 0.0))
    m, cell = (p + q) / 2, x[1] - x[0]
    tiny = 1e-300
    js = sum((d * np.log((d + tiny) / (m + tiny))).sum() for d in (p, q)) * cell / 2
    assert found["js"] == pytest.approx(js, abs=0.012)
    assert found["sum_p"] == pytest.approx(1, abs=1e-6)
    assert found["sum_q"] == pytest.approx(1, abs=1e-3)
    assert found["bound"] == pytest.approx(-np.log(4) + 2 * found["js"])


def test_a_perfect_generator_is_at_the_floor():
    plane = game(data="drawn", points=[[0.0, 0.0]])
    plane.views.data = Spots(np.array([(0.0, 0.0)]), 0.5)
    plane.game.generator = Moved(0.5, (0.0, 0.0))
    found = plane.divergences()
    assert found["js"] == pytest.approx(found["js_floor"], rel=0.25)
    assert found["kl"] == pytest.approx(found["kl_floor"], rel=0.25)
    assert found["js"] < 0.01


def test_a_generator_beyond_the_picture_is_as_far_away_as_can_be():
    plane = game()
    plane.game.generator = Moved(0.1, (50.0, 50.0))
    found = plane.divergences()
    assert found["js"] == pytest.approx(np.log(2), abs=1e-6)
    assert found["sum_q"] == 0


def test_the_best_discriminator_is_p_over_p_plus_q():
    plane = game(data="drawn", points=[[0.0, 0.0]])
    plane.views.data = Spots(np.array([(0.0, 0.0)]), 0.5)
    plane.game.generator = Moved(0.5, (1.0, 0.0))
    best = numbers(plane.best())
    middles = (np.arange(40) + 0.5) * 0.15 - 3
    expected = 1 / (1 + np.exp((2 * middles - 1) / (2 * 0.25)))  # of x alone
    row = best[20]  # y near 0
    near = np.abs(middles - 0.5) < 0.6
    np.testing.assert_allclose(row[near], expected[near], atol=0.08)
    assert np.isnan(best[0, 0])  # nothing falls there
    assert game(objective="Wasserstein").best() is None


def test_the_field_has_y_in_rows():
    plane = game()

    class Height:
        """D's score is y."""

        def __call__(self, points):
            return points[:, 1:]

    plane.game.discriminator = Height()
    plane.values = {**plane.values, "objective": "least squares"}
    values = numbers(plane.field()["values"])
    assert plane.field()["kind"] == "score"
    np.testing.assert_allclose(values[:, 0], (np.arange(40) + 0.5) * 0.15 - 3, atol=1e-6)
    np.testing.assert_array_equal(values, values[:, :1].repeat(40, 1))


def test_arrows_are_the_slope_of_each_fakes_own_loss():
    plane = game()
    arrows = plane.arrows()
    at, by = numbers(arrows["at"]), numbers(arrows["by"])
    step, d = 1e-2, plane.game.discriminator
    for axis in (0, 1):
        move = np.zeros_like(at)
        move[:, axis] = step
        losses = [softplus(-d(Tensor(at + sign * move))).numpy()[:, 0] for sign in (1, -1)]
        np.testing.assert_allclose(by[:, axis], -(losses[0] - losses[1]) / (2 * step), atol=2e-3)


@pytest.mark.parametrize("noise", ["normal", "uniform"])
def test_between_lines_of_the_lattice_lies_the_same_share_of_noise(noise):
    views = game(noise=noise).views
    lines = np.unique(views.lattice[:, 0])
    shares = np.histogram(views.z[:, 0], lines)[0] / COUNTED
    assert len(lines) == 21
    np.testing.assert_allclose(shares, 1 / 21, atol=0.012)


def test_a_game_on_a_line_knows_its_divergence():
    """The generator draws N(1, 0.8²) by its own quantiles, moved by 0.4."""
    line = LineGame({**defaults(LINE), "data": "one hill"})
    below = np.cumsum(line.views.density) * 0.01

    def moved(z):
        from minigan.theory.toys import GRID

        return Tensor((np.interp((z.numpy() + 1) / 2, below, GRID) + 0.4).astype(np.float32))

    line.game.generator = moved
    found = line.divergences()
    assert found["kl"] == pytest.approx((0.4 / 0.8) ** 2 / 2, abs=0.01)
    assert found["sum_p"] == pytest.approx(1, abs=1e-6)
    assert found["js_floor"] < 1e-3 and found["kl_floor"] < 2e-3
