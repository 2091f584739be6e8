"""Measure training beside another busy program: python tests/benchmarks/beside.py --out FILE.json

Rounds of games, on one thread and on several, on an idle machine and while a second program holds a
core. The conditions take turns in one process, so that whatever else disturbs the machine disturbs
all alike, and a turn in which strangers worked is taken again. What is told of each condition is
the median of its rounds, and the worst.

With --products, single matrix products instead: every shape that the games ask for.

Run it on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from contenders.alternate import processor_seconds, seconds_of

from minigan import Tensor, manual_seed
from minigan.backend import get_backend, prepare_process, set_num_threads
from minigan.backend.numpy.threads import usable_cores
from minigan.evaluation.circumstances import circumstances
from minigan.gans.dcgan import DCGAN
from minigan.gans.dcgan import Recipe as ConvolutionalRecipe
from minigan.gans.gan import MLPGAN, RECIPES
from minigan.gans.wgan_gp import RECIPES as CRITICS
from minigan.gans.wgan_gp import WGANGP
from minigan.optim import Adam
from minigan.random import Random
from minigan.theory.game import NON_SATURATING, Game
from minigan.theory.toys import Ring, perceptron
from minigan.training.command import positive, run_command

Work = Callable[[], Any]
SETTLE = 0.2  # seconds: until a new program runs, or until one that was ended is gone
ENDING_WITH_US = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()
"""
BUSY, TRIES = 0.15, 60  # cores that strangers may use; how often a turn is taken again at most


def steps() -> dict[str, Work]:
    """A round of a game each."""
    rng = np.random.default_rng(0)

    def images(*shape: int) -> Tensor:
        return Tensor(rng.uniform(-1, 1, shape).astype(np.float32))

    small = ConvolutionalRecipe(image_size=32, channels=1)
    games: dict[str, tuple[Any, Tensor]] = {
        "MLP GAN, batch 64": (MLPGAN(RECIPES["corrected"]), images(64, 1, 28, 28)),
        "MLP GAN, batch 128": (MLPGAN(RECIPES["corrected"]), images(128, 1, 28, 28)),
        "WGAN-GP of perceptrons, 5 × 64": (WGANGP(CRITICS["mlp"]), images(320, 1, 28, 28)),
        "WGAN-GP, convolutions, 5 × 64": (WGANGP(CRITICS["conv"]), images(320, 1, 28, 28)),
        "DCGAN 32 × 32, batch 64": (DCGAN(small), images(64, 1, 32, 32)),
    }
    flat = {f"2-D game, {width} wide": plane(width).step for width in (16, 64, 128)}
    compiled = get_backend("numpy").compiled  # as the training loop has its step
    return flat | {name: partial(compiled(gan.step), x) for name, (gan, x) in games.items()}


def plane(width: int) -> Game:
    """The game of theory/ring.py, with layers so wide."""
    ring, random = Ring(), Random(0)
    networks = perceptron(2, 2, width=width), perceptron(2, 1, width=width)
    generator, discriminator = (Adam(net.parameters(), 1e-3, (0.5, 0.999)) for net in networks)
    return Game(
        NON_SATURATING,
        *networks,
        (generator, discriminator),
        real=lambda count: ring.sample(random, count),
        noise=lambda count: Tensor(random.normal((count, 2))),
        random=random,
    )


def products() -> dict[str, Work]:
    """Every matrix product that a round of these games asks the backend for, once each."""
    backend, seen = get_backend("numpy"), {}
    multiply = backend.matmul

    def watched(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if a.ndim == b.ndim == 2:
            rows, columns, depth = a.shape[0], b.shape[1], a.shape[1]
            kept = np.copy(a, order="K"), np.copy(b, order="K")
            seen[f"{rows} × {depth} × {columns}"] = partial(multiply, *kept)
        return multiply(a, b)

    backend.matmul = watched  # type: ignore[method-assign]
    try:
        for work in steps().values():
            work()
    finally:
        del backend.matmul
    size = {name: np.prod([int(n) for n in name.split(" × ")]) for name in seen}
    return {name: seen[name] for name in sorted(seen, key=size.__getitem__)}


@contextmanager
def another_program(wanted: bool) -> Iterator[Callable[[], float]]:
    """While this lasts, one more process computes and computes; tells its processor seconds."""
    code = ENDING_WITH_US + ("while True: pass" if wanted else "")
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    try:
        time.sleep(SETTLE)
        yield partial(seconds_of, other.pid)
    finally:
        other.kill()
        other.communicate()


def repeat(work: Work, seconds: float) -> list[float]:
    """Seconds of each repetition; the first does not count."""
    work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return times


def turn(work: Work, seconds: float, used: Callable[[], float]) -> tuple[list[float], float]:
    """What `repeat` found while strangers left the machine alone, and how many cores they used."""
    for patience in reversed(range(TRIES)):
        wall, known = time.perf_counter(), time.process_time() + used()
        everybody = processor_seconds()
        times = repeat(work, seconds)
        everybody = processor_seconds() - everybody
        known = time.process_time() + used() - known
        strangers = max(0.0, everybody - known) / (time.perf_counter() - wall)
        if strangers < BUSY or not patience or not seconds:
            break
        time.sleep(1)
    return times, strangers


def measure(work: Work, counts: Sequence[int], seconds: float, rounds: int) -> dict[str, Any]:
    """{"1 idle": …, "1 busy": …, "2 idle": …}: the median of a repetition, and the worst.

    "strangers": the most that others used of the processor, in cores, in a turn that counts.
    """
    times: dict[str, list[float]] = {}
    most = 0.0
    for _ in range(rounds):
        for busy in (False, True):
            with another_program(busy) as used:
                for count in counts:
                    set_num_threads(count)
                    some, strangers = turn(work, seconds, used)
                    times.setdefault(f"{count} {'busy' if busy else 'idle'}", []).extend(some)
                    most = max(most, strangers)
    found: dict[str, Any] = {
        name: {
            "median": statistics.median(some),
            "worst": max(some),
            "ninth of ten": sorted(some)[int(0.9 * len(some))],
            "repetitions": len(some),
        }
        for name, some in times.items()
    }
    return found | {"strangers": round(most, 3)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure training beside another busy program.")
    parser.add_argument("--threads", type=positive, default=usable_cores(), help="at most")
    parser.add_argument("--rounds", type=positive, default=5, help="turns of each condition")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a turn")
    parser.add_argument("--only", default="", metavar="TEXT", help="only names that contain it")
    parser.add_argument("--products", action="store_true", help="single products, not rounds")
    parser.add_argument("--out", type=Path, help="a file for the figures")
    options = parser.parse_args(arguments)
    prepare_process()
    manual_seed(0)
    counts = sorted({1, options.threads})
    rows = []
    for name, work in (products() if options.products else steps()).items():
        if options.only not in name:
            continue
        found = measure(work, counts, options.seconds, options.rounds)
        rows.append({"name": name, "times": found})
        told = [
            f"{key}: {value['median'] * 1e3:.4g} (90 %: {value['ninth of ten'] * 1e3:.4g}, "
            f"worst {value['worst'] * 1e3:.4g})"
            for key, value in found.items()
            if key != "strangers"
        ]
        told.append(f"others used {found['strangers']:.2f} of a core")
        print(f"{name}, ms: " + "; ".join(told), flush=True)
    command = "python tests/benchmarks/beside.py " + " ".join(arguments or sys.argv[1:])
    facts = circumstances(command.strip(), options.threads) | {"seed": 0, "rows": rows}
    facts["load"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    run_command(main)
