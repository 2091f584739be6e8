"""How OpenBLAS shall run NumPy's matrix products: two settings, made before NumPy is loaded.

**Its kernel.** OpenBLAS picks one for the processor that it recognizes. The release inside NumPy
2.4 does not recognize AMD processors with AVX-512 newer than itself and takes the AVX2 kernel, at
about half of the speed. The kernel for Intel's first AVX-512 server, `SkylakeX`, uses no
instruction that such a processor lacks.

**Its patience.** After a product, OpenBLAS's threads spin for 2²⁶ cycles in case another product
comes. The cores that they hold are wanted by our own threads in between, and on a busy machine by
other programs. After 2¹² cycles, which is a microsecond or two, they go to sleep instead.

Both are environment variables; one that is set already is left alone, and MINIGAN_OPENBLAS=off
leaves both alone. docs/performance.md has figures. Next: numpy_backend.py, what runs on top of it.
"""

import os
import sys
from pathlib import Path

# What OpenBLAS compiles its SkylakeX kernels with.
NEEDED = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}


def prepare(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """Set OPENBLAS_CORETYPE, where it helps, and OPENBLAS_THREAD_TIMEOUT.

    If NumPy is loaded already it is too late, and nothing happens: import minigan first.
    """
    if "numpy" in sys.modules or os.environ.get("MINIGAN_OPENBLAS") == "off":
        return
    if needs_skylake_kernel(cpuinfo):
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "12")


def needs_skylake_kernel(cpuinfo: Path) -> bool:
    """Whether this is an AMD processor with all of AVX-512 that the kernel uses."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return False
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value)
    return (
        "AuthenticAMD" in fields.get("vendor_id", "")
        and set(fields.get("flags", "").split()) >= NEEDED
    )
