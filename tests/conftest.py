"""What all tests share: how hypothesis searches, and `--backend`, which says where tensors live.

    pytest                           arrays are NumPy's
    pytest --backend cupy            arrays are CuPy's, on a GPU
    pytest --backend cupy-on-cpu     arrays are CuPy's, on the pretended GPU of cupy_on_cpu/

A test that makes tensors takes the `backend` fixture and puts them there. With a backend other than
NumPy only those tests run, and the ones about CuPy itself: all others would do the same again. A
test marked `gpu` runs with `--backend cupy` alone.

torch is what most of the engine is compared with. Where it is not installed, the files that import
it are left out, and the last lines of the run say how many those were.
"""

import ast
import copyreg
import importlib
import importlib.util
import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from minigan.backend import Backend, get_backend, prepare_process
from minigan.backend.numpy import arrays

LEFT_OUT = pytest.StashKey[list[Path]]()  # files of tests that need torch, where it is missing

prepare_process()  # as the examples do: here, too, threads that wait must not spin

# No deadline: a busy machine is not a failure. HYPOTHESIS_PROFILE=thorough searches for longer.
settings.register_profile("default", deadline=None, max_examples=30)
settings.register_profile("ci", deadline=None, max_examples=30, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        choices=["numpy", "cupy", "cupy-on-cpu"],
        default="numpy",
        help="where the tensors of the tests live",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--backend") == "cupy-on-cpu":
        # Before anything imports cupy. The folder is no package of ours, hence the path.
        sys.path.insert(0, str(Path(__file__).parent))
        importlib.import_module("cupy_on_cpu.emulator").install()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what cannot be imported without torch."""
    if importlib.util.find_spec("torch") is not None or not _needs_torch(collection_path):
        return None  # whoever else is asked may decide
    inside = collection_path.rglob("test_*.py") if collection_path.is_dir() else [collection_path]
    config.stash.setdefault(LEFT_OUT, []).extend(inside)
    return True


def _needs_torch(path: Path) -> bool:
    """Whether a file of tests imports torch, or, of a folder, its conftest.py does."""
    source = path / "conftest.py" if path.is_dir() else path
    if not source.is_file() or not source.match("test_*.py") and source.name != "conftest.py":
        return False
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.split(".")[0] == "torch" for name in names):
            return True
    return False


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if left_out := config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(f"torch is not installed: {len(left_out)} files were left out")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    backend = config.getoption("--backend")
    if backend != "cupy":
        skip = pytest.mark.skip(reason="needs a GPU: run with --backend cupy")
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(skip)
    if backend != "numpy":
        others = [item for item in items if not _is_about_the_backend(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def _is_about_the_backend(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.path.parent.name == "cupy_on_cpu" or not {"backend", "gpu"}.isdisjoint(fixtures)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many numbers NumPy's kernels take at once, made so small that a test sees many pieces."""
    monkeypatch.setattr(arrays, "PIECE", 512)
    return 512


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """The backend that this run of the tests is about. A test that takes it must use it.

    On a GPU, products are compared in full precision: without TF32.
    """
    if request.config.getoption("--backend") == "numpy":
        return get_backend("numpy")
    cupy: Any = get_backend("cupy")
    cupy.tf32 = "none"
    note_what_is_asked_of(cupy, ASKED)
    return cupy


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Any:
    """The pretended GPU, which knows what it was asked for."""
    if request.config.getoption("--backend") != "cupy-on-cpu":
        pytest.skip("only the pretended GPU counts launches: run with --backend cupy-on-cpu")
    from cupy_on_cpu.device import device

    return device


# A test that takes `backend`, and then makes its tensors without it, would run NumPy again and be
# counted as CuPy's. So it fails: with NumPy, if its text never mentions the name; with CuPy, if
# nothing was asked of that backend, since NumPy is what everything else takes.

ASKED: set[str] = set()  # names that were looked up in the CuPy backend during a test


def note_what_is_asked_of(backend: Any, asked: set[str]) -> None:
    """From now on, add to `asked` each attribute of this backend that anybody looks up."""

    class Noting(type(backend)):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            asked.add(name)
            return super().__getattribute__(name)

    copyreg.pickle(Noting, copyreg.dispatch_table[type(backend)])  # type: ignore[arg-type]
    backend.__class__ = Noting


def mentions(function: Any, name: str) -> bool:
    """Whether the text of a test uses a name that it takes; with hypothesis, of what it wraps."""
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(inner)))
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    ASKED.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield  # if the test fails or is skipped, that comes out here and goes its way
    if isinstance(item, pytest.Function) and "backend" in item.fixturenames:
        by_itself = "backend" in inspect.signature(item.obj).parameters
        on_numpy = item.config.getoption("--backend") == "numpy"
        if by_itself and not mentions(item.obj, "backend") or not on_numpy and not ASKED - {"name"}:
            pytest.fail("takes the fixture `backend` and makes no array of it", pytrace=False)
    return result


@pytest.fixture
def run_example(tmp_path: Path) -> Callable[..., tuple[int, Path]]:
    """run_example("lsgan", "--max-steps", "2"): the exit code, and the run folder."""

    def run(name: str, *arguments: str) -> tuple[int, Path]:
        path = Path(__file__).parents[1] / "examples" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"example_{name}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.main([*arguments, "--out", str(tmp_path / "run")]), tmp_path / "run"

    return run
