"""The nearest neighbors of points among others, by Euclidean distance, in blocks of bounded memory.

Scores count with them, and a table shows them: beside a generated image its nearest training image.
Next: scores.py.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from minigan.errors import UserError
from minigan.evaluation.checks import Arguments, Array

# How many distances are held at once: 2^23 float64 are 64 MB. With far fewer, the references would
# be read from memory anew for every handful of queries, and the matrix product would wait.
BLOCK_ELEMENTS = 2**23

# The expansion below rounds a squared distance by some 1e-15 |a|². What is smaller than this share
# of |a|² is rounding, so the two points are taken for one.
SAME_POINT = 1e-12

# The same rounding could push a point that lies exactly on a ball's surface out of the ball.
ON_THE_SURFACE = 1 + 1e-9


def nearest_neighbours(queries: Array, references: Array, k: int = 1) -> tuple[Array, Array]:
    """For each query the k nearest references, the nearest first: (indices, distances).

        distance = |query - reference|, Euclidean

    Beside a generated image its nearest training image shows what was memorized (Goodfellow et al.
    2014, figure 2). Ties go to the lower index. Points nearer than a millionth of a query's
    distance from the references' mean have the distance 0.

    Shapes (Q, D) and (R, D), R at least k -> int64 (Q, k) and float64 (Q, k). Raises UserError.
    """
    check = Arguments("nearest_neighbours")
    queries, references = check.pair("queries", queries, "references", references)
    check.k(k)
    check.enough("references", references, k, f"for k = {k}")
    indices = np.empty((len(queries), k), dtype=np.int64)
    distances = np.empty((len(queries), k))
    for rows, squared in squared_distances(queries, references):  # (rows, R)
        indices[rows], distances[rows] = _smallest(squared, k)  # (rows, R) -> (rows, k) twice
    return indices, np.sqrt(distances)


def nearest_in_parts(queries: Array, parts: Iterable[Array]) -> tuple[Array, Array]:
    """For each query the nearest of references that come in parts: (index, distance).

    The index counts through all parts, in their order; of two that are equally near either may be
    taken. Memory: what one part takes, so that references may be read or drawn as they are needed.

    Shapes (Q, D) and any number of (R, D) -> int64 (Q,) and float64 (Q,). Raises UserError.
    """
    nearest = np.zeros(len(queries), dtype=np.int64)
    least = np.full(len(queries), np.inf)
    before = 0
    for part in parts:
        indices, distances = nearest_neighbours(queries, part)  # (Q, 1) twice
        nearer = distances[:, 0] < least
        nearest[nearer] = before + indices[nearer, 0]
        least[nearer] = distances[nearer, 0]
        before += len(part)
    if before == 0:
        raise UserError("nearest_in_parts needs at least one part with one reference, and got none")
    return nearest, least


def nearest_neighbour_error(
    train: Iterable[tuple[Array, Array]], test_x: Array, test_y: Array
) -> float:
    """The share of test images whose nearest training image has another label.

    Fitted on generated images and their labels, and tested on real ones, it says how well a
    conditional generator knows its classes. Fitted on 50,000 real MNIST images it is 3.3 %.
    The training images come in parts, each with its labels: a million never lie in memory at once.

    Shapes: any number of ((N, D), (N,)), then (M, D) and (M,). Source: Radford et al. 2015,
    table 3. Raises UserError.
    """
    check = Arguments("nearest_neighbour_error")
    test_y = check.labels("test_y", test_y, "test_x", test_x)
    labels = []

    def images() -> Iterator[Array]:
        for x, y in train:
            labels.append(check.labels("train_y", y, "train_x", x))
            yield x

    nearest, _ = nearest_in_parts(test_x, images())  # (M,)
    return float(np.mean(np.concatenate(labels)[nearest] != test_y))


def squared_distances(queries: Array, references: Array) -> Iterator[tuple[slice, Array]]:
    """Yield (rows, squared): the squared distances of queries[rows] to all references, (rows, R).

        |a - b|² = |a|² + |b|² - 2 a·b

    The expansion turns the work into matrix products. It cancels where |a - b| is small beside
    |a|, so both are first moved to the references' mean, which changes no distance. The yielded
    array is a buffer that the next block overwrites; the caller may change it.
    """
    center = references.mean(axis=0, dtype=np.float64)
    references = references - center  # (R, D), float64
    reference_norms = np.einsum("rd,rd->r", references, references)  # (R,)
    height = min(len(queries), max(1, BLOCK_ELEMENTS // len(references)))
    buffer = np.empty((height, len(references)))
    for start in range(0, len(queries), height):
        block = queries[start : start + height] - center  # (rows, D)
        norms = np.einsum("qd,qd->q", block, block)[:, None]  # (rows, 1)
        squared = buffer[: len(block)]
        np.matmul(-2 * block, references.T, out=squared)  # (rows, R)
        squared += norms
        squared += reference_norms
        squared[squared < SAME_POINT * norms] = 0.0
        yield slice(start, start + len(block)), squared


def squared_radii(points: Array, k: int) -> Array:
    """Squared distance from each point to its k-th nearest other point: (N, D) -> (N,)."""
    radii = np.empty(len(points))
    for rows, squared in squared_distances(points, points):  # (rows, N)
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf  # not itself
        radii[rows] = _smallest(squared, k)[1][:, -1]
    return radii


def _smallest(squared: Array, k: int) -> tuple[Array, Array]:
    """Indices and values of the k smallest of each row, ascending: (rows, R) -> (rows, k) twice.

    Overwrites what it finds. For a small k, k passes of argmin are quicker than a partial sort,
    and they settle ties by index.
    """
    every_row = np.arange(len(squared))
    indices = np.empty((len(squared), k), dtype=np.int64)
    values = np.empty((len(squared), k))
    for i in range(k):
        indices[:, i] = squared.argmin(axis=1)
        values[:, i] = squared[every_row, indices[:, i]]
        squared[every_row, indices[:, i]] = np.inf
    return indices, values
