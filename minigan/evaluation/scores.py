"""Numbers that say how close generated images are to real ones: pure functions on arrays.

No single number is enough, so read them side by side, always beside a row of real images. Most
compare *features*: what a small trained classifier (the judge) sees in an image, one row an image.
All arithmetic is float64, whatever comes in. Next: parzen.py, the score of the first GAN paper.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigan.errors import UserError

Array = npt.NDArray[Any]

# How many distances are held at once: 2^23 float64 are 64 MB. With far fewer, the references would
# be read from memory anew for every handful of queries, and the matrix product would wait.
BLOCK_ELEMENTS = 2**23

# The expansion below rounds a squared distance by some 1e-15 |a|². What is smaller than this share
# of |a|² is rounding, so the two points are taken for one.
SAME_POINT = 1e-12

# The same rounding could push a point that lies exactly on a ball's surface out of the ball.
ON_THE_SURFACE = 1 + 1e-9


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
    a, b = _pair("frechet_distance", "features_a", features_a, "features_b", features_b)
    _enough("frechet_distance", "features_a", a, a.shape[1] + 1, "for a full covariance")
    _enough("frechet_distance", "features_b", b, b.shape[1] + 1, "for a full covariance")
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


def classifier_score(probabilities: Array, splits: int = 1) -> float:
    """The Inception score with any classifier: are images clear, and are all classes drawn?

        exp(mean over x of KL(p(y|x) ‖ p(y))),        p(y) = mean over x of p(y|x)

    From 1 (every image gives the same answer) to the number of classes (each image is surely one
    class, all classes equally often). Blind to variety inside a class. With `splits` above 1, the
    mean of the scores of that many equal runs of rows, the way Inception scores are often given.

    Shape (N, classes), rows that sum to 1. Source: Salimans et al. 2016, section 4.
    Raises UserError.
    """
    p = _probabilities("classifier_score", probabilities)
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
    if not 0 <= threshold <= 1:
        raise UserError(f"modes_covered: threshold is a share from 0 to 1, and it is {threshold}")
    counts = _class_counts("modes_covered", "labels", labels_or_probabilities, classes)
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
    counts = _class_counts("label_kl", "labels", labels, classes)
    reference_counts = _class_counts("label_kl", "reference_labels", reference_labels, classes)
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
    real, fake = _pair("precision_recall", "real", real, "fake", fake)
    _check_k("precision_recall", k)
    _enough("precision_recall", "real", real, k + 1, f"for k = {k}")
    _enough("precision_recall", "fake", fake, k + 1, f"for k = {k}")
    real_reach = _squared_radii(real, k) * ON_THE_SURFACE  # (N,)
    fake_reach = _squared_radii(fake, k) * ON_THE_SURFACE  # (M,)
    fake_is_inside = np.zeros(len(fake), dtype=bool)
    real_is_inside = np.zeros(len(real), dtype=bool)
    for rows, squared in _squared_distances(real, fake):  # (rows, M)
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
    real, fake = _pair("density_coverage", "real", real, "fake", fake)
    _check_k("density_coverage", k)
    _enough("density_coverage", "real", real, k + 1, f"for k = {k}")
    reach = _squared_radii(real, k) * ON_THE_SURFACE  # (N,)
    pairs_inside = 0
    is_covered = np.zeros(len(real), dtype=bool)
    for rows, squared in _squared_distances(real, fake):  # (rows, M)
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
    real, fake = _pair("two_sample_accuracy", "real", real, "fake", fake)
    _enough("two_sample_accuracy", "real", real, 2, "to leave one out")
    if len(real) != len(fake):
        raise UserError(
            f"two_sample_accuracy: give as many fake rows as real ones, or chance is not 0.5; "
            f"there are {len(real)} real and {len(fake)} fake"
        )
    real_to_real = _squared_radii(real, 1)  # (N,), to the nearest other
    fake_to_fake = _squared_radii(fake, 1)  # (N,)
    real_to_fake = np.empty(len(real))
    fake_to_real = np.full(len(fake), np.inf)
    for rows, squared in _squared_distances(real, fake):  # (rows, N)
        real_to_fake[rows] = squared.min(axis=1)
        np.minimum(fake_to_real, squared.min(axis=0), out=fake_to_real)
    real_half = _share_nearer(real_to_real, real_to_fake)
    fake_half = _share_nearer(fake_to_fake, fake_to_real)
    return TwoSampleAccuracy((real_half + fake_half) / 2, real_half, fake_half)


def nearest_neighbours(queries: Array, references: Array, k: int = 1) -> tuple[Array, Array]:
    """For each query the k nearest references, the nearest first: (indices, distances).

        distance = |query - reference|, Euclidean

    Beside a generated image its nearest training image shows what was memorized (Goodfellow et al.
    2014, figure 2). Ties go to the lower index. Points nearer than a millionth of a query's
    distance from the references' mean have the distance 0.

    Shapes (Q, D) and (R, D), R at least k -> int64 (Q, k) and float64 (Q, k). Raises UserError.
    """
    queries, references = _pair("nearest_neighbours", "queries", queries, "references", references)
    _check_k("nearest_neighbours", k)
    _enough("nearest_neighbours", "references", references, k, f"for k = {k}")
    indices = np.empty((len(queries), k), dtype=np.int64)
    distances = np.empty((len(queries), k))
    for rows, squared in _squared_distances(queries, references):  # (rows, R)
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
    test_y = _labels_of("nearest_neighbour_error", "test_y", test_y, "test_x", test_x)
    labels = []

    def images() -> Iterator[Array]:
        for x, y in train:
            labels.append(_labels_of("nearest_neighbour_error", "train_y", y, "train_x", x))
            yield x

    nearest, _ = nearest_in_parts(test_x, images())  # (M,)
    return float(np.mean(np.concatenate(labels)[nearest] != test_y))


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


# ---------------------------------------------------------------- distances in blocks


def _squared_distances(queries: Array, references: Array) -> Iterator[tuple[slice, Array]]:
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


def _squared_radii(points: Array, k: int) -> Array:
    """Squared distance from each point to its k-th nearest other point: (N, D) -> (N,)."""
    radii = np.empty(len(points))
    for rows, squared in _squared_distances(points, points):  # (rows, N)
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf  # not itself
        radii[rows] = _smallest(squared, k)[1][:, -1]
    return radii


def _share_nearer(to_own_kind: Array, to_other_kind: Array) -> float:
    """The share of points whose own kind is nearer; a tie counts half."""
    wins = np.count_nonzero(to_own_kind < to_other_kind)
    ties = np.count_nonzero(to_own_kind == to_other_kind)
    return float((wins + ties / 2) / len(to_own_kind))


# ---------------------------------------------------------------- what may come in


def check_matrix(function: str, name: str, values: Array) -> Array:
    """`values` as a host array of finite real numbers, shape (N, D) with N, D ≥ 1, or UserError."""
    array = _host_array(function, name, values)
    if array.ndim != 2:
        raise UserError(
            f"{function}: {name} must have the shape (N, D), one row an image, and it has "
            f"{array.shape}; reshape(len(x), -1) makes rows"
        )
    if array.size == 0:
        raise UserError(f"{function}: {name} is empty: its shape is {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():
        bad_rows = np.flatnonzero(~finite.all(axis=1))
        raise UserError(
            f"{function}: {name} holds NaN or infinity in {len(bad_rows)} of {len(array)} rows, "
            f"first in row {bad_rows[0]}"
        )
    return array


def check_same_width(function: str, name_a: str, a: Array, name_b: str, b: Array) -> None:
    """Raise UserError unless rows of a (N, D) and of b (M, D) are equally long."""
    if a.shape[1] != b.shape[1]:
        raise UserError(
            f"{function}: {name_a} has {a.shape[1]} columns and {name_b} has {b.shape[1]} "
            f"(shapes {a.shape} and {b.shape}); both must come from the same features"
        )


def _host_array(function: str, name: str, values: Array) -> Array:
    """`values` as a NumPy array of real numbers, or UserError."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:  # an array on a GPU; rows of unequal length
        raise UserError(
            f"{function}: {name} must be a NumPy array, and it is a {type(values).__name__} that "
            f"does not become one; bring it to the host first"
        ) from error
    if array.dtype.kind not in "biuf":
        raise UserError(f"{function}: {name} must hold real numbers, and it holds {array.dtype}")
    return array


def _pair(function: str, name_a: str, a: Array, name_b: str, b: Array) -> tuple[Array, Array]:
    """Both as checked matrices (N, D) and (M, D)."""
    a, b = check_matrix(function, name_a, a), check_matrix(function, name_b, b)
    check_same_width(function, name_a, a, name_b, b)
    return a, b


def _enough(function: str, name: str, array: Array, needed: int, why: str) -> None:
    """Raise UserError when `array` has fewer than `needed` rows."""
    if len(array) < needed:
        raise UserError(
            f"{function} needs at least {needed} samples {why}, and {name} has {len(array)}"
        )


def _check_k(function: str, k: int) -> None:
    if k < 1:
        raise UserError(f"{function}: k, the number of neighbors, must be at least 1, not {k}")


def _probabilities(function: str, values: Array) -> Array:
    """Checked rows of probabilities as float64 (N, classes)."""
    p = check_matrix(function, "probabilities", values).astype(np.float64)
    sums = p.sum(axis=1)
    wrong = np.flatnonzero((p < 0).any(axis=1) | (np.abs(sums - 1) > 1e-3))
    if len(wrong):
        row = wrong[0]
        raise UserError(
            f"{function}: each row must be probabilities that sum to 1, and row {row} has the sum "
            f"{sums[row]:.4g} and the least entry {p[row].min():.4g}; apply softmax to logits first"
        )
    return p


def _class_counts(function: str, name: str, values: Array, classes: int) -> Array:
    """How often each class occurs: labels (N,) or probabilities (N, classes) -> (classes,)."""
    array = _host_array(function, name, values)
    if array.ndim == 2:
        array = _probabilities(function, array).argmax(axis=1)  # (N, classes) -> (N,)
    if array.ndim != 1 or len(array) == 0 or array.dtype.kind not in "iu":
        raise UserError(
            f"{function}: {name} must be integers of shape (N,), at least one, or probabilities "
            f"of shape (N, {classes}); got {array.dtype} of shape {array.shape}"
        )
    if array.min() < 0 or array.max() >= classes:
        raise UserError(
            f"{function}: {name} must be from 0 to {classes - 1}, and they reach from "
            f"{array.min()} to {array.max()}"
        )
    return np.bincount(array.astype(np.int64), minlength=classes)


def _labels_of(function: str, name: str, labels: Array, of: str, images: Array) -> Array:
    """Labels as an array of shape (N,), one for each row of `images`."""
    array = _host_array(function, name, labels)
    if array.shape != (len(images),):
        raise UserError(
            f"{function}: {name} has the shape {array.shape}, and {of} has {len(images)} rows: "
            f"give one label for each"
        )
    return array
