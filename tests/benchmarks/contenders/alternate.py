"""Contenders take turns: each in its own process, only one at work at a time.

Two libraries in one process would fight over threads, allocators and caches. Two processes that
run at the same time would fight over the processor. So there is a process for each, and this file
gives them turns: A B C, A B C, …; whatever disturbs the machine then disturbs all alike.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contenders import UnsupportedError

SETTLE = 0.05  # seconds between two turns: thread pools spin for up to 30 ms before they sleep

SCARCE = 0.15  # of the memory: before a contender takes more than that leaves, it is stopped

# What each library reads to learn how many threads it may use.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# As it was given to us: when minigan is imported it may set a variable for NumPy, for itself alone.
ENVIRONMENT = dict(os.environ)


Times = dict[str, list[list[float]]]  # contender: seconds of each repetition, round by round


class NotInstalledError(Exception):
    """The contender's library is not installed; the message names it."""


class DiedError(Exception):
    """The contender's process has died; the message is what it said last."""


class Rival:
    """The near end of a contender's process."""

    def __init__(self, name: str, threads: int, *, python: str = sys.executable) -> None:
        self.name = name
        self._said = tempfile.TemporaryFile("w+")
        variables = {variable: str(threads) for variable in THREAD_VARIABLES}
        folder = str(Path(__file__).parents[1])
        path = os.pathsep.join(filter(None, [folder, ENVIRONMENT.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [python, "-m", "contenders.worker", name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**ENVIRONMENT, **variables, "PYTHONPATH": path},
        )
        ready = self._receive()
        if "missing" in ready:
            self.close()
            raise NotInstalledError(ready["missing"])

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have a method of worker.Worker called; raises UnsupportedError if it cannot be done."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has died; _receive finds out what it said
        reply = self._receive()
        if "unsupported" in reply:
            raise UnsupportedError(reply["unsupported"])
        return reply

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while not select.select([self._process.stdout], [], [], 0.1)[0]:
            if _memory_share() < SCARCE:
                self._process.kill()
                self._process.wait()
                raise DiedError("stopped, because the machine's memory ran short")
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._said.seek(0)
            last = [text.strip() for text in self._said if text.strip()][-1:]
            raise DiedError(last[0] if last else f"exit code {self._process.returncode}")
        return json.loads(line)

    def used(self) -> float:
        return seconds_of(self._process.pid)

    def close(self) -> None:
        """Let it end: without requests there is nothing left to do."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has died with a request unread
                self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()


class Watch:
    """Who used the processor beside the contender at work: the most, in cores, of any set of turns.

    `waiting` are the other contenders (a thread pool that spins, for instance); `strangers` are
    all processes outside of this benchmark.
    """

    def __init__(self) -> None:
        self.waiting = self.strangers = 0.0

    def note(self, wall: float, waiting: float, strangers: float) -> None:
        self.waiting = max(self.waiting, waiting / wall)
        self.strangers = max(self.strangers, strangers / wall)


def take_turns(
    rivals: Sequence[Rival], part: str, *, rounds: int, seconds: float, watch: Watch
) -> Times:
    """Let each rival in turn repeat a part for so many seconds, for so many rounds."""
    times: Times = {rival.name: [] for rival in rivals}
    wall = waiting = strangers = 0.0
    for _ in range(rounds):
        for rival in rivals:
            time.sleep(SETTLE if seconds else 0)
            start, machine = time.perf_counter(), processor_seconds()
            before = {other.name: other.used() for other in rivals}
            times[rival.name].append(rival.ask("turn", part=part, seconds=seconds)["times"])
            spent = {other.name: other.used() - before[other.name] for other in rivals}
            strangers += processor_seconds() - machine - sum(spent.values())
            waiting += sum(spent.values()) - spent[rival.name]
            wall += time.perf_counter() - start
    if wall > 1:  # below that, the system's clock of 10 ms says little
        watch.note(wall, waiting, strangers)
    return times


def _memory_share() -> float:
    """The share of the machine's memory that is still to be had."""
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    except OSError:  # not Linux: nobody says
        return 1.0
    available, total = (int(lines[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
    return available / total


def seconds_of(process: int) -> float:
    """Processor time of all of a process's threads so far; 0 where the system does not say."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return 0.0
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def processor_seconds() -> float:
    """What the processors that we may use have worked so far, for anybody."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
        ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    except (OSError, AttributeError):  # not Linux: nobody says
        return 0.0
    ticks = 0
    for line in lines:
        name, *fields = line.split()
        if name in ours:  # user, nice, system, idle, waiting, interrupts, …, stolen by the host
            worked = [int(field) for field in fields[:8]]
            ticks += sum(worked[:3]) + sum(worked[5:])
    return ticks / os.sysconf("SC_CLK_TCK")
