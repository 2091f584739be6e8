"""Nearest neighbors against scipy and brute-force loops."""

import numpy as np
import pytest
import scipy.spatial.distance
from hypothesis import given, settings

from minigan.evaluation.neighbors import (
    nearest_in_parts,
    nearest_neighbour_error,
    nearest_neighbours,
)
from minigan.testing.strategies import seeds

quick = settings(max_examples=30, deadline=None)


def cloud(seed, count, width, scale=1.0):
    """Correlated features, so that a covariance is no multiple of the identity."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(width, width))
    return scale * (rng.normal(size=(count, width)) @ mixing + rng.normal(size=width))


def distance(a, b):
    return float(np.sqrt(((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2).sum()))


@pytest.mark.parametrize("k", [1, 3, 9])
def test_nearest_neighbours_matches_scipy(blocks, k):
    queries, references = cloud(1, 25, 6).astype(np.float32), cloud(2, 40, 6)
    indices, distances = nearest_neighbours(queries, references, k)
    everything = scipy.spatial.distance.cdist(queries.astype(np.float64), references)
    np.testing.assert_array_equal(indices, np.argsort(everything, axis=1)[:, :k])
    np.testing.assert_allclose(distances, np.sort(everything, axis=1)[:, :k], rtol=1e-9)
    assert indices.dtype == np.int64 and distances.dtype == np.float64


@quick
@given(seeds())
def test_a_copy_is_found_at_distance_zero_however_far_from_the_origin(seed):
    rng = np.random.default_rng(seed)
    references = (rng.normal(size=(30, 8)) + 1000 * rng.normal(size=8)).astype(np.float32)
    order = rng.permutation(30)
    indices, distances = nearest_neighbours(references[order], references)
    np.testing.assert_array_equal(indices[:, 0], order)
    np.testing.assert_array_equal(distances, 0)


def test_equal_distances_go_to_the_lower_index():
    references = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    indices, distances = nearest_neighbours(np.zeros((1, 2)), references, k=3)
    np.testing.assert_array_equal(indices, [[0, 1, 2]])
    np.testing.assert_allclose(distances, 1)


def test_nearest_neighbours_leaves_its_inputs_alone():
    queries, references = cloud(1, 5, 3), cloud(2, 6, 3)
    before = queries.copy(), references.copy()
    nearest_neighbours(queries, references)
    np.testing.assert_array_equal(queries, before[0])
    np.testing.assert_array_equal(references, before[1])


def test_bytes_do_not_wrap_around():
    black, white = np.zeros((1, 4), np.uint8), np.full((1, 4), 255, np.uint8)
    assert nearest_neighbours(black, white)[1] == pytest.approx(510)


def test_nearest_neighbour_error_matches_a_loop(blocks):
    rng = np.random.default_rng(0)
    train_x, test_x = rng.normal(size=(60, 4)), rng.normal(size=(33, 4))
    train_y, test_y = (train_x[:, 0] > 0) * 3, (test_x[:, 0] > 0) * 3
    wrong = 0
    for x, y in zip(test_x, test_y, strict=True):
        wrong += train_y[np.argmin([distance(x, other) for other in train_x])] != y
    assert 0 < wrong < 33
    whole = [(train_x, train_y)]
    assert nearest_neighbour_error(whole, test_x, test_y) == wrong / 33
    assert nearest_neighbour_error(whole, train_x, train_y) == 0
    parts = [(train_x[i:j], train_y[i:j]) for i, j in ((0, 7), (7, 8), (8, 60))]
    assert nearest_neighbour_error(iter(parts), test_x, test_y) == wrong / 33


def test_in_parts_the_same_is_nearest_as_in_all(blocks):
    references, queries = cloud(0, 50, 4), cloud(0, 20, 4)[::-1] + 0.1
    indices, distances = nearest_neighbours(queries, references)
    nearest, least = nearest_in_parts(queries, iter(np.split(references, [1, 20, 45])))
    np.testing.assert_array_equal(nearest, indices[:, 0])
    np.testing.assert_allclose(least, distances[:, 0])


def test_an_error_is_a_plain_float():
    x = cloud(0, 20, 3)
    assert type(nearest_neighbour_error([(x, np.zeros(20))], x, np.ones(20))) is float
