"""From times to tables: medians, quartiles and ratios, as Markdown that a terminal shows well."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from contenders import ENTRIES

Results = dict[str, Any]
MEGA = 1e6


def summary(rounds: list[list[float]], reference: list[list[float]] | None) -> dict[str, Any]:
    """Seconds over all repetitions, and how many times longer than the reference it took.

    The ratio compares each round with the reference's round beside it, which the machine treated
    alike; from these ratios come its median and quartiles. `reference` is the median of those
    rounds alone.
    """
    times = [time for turn in rounds for time in turn]
    result: dict[str, Any] = {
        "median": statistics.median(times),
        "quartiles": quartiles(times),
        "fastest": min(times),
        "repetitions": len(times),
        "round medians": [statistics.median(turn) for turn in rounds],
    }
    if reference is not None:
        ratios = [
            statistics.median(turn) / statistics.median(other)
            for turn, other in zip(rounds, reference, strict=True)
        ]
        result["ratio"] = statistics.median(ratios)
        result["ratio quartiles"] = quartiles(ratios)
        result["reference"] = statistics.median(statistics.median(turn) for turn in reference)
    return result


def quartiles(values: Sequence[float]) -> list[float]:
    if len(values) < 2:
        return [values[0], values[0]]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, high]


# ---------------------------------------------------------------------------------------------
# Tables


def markdown(results: Results) -> str:
    """Everything that was measured, and where."""
    operations = results.get("operations", [])
    overheads = [case for case in operations if case["layer"][0] == "chain"]
    others = [case for case in operations if case["layer"][0] != "chain"]
    sections = ["# Benchmark", _circumstances(results)]
    if results.get("steps"):
        sections += ["## Training steps", *[_step(case) for case in results["steps"]]]
    if results.get("growth"):
        sections += ["## How cost grows", _growth(results["growth"])]
    if others:
        sections += ["## Single operations", _operations(others)]
    if overheads:
        sections += ["## Microseconds per operation on 4 × 4 numbers", _overheads(overheads)]
    return "\n\n".join(sections) + "\n"


def _circumstances(results: Results) -> str:
    machine, turns, watch = results["machine"], results["turns"], results["disturbance"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores to use, **threads: "
        f"{results['threads']}**, {machine['system']}, Python {machine['python']}; "
        f"{machine['time']}, load average at the start {machine['load']:.2f}.",
        "",
    ]
    if machine["variables"]:
        text = ", ".join(f"{name}={value}" for name, value in machine["variables"].items())
        lines += [f"Variables that steer the libraries: {text}.", ""]
    for name, versions in results["versions"].items():
        said = ", ".join(f"{what} {version}" for what, version in versions.items())
        lines.append(f"* **{name}**: {ENTRIES[name].note} ({said})")
    lines += [f"* **{name}**: skipped, {why}" for name, why in results["skipped"].items()]
    lines += [
        "",
        f"Each contender has its own process, and they take turns: {turns['rounds']} of at least "
        f"{turns['seconds']:g} s each, a fifth of that for single operations; in training steps "
        "the first contender meets the others one by one. ÷ says how many "
        "times longer than the first contender's the turn beside it was (median and quartiles). "
        f"While one was at work, the waiting ones used at most {watch['waiting']:.2f} of a core, "
        f"and other programs {watch['strangers']:.2f}.",
    ]
    return "\n".join(lines + [f"\n**Warning: {text}.**" for text in results["warnings"]])


def _step(case: dict[str, Any]) -> str:
    rows = []
    for name, row in case["rows"].items():
        low, high = row.get("ratio quartiles", (1, 1))
        rows.append(
            [
                name,
                _ms(row["median"]),
                "–".join(_ms(value) for value in row["quartiles"]),
                _ms(row["fastest"]),
                f"{row['ratio']:.2f} ({low:.2f}–{high:.2f})" if "ratio" in row else "",
                f"{case['images'] / row['median']:.0f}",
                f"{row['peak'] / MEGA:.0f}",
                f"{row['at start'] / MEGA:.0f}",
            ]
        )
    head = ["", "ms", "quartiles", "fastest", "÷", "images/s", "peak MB", "of it the library"]
    lines = [f"### {case['name']}", "", table(head, rows)]
    differences = [row["difference"] for row in case["rows"].values() if "difference" in row]
    if len(differences) > 1:
        text = f"From equal weights and noise, losses differ by at most {max(differences):.1e}."
        lines += ["", text]
    lines += [f"\n{name}: {why}." for name, why in case["unsupported"].items()]
    return "\n".join(lines)


def _growth(cases: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for case in cases for name in case["rows"]))
    rows = []
    for case in cases:
        cells = [case["name"]]
        for name in names:
            if (row := case["rows"].get(name)) is None:
                cells += ["–"] * 3
                continue
            cells.append(_ms(row["median"] / case["images"]) + _ratio(row))
            cells.append(f"{(row['peak'] - row['at start']) / case['images'] / MEGA:.3f}")
            cells.append(f"{row['peak'] / MEGA:.0f}")
        rows.append(cells)
    head = ["", *[f"{name} {of}" for name in names for of in ("ms/image", "MB/image", "peak MB")]]
    note = "MB per image is the peak less what the library took before there was a network."
    return f"{table(head, rows)}\n\n{note}"


def _operations(cases: list[dict[str, Any]]) -> str:
    names = _names(cases)
    best: dict[str | None, float] = {}  # operation: the best rate that any contender reached
    rows = []
    for case in cases:
        work, unit = case["flops"] or case["bytes"], "GFLOP/s" if case["flops"] else "GB/s"
        for part, by_name in case["parts"].items():
            best[case["name"]] = max(work / row["fastest"] for row in by_name.values())
            limit = best.get(case["limit"])
            cells = [case["name"], part]
            for name in names:
                if (row := by_name.get(name)) is None:
                    cells += ["–", ""]
                    continue
                cells.append(_ms(row["median"]) + _ratio(row))
                rate = f"{work / row['median'] / 1e9:.3g} {unit}" if work else ""
                if limit:
                    rate += f", {work / row['median'] / limit:.0%}"
                cells.append(rate)
            rows.append(cells)
    head = ["", "", *[text for name in names for text in (f"{name} ms", "rate")]]
    note = (
        "The percentage is of the fastest matrix product or, for Adam, of the fastest copy of as "
        "much memory, whoever's it was. A convolution's work is counted as its definition has it: "
        "who needs fewer multiplications can exceed 100%."
    )
    return f"{table(head, rows)}\n\n{note}"


def _overheads(cases: list[dict[str, Any]]) -> str:
    names = _names(cases)
    rows = []
    for case in cases:
        for part, by_name in case["parts"].items():
            times = [by_name[name]["median"] if name in by_name else None for name in names]
            cells = ["–" if t is None else f"{t / case['length'] * 1e6:.2f}" for t in times]
            rows.append([case["name"], part, *cells])
    return table(["", "", *names], rows)


def _names(cases: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(n for case in cases for part in case["parts"].values() for n in part))


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.4g}"


def _ratio(row: dict[str, Any]) -> str:
    return f" ÷{row['ratio']:.2f}" if "ratio" in row else ""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns also line up as plain text; numbers to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join([line(head), line(rule), *[line(row) for row in rows]])
