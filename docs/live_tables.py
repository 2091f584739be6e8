"""The tables of docs/live.md: what tests/live/measure.py has found.

Each function takes the content of docs/results/data/live.json and returns Markdown; tables.py puts
it on the page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from layout import table

Found = dict[str, Any]


def server_table(found: Found) -> str:
    """How fast the game on the plane is played, with so many pages that look."""
    rows = [
        [
            str(row["pages"]),
            f"{row['rounds a second']:.0f}",
            f"{row['frames a second of a page']:.1f}" if row["pages"] else "",
        ]
        for row in found["from the server"]
    ]
    head = ["pages that look", "rounds a second", "frames a second of each page"]
    return table(head, ["right"] * 3, rows)


def browser_table(found: Found) -> str:
    """How fast the games are inside the browser."""
    inside = found["in the browser"]
    rows = [
        [f"points on a plane, width {row['width']}", f"{row['rounds a second']:.0f}"]
        for row in inside["plane"]
    ]
    digits = inside["digits"]
    rows.append(
        [
            f"digits, the small recipe, for {digits['seconds']:.0f} s: {digits['rounds']:,} rounds",
            f"{digits['rounds a second']:.0f}",
        ]
    )
    head = [f"Chromium {inside['Chromium']}, Pyodide {inside['Pyodide']}", "rounds a second"]
    return table(head, ["left", "right"], rows)


def weight_table(found: Found) -> str:
    """What a first visit loads, uncompressed."""
    sizes = found["in the browser"]["bytes of a first visit"]
    names = {"page": "the page", "minigan": "minigan", "digits": "10,000 digits"}
    names["Pyodide"] = "Python, NumPy, Pillow and threadpoolctl"
    rows = [[name, f"{sizes[kind]:,}"] for kind, name in names.items()]
    rows.append(["all of it", f"{sum(sizes.values()):,}"])
    return table(["a first visit loads", "bytes"], ["left", "right"], rows)


def machine_table(found: Found) -> str:
    """Where and by what command."""
    machine, versions = found["machine"], found["versions"]
    rows = [
        [
            f"`{found['command']}`",
            found["date"],
            f"{machine['processor']}, family {machine['family']}",
            str(machine["cores"]),
            versions["numpy"],
            f"{found['in the browser']['seconds until it can be played']:.1f} s",
        ]
    ]
    head = ["command", "date", "processor", "cores", "NumPy", "from the address to the first frame"]
    return table(head, ["left"] * 6, rows)


FILE = "live.json"
TABLES: dict[str, tuple[str, Callable[[Found], str]]] = {
    "live server": (FILE, server_table),
    "live browser": (FILE, browser_table),
    "live weight": (FILE, weight_table),
    "live machine": (FILE, machine_table),
}
