"""Kill one of several ranks at random instants, go on with other numbers of them, and compare.

    python tests/reliability/kill_ranks.py --kills 20 --json docs/results/data/kill_ranks.json

mpiexec starts two to four ranks, and one of them gets SIGKILL somewhere between its first
instruction and the end of its run. After each kill all others must have ended within seconds, with
an exit code that is not 0 and one line that names the rank that was killed; the checkpoint must be
whole; and the same command must go on, with another number of ranks. When a run has come to its end
its weights are put beside those of one process that nobody disturbed, in float64.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from minigan.evaluation.circumstances import circumstances
from minigan.training.checkpoint import load_checkpoint

PROGRAM = Path(__file__).parents[1] / "distributed" / "program.py"
MPIEXEC = Path(sys.executable).with_name("mpiexec")
STEPS = 120
PAUSE = 0.02  # seconds before each round: a run of some seconds, most of it between two rounds
LATEST = 9.0  # seconds after the start in which a kill may come


def command(folder: Path, ranks: int) -> list[str]:
    own = [sys.executable, str(PROGRAM), "--out", str(folder), "--max-steps", str(STEPS)]
    start = [str(MPIEXEC), "-n", str(ranks)] if ranks > 1 else []
    return [*start, *own, "--pause", str(PAUSE if ranks > 1 else 0), "--resume"]


def descendants(process: int) -> Iterator[int]:
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from descendants(child)


def process_of(rank: int, start: int) -> int | None:
    """The process that has this number, among those that mpiexec has started."""
    for process in running(str(PROGRAM), start):
        with suppress(OSError):
            environment = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
            if f"PMI_RANK={rank}".encode() in environment:
                return process
    return None


def running(program: str, start: int) -> Iterator[int]:
    """The processes below `start` that have this in their command line."""
    for process in descendants(start):
        with suppress(OSError):
            if program.encode() in Path(f"/proc/{process}/cmdline").read_bytes():
                yield process


def life(folder: Path, ranks: int, victim: int, instant: float) -> dict[str, Any] | None:
    """Start the run and kill a rank after so many seconds; what was seen, or None if it ended."""
    with subprocess.Popen(
        command(folder, ranks), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as run:
        time.sleep(instant)
        process = process_of(victim, run.pid)
        witnessed = any(running("witness.py", run.pid))
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        killed = time.monotonic()
        _, said = run.communicate(timeout=120)
        seconds = time.monotonic() - killed
    if run.returncode == 0:
        return None
    named = [line for line in said.splitlines() if line.startswith("error: ")]
    checkpoint = folder / "checkpoint.safetensors"
    saved = load_checkpoint(checkpoint).metadata["iteration"] if checkpoint.exists() else 0
    return {
        "ranks": ranks,
        "killed": victim,
        "after": round(instant, 2),
        "seconds until all had ended": round(seconds, 2),
        "exit code": run.returncode,
        "iteration": saved,
        "witnessed": witnessed,  # not in the first seconds, while Python is being loaded
        "said": named,
        "right rank": len(named) == 1 and names(named[0], victim, ranks),
    }


def names(line: str, victim: int, ranks: int) -> bool:
    """Whether the line says who it was: that rank, or all others if it had not started yet."""
    if "only these ranks" in line:
        started = {int(number) for number in re.findall(r"\d+", line.rpartition(":")[2])}
        return victim not in started
    return line.startswith(f"error: rank {victim} of {ranks} ended without a word")


def farthest(folder: Path, wanted: Path) -> float:
    one, other = (load_checkpoint(path / "checkpoint.safetensors") for path in (folder, wanted))
    assert one.metadata["iteration"] == other.metadata["iteration"] == STEPS
    return max(float(np.max(abs(one.tensors[k] - other.tensors[k]))) for k in one.tensors)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill ranks at random instants.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write what was seen to this file")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    kills: list[dict[str, Any]] = []
    distances = []
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch, "undisturbed")
        subprocess.run(command(wanted, 1), check=True, stderr=subprocess.DEVNULL)
        while len(kills) < options.kills:
            folder, done = Path(scratch, f"run {len(distances)}"), False
            while not done:
                ranks = chance.choice([2, 3, 4])
                if len(kills) == options.kills:  # enough: let one process bring it to its end
                    subprocess.run(command(folder, 1), check=True, stderr=subprocess.DEVNULL)
                    break
                seen = life(folder, ranks, chance.randrange(ranks), chance.uniform(0.2, LATEST))
                done = seen is None
                if seen is not None:
                    kills.append(seen)
                    print(json.dumps(seen), flush=True)
            distances.append(farthest(folder, wanted))
    wrong = [seen for seen in kills if seen["witnessed"] and not seen["right rank"]]
    right = sum(seen["right rank"] for seen in kills)
    slowest = max(seen["seconds until all had ended"] for seen in kills)
    print(
        f"{len(kills)} kills, {len(distances)} runs of {STEPS} iterations: all others ended within "
        f"{slowest:.1f} s, {right} lines named the rank; the weights are "
        f"{max(distances):.1e} from one process's"
    )
    if options.json:
        flags = f"--kills {options.kills} --seed {options.seed}"
        how = f"python tests/reliability/kill_ranks.py {flags}"
        facts = {
            **circumstances(how, threads=1),
            "seed": options.seed,
            "steps": STEPS,
            "runs": len(distances),
            "farthest": max(distances),
            "kills": kills,
        }
        options.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    assert not wrong, f"not named: {wrong}"
    assert max(distances) < 1e-11, distances


if __name__ == "__main__":
    main()
