"""Measure minigan beside other libraries.

    python tests/benchmarks/benchmark.py [--grow] [--only TEXT]

Whole training steps of the same networks on the same images, then each operation by itself. Who
takes part is in contenders/; a library that is not installed is skipped. This measures, it does
not test: run it on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contenders import ENTRIES, UnsupportedError
from contenders.alternate import (
    ENVIRONMENT,
    THREAD_VARIABLES,
    DiedError,
    NotInstalledError,
    Rival,
    Times,
    Watch,
    take_turns,
)
from contenders.cases import Operation, Step, as_plain, growth, operations, steps
from contenders.data import write_arrays
from contenders.report import Results, markdown, summary

from minigan.backend.numpy.threads import usable_cores
from minigan.errors import UserError, did_you_mean
from minigan.training.command import positive, run_command

GROWING = ["minigan", "torch-eager", "torch-channels-last"]  # who is asked how cost grows
SAME = 1e-3  # the losses of contenders that do the same work differ by less: by rounding
STEERING = ("OPENBLAS_", "OMP_", "GOMP_", "KMP_", "MKL_", "MINIGAN_", "XLA_", "MALLOC_")
BUSY = 0.5  # cores that others may use: above that, a warning


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure minigan beside other libraries.")
    add = parser.add_argument
    names = ", ".join(ENTRIES)
    add(
        "--contenders",
        nargs="+",
        metavar="NAME",
        help=f"some of {names} (default: all; with --grow, eager ones)",
    )
    add("--only", nargs="+", metavar="TEXT", help="only cases whose name contains one of these")
    add("--grow", action="store_true", help="instead: growing batches, widths and images")
    add("--threads", type=positive, help="of each contender (default: all that may be used)")
    add("--rounds", type=positive, default=7, help="turns that each contender gets")
    add("--seconds", type=float, default=1.0, help="of a turn; an operation's is a fifth of it")
    add("--python", nargs="+", metavar="NAME=PATH", help="a contender's own Python")
    add("--quick", action="store_true", help="tiny sizes, one round: does it run at all?")
    add("--list", action="store_true", help="list the cases and end")
    add("--out", type=Path, help="a folder for benchmark.md and benchmark.json")
    options = parser.parse_args(arguments)
    options.contenders = options.contenders or (GROWING if options.grow else list(ENTRIES))
    if unknown := set(options.contenders) - set(ENTRIES):
        raise UserError(f"unknown contender {sorted(unknown)[0]}: choose from {names}")
    if options.python and not all("=" in item for item in options.python):
        raise UserError("--python takes NAME=PATH, such as jax-jit=other/bin/python")
    if options.seconds < 0:
        raise UserError(f"--seconds must be at least 0, not {options.seconds}")
    options.python = dict(item.split("=", 1) for item in options.python or ())
    if options.quick:
        options.rounds, options.seconds = 1, 0.0
    options.threads = options.threads or usable_cores()
    return options


class Benchmark:
    """One run: what was asked for, and what has been found so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.watch = Watch()
        self.results: Results = {
            "machine": machine(),
            "threads": options.threads,
            "turns": {"rounds": options.rounds, "seconds": options.seconds},
            "versions": {},
            "skipped": {},
            "warnings": [],
        }
        if self.results["machine"]["load"] > BUSY:
            self.warn("the machine was busy when this began")

    def warn(self, text: str) -> None:
        if text not in self.results["warnings"]:
            self.results["warnings"].append(text)
            say(f"warning: {text}")

    def skip(self, name: str, why: str) -> None:
        self.results["skipped"][name] = why
        say(f"{name}: skipped, {why}")

    @contextmanager
    def rivals(self, names: Sequence[str]) -> Iterator[list[Rival]]:
        """A fresh process for each of these contenders that is installed."""
        started: list[Rival] = []
        try:
            for name in names:
                if name in self.results["skipped"]:
                    continue
                python = self.options.python.get(name, sys.executable)
                try:
                    rival = Rival(name, self.options.threads, python=python)
                    started.append(rival)
                    self.results["versions"][name] = rival.ask("versions")
                except NotInstalledError as library:
                    self.skip(name, f"{library} is not installed")
                except DiedError as failure:
                    self.skip(name, f"it does not start ({failure})")
            yield [rival for rival in started if rival.name not in self.results["skipped"]]
        finally:
            for rival in started:
                rival.close()

    def turns(self, rivals: Sequence[Rival], part: str, seconds: float) -> Times:
        return take_turns(
            rivals, part, rounds=self.options.rounds, seconds=seconds, watch=self.watch
        )

    def step(self, case: Step) -> dict[str, Any]:
        """A training step of everybody who can play it: time, memory, and do the losses agree?

        The first contender meets the others one by one, so that two networks at most are in
        memory; its own row is about all of its turns.
        """
        first, *others = self.options.contenders
        found: dict[str, Any] = {"name": case.name, "images": case.images, "unsupported": {}}
        rows: dict[str, Any] = {}
        turns: Times = {}
        with tempfile.TemporaryDirectory() as folder:
            arrays = Path(folder, "arrays.npz")
            write_arrays(case, arrays)
            for names in [*[[first, other] for other in others], [first]]:
                if names == [first] and rows:
                    continue  # it has already met somebody
                times, facts = self.meet(case, arrays, names, found["unsupported"])
                for name in times:
                    own = statistics.median(time for turn in times[name] for time in turn)
                    say(f"  {name}: {own * 1e3:.4g} ms")
                    turns.setdefault(name, []).extend(times[name])
                    rows[name] = facts[name]
                    if name != first:
                        rows[name] |= summary(times[name], times.get(first))
        if first in rows:
            rows[first] |= summary(turns[first], None)
            for name, row in rows.items():
                row["difference"] = difference(row["losses"], rows[first]["losses"])
                if not row["difference"] < SAME:
                    self.warn(f"{case.name}: the losses of {name} are not those of {first}")
        return found | {"rows": rows}

    def meet(
        self, case: Step, arrays: Path, names: Sequence[str], unsupported: dict[str, str]
    ) -> tuple[Times, dict[str, Any]]:
        """Let these contenders play the case in turns: their times; their losses and memory.

        Nothing is measured if one of them cannot play.
        """
        seconds = self.options.seconds
        facts: dict[str, Any] = {}
        ready = []
        with self.rivals(names) as rivals:
            for rival in rivals:
                try:
                    start = rival.ask("memory")["now"]
                    rival.ask("build", case=as_plain(case), arrays=str(arrays))
                    losses = rival.ask("check")["losses"]
                    rival.ask("warm_up", part="step", seconds=seconds)
                    rival.ask("forget_peak")
                    facts[rival.name] = {"at start": start, "losses": losses}
                    ready.append(rival)
                except (UnsupportedError, DiedError) as reason:
                    unsupported[rival.name] = str(reason)
            if len(ready) < len(names):
                return {}, {}
            times = self.turns(ready, "step", seconds)
            for rival in ready:
                facts[rival.name]["peak"] = rival.ask("memory")["peak"]
        return times, facts

    def operation(self, rivals: Sequence[Rival], case: Operation) -> dict[str, Any]:
        """Each part of a single operation, of everybody who has it."""
        seconds = self.options.seconds / 5
        parts: dict[str, list[Rival]] = {}
        for rival in rivals:
            try:
                for part in rival.ask("build", case=as_plain(case))["parts"]:
                    rival.ask("warm_up", part=part, seconds=seconds)
                    parts.setdefault(part, []).append(rival)
            except (UnsupportedError, DiedError):  # a dead one fails at once, case after case
                continue
        rows: dict[str, dict[str, Any]] = {}
        for part, ready in parts.items():
            times = self.turns(ready, part, seconds)
            first = ready[0].name
            rows[part] = {
                name: summary(times[name], None if name == first else times[first])
                for name in times
            }
        return as_plain(case) | {"parts": rows}

    def run(self, cases: Sequence[Step | Operation]) -> Results:
        """Measure the steps, each in fresh processes, and then the operations."""
        singles = [case for case in cases if isinstance(case, Operation)]
        wholes = [case for case in cases if isinstance(case, Step)]
        self.results["growth" if self.options.grow else "steps"] = self.all_of(wholes, self.step)
        if singles:
            with self.rivals(self.options.contenders) as rivals:
                measure = functools.partial(self.operation, rivals)
                self.results["operations"] = self.all_of(singles, measure)
        self.results["disturbance"] = vars(self.watch)
        if self.watch.strangers > BUSY:
            self.warn("other programs used the processor: measure again when the machine is idle")
        return self.results

    def all_of(self, cases: Sequence[Any], measure: Callable[[Any], Any]) -> list[dict[str, Any]]:
        """What was measured of each case; one that fails is left out, with a warning."""
        found = []
        for case in cases:
            say(case.name)
            try:
                found.append(measure(case))
            except DiedError as failure:
                self.warn(f"{case.name}: given up, {failure}")
        return found


def chosen(options: argparse.Namespace) -> list[Step | Operation]:
    """The cases to measure: those whose name contains one of the texts of --only, or all."""
    quick = options.quick
    cases: list[Step | Operation] = []
    if options.grow:
        cases += growth(quick=quick)
    else:
        cases += [*steps(quick=quick), *operations(quick=quick)]
    texts = [text.lower() for text in options.only or [""]]
    found = [case for case in cases if any(text in case.name.lower() for text in texts)]
    if not found:
        meant = did_you_mean(options.only[0], [case.name for case in cases])
        names = "--quick --list" if quick else "--list"  # quick cases are others
        raise UserError(f"no case is called {' or '.join(options.only)}{meant} (see {names})")
    return found


def difference(losses: list[dict[str, float]], others: list[dict[str, float]]) -> float:
    """The most that two contenders' losses differ by, as a share of those above 1."""
    pairs = [(own[k], other[k]) for own, other in zip(losses, others, strict=True) for k in own]
    return max(abs(a - b) / max(1.0, abs(b)) for a, b in pairs)


def machine() -> dict[str, Any]:
    """Where this runs, and how busy it is."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        processor = platform.processor() or platform.machine()
    return {
        "processor": processor,
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "time": time.strftime("%Y-%m-%d %H:%M"),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "variables": {
            name: value
            for name, value in ENVIRONMENT.items()
            if name.startswith(STEERING) and name not in THREAD_VARIABLES
        },
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    cases = chosen(options)
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    results = Benchmark(options).run(cases)
    text = markdown(results)
    print(text)
    if options.out:
        (options.out / "benchmark.md").write_text(text)
        (options.out / "benchmark.json").write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    run_command(main)
