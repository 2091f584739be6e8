"""Tests of NumPy's half of the random numbers: series that are long enough, pieces of any size."""

import math

import numpy as np

from minigan.backend.numpy import random
from minigan.random import Random


def test_the_series_end_where_their_docstring_says():
    """The first terms left out bound the errors: 1.7e-11 of a logarithm, 6.9e-12 of a sine."""
    u = np.concatenate([np.linspace(2**-32, 1, 100_001), 2.0 ** -np.arange(0, 33, 1 / 64)[:-63]])
    logarithm = np.abs(random._log(u) - np.log(u)).max()
    assert 1.6e-11 < logarithm < 1.8e-11
    x = np.linspace(-math.pi / 4, math.pi / 4, 100_001)
    sine = np.abs(random._sin(x) - np.sin(x)).max()
    assert 6.8e-12 < sine < 7.1e-12


def test_normal_at_the_ends_of_its_range():
    """The words whose radius is the smallest and the largest, at angles around the whole circle."""
    low = np.array([0, 1, 2**32 - 2, 2**32 - 1], dtype=np.uint64)
    high = np.array([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**30, 3 * 2**30], dtype=np.uint64)
    words = (high[:, None] << np.uint64(32) | low).reshape(-1)
    out = np.empty((len(words), 2))
    random.box_muller(words, out=out)
    assert np.isfinite(out).all()
    radius = np.sqrt(-2 * np.log((np.tile(low, len(high)) + 1.0) / 2**32))
    np.testing.assert_allclose(np.hypot(out[:, 0], out[:, 1]), radius, rtol=1e-9, atol=0)
    assert np.abs(out).max() < 6.67


def test_long_draws_do_not_depend_on_the_size_of_the_pieces(monkeypatch):
    whole = [Random(9).normal(50_001), Random(9).uniform(50_001)]
    monkeypatch.setattr(random, "CHUNK", 512)
    assert np.array_equal(whole[0], Random(9).normal(50_001))
    assert np.array_equal(whole[1], Random(9).uniform(50_001))
