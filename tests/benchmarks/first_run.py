"""Measure a stranger's first run, with and without machine code: the first command of the README.

    python tests/benchmarks/first_run.py --steps 1 300 --out FILE.json

Each way gets a fresh virtual environment, is installed, and runs examples/mnist_gan.py. What is
told: seconds of each installation (pip keeps nothing from one to the next), what it weighs on the
disk, and the seconds of each whole run of so many steps, the start of Python included: by the
clock, and of the processor, which other programs disturb less.

What is downloaded comes from wherever pip is told to look, so its seconds are this machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contenders.alternate import processor_seconds

from minigan.backend.numpy.threads import usable_cores
from minigan.evaluation.circumstances import circumstances
from minigan.training.command import positive, run_command

ROOT = Path(__file__).parents[2]
WAYS = {"NumPy": ".", "fast": ".[fast]"}


def seconds_of(command: Sequence[Any], folder: Path, threads: int) -> dict[str, float]:
    """Of a command: wall time, processor time, and the cores that others used meanwhile."""
    counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    before, used = os.times(), processor_seconds()
    began = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=kept | counts, capture_output=True
    )
    wall = time.perf_counter() - began
    after = os.times()
    own = sum(after[:4]) - sum(before[:4])
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    strangers = max(0.0, processor_seconds() - used - own) / wall
    return {"seconds": round(wall, 3), "processor": round(own, 3), "strangers": round(strangers, 3)}


def weight(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure a stranger's first run, both ways.")
    parser.add_argument("--steps", type=positive, nargs="+", default=[1], help="of each run")
    parser.add_argument("--whole", action="store_true", help="the whole default training, too")
    parser.add_argument("--rounds", type=positive, default=3, help="runs of each length")
    parser.add_argument("--threads", type=positive, default=usable_cores())
    parser.add_argument("--out", type=Path, help="a file for the figures")
    options = parser.parse_args(arguments)
    found: dict[str, Any] = {way: {"install": [], "runs": {}} for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pythons = {way: folder / way / "bin" / "python" for way in WAYS}
        for _ in range(options.rounds):
            for way, what in WAYS.items():
                python = pythons[way]
                subprocess.run([sys.executable, "-m", "venv", "--clear", folder / way], check=True)
                empty = weight(folder / way)
                install = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "-e", what]
                once = seconds_of(install, ROOT, options.threads)
                once["bytes"] = weight(folder / way) - empty
                found[way]["install"].append(once)
                print(way, "install", once, flush=True)
        # The first run compiles Python's own files, which is the same both ways and is not counted.
        run = [str(ROOT / "examples" / "mnist_gan.py"), "--threads", str(options.threads)]
        run += ["--out", str(folder / "run"), "--overwrite"]
        for way in WAYS:
            first = seconds_of([pythons[way], *run, "--max-steps", "1"], folder, options.threads)
            found[way]["first run after installation"] = first
        lengths = [f"--max-steps {steps}" for steps in options.steps]
        for length in [*lengths, *[""] * options.whole]:
            for _ in range(options.rounds if length else 1):
                for way in WAYS:
                    whole = [pythons[way], *run, *length.split()]
                    once = seconds_of(whole, folder, options.threads)
                    found[way]["runs"].setdefault(length or "whole", []).append(once)
                    print(way, length or "whole", once, flush=True)
    command = "python tests/benchmarks/first_run.py " + " ".join(arguments or sys.argv[1:])
    facts = circumstances(command.strip(), options.threads) | {"ways": found}
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    run_command(main)
