"""kill.py, with a few kills: `python tests/reliability/kill.py --kills 100` does more."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be copied there")
def test_a_run_that_is_killed_ten_times_ends_with_the_same_bytes():
    script = Path(__file__).parent / "kill.py"
    done = subprocess.run(
        [sys.executable, script, "--kills", "10"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("10 kills, ")
