"""Measure minigan on a GPU, beside torch where that is installed.

    python tests/benchmarks/gpu_check.py [--parts steps kernels losses run] [--out FILE.json]

Four parts, of which `--parts` can choose. `steps`: milliseconds of a training step. `kernels`: what
the step consists of, and how near each part comes to the best the card can do. `losses`: how far
the first hundred losses of the tutorial's game are from NumPy's. `run`: its whole training, 200
epochs of MNIST. What this prints is Markdown; `--out` keeps all of it, after each part.
docs/results/gpu.md says what is hoped for.
"""

from __future__ import annotations

import argparse
import json
import runpy
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contenders.cases import Step, dcgan, mlp_gan
from gpu import games, kernels

from minigan.backend import get_backend
from minigan.data import mnist
from minigan.data.loader import DataLoader
from minigan.errors import UserError
from minigan.evaluation.circumstances import circumstances
from minigan.gans.gan import MLPGAN
from minigan.tensor import Tensor
from minigan.training.command import positive, run_command
from minigan.training.loop import train

PARTS = ("steps", "kernels", "losses", "run")
MNIST_GAN = Path(__file__).parents[2] / "examples" / "mnist_gan.py"
CLOSE = 1e-4  # losses are counted for as long as they are so close
Found = dict[str, Any]


def cases(quick: bool) -> list[Step]:
    if quick:
        return [mlp_gan(8, width=0.125), dcgan(4, 32, 1, width=0.125)]
    return [mlp_gan(64), dcgan(128, 64, 3)]


def card(backend: Any) -> Found:
    """The GPU, its driver, and the versions of what runs on it."""
    runtime = backend.xp.cuda.runtime
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        driver = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        driver = f"for CUDA {runtime.driverGetVersion()}"
    versions = {"cupy": backend.xp.__version__, "CUDA": str(runtime.runtimeGetVersion())}
    try:
        import torch

        versions["torch"] = torch.__version__
    except ImportError:
        pass
    return {"gpu": backend.gpu, "driver": driver, "versions": versions}


# ---- whole steps ---------------------------------------------------------------------------------


def measure(
    plays: dict[str, games.Play], backend: Any, rounds: int, steps: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Milliseconds a step in each round, and why others failed.

    All take turns, so that a disturbance meets all alike.
    """
    wait = backend.xp.cuda.runtime.deviceSynchronize
    times: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    for name, play in plays.items():
        try:
            for _ in range(6):  # kernels are compiled, steps recorded
                play()
            wait()
            times[name] = []
        except (RuntimeError, UserError) as error:  # the latter if the GPU's memory is used up
            failed[name] = str(error).splitlines()[0]
    for _ in range(rounds):
        for name in times:
            wait()
            start = time.perf_counter()
            for _ in range(steps):
                plays[name]()
            wait()
            times[name].append((time.perf_counter() - start) / steps * 1e3)
    return times, failed


def steps_of(case: Step, backend: Any, options: argparse.Namespace) -> Found:
    arrays = games.arrays_of(case)
    plays = games.minigan_games(case, arrays, backend)
    try:
        plays |= games.torch_games(case, arrays)
    except (ImportError, AssertionError, RuntimeError) as error:
        print(f"\nwithout torch: {str(error).splitlines()[0]}")
    print(f"\n{case.name}: milliseconds a step, {options.rounds} turns of {options.steps} steps\n")
    print("| | median | least | most |\n|---|---|---|---|")
    times, failed = measure(plays, backend, options.rounds, options.steps)
    for name, turns in times.items():
        low, middle, high = min(turns), statistics.median(turns), max(turns)
        print(f"| {name} | {middle:.4f} | {low:.4f} | {high:.4f} |")
    for name, reason in failed.items():
        print(f"{name} fails: {reason}")
    return {"name": case.name, "steps in a turn": options.steps, "turns": times, "failed": failed}


# ---- what a step consists of ---------------------------------------------------------------------


def kernels_of(case: Step, backend: Any, peak: kernels.Peak, repeats: int) -> Found:
    """Every kernel that was watched, and the whole step.

    What a step does besides (random numbers, vectors, copies) is the difference.
    """
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
        return {"name": case.name, "failed": str(error)}
    together = sum(cost.total for cost in found)
    print(
        f"\n{case.name}: a replayed step takes the GPU {step * 1e3:.4f} ms; "
        f"{len(calls)} of its kernels one by one, {together * 1e3:.4f} ms\n"
    )
    print(*kernels.table(found, peak), sep="\n")
    return {"name": case.name, "step": step, "kernels": [cost._asdict() for cost in found]}


# ---- NumPy's losses ------------------------------------------------------------------------------


def losses_of(backend: Any, dtype: str, rounds: int) -> np.ndarray:
    """Of the tutorial's game, in its first rounds: batches of 64, seed 7."""
    system = MLPGAN(seed=7, backend=backend, dtype=dtype)
    loader = DataLoader(mnist("train"), 64, shuffle=True, backend=backend, dtype=dtype)
    reports = train(system, loader, epochs=1, max_steps=rounds)
    return np.array([[float(loss) for loss in report.losses.values()] for report in reports])


def compare_losses(backend: Any, rounds: int) -> Found:
    """In full precision, without TF32."""
    before, backend.tf32 = backend.tf32, "none"
    found: Found = {"rounds": rounds}
    for dtype in ("float64", "float32"):
        apart = abs(losses_of(backend, dtype, rounds) - losses_of("numpy", dtype, rounds))
        close = np.append(apart.max(axis=1), np.inf) <= CLOSE
        found[dtype] = {"farthest": float(apart.max()), "close for": int(close.argmin())}
        print(
            f"\n{dtype}: in {rounds} rounds the losses are at most {apart.max():.1e} from NumPy's, "
            f"and within {CLOSE:g} for {close.argmin()} rounds"
        )
    backend.tf32 = before
    return found


# ---- a whole run ---------------------------------------------------------------------------------


def whole_run(options: argparse.Namespace) -> Found:
    """The example itself, with its pictures, its log and its checkpoints."""
    train_gan = runpy.run_path(str(MNIST_GAN))["main"]
    arguments = ["--backend", "cupy", "--recipe", "tutorial"]
    arguments += ["--max-steps", "6"] if options.quick else ["--epochs", str(options.epochs)]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        train_gan([*arguments, "--out", str(Path(folder) / "run")])
        seconds = time.perf_counter() - start
    command = f"examples/mnist_gan.py {' '.join(arguments)}"
    print(f"\n{command}: {seconds:.1f} s in all")
    return {"command": command, "seconds": seconds}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure minigan on a GPU, beside torch.")
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    add("--rounds", type=positive, default=9, help="turns that each gets")
    add("--steps", type=positive, default=200, help="steps in a turn")
    add("--epochs", type=positive, default=200, help="of the whole run")
    add("--quick", action="store_true", help="tiny networks: does it run at all?")
    add("--out", type=Path, help="a JSON file for all that is found")
    options = parser.parse_args(arguments)
    backend: Any = get_backend("cupy")
    if options.quick:
        options.rounds, options.steps = 1, 2
    here = card(backend)
    parts = " ".join(options.parts)
    found: Found = circumstances(f"python tests/benchmarks/gpu_check.py --parts {parts}")
    found |= {"gpu": here["gpu"], "driver": here["driver"]}
    found["versions"] |= here["versions"]
    said = ", ".join(f"{name} {which}" for name, which in here["versions"].items())
    print(f"{here['gpu']}, driver {here['driver']}; {said}; {found['date']}")

    def keep(part: str, what: Any) -> None:
        found[part] = what
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(found, indent=1, ensure_ascii=False)
            options.out.write_text(text + "\n", encoding="utf-8")

    if "steps" in options.parts:
        steps: list[Found] = []
        for case in cases(options.quick):
            steps.append(steps_of(case, backend, options))
            keep("steps", steps)
    if "kernels" in options.parts:
        side, megabytes, repeats = (64, 1, 2) if options.quick else (8192, 1024, 20)
        peak = kernels.peak_of(backend, side=side, megabytes=megabytes, repeats=repeats)
        print(
            f"\nAt best: {peak.copy / 1e9:,.0f} GB/s in a copy; in products "
            f"{peak.float32 / 1e12:.1f} TFLOP/s in float32, {peak.tf32 / 1e12:.1f} with TF32"
        )
        keep("peak", peak._asdict())
        keep("kernels", [kernels_of(c, backend, peak, repeats) for c in cases(options.quick)])
    if "losses" in options.parts:
        keep("losses", compare_losses(backend, 4 if options.quick else 100))
    if "run" in options.parts:
        keep("run", whole_run(options))
    return 0


if __name__ == "__main__":
    run_command(main)
