"""Tests of what is said when CuPy cannot run: one line with the cause and the way out.

They need neither CuPy nor a GPU, but for the last, which needs --backend cupy-on-cpu.
"""

import os
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from minigan.backend import automatic_backend, get_backend
from minigan.backend.cupy import start
from minigan.errors import UserError
from minigan.training.command import backend_name

ROOT = Path(__file__).parents[3]


class RuntimeFaultError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"cudaErrorNumber{status}: it went wrong\nand more")
        self.status = status


def pretended(driver: int, count: int, fault: int | None = None) -> Any:
    """A module `cupy` on a machine of that kind."""

    def devices() -> int:
        if fault is not None:
            raise RuntimeFaultError(fault)
        return count

    runtime = SimpleNamespace(
        CUDARuntimeError=RuntimeFaultError, driverGetVersion=lambda: driver, getDeviceCount=devices
    )
    return SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))


@pytest.mark.parametrize(
    ("cupy", "says"),
    [
        (pretended(0, 0), "no NVIDIA driver was found: install it"),
        (pretended(13000, 0, fault=100), "sees no GPU: check nvidia-smi"),
        (pretended(13000, 0), "sees no GPU: check nvidia-smi"),
        (pretended(12040, 0, fault=35), r"driver \(for CUDA 12.4\) is too old"),
        (
            pretended(13000, 0, fault=999),
            "does not answer: RuntimeFaultError: cudaErrorNumber999: it",
        ),
    ],
)
def test_what_is_missing_is_named_in_one_line(cupy: Any, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        start.find_gpu(cupy)
    assert "\n" not in str(caught.value)


# ---- whole programs ------------------------------------------------------------------------------

HIDDEN = """
import sys
from importlib.abc import MetaPathFinder
class Hide(MetaPathFinder):
    def find_spec(self, name, *rest):
        if name == "cupy":
            raise ModuleNotFoundError("no", name="cupy")
sys.meta_path.insert(0, Hide())
"""
BROKEN = """
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
class Break(MetaPathFinder, Loader):
    def find_spec(self, name, *rest):
        return ModuleSpec(name, self) if name == "cupy" else None
    def exec_module(self, module):
        raise ImportError("\\n====\\nCuPy is not correctly installed.") from OSError("no libcudart")
sys.meta_path.insert(0, Break())
"""
STUB = """
import sys
from types import ModuleType, SimpleNamespace
class RuntimeFault(Exception):
    status = {status}
def devices():
    raise RuntimeFault("cudaErrorNoDevice: none")
sys.modules["cupy"] = cupy = ModuleType("cupy")
cupy.ndarray = type("ndarray", (), dict(__module__="cupy"))
cupy.cuda = SimpleNamespace(runtime=SimpleNamespace(
    CUDARuntimeError=RuntimeFault, driverGetVersion=lambda: {driver}, getDeviceCount=devices))
"""
EMULATED = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from cupy_on_cpu.emulator import install
install()
"""
FAULTS = {
    "no CuPy": (HIDDEN, 'CuPy is not installed: pip install "minigan[cuda13]"'),
    "a broken CuPy": (BROKEN, "CuPy is installed but cannot be imported (OSError: no libcudart)"),
    "no driver": (STUB.format(status=0, driver=0), "no NVIDIA driver was found: install it"),
    "no GPU": (STUB.format(status=100, driver=13000), "the NVIDIA driver sees no GPU: check"),
}


def run(program: str, *arguments: str, **environment: str) -> Any:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
    )


def train(tmp_path: Path, fault: str, *flags: str, **environment: str) -> Any:
    """examples/mnist_gan.py --backend cupy on eight black pictures, where that is at fault."""
    files = {"images-idx3": (2051, 8, 28, 28), "labels-idx1": (2049, 8)}
    for part in ("train", "t10k"):
        for name, header in files.items():
            size = 8 * 28 * 28 if len(header) > 2 else 8
            content = struct.pack(f">{len(header)}I", *header) + bytes(size)
            (tmp_path / f"{part}-{name}-ubyte").write_bytes(content)
    program = fault + (
        "import runpy, sys\n"
        "sys.path.insert(0, 'examples')\n"
        "sys.argv[0] = 'mnist_gan.py'\n"
        "runpy.run_path('examples/mnist_gan.py', run_name='__main__')\n"
    )
    where = ("--data", str(tmp_path), "--out", str(tmp_path / "run"))
    return run(program, "--backend", "cupy", *where, *flags, **environment)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_program_ends_with_one_line(tmp_path: Path, fault: str) -> None:
    code, says = FAULTS[fault]
    done = train(tmp_path, code)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert says in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_auto_takes_numpy_and_the_command_says_why(fault: str) -> None:
    code, says = FAULTS[fault]
    program = (
        "from minigan.training.command import training_parser\n"
        "parser = training_parser('', out='', data='')\n"
        "print(parser.parse_args(['--backend', 'auto']).backend)\n"
    )
    done = run(code + program)
    why, name = done.stdout.splitlines()
    assert why.startswith("backend: numpy (") and says in why
    assert name == "numpy"
    assert done.stderr == ""


@pytest.mark.parametrize("fault", FAULTS)
def test_the_library_takes_numpy_and_prints_nothing(fault: str) -> None:
    code, says = FAULTS[fault]
    program = (
        "from minigan.backend import automatic_backend, get_backend\n"
        "backend, why = automatic_backend()\n"
        "assert backend is get_backend('auto') is get_backend('numpy')\n"
        f"assert {says!r} in why\n"
    )
    done = run(code + program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_auto_takes_a_gpu_that_works(gpu: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert automatic_backend() == (gpu, "backend: cupy")
    assert get_backend("auto") is gpu
    assert capsys.readouterr().out == ""
    assert backend_name("auto") == "cupy"
    assert capsys.readouterr().out == "backend: cupy\n"


@pytest.mark.parametrize("limit", ["1000000", "50000000", "65000000"])
def test_too_little_memory_ends_with_one_line(
    gpu: Any, device: Any, tmp_path: Path, limit: str
) -> None:
    done = train(tmp_path, EMULATED, "--batch-size", "8", CUPY_GPU_MEMORY_LIMIT=limit)
    assert done.returncode == 2
    said = done.stderr.splitlines()  # if the networks fit, the run has begun to tell of itself
    assert said[-1].startswith("error: the GPU's memory is used up")
    assert "Traceback" not in done.stderr
