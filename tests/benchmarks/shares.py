"""Where does the time of a step go? python tests/benchmarks/shares.py --threads 2 --out FILE.json

Rounds of games are recorded and replayed (minigan/backend/numpy/replay/), and every call of the
program is timed. What is told: the time of a round by the kind of call (medians of each call,
added up), what is left of the round (Python, and methods of arrays such as sum), and *the limit*:
how long the matrix products would take if all went as fast as one of 2,048 × 2,048 matrices.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from compiled import steps

from minigan.backend import get_backend, prepare_process, set_num_threads
from minigan.backend.numpy.threads import usable_cores
from minigan.errors import UserError
from minigan.evaluation.circumstances import circumstances
from minigan.training.command import positive, run_command

PRODUCT = 2048  # rows and columns of the product whose speed is the limit
KINDS = {  # by the beginning of a call's name in the program
    "matmul": "matrix products",
    "convolution": "convolutions",
    "transposed_convolution": "convolutions",
    "kernel_gradient": "convolutions",
    "adam": "Adam",
    "joined": "joined passes",
    "column": "batch norm",
    "normal": "random numbers",
    "uniform": "random numbers",
}


def kind_of(name: str) -> str:
    """What a call of the program is counted as."""
    return next((kind for start, kind in KINDS.items() if name.startswith(start)), "single passes")


def timed(program: Any, spent: dict[str, list[list[float]]]) -> dict[str, Any]:
    """The program's functions by name; from here on each call leaves its seconds in `spent`."""
    usual = {}

    def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*inputs: Any, **options: Any) -> Any:
            began = time.perf_counter()
            result = function(*inputs, **options)
            spent[name][-1].append(time.perf_counter() - began)
            return result

        return call

    called = {id(call.function) for call in program.notes.calls}  # and not handed to another call
    for name, thing in program.names.items():
        if id(thing) in called:
            usual[name], program.names[name] = thing, watched(name, thing)
    return usual


def multiplications(program: Any) -> int:
    """Of all matrix products of the program."""
    shapes = program.notes.shapes
    total = 0
    for call in program.notes.calls:
        if getattr(call.function, "__name__", "") == "matmul":
            a, b = [shapes[place.number] for place in call.inputs]
            total += math.prod(a) * math.prod(b) // a[-1]
    return total


def shares(play: Callable[[], Any], replay: Any, rounds: int) -> dict[str, Any]:
    """Seconds of a round: whole, by the kind of call, and what is left."""
    for _ in range(4):
        play()
    (recording,) = replay.recordings.values()
    if not recording.ready:
        raise UserError(f"the step was not recorded: {recording.failure}")
    whole = []
    for _ in range(rounds):
        began = time.perf_counter()
        play()
        whole.append(time.perf_counter() - began)
    spent: dict[str, list[list[float]]] = defaultdict(list)
    usual = timed(recording.program, spent)
    for _ in range(rounds):
        for name in usual:
            spent[name].append([])
        play()
    recording.program.names.update(usual)
    kinds: dict[str, float] = defaultdict(float)
    for name, calls in spent.items():
        medians = [statistics.median(each) for each in zip(*calls, strict=True)]
        kinds[kind_of(name)] += sum(medians)
    round_ = statistics.median(whole)
    products = multiplications(recording.program)
    return {
        "round": round_,
        "kinds": {**kinds, "the rest": max(0.0, round_ - sum(kinds.values()))},
        "multiplications": products,
    }


def fastest_product() -> float:
    """Multiplications a second of a large product, on the threads that are set."""
    matmul = get_backend("numpy").matmul
    a, b = (np.random.default_rng(0).normal(size=(PRODUCT,) * 2).astype("float32") for _ in "ab")
    times = []
    for _ in range(9):
        began = time.perf_counter()
        matmul(a, b)
        times.append(time.perf_counter() - began)
    return PRODUCT**3 / statistics.median(times)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure where the time of a step goes.")
    parser.add_argument("--threads", type=positive, default=usable_cores())
    parser.add_argument("--rounds", type=positive, default=60)
    parser.add_argument("--only", default="", metavar="TEXT", help="only names that contain it")
    parser.add_argument("--out", type=Path, help="a file for the figures")
    options = parser.parse_args(arguments)
    prepare_process()
    set_num_threads(options.threads)
    rate, rows = fastest_product(), []
    for name, ways in steps().items():
        if options.only in name:
            play: Any = ways["recorded"][1]  # the recorded step, and the batch for it
            found = shares(play, play.func, options.rounds)
            rows.append({"name": name, **found, "limit": found["multiplications"] / rate})
            told = ", ".join(f"{kind} {1e3 * t:.2f}" for kind, t in rows[-1]["kinds"].items())
            print(f"{name}: {1e3 * found['round']:.2f} ms; {told}")
    command = "python tests/benchmarks/shares.py " + " ".join(arguments or sys.argv[1:])
    record = circumstances(command.strip(), options.threads)
    record |= {"multiplications a second": rate, "rows": rows}
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    run_command(main)
