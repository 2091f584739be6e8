"""Tests of the house: one list is the README's, the order of the imports and the trail of reading.

README lists files and folders of minigan/ in reading order, which is also the order of ideas: a
file can be understood with those above it alone. Imports only point up that list; and every file
ends its opening words with `Next: …`, the file to read next, so that a trail leads through all.
"""

import ast
import posixpath
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# The name that a distribution is imported by, where it is another one
IMPORTED_AS = {"Pillow": "PIL"}
# Who may import what only some machines have
ROOMS = {
    "cupy": lambda path: path.startswith("backend/cupy/") or path == "distributed/nccl.py",
    "cuda": lambda path: path.startswith("backend/cupy/"),
    "mpi4py": lambda path: path == "distributed/mpi.py",
    "torch": lambda path: path == "testing/gradients.py",
    "hypothesis": lambda path: path == "testing/strategies.py",
    "llvmlite": lambda path: path == "backend/numpy/compiler/machine.py",
    "starlette": lambda path: path in ("live/door.py", "live/server.py"),
    "uvicorn": lambda path: path in ("live/connections.py", "live/server.py"),
    "tensorboardX": lambda path: path.startswith("training/") or path == "compat/tensorboardX.py",
}
NEXT = re.compile(r"\bNext: ([\w./]+)")


def reading_order(text):
    """The files and folders that README links to in its list of the source: ["errors", …]."""
    section = text.partition("\n## The source, in reading order\n")[2].partition("\n## ")[0]
    return [link.removesuffix(".py") for link in re.findall(r"\]\(minigan/([\w./]+)\)", section)]


ORDER = reading_order(README)


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


def place(path):
    """Where a file stands in the order; None if it has no place."""
    room = path.split("/")[0].removesuffix(".py")
    return ORDER.index(room) if room in ORDER else None


def is_a_door(path):
    """The files that are entered and not read: the package's face, and `python -m minigan`."""
    return path in ("__init__.py", "__main__.py")


def faults_in_order(files):
    faults = []
    for path, text in files.items():
        own = place(path)
        if is_a_door(path):  # it imports what it likes
            continue
        if own is None:
            faults.append(f"{path} has no place in the reading order")
            continue
        for name in imports(text):
            library, *target = name.split(".")
            if library != "minigan" or (not target and path.startswith("compat/")):
                continue  # compat/ is a public face, too: it forwards what the package offers
            other = place(target[0])
            if other is None:
                faults.append(f"{path} takes {target[0]} from the package, not from its own file")
            elif other > own:
                faults.append(f"{path} imports {ORDER[other]}, which comes after it")
    return faults


def next_of(path, text):
    """The file that a file sends its reader to, as a path below minigan/; None at the end."""
    found = NEXT.search(ast.get_docstring(ast.parse(text)) or "")
    if found is None:
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), found[1].rstrip(".")))


def trail(files, start):
    """The files in the order in which one comes to them, from `start` on."""
    path, seen = start, []
    while path is not None and path not in seen:
        assert path in files, f"{seen[-1]} sends its reader to {path}, which does not exist"
        seen.append(path)
        path = next_of(path, files[path])
    assert path is None, f"the trail comes back to {path}"
    return seen


def faults_in_trail(files):
    """What is not on the trail, or comes on it before something that README lists above it.

    A folder's `__init__.py` may be on it; most only say what the folder is.
    """
    seen = trail(files, f"{ORDER[0]}.py")
    read = [path for path in files if not path.endswith("__init__.py") and not is_a_door(path)]
    faults = [f"{path} is on no trail" for path in read if path not in seen]
    for before, after in zip(seen, seen[1:], strict=False):
        if place(after) < place(before):
            faults.append(f"{before} leads back to {after}")
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


def test_readme_lists_everything_once():
    there = {path.split("/")[0].removesuffix(".py") for path in sources() if not is_a_door(path)}
    assert sorted(ORDER) == sorted(there)


def test_imports_point_up_the_reading_order():
    assert faults_in_order(sources()) == []


def test_a_trail_leads_through_every_file_in_that_order():
    assert faults_in_trail(sources()) == []


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
        ("plots/grids.py", "from minigan.training import run", "imports training, which comes"),
        ("extra/more.py", "", "no place in the reading order"),
        ("optim/sgd.py", "import torch", "imports torch"),
        ("random.py", "from cupy.cuda import Stream", "imports cupy"),
        ("data/mnist.py", "import requests", "pyproject.toml does not name"),
    ],
)
def test_a_fault_is_found(path, text, fault):
    found = faults_in_order({path: text}) + faults_in_rooms({path: text}, dependencies())
    assert len(found) == 1 and fault in found[0]


def test_a_fault_in_the_trail_is_found():
    files = dict(sources())
    files["data/lonely.py"] = '"""Nobody leads here."""'
    assert faults_in_trail(files) == ["data/lonely.py is on no trail"]
    files = dict(sources())
    files["tensor.py"] = '"""A face.\n\nNext: engine/node.py.\n"""'
    with pytest.raises(AssertionError, match="comes back to engine/node.py"):
        faults_in_trail(files)
    files["tensor.py"] = '"""A face.\n\nNext: nowhere.py.\n"""'
    with pytest.raises(AssertionError, match="tensor.py sends its reader to nowhere.py"):
        faults_in_trail(files)


def test_importing_minigan_loads_nothing_heavy():
    """No torch, no CuPy and no plots: a first line of code answers at once."""
    program = "import minigan, minigan.testing, minigan.gans, sys; print(*sys.modules)"
    run = [sys.executable, "-c", program]
    loaded = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {name.split(".")[0] for name in loaded.split()}
    assert "numpy" in top
    assert top.isdisjoint({"torch", "cupy", "hypothesis", "matplotlib", "PIL", "tqdm", "scipy"})


def test_every_module_loads_where_libraries_are_missing():
    """A Python inside a browser has none of these: they are imported where they are used."""
    missing = {"lzma", "_lzma", "safetensors", "tqdm", "matplotlib"}
    program = f"""
import importlib, pkgutil, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError("No module named " + name, name=name)

sys.meta_path.insert(0, Refuse())
import minigan
elsewhere = (
    "minigan.backend.cupy", "minigan.__main__", "minigan.testing.strategies",
    "minigan.live.connections", "minigan.live.door", "minigan.live.server",
)
for module in pkgutil.walk_packages(minigan.__path__, "minigan."):
    if not module.name.startswith(elsewhere):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:  # an extra that is not installed here
            if error.name.partition(".")[0] not in {{"mpi4py", "llvmlite", "tensorboardX"}}:
                raise
try:
    importlib.import_module("minigan.data.mnist").mnist()
except minigan.UserError as error:
    print(error)
"""
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "train-images-idx3-ubyte.xz cannot be read: this Python was built without" in done.stdout
