"""Make the rows of docs/results/: python docs/measure.py gan --seeds 0 1 2

Trains each seed in runs/NAME-SEED with one thread, scores it with examples/evaluate.py, and writes
a record of both, docs/results/data/runs/NAME-SEED.json. A run that is finished is not repeated, and
one that is scored not scored again: so a record of older runs costs nothing, and a list that was
interrupted goes on. Then `python docs/tables.py` makes the tables. --list shows what can be made.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.kept import commit

from minigan.errors import UserError, did_you_mean
from minigan.evaluation.circumstances import circumstances
from minigan.training.command import natural, run_command

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "docs" / "results" / "data" / "runs"

# The record's name, and the command whose run it is of; the seed, the thread and the folder follow.
RUNS = {
    "gan": "examples/mnist_gan.py",
    "gan-held-out": "examples/mnist_gan.py --train-count 50000 --epochs 30",
    "gan-tutorial": "examples/mnist_gan.py --recipe tutorial --epochs 25",
    "gan-tutorial-200": "examples/mnist_gan.py --recipe tutorial",
    "gan-dropout": "examples/mnist_gan.py --recipe dropout",
    "lsgan-tutorial": "examples/lsgan.py --recipe tutorial",
    "lsgan-fixed": "examples/lsgan.py",
    "dcgan": "examples/dcgan.py --ngf 32 --ndf 32 --epochs 12",
    "dcgan-64": "examples/dcgan.py",
    "conditional": "examples/conditional_gan.py --epochs 20",
    "conditional-30": "examples/conditional_gan.py",
    "original": "examples/original_gan.py",
    "wgan_gp": "examples/wgan_gp.py",
    "wgan_gp-conv": "examples/wgan_gp.py --recipe conv",
}
FIT = 50_000  # drawn images that a conditional system's nearest-neighbor classifier is fitted on


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the rows of docs/results/.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="see --list")
    parser.add_argument("--seeds", type=natural, nargs="+", default=[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where run folders lie")
    parser.add_argument("--list", action="store_true", help="the names, and what they run")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(f"{name:<18}{command}" for name, command in RUNS.items()))
        return
    if unknown := set(options.names) - set(RUNS):
        name = sorted(unknown)[0]
        raise UserError(f"there is no run called {name}{did_you_mean(name, RUNS)} (see --list)")
    for name in options.names:
        for seed in options.seeds:
            print(f"saved {measure(name, seed, options.runs)}", flush=True)


def measure(name: str, seed: int, runs: Path) -> Path:
    """Train, score and record; returns the record's file."""
    folder = runs / f"{name}-{seed}"
    training = folder / "training.json"  # written when the run is done
    if not training.exists():
        found = timed([*shlex.split(RUNS[name]), "--seed", str(seed), "--threads", "1"], folder)
        training.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    scores = folder / "evaluation.json"
    if not scores.exists() or "circumstances" not in read(scores):
        fit = ["--fit", str(FIT)] if name.startswith("conditional") else []
        script = str(ROOT / "examples" / "evaluate.py")
        command = [sys.executable, script, str(folder), *fit, "--threads", "1"]
        subprocess.run(command, check=True)
    RECORDS.mkdir(parents=True, exist_ok=True)
    path = RECORDS / f"{name}-{seed}.json"
    text = json.dumps(record(name, seed, folder), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def timed(command: list[str], folder: Path) -> dict[str, Any]:
    """Run a training command; what it was, where, and the seconds that it took."""
    script, *flags = command
    began, before = time.time(), os.times()
    full = [sys.executable, str(ROOT / script), *flags, "--out", str(folder), "--overwrite"]
    subprocess.run(full, check=True)
    after = os.times()
    processor = after.children_user + after.children_system
    processor -= before.children_user + before.children_system
    found = circumstances(shlex.join(["python", *command]), threads=1)
    found["versions"]["commit"] = commit()
    return found | {
        "seconds": round(time.time() - began, 1),
        "processor seconds": round(processor, 1),
    }


def record(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """What the page needs of a run, from the files that the run and its scoring left."""
    config, scored = read(folder / "config.json"), read(folder / "evaluation.json")
    asked = scored["circumstances"]
    command = asked["command"].replace(str(folder), f"runs/{name}-{seed}")  # wherever it lies here
    return {
        "name": name,
        "seed": seed,
        "training": read(folder / "training.json")
        | {"epochs": config["epochs"], "iterations": scored["iteration"]},
        "evaluation": asked
        | {"command": command, "samples": scored["count"], "seed": scored["seed"]},
        "settings": config["settings"],
        "columns": scored["columns"],
        "fitted error": scored.get("fitted_error"),
    }


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    run_command(main)
