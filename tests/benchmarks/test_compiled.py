"""A test of the program that measures compiled formulas: it runs, and writes what it found."""

import json

import pytest

pytest.importorskip("llvmlite", reason='the compiler needs the extra "fast"')


def test_it_writes_what_it_measured(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(__file__).rpartition("/")[0])
    import compiled

    monkeypatch.setattr(compiled, "set_num_threads", lambda count: None)
    out = tmp_path / "found" / "compiled.json"
    compiled.main(["--rounds", "2", "--seconds", "0", "--only", "derivative", "--out", str(out)])
    found = json.loads(out.read_text(encoding="utf-8"))
    (row,) = found["rows"]
    assert row["name"] == "its derivative, 64 × 1024" and row["kind"] == "kernel"
    assert row["numpy"] > 0 and row["compiled"] > 0
    assert found["threads"] == 1 and "--only derivative" in found["command"]


def test_a_step_is_also_recorded(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(__file__).rpartition("/")[0])
    import compiled

    monkeypatch.setattr(compiled, "set_num_threads", lambda count: None)
    out = tmp_path / "compiled.json"
    only = ["--only", "MLP GAN, batch 64"]
    compiled.main(["--rounds", "2", "--seconds", "0", *only, "--out", str(out)])
    (row,) = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert row["kind"] == "step" and len(row["ratio recorded"]) == 3
    assert 0 < row["recorded"]
