"""Tests of the house: imports point up the reading order, and heavy libraries stay in their rooms.

The reading order is also the order of ideas: a file can be understood with those above it alone.
"""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Files and folders: each may import those before it, and others of its own folder. testing.py comes
# last: it is for tests.
ORDER = [
    "errors",
    "files",
    "lock",
    "backend",
    "random",
    "engine",
    "tensor",
    "creation",
    "functional",
    "nn",
    "optim",
    "data",
    "gans",
    "evaluation",
    "plots",
    "theory",
    "training",
    "compat",
    "testing",
]
# The name that a distribution is imported by, where it is another one
IMPORTED_AS = {"Pillow": "PIL"}
# Who may import what only some machines have
ROOMS = {
    "cupy": lambda path: path.startswith("backend/cupy/"),
    "cuda": lambda path: path.startswith("backend/cupy/"),
    "torch": lambda path: path == "testing.py",
    "tensorboardX": lambda path: path.startswith("training/") or path == "compat/tensorboardX.py",
}


def sources():
    folder = ROOT / "minigan"
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
    }


class WithoutTypes(ast.NodeTransformer):
    """Takes out what is imported for types alone, and never when the program runs."""

    def visit_If(self, node):  # noqa: N802
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else node


def imports(text):
    """The dotted names that a file imports, wherever it does: `from a import b` gives a.b."""
    for node in ast.walk(WithoutTypes().visit(ast.parse(text))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def place(parts):
    """Where a file stands in the order, from the parts of its path; None if it has no place."""
    if "/".join(parts[:2]) in ORDER:
        return ORDER.index("/".join(parts[:2]))
    return ORDER.index(parts[0]) if parts[0] in ORDER else None


def faults_in_order(files):
    faults = []
    for path, text in files.items():
        own = place(path.removesuffix(".py").split("/"))
        if path in ("__init__.py", "__main__.py"):  # the public face imports what it likes
            continue
        if own is None:
            faults.append(f"{path} has no place in the reading order")
            continue
        for name in imports(text):
            library, *target = name.split(".")
            if library != "minigan" or (not target and path.startswith("compat/")):
                continue  # compat/ is a public face, too: it forwards what the package offers
            other = place(target)
            if other is None:
                faults.append(f"{path} takes {target[0]} from the package, not from its own file")
            elif other > own:
                faults.append(f"{path} imports {ORDER[other]}, which comes after it")
    return faults


def faults_in_rooms(files, allowed):
    faults = []
    for path, text in files.items():
        for name in imports(text):
            library = name.split(".")[0]
            if library in ROOMS:
                if not ROOMS[library](path):
                    faults.append(f"{path} imports {library}")
            elif library not in allowed and library not in sys.stdlib_module_names:
                faults.append(f"{path} imports {library}, which pyproject.toml does not name")
    return faults


def dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [line.split(">")[0].split("=")[0].strip() for line in project["dependencies"]]
    return {IMPORTED_AS.get(name, name) for name in names} | {"minigan"}


def test_imports_point_up_the_reading_order():
    assert faults_in_order(sources()) == []


def test_libraries_stay_in_their_rooms():
    assert faults_in_rooms(sources(), dependencies()) == []


def test_every_file_begins_with_a_sentence_on_what_it_is():
    without = [path for path, text in sources().items() if not ast.get_docstring(ast.parse(text))]
    assert without == []


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("tensor.py", "from minigan.nn.module import Module", "imports nn, which comes after"),
        ("tensor.py", "from minigan import nn", "imports nn, which comes after"),
        ("nn/layers.py", "def f():\n    import minigan.optim", "imports optim, which comes after"),
        ("nn/layers.py", "from minigan import Tensor", "takes Tensor from the package"),
        (
            "plots.py",
            "from minigan.training.session import run",
            "imports training, which comes after",
        ),
        ("extra/more.py", "", "no place in the reading order"),
        ("random.py", "from cupy.cuda import Stream", "imports cupy"),
        ("optim/adam.py", "import torch", "imports torch"),
        ("data/mnist.py", "import requests", "pyproject.toml does not name"),
    ],
)
def test_a_fault_is_found(path, text, fault):
    found = faults_in_order({path: text}) + faults_in_rooms({path: text}, dependencies())
    assert len(found) == 1 and fault in found[0]


def test_importing_minigan_loads_nothing_heavy():
    """No torch, no CuPy and no plots: a first line of code answers at once."""
    program = "import minigan, minigan.testing, minigan.gans, sys; print(*sys.modules)"
    run = [sys.executable, "-c", program]
    loaded = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {name.split(".")[0] for name in loaded.split()}
    assert "numpy" in top
    assert top.isdisjoint({"torch", "cupy", "matplotlib", "PIL", "tqdm", "scipy"})
