"""Matplotlib is loaded where others would give up: no window, and nothing to write on."""

import os
import subprocess
import sys

import pytest

from minigan.errors import UserError
from minigan.plots import get_ready
from minigan.plots.ready import _environment

DRAW = """
import os, sys
from pathlib import Path
{before}
environment = dict(os.environ)
from minigan import plots
plots.save_losses(sys.argv[1], {{"iteration": [1, 2], "D loss": [0.5, 0.4]}})
assert dict(os.environ) == environment
assert os.listdir(Path(sys.argv[1]).parent) == ["losses.png"]
{after}
"""


def draw(path, before="", after="", **environment):
    command = [sys.executable, "-c", DRAW.format(before=before, after=after), str(path)]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("named", ["module://matplotlib_inline.backend_elsewhere", "abacus"])
def test_a_way_to_open_windows_that_is_not_there(tmp_path, named):
    done = draw(tmp_path / "losses.png", MPLBACKEND=named)
    assert done.returncode == 0, done.stderr


def test_one_that_is_there_is_kept(tmp_path):
    check = "import matplotlib; assert matplotlib.get_backend() == 'svg'"
    done = draw(tmp_path / "losses.png", after=check, MPLBACKEND="svg")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("named", ["abacus", "agg"])
def test_only_the_folder_of_the_picture_can_be_written(tmp_path, named):
    nowhere = f"""
import tempfile
def no_folder():
    raise FileNotFoundError("no usable temporary directory")
tempfile._get_default_tempdir = no_folder
os.environ["MPLCONFIGDIR"] = "/proc/nowhere"
os.environ["MPLBACKEND"] = "{named}"
"""
    done = draw(tmp_path / "losses.png", before=nowhere)
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_loaded_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # an import of None fails
    with pytest.raises(UserError, match="Matplotlib, which draws the curves, cannot be loaded"):
        get_ready()


def test_the_environment_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.delenv("MPLCONFIGDIR", raising=False)
    with pytest.raises(KeyError), _environment(True, tmp_path):
        assert "MPLBACKEND" not in os.environ and os.path.isdir(os.environ["MPLCONFIGDIR"])
        raise KeyError
    assert os.environ["MPLBACKEND"] == "agg" and "MPLCONFIGDIR" not in os.environ
    assert list(tmp_path.iterdir()) == []
