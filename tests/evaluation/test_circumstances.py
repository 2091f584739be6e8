"""Where and when something was measured: plain values, and those of this machine."""

import json
import sys

import numpy as np

from minigan.evaluation import circumstances as module


def test_says_what_ran_where_and_with_what():
    found = module.circumstances("python examples/evaluate.py runs/gan", threads=1)
    assert json.loads(json.dumps(found)) == found
    assert found["command"] == "python examples/evaluate.py runs/gan"
    assert found["threads"] == 1
    assert found["machine"]["processor"] and found["machine"]["cores"] >= 1
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert found["versions"]["BLAS kernel"]


def test_without_a_number_of_threads_they_are_the_cores():
    found = module.circumstances("x")
    assert found["threads"] == found["machine"]["cores"]


def test_without_an_installed_package_it_says_so(monkeypatch):
    def missing(name):
        raise module.PackageNotFoundError(name)

    monkeypatch.setattr(module, "version", missing)
    assert module.versions()["minigan"] == "not installed"
