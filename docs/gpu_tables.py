"""The tables of docs/results/gpu.md: what tests/benchmarks/gpu_check.py has found.

Each function takes the content of docs/results/data/gpu.json and, behind the table's name, a case
or nothing; it returns Markdown. tables.py puts it on the page, and gpu_check.py prints it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from layout import minus, table
from scaling_tables import small
from speed_tables import milliseconds

Found = dict[str, Any]

NOT_YET = "not yet measured"
SHOWN = 15e-6  # seconds of a call that is compared with what it took before
SHARE = 0.05  # of a step's time: kernels that take less are put together
MLP, DCGAN = "MLP GAN, batch 64", "DCGAN 64×64×3, batch 128"
OURS, EAGER = "minigan, recorded", "torch, eager"
COMPILED = 'torch.compile, "reduce-overhead", tuned'


def where_table(found: Found, _: str) -> str:
    """On what it was measured, when, and by which command."""
    versions = found["versions"]
    used = [f"{name} {versions[name]}" for name in ("cupy", "torch", "numpy", "python")
            if name in versions]  # fmt: skip
    cuda = int(versions["CUDA"])
    cells = [
        found["gpu"],
        found["driver"],
        f"{cuda // 1000}.{cuda % 1000 // 10}",
        ", ".join(used),
        found["date"],
        f"`{found['command']}`",
    ]
    head = ["GPU", "driver", "CUDA", "versions", "date", "command"]
    return table(head, ["left"] * len(head), [cells])


def cases(found: Found, part: str, name: str) -> Iterator[Found]:
    """The case of that name, or all."""
    return (case for case in found[part] if name in ("", case["name"]))


def medians(case: Found) -> dict[str, float]:
    """Milliseconds of a step, by who plays it."""
    return {who: statistics.median(times) for who, times in case["turns"].items()}


def steps_table(found: Found, name: str) -> str:
    """Whole steps: the median of all turns, the least, the most, and how many times ours it is."""
    rows = []
    for case in cases(found, "steps", name):
        label, steps = case["name"], medians(case)
        for who, times in case["turns"].items():
            low, middle, high = (
                milliseconds(time / 1e3) for time in (min(times), steps[who], max(times))
            )
            ratio = f"{steps[who] / steps[OURS]:.2f}" if OURS in steps else ""
            rows.append([label, who, middle, f"{low}–{high}", ratio])
            label = ""
        for who, reason in case["failed"].items():
            rows.append([label, who, "fails: " + reason.replace("|", r"\|"), "", ""])
            label = ""
    head = ["step", "", "ms", "least–most", f"÷ {OURS}"]
    return table(head, ["left", "left", "right", "right", "right"], rows)


def kernels_table(found: Found, name: str) -> str:
    """A step's calls above SHARE of its time, all others, and what is in none of them."""
    (case,) = cases(found, "kernels", name)
    if "failed" in case:
        return f"{name}: {case['failed']}"
    step, peak = case["step"], found["peak"]
    rows, rest, count = [], 0.0, 0
    for cost in case["kernels"]:
        total = cost["calls"] * cost["seconds"]
        if total < SHARE * step:
            rest, count = rest + total, count + cost["calls"]
        else:
            rows.append(_kernel(cost, total / step, peak))
    together = sum(cost["calls"] * cost["seconds"] for cost in case["kernels"])
    blank = [""] * 4
    rows.append(["all others of these calls", str(count), "", f"{rest / step:.0%}", *blank])
    beyond = minus(f"{1 - together / step:.0%}")
    rows.append(["the difference", "", "", beyond, *blank])
    head = ["kernel", "calls", "µs each", "share", "GB/s", "of a copy's", "TFLOP/s"]
    text = table([*head, "of a product's"], ["left"] + ["right"] * 7, rows)
    calls = sum(cost["calls"] for cost in case["kernels"])
    return (
        f"{name}: a replayed step takes the GPU {milliseconds(step)} ms; its {calls} calls of the "
        f"backend's heavy methods take {milliseconds(together)} ms, one by one.\n\n{text}"
    )


def _kernel(cost: Found, share: float, peak: Found) -> list[str]:
    traffic, work = cost["bytes"] / cost["seconds"], cost["flop"] / cost["seconds"]
    best = peak["tf32" if cost["rounded"] else "float32"]
    return [
        cost["name"],
        str(cost["calls"]),
        f"{cost['seconds'] * 1e6:.2f}",
        f"{share:.0%}",
        f"{traffic / 1e9:,.0f}",
        f"{traffic / peak['copy']:.0%}",
        *([f"{work / 1e12:.2f}", f"{work / best:.0%}"] if work else ["", ""]),
    ]


KINDS = {  # by the beginning of a call's name
    "matmul": "matrix products",
    "convolution": "convolutions and their adjoints",
    "transposed_convolution": "convolutions and their adjoints",
    "kernel_gradient": "convolutions and their adjoints",
    "sum": "sums and batch norm",
    "column": "sums and batch norm",
    "Adam": "Adam",
}


def kinds_table(found: Found, _: str) -> str:
    """Of a replayed step, the microseconds of each kind of call, and what is left."""
    times: dict[str, dict[str, float]] = {}
    measured = [case for case in found["kernels"] if "failed" not in case]
    for case in measured:
        left = case["step"]
        for cost in case["kernels"]:
            name = cost["name"]
            kind = next((k for start, k in KINDS.items() if name.startswith(start)), "formulas")
            spent = cost["calls"] * cost["seconds"]
            of_case = times.setdefault(kind, {})
            of_case[case["name"]] = of_case.get(case["name"], 0) + spent
            left -= spent
        times.setdefault("the difference", {})[case["name"]] = left
        times.setdefault("a replayed step", {})[case["name"]] = case["step"]
    order = [*dict.fromkeys(KINDS.values()), "formulas", "the difference", "a replayed step"]
    names = [case["name"] for case in measured]

    def shown(kind: str, name: str) -> str:
        return f"{times[kind][name] * 1e6:,.0f}" if name in times[kind] else ""

    rows = [[kind, *(shown(kind, name) for name in names)] for kind in order if kind in times]
    return table(["µs", *names], ["left", *["right"] * len(names)], rows)


def before_table(found: Found, _: str) -> str:
    """What changed after the first measurement: calls of our own kernels, before and after."""
    rows = []
    for case in found["kernels"]:
        if "failed" in case:
            continue
        earlier = {cost["name"]: cost for cost in found["before"]["kernels"][case["name"]]}
        for cost in case["kernels"]:
            name = cost["name"]
            changed = name.startswith(("conv", "transposed", "kernel", "column_moments"))
            if not changed or name not in earlier or cost["seconds"] < SHOWN:
                continue
            one, other = earlier[name]["seconds"] * 1e6, cost["seconds"] * 1e6
            rows.append([name, f"{one:.1f}", f"{other:.1f}", f"{other / one:.2f}"])
    return table(["call", "µs before", "after", "÷"], ["left", *["right"] * 3], rows)


def peak_table(found: Found, _: str) -> str:
    """The best that the card was seen to do."""
    peak = found["peak"]
    cells = [f"{peak['copy'] / 1e9:,.0f}"]
    cells += [f"{peak[kind] / 1e12:.1f}" for kind in ("float32", "tf32")]
    head = ["GB/s in a copy", "TFLOP/s in a product, float32", "with TF32"]
    return table(head, ["right"] * 3, [cells])


def losses_table(found: Found, _: str) -> str:
    """How far the first losses of the tutorial's game are from NumPy's."""
    losses = found["losses"]
    rows = [
        [kind, small(losses[kind]["farthest"]), f"{losses[kind]['close for']} rounds"]
        for kind in ("float64", "float32")
    ]
    head = [f"losses of {losses['rounds']} rounds", "farthest from NumPy's", "within 10⁻⁴ for"]
    return table(head, ["left", "right", "right"], rows)


def run_table(found: Found, _: str) -> str:
    """A whole training, and how much of it went into what is kept of it."""
    run = found["run"]
    parts = run.get("parts", {})
    cells = [f"{seconds:.1f}" for seconds in (run["seconds"], *parts.values())]
    head = ["", "seconds in all", *(f"of them: {part}" for part in parts)]
    name = f"`{run['command']}`"
    if "stopped at" in run:
        name += f", stopped at iteration {run['stopped at']:,}"
    return table(head, ["left", *["right"] * len(cells)], [[name, *cells]])


# ---------------------------------------------------------------------------------------------
# Goals


class Goal(NamedTuple):
    """What is hoped for, and how to find what was measured: None where nothing was."""

    text: str
    limit: float
    least: bool  # whether the limit is the least that meets the goal, or the most
    find: Callable[[Found], float | None]
    show: Callable[[float], str]


def _times(value: float) -> str:
    return f"{value:.2f} ×"


def faster(case: str, other: str) -> Callable[[Found], float | None]:
    """How many times as long as ours the other's step takes."""

    def find(found: Found) -> float | None:
        steps = _steps(found, case)
        return steps[other] / steps[OURS] if {other, OURS} <= steps.keys() else None

    return find


def _steps(found: Found, case: str) -> dict[str, float]:
    return next((medians(each) for each in found.get("steps", []) if each["name"] == case), {})


def _own_step(found: Found) -> float | None:
    return _steps(found, MLP).get(OURS)


def _whole_run(found: Found) -> float | None:
    run = found.get("run", {"command": ""})
    return run["seconds"] if "--epochs 200" in run["command"] else None


def _stopped(found: Found) -> bool:
    """Whether the whole run was stopped before its end, and so would have taken longer."""
    return "stopped at" in found.get("run", {})


def _losses(found: Found) -> float | None:
    losses = found.get("losses", {"rounds": 0})
    return losses["float64"]["farthest"] if losses["rounds"] >= 100 else None


GOALS = [
    Goal(f"{MLP}: a step at least 5 × faster than torch eager", 5, True,
         faster(MLP, EAGER), _times),
    Goal('… no slower than `torch.compile(mode="reduce-overhead")`', 1, True,
         faster(MLP, COMPILED), _times),
    Goal("… at most 0.25 ms", 0.25, False, _own_step, "{:.3f} ms".format),
    Goal(f"{DCGAN}: a step no slower than torch eager with TF32", 1, True,
         faster(DCGAN, EAGER), _times),
    Goal("… no slower than `torch.compile` (stretch)", 1, True,
         faster(DCGAN, COMPILED), _times),
    Goal("the tutorial's 200 epochs (187,600 iterations) in under a minute", 60, False,
         _whole_run, "{:.0f} s".format),
    Goal("its first 100 losses within 10⁻⁹ of NumPy's, float64", 1e-9, False,
         _losses, small),
]  # fmt: skip


def goals_table(found: Found, _: str) -> str:
    """What was aimed at, what was measured, and whether it was met, or by what factor not."""
    rows = []
    for goal in GOALS:
        value = goal.find(found)
        if value is None:
            rows.append([goal.text, NOT_YET, ""])
            continue
        missed = goal.limit / value if goal.least else value / goal.limit
        measured = goal.show(value)
        met = "yes" if missed <= 1 else f"no, by a factor of {missed:.2f}"
        if goal.find is _whole_run and _stopped(found):
            measured = f"more than {measured}"
            met = "not known" if missed <= 1 else met.replace("by", "by more than")
        rows.append([goal.text, measured, met])
    return table(["goal", "measured", "met"], ["left", "right", "left"], rows)


# Of each table, the part of the file that it is made of: "" if it can do without any.
TABLES: dict[str, tuple[str, Callable[[Found, str], str]]] = {
    "gpu-where": ("gpu", where_table),
    "gpu-goals": ("", goals_table),
    "gpu-steps": ("steps", steps_table),
    "gpu-peak": ("peak", peak_table),
    "gpu-kernels": ("kernels", kernels_table),
    "gpu-kinds": ("kernels", kinds_table),
    "gpu-before": ("before", before_table),
    "gpu-losses": ("losses", losses_table),
    "gpu-run": ("run", run_table),
}


def made(name: str, found: Found | None) -> str:
    """The table of that name, such as "gpu-kernels MLP GAN, batch 64", as far as it is known."""
    kind, _, case = name.partition(" ")
    part, make = TABLES[kind]
    found = found or {}
    known = not part or bool(found.get(part))
    if known and case:
        known = any(cases(found, part, case))
    return make(found, case) if known else f"({NOT_YET.capitalize()}.)"
