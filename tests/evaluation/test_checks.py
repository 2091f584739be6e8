"""What may not come into a score is named in one clear line, with the name of the function."""

import numpy as np
import pytest

from minigan.errors import UserError
from minigan.evaluation.neighbors import (
    nearest_in_parts,
    nearest_neighbour_error,
    nearest_neighbours,
)
from minigan.evaluation.scores import (
    classifier_score,
    density_coverage,
    frechet_distance,
    label_kl,
    modes_covered,
    precision_recall,
    two_sample_accuracy,
)

rng = np.random.default_rng(0)
good, wide = rng.normal(size=(20, 3)), rng.normal(size=(20, 4))
with_nan = np.where(np.arange(20)[:, None] == 7, np.nan, good)
pair_scores = [
    frechet_distance,
    precision_recall,
    density_coverage,
    two_sample_accuracy,
    nearest_neighbours,
]


@pytest.mark.parametrize("score", pair_scores)
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (good, wide, r"has 3 columns and .* has 4"),
        (good.reshape(20, 3, 1), good, r"shape \(N, D\).*\(20, 3, 1\)"),
        (good, good[0], r"shape \(N, D\).*\(3,\)"),
        (with_nan, good, r"NaN or infinity in 1 of 20 rows, first in row 7"),
        (good, np.full_like(good, np.inf), r"NaN or infinity in 20 of 20 rows"),
        (good, good[:0], r"is empty"),
        (good, good.astype(str), r"real numbers"),
        (good, [[1.0, 2.0, 3.0], [1.0]], r"does not become one"),
    ],
)
def test_bad_pairs_are_one_clear_line(score, a, b, message):
    with pytest.raises(UserError, match=message) as caught:
        score(a, b)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(score.__name__)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: precision_recall(good, good[:3]), "at least 4 samples for k = 3, and fake has 3"),
        (lambda: precision_recall(good[:3], good), "real has 3"),
        (lambda: precision_recall(good, good, k=0), "at least 1, not 0"),
        (lambda: density_coverage(good[:3], good), "at least 4 samples"),
        (lambda: density_coverage(good, good, k=-1), "at least 1, not -1"),
        (lambda: two_sample_accuracy(good, good[:19]), "20 real and 19 fake"),
        (lambda: two_sample_accuracy(good[:1], good[:1]), "at least 2 samples"),
        (lambda: nearest_neighbours(good, good, k=21), "at least 21 samples"),
        (lambda: nearest_neighbours(good, good, k=0), "at least 1"),
        (lambda: classifier_score(good), "row 0 has the sum"),
        (lambda: classifier_score(np.full((4, 10), 0.2)), "sum 2 .* apply softmax"),
        (lambda: classifier_score(np.array([[1.5, -0.5]])), "least entry -0.5"),
        (lambda: classifier_score(np.eye(3), splits=4), "from 1 to the number of rows, 3"),
        (lambda: classifier_score(np.eye(3), splits=0), "it is 0"),
        (lambda: modes_covered(np.array([0, 10])), "from 0 to 9, .* from 0 to 10"),
        (lambda: modes_covered(np.array([-1, 3])), "from -1 to 3"),
        (lambda: modes_covered(np.array([0.0, 1.0])), "must be integers .* float64"),
        (lambda: modes_covered(np.array([], int)), "at least one"),
        (lambda: modes_covered(np.array([1]), threshold=2), "share from 0 to 1, and it is 2"),
        (lambda: label_kl(np.zeros(3, int), np.eye(11)[[10]]), "reference_labels must be from 0"),
        (
            lambda: nearest_neighbour_error([(good, np.zeros(19))], good, np.zeros(20)),
            r"train_y has the shape \(19,\), and train_x has 20 rows",
        ),
        (
            lambda: nearest_neighbour_error([(good, np.zeros(20))], good, np.zeros((20, 1))),
            r"test_y has the shape \(20, 1\)",
        ),
        (lambda: nearest_in_parts(good, []), "at least one part"),
    ],
)
def test_bad_values_are_one_clear_line(call, message):
    with pytest.raises(UserError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
