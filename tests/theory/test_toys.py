"""The toy distributions against scipy, and the toy networks."""

import numpy as np
import pytest
import scipy.stats

from minigan import nn
from minigan.random import Random, manual_seed
from minigan.tensor import Tensor
from minigan.theory.toys import CELL, GRID, Mixture, Ring, gaussian, perceptron

MIXTURE = Mixture((0.7, 0.3), (-1.0, 2.0), (0.5, 1.5))


def test_the_density_of_a_mixture():
    expected = 0.7 * scipy.stats.norm(-1, 0.5).pdf(GRID) + 0.3 * scipy.stats.norm(2, 1.5).pdf(GRID)
    np.testing.assert_allclose(MIXTURE.density(GRID), expected, rtol=1e-10)
    assert MIXTURE.density(GRID).sum() * CELL == pytest.approx(1, abs=1e-6)


def test_the_log_density_reaches_where_the_density_underflows():
    assert gaussian(0, 0.1).log_density(np.array(10.0)) == pytest.approx(
        scipy.stats.norm(0, 0.1).logpdf(10)
    )


def test_samples_are_of_the_mixture():
    points = MIXTURE.sample(Random(0), 20_000)
    assert points.shape == (20_000, 1) and points.dtype == np.float32
    low, high = (scipy.stats.norm(*part).cdf for part in ((-1, 0.5), (2, 1.5)))
    test = scipy.stats.kstest(points.numpy()[:, 0], lambda x: 0.7 * low(x) + 0.3 * high(x))
    assert test.pvalue > 0.01


def test_the_ring_counts_good_samples_by_mode():
    ring = Ring(modes=4, radius=1, deviation=0.1)
    np.testing.assert_allclose(ring.centers(), [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-12)
    points = [[1.29, 0], [1.31, 0], [0, 1], [0.1, 1.1], [0, 0], [-1, 0.3]]
    assert ring.counts(np.array(points)).tolist() == [1, 2, 1, 0]


def test_samples_of_the_ring():
    ring = Ring()
    points = ring.sample(Random(0), 8000)
    assert points.shape == (8000, 2) and points.dtype == np.float32
    counts = ring.counts(points.numpy())
    # 3 deviations of a Gaussian in the plane hold 1 - exp(-9/2) = 98.9 %
    assert counts.sum() / 8000 == pytest.approx(1 - np.exp(-4.5), abs=0.005)
    assert counts.min() > 850 and counts.max() < 1150


def test_the_perceptron():
    manual_seed(0)
    net = perceptron(2, 3, width=200)
    kinds = [type(layer) for layer in net]
    assert kinds == [nn.Linear, nn.LeakyReLU] * 2 + [nn.Linear]
    y = net(Tensor(Random(1).normal((1000, 2)))).numpy()
    assert y.shape == (1000, 3)
    assert 0.3 < y.std() < 2  # with torch's default weights, 0.1
    smooth = perceptron(1, 1, width=4, activation=nn.Tanh())
    assert [type(layer) for layer in smooth][1::2] == [nn.Tanh, nn.Tanh]
    assert [layer.weight.shape for layer in perceptron(2, 3, width=8, layers=0)] == [(3, 2)]
    assert len(perceptron(2, 3, width=8, layers=4)) == 9
