"""What does batch norm with eps = 0.8 leave of its inputs? python docs/experiments/eps.py

A unit whose inputs have the variance v comes out with the variance v / (v + eps) where it should be
1. Here v is measured in front of each of the three batch norms of the tutorials' generator, before
training and on the way.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from kept import DATA, Kept

from minigan.data import mnist
from minigan.gans.gan import MLPGAN, RECIPES
from minigan.nn import BatchNorm1d
from minigan.tensor import no_grad
from minigan.training import train
from minigan.training.command import loader_for, natural, run_command

LOOKS = (0, 1_000, 5_000)  # iterations, of 23,450 in 25 epochs


@no_grad()
def variances(gan: MLPGAN) -> list[dict[str, float]]:
    """Of the units in front of each batch norm, over one batch of samples."""
    generator = copy.deepcopy(gan.generator).train()  # a copy, because batch norm would remember
    x, found = gan.sample_noise(1_000), []
    for layer in generator.model:
        if isinstance(layer, BatchNorm1d):
            variance = x.numpy().var(axis=0)  # (units,)
            deviation = np.sqrt(variance / (variance + layer.eps))
            found.append(
                {
                    "median": float(np.median(variance)),
                    "share below eps": float(np.mean(variance < layer.eps)),
                    "deviation behind": float(np.median(deviation)),
                }
            )
        x = layer(x)
    return found


def play(seed: int) -> dict[str, Any]:
    gan = MLPGAN(RECIPES["tutorial"], seed=seed)
    looks = {"0": variances(gan)}
    loader = loader_for(gan, mnist("train"), seed=seed)
    for report in train(gan, loader, epochs=200, max_steps=LOOKS[-1]):
        if report.iteration in LOOKS:
            looks[str(report.iteration)] = variances(gan)
    return {"iterations": looks}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure what eps = 0.8 does.")
    parser.add_argument("--seeds", type=natural, nargs="+", default=[0])
    options = parser.parse_args(arguments)
    kept = Kept(DATA / "eps.json")
    for seed in options.seeds:
        kept.add({"seed": seed}, partial(play, seed))


if __name__ == "__main__":
    run_command(main)
