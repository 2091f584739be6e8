"""The benchmark runs, measures what it says, and notices a contender that does other work."""

import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from minigan.errors import UserError

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def as_beside_the_program(monkeypatch):
    """`python tests/benchmarks/benchmark.py` finds what lies beside it; so do these tests."""
    monkeypatch.syspath_prepend(str(HERE))


def test_measures_a_step_and_an_operation_and_skips_what_is_not_installed(tmp_path):
    absent = tmp_path / "absent" / "tinygrad"
    absent.mkdir(parents=True)
    absent.joinpath("__init__.py").write_text(
        "raise ModuleNotFoundError('No module named tinygrad', name='tinygrad')"
    )
    command = [sys.executable, str(HERE / "benchmark.py"), "--quick"]
    command += ["--threads", "1", "--out", str(tmp_path / "out")]
    command += ["--only", "MLP GAN", "BatchNorm1d", "multiply"]
    command += ["--contenders", "minigan", "tinygrad", "torch-eager", "torch-channels-last"]
    environment = os.environ | {"PYTHONPATH": str(absent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "benchmark.md").read_text()
    assert text in done.stdout
    assert "* **tinygrad**: skipped, tinygrad is not installed" in text
    results = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert results["threads"] == 1
    assert results["versions"]["minigan"]["BLAS kernel"]
    (step,) = results["steps"]
    assert list(step["rows"]) == ["minigan", "torch-eager"]
    assert list(step["unsupported"]) == ["torch-channels-last"]
    assert 0 <= step["rows"]["torch-eager"]["difference"] < 1e-4
    for row in step["rows"].values():
        assert 0 < row["fastest"] <= row["median"]
        assert row["peak"] > row["at start"] > 0
    batch_norm, multiply = results["operations"]
    assert set(batch_norm["parts"]) == set(multiply["parts"]) == {"forward", "backward"}
    assert list(multiply["parts"]["backward"]) == ["minigan", "torch-eager"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--contenders", "keras"], "unknown contender keras"),
        (["--only", "transformer"], "no case is called transformer"),
        (["--python", "elsewhere"], "--python takes NAME=PATH"),
        (["--seconds", "-1"], "--seconds must be"),
    ],
)
def test_a_wrong_argument_is_an_error_for_people(arguments, told):
    from benchmark import main

    with pytest.raises(UserError, match=told):
        main(arguments)


def games(case, tmp_path, names=("minigan", "torch-tuned")):
    """The losses of the checked rounds, by contender, all in this process."""
    import torch
    from contenders import ENTRIES
    from contenders.cases import as_plain, from_plain
    from contenders.data import write_arrays
    from contenders.worker import read_arrays

    write_arrays(case, tmp_path / "arrays.npz")
    losses = {}
    for name in names:
        tree = read_arrays(str(tmp_path / "arrays.npz"))
        draws = [list(some.values()) for some in tree.pop("draw").values()]
        entry = ENTRIES[name]
        module = importlib.import_module(f"contenders.{entry.module}")
        contender = module.Contender(torch.get_num_threads(), **entry.options)
        game = contender.step(from_plain(json.loads(json.dumps(as_plain(case)))), tree)
        losses[name] = [game.check(some) for some in draws]
        game.play()
    return losses


@pytest.mark.parametrize("index", range(4))
def test_contenders_do_the_same_work(index, tmp_path):
    from benchmark import difference
    from contenders.cases import steps

    losses = games(steps(quick=True)[index], tmp_path)
    assert difference(losses["minigan"], losses["torch-tuned"]) < 1e-4


def test_other_work_shows_in_the_losses(tmp_path):
    from benchmark import SAME, difference
    from contenders.cases import mlp_gan

    case = mlp_gan(8, width=0.125)
    right = games(case, tmp_path, ["torch-eager"])["torch-eager"]
    slower = games(replace(case, lr=1e-4), tmp_path, ["torch-eager"])["torch-eager"]
    layers = [("batch_norm1d", *layer[1:2], 1e-5) if "norm" in layer[0] else layer
              for layer in case.generator]  # fmt: skip
    other = games(replace(case, generator=layers), tmp_path, ["torch-eager"])["torch-eager"]
    assert difference(right, right) == 0
    assert difference(right, slower) > SAME
    assert difference(right, other) > SAME


def test_who_meets_nobody_is_measured_alone():
    from benchmark import Benchmark, parse
    from contenders.cases import mlp_gan

    alone = ["--quick", "--contenders", "minigan", "torch-channels-last"]
    found = Benchmark(parse(alone)).step(mlp_gan(8, width=0.125))
    assert list(found["rows"]) == ["minigan"]
    assert list(found["unsupported"]) == ["torch-channels-last"]


def test_the_convolutions_of_both_networks_are_each_other_s_mirror():
    from contenders.cases import convolutions, dcgan

    case = dcgan(2, 64, 3)
    down = convolutions(case.discriminator, 2, 64, "product")
    up = convolutions(case.generator, 2, 1, "product")
    shapes = [(2, 3, 64, 64), (2, 64, 32, 32), (2, 128, 16, 16), (2, 256, 8, 8), (2, 512, 4, 4)]
    assert [operation.shape for operation in down] == shapes
    assert [operation.shape for operation in up[1:]] == [
        (2, 512, 4, 4), (2, 256, 8, 8), (2, 128, 16, 16), (2, 64, 32, 32)
    ]  # fmt: skip
    assert [a.flops for a in down[:4]] == [b.flops for b in up[:0:-1]]
    assert down[1].flops == 2 * 2 * (16 * 16) * 128 * (64 * 4 * 4)
    assert up[0].flops == 2 * 2 * 512 * (100 * 4 * 4)


def test_the_ratio_compares_neighboring_turns():
    """A machine that is twice as slow in the second round does not change the ratio."""
    from contenders.report import summary

    reference = [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    row = summary([[1.5, 1.5, 9.0], [3.0, 3.0, 18.0]], reference)
    assert row["ratio"] == 1.5
    assert row["ratio quartiles"] == [1.5, 1.5]
    assert row["reference"] == 1.5
    assert row["fastest"] == 1.5
    assert row["median"] == 3.0


def test_rates_are_shares_of_the_limit():
    from contenders.report import markdown

    def operation(name, seconds, limit):
        row = {"median": seconds, "fastest": seconds}
        parts = {"forward": {"minigan": row}}
        plain = {"name": name, "layer": ["matmul"], "limit": limit, "flops": 10**9, "bytes": 0}
        return plain | {"parts": parts, "length": 1}

    results = {
        "machine": dict.fromkeys(("processor", "cores", "system", "python", "time"), "?")
        | {"load": 0.0, "variables": {}},
        "threads": 2,
        "turns": {"rounds": 1, "seconds": 0.0},
        "disturbance": {"waiting": 0.0, "strangers": 0.0},
        "versions": {},
        "skipped": {},
        "warnings": [],
        "operations": [operation("product", 0.01, None), operation("layer", 0.0125, "product")],
    }
    text = markdown(results)
    assert "100 GFLOP/s |" in text
    assert "80 GFLOP/s, 80% |" in text


def test_a_contender_that_waits_or_a_stranger_is_noticed():
    from contenders.alternate import Watch

    watch = Watch()
    watch.note(wall=2.0, waiting=0.0, strangers=1.0)
    watch.note(wall=2.0, waiting=0.5, strangers=0.0)
    assert vars(watch) == {"waiting": 0.25, "strangers": 0.5}


@pytest.mark.parametrize("index", range(4))
def test_the_same_loop_word_for_word_comes_to_the_same_losses(index, tmp_path):
    from benchmark import difference
    from contenders.cases import steps

    losses = games(steps(quick=True)[index], tmp_path, ("minigan-loop", "torch-eager"))
    assert difference(losses["minigan-loop"], losses["torch-eager"]) < 1e-4


def test_a_script_with_other_imports_is_not_ported(tmp_path):
    from contenders.minigan_loop import ported

    script = tmp_path / "script.py"
    script.write_text("import torch as t\nfrom torch import nn\n")
    with pytest.raises(ValueError, match="script.py: not once 'import torch'"):
        ported(script)
