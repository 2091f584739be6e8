"""Measure minigan on a GPU, beside torch where that is installed.

    python tests/benchmarks/gpu_check.py [--parts steps kernels losses run] [--out FILE.json]

Four parts, of which `--parts` can choose. `steps`: milliseconds of a training step. `kernels`: what
the step consists of, and how near each part comes to the best the card can do. `losses`: how far
the first hundred losses of the tutorial's game are from NumPy's. `run`: its whole training, 200
epochs of MNIST. It prints the tables of docs/results/gpu.md, which says what is hoped for; `--out`
keeps all that was measured, after each case.
"""

from __future__ import annotations

import argparse
import json
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from contenders.cases import Step, dcgan, mlp_gan
from gpu import games, kernels

from minigan.backend import get_backend
from minigan.backend.cupy.start import reason
from minigan.data import mnist
from minigan.data.loader import DataLoader
from minigan.errors import UserError
from minigan.evaluation.circumstances import circumstances
from minigan.gans.gan import MLPGAN
from minigan.tensor import Tensor
from minigan.training.command import positive, run_command
from minigan.training.loop import train
from minigan.training.session import Session

sys.path.append(str(Path(__file__).resolve().parents[2] / "docs"))  # for the tables
import gpu_tables

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("steps", "kernels", "losses", "run")
CLOSE = 1e-4  # losses are counted for as long as they are so close
KEPT = {  # methods of a session, and what they leave of a run
    "_save_picture": "pictures",
    "_save": "checkpoints",
    "_finish": "film and curves",
}
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
    makers: dict[str, Callable[[], games.Play]], backend: Any, rounds: int, steps: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Milliseconds a step in each round, and why others failed.

    All take turns, so that a disturbance meets all alike.
    """
    wait = backend.xp.cuda.runtime.deviceSynchronize
    plays: dict[str, games.Play] = {}
    failed: dict[str, str] = {}
    for name, make in makers.items():
        try:
            play = make()
            for _ in range(6):  # kernels are compiled, steps recorded
                play()
            wait()
            plays[name] = play
        except Exception as error:  # whatever it is, the others are measured
            failed[name] = reason(error)
    times: dict[str, list[float]] = {name: [] for name in plays}
    for _ in range(rounds):
        for name, play in plays.items():
            wait()
            start = time.perf_counter()
            for _ in range(steps):
                play()
            wait()
            times[name].append((time.perf_counter() - start) / steps * 1e3)
    return times, failed


def steps_of(case: Step, backend: Any, options: argparse.Namespace) -> Found:
    arrays = games.arrays_of(case)
    makers = games.minigan_games(case, arrays, backend)
    try:
        makers |= games.torch_games(case, arrays)
    except (ImportError, AssertionError, RuntimeError) as error:
        print(f"\nwithout torch: {reason(error)}")
    times, failed = measure(makers, backend, options.rounds, options.steps)
    return {"name": case.name, "steps in a turn": options.steps, "turns": times, "failed": failed}


# ---- what a step consists of ---------------------------------------------------------------------


def kernels_of(case: Step, backend: Any, repeats: int) -> Found:
    """Every call that was watched, and the whole step."""
    system = games.minigan_system(case, backend)
    real = Tensor(backend.asarray(games.arrays_of(case)["images"][: case.images]))
    system.play_round(real)
    with kernels.watched(backend) as calls:
        system.play_round(real)
    try:
        found = kernels.costs(backend, calls, repeats=repeats)
        step = kernels.seconds_of(backend, lambda: system.play_round(real), repeats=1)
    except UserError as error:
        return {"name": case.name, "failed": str(error)}
    return {"name": case.name, "step": step, "kernels": [cost._asdict() for cost in found]}


# ---- NumPy's losses ------------------------------------------------------------------------------


def losses_of(backend: Any, dtype: str, rounds: int) -> np.ndarray:
    """Of the tutorial's game, in its first rounds: batches of 64, seed 7."""
    system = MLPGAN(seed=7, backend=backend, dtype=dtype)
    loader = DataLoader(mnist("train"), 64, shuffle=True, backend=backend, dtype=dtype)
    reports = train(system, loader, epochs=1, max_steps=rounds)
    return np.array([[float(loss) for loss in report.losses.values()] for report in reports])


def compare_losses(backend: Any, rounds: int) -> Found:
    """How far they are apart, and for how many rounds they are close; in full precision."""
    before, backend.tf32 = backend.tf32, "none"
    found: Found = {"rounds": rounds}
    for dtype in ("float64", "float32"):
        apart = abs(losses_of(backend, dtype, rounds) - losses_of("numpy", dtype, rounds))
        close = np.append(apart.max(axis=1), np.inf) <= CLOSE
        found[dtype] = {"farthest": float(apart.max()), "close for": int(close.argmin())}
    backend.tf32 = before
    return found


# ---- a whole run ---------------------------------------------------------------------------------


@contextmanager
def timed(backend: Any) -> Iterator[dict[str, float]]:
    """Inside, the seconds are added up that a session spends on what it keeps."""
    spent = dict.fromkeys(KEPT.values(), 0.0)

    def watch(method: str, usual: Callable[[Session], None]) -> Callable[[Session], None]:
        def noted(session: Session) -> None:
            backend.synchronize()  # what the GPU still has to do is training
            start = time.perf_counter()
            usual(session)
            spent[KEPT[method]] += time.perf_counter() - start

        return noted

    watched: dict[str, Any] = {method: watch(method, getattr(Session, method)) for method in KEPT}
    with mock.patch.multiple(Session, **watched):
        yield spent


def whole_run(backend: Any, options: argparse.Namespace) -> Found:
    """The example itself, with its pictures, its log and its checkpoints."""
    train_gan = runpy.run_path(str(ROOT / "examples" / "mnist_gan.py"))["main"]
    arguments = ["--backend", "cupy", "--recipe", "tutorial"]
    arguments += ["--max-steps", "6"] if options.quick else ["--epochs", str(options.epochs)]
    with tempfile.TemporaryDirectory() as folder, timed(backend) as spent:
        start = time.perf_counter()
        if code := train_gan([*arguments, "--out", str(Path(folder) / "run")]):
            raise UserError(f"the run ended early, with code {code}: its seconds say nothing")
        seconds = time.perf_counter() - start
    command = f"examples/mnist_gan.py {' '.join(arguments)}"
    return {"command": command, "seconds": seconds, "parts": spent}


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
    command = f"python tests/benchmarks/gpu_check.py --parts {' '.join(options.parts)}"
    found: Found = circumstances(command + " --quick" * options.quick)
    here = card(backend)
    found |= here | {"versions": found["versions"] | here["versions"]}

    def tell(table: str) -> None:
        print(f"\n{gpu_tables.made(table, found)}", flush=True)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(found, indent=1, ensure_ascii=False)
            options.out.write_text(text + "\n", encoding="utf-8")

    tell("gpu-where")
    if "steps" in options.parts:
        found["steps"] = []
        for case in cases(options.quick):
            found["steps"].append(steps_of(case, backend, options))
            tell(f"gpu-steps {case.name}")
    if "kernels" in options.parts:
        side, megabytes, repeats = (64, 1, 2) if options.quick else (8192, 1024, 20)
        peak = kernels.peak_of(backend, side=side, megabytes=megabytes, repeats=repeats)
        found["peak"], found["kernels"] = peak._asdict(), []
        tell("gpu-peak")
        for case in cases(options.quick):
            found["kernels"].append(kernels_of(case, backend, repeats))
            tell(f"gpu-kernels {case.name}")
    if "losses" in options.parts:
        found["losses"] = compare_losses(backend, 4 if options.quick else 100)
        tell("gpu-losses")
    if "run" in options.parts:
        found["run"] = whole_run(backend, options)
        tell("gpu-run")
    return 0


if __name__ == "__main__":
    run_command(main)
