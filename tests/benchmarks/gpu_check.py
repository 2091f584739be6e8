"""Measure minigan on a GPU, beside torch where that is installed.

    python tests/benchmarks/gpu_check.py [--parts steps kernels run]

Three parts, all of which `--parts` can choose from. `steps`: milliseconds of a training step.
`kernels`: what the step consists of, and how near each part comes to the best the card can do.
`run`: the tutorial's whole training, 200 epochs of MNIST. docs/results/gpu.md says what is hoped
for. What this prints is Markdown.
"""

from __future__ import annotations

import argparse
import platform
import runpy
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contenders.cases import Step, dcgan, mlp_gan
from gpu import games, kernels

from minigan.backend import get_backend
from minigan.errors import UserError
from minigan.tensor import Tensor
from minigan.training.command import positive, run_command

PARTS = ("steps", "kernels", "run")
MNIST_GAN = Path(__file__).parents[2] / "examples" / "mnist_gan.py"


def cases(quick: bool) -> list[Step]:
    if quick:
        return [mlp_gan(8, width=0.125), dcgan(4, 32, 1, width=0.125)]
    return [mlp_gan(64), dcgan(128, 64, 3)]


def describe(backend: Any) -> str:
    runtime = backend.xp.cuda.runtime
    versions = [f"python {platform.python_version()}", f"cupy {backend.xp.__version__}"]
    versions += [f"CUDA {runtime.runtimeGetVersion()}", f"driver CUDA {runtime.driverGetVersion()}"]
    try:
        import torch

        versions.append(f"torch {torch.__version__}")
    except ImportError:
        versions.append("no torch")
    return f"{backend.gpu}; {', '.join(versions)}; {time.strftime('%Y-%m-%d')}"


# ---- whole steps ---------------------------------------------------------------------------------


def measure(
    plays: dict[str, games.Play], backend: Any, rounds: int, steps: int
) -> dict[str, list[float]]:
    """Milliseconds a step in each round. All take turns, so that a disturbance meets all alike."""
    wait = backend.xp.cuda.runtime.deviceSynchronize
    times: dict[str, list[float]] = {}
    for name, play in plays.items():
        try:
            for _ in range(6):  # kernels are compiled, steps recorded
                play()
            wait()
            times[name] = []
        except (RuntimeError, UserError) as error:  # the latter if the GPU's memory is used up
            print(f"{name} fails: {str(error).splitlines()[0]}")
    for _ in range(rounds):
        for name in times:
            wait()
            start = time.perf_counter()
            for _ in range(steps):
                plays[name]()
            wait()
            times[name].append((time.perf_counter() - start) / steps * 1e3)
    return times


def report_steps(case: Step, backend: Any, options: argparse.Namespace) -> None:
    arrays = games.arrays_of(case)
    plays = games.minigan_games(case, arrays, backend)
    try:
        plays |= games.torch_games(case, arrays)
    except (ImportError, AssertionError, RuntimeError) as error:
        print(f"\nwithout torch: {str(error).splitlines()[0]}")
    print(f"\n{case.name}: milliseconds a step, {options.rounds} turns of {options.steps} steps\n")
    print("| | median | least | most |\n|---|---|---|---|")
    for name, found in measure(plays, backend, options.rounds, options.steps).items():
        low, middle, high = min(found), statistics.median(found), max(found)
        print(f"| {name} | {middle:.4f} | {low:.4f} | {high:.4f} |")


# ---- what a step consists of ---------------------------------------------------------------------


def report_kernels(case: Step, backend: Any, peak: kernels.Peak, repeats: int) -> None:
    system = games.minigan_system(case, backend)
    real = Tensor(backend.asarray(games.arrays_of(case)["images"][: case.images]))
    system.play_round(real)
    with kernels.watched(backend) as calls:
        system.play_round(real)
    try:
        found = kernels.costs(backend, calls, repeats=repeats)
        step = kernels.seconds_of(backend, lambda: system.play_round(real), repeats=1)
    except UserError as error:
        print(f"\n{case.name}: {error}")
        return
    together = sum(cost.total for cost in found)
    print(
        f"\n{case.name}: a replayed step takes the GPU {step * 1e3:.4f} ms; "
        f"its {len(calls)} kernels one by one, {together * 1e3:.4f} ms\n"
    )
    print(*kernels.table(found, peak), sep="\n")


# ---- a whole run ---------------------------------------------------------------------------------


def report_run(options: argparse.Namespace) -> None:
    """The example itself, with its pictures, its log and its checkpoints."""
    train = runpy.run_path(str(MNIST_GAN))["main"]
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            "--backend",
            "cupy",
            "--recipe",
            "tutorial",
            "--out",
            str(Path(folder) / "run"),
        ]
        amount = ["--max-steps", "6"] if options.quick else ["--epochs", str(options.epochs)]
        start = time.perf_counter()
        train([*arguments, *amount])
        seconds = time.perf_counter() - start
    print(f"\nexamples/mnist_gan.py {' '.join(arguments[:4] + amount)}: {seconds:.1f} s in all")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure minigan on a GPU, beside torch.")
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    add("--rounds", type=positive, default=9, help="turns that each gets")
    add("--steps", type=positive, default=200, help="steps in a turn")
    add("--epochs", type=positive, default=200, help="of the whole run")
    add("--quick", action="store_true", help="tiny networks: does it run at all?")
    options = parser.parse_args(arguments)
    backend: Any = get_backend("cupy")
    if options.quick:
        options.rounds, options.steps = 1, 2
    print(describe(backend))
    if "steps" in options.parts:
        for case in cases(options.quick):
            report_steps(case, backend, options)
    if "kernels" in options.parts:
        side, megabytes, repeats = (64, 1, 2) if options.quick else (8192, 1024, 20)
        peak = kernels.peak_of(backend, side=side, megabytes=megabytes, repeats=repeats)
        print(
            f"\nAt best: {peak.copy / 1e9:,.0f} GB/s in a copy; in products "
            f"{peak.float32 / 1e12:.1f} TFLOP/s in float32, {peak.tf32 / 1e12:.1f} with TF32"
        )
        for case in cases(options.quick):
            report_kernels(case, backend, peak, repeats)
    if "run" in options.parts:
        report_run(options)
    return 0


if __name__ == "__main__":
    run_command(main)
