"""What the examples say of themselves: --help, docs/examples.md and the minutes are true."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from minigan.training.command import minutes_of, training_parser

Example = Callable[[str], ModuleType]
ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Any:
    """docs/commands.py, which is in no package."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import commands

    return commands


def test_the_page_and_the_minutes_are_those_of_parsers_and_records(commands: Any) -> None:
    assert commands.faults() == []


def test_another_record_is_noticed(
    commands: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = json.loads(commands.MINUTES.read_text(encoding="utf-8"))
    record = {"name": "lsgan-fixed", "training": {"processor seconds": 600.0}}
    for seed, seconds in enumerate([600.0, 1200.0]):
        record["training"] = {"processor seconds": seconds}
        (tmp_path / f"lsgan-fixed-{seed}.json").write_text(json.dumps(record))
    other = {"name": "gan-held-out", "training": {"processor seconds": 9.0}}
    (tmp_path / "gan-held-out-0.json").write_text(json.dumps(other))  # says more than a recipe
    monkeypatch.setattr(commands, "RECORDS", tmp_path)
    assert commands.minutes() == {"lsgan.py": {"fixed": 15}} != known
    assert commands.faults() == ["examples/minutes.json"]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_the_help_can_be_given(example: Example, name: str) -> None:
    parser = example(name).parser()
    assert parser.script == f"examples/{name}.py" and len(parser.examples) == 2
    for command in parser.examples:
        _, script, *flags = shlex.split(command)
        assert script == parser.script
        if not parser.usage.endswith("checkpoint [flags]") or flags:
            example(name).parser().parse_args(flags)
    assert parser.leaves
    for _, _, flags in parser.rows():
        assert all(text for _, text in flags)


def test_help_has_the_numbers_of_every_recipe(example: Example) -> None:
    rows = {
        name: {flag.split()[0]: text for _, _, flags in example(name).parser().rows()
               for flag, text in flags}
        for name in ("mnist_gan", "conditional_gan", "original_gan", "wgan_gp", "dcgan")
    }  # fmt: skip
    says = "passes over the data (default: 25; tutorial 200, dropout 40)"
    assert rows["mnist_gan"]["--epochs"] == says
    assert rows["conditional_gan"]["--lr"] == "learning rate (default: 0.0002; tutorial 0.0001)"
    assert rows["conditional_gan"]["--beta1"].endswith("(default: 0.5; tutorial 0.9)")
    assert rows["dcgan"]["--average"].endswith("(default: 0.999; tutorial none)")
    assert rows["wgan_gp"]["--epochs"].endswith("(default: 30; conv 20)")
    assert "--beta1" not in rows["original_gan"]  # it has no Adam
    assert rows["original_gan"]["--train-count"].endswith("(default: 50000)")
    for name, flags in rows.items():
        assert not [text for text in flags.values() if "the recipe's" in text], name


def test_a_system_that_is_not_known_yet_has_every_flag_and_no_numbers() -> None:
    rows = [row for _, _, flags in training_parser("", out="run", data="x").rows() for row in flags]
    assert ("--epochs N", "passes over the data (default: the recipe's)") in rows
    assert "--beta1 X" in dict(rows) and not any("--recipe" in flag for flag, _ in rows)


def test_minutes_are_said_where_they_are_known(tmp_path: Path) -> None:
    script = tmp_path / "bake.py"
    assert minutes_of(str(script), "rye") is None and minutes_of("", "rye") is None
    (tmp_path / "minutes.json").write_text('{"bake.py": {"rye": 7, "wheat": 9}}')
    assert minutes_of(str(script), "rye") == "about 7 minutes of one core; --recipe wheat about 9"
    assert minutes_of(str(script), "oats") == "--recipe rye about 7; --recipe wheat about 9"
    assert minutes_of(str(tmp_path / "fry.py"), "rye") is None


def test_a_run_leaves_what_its_help_says(example: Example, trained: Path) -> None:
    leaves = example("dcgan").parser().leaves
    said = " ".join([*leaves, *leaves.values()])
    for path in trained.iterdir():
        name = re.sub(r"layer_\d", "layer_1", path.name)
        assert name.startswith(".") or name.removesuffix(".previous") in said, path.name
    for name in leaves:
        assert (trained / name).exists() or leaves[name].startswith("with --"), name
