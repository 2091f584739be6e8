"""Lets the tests of this folder import small_run.py, as its scripts do when they are run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
