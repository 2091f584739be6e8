"""Which OpenBLAS kernel NumPy will use: one environment variable, set before NumPy is loaded.

NumPy's matrix products run in OpenBLAS, which picks a kernel for the processor that it recognizes.
The release inside NumPy 2.4 does not recognize AMD processors with AVX-512 newer than itself and
falls back to the AVX2 kernel, at about half of the speed. The kernel for Intel's first AVX-512
server, `SkylakeX`, uses no instruction that such a processor lacks. See docs/performance.md.

Next: numpy_backend.py, what runs on top of it.
"""

import os
import sys
from pathlib import Path

# What OpenBLAS compiles its SkylakeX kernels with.
NEEDED = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}


def choose_kernel(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """Ask OpenBLAS for its AVX-512 kernel on an AMD processor that has the instructions.

    Nothing happens if NumPy is loaded already (too late), if OPENBLAS_CORETYPE is set (somebody
    chose), if MINIGAN_OPENBLAS=off, or on any other processor. Returns what was set, or None.
    """
    if "numpy" in sys.modules or "OPENBLAS_CORETYPE" in os.environ:
        return None
    if os.environ.get("MINIGAN_OPENBLAS") == "off":
        return None
    try:
        text = cpuinfo.read_text()
    except OSError:
        return None
    flags: set[str] = set()
    for line in text.splitlines():
        if line.startswith("flags"):
            flags = set(line.split(":", 1)[1].split())
            break
    if "AuthenticAMD" not in text or not flags >= NEEDED:
        return None
    os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
    return "SkylakeX"
