"""The setting for OpenBLAS is made in time, and never over somebody's own."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("program", "own", "expected"),
    [
        ("import minigan", {}, "18"),
        ("import numpy, minigan", {}, "None"),  # too late
        ("import minigan", {"OPENBLAS_THREAD_TIMEOUT": "20"}, "20"),
    ],
)
def test_the_setting(program: str, own: dict[str, str], expected: str) -> None:
    others = {k: v for k, v in os.environ.items() if k != "OPENBLAS_THREAD_TIMEOUT"}
    show = "; import os; print(os.environ.get('OPENBLAS_THREAD_TIMEOUT'))"
    run = [sys.executable, "-c", program + show]
    result = subprocess.run(run, env=others | own, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == expected
