"""Freed memory is kept, and idle threads sleep, where a process asks for it, not by an import.

Each program below runs in a process of its own: what is set here can never be taken back.
"""

import os
import subprocess
import sys

import pytest
from threadpoolctl import ThreadpoolController

from minigan.backend.numpy.process import keep_freed_memory, let_idle_threads_sleep

TIMEOUT = "OPENBLAS_THREAD_TIMEOUT"
OURS = ("MINIGAN_KEEP_MEMORY", TIMEOUT, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PTHREADS = any(
    library.internal_api == "openblas" and library.threading_layer == "pthreads"
    for library in ThreadpoolController().lib_controllers
)


def run(program: str, **environment: str) -> str:
    others = {name: value for name, value in os.environ.items() if name not in OURS}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=others | environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


# ---- freed memory --------------------------------------------------------------------------------

# Page faults of ten large arrays, after a first one: 4,096 pages each if their memory is new. Linux
# may give huge pages instead, now more of them and now fewer: it is asked for none.
FAULTS = """
import ctypes, numpy as np, resource
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE
np.ones(1 << 21)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(1 << 21)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
IMPORT = "import minigan, minigan.gans, minigan.training\n"
PREPARE = "import minigan\nminigan.backend.prepare_process()\n"


def has_mallopt() -> bool:
    program = "from minigan.backend.numpy import process; print(process.keep_freed_memory())"
    return run(program) == "True\n"


@pytest.mark.skipif(not has_mallopt(), reason="this C library has no mallopt")
def test_the_next_array_gets_the_memory_of_the_last_if_asked_for() -> None:
    usual = int(run(FAULTS))
    assert int(run(PREPARE + FAULTS)) < 100 < usual
    assert int(run(IMPORT + FAULTS)) > usual / 2
    assert int(run(PREPARE + FAULTS, MINIGAN_KEEP_MEMORY="0")) > usual / 2


def test_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGAN_KEEP_MEMORY", "0")
    assert not keep_freed_memory()


# ---- idle threads --------------------------------------------------------------------------------

# Processor time in milliseconds that OpenBLAS's second thread spends in 50 ms after a product: the
# median of nine, and the most. On a busy machine a thread that spins may seldom have its turn.
SPIN = """
import numpy as np, time
from threadpoolctl import threadpool_limits
threadpool_limits(2)
a = np.ones((512, 512), np.float32)
spent = []
for _ in range(9):
    assert (a @ a == 512).all()
    before = time.process_time()
    time.sleep(0.05)
    spent.append((time.process_time() - before) * 1e3)
print(sorted(spent)[4], max(spent))
"""


def spun(program: str, **environment: str) -> tuple[float, float]:
    median, most = run(program + SPIN, **environment).split()
    return float(median), float(most)


@pytest.mark.skipif(
    not PTHREADS or (os.cpu_count() or 1) < 2, reason="OpenBLAS has no threads of its own here"
)
@pytest.mark.parametrize("first", ["", "import numpy; numpy.ones((512, 512)) @ numpy.ones(512)\n"])
def test_idle_threads_sleep_if_asked_for(first: str) -> None:
    """Also if NumPy was there before minigan, and had multiplied."""
    asleep, _ = spun(first + PREPARE)
    _, by_default = spun(first + IMPORT)
    assert asleep < 3 < by_default


@pytest.mark.skipif(
    not PTHREADS or (os.cpu_count() or 1) < 2, reason="OpenBLAS has no threads of its own here"
)
def test_somebodys_own_timeout_stands() -> None:
    assert spun(PREPARE, **{TIMEOUT: "26"})[1] > 3


def test_an_own_timeout_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT, "20")
    assert not let_idle_threads_sleep()


def test_the_number_of_threads_stays() -> None:
    program = """
import minigan
from threadpoolctl import threadpool_info
counts = lambda: [library["num_threads"] for library in threadpool_info()]
minigan.set_num_threads(3)
before = counts()
minigan.backend.prepare_process()
minigan.ones(600, 600) @ minigan.ones(600, 600)
assert counts() == before, (counts(), before)
"""
    run(program)


# ---- the environment -----------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["", "import numpy\n"])
@pytest.mark.parametrize("program", [IMPORT, PREPARE], ids=["import", "prepare"])
def test_the_environment_is_as_it_was(first: str, program: str) -> None:
    """What a child process would inherit: the C library's variables, not only Python's copy."""
    show = (
        "import subprocess, sys; assert dict(os.environ) == before\n"
        "child = 'import os; print(sorted(os.environ.items()))'\n"
        "one = subprocess.run([sys.executable, '-c', child], capture_output=True).stdout\n"
        "other = subprocess.run("
        "[sys.executable, '-c', child], capture_output=True, env=before).stdout\n"
        "assert one == other\n"
    )
    assert run("import os; before = dict(os.environ)\n" + first + program + show) == ""
