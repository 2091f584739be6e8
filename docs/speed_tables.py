"""The tables of docs/performance.md that are of a few files each; tables.py puts them on the page.

Each function takes a way to read a file of docs/results/data/, which gives None where there is
none, and returns Markdown.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from layout import table

Read = Callable[[str], Any]
HOW = ("idle", "busy")
NOT_YET = "(This has not been measured yet.)"


def milliseconds(seconds: float) -> str:
    """Three digits or so: 0.123, 1.23, 12.3, 123."""
    value = seconds * 1e3
    places = next((3 - i for i, limit in enumerate((1, 10, 100)) if value < limit), 0)
    return f"{value:.{places}f}"


def beside_table(read: Read) -> str:
    """A round on one thread and on two, alone and beside another program, before and after."""
    old, new = read("beside-before.json"), read("beside.json")
    if old is None or new is None:
        return NOT_YET
    before = {row["name"]: row["times"] for row in old["rows"]}
    rows = []
    for row in new["rows"]:
        cells = [row["name"], *[milliseconds(row["times"][f"1 {how}"]["median"]) for how in HOW]]
        for times in (before[row["name"]], row["times"]):
            idle, busy = times["2 idle"]["median"], times["2 busy"]
            share = busy["median"] / times["1 busy"]["median"]
            cells += [milliseconds(idle), milliseconds(busy["median"]), f"{share:.2f}"]
            cells.append(milliseconds(busy["ninth of ten"]))
        rows.append(cells)
    both = ["alone", "beside", "÷", "9 of 10"]
    head = ["ms", "1 thread: alone", "beside", *[f"before: {both[0]}", *both[1:]]]
    return table([*head, f"now: {both[0]}", *both[1:]], ["left", *["right"] * 10], rows)


def first_run_table(read: Read) -> str:
    """Installing and running, with and without machine code: seconds by the clock."""
    if (found := read("first-run.json")) is None:
        return NOT_YET
    ways = found["ways"]
    installs = [way["install"] for way in ways.values()]
    rows = [
        ["installation", *[f"{_median(some):.1f}" for some in installs]],
        ["… on the disk, MB", *[f"{some[0]['bytes'] / 1e6:.0f}" for some in installs]],
    ]
    for length in ways["NumPy"]["runs"]:
        steps = length.rpartition(" ")[2]
        name = f"a run of {steps} iteration{'s' * (steps != '1')}"
        name = "the whole default training" if length == "whole" else name
        rows.append([name, *[f"{_median(way['runs'][length]):.1f}" for way in ways.values()]])
    return table(["", "`-e .`", '`-e ".[fast]"`'], ["left", "right", "right"], rows)


def _median(runs: list[dict[str, float]]) -> float:
    return statistics.median(run["seconds"] for run in runs)


def numba_table(read: Read) -> str:
    """Three kernels by NumPy, by our compiler and by numba."""
    if (found := read("numba.json")) is None:
        return NOT_YET
    ways = ("numpy", "llvmlite", "numba")
    rows = [
        [f"{row['name']}, µs", *[f"{row[way] * 1e6:,.0f}" for way in ways]] for row in found["rows"]
    ]
    first, sizes = found["first three calls"], found["megabytes"]
    rows.append(["the first call of all three, s", *[f"{first[way]:.2f}" for way in ways]])
    rows.append(["on the disk, MB", "", *[f"{sizes[way]:.0f}" for way in ways[1:]]])
    return table(["", "NumPy", "llvmlite", "numba"], ["left", *["right"] * 3], rows)


# Goals: the case of benchmark.json, whom to compare with, and how many times longer it should take.
GOALS = [
    ("MLP GAN, batch 64", "minigan", "jax-jit", 1.0),
    ("MLP GAN, batch 64", "minigan", "torch-eager", 2.4),
    ("MLP GAN, batch 64", "minigan", "torch-tuned", 1.6),
    ("MLP GAN, batch 64", "minigan", "torch-compile", 1.7),
    ("MLP GAN, batch 128", "minigan", "jax-jit", 1.0),
    ("MLP GAN, batch 128", "minigan", "torch-eager", 2.0),
    ("WGAN-GP, MLP, batch 64", "minigan", "jax-jit", 1.0),
    ("DCGAN 32×32×1, batch 64", "minigan", "torch-channels-last", 1.15),
    ("DCGAN 64×64×3, batch 128", "minigan", "torch-channels-last", 1.15),
    ("DCGAN 64×64×3, batch 128", "minigan", "torch-eager", 1.6),
    ("WGAN-GP, convolutions, batch 64", "minigan", "torch-eager", 1.2),
    ("WGAN-GP, convolutions, batch 64", "minigan", "torch-channels-last", 1.2),
    ("MLP GAN, batch 64", "minigan-loop", "torch-eager", 1.9),
    ("MLP GAN, batch 128", "minigan-loop", "torch-eager", 1.7),
    ("DCGAN 64×64×3, batch 64", "minigan-loop", "torch-eager", 1.25),
    ("DCGAN 64×64×3, batch 64", "minigan-loop", "torch-channels-last", 1.1),
]
NAMES = {"minigan": "minigan", "minigan-loop": "minigan, the same loop", "jax-jit": "JAX, jit"}
FILES = {  # where its steps are
    "minigan": ["benchmark/benchmark.json", "images/benchmark.json"],
    "minigan-loop": ["loop/benchmark.json"],
}


def goals_table(read: Read) -> str:
    """What was aimed at, what was measured, and whether it was met."""
    rows = []
    for case, own, other, goal in GOALS:
        files = [read(name) or {"steps": []} for name in FILES[own]]
        steps = [step for file in files for step in file["steps"]]
        found = next((step["rows"] for step in steps if step["name"] == case), {})
        measured, met = "not measured", ""
        if "ratio" in found.get(other, {}):
            ratio = found[other]["ratio"]
            low, high = found[other]["ratio quartiles"]
            measured, met = f"{ratio:.2f} ({low:.2f}–{high:.2f})", "yes" if ratio >= goal else "no"
        name = NAMES.get(other, other.replace("-", " ", 1))
        rows.append([case, f"{name} ÷ {NAMES[own]}", f"≥ {goal:g}", measured, met])
    head = ["step", "", "goal", "measured", "met"]
    return table(head, ["left", "left", "right", "right", "left"], rows)


def loop_table(read: Read) -> str:
    """The same loop, word for word, through torch's names."""
    if (found := read("loop/benchmark.json")) is None:
        return NOT_YET
    rows = []
    for case in found["steps"]:
        name = case["name"]
        for who, row in case["rows"].items():
            ratio = ""
            if "ratio" in row:
                low, high = row["ratio quartiles"]
                ratio = f"{row['ratio']:.2f} ({low:.2f}–{high:.2f})"
            label = NAMES.get(who, who.replace("-", " ", 1))
            rows.append([name, label, milliseconds(row["median"]), ratio])
            name = ""
    head = ["step", "", "ms", "÷ the same loop through minigan"]
    return table(head, ["left", "left", "right", "right"], rows)


def shares_table(read: Read) -> str:
    """Where the time of a replayed round goes, by the kind of call."""
    files = [read(name) for name in ("shares.json", "shares-2.json")]
    found = [file for file in files if file]
    kinds = list(
        dict.fromkeys(kind for file in found for row in file["rows"] for kind in row["kinds"])
    )
    kinds.sort(key="the rest".__eq__)  # which comes last
    rows = []
    for file in found:
        for row in file["rows"]:
            times = [row["round"], *[row["kinds"].get(kind) for kind in kinds]]
            limit = row["limit"] if "convolutions" not in row["kinds"] else None
            cells = ["" if t is None else milliseconds(t) for t in (*times, limit)]
            rows.append([row["name"], str(file["threads"]), *cells])
    if not rows:
        return NOT_YET
    head = ["ms", "threads", "a round", *kinds, "the limit"]
    return table(head, ["left", *["right"] * (len(head) - 1)], rows)


def openblas_table(read: Read) -> str:
    """Others' time ÷ minigan's, with the kernels that OpenBLAS chooses and with Haswell's."""
    files = [read(f"{name}/benchmark.json") for name in ("benchmark", "images", "haswell")]
    if not all(files):
        return NOT_YET
    usual = {step["name"]: step["rows"] for file in files[:2] for step in file["steps"]}
    rows = []
    for step in files[2]["steps"]:
        name = step["name"]
        for other, row in step["rows"].items():
            before = usual[step["name"]].get(other, {})
            if "ratio" in row and "ratio" in before:
                label = NAMES.get(other, other.replace("-", " ", 1))
                cells = [
                    f"{each['ratio']:.2f} ({each['ratio quartiles'][0]:.2f}–"
                    f"{each['ratio quartiles'][1]:.2f})"
                    for each in (before, row)
                ]
                rows.append([name, label, *cells])
                name = ""
    chosen = files[0]["versions"]["minigan"]["BLAS kernel"]
    return table(["step", "÷ minigan", chosen, "Haswell"], ["left", "left", "right", "right"], rows)


TABLES: dict[str, Callable[[Read], str]] = {
    "beside": beside_table,
    "first-run": first_run_table,
    "numba": numba_table,
    "goals": goals_table,
    "loop": loop_table,
    "shares": shares_table,
    "openblas": openblas_table,
}
