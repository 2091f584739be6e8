"""Write docs/examples.md of the examples' own parsers, and how many minutes each of them takes.

    python docs/commands.py            # rewrite both files
    python docs/commands.py --check    # say where they differ from what they are made of

The minutes are those of the records in docs/results/data/runs: what a run that names nothing but a
recipe took of one core, as a mean over its seeds. They go into examples/minutes.json, for --help.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from measure import RUNS

from minigan.training.parser import Parser

ROOT = Path(__file__).resolve().parents[1]
PAGE, MINUTES = ROOT / "docs" / "examples.md", ROOT / "examples" / "minutes.json"
RECORDS = ROOT / "docs" / "results" / "data" / "runs"
TOP = """# The examples

What each of them is, its flags, and what it leaves. `--help` says the same, of which this page is
made (`python docs/commands.py`). A mistyped flag or name is answered in one line, with the one that
was probably meant, and exit code 2. MNIST is inside the package; nothing is downloaded.
"""


def load(path: Path) -> ModuleType:
    """An example as a module; nothing runs."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples() -> list[ModuleType]:
    """All examples: first those that the README lists, in its order, then what is new."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    paths = sorted((ROOT / "examples").glob("*.py"))
    listed = {path: readme.find(f"{path.name}`") for path in paths}
    listed = {path: place if place >= 0 else len(readme) for path, place in listed.items()}
    return [load(path) for path in sorted(paths, key=lambda path: listed[path])]


def minutes() -> dict[str, dict[str, int]]:
    """Script and recipe to whole minutes of one core, where there is a record."""
    found: dict[str, dict[str, int]] = {}
    parsers = {module.__name__: module.parser() for module in examples()}
    for name, command in RUNS.items():
        records = [
            json.loads(path.read_text(encoding="utf-8")) for path in RECORDS.glob(f"{name}-*.json")
        ]
        seconds = [one["training"]["processor seconds"] for one in records if one["name"] == name]
        script, *flags = shlex.split(command)
        if seconds and (not flags or (flags[0] == "--recipe" and len(flags) == 2)):
            recipe = flags[-1] if flags else parsers[f"example_{Path(script).stem}"].recipe
            whole = max(1, round(statistics.fmean(seconds) / 60))
            found.setdefault(Path(script).name, {})[recipe] = whole
    return found


def section(module: ModuleType) -> str:
    """One example: what its file says first, two commands, its flags, and its files."""
    parser: Parser = module.parser()
    about = (module.__doc__ or "").partition("\n\n")[2].strip()
    parts = [f"## {Path(parser.script).name}", parser.description or "", about]
    parts.append("\n".join(["```", *parser.examples, "```"]))
    rows = ["| flag | |", "|---|---|"]
    for title, note, flags in parser.rows():
        rows.append(f"| **{title}** | {sentence(note)} |")
        rows += [f"| `{flag}` | {text.replace('|', chr(92) + '|')} |" for flag, text in flags]
    parts.append("\n".join(rows))
    left = [f"* `{name}`: {what}" for name, what in parser.leaves.items()]
    parts.append("\n".join(["It leaves", "", *left]))
    return "\n\n".join(part for part in parts if part)


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def page() -> str:
    found = examples()
    names = [Path(module.parser().script).name for module in found]
    index = " · ".join(f"[{name}](#{name.replace('.', '')})" for name in names)
    return "\n\n".join([TOP.strip(), index, *map(section, found)]) + "\n"


def faults() -> list[str]:
    """The files that do not say what they are made of."""
    made = {MINUTES: as_json(minutes()), PAGE: page()}
    there = {path: path.read_text(encoding="utf-8") if path.exists() else "" for path in made}
    return [str(path.relative_to(ROOT)) for path in made if there[path] != made[path]]


def as_json(found: dict[str, dict[str, int]]) -> str:
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(__file__, "Write docs/examples.md and examples/minutes.json.")
    flag = parser.group("what to do").add_argument
    flag("--check", action="store_true", help="compare, and write nothing")
    if parser.parse_args(arguments).check:
        found = faults()
        print("\n".join(found) or "both say what they are made of")
        return 1 if found else 0
    MINUTES.write_text(as_json(minutes()), encoding="utf-8")  # first: the page quotes them
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
