"""Samples that no network drew, to learn from what the scores can and cannot tell.

Put their table beside a generator's: real images show what is possible, and the others how a fault
that everybody can name looks in each score. docs/evaluation.md goes through them.

Next: eye.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from minigan.data import ImageDataset
from minigan.errors import UserError
from minigan.evaluation.classifier import CLASSES
from minigan.evaluation.evaluate import COUNT, VALIDATION, Images, Scores, as_unit

FEW = 5  # of each class, are the fifty images
MEASURED = Path(__file__).parent / "files" / "references.json"


def measured() -> dict[str, Scores]:
    """The scores of 10,000 such samples of MNIST each, as the packaged judge gave them.

    `python examples/evaluate.py --references --out minigan/evaluation/files` measured them.
    """
    columns = json.loads(MEASURED.read_text(encoding="utf-8"))["columns"]
    return {name: Scores(**column["scores"]) for name, column in columns.items()}


def reference_samples(
    train: ImageDataset, count: int = COUNT, *, seed: int = 0
) -> Iterator[tuple[str, Images]]:
    """Yield (name, images (count, 1, H, W) in [0, 1]), one set of samples after another.

    They are made of training images, but not of the last 10,000, which choose the Parzen window's
    width. Raises UserError if `count` images are not left, or five of each class.
    """
    pool = train.images[:-VALIDATION]
    labels = None if train.labels is None else train.labels[: len(pool)].astype(np.intp)
    if labels is None or count > len(pool) or np.bincount(labels, minlength=CLASSES).min() < FEW:
        raise UserError(
            f"reference samples need {count} training images, and {FEW} of each class; "
            f"{train.name} has {len(pool)}, not counting the last {VALIDATION}"
        )
    random = np.random.default_rng(seed)
    real = as_unit(pool[random.permutation(len(pool))[:count]])
    yield "real images", real
    for deviation in (0.1, 0.3):
        noise = random.normal(0, deviation, real.shape).astype(np.float32)
        yield f"noise of {deviation}", (real + noise).clip(0, 1)
    yield "only ones", as_unit(pool[random.choice(np.flatnonzero(labels == 1), count)])
    few = [np.flatnonzero(labels == digit)[:FEW] for digit in range(CLASSES)]
    yield "fifty images", as_unit(pool[np.resize(few, count)])  # over and over
