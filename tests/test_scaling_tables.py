"""The model of docs/scaling.md, on figures that were made by it."""

import importlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
tables = importlib.import_module("scaling_tables")


def made_by_the_model(a, b, latency, per_byte, cores=4):
    def step(batch, sent=0):
        return {"ms": a + b * batch, "messages": sent, "bytes": 1e6 * (sent > 0), "message ms": 0}

    ours = {f"minigan, 1, batch {n}": step(n) for n in (32, 16)}
    ours |= {f"minigan, {n}": step(64, 10 * (n > 1)) for n in (1, 2, 4)}
    ours |= {"minigan, one process, two threads": step(64)}
    theirs = {name.replace("minigan", "torch"): {"ms": 1.0} for name in ours}
    timed = {str(n): latency + 4 * n * per_byte for n in (1, 1000, 2_000_000)}
    timed["1"] = latency
    return {
        "batch": 64,
        "machine": {"cores": cores},
        "steps": {system: ours | theirs for system in tables.SYSTEMS},
        "messages": {"2": timed, "4": timed},
    }


def test_the_model_finds_the_numbers_that_the_figures_were_made_with():
    found = made_by_the_model(a=3.0, b=0.5, latency=0.02, per_byte=1e-6)
    assert tables.step_model(found, "mlp") == pytest.approx((3.0, 0.5))
    assert tables.predicted(found, "mlp", 1) == pytest.approx(3 + 32)
    assert tables.predicted(found, "mlp", 2) == pytest.approx(3 + 16 + 10 * 0.02 + 1)
    few = made_by_the_model(a=3.0, b=0.5, latency=0.02, per_byte=1e-6, cores=2)
    assert tables.predicted(few, "mlp", 4) == pytest.approx(2 * (3 + 8) + 10 * 0.02 + 1)


def test_every_table_can_be_made():
    found = made_by_the_model(a=3.0, b=0.5, latency=0.02, per_byte=1e-6)
    assert "| MLP GAN | 1, two threads | 35.0 | 1,829 |" in tables.steps_table(found)
    assert "| 2,000,000 | 8.020 | 8.020 |" in tables.messages_table(found)
    # 10 messages of 50 µs in 6 hops, and 1 MB nearly twice over 1.25 GB/s
    assert "| | 64 machines | 3.00 | 1.57 | 35 |" in tables.prediction_table(found)


def test_kills_before_there_was_a_witness_are_counted_apart():
    kill = {"seconds until all had ended": 0.1, "exit code": 9, "witnessed": True}
    kills = [{**kill, "right rank": True}, {**kill, "witnessed": False, "right rank": False}]
    found = {"kills": kills, "runs": 1, "seed": 0, "steps": 5, "farthest": 2.7e-13}
    text = tables.kill_table(found)
    assert "names the right rank | 1 |" in text and "words alone | 1 |" in text
    assert "2.7 · 10⁻¹³" in text
