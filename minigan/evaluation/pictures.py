"""Scores of pictures that nobody has labelled: drawn ones beside those that were learned from.

The eye (eye.py) says what is compared. Real pictures are halved, and one half stands in for the
truth: beside it the drawn pictures, as many, and the other half. That other half is what is
possible; a generator cannot be told from the real thing by more than that. Few pictures make rough
scores, so the halving is done several times, and the means are given.

One question comes on top, as few pictures are soon known by heart: how near are the drawn ones to
the nearest training picture, and how near is a real picture to the nearest that is another?

Next: circumstances.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from minigan.backend import Backend
from minigan.data import ImageDataset
from minigan.errors import UserError
from minigan.evaluation.evaluate import LOOKED_UP, Images, as_unit, drawn
from minigan.evaluation.eye import COMPONENTS, Eye, Features
from minigan.evaluation.neighbors import nearest_neighbours, squared_radii
from minigan.evaluation.scores import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
    two_sample_accuracy,
)
from minigan.gans.base import GAN

PAIRED = 2_000  # pictures of each kind that are compared at once, at most
ENOUGH = 1_000  # of them, and one halving is enough
HALVINGS = 5  # where there are fewer
POOL = 20_000  # real pictures that are looked at, at most: a fair draw
LEAST = 8  # pictures whose halves have three neighbors each
COPIED = 0.05  # the share of real pictures that are nearer to another than what we call a copy
FEW = 10  # pictures, over and over: the generator that knows no others


class PictureScores(NamedTuple):
    """One column of the table; the comment says which value is best."""

    frechet_distance: float  # that of the real half, which is not 0
    kernel_distance: float  # 0
    precision: float  # 1
    recall: float  # 1
    density: float  # 1
    coverage: float  # about 0.875, which the real half has
    two_sample: float  # 0.5
    two_sample_real: float  # 0.5
    two_sample_fake: float  # 0.5
    nearest_picture: float  # 1; a copy has 0
    copies: float  # 0.05


# How the table shows them: the title, the digits, and what is best.
PICTURE_ROWS = {
    "frechet_distance": ("Fréchet distance", ".2f", "the real half's is best"),
    "kernel_distance": ("kernel distance", ".3f", "0 is best"),
    "precision": ("precision", ".3f", "1 is best"),
    "recall": ("recall", ".3f", "1 is best"),
    "density": ("density", ".3f", "1 is best"),
    "coverage": ("coverage", ".3f", "0.875 is best"),
    "two_sample": ("two-sample accuracy", ".3f", "0.5 is best"),
    "two_sample_real": ("  of real pictures", ".3f", "0.5 is best"),
    "two_sample_fake": ("  of drawn pictures", ".3f", "0.5 is best"),
    "nearest_picture": ("nearest picture", ".3f", "1 is new, 0 a copy"),
    "copies": ("near copies", ".3f", "0.05 is what real pictures have"),
}


class PictureReference:
    """The pictures that a generator learned from, and those of the same kind that it did not see.

    train: at least eight pictures.
    held_out: others of the same kind, for the question whether the training pictures were learned
    by heart. Without them a training picture's nearest other one says what is usual.

    Raises UserError for fewer pictures.
    """

    def __init__(
        self,
        train: ImageDataset,
        held_out: ImageDataset | None = None,
        *,
        backend: str | Backend = "numpy",
    ) -> None:
        if len(train) < LEAST:
            raise UserError(
                f"{train.name} has {len(train)} pictures; at least {LEAST} are needed, since "
                "halves of them are compared"
            )
        self.train = train if len(train) <= POOL else train.drawn(POOL)[0]
        self.held_out = held_out
        self.half = min(len(self.train) // 2, PAIRED)
        self.halvings = 1 if self.half >= ENOUGH else HALVINGS
        self.components = min(COMPONENTS, self.half // 2)
        self.eye = Eye(self.train.images, self.components, backend=backend)
        self._seen = self.eye.look(as_unit(self.train.images))  # (N, D)
        random = np.random.default_rng(0)
        self._orders = [random.permutation(len(self.train)) for _ in range(self.halvings)]

    @property
    def count(self) -> int:
        """How many drawn pictures are compared: a half of the real ones for each halving."""
        return self.half * self.halvings

    @property
    def protocol(self) -> str:
        """A sentence on what is compared: how rough the scores are depends on it."""
        times = "" if self.halvings == 1 else f", the mean of {self.halvings} halvings"
        beside = "each training picture's nearest other one"
        if self.held_out is not None:
            beside = f"{len(self.held_out):,} held out"
        return (
            f"{self.half:,} drawn pictures beside {self.half:,} of {len(self.train):,} real ones"
            f"{times}; {self.components} features; copies: beside {beside}"
        )

    def draw(self, gan: GAN, *, seed: int = 0, averaged: bool = False) -> Images:
        """As many images of a generator as are compared, (count, C, H, W) with pixels in [0, 1].

        A conditional system is asked for the classes of the real pictures. Raises UserError if it
        draws images of another shape.
        """
        labels = None if self.train.labels is None else self.train.labels[self._halves(second=True)]
        images = drawn(gan, self.count, labels, seed=seed, averaged=averaged)
        if images.shape[1:] != self.train.images.shape[1:]:
            raise UserError(
                f"{self.train.name} has pictures of shape {self.train.images.shape[1:]}, and this "
                f"generator draws {images.shape[1:]}"
            )
        return images

    def score(self, images: Images) -> PictureScores:
        """All scores of drawn images (count, C, H, W) with pixels in [0, 1].

        Raises UserError for another number of them.
        """
        if len(images) != self.count:
            raise UserError(f"{self.count} images are compared here, and these are {len(images)}")
        fake = self.eye.look(images)
        distances = self._distances(fake[: max(LOOKED_UP, self.half)])
        return self._compared(fake, distances)

    def real_half(self) -> PictureScores:
        """The same of the real pictures' other half: what is possible with so few."""
        return self._compared(self._seen[self._halves(second=True)], self.usual)

    def _compared(self, fake: Features, distances: NDArray[np.float64]) -> PictureScores:
        """fake (count, D), in the order of the halvings; distances to the nearest picture."""
        found = []
        truth = self._seen[self._halves(second=False)]
        for start in range(0, self.count, self.half):
            a, b = truth[start : start + self.half], fake[start : start + self.half]
            distance, kernel = frechet_distance(a, b), kernel_distance(a, b)
            pairs = *precision_recall(a, b), *density_coverage(a, b), *two_sample_accuracy(a, b)
            found.append((distance, kernel, *pairs))
        nearest = float(np.median(distances)) / float(np.median(self.usual) or 1.0)
        copies = float(np.mean(distances <= np.quantile(self.usual, COPIED)))
        return PictureScores._make([*np.mean(found, axis=0).tolist(), nearest, copies])

    def _halves(self, *, second: bool) -> NDArray[np.int64]:
        """(count,): the numbers of the real pictures in each halving's first or second half."""
        start = self.half if second else 0
        return np.concatenate([order[start : start + self.half] for order in self._orders])

    # ---- known by heart? --------------------------------------------------------------------

    @cached_property
    def usual(self) -> NDArray[np.float64]:
        """How far real pictures that were not learned are from the nearest one that was, (M,).

        Without such pictures: how far each training picture is from the nearest other one.
        """
        if self.held_out is None:
            return np.sqrt(squared_radii(self._seen, 1))
        return self._distances(self.eye.look(as_unit(self.held_out.images)))

    def _distances(self, features: Features) -> NDArray[np.float64]:
        return nearest_neighbours(features, self._seen)[1][:, 0]  # (N, 1) -> (N,)

    def nearest_training_images(self, images: Images) -> tuple[Images, NDArray[np.float64]]:
        """For each of N images the nearest training picture, as the eye sees it, and how far it is:
        1 is as far as a real picture usually is from the nearest other.

        Returns pictures (N, C, H, W) with pixels in [0, 1], and (N,).
        """
        numbers, distances = nearest_neighbours(self.eye.look(images), self._seen)
        usual = float(np.median(self.usual)) or 1.0
        return as_unit(self.train.images[numbers[:, 0]]), distances[:, 0] / usual

    # ---- samples whose faults are known ------------------------------------------------------

    def faulty(self) -> Iterator[tuple[str, Images]]:
        """Yield (name, images (count, C, H, W)): the other half, made worse, to read the table by.

        "one class" only where there are labels: pictures of the first class alone.
        """
        random = np.random.default_rng(1)
        numbers = self._halves(second=True)
        real = as_unit(self.train.images[numbers])
        for deviation in (0.1, 0.3):
            noise = random.normal(0, deviation, real.shape).astype(np.float32)
            yield f"noise of {deviation}", (real + noise).clip(0, 1)
        yield "blurred", blurred(real)
        halves = numbers.reshape(self.halvings, self.half)
        if self.train.labels is not None:
            first = [half[self.train.labels[half] == self.train.labels.min()] for half in halves]
            if all(map(len, first)):
                yield "one class", self._over_and_over(first)
        few = min(FEW, self.half)
        yield f"{few} pictures", self._over_and_over([half[:few] for half in halves])

    def _over_and_over(self, some: list[NDArray[np.int64]]) -> Images:
        """For each halving these pictures, repeated until they are as many as a half."""
        numbers = np.concatenate([np.resize(few, self.half) for few in some])
        return as_unit(self.train.images[numbers])


def blurred(images: Images) -> Images:
    """Every channel of (N, C, H, W) in [0, 1], with a Gaussian of 1/16 of the width."""
    side = images.shape[3]
    planes = np.round(images.reshape(-1, *images.shape[2:]) * 255).astype(np.uint8)
    soft = ImageFilter.GaussianBlur(side / 16)
    return as_unit(
        np.stack([np.asarray(Image.fromarray(plane).filter(soft)) for plane in planes])
    ).reshape(images.shape)
