"""Three kernels by NumPy, by minigan's compiler and by numba: which is the better way to loops?

    python tests/benchmarks/numba_kernels.py --out FILE.json      # in an environment with numba

LeakyReLU's derivative, the column moments of batch norm, and Adam, on one thread. For numba each is
written a second time, as loops, with the signature, without which it is slow. Besides the time of a
call: that of the first of all three, in a fresh process, which holds the import of the compiler and
the compilation; and what is on the disk.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import files, requires, version
from pathlib import Path
from typing import Any

import numpy as np

from minigan.backend import get_backend, prepare_process, set_num_threads
from minigan.backend.interface import AdamStep
from minigan.evaluation.circumstances import circumstances
from minigan.functional.activations import LeakyRectifierGradient
from minigan.training.command import run_command

Work = Callable[[], Any]
WAYS = ("numpy", "llvmlite", "numba")
NUMBERS = 2_000_000
STEP = AdamStep(1e-6, 0.5, 0.999, 1e-8, 0.0)


def operands() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {name: rng.normal(size=(64, 1024)) for name in "gx"}
    found |= {name: rng.normal(size=NUMBERS) ** 2 for name in ("p", "dp", "m", "v")}
    return {name: array.astype(np.float32) for name, array in found.items()}


def ours(compiled: bool) -> dict[str, Work]:
    """The backend's own kernels, with the formulas compiled or run by NumPy."""
    backend, given = get_backend("numpy"), operands()
    backend.compiler.on = compiled  # type: ignore[attr-defined]
    rule, count = LeakyRectifierGradient(0.2).forward, np.zeros(1, np.int64)
    p, dp, m, v = (given[name] for name in ("p", "dp", "m", "v"))

    def step() -> np.ndarray:
        backend.adam([p], [dp], m, v, count, STEP)
        return p

    return {
        "LeakyReLU's derivative, 64 × 1024": lambda: backend.elementwise(
            rule, [given["g"], given["x"]]
        ),
        "batch norm's moments, 64 × 1024": lambda: backend.column_moments(given["x"]),
        f"Adam, {NUMBERS:,} numbers": step,
    }


def theirs() -> dict[str, Work]:  # noqa: C901 (three loops, each as plain as can be)
    """The same formulas as numba's loops."""
    import numba

    fast = {"nogil": True, "error_model": "numpy"}
    single = np.float32

    @numba.njit("void(f4[:, ::1], f4[:, ::1], f4[:, ::1])", **fast)
    def derivative(g, x, y):  # type: ignore[no-untyped-def]
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                y[i, j] = g[i, j] * (single(x[i, j] > 0) * single(0.8) + single(0.2))

    @numba.njit("void(f4[:, ::1], f4[::1], f4[::1])", **fast)
    def moments(x, mean, variance):  # type: ignore[no-untyped-def]
        rows = single(x.shape[0])
        mean[:] = 0
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                mean[j] += x[i, j]
        mean /= rows
        variance[:] = 0
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                distance = x[i, j] - mean[j]
                variance[j] += distance * distance
        variance /= rows

    @numba.njit("void(f4[::1], f4[::1], f4[::1], f4[::1], f4, f4, f4, f4, f4)", **fast)
    def adam(p, g, m, v, rate, floor, new1, new2, old2):  # type: ignore[no-untyped-def]
        for i in range(p.size):
            m[i] += (g[i] - m[i]) * new1
            v[i] = v[i] * old2 + g[i] * g[i] * new2
            p[i] -= m[i] / (np.sqrt(v[i]) + floor) * rate

    given, count = operands(), [0]
    arrays = [given[name] for name in ("p", "dp", "m", "v")]

    def step() -> np.ndarray:
        count[0] += 1
        lr, beta1, beta2, eps, _ = STEP
        root = math.sqrt(1 - beta2 ** count[0])
        numbers = lr * root / (1 - beta1 ** count[0]), eps * root, 1 - beta1, 1 - beta2, beta2
        adam(*arrays, *map(single, numbers))
        return arrays[0]

    def to_new(kernel: Callable[..., None], *inputs: np.ndarray, like: Sequence[Any]) -> Any:
        results = [np.empty(shape, single) for shape in like]
        kernel(*inputs, *results)
        return results if len(results) > 1 else results[0]

    g, x = given["g"], given["x"]
    return dict(
        zip(
            ours(False),
            [
                lambda: to_new(derivative, g, x, like=[x.shape]),
                lambda: to_new(moments, x, like=[x.shape[1], x.shape[1]]),
                step,
            ],
            strict=True,
        )
    )


def kernels(way: str) -> dict[str, Work]:
    return theirs() if way == "numba" else ours(way == "llvmlite")


def difference(some: Any, others: Any) -> float:
    """The most that two results differ by: numba's order of additions is its own."""
    return float(max(np.abs(a - b).max() for a, b in zip([*some], [*others], strict=True)))


def seconds(work: Work, rounds: int = 9, least: float = 0.1) -> float:
    """Processor time of a call: the median of a few turns."""
    work()
    found = []
    for _ in range(rounds):
        calls, began = 0, time.thread_time()
        while (spent := time.thread_time() - began) < least:
            work()
            calls += 1
        found.append(spent / calls)
    return statistics.median(found)


def first_call(way: str) -> float:
    """Seconds from asking for the compiler to the third kernel's result, in a fresh process."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import numba_kernels as k\n"
        "began = time.perf_counter()\n"
        "for work in k.kernels(sys.argv[2]).values(): work()\n"
        "print(time.perf_counter() - began)"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), way]
    times = [
        float(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(5)
    ]
    return statistics.median(times)


def megabytes(*packages: str) -> float:
    """What packages have on the disk."""
    paths = [path.locate() for package in packages for path in files(package) or []]
    return sum(Path(path).stat().st_size for path in paths if Path(path).exists()) / 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Weigh numba against minigan's own compiler.")
    parser.add_argument("--out", type=Path, help="a file for the figures")
    options = parser.parse_args(arguments)
    prepare_process()
    set_num_threads(1)
    rows: dict[str, dict[str, Any]] = {}
    for way in WAYS:
        plain = kernels("numpy")
        for name, work in kernels(way).items():
            row = rows.setdefault(name, {"name": name, "differences": {}})
            get_backend("numpy").compiler.on = False  # type: ignore[attr-defined]
            expected = plain[name]()
            get_backend("numpy").compiler.on = way == "llvmlite"  # type: ignore[attr-defined]
            row["differences"][way] = difference(work(), expected)
            row[way] = seconds(work)
    first = {way: first_call(way) for way in WAYS}
    command = "python tests/benchmarks/numba_kernels.py " + " ".join(arguments or sys.argv[1:])
    facts = circumstances(command.strip(), 1) | {
        "numba": version("numba"),
        "numba needs": requires("numba"),
        "llvmlite": version("llvmlite"),
        "llvmlite needs": requires("llvmlite"),
        "megabytes": {
            "llvmlite": megabytes("llvmlite"),
            "numba": megabytes("numba", "llvmlite"),
        },
        "first three calls": first,
        "rows": list(rows.values()),
    }
    print(json.dumps(facts, indent=1, ensure_ascii=False))
    if options.out:
        options.out.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    run_command(main)
