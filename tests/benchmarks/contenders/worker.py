"""The process in which one contender runs: it reads requests, one JSON a line, and answers each.

    python -m contenders.worker torch-eager 2

It does nothing between requests, so that the others can be measured undisturbed.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any, TextIO

from contenders import ENTRIES, UnsupportedError, Work
from contenders.cases import Step, from_plain

SHORTEST = 1e-3  # seconds: what is quicker is timed several repetitions at once


class Worker:
    """A contender and the case that it is at; each method answers the request of its name."""

    def __init__(self, name: str, threads: int) -> None:
        entry = ENTRIES[name]
        module = importlib.import_module(f"contenders.{entry.module}")
        self.contender = module.Contender(threads, **entry.options)
        self.parts: dict[str, Work] = {}
        self.repeat: dict[str, int] = {}
        self.game: Any = None
        self.draws: list[list[Any]] = []

    def versions(self) -> dict[str, Any]:
        return self.contender.versions()

    def memory(self) -> dict[str, Any]:
        """Resident bytes: now, and the most since `forget_peak`."""
        return {"now": resident_bytes("VmRSS"), "peak": resident_bytes("VmHWM")}

    def build(self, case: dict[str, Any], arrays: str | None = None) -> dict[str, Any]:
        """Get ready for a case; `arrays` is the file of data.py."""
        self.parts, self.repeat, self.game = {}, {}, None
        described = from_plain(case)
        if isinstance(described, Step):
            assert arrays is not None
            tree = read_arrays(arrays)
            self.draws = [list(draws.values()) for draws in tree.pop("draw").values()]
            self.game = self.contender.step(described, tree)
            self.parts = {"step": self.game.play}
        else:
            self.parts = self.contender.operation(described)
        return {"parts": list(self.parts)}

    def check(self) -> dict[str, Any]:
        """The losses of the first rounds with given noise."""
        return {"losses": [self.game.check(draws) for draws in self.draws]}

    def warm_up(self, part: str, seconds: float) -> dict[str, Any]:
        """Run a part for a while; find out how many repetitions are long enough to be timed."""
        work = self.parts[part]
        once, ran = 0.0, 0.0
        while once == 0.0 or ran < seconds:
            start = time.perf_counter()
            work()
            once = time.perf_counter() - start
            ran += once
        self.repeat[part] = max(1, round(SHORTEST / once))
        return {"seconds": once}

    def forget_peak(self) -> dict[str, Any]:
        """Let the peak of the resident memory start again at what is resident now."""
        try:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:  # not Linux, or not allowed: then the peak is that of the whole life
            pass
        return {}

    def turn(self, part: str, seconds: float) -> dict[str, Any]:
        """Seconds per repetition, measured for at least `seconds` after one that does not count.

        That one brings code and data back into the caches that another contender has just used.
        """
        work, repeat = self.parts[part], self.repeat[part]
        work()
        times = []
        end = time.perf_counter() + seconds
        while True:
            start = time.perf_counter()
            for _ in range(repeat):
                work()
            now = time.perf_counter()
            times.append((now - start) / repeat)
            if now >= end:
                return {"times": times}


def resident_bytes(line: str) -> int:
    """VmRSS: resident now; VmHWM: the most that ever was."""
    try:
        with open("/proc/self/status") as file:
            found = next(text for text in file if text.startswith(line))
        return int(found.split()[1]) * 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def read_arrays(path: str) -> dict[str, Any]:
    """{"images": …, "generator": {"0.weight": …}, "draw": {"0": {"0": …}}} from names with a /."""
    import numpy as np  # not earlier: minigan must be the first to load it

    tree: dict[str, Any] = {}
    with np.load(path) as file:
        for key in file:
            *folders, name = key.split("/")
            branch = tree
            for folder in folders:
                branch = branch.setdefault(folder, {})
            branch[name] = file[key]
    return tree


def answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    method = request.pop("do")
    try:
        return getattr(worker, method)(**request)
    except UnsupportedError as reason:
        return {"unsupported": str(reason)}


def serve(name: str, threads: int, requests: TextIO, answers: TextIO) -> None:
    def send(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        worker = Worker(name, threads)
    except ModuleNotFoundError as error:
        return send({"missing": error.name or str(error)})
    send({"ready": name})
    for line in requests:
        send(answer(worker, json.loads(line)))


if __name__ == "__main__":
    # Answers go where stdout was; what a library prints must not get between them.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    thread_count = int(sys.argv[2])
    if hasattr(os, "sched_setaffinity"):  # libraries count the processors that they may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:thread_count])
    serve(sys.argv[1], thread_count, sys.stdin, channel)
