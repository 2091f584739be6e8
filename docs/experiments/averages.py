"""Whose statistics shall an averaged generator have? python docs/experiments/averages.py dcgan

The average of the weights has batch norm's running statistics copied from the latest weights. Here
both are scored, on the way and at the end: the latest weights, the average as it is, and the
average with statistics that were measured anew with its own weights. `gan` plays the MLP GAN
instead, by its default recipe.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from kept import DATA, Kept

from minigan.data import mnist
from minigan.evaluation.evaluate import Reference, draw, evaluate
from minigan.gans import GAN, dcgan, gan
from minigan.training import train
from minigan.training.command import loader_for, natural, run_command

DECAY = 0.999
SIDE = 32  # of the DCGAN's images


def small_dcgan(seed: int) -> GAN:
    """The networks of `examples/dcgan.py --ngf 32 --ndf 32`."""
    return dcgan.DCGAN(dcgan.Recipe(image_size=SIDE, channels=1, ngf=32, ndf=32), seed=seed)


def perceptrons(seed: int) -> GAN:
    """Those of `examples/mnist_gan.py`."""
    return gan.MLPGAN(gan.RECIPES["corrected"], seed=seed)


# Each with the epochs after which it is looked at.
SYSTEMS: dict[str, tuple[Callable[[int], GAN], tuple[int, ...]]] = {
    "dcgan": (small_dcgan, (4, 8, 12)),
    "gan": (perceptrons, (5, 10, 15, 20, 25)),
}


def play(kept: Kept, name: str, seed: int, reference: Reference) -> None:
    """Train, and keep what is found at each look as soon as it is."""
    make, looks = SYSTEMS[name]
    wanted = [{"system": name, "seed": seed, "epochs": epochs} for epochs in looks]
    if all(kept.has(settings) for settings in wanted):
        return
    system = make(seed)
    system.keep_average(DECAY)
    dataset = mnist("train")
    if name == "dcgan":
        dataset = dataset.resized(SIDE)
    loader = loader_for(system, dataset, seed=seed)
    rounds, began = len(loader), time.process_time()
    for report in train(system, loader, epochs=looks[-1]):
        if report.iteration % rounds == 0 and report.epoch in looks:
            before = {
                "iteration": report.iteration,
                "seconds of training": round(time.process_time() - began, 1),
            }
            settings = {"system": name, "seed": seed, "epochs": report.epoch}
            kept.add(settings, partial(scores, system, reference, before))


def scores(system: GAN, reference: Reference, before: dict[str, Any]) -> dict[str, Any]:
    """`before`, and the scores of the three generators."""
    columns = {"last": draw(system)[0], "averaged": draw(system, averaged=True)[0]}
    system.measure_statistics()
    columns["statistics anew"] = draw(system, averaged=True)[0]
    return before | {
        column: {
            score: value if isinstance(value, int) else round(value, 4)
            for score, value in evaluate(images, reference).scores._asdict().items()
            if value is not None
        }
        for column, images in columns.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure an average's statistics anew.")
    parser.add_argument("system", choices=list(SYSTEMS))
    parser.add_argument("--seeds", type=natural, nargs="+", default=[0])
    options = parser.parse_args(arguments)
    kept, reference = Kept(DATA / "averages.json"), Reference.mnist()
    for seed in options.seeds:
        play(kept, options.system, seed, reference)


if __name__ == "__main__":
    run_command(main)
