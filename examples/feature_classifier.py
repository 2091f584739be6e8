"""What has a DCGAN's discriminator learned about digits? python examples/feature_classifier.py RUN

Nobody told it a label. But, as in the paper (Radford et al. 2015, section 5), all its hidden
layers, pooled to 4 × 4 places, are handed to a linear classifier that is shown labels. Beside it
stand the same classifier on raw pixels, and on a discriminator that has learned nothing.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from minigan import nn
from minigan.data import DataLoader, ImageDataset, mnist
from minigan.errors import UserError
from minigan.evaluation.circumstances import circumstances
from minigan.files import atomic_write, refuse_unwritable
from minigan.functional import cross_entropy
from minigan.gans.dcgan import DCGAN
from minigan.optim import Adam
from minigan.random import Random, manual_seed
from minigan.tensor import Tensor, no_grad
from minigan.training import load_gan
from minigan.training.checkpoint import checkpoint_of, load_checkpoint
from minigan.training.command import machine_flags, run_command, use_threads
from minigan.training.folder import note_drawn
from minigan.training.parser import Parser, natural, path, positive

Rows = NDArray[np.float32]  # (N, features)
Labels = NDArray[np.int64]  # (N,)

PLACES = 4  # a map is pooled to 4 × 4, as in the paper
DECAYS = (1e-5, 1e-4, 1e-3, 1e-2)  # of which the validation images choose
VALIDATION = 5000
BATCH = 100


def parser() -> Parser:
    parser = Parser(
        __file__,
        "Classify digits by what a DCGAN's discriminator sees in them.",
        takes="checkpoint",
        examples=["runs/dcgan", "runs/dcgan --labels 1000 --threads 1"],
        leaves={
            "feature_classifier.json": "beside the checkpoint: errors, and numbers of features"
        },
    )
    add = parser.group("what to learn").add_argument
    add("checkpoint", type=path, help="the checkpoint of a DCGAN of digits, or its run folder")
    add("--labels", type=positive, default=10_000, help="training images with labels")
    add("--data", type=path, help="a folder with another IDX set (default: MNIST)")
    add("--seed", type=natural, default=0, help="of the classifiers and the untrained network")
    add = parser.group("how long").add_argument
    add("--epochs", type=positive, default=15, help="passes over them, for each classifier")
    machine_flags(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    use_threads(options)
    checkpoint = checkpoint_of(options.checkpoint)
    gan = load_gan(checkpoint, backend=options.backend)
    if not isinstance(gan, DCGAN) or gan.settings.channels != 1:
        channels = f" of {gan.settings.channels} channels" if isinstance(gan, DCGAN) else ""
        raise UserError(f"{checkpoint} is no DCGAN of gray digits, but a {gan.name}{channels}")
    written = checkpoint.parent / "feature_classifier.json"
    refuse_unwritable(written)
    untrained = DCGAN(gan.settings, seed=options.seed, backend=gan.backend)

    train, test = (mnist(split, options.data) for split in ("train", "test"))
    if options.labels + VALIDATION > len(train):
        raise UserError(f"--labels may be {len(train) - VALIDATION} at most, for {train.name}")
    parts = {
        "train": part(train, 0, options.labels),
        "validation": part(train, len(train) - VALIDATION, len(train)),
        "test": test,
    }
    kinds: dict[str, Callable[[Tensor], Tensor]] = {
        "raw pixels": lambda images: images.flatten(1),
        "untrained discriminator": lambda images: pooled_features(untrained, images),
        "trained discriminator": lambda images: pooled_features(gan, images),
    }
    errors, widths = {}, {}
    for kind, look in kinds.items():
        rows = {
            name: as_rows(dataset.resized(gan.settings.image_size), look, gan, f"{kind}, {name}")
            for name, dataset in parts.items()
        }
        labels = {name: labels_of(dataset) for name, dataset in parts.items()}
        errors[kind] = linear_error(rows, labels, options.epochs, options.seed)
        widths[kind] = rows["train"].shape[1]
    with atomic_write(written) as temporary:
        asked = sys.argv[1:] if arguments is None else arguments
        command = shlex.join(["python", "examples/feature_classifier.py", *asked])
        results = {
            "labels": options.labels,
            "seed": options.seed,
            "test_error": errors,
            "numbers": widths,
            "image_size": gan.settings.image_size,
            "maps": gan.settings.ndf,
            "iterations": load_checkpoint(checkpoint).metadata.get("iteration"),
            "circumstances": circumstances(command, options.threads),
        }
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    note_drawn(checkpoint.parent, [written.name])
    for kind, error in errors.items():
        print(f"{kind:<25}{widths[kind]:>6} features{error:>9.2%} test error")


def part(dataset: ImageDataset, start: int, stop: int) -> ImageDataset:
    """The images from `start` up to `stop`."""
    return ImageDataset(dataset.images[start:stop], labels_of(dataset)[start:stop], dataset.name)


def labels_of(dataset: ImageDataset) -> Labels:
    assert dataset.labels is not None  # an IDX set has them
    return dataset.labels


@no_grad()
def pooled_features(gan: DCGAN, images: Tensor) -> Tensor:
    """All hidden layers of the discriminator, pooled: (N, 1, S, S) -> (N, 16 · all its maps)."""
    gan.discriminator.eval()
    pooled = [pool(maps.numpy()) for maps in gan.discriminator.features(images)]
    return Tensor(np.concatenate(pooled, axis=1))


def pool(maps: Rows) -> Rows:
    """The largest number in each of 4 × 4 parts of a map: (N, C, H, W) -> (N, C · 16)."""
    height, width = maps.shape[2:]
    parts = [
        maps[:, :, _part(i, height), _part(j, width)].max(axis=(2, 3))  # (N, C)
        for i in range(PLACES)
        for j in range(PLACES)
    ]
    return np.concatenate(parts, axis=1)


def _part(i: int, size: int) -> slice:
    """The i-th of four parts of `size` pixels; where they do not divide evenly, parts overlap."""
    return slice(i * size // PLACES, -(-(i + 1) * size // PLACES))


def as_rows(
    dataset: ImageDataset, look: Callable[[Tensor], Tensor], gan: DCGAN, title: str
) -> Rows:
    """What `look` sees in each image, one row an image."""
    loader = DataLoader(dataset, BATCH, backend=gan.backend)
    batches = tqdm(loader, title, len(loader), leave=False, disable=None)
    return np.concatenate([look(images).numpy() for images, _ in batches])


def linear_error(rows: dict[str, Rows], labels: dict[str, Labels], epochs: int, seed: int) -> float:
    """The test error of a linear softmax classifier, its weight decay chosen on validation images.

    Features are standardized by the training images' mean and deviation.
    """
    mean, deviation = rows["train"].mean(axis=0), rows["train"].std(axis=0) + 1e-6
    rows = {name: (array - mean) / deviation for name, array in rows.items()}
    fits = [fit(rows["train"], labels["train"], decay, epochs, seed) for decay in DECAYS]
    best = min(
        fits, key=lambda network: error_of(network, rows["validation"], labels["validation"])
    )
    return error_of(best, rows["test"], labels["test"])


def fit(rows: Rows, labels: Labels, decay: float, epochs: int, seed: int) -> nn.Linear:
    """A linear layer whose softmax gives the labels, by Adam with a falling rate."""
    manual_seed(seed)
    network = nn.Linear(rows.shape[1], int(labels.max()) + 1)
    optimizer = Adam(network.parameters(), 1e-3, weight_decay=decay)
    random = Random(seed).fork("order")
    for epoch in range(epochs):
        optimizer.lr = 1e-3 * (1 - epoch / epochs)
        for chosen in np.array_split(random.permutation(len(rows)), -(-len(rows) // BATCH)):
            scores = network(Tensor(rows[chosen]))
            optimizer.minimize(cross_entropy(scores, Tensor(labels[chosen])))
    return network


@no_grad()
def error_of(network: nn.Linear, rows: Rows, labels: Labels) -> float:
    """The share of rows whose largest score is not that of their label."""
    return float(np.mean(network(Tensor(rows)).numpy().argmax(axis=1) != labels))


if __name__ == "__main__":
    run_command(main, together=False)
