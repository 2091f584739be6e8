"""The tables of docs/performance.md say what is in their files, and also that there is none."""

import sys
from pathlib import Path

import pytest


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "docs"))
    import speed_tables

    yield speed_tables
    sys.modules.pop("speed_tables", None)


def step(name, **ratios):
    rows = {"minigan-loop": {"median": 0.01}}
    for who, ratio in ratios.items():
        row = {"median": 0.02, "ratio": ratio, "ratio quartiles": [ratio - 0.1, ratio + 0.1]}
        rows[who.replace("_", "-")] = row
    return {"name": name, "rows": rows}


def test_a_goal_is_met_by_the_file_and_not_by_the_wish(tables):
    files = {
        "benchmark/benchmark.json": {"steps": [step("MLP GAN, batch 64", jax_jit=0.5)]},
        "images/benchmark.json": {"steps": [step("DCGAN 64×64×3, batch 128", torch_eager=1.7)]},
        "loop/benchmark.json": {"steps": [step("MLP GAN, batch 64", torch_eager=1.95)]},
    }
    lines = tables.goals_table(files.get).splitlines()[2:]
    assert lines[0] == "| MLP GAN, batch 64 | JAX, jit ÷ minigan | ≥ 1 | 0.50 (0.40–0.60) | no |"
    assert "| ≥ 1.6 | 1.70 (1.60–1.80) | yes |" in next(
        line for line in lines if "batch 128 | torch eager" in line and "DCGAN" in line
    )
    assert sum("not measured" in line for line in lines) == len(tables.GOALS) - 3
    assert "| 1.95 (1.85–2.05) |" in tables.loop_table(files.get)


def test_rounds_beside_another_program_are_set_against_one_thread_in_that_company(tables):
    def times(idle, busy):
        told = {"1 idle": 0.010, "1 busy": 0.011, "2 idle": idle, "2 busy": busy}
        return {key: {"median": value, "ninth of ten": 2 * value} for key, value in told.items()}

    files = {
        "beside-before.json": {"rows": [{"name": "game", "times": times(0.008, 0.022)}]},
        "beside.json": {"rows": [{"name": "game", "times": times(0.0085, 0.0121)}]},
    }
    (line,) = tables.beside_table(files.get).splitlines()[2:]
    cells = "10.0 | 11.0 | 8.00 | 22.0 | 2.00 | 44.0 | 8.50 | 12.1 | 1.10 | 24.2"
    assert line == f"| game | {cells} |"


def test_shares_stand_beside_their_limit_where_all_products_are_known(tables):
    linear = {"name": "MLP", "round": 0.01, "kinds": {"matrix products": 0.008, "the rest": 0.002}}
    images = {"name": "DCGAN", "round": 0.1, "kinds": {"convolutions": 0.1, "the rest": 0.0}}
    rows = [{**linear, "limit": 0.005}, {**images, "limit": 0.0}]
    text = tables.shares_table({"shares.json": {"threads": 1, "rows": rows}}.get).splitlines()
    assert text[0].endswith("| matrix products | convolutions | the rest | the limit |")
    assert text[2] == "| MLP | 1 | 10.0 | 8.00 | | 2.00 | 5.00 |"
    assert text[3] == "| DCGAN | 1 | 100 | | 100 | 0.000 | |"


def test_both_kernels_are_compared_with_the_same_others(tables):
    usual, other = step("MLP", jax_jit=0.5, torch_eager=1.5), step("MLP", jax_jit=0.75, dezero=3)
    files = {
        "benchmark/benchmark.json": {
            "steps": [usual], "versions": {"minigan": {"BLAS kernel": "SkylakeX"}},
        },
        "images/benchmark.json": {"steps": []},
        "haswell/benchmark.json": {"steps": [other]},
    }  # fmt: skip
    head, _, *lines = tables.openblas_table(files.get).splitlines()
    assert head == "| step | ÷ minigan | SkylakeX | Haswell |"
    assert lines == ["| MLP | JAX, jit | 0.50 (0.40–0.60) | 0.75 (0.65–0.85) |"]


def test_what_has_not_been_measured_is_said(tables):
    for name, make in tables.TABLES.items():
        text = make(lambda file: None)
        assert "not measured" in text or text == tables.NOT_YET, name
