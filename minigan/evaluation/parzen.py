"""The Parzen-window log-likelihood: the number in the table of the first GAN paper.

Put a small Gaussian on each generated image; their average is a density, and the score is its mean
log over the test images, in nats, higher is better (Goodfellow et al. 2014, table 1; protocol of
the code that came with it):

* 10,000 samples, pixels in [0, 1]: a generator that ends in tanh is shown as (x + 1) / 2;
* the Gaussians' width σ is the best of ten from 0.1 to 1, on a validation split: the first 1,000 of
  the training images 50,000 to 59,999, which the generator must not have been trained on;
* the mean over the 10,000 test images, and its standard error.

What does the paper's 225 ± 2 mean? By this protocol, samples that are really

    10,000 training images, drawn at random      score 241 to 244 by the draw, ± 2, at σ = 0.167,
    the same with noise of deviation 0.1, clipped      195, at σ = 0.167,
    … not clipped to [0, 1]                            133, at σ = 0.215,
    one image, the mean of all                         -59,
    each pixel drawn on its own                       -242,
    10,000 k-means centers of the training set         about 330.

So 225 is most of the way from the mean image to real images. And 244 is no ceiling: blurred
averages beat real images, since each stands close to many test images (Theis et al. 2015 said so
first). Read a score far above 244 as blur, not as quality. Choose σ on images that are among the
samples, and it shrinks to the least candidate: keep the three sets apart. The tests repeat the
order of these rows on a toy distribution. Next: classifier.py, whose features the other scores use.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minigan.distributed.communicator import blocks_over_ranks
from minigan.errors import UserError
from minigan.evaluation.checks import Arguments, Array

# Ten widths from 0.1 to 1, equal steps of the logarithm.
BANDWIDTHS: tuple[float, ...] = tuple(float(width) for width in np.logspace(-1, 0, 10))

# How many of the validation images choose the width.
VALIDATION_IMAGES = 1000

# How many exponents are held at once: 2^21 float32 are 8 MB.
BLOCK_ELEMENTS = 2**21


class ParzenScore(NamedTuple):
    """Mean log-likelihood of the test images and its standard error, in nats, and the width."""

    mean: float
    standard_error: float
    sigma: float


def parzen_log_likelihood(samples: Array, points: Array, sigma: float) -> Array:
    """The log-density of each point under a mixture of one Gaussian for each sample.

        log p(x) = log( 1/N Σ_j exp(-|x - s_j|² / 2σ²) ) - D log(σ √(2π))

    With u = (x - c)/σ and v = (s - c)/σ the exponent is u·v - |v|²/2 - |u|²/2, for any c. The last
    term is the same for all j and is added in float64 at the end; the products u·v are one float32
    matrix product. c is the mean of the samples, so that little cancels: what rounding is left is
    about 1e-6 |u|² at most, thousandths of a nat for MNIST at the least width. Sums are float64.

    Shapes (N, D) and (M, D) -> float64 (M,). Memory: a float64 copy of one and then of the other,
    float32 copies of both, and blocks of 8 MB. Source: Goodfellow et al. 2014, section 5. Raises
    UserError.
    """
    check = Arguments("parzen_log_likelihood")
    samples, points = check.pair("samples", samples, "points", points)
    if not (math.isfinite(sigma) and sigma > 0):
        raise UserError(f"parzen_log_likelihood: sigma must be above 0, and it is {sigma}")
    count, width = samples.shape
    center = samples.mean(axis=0, dtype=np.float64)  # (D,)
    v = _standardized(samples, center, sigma)  # (N, D), float32
    u = _standardized(points, center, sigma)  # (M, D), float32
    half_v = _half_squared_norms(v).astype(np.float32)  # (N,)
    half_u = _half_squared_norms(u)  # (M,), float64
    height = min(len(u), max(1, BLOCK_ELEMENTS // count))
    buffer = np.empty((height, count), dtype=np.float32)

    def log_sums_of(rows: slice) -> Array:
        block = u[rows]
        exponents = np.matmul(block, v.T, out=buffer[: len(block)])  # (rows, N)
        exponents -= half_v
        return _log_sum_exp(exponents)  # (rows, N) -> (rows,)

    log_sums = np.concatenate(blocks_over_ranks(len(u), height, log_sums_of))
    constant = math.log(count) + width * math.log(sigma * math.sqrt(2 * math.pi))
    return log_sums - half_u - constant


def choose_bandwidth(
    samples: Array, validation: Array, candidates: Sequence[float] = BANDWIDTHS
) -> float:
    """The candidate under which the validation images are most likely; the first, if two tie.

    Shapes (N, D) and (M, D). Raises UserError.
    """
    if len(candidates) == 0:
        raise UserError("choose_bandwidth: candidates is empty; give at least one width")
    scores = [parzen_log_likelihood(samples, validation, sigma).mean() for sigma in candidates]
    return float(candidates[int(np.argmax(scores))])


def parzen_score(samples: Array, validation: Array, test: Array) -> ParzenScore:
    """The score by the paper's protocol (see the top of this file).

        mean = 1/M Σ log p(x_i),        standard error = deviation of log p(x_i) / √M

    Shapes (N, D), (V, D) and (M, D), pixels in [0, 1]; for the paper's number N = M = 10,000,
    `validation` = training images 50,000 to 59,999, of which the first 1,000 are used, and `test` =
    the test images. Raises UserError.
    """
    for name, images in (("samples", samples), ("validation", validation), ("test", test)):
        _check_unit_range(name, Arguments("parzen_score").matrix(name, images))
    sigma = choose_bandwidth(samples, validation[:VALIDATION_IMAGES])
    log_likelihood = parzen_log_likelihood(samples, test, sigma)  # (M,)
    # The paper's code divides by M and not by M - 1; at 10,000 images nobody can tell.
    standard_error = log_likelihood.std() / math.sqrt(len(log_likelihood))
    return ParzenScore(float(log_likelihood.mean()), float(standard_error), sigma)


def _standardized(rows: Array, center: Array, sigma: float) -> Array:
    """(row - center)/σ, subtracted in float64 and rounded once, to float32: (N, D) -> (N, D)."""
    centered = rows - center
    centered /= sigma
    return centered.astype(np.float32)


def _half_squared_norms(rows: Array) -> Array:
    """|row|²/2 in float64: (N, D) -> (N,)."""
    return np.einsum("nd,nd->n", rows, rows, dtype=np.float64) / 2


def _log_sum_exp(exponents: Array) -> Array:
    """log Σ exp of each row, in float64: (rows, N) -> (rows,). Overwrites its input.

    Exponents around -2000 would all underflow to 0; less the largest, the largest is exp(0) = 1.
    """
    largest = exponents.max(axis=1, keepdims=True)  # (rows, 1)
    exponents -= largest
    np.exp(exponents, out=exponents)
    return np.log(exponents.sum(axis=1, dtype=np.float64)) + largest[:, 0]


def _check_unit_range(name: str, images: Array) -> None:
    """Raise UserError unless all pixels are in [0, 1]: another range shifts the score by 100s."""
    least, largest = float(images.min()), float(images.max())
    if least < 0 or largest > 1:
        raise UserError(
            f"parzen_score: {name} must hold pixels in [0, 1], and they reach from {least:.4g} to "
            f"{largest:.4g}; (x + 1) / 2 brings a tanh generator's images there, x / 255 bytes"
        )
