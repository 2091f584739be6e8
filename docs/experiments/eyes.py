"""What should pictures without labels be compared by? python docs/experiments/eyes.py FOLDER

Four feature spaces look at sets of pictures whose faults are known, and at none: the other half of
the real ones. A good one tells the faults from the real half, the worse ones more clearly, and does
not tell the real half from itself, though it was fitted on both or, "half", on the one alone.

    filters     random filters and principal components: minigan/evaluation/eye.py
    pixels      the principal components of the pixels
    rotation    a network taught by how much a picture was turned (Gidaris et al. 2018)
    exemplars   a network taught to know each picture again, however it was shifted, lightened and
                cut (Dosovitskiy et al. 2014): its changes are those of --augment
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from kept import DATA, Kept
from numpy.typing import NDArray

from minigan import nn
from minigan.data import ImageDataset, read_images
from minigan.evaluation.evaluate import Images, as_unit
from minigan.evaluation.eye import Eye
from minigan.evaluation.pictures import PictureReference
from minigan.functional import cross_entropy
from minigan.gans.augmentation import Augmentation
from minigan.optim import Adam
from minigan.random import Random, manual_seed
from minigan.tensor import Tensor, no_grad
from minigan.training.command import path, run_command

Look = Callable[[Images], NDArray[Any]]  # (N, C, H, W) in [0, 1] -> (N, D)

STEPS, BATCH, WIDTH = 400, 64, 128


class Student(nn.Module):
    """images (N, C, 32, 32) in [-1, 1] -> logits (N, classes); what it sees has 128 numbers"""

    def __init__(self, channels: int, classes: int) -> None:
        layers: list[nn.Module] = []
        for before, after in ((channels, 32), (32, 64), (64, 64)):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 4 * 4, WIDTH))
        self.head = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(WIDTH, classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))

    @no_grad()
    def look(self, images: Images) -> NDArray[Any]:
        return self.body(Tensor(images * 2 - 1)).numpy()


def rotation(pictures: Images) -> Look:
    random = np.random.default_rng(0)
    student = Student(pictures.shape[1], 4)

    def turned() -> tuple[NDArray[Any], NDArray[Any]]:
        quarters = random.integers(0, 4, BATCH)
        batch = pictures[random.integers(0, len(pictures), BATCH)]
        pairs = zip(batch, quarters, strict=True)
        return np.stack([np.rot90(image, k, (1, 2)) for image, k in pairs]), quarters

    return taught(student, turned, ("translation",))


def exemplars(pictures: Images) -> Look:
    random = np.random.default_rng(0)

    def some() -> tuple[NDArray[Any], NDArray[Any]]:
        numbers = random.integers(0, len(pictures), BATCH)
        return pictures[numbers], numbers

    student = Student(pictures.shape[1], len(pictures))
    return taught(student, some, ("color", "translation", "cutout"))


def taught(
    student: Student, lesson: Callable[[], tuple[NDArray[Any], NDArray[Any]]], kinds: Sequence[str]
) -> Look:
    change = Augmentation(kinds, Random(0), (-1.0, 1.0))
    optimizer = Adam(student.parameters(), 1e-3)
    for _ in range(STEPS):
        images, answers = lesson()
        (seen,) = change(student, (Tensor(np.ascontiguousarray(images) * 2 - 1),)) or ()
        optimizer.minimize(cross_entropy(student(seen), Tensor(answers)))
    return student.look


def pixels(pictures: Images) -> Look:
    return lambda images: images.reshape(len(images), -1)


class Components:
    """The principal components of what any of them sees, scaled as the eye's are."""

    def __init__(self, make: Callable[[Images], Look], pictures: Images, count: int) -> None:
        manual_seed(0)
        self.see = make(pictures)
        seen = self.see(pictures).astype(np.float64)
        self.mean = seen.mean(axis=0)
        _, sizes, axes = np.linalg.svd(seen - self.mean, full_matrices=False)
        self.axes, squares = axes[:count].T, sizes[:count] ** 2
        self.scale = float(np.sqrt(squares.sum() / (len(seen) * len(squares))))

    def look(self, images: Images) -> NDArray[Any]:
        return (self.see(images).astype(np.float64) - self.mean) @ self.axes / self.scale


EYES = {"filters": None, "pixels": pixels, "rotation": rotation, "exemplars": exemplars}


def scores(dataset: ImageDataset, name: str, fitted_on: str) -> dict[str, Any]:
    """All columns of the table, as one of the eyes sees them."""
    reference = PictureReference(dataset)
    first = np.sort(reference._orders[0][: reference.half])
    pool = dataset.images if fitted_on == "all" else dataset.images[first]
    before = time.process_time()
    make = EYES[name]
    count = reference.components
    eye = Components(make, as_unit(pool), count) if make else Eye(pool, count)
    seconds = time.process_time() - before
    if fitted_on == "half":  # only the halving whose first half it knows
        reference.halvings, reference._orders = 1, reference._orders[:1]
    reference.eye = eye  # type: ignore[assignment]
    reference._seen = eye.look(as_unit(dataset.images))
    found = {"real half": reference.real_half()._asdict()}
    for title, images in reference.faulty():
        found[title] = reference.score(images)._asdict()
    return {"fitting seconds": round(seconds, 1), "columns": found}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Compare feature spaces for pictures.")
    parser.add_argument("pictures", type=path, help="a folder of pictures")
    options = parser.parse_args(arguments)
    dataset = replace(read_images(options.pictures, 32), name=options.pictures.name)
    kept = Kept(DATA / "eyes.json")
    for name in EYES:
        for fitted_on in ("all", "half"):
            settings = {"pictures": dataset.name, "count": len(dataset), "eye": name}
            settings["fitted on"] = fitted_on
            kept.add(settings, lambda name=name, on=fitted_on: scores(dataset, name, on))
    print(f"saved {kept.path}")


if __name__ == "__main__":
    run_command(main)
