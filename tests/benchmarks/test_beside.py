"""The program that measures beside a busy one: it runs, ends that one, and writes what it found."""

import json
import os
import time

import pytest


@pytest.fixture
def beside(monkeypatch):
    monkeypatch.syspath_prepend(str(__file__).rpartition("/")[0])
    import beside

    monkeypatch.setattr(beside, "set_num_threads", lambda count: None)
    monkeypatch.setattr(beside, "SETTLE", 0.0)
    return beside


def test_it_writes_what_it_measured(beside, tmp_path):
    out = tmp_path / "found" / "beside.json"
    arguments = ["--threads", "2", "--rounds", "1", "--seconds", "0", "--out", str(out)]
    beside.main([*arguments, "--only", "2-D game, 16 wide"])
    found = json.loads(out.read_text(encoding="utf-8"))
    (row,) = found["rows"]
    assert set(row["times"]) == {"1 idle", "2 idle", "1 busy", "2 busy", "strangers"}
    assert 0 < row["times"]["2 busy"]["median"] <= row["times"]["2 busy"]["worst"]
    assert found["threads"] == 2 and "--only 2-D game" in found["command"]


def test_the_products_are_those_that_the_games_ask_for(beside, monkeypatch):
    monkeypatch.setattr(beside, "steps", lambda: {"game": beside.plane(8).step})
    found = beside.products()
    assert {"256 × 2 × 8", "256 × 8 × 8", "8 × 256 × 8"} <= set(found)
    assert found["256 × 8 × 8"]().shape == (256, 8)


def test_the_other_program_works_and_ends_with_us(beside):
    with beside.another_program(True) as used:
        end = time.monotonic() + 60
        while used() < 0.1:
            assert time.monotonic() < end
            time.sleep(0.05)
        (process,) = used.args
        os.kill(process, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
