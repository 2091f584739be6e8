"""The tables of docs/live.md say what the measurement says, and all of it."""

import copy
import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
tables = importlib.import_module("live_tables")

FOUND = {
    "from the server": [
        {"pages": 0, "rounds a second": 211.4, "frames a second of a page": 0.0},
        {"pages": 10, "rounds a second": 199.6, "frames a second of a page": 12.34},
    ],
    "in the browser": {
        "Chromium": "1.2", "Pyodide": "3.4", "seconds until it can be played": 5.67,
        "plane": [{"width": 16, "rounds a second": 51.2}],
        "digits": {"seconds": 120.2, "rounds": 2345, "rounds a second": 19.5},
        "bytes of a first visit": {"page": 1, "minigan": 20, "digits": 300, "Pyodide": 40_000},
    },
    "command": "python measure.py", "date": "2030-01-01 00:00",
    "machine": {"processor": "abacus", "family": "1", "cores": 2}, "versions": {"numpy": "2"},
}  # fmt: skip


def made(found):
    return [make(found) for _, make in tables.TABLES.values()]


def test_they_have_the_numbers():
    server, browser, weight, machine = made(FOUND)
    assert "| 0 | 211 | |" in server and "| 10 | 200 | 12.3 |" in server
    assert "Chromium 1.2, Pyodide 3.4" in browser and "width 16 | 51 |" in browser
    assert "for 120 s: 2,345 rounds | 20 |" in browser
    assert "| Python, NumPy, Pillow and threadpoolctl | 40,000 |" in weight
    assert "| all of it | 40,321 |" in weight
    assert (
        "| `python measure.py` | 2030-01-01 00:00 | abacus, family 1 | 2 | 2 | 5.7 s |" in machine
    )


def test_another_number_makes_another_table():
    other = copy.deepcopy(FOUND)
    other["from the server"][1]["rounds a second"] += 100
    other["in the browser"]["plane"][0]["rounds a second"] += 100
    other["in the browser"]["bytes of a first visit"]["page"] += 100
    other["date"] = "2031-01-01"
    assert all(one != another for one, another in zip(made(FOUND), made(other), strict=True))
