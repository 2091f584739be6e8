"""The generator's density, and the moments of the game."""

import numpy as np
import pytest

from minigan import nn
from minigan.evaluation.divergences import js_divergence
from minigan.theory import figure1
from minigan.theory.toys import CELL, GRID


def linear(slope, shift):
    layer = nn.Linear(1, 1)
    layer.load_state_dict({"weight": np.array([[slope]]), "bias": np.array([shift])})
    return layer


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (-2.5, 1.0)])
def test_the_density_of_a_line_that_is_stretched(slope, shift):
    """z ~ U(-1, 1) makes a·z + b uniform, of height 1/(2|a|)."""
    density = figure1.generated_density(linear(slope, shift))
    assert density.sum() * CELL == pytest.approx(1, abs=1e-9)
    inside = np.abs(GRID - shift) < abs(slope) - 5 * figure1.BLUR
    outside = np.abs(GRID - shift) > abs(slope) + 5 * figure1.BLUR
    np.testing.assert_allclose(density[inside], 1 / (2 * abs(slope)), rtol=0.02)
    np.testing.assert_array_equal(density[outside], 0)


def test_moments_of_a_short_game():
    moments = figure1.moments(steps=12, frames=5)
    assert [moment.step for moment in moments] == [0, 1, 3, 7, 12]
    first, last = moments[0], moments[-1]
    assert first.discriminator.shape == first.generated.shape == GRID.shape
    assert first.arrows.shape == figure1.ARROWS.shape
    assert np.any(first.arrows != last.arrows)
    expected = js_divergence(figure1.DATA.density(GRID), last.generated, cell=CELL)
    assert last.jsd == expected > 0
    assert repr(figure1.moments(steps=12, frames=5)) == repr(moments)
    assert repr(figure1.moments(steps=12, frames=5, seed=1)) != repr(moments)


def test_the_two_densities_approach_each_other():
    moments = figure1.moments(steps=200, frames=3)
    assert moments[-1].jsd < 0.15 < 0.5 < moments[0].jsd
