"""The shares of cells, beside samples and beside an integral."""

import numpy as np
import pytest

from minigan.random import Random
from minigan.theory.plane import PLANES, Spots, histogram

EDGES = np.linspace(-3, 3, 41)


@pytest.mark.parametrize("name", PLANES)
def test_shares_are_those_of_many_samples(name):
    plane, count = PLANES[name], 200_000
    shares = plane.cells(EDGES)
    assert shares.sum() == pytest.approx(1, abs=1e-3)
    counts = histogram(plane.sample(Random(1), count).numpy(), EDGES)
    error = (counts - count * shares) / np.sqrt(count * shares + 1)
    assert np.abs(error).max() < 6
    assert np.mean(error[shares * count > 20] ** 2) == pytest.approx(1, abs=0.25)


def test_a_share_is_the_integral_of_the_density():
    plane = Spots(np.array([(0.3, -0.2), (1.0, 1.0)]), 0.4)
    fine = np.linspace(0, 0.5, 401)[:-1] + 0.5 / 800
    x, y = np.meshgrid(fine, fine - 0.5)
    density = sum(
        np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 0.4**2)) / (2 * np.pi * 0.4**2) / 2
        for a, b in plane.centers
    )
    share = plane.cells(np.array([-0.5, 0.0, 0.5]))[0, 1]  # y below 0, x above
    assert share == pytest.approx(density.mean() * 0.25, rel=1e-6)


def test_rows_are_y():
    plane = Spots(np.array([(2.0, -2.0)]), 0.1)
    assert np.unravel_index(plane.cells(EDGES).argmax(), (40, 40)) in [(6, 33), (6, 32), (7, 33)]
    counts = histogram(np.array([(2.01, -2.01)]), EDGES)
    assert counts[6, 33] == counts.sum() == 1
