"""Without torch the suite still runs: what needs it is left out, and counted."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# As if it were not installed; to whom imports it all the same it is there.
PROGRAM = """
import importlib.util, sys, pytest
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
sys.exit(pytest.main(["--collect-only", "-p", "no:cacheprovider"]))
"""


def test_what_needs_torch_is_left_out_and_counted() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "tests/test_readme.py::" in done.stdout
    assert "test_activations.py::" not in done.stdout  # it imports torch
    assert "tests/gans/" not in done.stdout  # the folder's conftest.py does
    left_out = {
        path
        for path in (ROOT / "tests").rglob("test_*.py")
        if path.parent.name == "gans"
        or re.search(r"^\s*(import|from) torch\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert f"torch is not installed: {len(left_out)} files were left out" in done.stdout
    named = set(re.findall(r"^(\S+\.py)::", done.stdout, re.MULTILINE))
    assert named.isdisjoint(path.relative_to(ROOT).as_posix() for path in left_out)
