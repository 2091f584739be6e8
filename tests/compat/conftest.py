"""Lets the tests import compare.py, as if they were run from here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
