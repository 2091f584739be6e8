"""Train for very long, and watch what a long run may leak: memory, files, threads, rows.

    python tests/reliability/long_run.py --steps 100000

After the first tenth, in which caches fill, the memory that the process holds may grow by at most
one percent until the end, and no file and no thread may be added. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from contextlib import redirect_stderr
from pathlib import Path
from typing import NamedTuple

from small_run import small_run

from minigan.training import Report, read_metrics

LOG_EVERY = 10
LOOKS = 50


class Look(NamedTuple):
    """What a process holds at one moment."""

    iteration: int
    kilobytes: int
    files: int
    threads: int


def look(iteration: int) -> Look:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    kilobytes = pages * os.sysconf("SC_PAGE_SIZE") // 1024
    return Look(iteration, kilobytes, len(os.listdir("/proc/self/fd")), threading.active_count())


def long_run(folder: Path, steps: int) -> list[Look]:
    """What the process held at fifty moments of a run of so many iterations."""
    looks: list[Look] = []

    def describe(report: Report) -> str:
        looks.append(look(report.iteration))
        return ""

    every = {"log": LOG_EVERY, "sample": steps // LOOKS, "checkpoint": steps // 200}
    flags = [part for name, n in every.items() for part in (f"--{name}-every", str(n))]
    with open(os.devnull, "w") as nothing, redirect_stderr(nothing):  # a line for each epoch
        assert small_run(folder, *flags, "--max-steps", str(steps), describe=describe) == 0
    return looks


def faults(looks: list[Look], folder: Path, steps: int) -> list[str]:
    """What is wrong with such a run, in words."""
    first, *later = looks[LOOKS // 10 :]
    found = []
    most = max(now.kilobytes for now in later)
    if most > 1.01 * first.kilobytes:
        found.append(f"memory grew from {first.kilobytes} to {most} KiB")
    for name in ("files", "threads"):
        if (most := max(getattr(now, name) for now in later)) > getattr(first, name):
            found.append(f"{name} grew from {getattr(first, name)} to {most}")
    iterations = read_metrics(folder / "metrics.csv")["iteration"].tolist()
    if iterations != list(range(LOG_EVERY, steps + 1, LOG_EVERY)):
        found.append(f"metrics.csv has {len(iterations)} rows, not one for every {LOG_EVERY} steps")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Train for very long and look for leaks.")
    parser.add_argument("--steps", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        looks = long_run(Path(scratch), options.steps)
        found = faults(looks, Path(scratch), options.steps)
    for now in looks[:: LOOKS // 10]:
        print(
            f"iteration {now.iteration:8,}: {now.kilobytes / 1024:.1f} MiB, "
            f"{now.files} files, {now.threads} threads"
        )
    for fault in found:
        print(f"fault: {fault}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
