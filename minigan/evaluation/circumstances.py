"""Where, when and by which command something was measured, to be written beside what was found.

A figure without these cannot be found again: another processor, another NumPy or another number of
threads rounds otherwise, and a game makes a small difference a large one.

Next: ../plots/picture.py.
"""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info


def circumstances(command: str, threads: int | None = None) -> dict[str, Any]:
    """The command, the date (UTC), the machine and the versions, as plain values.

    `threads` is how many were asked for; None: as many as the machine has cores.
    """
    here = machine()
    return {
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M"),
        "threads": threads or here["cores"],
        "machine": here,
        "versions": versions(),
    }


def machine() -> dict[str, Any]:
    """The processor, as Linux tells it or else Python, and the cores that may be used."""
    facts: dict[str, str] = {}
    if (path := Path("/proc/cpuinfo")).exists():
        first, _, _ = path.read_text(encoding="utf-8").partition("\n\n")
        for line in first.splitlines():
            name, _, value = line.partition(":")
            facts[name.strip()] = value.strip()
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "family": facts.get("cpu family"),
        "model": facts.get("model"),
        "cores": len(affinity(0)) if affinity else os.cpu_count() or 1,
        "system": platform.system(),
    }


def versions() -> dict[str, str]:
    """minigan, Python, NumPy, and which kernel NumPy's BLAS library took for this processor."""
    try:
        own = version("minigan")
    except PackageNotFoundError:  # run from its folder
        own = "not installed"
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {
        "minigan": own,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "BLAS": ", ".join(f"{b['internal_api']} {b['version']}" for b in blas),
        "BLAS kernel": ", ".join(str(b.get("architecture")) for b in blas),
    }
