"""What the experiments of this folder share: a file of runs that grows, and can be gone on with.

Each run is written as soon as it is done, with its command, machine and processor seconds, and one
that the file holds already is not repeated: so an experiment that was interrupted goes on. The
files are docs/results/data/NAME.json, and docs/tables.py makes tables of them.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minigan.backend import set_num_threads
from minigan.evaluation.circumstances import circumstances
from minigan.files import atomic_write
from minigan.lock import one_at_a_time

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "docs" / "results" / "data"


class Kept:
    """The runs of one experiment, each known by its settings, and the commands that made them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs: list[dict[str, Any]] = []
        self.commands: list[dict[str, Any]] = []
        self.read()
        set_num_threads(1)  # another number of threads rounds otherwise
        script = Path(sys.argv[0]).resolve().relative_to(ROOT)
        self.here = circumstances(shlex.join(["python", str(script), *sys.argv[1:]]), threads=1)
        self.here["versions"]["commit"] = commit()

    def read(self) -> None:
        if self.path.exists():
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self.runs, self.commands = found["runs"], found["commands"]

    def has(self, settings: dict[str, Any]) -> bool:
        return any(run["settings"] == settings for run in self.runs)

    def add(self, settings: dict[str, Any], experiment: Callable[[], dict[str, Any]]) -> None:
        """Run an experiment, unless a run with these settings is there; write down what it finds.

        `experiment` returns plain values by name; they stand beside the settings.
        """
        self.read()  # another process may fill the same file
        if self.has(settings):
            return
        print(", ".join(f"{name} {value}" for name, value in settings.items()), flush=True)
        before = os.times()
        found = experiment()
        after = os.times()
        spent = after.user + after.system - before.user - before.system
        with one_at_a_time(self.path.parent):
            self.read()
            if self.here not in self.commands:
                self.commands.append(self.here)
            run = {"settings": settings, **found, "processor seconds": round(spent, 1)}
            self.runs.append(run | {"command": self.commands.index(self.here)})
            with atomic_write(self.path) as temporary:
                temporary.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """The file: one line for each run, so that a change is seen where it is."""
        commands = json.dumps(self.commands, indent=1, ensure_ascii=False)
        runs = ",\n".join(f"  {json.dumps(run, ensure_ascii=False)}" for run in self.runs)
        return f'{{\n "commands": {commands},\n "runs": [\n{runs}\n ]\n}}\n'


def commit() -> str:
    """The state of the source, by its commit; with "-dirty" if files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
