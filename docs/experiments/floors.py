"""What does each score give real images? python docs/experiments/floors.py

No generator should be expected to do better than real images do, and they do not get a perfect
score: a distance of two finite sets is above 0 even if both are drawn from the same box, and a set
of balls never covers everything. So real images are put beside other real images, at the sample
sizes that evaluate takes, eight draws each: training images beside training images, where only the
sample size is left, and beside test images, which other people wrote.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from kept import DATA, Kept
from numpy.typing import NDArray

from minigan.evaluation.evaluate import COUNT, PAIRED, VALIDATION, Images, Reference, as_unit
from minigan.evaluation.parzen import (
    VALIDATION_IMAGES,
    choose_bandwidth,
    parzen_log_likelihood,
)
from minigan.evaluation.scores import (
    classifier_score,
    density_coverage,
    frechet_distance,
    label_kl,
    precision_recall,
    two_sample_accuracy,
)
from minigan.training.command import positive, run_command

SIZES = (1_000, 2_500, 5_000, 10_000)
NOISE = 0.1  # the standard deviation of the noise that is clipped or not
NOISY_DRAWS = 3
LABEL_DRAWS = 2_000


class Sets:
    """What the judge sees in MNIST's two sets, and disjoint draws from either."""

    def __init__(self) -> None:
        self.reference = Reference.mnist()
        self.train_images = as_unit(self.reference.train.images)
        judge = self.reference.judge
        self.seen = {"train": judge.look(self.train_images), "test": self.reference.seen}

    def enough(self, pair: tuple[str, str], count: int) -> bool:
        """Whether the sets have so many images for both sides."""
        first, second = (len(self.seen[name].features) for name in pair)
        return count * 2 <= first if pair[0] == pair[1] else count <= min(first, second)

    def draw(self, pair: tuple[str, str], count: int, seed: int) -> list[NDArray[np.float32]]:
        """The features (count, 128) of images of the two sets, none of them twice."""
        random = np.random.default_rng(seed)
        first, second = pair
        order = random.permutation(len(self.seen[first].features))
        here, there = order[:count], order[count : 2 * count]
        if first != second:
            there = random.permutation(len(self.seen[second].features))[:count]
        return [self.seen[first].features[here], self.seen[second].features[there]]

    def distance(self, pair: tuple[str, str], count: int, seed: int) -> dict[str, Any]:
        return {"frechet_distance": frechet_distance(*self.draw(pair, count, seed))}

    def neighbors(self, pair: tuple[str, str], seed: int) -> dict[str, Any]:
        """The scores that compare pairs of images; the second set is taken for the real one."""
        fake, real = self.draw(pair, PAIRED, seed)
        return (
            precision_recall(real, fake)._asdict()
            | density_coverage(real, fake)._asdict()
            | {"two_sample": two_sample_accuracy(real, fake).total}
        )

    def whole(self, seed: int) -> dict[str, Any]:
        """The scores of 10,000 training images that need no second set, or the whole test set."""
        order = np.random.default_rng(seed).permutation(len(self.train_images) - VALIDATION)
        seen = self.seen["train"].probabilities[order[:COUNT]]
        return {
            "classifier_score": classifier_score(seen),
            "label_kl": label_kl(seen, self.seen["test"].probabilities),
        } | self.parzen(self.train_images[order[:COUNT]])

    def parzen(self, images: Images) -> dict[str, Any]:
        """parzen_score without its check of the range: noise that is not clipped leaves it."""
        rows = images.reshape(len(images), -1)
        validation = self.reference.validation_images[:VALIDATION_IMAGES]
        sigma = choose_bandwidth(rows, validation.reshape(len(validation), -1))
        test = self.reference.test_images
        score = parzen_log_likelihood(rows, test.reshape(len(test), -1), sigma).mean()
        return {"parzen": float(score), "parzen_sigma": sigma}

    def noisy(self, clipped: bool, seed: int) -> dict[str, Any]:
        random = np.random.default_rng(seed)
        order = random.permutation(len(self.train_images) - VALIDATION)
        images = self.train_images[order[:COUNT]]
        images = images + random.normal(0, NOISE, images.shape).astype(np.float32)
        if clipped:
            images = images.clip(0, 1)
        features = self.reference.judge.look(images).features
        distance = frechet_distance(self.reference.seen.features, features)
        return {"frechet_distance": distance} | self.parzen(images)

    def labels(self) -> dict[str, Any]:
        """Label KL, to the shares of the test set, of labels that nobody had to recognize."""
        labels = self.reference.test.labels
        assert labels is not None
        shares = np.bincount(labels) / len(labels)
        random = np.random.default_rng(0)
        drawn = [
            label_kl(random.choice(len(shares), COUNT, p=shares), labels)
            for _ in range(LABEL_DRAWS)
        ]
        return {
            "of the right shares, mean": float(np.mean(drawn)),
            "of the right shares, 95 of 100 below": float(np.quantile(drawn, 0.95)),
            "of equal shares": label_kl(np.arange(COUNT) % len(shares), labels),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Score real images against real images.")
    parser.add_argument("--draws", type=positive, default=8)
    options = parser.parse_args(arguments)
    kept, sets = Kept(DATA / "floors.json"), Sets()

    for pair in (("train", "train"), ("test", "test"), ("train", "test")):
        for draw in range(options.draws):
            settings: dict[str, Any] = {"sets": "–".join(pair), "draw": draw}
            for size in SIZES:
                if sets.enough(pair, size):
                    kept.add(settings | {"n": size}, partial(sets.distance, pair, size, draw))
            if sets.enough(pair, PAIRED):
                pairs = settings | {"n": PAIRED, "scores": "of pairs"}
                kept.add(pairs, partial(sets.neighbors, pair, draw))
    for draw in range(options.draws):
        kept.add({"sets": "train", "draw": draw, "n": COUNT}, partial(sets.whole, draw))
    for clipped in (True, False):
        for draw in range(NOISY_DRAWS):
            settings = {"noise": NOISE, "clipped": clipped, "draw": draw, "n": COUNT}
            kept.add(settings, partial(sets.noisy, clipped, draw))
    kept.add({"labels": "right", "draws": LABEL_DRAWS, "n": COUNT}, sets.labels)


if __name__ == "__main__":
    run_command(main)
