"""The Parzen score against scipy, and its protocol on a toy distribution of 'images'."""

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.errors import UserError
from minigan.evaluation import parzen
from minigan.evaluation.parzen import (
    BANDWIDTHS,
    choose_bandwidth,
    parzen_log_likelihood,
    parzen_score,
)
from minigan.testing.strategies import seeds


def reference(samples, points, sigma):
    """The definition in float64, from real distances."""
    samples, points = samples.astype(np.float64), points.astype(np.float64)
    squared = scipy.spatial.distance.cdist(points, samples, "sqeuclidean")
    mean = scipy.special.logsumexp(-squared / (2 * sigma**2), axis=1) - np.log(len(samples))
    return mean - samples.shape[1] * np.log(sigma * np.sqrt(2 * np.pi))


def toy_images(seed, count, clusters=40, width=30):
    """Toy images in [0, 1]: each is one of a few fixed pictures, a little blurred and bent."""
    centers = np.random.default_rng(99).random((clusters, width))
    rng = np.random.default_rng(seed)
    chosen = centers[rng.integers(0, clusters, count)]
    return np.clip(chosen + 0.12 * rng.normal(size=chosen.shape), 0, 1), centers


@pytest.mark.parametrize("block_elements", [1, 1000, 2**21])
@pytest.mark.parametrize("sigma", [0.1, 0.278, 1.0])
def test_it_matches_scipy(monkeypatch, sigma, block_elements):
    monkeypatch.setattr(parzen, "BLOCK_ELEMENTS", block_elements)
    rng = np.random.default_rng(0)
    samples, points = rng.random((70, 784), dtype=np.float32), rng.random((45, 784))
    result = parzen_log_likelihood(samples, points, sigma)
    assert result.shape == (45,) and result.dtype == np.float64
    np.testing.assert_allclose(result, reference(samples, points, sigma), rtol=0, atol=5e-3)


@settings(max_examples=30, deadline=None)
@given(seeds(), st.integers(1, 20), st.integers(1, 20), st.floats(0.05, 3))
def test_it_matches_scipy_for_any_shape(seed, count, width, sigma):
    rng = np.random.default_rng(seed)
    samples, points = rng.random((count, width)), rng.random((7, width))
    expected = reference(samples, points, sigma)
    np.testing.assert_allclose(
        parzen_log_likelihood(samples, points, sigma), expected, rtol=1e-5, atol=1e-3
    )


def test_one_sample_is_a_gaussian():
    sample, points = np.array([[0.3, 0.6]]), np.random.default_rng(0).random((9, 2))
    expected = scipy.stats.norm(sample, 0.2).logpdf(points).sum(axis=1)
    np.testing.assert_allclose(parzen_log_likelihood(sample, points, 0.2), expected, atol=1e-5)


def test_the_density_integrates_to_one():
    samples = np.array([[0.2, 0.3], [0.7, 0.6], [0.5, 0.5]])
    axis = np.linspace(-1, 2, 301)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)  # (301·301, 2)
    total = np.exp(parzen_log_likelihood(samples, grid, 0.1)).sum() * (axis[1] - axis[0]) ** 2
    assert total == pytest.approx(1, abs=1e-4)


def test_points_far_from_all_samples_do_not_underflow():
    """exp(-40,000) is 0, and its log would be -infinity."""
    samples, points = np.zeros((5, 784)), np.ones((2, 784))
    expected = reference(samples, points, 0.1)
    np.testing.assert_allclose(parzen_log_likelihood(samples, points, 0.1), expected, rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seeds(), st.floats(-1000, 1000))
def test_a_common_offset_changes_nothing(seed, offset):
    """The reason why both sets are centered before the float32 product."""
    rng = np.random.default_rng(seed)
    samples, points = rng.random((20, 30)), rng.random((10, 30))
    moved = parzen_log_likelihood(samples + offset, points + offset, 0.1)
    np.testing.assert_allclose(moved, parzen_log_likelihood(samples, points, 0.1), atol=1e-3)


def test_repeating_the_samples_changes_nothing():
    rng = np.random.default_rng(0)
    samples, points = rng.random((20, 30)), rng.random((10, 30))
    repeated = parzen_log_likelihood(np.repeat(samples, 3, axis=0), points, 0.2)
    np.testing.assert_allclose(repeated, parzen_log_likelihood(samples, points, 0.2), rtol=1e-6)


def test_the_grid_of_widths_is_the_papers():
    expected = [0.1, 0.129, 0.167, 0.215, 0.278, 0.359, 0.464, 0.599, 0.774, 1.0]
    assert [round(width, 3) for width in BANDWIDTHS] == expected


def test_the_width_is_the_best_of_the_candidates():
    samples, validation = toy_images(1, 200)[0], toy_images(2, 100)[0]
    means = [reference(samples, validation, sigma).mean() for sigma in BANDWIDTHS]
    best = int(np.argmax(means))
    assert 0 < best < 9  # or the test would not see a search that stops at an end
    assert choose_bandwidth(samples, validation) == BANDWIDTHS[best]
    assert choose_bandwidth(samples, validation, [0.9, 0.5]) == 0.5
    assert choose_bandwidth(samples, samples) == 0.1  # seen images pull the width to the edge


def test_the_score_is_the_mean_and_the_standard_error():
    samples, validation, test = (toy_images(seed, 150)[0] for seed in (1, 2, 3))
    score = parzen_score(samples, validation, test)
    log_likelihood = reference(samples, test, score.sigma)
    assert score.sigma == choose_bandwidth(samples, validation)
    assert score.mean == pytest.approx(log_likelihood.mean(), abs=1e-3)
    assert score.standard_error == pytest.approx(log_likelihood.std() / np.sqrt(150), rel=1e-3)
    assert {type(value) for value in score} == {float}


def test_only_the_first_validation_images_choose_the_width(monkeypatch):
    samples, near = toy_images(1, 100)[0], toy_images(2, 50)[0]
    noise = np.random.default_rng(0).random((500, 30))
    monkeypatch.setattr(parzen, "VALIDATION_IMAGES", 50)
    score = parzen_score(samples, np.vstack([near, noise]), near)
    assert score.sigma == choose_bandwidth(samples, near)
    assert score.sigma != choose_bandwidth(samples, np.vstack([near, noise]))


def test_what_the_score_can_and_cannot_tell():
    """The rows at the top of parzen.py, on toy images."""
    real, centers = toy_images(1, 400)
    validation, test = toy_images(2, 200)[0], toy_images(3, 400)[0]
    rng = np.random.default_rng(4)
    noisy = np.clip(real + 0.15 * rng.normal(size=real.shape), 0, 1)
    score = {
        name: parzen_score(samples, validation, test).mean
        for name, samples in {
            "cluster centers": centers,
            "real": real,
            "noisy": noisy,
            "four images": real[:4],
            "mean image": real.mean(axis=0, keepdims=True),
            "pixels apart": rng.permuted(real, axis=0),
        }.items()
    }
    assert score["real"] > score["noisy"] + 1 > score["mean image"] + 2
    assert score["real"] > score["four images"] + 5
    assert score["mean image"] > score["pixels apart"]
    assert score["cluster centers"] > score["real"] + 1  # blur beats reality


good = np.random.default_rng(0).random((20, 5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parzen_score(2 * good - 1, good, good), r"samples must .* tanh"),
        (lambda: parzen_score(good, 255 * good, good), r"validation must .* in \[0, 1\]"),
        (lambda: parzen_score(good, good, good - 0.5), r"test must hold pixels"),
        (lambda: parzen_score(good, good, good[:, :4]), r"5 columns and .* has 4"),
        (lambda: parzen_score(good.reshape(20, 1, 5), good, good), r"shape \(N, D\)"),
        (lambda: parzen_score(good[:0], good, good), r"samples is empty"),
        (lambda: parzen_log_likelihood(good, good * np.nan, 1.0), r"points holds NaN"),
        (lambda: parzen_log_likelihood(good, good, 0.0), r"sigma must be above 0, and it is 0.0"),
        (lambda: parzen_log_likelihood(good, good, float("nan")), r"sigma must be above 0"),
        (lambda: choose_bandwidth(good, good, []), r"candidates is empty"),
    ],
)
def test_bad_input_is_one_clear_line(call, message):
    with pytest.raises(UserError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
