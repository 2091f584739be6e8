"""The games lie beside the tests, which import them from there."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
