"""The README's code runs as it stands there, and its commands are the ones that are checked."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_loop_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (loop,) = (block for block in BLOCKS if "train(gan" in block)
    monkeypatch.chdir(tmp_path)
    short = loop.replace("epochs=25", "epochs=25, max_steps=2").replace("% 500 == 0", "% 2 == 0")
    names: dict[str, object] = {}
    exec(short, names)
    assert (tmp_path / "grid.png").exists()
    assert names["report"].iteration == 2  # type: ignore[attr-defined]


def test_a_tutorials_definition_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = (block for block in BLOCKS if "import minigan as torch" in block)
    exec(block, {})
    assert capsys.readouterr().out == "(128, 100)\n"


@pytest.mark.parametrize("page", ["README.md", "docs/CONTRIBUTING.md"])
def test_the_op_shown_is_the_op_there_is(page: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    (shown,) = (block for block in blocks if "class Multiply" in block)
    source = (ROOT / "minigan" / "engine" / "arithmetic.py").read_text(encoding="utf-8")
    (real,) = re.findall(r"class Multiply\(.*?\n\n\n", source, re.DOTALL)
    without_types = re.sub(r"(: Array|: Tensor| -> Array| -> Tensor)", "", real)
    assert shown.strip() == without_types.strip()


@pytest.mark.parametrize("page", sorted(["README.md", *PAGES]))
def test_what_it_links_to_exists(page: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / page).read_text(encoding="utf-8"))
    folder = (ROOT / page).parent
    assert [link for link in links if "://" not in link and not (folder / link).exists()] == []
