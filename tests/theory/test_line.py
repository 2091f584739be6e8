"""The experiments on a line: what the theory says, within what a short run can show."""

import numpy as np
import pytest
import scipy.stats

from minigan import manual_seed, rand
from minigan.random import Random
from minigan.theory import line
from minigan.theory.toys import GRID, gaussian


def test_the_log_odds_are_those_of_p_over_p_plus_q():
    for p, q in line.PAIRS.values():
        expected = p.density(GRID) / (p.density(GRID) + q.density(GRID))
        ours = 1 / (1 + np.exp(-np.clip(line.log_odds(p, q, GRID), -700, 700)))
        np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_a_trained_discriminator_is_p_over_p_plus_q():
    found = line.optimal_discriminator(steps=250)
    assert list(found) == list(line.PAIRS)
    result = found["two neighbors"]
    np.testing.assert_allclose(result.optimal, 1 / (1 + np.exp(2 * GRID)), atol=1e-12)
    assert result.steps[0] == 0 and result.steps[-1] == 250
    assert len(result.steps) == len(result.trained) == len(result.errors)
    assert result.errors[-1] < 0.05 < result.errors[0]
    error = np.abs(result.trained[-1] - result.optimal)[result.seen].max()
    assert result.errors[-1] == pytest.approx(error)
    assert found["narrow in wide"].errors[-1] < 0.15


def test_the_criterion_is_its_closed_form():
    found = line.criterion(steps=40, samples=20_000)
    assert found.distances[0] == 6 and found.distances[-1] == 0
    np.testing.assert_allclose(found.with_optimal, found.closed_form, atol=0.03)
    assert found.closed_form[-1] == pytest.approx(-np.log(4))
    np.testing.assert_allclose(found.kl, np.array(found.distances) ** 2 / 2, atol=1e-6)
    below = np.array(found.with_optimal) - found.with_trained
    assert below.min() > -0.005  # no D is better than D*, but for the chance in the samples
    assert below.max() < 0.1


def test_the_pull_on_one_sample_is_d_or_one_minus_d():
    scores = np.linspace(-12, 12, 49)
    d = 1 / (1 + np.exp(-scores))
    np.testing.assert_allclose(line.slopes(line.saturating_loss, scores), d, rtol=1e-12)
    np.testing.assert_allclose(line.slopes(line.non_saturating_loss, scores), 1 - d, rtol=1e-9)


def test_the_better_d_is_the_less_the_saturating_loss_says():
    found = line.gradients(steps=150)
    assert found.steps[0] == 0 and found.steps[-1] == 150
    assert found.belief[-1] < 0.05 < 0.3 < found.belief[0]
    saturating, other = found.norms["saturating"], found.norms["non-saturating"]
    assert saturating[-1] < saturating[0] / 5
    assert other[-1] > other[0]


def test_only_the_non_saturating_loss_gets_under_way_with_sgd():
    found = line.race(steps=200)
    assert sorted(found.distances) == [
        "non-saturating, Adam",
        "non-saturating, SGD",
        "saturating, Adam",
        "saturating, SGD",
    ]
    for distances in found.distances.values():
        assert len(distances) == len(found.steps) == 101
        assert distances[0] == pytest.approx(4, abs=0.5)
    assert min(found.distances["non-saturating, SGD"]) < 1.5
    assert min(found.distances["saturating, SGD"]) > 3
    assert min(found.distances["saturating, Adam"]) < 2.5


def test_transport_distance_is_scipys():
    random = Random(0)
    a, b = (gaussian(m, s).sample(random, 300).numpy() for m, s in ((0, 1), (2, 0.5)))
    expected = scipy.stats.wasserstein_distance(a[:, 0], b[:, 0])
    assert line.transport_distance(a, b) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("experiment", [line.optimal_discriminator, line.criterion, line.race])
def test_one_seed_is_one_result(experiment):
    once, again, other = (repr(experiment(steps=2, seed=seed)) for seed in (1, 1, 2))
    assert once == again != other


@pytest.mark.parametrize("experiment", [line.optimal_discriminator, line.criterion, line.race])
def test_the_callers_random_numbers_go_on(experiment):
    manual_seed(5)
    undisturbed = [rand(2).tolist(), rand(2).tolist()]
    manual_seed(5)
    drawn = [rand(2).tolist()]
    experiment(steps=1)
    assert [*drawn, rand(2).tolist()] == undisturbed
