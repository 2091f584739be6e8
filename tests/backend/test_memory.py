"""Freed memory is kept where the C library can, and not where somebody does not want it."""

import os
import subprocess
import sys

import pytest

from minigan.backend.memory import keep_freed_memory

# Page faults of ten large arrays, after a first one: 4,096 pages each if their memory is new.
PROGRAM = """
import minigan, numpy as np, resource
np.ones(1 << 21)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(1 << 21)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment: str) -> int:
    run = [sys.executable, "-c", PROGRAM]
    result = subprocess.run(
        run, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return int(result.stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="this C library has no mallopt")
def test_the_next_array_gets_the_memory_of_the_last() -> None:
    assert faults() < 100


def test_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGAN_KEEP_MEMORY", "0")
    assert not keep_freed_memory()
