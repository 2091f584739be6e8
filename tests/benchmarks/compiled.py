"""Measure what machine code brings: python tests/benchmarks/compiled.py --out FILE.json

The same kernels and the same training steps, in turns in one process: formulas run by NumPy, pass
by pass, and formulas compiled (minigan/backend/numpy/compiler/); a step also recorded and replayed
(minigan/backend/numpy/replay/). All give the same bits. A turn is
processor time of the thread that asks, where there is one thread, and wall time where there are
two; the table has medians. Run it on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from minigan import Tensor
from minigan.backend import get_backend, prepare_process, set_num_threads
from minigan.backend.interface import AdamStep
from minigan.evaluation.circumstances import circumstances
from minigan.functional.activations import LeakyRectifier, LeakyRectifierGradient
from minigan.gans.dcgan import DCGAN
from minigan.gans.dcgan import Recipe as ConvolutionalRecipe
from minigan.gans.gan import MLPGAN, RECIPES
from minigan.gans.wgan_gp import RECIPES as CRITICS
from minigan.gans.wgan_gp import WGANGP
from minigan.training.command import positive, run_command

Work = Callable[[], Any]
Ways = dict[str, tuple[bool, Work]]  # each by name: whether the compiler is on, and what is done
SINGLE = np.dtype("float32")


def two_ways(work: Work) -> Ways:
    return {"compiled": (True, work), "numpy": (False, work)}


def kernels() -> dict[str, Ways]:
    """What the layers of perceptrons and their optimizer ask of the backend."""
    backend, rng = get_backend("numpy"), np.random.default_rng(0)
    x, g = (rng.normal(size=(64, 1024)).astype(SINGLE) for _ in range(2))
    a, b, c = (rng.normal(size=1024).astype(SINGLE) for _ in range(3))
    leaky, slope = LeakyRectifier(0.2), LeakyRectifierGradient(0.2)
    p, dp, m, v = (rng.normal(size=2_000_000).astype(SINGLE) ** 2 for _ in range(4))
    count = np.zeros(1, np.int64)

    def adam() -> None:
        backend.adam([p], [dp], m, v, count, AdamStep(1e-6, 0.5, 0.999, 1e-8, 0.0))

    found: dict[str, Work] = {
        "LeakyReLU": lambda: backend.elementwise(leaky.forward, [x]),
        "its derivative": lambda: backend.elementwise(slope.forward, [g, x]),
        "batch norm: mean and variance": lambda: backend.column_moments(x),
        "batch norm: forward, x · a + b": lambda: backend.column_affine(x, a, b),
        "batch norm: Σ g · (x − mean)": lambda: backend.column_products(g, x, a),
        "batch norm: backward": lambda: backend.column_affine(g, a, x, b, c),
    }
    found = {f"{name}, 64 × 1024": work for name, work in found.items()}
    found["Adam, 2,000,000 numbers"] = adam
    return {name: two_ways(work) for name, work in found.items()}


def steps() -> dict[str, Ways]:
    """A round of a game each."""
    rng = np.random.default_rng(0)

    def images(*shape: int) -> Tensor:
        return Tensor(rng.uniform(-1, 1, shape).astype(SINGLE))

    small = ConvolutionalRecipe(image_size=32, channels=1)
    games: dict[str, tuple[Any, Tensor]] = {
        "MLP GAN, batch 64": (MLPGAN(RECIPES["corrected"]), images(64, 1, 28, 28)),
        "MLP GAN, batch 128": (MLPGAN(RECIPES["corrected"]), images(128, 1, 28, 28)),
        "WGAN-GP of perceptrons, 5 × 64": (WGANGP(CRITICS["mlp"]), images(320, 1, 28, 28)),
        "DCGAN 32 × 32, batch 64": (DCGAN(small), images(64, 1, 32, 32)),
    }
    found = {}
    for name, (gan, x) in games.items():
        replay = gan.backend.compiled(gan.step)
        found[name] = two_ways(partial(gan.step, x)) | {"recorded": (True, partial(replay, x))}
    return found


def turns(
    ways: Ways, seconds: float, rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds a call, each way, a turn after the other."""
    compiler = get_backend("numpy").compiler  # type: ignore[attr-defined]
    found: dict[str, list[float]] = {name: [] for name in ways}
    for on, work in ways.values():  # what is made once is made here: a recording is ready by then
        compiler.on = on
        for _ in range(3):
            work()
    began = time.perf_counter()
    work()
    calls = max(1, int(seconds / max(time.perf_counter() - began, 1e-6)))
    for _ in range(rounds):
        for name, (on, work) in ways.items():
            compiler.on = on
            began = clock()
            for _ in range(calls):
                work()
            found[name].append((clock() - began) / calls)
    compiler.on = True
    return found


def quartiles(found: dict[str, list[float]], slow: str, fast: str) -> list[float]:
    """Median and quartiles of slow ÷ fast, over neighboring turns."""
    pairs = [a / b for a, b in zip(found[slow], found[fast], strict=True)]
    at = statistics.quantiles(pairs, n=4) if len(pairs) > 1 else pairs * 3
    return [round(at[i], 3) for i in (1, 0, 2)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure formulas with and without machine code.")
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--rounds", type=positive, default=9, help="turns of each")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a turn")
    parser.add_argument("--only", default="", metavar="TEXT", help="only names that contain it")
    parser.add_argument("--out", type=Path, help="a file for the figures")
    options = parser.parse_args(arguments)
    prepare_process()
    set_num_threads(options.threads)
    clock = time.thread_time if options.threads == 1 else time.perf_counter
    rows = []
    for kind, works in (("kernel", kernels()), ("step", steps())):
        for name, ways in works.items():
            if options.only not in name:
                continue
            found = turns(ways, options.seconds, options.rounds, clock)
            row: dict[str, Any] = {"kind": kind, "name": name}
            row |= {way: statistics.median(times) for way, times in found.items()}
            row["ratio"] = quartiles(found, "numpy", "compiled")
            more = ""
            if "recorded" in found:
                row["ratio recorded"] = quartiles(found, "compiled", "recorded")
                more = f", recorded {row['recorded'] * 1e6:>12,.1f} µs, "
                more += f"÷ {row['ratio recorded'][0]:.2f}"
            rows.append(row)
            print(f"{name:<42}{row['numpy'] * 1e6:>12,.1f} µs, compiled "
                  f"{row['compiled'] * 1e6:>12,.1f} µs, ÷ {row['ratio'][0]:.2f}{more}")  # fmt: skip
    command = "python tests/benchmarks/compiled.py " + " ".join(arguments or sys.argv[1:])
    told = circumstances(command.strip(), options.threads) | {
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "clock": clock.__name__,
        "rows": rows,
    }
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    run_command(main)
