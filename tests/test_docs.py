"""Tests of the documentation: its code runs, in one piece, and prints what it says it prints."""

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ["your_own_op.md", "theory.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def rounded(text):
    """The text with 6 digits of each number: the last ones depend on the processor."""
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.6g}", text)


def run(page):
    """Run the python blocks one after another; a text block is what the one before it prints."""
    names, printed, missing = {"__name__": "docs"}, "", []
    for language, text in BLOCK.findall(page):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(text, names)
            printed = output.getvalue()
        elif language == "text" and rounded(printed) != rounded(text):
            missing.append((text, printed))
    return missing


@pytest.mark.parametrize("name", PAGES)
def test_code_runs_and_prints_what_the_page_says(name):
    page = (DOCS / name).read_text(encoding="utf-8")
    if "import torch" in page:
        pytest.importorskip("torch")
    assert run(page) == []


def test_a_page_that_says_something_else_is_noticed():
    page = "```python\nx = 2\n```\n\n```python\nprint(x + 1)\n```\n\n```text\n{}\n```\n"
    assert run(page.format(3)) == []
    assert run(page.format(4)) == [("4\n", "3\n")]
    with pytest.raises(NameError):
        run("```python\nprint(y)\n```\n")
