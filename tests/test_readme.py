"""The README's code runs as it stands there, and its commands are the ones that are checked."""

import re
from collections import Counter
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


@pytest.mark.parametrize("page", sorted(["README.md", "README.ko.md", *PAGES]))
def test_what_it_links_to_exists(page: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / page).read_text(encoding="utf-8"))
    folder = (ROOT / page).parent
    assert [link for link in links if "://" not in link and not (folder / link).exists()] == []


# ---- the Korean README --------------------------------------------------------------------------

BY_LANGUAGE = {"README.md": "README.ko.md", "README.ko.md": "README.md"}


def faults_of_the_translation(english: str, korean: str) -> list[str]:
    """Where the two differ in what is the same in any language: code, links, headings, tables."""
    same = {
        "a block of code": r"^```\w*\n.*?^```$",
        "a link": r"\]\(([^)\s]+)\)",
        "a word of code": r"(?<!`)`([^`\n]+)`(?!`)",
        "a heading": r"^(#+) ",
        "a row of a table": r"^\|",
    }
    faults = []
    for what, pattern in same.items():
        found, expected = (
            sorted(re.findall(pattern, text, re.MULTILINE | re.DOTALL))
            for text in (korean, english)
        )
        missing, more = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
        faults += [f"{what} is missing: {one}" for one in missing.elements()]
        faults += [f"{what} is in the translation alone: {one}" for one in more.elements()]
    return faults


def without_link_to_the_other(page: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(rf"^\[\w+\]\({re.escape(BY_LANGUAGE[page])}\)$", text, re.MULTILINE)
    assert len(links) == 1
    return text.replace(links[0], "")


def test_the_korean_readme_names_the_same_commands_and_files() -> None:
    english, korean = (without_link_to_the_other(page) for page in BY_LANGUAGE)
    assert faults_of_the_translation(english, korean) == []
    prose = re.sub(r"^```.*?^```$|\(.*?\)|`.*?`", "", korean, flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall("[가-힣]", prose)) > 1000


def test_a_readme_that_drifts_is_noticed() -> None:
    english, korean = (without_link_to_the_other(page) for page in BY_LANGUAGE)
    for old, new, words in (
        ('pip install -e ".[fast]"', "pip install .", "a block of code is missing"),
        ("](docs/gpu.md)", "](docs/theory.md)", "a link is missing: docs/gpu.md"),
        ("`--resume`", "`--again`", "a word of code is missing: --resume"),
        ("## ", "### ", "a heading is missing: ##"),
    ):
        assert old in english
        changed = korean.replace(old, new, 1)
        assert any(fault.startswith(words) for fault in faults_of_the_translation(english, changed))
