"""examples/theory.py, a few steps of each experiment; the pictures of docs/theory.md."""

import json
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "theory.md"
example = runpy.run_path(str(ROOT / "examples" / "theory.py"))

PICTURES = {
    "optimal": ["optimal_discriminator.png"],
    "criterion": ["criterion.png"],
    "figure1": ["figure1.gif", "figure1.png"],
    "gradients": ["gradients.png"],
    "ring": ["ring_equal_rates.png", "ring_hasty_generator.png"],
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_few_steps(name, tmp_path, capsys):
    assert example["main"](["--experiment", name, "--steps", "2", "--out", str(tmp_path)]) == 0
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted([*PICTURES[name], "numbers.json"])
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert list(numbers) == [name, "circumstances"]
    assert list(numbers["circumstances"]) == [name]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{name} (1 of 1): {example['TITLES'][name]}"
    assert all(line.startswith("    ") and "{" not in line for line in said[1:-1])
    assert said[-1] == f"saved the pictures and {tmp_path / 'numbers.json'}"


def test_one_experiment_leaves_the_numbers_of_the_others(tmp_path):
    for name in ("gradients", "optimal"):
        example["main"](["--experiment", name, "--steps", "2", "--out", str(tmp_path)])
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert set(numbers) == {"gradients", "optimal", "circumstances"}
    assert set(numbers["circumstances"]) == {"gradients", "optimal"}


@pytest.mark.parametrize(
    "arguments", [["--experiment", "other"], ["--steps", "0"], ["--seed", "-1"]]
)
def test_wrong_arguments_end_with_a_line(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        example["main"]([*arguments, "--out", str(tmp_path)])
    assert end.value.code == 2
    assert arguments[0] in capsys.readouterr().err


# ---------------------------------------------------------------- the page


def test_the_page_shows_every_picture():
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", PAGE.read_text(encoding="utf-8"))
    expected = [f"results/theory/{picture}" for files in PICTURES.values() for picture in files]
    assert sorted(shown) == sorted(expected)
    assert all((PAGE.parent / path).is_file() for path in shown)
