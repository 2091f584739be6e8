"""One setting for OpenBLAS, which runs NumPy's matrix products, made before NumPy is loaded.

After a product, OpenBLAS's threads spin for 2²⁶ cycles in case another product comes. In between,
our own threads want the cores that they hold, and on a busy machine other programs do. With this
setting they go to sleep after 2¹⁸ cycles, some 80 microseconds: enough to be awake for the next
product of a layer, and gone when Adam begins. docs/performance.md has figures.

Next: numpy_backend.py, what runs on top of it.
"""

import os
import sys


def prepare() -> None:
    """Set OPENBLAS_THREAD_TIMEOUT, unless it is set, or NumPy is loaded and it is too late."""
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")
