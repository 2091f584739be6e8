"""Walks through latent space: their ends, their pace and their way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.errors import UserError
from minigan.gans.latent import latent_walk

rng = np.random.default_rng(0)


class Hosted:
    """Something with .numpy(), as a Tensor has."""

    def __init__(self, array):
        self.array = array

    def numpy(self):
        return self.array


@settings(deadline=None)
@given(
    shape=st.sampled_from([(1,), (7,), (100, 1, 1)]),
    seed=st.integers(0, 10**6),
    steps=st.integers(2, 9),
    dtype=st.sampled_from([np.float32, np.float64]),
    spherical=st.booleans(),
)
def test_walks_start_and_end_where_they_should(shape, seed, steps, dtype, spherical):
    start, end = np.random.default_rng(seed).normal(size=(2, *shape)).astype(dtype)
    walk = latent_walk(start, Hosted(end), steps, spherical=spherical)
    assert walk.shape == (steps, *shape) and walk.dtype == dtype
    tolerance = 10 * np.finfo(dtype).eps
    np.testing.assert_allclose(walk[0], start, rtol=tolerance)
    np.testing.assert_allclose(walk[-1], end, rtol=tolerance)
    if not spherical:
        step = np.broadcast_to((end - start) / (steps - 1), (steps - 1, *shape))
        np.testing.assert_allclose(np.diff(walk, axis=0), step, atol=1e-6)


def test_the_great_circle_is_walked_at_an_even_pace():
    start, end = rng.normal(size=(2, 50))
    start, end = 3 * start / np.linalg.norm(start), 3 * end / np.linalg.norm(end)
    walk = latent_walk(start, end, 11)
    np.testing.assert_allclose(np.linalg.norm(walk, axis=1), 3)
    angles = [np.arccos(np.clip(a @ b / 9, -1, 1)) for a, b in zip(walk, walk[1:], strict=False)]
    np.testing.assert_allclose(angles, np.arccos(start @ end / 9) / 10, rtol=1e-6)
    straight = latent_walk(start, end, 11, spherical=False)
    assert np.linalg.norm(straight[5]) < 2.9  # through the inside


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0, 1 + 1e-12])
def test_parallel_vectors_are_walked_straight(factor):
    start = rng.normal(size=20)
    walk = latent_walk(start, factor * start, 5)
    np.testing.assert_allclose(walk, np.linspace(1, factor, 5)[:, None] * start, atol=1e-12)


def test_nearly_parallel_vectors_keep_their_digits():
    start = rng.normal(size=20)
    step = 1e-5 * rng.normal(size=20)
    walk = latent_walk(start, start + step, 5)
    np.testing.assert_allclose(walk - start, np.linspace(0, 1, 5)[:, None] * step, atol=1e-9)


def test_walks_that_cannot_be():
    with pytest.raises(UserError, match=r"not \(3,\) and \(4,\)"):
        latent_walk(np.zeros(3), np.zeros(4), 5)
    with pytest.raises(UserError, match="at least 2 steps, not 1"):
        latent_walk(np.zeros(3), np.zeros(3), 1)


@pytest.mark.parametrize("dtype", [int, np.uint8, np.int8, bool])
def test_whole_numbers_walk_as_floats(dtype):
    walk = latent_walk(np.array([1, 0], dtype), np.array([0, 1], dtype), 3)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(walk, [[1, 0], [half, half], [0, 1]], atol=1e-6)
    assert walk.dtype == np.float32
    line = latent_walk([1, 0], [0, 1], 3, spherical=False)
    assert line.tolist() == [[1, 0], [0.5, 0.5], [0, 1]]


@pytest.mark.parametrize(
    ("start", "end", "steps", "said"),
    [
        ([1.0], [2.0], 2.5, "at least 2 steps, not 2.5"),
        ([1.0], [2.0], 1, "at least 2 steps, not 1"),
        ([], [], 3, "finite numbers, at least one"),
        ([1.0, np.nan], [0.0, 1.0], 3, "finite numbers"),
        ([1.0, 1.0], [0.0, np.inf], 3, "finite numbers"),
        (["a"], ["b"], 3, "vectors of numbers"),
        ([1j], [1j], 3, "vectors of numbers"),
    ],
)
def test_walks_that_lead_nowhere(start, end, steps, said):
    with pytest.raises(UserError, match=said):
        latent_walk(np.array(start), np.array(end), steps)
