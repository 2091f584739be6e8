"""The scores against scipy, brute-force loops, closed forms and properties that must hold."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.linalg
import scipy.spatial.distance
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.errors import UserError
from minigan.evaluation.scores import (
    classifier_score,
    density_coverage,
    frechet_distance,
    kernel_distance,
    label_kl,
    modes_covered,
    precision_recall,
    two_sample_accuracy,
)
from minigan.testing.strategies import seeds

quick = settings(max_examples=30, deadline=None)

# Whole numbers in a small range: many duplicates, and many distances that are exactly equal.
small_grids = hnp.arrays(
    np.float32,
    st.tuples(st.integers(5, 14), st.just(2)),
    elements=st.integers(-3, 3).map(float),
)


def cloud(seed, count, width, scale=1.0):
    """Correlated features, so that a covariance is no multiple of the identity."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(width, width))
    return scale * (rng.normal(size=(count, width)) @ mixing + rng.normal(size=width))


# ---------------------------------------------------------------- brute force: the definitions


def distance(a, b):
    return float(np.sqrt(((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2).sum()))


def radius(points, i, k):
    return sorted(distance(points[i], p) for j, p in enumerate(points) if j != i)[k - 1]


def is_inside(point, balls, radii):
    """How many of the closed balls hold the point."""
    return sum(distance(point, b) <= r * (1 + 1e-9) for b, r in zip(balls, radii, strict=True))


def brute_precision_recall(real, fake, k):
    real_radii = [radius(real, i, k) for i in range(len(real))]
    fake_radii = [radius(fake, i, k) for i in range(len(fake))]
    precision = np.mean([is_inside(f, real, real_radii) > 0 for f in fake])
    recall = np.mean([is_inside(r, fake, fake_radii) > 0 for r in real])
    return precision, recall


def brute_density_coverage(real, fake, k):
    radii = [radius(real, i, k) for i in range(len(real))]
    density = sum(is_inside(f, real, radii) for f in fake) / (k * len(fake))
    covered = [any(is_inside(f, [x], [r]) for f in fake) for x, r in zip(real, radii, strict=True)]
    return density, np.mean(covered)


def brute_two_sample(real, fake):
    both = [(x, "real") for x in real] + [(x, "fake") for x in fake]
    points = {"real": [], "fake": []}
    for i, (x, kind) in enumerate(both):
        others = [(distance(x, y), other) for j, (y, other) in enumerate(both) if j != i]
        least = min(d for d, _ in others)
        winners = {other for d, other in others if d == least}
        points[kind].append(0.5 if len(winners) == 2 else float(kind in winners))
    return (
        np.mean(points["real"] + points["fake"]),
        np.mean(points["real"]),
        np.mean(points["fake"]),
    )


# ---------------------------------------------------------------- Fréchet distance


def scipy_frechet(a, b):
    """The formula as it stands, with scipy's root of a matrix that is not symmetric."""
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(ca @ cb).real
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root)


@pytest.mark.parametrize("width", [2, 7, 40])
def test_frechet_matches_scipy(width):
    a, b = cloud(1, 300, width), cloud(2, 200, width, scale=1.7)
    assert frechet_distance(a, b) == pytest.approx(scipy_frechet(a, b), rel=1e-10)


def test_frechet_keeps_float64_inside():
    """A large common offset: in float32 sums the covariance would drown."""
    rng = np.random.default_rng(0)
    a = (1000 + rng.normal(size=(500, 5))).astype(np.float32)
    b = (1000 + 2 * rng.normal(size=(500, 5))).astype(np.float32)
    expected = scipy_frechet(a.astype(np.float64), b.astype(np.float64))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds(), st.integers(1, 12))
def test_frechet_is_zero_on_itself_and_symmetric(seed, width):
    a, b = cloud(seed, 40, width), cloud(seed + 1, 30, width)
    assert 0 <= frechet_distance(a, a) < 1e-9 * np.trace(a.T @ a)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9, abs=1e-9)


@quick
@given(seeds(), st.floats(-5, 5), st.floats(0.1, 4))
def test_frechet_of_a_moved_and_stretched_cloud(seed, shift, stretch):
    """For b = s·a + t the formula is |mean move|² + (s - 1)² tr C."""
    a = cloud(seed, 50, 6)
    b = stretch * a + shift
    move = ((b.mean(0) - a.mean(0)) ** 2).sum()
    expected = move + (stretch - 1) ** 2 * np.trace(np.cov(a, rowvar=False))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@quick
@given(seeds())
def test_frechet_does_not_change_under_a_rotation(seed):
    a, b = cloud(seed, 40, 5), cloud(seed + 1, 40, 5)
    rotation = scipy.stats.ortho_group.rvs(5, random_state=seed)
    turned = frechet_distance(a @ rotation, b @ rotation)
    assert turned == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_frechet_with_dead_features():
    """A ReLU that never fires is a zero row of the covariance; it adds nothing."""
    a, b = cloud(1, 60, 5), cloud(2, 60, 5)
    dead = np.zeros((60, 3))
    with_dead = frechet_distance(np.hstack([a, dead]), np.hstack([b, dead]))
    assert with_dead == pytest.approx(frechet_distance(a, b), rel=1e-10)
    assert frechet_distance(np.hstack([a, dead]), np.hstack([a, dead])) < 1e-9


def test_frechet_with_features_that_depend_on_each_other():
    """Half of the eigenvalues are 0 but for rounding, and some of those come out negative."""
    a, b = cloud(1, 60, 12), cloud(2, 60, 12)
    twice = frechet_distance(np.hstack([a, a]), np.hstack([b, b]))
    assert twice == pytest.approx(2 * frechet_distance(a, b), rel=1e-9)


def test_frechet_says_how_many_samples_it_needs():
    with pytest.raises(UserError, match="at least 9 samples .* features_a has 8"):
        frechet_distance(cloud(0, 8, 8), cloud(1, 9, 8))
    with pytest.raises(UserError, match="at least 9 samples .* features_b has 8"):
        frechet_distance(cloud(0, 9, 8), cloud(1, 8, 8))
    frechet_distance(cloud(0, 9, 8), cloud(1, 9, 8))


# ---------------------------------------------------------------- classes


def test_classifier_score_matches_scipy():
    p = np.random.default_rng(0).dirichlet(np.full(10, 0.3), 500)
    divergences = scipy.stats.entropy(p, p.mean(axis=0), axis=1)
    assert classifier_score(p) == pytest.approx(np.exp(divergences.mean()), rel=1e-12)
    halves = [np.exp(scipy.stats.entropy(h, h.mean(0), axis=1).mean()) for h in (p[:250], p[250:])]
    assert classifier_score(p, splits=2) == pytest.approx(np.mean(halves), rel=1e-12)


def test_classifier_score_keeps_float64_inside():
    p = np.random.default_rng(0).dirichlet(np.full(10, 0.3), 500).astype(np.float32)
    assert classifier_score(p) == pytest.approx(classifier_score(p.astype(np.float64)), rel=1e-14)


def test_classifier_score_at_its_ends():
    sure_and_equal = np.eye(10)[np.arange(200) % 10].astype(np.float32)
    assert classifier_score(sure_and_equal) == pytest.approx(10)
    assert classifier_score(np.eye(10)[np.zeros(50, int)]) == pytest.approx(1)  # one class
    assert classifier_score(np.full((50, 10), 0.1)) == pytest.approx(1)  # never sure


@quick
@given(seeds(), st.integers(2, 12), st.integers(1, 5))
def test_classifier_score_is_bounded_and_blind_to_names(seed, classes, splits):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.2), 30)
    value = classifier_score(p, splits)
    assert 1 - 1e-12 <= value <= classes + 1e-12
    assert classifier_score(p[:, rng.permutation(classes)], splits) == pytest.approx(value)


def test_modes_covered_counts_classes_above_the_threshold():
    labels = np.repeat([0, 1, 2, 7], [900, 89, 10, 1])
    assert modes_covered(labels) == 3  # 10 of 1000 are exactly 0.01
    assert modes_covered(labels, threshold=0.02) == 2
    assert modes_covered(labels, threshold=0) == 4  # and the six empty classes never count
    assert modes_covered(np.array([3, 3, 4])) == 2  # a threshold below one sample means one sample


def test_modes_covered_reads_probabilities_by_their_largest_entry():
    p = np.array([[0.6, 0.4, 0.0], [0.4, 0.6, 0.0], [0.5, 0.3, 0.2]])
    assert modes_covered(p, classes=3) == 2


def test_label_kl_matches_scipy():
    rng = np.random.default_rng(0)
    labels, reference = rng.integers(0, 7, 300), rng.integers(0, 10, 4000)
    p = np.bincount(labels, minlength=10) / 300
    q = np.bincount(reference, minlength=10) / 4000
    assert label_kl(labels, reference) == pytest.approx(scipy.stats.entropy(p, q), rel=1e-12)
    assert label_kl(reference, reference) == 0
    assert label_kl(np.full(5, 3), np.arange(10)) == pytest.approx(np.log(10))
    with pytest.raises(UserError, match="infinite: class 7"):
        label_kl(reference, labels)


# ---------------------------------------------------------------- precision, recall and their kin


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("shift", [0.0, 1.5, 50.0])
def test_ball_scores_match_the_definitions(blocks, k, shift):
    real, fake = cloud(1, 35, 3).astype(np.float32), cloud(1, 28, 3)[::-1] * 0.8 + shift
    assert precision_recall(real, fake, k) == pytest.approx(brute_precision_recall(real, fake, k))
    assert density_coverage(real, fake, k) == pytest.approx(brute_density_coverage(real, fake, k))


def test_two_sample_accuracy_matches_the_definition(blocks):
    for shift in (0.0, 0.7, 50.0):
        real, fake = cloud(3, 30, 3).astype(np.float32), cloud(4, 30, 3) * 0.8 + shift
        assert two_sample_accuracy(real, fake) == pytest.approx(brute_two_sample(real, fake))


@quick
@given(small_grids, small_grids, st.integers(1, 4))
def test_ball_scores_match_the_definitions_when_distances_tie(real, fake, k):
    assert precision_recall(real, fake, k) == pytest.approx(brute_precision_recall(real, fake, k))
    assert density_coverage(real, fake, k) == pytest.approx(brute_density_coverage(real, fake, k))


@quick
@given(seeds(), st.integers(1, 3))
def test_precision_and_recall_change_places_when_the_sets_do(seed, k):
    a, b = cloud(seed, 20, 3), cloud(seed + 1, 25, 3)
    assert precision_recall(a, b, k) == precision_recall(b, a, k)[::-1]


@quick
@given(seeds())
def test_ball_scores_do_not_change_under_a_move_a_stretch_and_a_shuffle(seed):
    rng = np.random.default_rng(seed)
    real, fake = cloud(seed, 30, 4), cloud(seed + 1, 30, 4)
    real_2, fake_2 = (7 * rng.permutation(x) - 100 for x in (real, fake))
    assert precision_recall(real_2, fake_2) == pytest.approx(precision_recall(real, fake))
    assert density_coverage(real_2, fake_2) == pytest.approx(density_coverage(real, fake))
    assert two_sample_accuracy(real_2, fake_2) == pytest.approx(two_sample_accuracy(real, fake))


def test_two_draws_of_one_distribution_score_as_the_lemmas_say():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2000, 4)), rng.normal(size=(1500, 4))
    n, m, k = 2000, 1500, 3
    missed = np.prod([(n - i) / (m + n - i) for i in range(1, k + 1)])
    density, coverage = density_coverage(real, fake)
    assert density == pytest.approx(1, abs=0.05)
    assert coverage == pytest.approx(1 - missed, abs=0.03)
    assert two_sample_accuracy(real[:1500], fake) == pytest.approx((0.5, 0.5, 0.5), abs=0.05)


def test_a_set_against_itself():
    """Each ball holds its own center and k neighbors: density is (k + 1)/k."""
    x = cloud(0, 50, 3)
    assert precision_recall(x, x) == (1, 1)
    assert density_coverage(x, x, k=3) == pytest.approx((4 / 3, 1))
    assert two_sample_accuracy(x, x) == (0, 0, 0)  # the copy is always nearer


def test_far_away_fakes():
    x = cloud(0, 50, 3)
    assert precision_recall(x, x + 1e4) == (0, 0)
    assert density_coverage(x, x + 1e4) == (0, 0)
    assert two_sample_accuracy(x, x + 1e4) == (1, 1, 1)


def test_a_few_memorized_images_are_precise_and_recall_nothing():
    """What the scores are for: fidelity alone would call this generator perfect."""
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(1000, 8)), rng.normal(size=(1000, 8))
    fake = np.repeat(train[:20], 50, axis=0)
    precision, recall = precision_recall(test, fake)
    assert precision > 0.6 and recall == 0
    assert density_coverage(test, fake).coverage < 0.1
    total, real_half, fake_half = two_sample_accuracy(test, fake)
    assert fake_half == 1 and total == pytest.approx((real_half + 1) / 2)


def test_one_outlier_lifts_precision_and_hardly_density():
    rng = np.random.default_rng(0)
    real = np.vstack([rng.normal(size=(200, 2)), [[1000.0, 0.0]]])
    fake = rng.normal(size=(200, 2)) + [500, 0]
    assert precision_recall(real, fake).precision == 1
    assert density_coverage(real, fake).density == pytest.approx(1 / 3)


def test_ties_between_kinds_count_half():
    real = np.array([[0.0], [10.0]])
    fake = np.array([[-10.0], [30.0]])
    # 0 is 10 from its own kind and from the other: half. 10 is nearest to 0: right.
    # -10 is nearest to 0: wrong. 30 is nearest to 10: wrong.
    assert two_sample_accuracy(real, fake) == (0.375, 0.75, 0)


def test_results_are_plain_floats():
    """They go into a JSON file as they are."""
    good = cloud(0, 20, 3)
    results = [
        frechet_distance(good, good),
        classifier_score(np.eye(3)),
        label_kl(np.array([1]), np.array([1, 2])),
        *precision_recall(good, good),
        *density_coverage(good, good),
        *two_sample_accuracy(good, good),
    ]
    assert {type(value) for value in results} == {float}
    assert type(modes_covered(np.array([1]))) is int


def test_kernel_distance_is_that_of_its_formula():
    random = np.random.default_rng(3)
    a, b = random.normal(size=(7, 4)), random.normal(0.5, size=(5, 4))

    def k(x, y):
        return (x @ y / 4 + 1) ** 3

    within = [
        np.mean([k(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j])
        for s in (a, b)
    ]
    between = np.mean([k(x, y) for x in a for y in b])
    assert kernel_distance(a, b) == pytest.approx(sum(within) - 2 * between, rel=1e-12)
    assert kernel_distance(a, b) == pytest.approx(kernel_distance(b, a), rel=1e-12)


def test_kernel_distance_of_two_samples_of_one_kind_is_0_on_average():
    random = np.random.default_rng(4)
    found = [kernel_distance(*random.normal(size=(2, 10, 3))) for _ in range(500)]
    assert abs(np.mean(found)) < 4 * np.std(found) / 500**0.5 and min(found) < 0
    far = [kernel_distance(x, y + 1) for x, y in random.normal(size=(100, 2, 10, 3))]
    assert np.mean(far) > 1


def test_kernel_distance_needs_two_of_each():
    with pytest.raises(UserError, match="kernel_distance needs at least 2 samples"):
        kernel_distance(np.ones((1, 2)), np.ones((3, 2)))
