"""The settings for OpenBLAS: made where they help, and never over somebody's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minigan.backend.openblas import NEEDED, needs_skylake_kernel

SETTINGS = (
    "import os; print(*(os.environ.get(f'OPENBLAS_{k}') for k in ('CORETYPE', 'THREAD_TIMEOUT')))"
)


def processor(folder: Path, vendor: str, flags: set[str]) -> Path:
    path = folder / "cpuinfo"
    core = f"vendor_id\t: {vendor}\nmodel name\t: some\nflags\t\t: {' '.join(sorted(flags))}\n\n"
    path.write_text(core * 2)
    return path


@pytest.mark.parametrize(
    ("vendor", "flags", "needed"),
    [
        ("AuthenticAMD", {"sse", *NEEDED}, True),
        ("AuthenticAMD", {"sse", *NEEDED} - {"avx512bw"}, False),
        ("GenuineIntel", {"sse", *NEEDED}, False),
    ],
)
def test_only_amd_with_avx512_needs_another_kernel(
    tmp_path: Path, vendor: str, flags: set[str], needed: bool
) -> None:
    assert needs_skylake_kernel(processor(tmp_path, vendor, flags)) is needed


def test_no_processor_file_no_opinion(tmp_path: Path) -> None:
    assert not needs_skylake_kernel(tmp_path / "absent")


def settings(program: str, **environment: str) -> list[str]:
    clean = {k: v for k, v in os.environ.items() if "OPENBLAS" not in k}
    result = subprocess.run(
        [sys.executable, "-c", program + "; " + SETTINGS],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.split()


def test_set_before_numpy_is_loaded() -> None:
    assert settings("import minigan")[1] == "12"


def test_too_late_after_numpy() -> None:
    assert settings("import numpy, minigan") == ["None", "None"]


def test_switched_off() -> None:
    assert settings("import minigan", MINIGAN_OPENBLAS="off") == ["None", "None"]


def test_what_is_set_stays() -> None:
    chosen = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_THREAD_TIMEOUT": "20"}
    assert settings("import minigan", **chosen) == ["Haswell", "20"]
