"""A true training run, small enough to be done in a second: the one that kill.py kills.

It is the command that the examples run, with all that they do: metrics, sample pictures, an
animation and checkpoints. Only the networks, the images and the pauses between checkpoints are
small.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minigan.data import ImageDataset
from minigan.data.loader import DataLoader
from minigan.gans.gan import MLPGAN, Recipe
from minigan.training import Report, run
from minigan.training.command import run_options, training_parser

RECIPE = Recipe(
    latent_dim=3,
    image_shape=(1, 4, 4),
    generator_widths=(8, 8),
    discriminator_widths=(8,),
    dropout=0.3,
    epochs=10**6,
    batch_size=8,
    average=0.9,
)
OFTEN = ["--log-every", "1", "--sample-every", "20", "--checkpoint-every", "4"]


def contents(folder: Path) -> dict[str, bytes]:
    """All that a run made, but for a checkpoint that was put aside because it was damaged.

    How often, when and by which command it was started is left out of config.json.
    """
    made = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".damaged")
    }
    config = json.loads(made["config.json"])
    del config["starts"]
    return {**made, "config.json": json.dumps(config).encode()}


def small_gan(seed: int = 0) -> MLPGAN:
    """Two perceptrons of a few hundred numbers, with batch norm and dropout."""
    return MLPGAN(RECIPE, seed=seed)


def small_loader(seed: int = 0) -> DataLoader:
    """30 images in batches of 8: the last batch of an epoch is smaller than the others."""
    images = np.random.default_rng(seed).integers(0, 256, (30, 1, 4, 4), np.uint8)
    return DataLoader(ImageDataset(images, name="noise"), 8, shuffle=True, seed=seed)


def small_run(
    folder: Path,
    *arguments: str,
    gan: MLPGAN | None = None,
    seed: int = 0,
    describe: Callable[[Report], str] | None = None,
) -> int:
    """Train in `folder`, with further flags of the examples; the exit code."""
    parser = training_parser("A small run.", out="run", data="nothing")
    flags = parser.parse_args([*OFTEN, "--threads", "1", "--out", str(folder), *arguments])
    return run(gan or small_gan(seed), small_loader(seed), run_options(flags), describe=describe)
