"""The program that measures a stranger's first run: its parts; the whole takes minutes."""

import sys

import pytest


@pytest.fixture
def first_run(monkeypatch):
    monkeypatch.syspath_prepend(str(__file__).rpartition("/")[0])
    import first_run

    return first_run


def test_a_command_s_seconds_are_its_own(first_run, tmp_path):
    code = "import os, time; time.sleep(0.2); assert os.environ['OMP_NUM_THREADS'] == '3'"
    found = first_run.seconds_of([sys.executable, "-c", code], tmp_path, 3)
    assert 0.2 < found["seconds"] < 20 and found["strangers"] >= 0
    assert 0 <= found["processor"] < found["seconds"] + 1
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        first_run.seconds_of([sys.executable, "-c", "1 / 0"], tmp_path, 1)


def test_weight_is_of_all_files_below(first_run, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"123")
    (tmp_path / "other").write_bytes(b"45")
    assert first_run.weight(tmp_path) == 5
