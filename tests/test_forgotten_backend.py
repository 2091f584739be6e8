"""Tests of conftest.py: a test that takes `backend` and forgets to use it fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PLANTED = """
import numpy as np
from hypothesis import given, strategies as st
from minigan.tensor import Tensor

def test_uses(backend):
    assert Tensor(np.ones(2), backend=backend).sum().item() == 2

@given(n=st.integers(1, 3))
def test_uses_drawn(backend, n):
    assert Tensor(np.ones(n), backend=backend).sum().item() == n

def test_forgets(backend):
    assert Tensor(np.ones(2)).sum().item() == 2

@given(n=st.integers(1, 3))
def test_forgets_drawn(backend, n):
    assert Tensor(np.ones(n)).sum().item() == n

def test_names_it(backend):
    assert Tensor(np.ones(2)).sum().item() == 2, backend.name
"""


def outcomes(folder: Path, backend: str) -> dict[str, str]:
    """What becomes of the planted tests, in a pytest of their own."""
    shutil.copy(TESTS / "conftest.py", folder)
    (folder / "cupy_on_cpu").symlink_to(TESTS / "cupy_on_cpu", target_is_directory=True)
    (folder / "test_planted.py").write_text(PLANTED)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "test_planted.py"]
    environment = os.environ | {"PYTHONPATH": str(TESTS.parent)}
    done = subprocess.run(
        [*command, "--backend", backend],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("test_planted.py::")]
    return {line.split("::")[1].split()[0]: line.split()[1] for line in lines}


FORGOTTEN = {
    "test_uses": "PASSED",
    "test_uses_drawn": "PASSED",
    "test_forgets": "FAILED",
    "test_forgets_drawn": "FAILED",
}


def test_on_numpy_it_must_be_mentioned(tmp_path: Path) -> None:
    assert outcomes(tmp_path, "numpy") == {**FORGOTTEN, "test_names_it": "PASSED"}


def test_on_cupy_it_must_have_been_asked(
    request: pytest.FixtureRequest, tmp_path: Path, backend: object
) -> None:
    if request.config.getoption("--backend") != "cupy-on-cpu":
        pytest.skip("looks at CuPy's: run with --backend cupy-on-cpu")
    backend.synchronize()  # type: ignore[attr-defined]
    assert outcomes(tmp_path, "cupy-on-cpu") == {**FORGOTTEN, "test_names_it": "FAILED"}
