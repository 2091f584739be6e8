"""Put drawn images beside real ones: every score of this package in one table, and its seconds.

`draw` takes images from a generator, a `Reference` holds the real ones, `evaluate` compares. What
each score can and cannot tell is in docs/evaluation.md. Next: references.py, samples whose scores
teach one to read the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.backend import Backend
from minigan.data import ImageDataset, mnist
from minigan.errors import UserError
from minigan.evaluation.classifier import FEATURES, SIDE, Judge, Seen
from minigan.evaluation.neighbors import nearest_in_parts, nearest_neighbour_error
from minigan.evaluation.parzen import parzen_score
from minigan.evaluation.scores import (
    classifier_score,
    density_coverage,
    frechet_distance,
    label_kl,
    modes_covered,
    precision_recall,
    two_sample_accuracy,
)
from minigan.gans.base import GAN
from minigan.random import Random
from minigan.tensor import Tensor

Images = NDArray[np.float32]  # (N, 1, 28, 28), 0 is black and 1 is white
Labels = NDArray[np.int64]  # (N,)
Progress = Callable[[str], None]  # is told what begins

COUNT = 10_000  # samples: what the published protocols take, and the size of MNIST's test set
PAIRED = 5_000  # of each kind, for the scores that compare every pair of images
LOOKED_UP = 500  # samples whose nearest training image is found
VALIDATION = 10_000  # the last training images choose the Parzen window's width
BATCH = 500  # images drawn together


class Scores(NamedTuple):
    """One column of the table; the comment says which value is best."""

    frechet_distance: float  # 0
    classifier_score: float  # 10
    modes: int  # 10
    label_kl: float  # 0, nats
    precision: float  # 1
    recall: float  # 1
    density: float  # 1
    coverage: float  # about 0.875, which other real images have
    two_sample: float  # 0.5
    two_sample_real: float  # 0.5
    two_sample_fake: float  # 0.5
    parzen: float  # nats; 10,000 real images have about 243
    parzen_error: float  # its standard error
    parzen_sigma: float
    nearest_training_image: float  # 1; a copy has 0
    label_agreement: float | None = None  # 1; None where no label was asked for


# How the table shows them: the title, the digits, and what is best.
ROWS = {
    "frechet_distance": ("Fréchet distance", ".2f", "0 is best"),
    "classifier_score": ("classifier score", ".3f", "10 is best"),
    "modes": ("modes covered", "d", "of 10"),
    "label_kl": ("label KL", ".4f", "0 is best, nats"),
    "precision": ("precision", ".3f", "1 is best"),
    "recall": ("recall", ".3f", "1 is best"),
    "density": ("density", ".3f", "1 is best"),
    "coverage": ("coverage", ".3f", "0.875 is best"),
    "two_sample": ("two-sample accuracy", ".3f", "0.5 is best"),
    "two_sample_real": ("  of real images", ".3f", "0.5 is best"),
    "two_sample_fake": ("  of drawn images", ".3f", "0.5 is best"),
    "parzen": ("Parzen log-likelihood", ".1f", "real images: about 243, nats"),
    "parzen_error": ("  standard error", ".1f", "nats"),
    "parzen_sigma": ("  width of the window", ".3f", ""),
    "nearest_training_image": ("nearest training image", ".3f", "1 is new, 0 a copy"),
    "label_agreement": ("label agreement", ".3f", "1 is best"),
}

STAGES = ("judge", "Fréchet", "classes", "precision", "density", "two-sample", "Parzen", "nearest")


@dataclass(frozen=True)
class Evaluation:
    """The scores of `count` images, and the seconds that each stage took."""

    count: int
    scores: Scores
    seconds: dict[str, float]


# ---------------------------------------------------------------- the real images


class Reference:
    """The real images that samples are put beside: a training set and a test set of one kind.

    What the judge sees in the test images is found once, when it is first asked for. Raises
    UserError for images of another size than the judge reads.
    """

    def __init__(
        self, train: ImageDataset, test: ImageDataset, *, backend: str | Backend = "numpy"
    ) -> None:
        for dataset in (train, test):
            if dataset.images.shape[1:] != (1, SIDE, SIDE):
                raise UserError(
                    f"{dataset.name} has images of shape {dataset.images.shape[1:]}; the judge "
                    f"reads gray digits, (1, {SIDE}, {SIDE})"
                )
        self.train, self.test = train, test
        self.judge = Judge(backend)

    @classmethod
    def mnist(
        cls, directory: str | Path | None = None, *, backend: str | Backend = "numpy"
    ) -> Reference:
        """MNIST, or another set in IDX files, such as Fashion-MNIST, from a directory."""
        return cls(mnist("train", directory), mnist("test", directory), backend=backend)

    @cached_property
    def test_images(self) -> Images:
        return as_unit(self.test.images)

    @cached_property
    def validation_images(self) -> Images:
        return as_unit(self.train.images[-VALIDATION:])

    @cached_property
    def seen(self) -> Seen:
        """What the judge sees in the test images."""
        return self.judge.look(self.test_images)

    @cached_property
    def usual_distance(self) -> float:
        """How far a real image that is no training image is from the nearest one: the median."""
        some = self.test_images[spread(min(LOOKED_UP, len(self.test)), len(self.test))]
        return float(np.median(self.nearest_training_images(some)[1]))

    def nearest_training_images(self, images: Images) -> tuple[Labels, NDArray[np.float64]]:
        """For each of N images which training image is nearest, and how far it is, pixel by pixel.

        Returns numbers (N,) and Euclidean distances (N,), where a pixel is from 0 to 1. The
        training set is gone through in parts: as float64 all of it would take 400 MB.
        """
        parts = (self.train.images[i : i + COUNT] for i in range(0, len(self.train), COUNT))
        return nearest_in_parts(_rows(images), (_rows(as_unit(part)) for part in parts))


def as_unit(pixels: NDArray[np.uint8]) -> Images:
    """Bytes as float32 from 0 to 1."""
    return pixels.astype(np.float32) / np.float32(255)


def spread(count: int, total: int) -> NDArray[np.int64]:
    """`count` numbers below `total`, evenly spread: MNIST's test set has its clean half first."""
    return np.arange(count) * total // count


# ---------------------------------------------------------------- the drawn images


def draw(
    gan: GAN, count: int = COUNT, *, seed: int = 0, averaged: bool = False
) -> tuple[Images, Labels | None]:
    """Images (count, 1, 28, 28) with pixels in [0, 1]; and the labels that they were asked for.

    A conditional system is asked for as many of each class. The noise has a stream of its own:
    drawing changes nothing in training, and a run and its checkpoint draw the same images.
    Digits that were learned with a black border (28 pixels padded to 32) lose it again. Raises
    UserError for a generator that draws anything but gray digits.
    """
    classes: int | None = getattr(gan.settings, "classes", None)
    labels = None if classes is None else np.arange(count) % classes
    images = drawn(gan, count, labels, seed=seed, averaged=averaged)
    digits = _without_border(images)
    if digits.shape[1:] != (1, SIDE, SIDE):
        raise UserError(
            f"the judge reads gray digits, (1, {SIDE}, {SIDE}); this generator draws images of "
            f"shape {images.shape[1:]}"
        )
    return digits, labels


def drawn(
    gan: GAN,
    count: int,
    labels: Labels | None = None,
    *,
    seed: int = 0,
    averaged: bool = False,
) -> Images:
    """Images (count, C, H, W) of any generator, with pixels in [0, 1].

    labels: what a conditional system is asked for; without, all its classes in turn. Others do not
    look at them.
    """
    source = Random(seed, backend=gan.backend).fork("evaluation")
    black, white = gan.value_range
    classes: int | None = getattr(gan.settings, "classes", None)
    if classes is not None and labels is None:
        labels = np.arange(count) % classes
    pieces = []
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        asked = None
        if classes is not None and labels is not None:
            asked = Tensor(gan.backend.asarray(labels[start : start + size]))
        images = gan.sample(gan.draw_noise(source, size), asked, averaged=averaged).numpy()
        pixels = (images - black) / (white - black)
        pieces.append(pixels.clip(0, 1).astype(np.float32))
    return np.concatenate(pieces)


READABLE = range(SIDE, SIDE * 5 // 4 + 1)  # sides of gray digits that the judge can be shown


def _without_border(images: NDArray[Any]) -> NDArray[Any]:
    """The middle 28 × 28 of gray images up to a quarter larger: ImageDataset.resized, undone."""
    channels, height, width = images.shape[1:]
    if channels != 1 or height != width or height not in READABLE:
        return images
    before = (height - SIDE) // 2
    return images[:, :, before : before + SIDE, before : before + SIDE]


def fitted_error(
    gan: GAN,
    reference: Reference,
    count: int,
    *,
    seed: int = 0,
    averaged: bool = False,
    progress: Progress | None = None,
) -> float:
    """The error on real test images of a nearest-neighbor classifier fitted on `count` drawn ones.

    The drawn images are labeled as they were asked for, as many of each class. They are drawn
    10,000 at a time, each part with a seed of its own, and forgotten again. `progress` is called
    with the name of each part. Source: Radford et al. 2015, table 3. Raises UserError for a system
    that draws without labels.
    """
    if not hasattr(gan.settings, "classes") or reference.test.labels is None:
        raise UserError(f"--fit needs labels, and a {gan.name} draws without")

    def parts() -> Iterator[tuple[NDArray[np.float32], Labels]]:
        for part, start in enumerate(range(0, count, COUNT)):
            if progress:
                progress(f"1-NN {start:,}")
            some = min(COUNT, count - start)
            images, labels = draw(gan, some, seed=seed + part, averaged=averaged)
            assert labels is not None
            yield _rows(images), labels

    return nearest_neighbour_error(parts(), _rows(reference.test_images), reference.test.labels)


# ---------------------------------------------------------------- the comparison


class Stopwatch:
    """Measures named stages, one after another."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        if self.progress:
            self.progress(stage)
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start


def evaluate(
    images: Images,
    reference: Reference,
    labels: Labels | None = None,
    *,
    progress: Progress | None = None,
) -> Evaluation:
    """All scores of images (N, 1, 28, 28) with pixels in [0, 1], a host array.

    labels (N,): the digit that each image was asked to be, if it was. Fréchet distance and classes
    compare with as many test images as there are samples, if there are so many; the scores of
    pairs take 5,000 of each at most; the Parzen window and the classifier score take all.
    `progress` is called with each of STAGES as it begins. Raises UserError for images of another
    shape or range, and for fewer than 129, which have no full covariance.
    """
    _check(images, labels)
    watch = Stopwatch(progress)
    with watch("judge"):
        real, fake = reference.seen, reference.judge.look(images)
    total = len(reference.test)
    chosen = spread(min(len(images), total), total)
    pairs = min(PAIRED, len(chosen))
    real_pairs = real.features[spread(pairs, total)]
    fake_pairs = fake.features[:pairs]  # not every n-th: asked-for digits come in turn
    with watch("Fréchet"):
        distance = frechet_distance(real.features[chosen], fake.features)
    with watch("classes"):
        clarity = classifier_score(fake.probabilities)
        modes = modes_covered(fake.probabilities)
        divergence = label_kl(fake.probabilities, real.probabilities)
        agreement = None
        if labels is not None:
            agreement = float(np.mean(fake.probabilities.argmax(axis=1) == labels))
    with watch("precision"):
        precision, recall = precision_recall(real_pairs, fake_pairs)
    with watch("density"):
        density, coverage = density_coverage(real_pairs, fake_pairs)
    with watch("two-sample"):
        two_sample = two_sample_accuracy(real_pairs, fake_pairs)
    with watch("Parzen"):
        parzen = parzen_score(
            _rows(images), _rows(reference.validation_images), _rows(reference.test_images)
        )
    with watch("nearest"):
        distances = reference.nearest_training_images(images[:LOOKED_UP])[1]
        nearest = float(np.median(distances)) / reference.usual_distance
    scores = Scores(
        distance,
        clarity,
        modes,
        divergence,
        precision,
        recall,
        density,
        coverage,
        *two_sample,
        *parzen,
        nearest,
        agreement,
    )
    return Evaluation(len(images), scores, watch.seconds)


def _rows(images: Images) -> NDArray[np.float32]:
    """(N, 1, 28, 28) -> (N, 784)"""
    return images.reshape(len(images), -1)


def _check(images: Images, labels: Labels | None) -> None:
    if images.ndim != 4 or images.shape[1:] != (1, SIDE, SIDE) or images.dtype.kind != "f":
        raise UserError(
            f"the judge reads gray digits, float (N, 1, {SIDE}, {SIDE}); these images are "
            f"{images.dtype} of shape {images.shape}"
        )
    if len(images) <= FEATURES:
        raise UserError(
            f"{len(images)} samples are too few: the judge has {FEATURES} features, and their "
            f"covariance takes at least {FEATURES + 1}"
        )
    least, largest = float(images.min()), float(images.max())
    if not (0 <= least and largest <= 1):  # NaN is caught too
        raise UserError(
            f"images to evaluate have pixels from 0 (black) to 1 (white), and these reach from "
            f"{least:.4g} to {largest:.4g}; (x + 1) / 2 brings a tanh generator's images there"
        )
    if labels is not None and labels.shape != images.shape[:1]:
        raise UserError(f"there are {len(images)} images, but labels of shape {labels.shape}")


# ---------------------------------------------------------------- the table


def table(
    columns: Mapping[str, Any], rows: Mapping[str, tuple[str, str, str]] | None = None
) -> str:
    """The scores of several sets of samples side by side, for a terminal; `rows` as ROWS."""
    widths = [max(len(name), 10) for name in columns]
    lines = ["  ".join([" " * 23, *[f"{n:>{w}}" for n, w in zip(columns, widths, strict=True)]])]
    for field, (title, digits, best) in (rows or ROWS).items():
        values = [getattr(scores, field) for scores in columns.values()]
        if set(values) != {None}:
            cells = ["-" if value is None else f"{value:{digits}}" for value in values]
            line = [f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)]
            lines.append("  ".join([f"{title:<23}", *line, best]).rstrip())
    return "\n".join(lines)
