"""Does the suite notice faults? Change one thing in the engine, run its tests, and see.

    python tests/mutate.py --sample 150           a random sample; all mutants without the flag
    python tests/mutate.py --file minigan/optim/sgd.py

A mutant is the source with one small fault: another operator or comparison, another constant, a
statement left out, a condition turned around. It is killed if a test of that file fails. Survivors
are printed with their line; docs/reliability.md says of each whether it matters. The work is done
in a copy: the sources themselves are never touched.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

# Each mutant is tested in a copy (fork) of this process, which must have one thread only. It must
# not have imported minigan either: each copy imports its own.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "CI": "1"}

import hypothesis  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402, F401

ROOT = Path(__file__).parents[1]
TIMEOUT = 120  # seconds of a processor: an endless loop is a fault that was noticed

TESTS = {
    "minigan/tensor.py": ["tests/test_tensor.py"],
}
# All of them but the one that reads docs/, which is not copied
ENGINE = [f"tests/engine/test_{name}.py" for name in ("op", "walk", "recording", "fused", "hooks")]
TESTS |= {
    str(path.relative_to(ROOT)): [*ENGINE, "tests/test_tensor.py"]
    for path in sorted((ROOT / "minigan/engine").glob("[a-z]*.py"))
}
TESTS |= {
    str(path.relative_to(ROOT)): [f"tests/{folder}/test_{path.name}"]
    for folder in ("functional", "optim")
    for path in sorted((ROOT / "minigan" / folder).glob("[a-z]*.py"))
}

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.USub: ast.UAdd,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# What only a type checker reads, or only a person, has no tests to fail.
SKIPPED = (ast.Import, ast.ImportFrom, ast.AnnAssign, ast.JoinedStr, ast.Raise)


class Mutant(NamedTuple):
    """A fault, and where it is."""

    file: str
    node: int  # which of the file's nodes has the fault, and which of those that it can have
    choice: int
    line: int
    fault: str

    def source(self) -> str:
        """The file with this fault in it."""
        tree = ast.parse((ROOT / self.file).read_text(encoding="utf-8"))
        node = list(_nodes(tree))[self.node]
        commit, _ = _faults(node)[self.choice]
        commit()
        return ast.unparse(ast.fix_missing_locations(tree))


def mutants(file: str) -> Iterator[Mutant]:
    """Every mutant of a file, in the order of its lines."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for number, node in enumerate(_nodes(tree)):
        for choice, (_, fault) in enumerate(_faults(node)):
            yield Mutant(file, number, choice, node.lineno, fault)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that can have a fault, without annotations, messages and docstrings."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, SKIPPED) or _is_text(child):
            continue
        if isinstance(child, ast.arg) or (isinstance(child, ast.keyword) and child.arg == "strict"):
            continue  # zip(strict=True) is a check itself
        if hasattr(child, "lineno"):
            yield child
        if isinstance(child, ast.FunctionDef):
            child = ast.Module([*child.args.defaults, *child.body], [])  # no annotations
        yield from _nodes(child)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _faults(node: ast.AST) -> list[tuple[Callable[[], None], str]]:  # noqa: C901
    """What can be done to a node: the deed, and its name. One question after another."""
    found: list[tuple[Callable[[], None], str]] = []

    def put(field: str, value: object, fault: str) -> None:
        found.append((lambda: setattr(node, field, value), fault))

    operator = getattr(node, "op", None)
    if type(operator) in OPERATORS:
        other = OPERATORS[type(operator)]
        put("op", other(), f"{type(operator).__name__} became {other.__name__}")
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        put("op", ast.UAdd(), "not was left out")
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        other = OPERATORS[type(node.ops[0])]
        name = type(node.ops[0]).__name__
        put("ops", [other(), *node.ops[1:]], f"{name} became {other.__name__}")
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            put("value", not node.value, f"{node.value} became {not node.value}")
        elif isinstance(node.value, int | float):
            put("value", node.value + 1, f"{node.value} became {node.value + 1}")
    if isinstance(node, ast.If | ast.IfExp):
        turned = ast.UnaryOp(ast.Not(), node.test)
        put("test", turned, "the condition was turned around")
    if isinstance(node, ast.Return) and node.value is not None:
        put("value", ast.Constant(None), "returned None")
    bodies = [getattr(node, name, None) for name in ("body", "orelse")]
    for body in bodies if isinstance(node, ast.stmt) else ():
        for place, statement in enumerate(body or ()):
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr | ast.For | ast.With):
                if not _is_text(statement) and not isinstance(node, ast.ClassDef):
                    found.append((_leave_out(body, place), f"left out: {_short(statement)}"))
    return found


def _leave_out(body: list[ast.stmt], place: int) -> Callable[[], None]:
    return lambda: body.__setitem__(place, ast.Pass())


def _short(statement: ast.stmt) -> str:
    return ast.unparse(statement).splitlines()[0][:60]


def is_killed(file: str, source: str, tree: Path) -> bool:
    """Whether the tests of a file fail, in the copy at `tree`, with another source in its place."""
    path = tree / file
    whole = path.read_text(encoding="utf-8")
    path.write_text(source, encoding="utf-8")
    child = os.fork()  # what takes long to import, torch above all, is there already
    if child == 0:
        _run_tests(TESTS[file], tree)
    try:
        return os.waitpid(child, 0)[1] != 0
    finally:
        path.write_text(whole, encoding="utf-8")


class FewExamples:
    """Lets hypothesis try a third of what it tries in the suite, for the sake of time."""

    @staticmethod
    def pytest_configure() -> None:
        hypothesis.settings.register_profile(
            "few", max_examples=10, deadline=None, derandomize=True
        )
        hypothesis.settings.load_profile("few")


def _run_tests(tests: list[str], tree: Path) -> NoReturn:
    """Run tests and end this process; its exit status is theirs."""
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT, TIMEOUT))
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        with open(os.devnull, "w") as nothing:
            for descriptor in (1, 2):
                os.dup2(nothing.fileno(), descriptor)
        flags = ["-x", "-q", "-p", "no:cacheprovider"]
        code = int(pytest.main([*flags, *tests], plugins=[FewExamples()]))
    finally:
        os._exit(code)


def main() -> int:
    parser = argparse.ArgumentParser(description="Plant faults, and see whether tests notice.")
    parser.add_argument("--sample", type=int, help="so many mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file", choices=TESTS, help="the mutants of this file alone")
    options = parser.parse_args()
    every = [m for file in ([options.file] if options.file else TESTS) for m in mutants(file)]
    chosen = every
    if options.sample is not None:
        chosen = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    print(f"{len(chosen)} of {len(every)} mutants", flush=True)
    survivors = 0
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        for name in ("minigan", "tests", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, tree / name)
        for file in dict.fromkeys(mutant.file for mutant in chosen):
            if is_killed(file, (ROOT / file).read_text(encoding="utf-8"), tree):
                sys.exit(f"error: the tests of {file} fail as it is")
        for number, mutant in enumerate(chosen, start=1):
            began = time.monotonic()
            if not is_killed(mutant.file, mutant.source(), tree):
                survivors += 1
                seconds = time.monotonic() - began
                where = f"{mutant.file}:{mutant.line}"
                print(f"survived: {where}: {mutant.fault} ({seconds:.0f} s)", flush=True)
            if number % 10 == 0 or number == len(chosen):
                print(f"{number - survivors} of {number} killed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
