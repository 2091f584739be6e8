"""How often does each objective lose hills of the ring? python docs/experiments/ring.py

Every objective plays with both learning rates and many seeds; docs/theory.md, section 7, tells what
came of it. A run is 1,500 rounds, and takes from 4 to 25 seconds. Which kernel multiplied is part
of a run: another one rounds otherwise. `OPENBLAS_CORETYPE=Haswell python docs/experiments/ring.py
--objectives saturating non-saturating --rates "hasty generator"` plays two rows with another, on a
processor that has it. `--draw` draws, for each row, the worst and the best of its seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

from kept import DATA, Kept

from minigan.evaluation.circumstances import versions
from minigan.theory import pictures, ring
from minigan.theory.game import Objective
from minigan.training.command import positive, run_command

EQUAL_BETAS = (0.5, 0.999)  # of Adam, in all rows but the last
ROWS: dict[str, tuple[Objective, tuple[float, float]]] = {
    **{name: (objective, EQUAL_BETAS) for name, objective in ring.OBJECTIVES.items()},
    "… with its paper's betas, 0 and 0.9": (
        ring.OBJECTIVES["Wasserstein, gradient penalty"],
        (0.0, 0.9),
    ),
}


def play(name: str, rate: str, seed: int) -> list[ring.Snapshot]:
    objective, betas = ROWS[name]
    return ring.snapshots(objective, discriminator_lr=ring.RATES[rate], betas=betas, seed=seed)


def at_the_end(name: str, rate: str, seed: int) -> dict[str, Any]:
    last = play(name, rate, seed)[-1]
    return {"modes": last.modes, "good": round(last.good, 4)}


def draw(kept: Kept, names: Sequence[str], rate: str, kernel: str) -> None:
    """The worst and the best of the seeds of each row, by their modes and then their samples."""
    found = {}
    for name in names:
        runs = [
            run
            for run in kept.runs
            if (run["settings"]["objective"], run["settings"]["rate"]) == (name, rate)
            and run["settings"]["kernel"] == kernel
        ]
        if runs:
            runs.sort(key=lambda run: (run["modes"], run["good"]))
            chosen = [run["settings"]["seed"] for run in (runs[0], runs[-1])]
            found[name] = {seed: play(name, rate, seed) for seed in chosen}
    path = DATA.parent / "theory" / f"ring_{rate.replace(' ', '_')}.png"
    pictures.draw_ring(path, found)
    print(f"saved {path}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Count how often the ring's hills are lost.")
    parser.add_argument("--seeds", type=positive, default=20, help="how many, from 0 on (20)")
    parser.add_argument("--objectives", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--rates", nargs="+", choices=list(ring.RATES), default=list(ring.RATES))
    parser.add_argument("--draw", action="store_true", help="draw what was played")
    options = parser.parse_args(arguments)
    kept = Kept(DATA / "ring.json")
    kernel = versions()["BLAS kernel"]
    for name in options.objectives:
        for rate in options.rates:
            for seed in range(options.seeds):
                settings = {"objective": name, "rate": rate, "seed": seed, "kernel": kernel}
                kept.add(settings, partial(at_the_end, name, rate, seed))
    if options.draw:
        for rate in options.rates:
            draw(kept, options.objectives, rate, kernel)


if __name__ == "__main__":
    run_command(main)
