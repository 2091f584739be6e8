"""long_run.py, with few steps: `python tests/reliability/long_run.py` takes 100,000."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "long_run.py"


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_two_thousand_steps_leak_nothing():
    command = [sys.executable, SCRIPT, "--steps", "2000"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_leaks_are_found(tmp_path):
    from long_run import Look, faults

    (tmp_path / "metrics.csv").write_text("iteration,loss\n10,1\n")
    looks = [Look(10 * i, 100_000 + 50 * i, 7, 1 + i // 30) for i in range(50)]
    memory, threads, rows = faults(looks, tmp_path, 20)
    assert memory == "memory grew from 100250 to 102450 KiB"
    assert threads == "threads grew from 1 to 2" and "1 rows" in rows
