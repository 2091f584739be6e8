"""How does the small GAN die, and which change saves it? python docs/experiments/lsgan.py

The tutorial's recipe and the fixed one differ in two things: the batch norm in front of the
discriminator's sigmoid, and the range of the pixels. Here each is changed alone, and both, three
seeds each. Beside the scores after 15 epochs it writes what happens on the way: how far the images
of a batch differ, and the variance of what they leave in front of the sigmoid, where the batch norm
stands.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kept import DATA, Kept

from minigan.data import mnist
from minigan.evaluation.circumstances import versions
from minigan.evaluation.evaluate import Reference, draw
from minigan.evaluation.scores import frechet_distance, modes_covered
from minigan.gans.lsgan import LSGAN, RECIPES, Recipe
from minigan.tensor import no_grad
from minigan.training import train
from minigan.training.command import loader_for, natural, positive, run_command

TUTORIAL = RECIPES["tutorial"]
CHANGES: dict[str, Recipe] = {
    "as published": TUTORIAL,
    "only the pixels in [−1, 1]": replace(TUTORIAL, black=-1.0),
    "only the batch norm removed": replace(TUTORIAL, norm_before_sigmoid=False),
    "both": RECIPES["fixed"],
}
EVERY = 50  # iterations between two looks at the spread


@no_grad()
def spread(gan: LSGAN) -> dict[str, float]:
    """Of one batch in training mode: a pixel's deviation from image to image, and the variance of
    the discriminator's last linear layer. Copies look, because batch norm would remember."""
    generator, discriminator = copy.deepcopy((gan.generator, gan.discriminator))
    images = generator(gan.sample_noise(gan.settings.batch_size))
    scores = discriminator.layer2.fc2(discriminator.layer1(images.view(len(images), -1)))
    return {
        "deviation of a pixel": float(images.numpy().std(axis=0).mean()),
        "variance before the sigmoid": float(scores.numpy().var()),
    }


def play(recipe: Recipe, seed: int, epochs: int, reference: Reference) -> dict[str, Any]:
    gan = LSGAN(recipe, seed=seed)
    looks = {0: spread(gan)}
    for report in train(gan, loader_for(gan, mnist("train"), seed=seed), epochs=epochs):
        if report.iteration % EVERY == 0:
            looks[report.iteration] = spread(gan)
    seen = reference.judge.look(draw(gan)[0])
    return {
        "frechet_distance": round(frechet_distance(reference.seen.features, seen.features), 2),
        "modes": modes_covered(seen.probabilities),
        "looks": looks,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Change the small GAN, one thing at a time.")
    parser.add_argument("--seeds", type=natural, nargs="+", default=[0, 1, 2])
    parser.add_argument("--recipes", nargs="+", choices=list(CHANGES), default=list(CHANGES))
    parser.add_argument("--epochs", type=positive, default=15)
    options = parser.parse_args(arguments)
    kept, reference = Kept(DATA / "lsgan.json"), Reference.mnist()
    kernel = versions()["BLAS kernel"]  # another one rounds otherwise
    for seed in options.seeds:
        for name in options.recipes:
            settings = {"recipe": name, "seed": seed, "epochs": options.epochs, "kernel": kernel}
            kept.add(settings, partial(play, CHANGES[name], seed, options.epochs, reference))


if __name__ == "__main__":
    run_command(main)
