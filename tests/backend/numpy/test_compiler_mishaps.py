"""What may go wrong with a compiler that is an extra: right results, or one line and NumPy.

Each case is a process of its own, because a compiler is found once in a process.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WORK = """
import sys, warnings
import numpy as np
from minigan.backend import get_backend
from minigan.functional.activations import LeakyRectifierGradient

backend, x = get_backend("numpy"), np.random.default_rng(0).integers(-9, 9, (200, 300))
x = x.astype("f")  # whole numbers: any order of additions is exact
for slope in (0.2, 0.3):
    rule = LeakyRectifierGradient(slope).forward
    assert (backend.elementwise(rule, [x, x[::-1]]) == rule(x, x[::-1])).all()
    assert (backend.column_sums(x) == x.sum(axis=0)).all()
print(backend.compiler.on)
"""

FAKES = {
    "broken library": ("raise OSError('libllvm.so: file too short')", "file too short"),
    "half an installation": ("pass", "has no attribute 'initialize_native_target'"),
    "too old": (
        "initialize_native_target = initialize_native_asmprinter = lambda: None\n"
        "get_host_cpu_name = lambda: 'znver3'\n",
        "has no attribute 'get_host_cpu_features'",
    ),
}


def train_a_little(
    code: str = WORK, *, path: Path | None = None, home: Path | None = None
) -> "subprocess.Popen[str]":
    found = [str(path)] if path else []
    found += [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, found))}
    if home:
        environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(home)}
    command = [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **pipes)


@pytest.mark.parametrize("name", FAKES)
def test_an_llvmlite_that_fails_is_said_in_one_line_and_numpy_goes_on(name, tmp_path) -> None:
    text, told = FAKES[name]
    fake = tmp_path / "llvmlite"
    fake.mkdir()
    fake.joinpath("__init__.py").write_text("")
    fake.joinpath("binding.py").write_text(text)
    said, complained = train_a_little(path=tmp_path).communicate(timeout=60)
    assert said.split() == ["False"], complained
    (line,) = (line for line in complained.splitlines() if "Warning" in line)
    assert "formulas run uncompiled, because LLVM fails" in line and told in line


LLVM = pytest.mark.skipif(
    not pytest.importorskip("importlib.util").find_spec("llvmlite"),
    reason='the compiler needs the extra "fast"',
)


@LLVM
@pytest.mark.parametrize(
    "patch",
    [
        "llvm.get_host_cpu_name = lambda: 'generic'",  # what LLVM calls one that it does not know
        "llvm.get_host_cpu_name = lambda: 'znver99'",
        "llvm.get_host_cpu_features = lambda: llvm.FeatureMap({'avx1024': True})",
    ],
)
def test_a_processor_that_llvm_does_not_know_gets_numpy_s_bits(patch: str) -> None:
    code = f"import llvmlite.binding as llvm\n{patch}\n{WORK}"
    said, complained = train_a_little(code).communicate(timeout=60)
    assert said.split() == ["True"] and "Error" not in complained, complained


@LLVM
def test_two_processes_at_once_and_a_home_that_cannot_be_written(tmp_path) -> None:
    """Nothing is kept on disk, so there is nothing to disturb, and nothing to forbid."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    both = [train_a_little(home=home) for _ in range(2)]
    for one in both:
        said, complained = one.communicate(timeout=60)
        assert said.split() == ["True"] and not complained
    home.chmod(0o700)
    assert not list(home.iterdir())


TRAIN_AT_ONCE = """
import threading
import numpy as np
from minigan import Tensor
from minigan.gans.gan import MLPGAN, RECIPES

def train(out):
    gan = MLPGAN(RECIPES["corrected"])
    x = Tensor(np.random.default_rng(0).uniform(-1, 1, (64, 1, 28, 28)).astype("f"))
    for _ in range(4):
        losses = gan.step(x)
    out.append([float(loss) for loss in losses.values()])

alone, together = [], []
train(alone)
others = [threading.Thread(target=train, args=(together,)) for _ in range(3)]
for other in others: other.start()
for other in others: other.join()
assert len(together) == 3 and all(each == alone[0] for each in together), (alone, together)
print("same")
"""


def test_threads_that_train_at_once_compute_what_one_does() -> None:
    said, complained = train_a_little(TRAIN_AT_ONCE).communicate(timeout=120)
    assert said.split() == ["same"], complained
