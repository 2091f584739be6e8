"""What a sure discriminator leaves of its generator's gradient: python docs/experiments/cliff.py

A small, untrained DCGAN's discriminator is made surer and surer of a batch of fakes by scaling its
last kernel. The length of the generator's gradient over all its weights is measured behind a
Sigmoid and BCELoss and with the loss of logits, in float64, with three seeds; docs/dcgan.md tells
how the two compare.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from kept import DATA, Kept

from minigan.gans.dcgan import DCGAN, LOSSES, Recipe
from minigan.nn import Sequential
from minigan.tensor import grad, no_grad
from minigan.training.command import natural, run_command

SCORES = (-5.0, -25.0, -28.0, -30.0, -32.0, -35.5, -38.4, -40.0)  # D's, the mean over the fakes
SMALL = Recipe(latent_dim=5, image_size=28, channels=3, ngf=2, ndf=3)
FAKES = 8


def play(loss: str, score: float, seed: int) -> tuple[float, list[float]]:
    """‖dL/dw‖ over all of G's weights w where D scores the fakes `score` on average; the scores."""
    gan = DCGAN(replace(SMALL, loss=loss), seed=seed, dtype="float64")
    gan.discriminator.eval()  # its untrained running statistics judge all fakes much alike
    noise = gan.noise(FAKES)
    layers = list(gan.discriminator.main)
    scoring = Sequential(*(layers[:-1] if loss == "bce" else layers))  # without the Sigmoid
    last = list(scoring.parameters())[-1]
    last.array[...] = 1
    with no_grad():
        last.array *= score / scoring(gan.generator(noise)).mean().item()
        scores = scoring(gan.generator(noise)).view(-1).numpy().tolist()
    verdict = gan.discriminator(gan.generator(noise)).view(-1)
    found = grad(LOSSES[loss](verdict, gan.ones(FAKES)), list(gan.generator.parameters()))
    squares = sum(np.square(one.numpy()).sum() for one in found if one is not None)
    return float(np.sqrt(squares)), scores


def share(score: float, seed: int) -> dict[str, Any]:
    """What BCELoss leaves of the gradient that the loss of logits gives, and what D said."""
    (through_sigmoid, scores), (of_logits, _) = (play(loss, score, seed) for loss in LOSSES)
    found = {"share": through_sigmoid / of_logits, "lowest": min(scores), "highest": max(scores)}
    return {name: float(f"{value:.6g}") for name, value in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure what BCELoss passes on to a generator.")
    parser.add_argument("--seeds", type=natural, nargs="+", default=[0, 1, 2])
    options = parser.parse_args(arguments)
    kept = Kept(DATA / "cliff.json")
    for seed in options.seeds:
        for score in SCORES:
            kept.add({"mean score": score, "seed": seed}, partial(share, score, seed))


if __name__ == "__main__":
    run_command(main)
