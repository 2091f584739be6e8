"""Do the 2014 networks learn from other first weights? python docs/experiments/first_weights.py

Their authors drew the weights from U(±0.05) in the generator and U(±0.005) in the discriminator,
set the biases to 0, and let the generator's last bias draw the mean of the images. A library of
today draws weights and biases from U(±1/√inputs). Each of the four combinations plays with and
without that last bias, three seeds each, and all else as published. After every epoch it writes how
far a pixel of 2,000 samples deviates from sample to sample, and how many digits are among them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from kept import DATA, Kept

from minigan.data import mnist
from minigan.evaluation.classifier import Judge
from minigan.evaluation.evaluate import draw
from minigan.evaluation.scores import modes_covered
from minigan.gans.original_gan import (
    RECIPES,
    Discriminator,
    Generator,
    OriginalGAN,
    start_uniform,
)
from minigan.nn import Module
from minigan.training import train
from minigan.training.command import loader_for, natural, positive, run_command

PAPER = RECIPES["paper"]
TRAIN_COUNT = 50_000
SAMPLES = 2_000
# Whose first weights G and D have, in the order in which they are tried: what is at stake first.
WEIGHTS = ("torch/torch", "authors/authors", "torch/authors", "authors/torch")


class Retyped(OriginalGAN):
    """The networks of the paper, where either may keep the first weights that its layers have."""

    generators: bool  # whether G's first weights are the authors'
    discriminators: bool  # whether D's are

    def networks(self) -> tuple[Module, Module]:
        generator, discriminator = Generator(self.settings), Discriminator(self.settings)
        if self.generators:
            start_uniform(generator, self.settings.generator_bound)
        if self.discriminators:
            start_uniform(discriminator, self.settings.discriminator_bound)
        return generator, discriminator


def play(whose: str, from_mean: bool, seed: int, epochs: int, judge: Judge) -> dict[str, Any]:
    dataset = mnist("train").first(TRAIN_COUNT)

    class Chosen(Retyped):
        generators, discriminators = (name == "authors" for name in whose.split("/"))

    gan = Chosen(PAPER, seed=seed)
    if from_mean:
        gan.start_from_mean(dataset.images)
    deviations, digits = [], []
    loader = loader_for(gan, dataset, seed=seed)
    for report in train(gan, loader, epochs=epochs):
        if report.iteration % PAPER.updates_per_epoch:
            continue
        images, _ = draw(gan, SAMPLES)
        deviations.append(float(images.std(axis=0).mean()))
        digits.append(modes_covered(judge.look(images).probabilities))
        print(f"    epoch {report.epoch}: {deviations[-1]:.4f}, {digits[-1]} digits", flush=True)
    return {"deviation": deviations, "digits": digits, "samples": SAMPLES}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Play the 2014 game from other first weights.")
    parser.add_argument("--seeds", type=natural, nargs="+", default=[0, 1, 2])
    parser.add_argument("--weights", nargs="+", choices=WEIGHTS, default=WEIGHTS, help="of G/of D")
    parser.add_argument("--epochs", type=positive, default=12)
    options = parser.parse_args(arguments)
    kept, judge = Kept(DATA / "first-weights.json"), Judge()
    real = mnist("test").images[:SAMPLES].astype(np.float32) / 255
    print(f"real images: {real.std(axis=0).mean():.4f}")
    for whose, seed, from_mean in product(options.weights, options.seeds, (True, False)):
        settings = {
            "weights": whose,
            "last bias from the mean": from_mean,
            "seed": seed,
            "epochs": options.epochs,
        }
        kept.add(settings, partial(play, whose, from_mean, seed, options.epochs, judge))


if __name__ == "__main__":
    run_command(main)
