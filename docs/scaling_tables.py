"""The tables of docs/scaling.md, and the model of what a step costs on N processes.

Each function takes the content of one file in docs/results/data/ and returns Markdown; tables.py
puts it on the page.

    step(N) = (a + b · B/N) · max(1, N/cores) + messages · latency + bytes / bandwidth

a and b are the straight line through three batch sizes on one process; latency and bandwidth are
those of the messages that were timed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from layout import table

Found = dict[str, Any]
SYSTEMS = {"mlp": "MLP GAN", "dcgan": "DCGAN, 32 × 32"}

# What nobody has measured here: the two machines of the prediction.
GPUS = {"name": "8 GPUs", "ranks": 8, "latency": 20e-6, "bandwidth": 200e9}
MACHINES = {"name": "64 machines", "ranks": 64, "latency": 50e-6, "bandwidth": 1.25e9}


def small(value: float) -> str:
    """1.9e-13 as 1.9 · 10⁻¹³; 0 as 0."""
    if value == 0:
        return "0"
    digits, _, exponent = f"{value:.1e}".partition("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits} · 10{raised}"


def equal_table(found: Found) -> str:
    """How far N ranks end from one process, for every system."""
    rows = []
    for name, sizes in found["systems"].items():
        cells = [small(sizes[n]["farthest"]) for n in ("2", "3", "4")]
        worst = max(sizes[n]["biases before batch norm"] for n in ("2", "3", "4"))
        rows.append([f"`{name}`", *cells, small(worst) if worst else ""])
    head = ["system", "2 ranks", "3 ranks", "4 ranks", "biases before batch norm"]
    return table(head, ["left", *["right"] * 4], rows)


def kill_table(found: Found) -> str:
    """What was seen as ranks were killed."""
    kills = found["kills"]
    early = [kill for kill in kills if not kill["witnessed"]]
    late = [kill for kill in kills if kill["witnessed"]]
    slowest = max(kill["seconds until all had ended"] for kill in kills)
    codes = sorted({kill["exit code"] for kill in kills})
    rows = [
        ["until all others had ended, at most", f"{slowest:.2f} s"],
        ["exit code of mpiexec", ", ".join(map(str, codes))],
        ["killed while Python was being loaded: mpiexec's words alone", f"{len(early)}"],
        ["killed later", f"{len(late)}"],
        ["of those, one line that names the right rank", f"{sum(k['right rank'] for k in late)}"],
        [f"farthest from one process after {found['steps']} rounds", small(found["farthest"])],
    ]
    head = [f"{len(kills)} kills in {found['runs']} runs on 2 to 4 ranks, seed {found['seed']}", ""]
    return table(head, ["left", "left"], rows)


def step_model(found: Found, system: str) -> tuple[float, float]:
    """a and b of a + b · batch, in ms: a straight line through three batches, least squares."""
    whole = found["batch"]
    steps = found["steps"][system]
    points = [(whole, steps["minigan, 1"]["ms"])]
    points += [(n, steps[f"minigan, 1, batch {n}"]["ms"]) for n in (whole // 2, whole // 4)]
    mean_x, mean_y = (sum(column) / 3 for column in zip(*points, strict=True))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points)
    slope /= sum((x - mean_x) ** 2 for x, _ in points)
    return mean_y - slope * mean_x, slope


def network(found: Found, ranks: int) -> tuple[float, float]:
    """Latency in ms, and bytes per ms, of messages between so many ranks on this machine."""
    timed = {int(size): ms for size, ms in found["messages"][str(ranks)].items()}
    largest = max(timed)
    return timed[1], 4 * largest / max(timed[largest] - timed[1], 1e-9)


def predicted(found: Found, system: str, ranks: int) -> float:
    """Milliseconds of a step, by the model."""
    a, b = step_model(found, system)
    cores = found["machine"]["cores"]
    compute = (a + b * found["batch"] / ranks) * max(1, ranks / cores)
    if ranks == 1:
        return compute
    sent = found["steps"][system][f"minigan, {ranks}"]
    latency, bandwidth = network(found, ranks)
    return compute + sent["messages"] * latency + sent["bytes"] / bandwidth


def steps_table(found: Found) -> str:
    """A step on N processes: measured, by the model, and in torch."""
    rows = []
    for system, title in SYSTEMS.items():
        steps = found["steps"][system]
        for name, text in (
            ("one process, two threads", "1, two threads"),
            *((str(n), str(n)) for n in (1, 2, 4)),
        ):
            ours, theirs = steps[f"minigan, {name}"], steps[f"torch, {name}"]
            model = f"{predicted(found, system, int(name)):.0f}" if name.isdigit() else ""
            images = found["batch"] / ours["ms"] * 1e3
            sent = ["", "", ""]
            if ours["messages"]:
                size = f"{ours['bytes'] / 1e6:.2f}"
                sent = [f"{ours['messages']:.0f}", size, f"{ours['message ms']:.1f}"]
            figures = [f"{ours['ms']:.1f}", f"{images:,.0f}", model, *sent, f"{theirs['ms']:.1f}"]
            rows.append([title, text, *figures])
            title = ""
    head = ["", "processes", "ms a step", "images/s", "model", "messages", "MB", "ms in them"]
    return table([*head, "torch DDP, ms"], ["left", *["right"] * 8], rows)


def messages_table(found: Found) -> str:
    """What it takes to add up so many numbers."""
    rows = []
    for size in found["messages"]["2"]:
        cells = [f"{found['messages'][n][size]:.3f}" for n in ("2", "4")]
        rows.append([f"{int(size):,}", *cells])
    return table(["float32 numbers", "2 ranks, ms", "4 ranks, ms"], ["right"] * 3, rows)


def prediction_table(found: Found) -> str:
    """What the messages of a step would take elsewhere, by the assumptions at the top."""
    rows = []
    for system, title in SYSTEMS.items():
        sent = found["steps"][system]["minigan, 4"]
        a, b = step_model(found, system)
        for place in (GPUS, MACHINES):
            n = place["ranks"]
            hops = sent["messages"] * place["latency"] * math.log2(n) * 1e3
            carried = 2 * (n - 1) / n * sent["bytes"] / place["bandwidth"] * 1e3
            compute = f"{a + b * found['batch']:.0f}" if place is MACHINES else "not measured"
            rows.append([title, place["name"], f"{hops:.2f}", f"{carried:.2f}", compute])
            title = ""
    head = ["", "on", "latency, ms", "bytes, ms", "computing 64 images on each rank, ms"]
    return table(head, ["left", "left", *["right"] * 3], rows)


TABLES: dict[str, tuple[str, Callable[[Found], str]]] = {
    "ranks-equal": ("ranks.json", equal_table),
    "ranks-killed": ("kill_ranks.json", kill_table),
    "scaling-steps": ("scaling.json", steps_table),
    "scaling-messages": ("scaling.json", messages_table),
    "scaling-prediction": ("scaling.json", prediction_table),
}
