"""`python -m minigan --info` tells what a bug report needs, and nothing else."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

import minigan
from minigan.__main__ import info, main
from minigan.backend import get_backend

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "minigan", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_a_row_for_each_thing() -> None:
    rows = dict((line[:16].strip(), line[16:]) for line in run("--info").splitlines())
    assert list(rows) == list(info())
    assert rows["minigan"] == minigan.__version__
    assert rows["NumPy"] == np.__version__
    assert "threads: " in rows["matrix products"]
    assert f"hypothesis {hypothesis.__version__}" in rows["packages"].split(", ")


def test_without_a_flag_it_says_how_to_use_it() -> None:
    said = run()
    assert "usage: python -m minigan [-h] [--info]" in said
    assert "examples/mnist_gan.py" in said and (ROOT / "examples" / "mnist_gan.py").exists()


def test_only_variables_that_steer_the_computing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("MINIGAN_KEEP_MEMORY", "0")
    monkeypatch.setenv("MY_TOKEN", "secret")
    told = info()["environment"].split(", ")
    assert {"OPENBLAS_CORETYPE=Haswell", "MINIGAN_KEEP_MEMORY=0"} <= set(told)
    assert "secret" not in str(info())


def test_names_the_gpu_or_says_in_one_line_why_there_is_none(
    backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if backend.name == "numpy":
        monkeypatch.setitem(sys.modules, "cupy", None)  # as if it were not installed
        assert info()["GPU"].startswith("none: CuPy is ")
    else:
        assert info()["GPU"].startswith(f"{backend.gpu}, CuPy {backend.xp.__version__}, CUDA ")
    assert "\n" not in info()["GPU"]


def test_an_unknown_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--inform-me"])
    assert "--inform-me" in capsys.readouterr().err


@pytest.mark.parametrize("system", ["gan", "conditional_gan"])
def test_it_shows_what_a_recorded_step_does(system, capsys):
    assert main(["--recorded", system]) == 0
    said = capsys.readouterr().out
    assert ": float32 of shape" in said and "def step(" in said and "adam(" in said


def test_a_system_that_there_is_not_is_named(capsys):
    assert main(["--recorded", "gam"]) == 2
    assert capsys.readouterr().err.startswith("error: 'gam' is none of gan, dcgan, ")


def test_a_step_that_must_not_be_recorded_is_not(monkeypatch, capsys):
    monkeypatch.setattr(get_backend("numpy").compiler, "on", False)
    assert main(["--recorded", "gan"]) == 2
    assert "MINIGAN_COMPILE=0" in capsys.readouterr().err
