"""Tests of docs' links: those to lines of the source lead to the words that they promise, each to a
heading leads to one, and the questions and the glossary name what readers look for."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
ASKED = 20
WORDS = ["chain rule", "computational graph", "Jacobian", "vector-Jacobian product", "reverse mode",
         "adjoint", "logit", "nat", "im2col", "space-to-depth", "F(2×2, 2×2)"]  # fmt: skip


@pytest.fixture
def links(monkeypatch):
    """The script of docs/, which is no package."""
    monkeypatch.syspath_prepend(str(DOCS))
    import links

    return links


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_to_lines_lead_to_the_words_in_their_titles(links, page):
    assert links.wrong((DOCS / page).read_text(encoding="utf-8")) == []


def test_a_link_to_another_line_is_noticed_and_set(links):
    page = '[x](../minigan/engine/node.py#L3 "A node of the graph")'
    assert ["is in line 1, not 3" in fault for fault in links.wrong(page)] == [True]
    assert links.pointed(page) == page.replace("#L3", "#L1")
    (fault,) = links.wrong('[x](../minigan/engine/node.py#L1 "no such words")')
    assert fault.endswith('no longer says "no such words"')


def heading(line):
    """The name that a forge gives to a heading."""
    return re.sub(r"[^\w\- ]", "", line.lstrip("# ").strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", ["questions.md", "glossary.md"])
def test_links_to_headings_lead_to_one(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"\]\(([\w/.]+\.md)#([^)\s]+)\)", text)
    assert len(found) >= 5
    for path, name in found:
        lines = (DOCS / path).read_text(encoding="utf-8").splitlines()
        assert name in [heading(line) for line in lines if line.startswith("#")], (path, name)


def test_every_question_has_an_answer_that_a_link_leads_to():
    text = (DOCS / "questions.md").read_text(encoding="utf-8")
    questions = re.split(r"^\d+\. \*\*", text, flags=re.MULTILINE)[1:]
    assert len(questions) == ASKED
    for question in questions:
        asked, _, answer = question.partition("**")
        assert asked.rstrip(".").endswith("?") and "](" in answer, asked


def test_the_glossary_has_the_words_of_the_field_in_order():
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \|", text.partition("## Letters")[0], re.MULTILINE)[1:]
    assert rows == sorted(rows, key=lambda row: re.sub(r"[^a-z]", "", row.lower()))
    assert not [word for word in WORDS if word not in rows]
