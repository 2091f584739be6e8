"""Tests of the eye: what it sees depends on the pictures alone, and tells them apart."""

import numpy as np
import pytest

from minigan.data import mnist
from minigan.evaluation.evaluate import as_unit
from minigan.evaluation.eye import Eye


def pictures(count, channels=3, side=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, channels, side, side), np.uint8)


@pytest.mark.parametrize(("channels", "side"), [(3, 16), (1, 28), (3, 64), (1, 40), (3, 130)])
def test_pictures_of_any_size(channels, side, backend):
    some = pictures(12, channels, side)
    seen = Eye(some, 5, backend=backend).look(as_unit(some))
    assert seen.shape == (12, 5) and seen.dtype == np.float64
    assert np.allclose(seen.mean(axis=0), 0, atol=1e-5)
    assert np.mean(seen**2) == pytest.approx(1, rel=1e-4)  # one scale for all components
    assert (np.diff(seen.var(axis=0)) <= 1e-6).all()  # the largest first


def test_it_is_the_same_each_time_and_draws_on_nobody_s_numbers():
    some = pictures(12)
    first, second = (Eye(some, 5).look(as_unit(some)) for _ in range(2))
    assert (first == second).all()


def test_equal_pictures_are_no_error():
    same = np.repeat(pictures(1), 9, axis=0)
    assert np.isfinite(Eye(same, 4).look(as_unit(same))).all()


def test_it_tells_digits_apart_that_it_was_never_taught():
    """A nearest neighbor in its features is mostly of the same class: chance would be a tenth."""
    digits = mnist("test")
    images, labels = digits.images[:300], digits.labels[:300]
    seen = Eye(images).look(as_unit(images))
    squared = ((seen[:, None] - seen[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    assert np.mean(labels[squared.argmin(axis=1)] == labels) > 0.7
