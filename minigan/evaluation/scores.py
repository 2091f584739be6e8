"""Numbers that say how close generated images are to real ones: pure functions on arrays.

No single number is enough, so read them side by side, always beside a row of real images. Most
compare *features*: what a small trained classifier (the judge) sees in an image, one row an image.
All arithmetic is float64, whatever comes in. Next: parzen.py, the score of the first GAN paper.
"""

from typing import NamedTuple

import numpy as np

from minigan.errors import UserError
from minigan.evaluation.checks import Arguments, Array
from minigan.evaluation.neighbors import (
    ON_THE_SURFACE,
    nearest_in_parts,
    nearest_neighbour_error,
    nearest_neighbours,
    squared_distances,
    squared_radii,
)

# The scores of this file, and those that are nearest neighbors themselves.
__all__ = [
    "DensityCoverage",
    "PrecisionRecall",
    "TwoSampleAccuracy",
    "classifier_score",
    "density_coverage",
    "frechet_distance",
    "kernel_distance",
    "label_kl",
    "modes_covered",
    "nearest_in_parts",
    "nearest_neighbour_error",
    "nearest_neighbours",
    "precision_recall",
    "two_sample_accuracy",
]


class PrecisionRecall(NamedTuple):
    """Shares between 0 and 1: fakes that look real, and reals that the generator could draw."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density, near 1 for real images and without an upper bound; coverage between 0 and 1."""

    density: float
    coverage: float


class TwoSampleAccuracy(NamedTuple):
    """Shares of images told rightly: of all, of the real half and of the fake half."""

    total: float
    real: float
    fake: float


# ---------------------------------------------------------------- scores of the whole distribution


def frechet_distance(features_a: Array, features_b: Array) -> float:
    """The squared Fréchet distance of two clouds of features, each taken for a Gaussian.

        d² = |μa - μb|² + tr(Ca + Cb - 2 (Ca Cb)^½)

    With features of the Inception network it is called FID; ours are another network's, so the
    scale differs. 0 is best. The value falls with more samples: compare equal counts only.

    Shapes (N, D) and (M, D); N and M at least D + 1, or a covariance cannot have full rank.
    Source: Heusel et al. 2017, equation 6. Raises UserError.
    """
    check = Arguments("frechet_distance")
    a, b = check.pair("features_a", features_a, "features_b", features_b)
    check.enough("features_a", a, a.shape[1] + 1, "for a full covariance")
    check.enough("features_b", b, b.shape[1] + 1, "for a full covariance")
    mean_a, covariance_a = _mean_and_covariance(a)  # (N, D) -> (D,), (D, D)
    mean_b, covariance_b = _mean_and_covariance(b)
    # Ca Cb is not symmetric, and its matrix root is delicate. But with P = Ca^½ Cb^½, the trace of
    # (Ca Cb)^½ is the trace of (P Pᵀ)^½, that is the sum of the singular values of P: two
    # symmetric eigendecompositions and nothing that can fail or turn complex.
    product = _symmetric_root(covariance_a) @ _symmetric_root(covariance_b)  # (D, D)
    trace_of_root = np.linalg.svd(product, compute_uv=False).sum()
    spread = np.trace(covariance_a) + np.trace(covariance_b) - 2 * trace_of_root
    distance = np.sum((mean_a - mean_b) ** 2) + spread
    return float(max(distance, 0.0))  # rounding may leave -1e-13 where the distance is 0


def kernel_distance(features_a: Array, features_b: Array) -> float:
    """The squared distance of two clouds of features by a cubic kernel, without bias.

        d² = mean k(a, a') + mean k(b, b') − 2 mean k(a, b),        k(x, y) = (x·y / D + 1)³

    where a and a', and b and b', are never the same point. With features of the Inception network
    it is called KID. For two samples of one kind it is 0 on average however few they are, and may
    come out below 0; the Fréchet distance of few is always too large.

    Shapes (N, D) and (M, D), each at least 2 rows. Source: Bińkowski et al. 2018, section 3.1.
    Raises UserError.
    """
    check = Arguments("kernel_distance")
    a, b = check.pair("features_a", features_a, "features_b", features_b)
    check.enough("features_a", a, 2, "to leave one out")
    check.enough("features_b", b, 2, "to leave one out")
    a, b = a.astype(np.float64), b.astype(np.float64)

    def kernel(x: Array, y: Array) -> Array:
        return (x @ y.T / x.shape[1] + 1) ** 3  # (N, M)

    def mean_of_others(x: Array) -> float:
        k = kernel(x, x)
        return float((k.sum() - np.trace(k)) / (len(x) * (len(x) - 1)))

    return mean_of_others(a) + mean_of_others(b) - 2 * float(kernel(a, b).mean())


def classifier_score(probabilities: Array, splits: int = 1) -> float:
    """The Inception score with any classifier: are images clear, and are all classes drawn?

        exp(mean over x of KL(p(y|x) ‖ p(y))),        p(y) = mean over x of p(y|x)

    From 1 (every image gives the same answer) to the number of classes (each image is surely one
    class, all classes equally often). Blind to variety inside a class. With `splits` above 1, the
    mean of the scores of that many equal runs of rows, the way Inception scores are often given.

    Shape (N, classes), rows that sum to 1. Source: Salimans et al. 2016, section 4.
    Raises UserError.
    """
    check = Arguments("classifier_score")
    p = check.probabilities(probabilities)
    if not 1 <= splits <= len(p):
        raise UserError(
            f"classifier_score: splits must be from 1 to the number of rows, {len(p)}, "
            f"and it is {splits}"
        )
    scores = [_exponential_of_information(part) for part in np.array_split(p, splits)]
    return float(np.mean(scores))


def modes_covered(
    labels_or_probabilities: Array, classes: int = 10, *, threshold: float = 0.01
) -> int:
    """How many classes the generator draws at all.

        number of classes c with count(c) ≥ max(1, threshold · N)

    Why a threshold: a judge that is wrong on one image in a hundred finds nearly every class in
    samples that are all "1". At the default of 0.01, a tenth of a fair share of ten classes, its
    mistakes do not count as modes. `threshold=0` counts a class from one sample on, which is the
    custom for stacked MNIST (Srivastava et al. 2017, VEEGAN).

    Labels of shape (N,), or probabilities of shape (N, classes), whose largest entry decides.
    Raises UserError.
    """
    check = Arguments("modes_covered")
    if not 0 <= threshold <= 1:
        raise UserError(f"modes_covered: threshold is a share from 0 to 1, and it is {threshold}")
    counts = check.class_counts("labels", labels_or_probabilities, classes)
    return int(np.count_nonzero(counts >= max(1.0, threshold * counts.sum())))


def label_kl(labels: Array, reference_labels: Array, classes: int = 10) -> float:
    """How far the shares of the classes are from those of the real images, in nats.

        KL(p ‖ q) = Σ over c of p(c) log(p(c) / q(c))

    p are the shares in `labels` and q those in `reference_labels`. 0 is best; log(classes) is one
    class alone, against equal shares.

    Shapes (N,) and (M,); probabilities (N, classes) also do. Every class in `labels` must occur in
    `reference_labels`, or the sum is infinite. Source: Srivastava et al. 2017 (VEEGAN), whose table
    gives it for stacked MNIST. Raises UserError.
    """
    check = Arguments("label_kl")
    counts = check.class_counts("labels", labels, classes)
    reference_counts = check.class_counts("reference_labels", reference_labels, classes)
    missing = np.flatnonzero((counts > 0) & (reference_counts == 0))
    if len(missing):
        raise UserError(
            f"label_kl is infinite: class {missing[0]} occurs in labels and never in "
            f"reference_labels; give more reference labels"
        )
    p = counts / counts.sum()
    q = reference_counts / reference_counts.sum()
    drawn = p > 0  # a class that is never drawn adds 0 log 0 = 0
    return float(np.sum(p[drawn] * np.log(p[drawn] / q[drawn])))


# ---------------------------------------------------------------- scores from nearest neighbors


def precision_recall(real: Array, fake: Array, k: int = 3) -> PrecisionRecall:
    """Fidelity and variety apart: how many fakes look real, how many reals could be drawn.

        precision = share of fakes inside a ball of some real image
        recall    = share of reals inside a ball of some fake image

    A point's ball reaches to its k-th nearest neighbor among its own kind, the surface included;
    together the balls stand for the region that its kind fills. Draw as many fakes as there are
    reals: with more points of a kind its balls shrink.

    Shapes (N, D) and (M, D), each at least k + 1 rows. Source: Kynkäänniemi et al. 2019,
    equations 1 and 2. Raises UserError.
    """
    check = Arguments("precision_recall")
    real, fake = check.pair("real", real, "fake", fake)
    check.k(k)
    check.enough("real", real, k + 1, f"for k = {k}")
    check.enough("fake", fake, k + 1, f"for k = {k}")
    real_reach = squared_radii(real, k) * ON_THE_SURFACE  # (N,)
    fake_reach = squared_radii(fake, k) * ON_THE_SURFACE  # (M,)
    fake_is_inside = np.zeros(len(fake), dtype=bool)
    real_is_inside = np.zeros(len(real), dtype=bool)
    for rows, squared in squared_distances(real, fake):  # (rows, M)
        fake_is_inside |= (squared <= real_reach[rows, None]).any(axis=0)
        real_is_inside[rows] = (squared <= fake_reach).any(axis=1)
    return PrecisionRecall(float(fake_is_inside.mean()), float(real_is_inside.mean()))


def density_coverage(real: Array, fake: Array, k: int = 3) -> DensityCoverage:
    """Precision and recall made robust: both ask about balls around real images alone.

        density  = 1/(k M) · number of pairs (real ball, fake inside it)
        coverage = share of real balls that hold at least one fake

    A real outlier with a huge ball lifts precision for every fake in it, but adds one ball's worth
    to density. For fakes drawn like the reals, density is 1 on average and coverage is
    1 - (N-1)···(N-k) / ((M+N-1)···(M+N-k)): about 0.875 for k = 3 and equal counts, not 1.

    Shapes (N, D) and (M, D), real at least k + 1 rows. Balls include their surface.
    Source: Naeem et al. 2020, section 3 and, for the averages, lemmas 1 and 2. Raises UserError.
    """
    check = Arguments("density_coverage")
    real, fake = check.pair("real", real, "fake", fake)
    check.k(k)
    check.enough("real", real, k + 1, f"for k = {k}")
    reach = squared_radii(real, k) * ON_THE_SURFACE  # (N,)
    pairs_inside = 0
    is_covered = np.zeros(len(real), dtype=bool)
    for rows, squared in squared_distances(real, fake):  # (rows, M)
        inside = squared <= reach[rows, None]
        pairs_inside += int(np.count_nonzero(inside))
        is_covered[rows] = inside.any(axis=1)
    return DensityCoverage(pairs_inside / (k * len(fake)), float(is_covered.mean()))


def two_sample_accuracy(real: Array, fake: Array) -> TwoSampleAccuracy:
    """Can the nearest neighbor tell real from fake? Leave-one-out 1-NN accuracy; 0.5 is best.

    Each image is classified as its nearest other image is, among all reals and fakes together.
    Near 1: the two are easily told apart. Near 0: each fake sits on a real image, so the generator
    has memorized. Read the halves: fakes can all lie close to each other (fake near 1) while reals
    are at home anywhere (real near 0.5), and the total hides it. Where a real and a fake are
    exactly as near, half a point is given.

    Shapes (N, D) and (N, D), N at least 2: with unequal counts 0.5 would not be chance.
    Source: Lopez-Paz and Oquab 2017; Xu et al. 2018, section 2 (the halves). Raises UserError.
    """
    check = Arguments("two_sample_accuracy")
    real, fake = check.pair("real", real, "fake", fake)
    check.enough("real", real, 2, "to leave one out")
    if len(real) != len(fake):
        raise UserError(
            f"two_sample_accuracy: give as many fake rows as real ones, or chance is not 0.5; "
            f"there are {len(real)} real and {len(fake)} fake"
        )
    real_to_real = squared_radii(real, 1)  # (N,), to the nearest other
    fake_to_fake = squared_radii(fake, 1)  # (N,)
    real_to_fake = np.empty(len(real))
    fake_to_real = np.full(len(fake), np.inf)
    for rows, squared in squared_distances(real, fake):  # (rows, N)
        real_to_fake[rows] = squared.min(axis=1)
        np.minimum(fake_to_real, squared.min(axis=0), out=fake_to_real)
    real_half = _share_nearer(real_to_real, real_to_fake)
    fake_half = _share_nearer(fake_to_fake, fake_to_real)
    return TwoSampleAccuracy((real_half + fake_half) / 2, real_half, fake_half)


# ---------------------------------------------------------------- Gaussians and probabilities


def _mean_and_covariance(features: Array) -> tuple[Array, Array]:
    """Mean (D,) and unbiased covariance (D, D) of features (N, D), in float64."""
    mean = features.mean(axis=0, dtype=np.float64)
    centered = features - mean  # (N, D)
    return mean, centered.T @ centered / (len(features) - 1)


def _symmetric_root(covariance: Array) -> Array:
    """The symmetric R with R R = covariance (D, D): the root of each eigenvalue."""
    eigenvalues, vectors = np.linalg.eigh(covariance)
    # A feature that never changes has the eigenvalue 0, which rounding may make -1e-17.
    roots = np.sqrt(np.maximum(eigenvalues, 0.0))
    return (vectors * roots) @ vectors.T


def _exponential_of_information(p: Array) -> float:
    """exp(mean KL(p(y|x) ‖ p(y))) of one split p (N, classes)."""
    marginal = p.mean(axis=0)  # (classes,)
    # Where p is 0, p log p is 0: log 1 stands in for log 0. A marginal of 0 has zeros above it.
    log_p = np.log(np.where(p > 0, p, 1.0))
    log_marginal = np.log(np.where(marginal > 0, marginal, 1.0))
    divergence = np.sum(p * (log_p - log_marginal), axis=1)  # (N, classes) -> (N,)
    return float(np.exp(divergence.mean()))


# ---------------------------------------------------------------- neighbors


def _share_nearer(to_own_kind: Array, to_other_kind: Array) -> float:
    """The share of points whose own kind is nearer; a tie counts half."""
    wins = np.count_nonzero(to_own_kind < to_other_kind)
    ties = np.count_nonzero(to_own_kind == to_other_kind)
    return float((wins + ties / 2) / len(to_own_kind))
