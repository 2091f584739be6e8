"""CuPy on a machine without a GPU: `install()` first, then `import cupy`.

Unmodified CuPy runs on top of a pretended CUDA: device.py (memory, streams, graphs), kernels.py
(kernels, compiled with g++) and blas.py (matrix products). README.md says what this shows and what
it cannot.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from cupy_on_cpu import blas, kernels
from cupy_on_cpu.device import device
from cupy_on_cpu.substitution import substitute

__all__ = ["device", "install", "is_installed"]

# Functions that ask no driver anything.
HARMLESS = ("check_status", "get_build_version", "_getCUDAMajorVersion")

_installed = False


def is_installed() -> bool:
    return _installed


def install() -> None:
    """Put the pretended GPU under CuPy. Raises if CuPy is already imported or not there at all."""
    global _installed
    if _installed:
        return
    if "cupy" in sys.modules:
        raise RuntimeError("cupy_on_cpu must be installed before the first `import cupy`")
    os.environ["CUPY_ACCELERATORS"] = ""  # no CUB: reductions are then kernels that g++ can compile
    try:
        import cupy_backends.cuda.api.driver as driver
        import cupy_backends.cuda.api.runtime as runtime
    except ImportError as error:
        message = "CuPy is not installed; tests/cupy_on_cpu/README.md says what to install"
        raise ImportError(message) from error

    device.runtime = runtime
    substitute(runtime, device.runtime_functions(), keep=HARMLESS, missing=_missing)
    substitute(driver, kernels.driver_functions(), keep=HARMLESS, missing=_missing)
    blas.install_module()
    blas.install_library()

    from cupy.cuda import compiler

    compiler._compile_module_with_cache = kernels.compile_for_cpu
    _installed = True


def _missing(name: str) -> Callable[..., Any]:
    def refuse(*_: Any) -> Any:
        raise NotImplementedError(f"cupy_on_cpu does not play CUDA's {name}")

    return refuse
