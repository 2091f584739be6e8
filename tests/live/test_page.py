"""Tests of the page's files: what can be held together without a browser."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from minigan.gans import SYSTEMS
from minigan.live.choices import OBJECTIVE
from minigan.theory.game import Game

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "minigan" / "live" / "page"
MODULES = {path.name: path.read_text("utf-8") for path in sorted(PAGE.glob("*.js"))}
HTML = (PAGE / "index.html").read_text("utf-8")
STYLE = (PAGE / "style.css").read_text("utf-8")
WORDS = json.loads((PAGE / "words.json").read_text("utf-8"))

IMPORT = re.compile(r'^import (?:\{([^}]*)\}|\* as (\w+)) from "\./([\w.]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)


def plain(text: str) -> str:
    """The text on one line, without what makes words lean or bold."""
    return " ".join(text.replace("*", "").replace("’", "'").split())


def test_nothing_stands_in_the_page_that_its_policy_forbids():
    assert re.findall(r"<script(?![^>]*\bsrc=)", HTML) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", HTML) == []
    assert "default-src 'none'" in HTML


def test_the_page_loads_nothing_from_elsewhere():
    for name, text in {**MODULES, "index.html": HTML, "style.css": STYLE}.items():
        if name != "worker.js":  # Pyodide's own address is the site's to say
            found = re.findall(r"https?://[^\s\"'`)]+", text)
            assert [link for link in found if "www.w3.org" not in link] == [], name


@pytest.mark.parametrize("name", sorted({*MODULES, "style.css"} - {"connection.js", "worker.js"}))
def test_no_line_is_too_long_to_be_read(name):
    lines = (PAGE / name).read_text("utf-8").splitlines()
    assert [line for line in lines if len(line) > 100] == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_what_another_exports(name):
    for names, whole, source in IMPORT.findall(MODULES[name]):
        exported = set(EXPORT.findall(MODULES[source]))
        used = (
            {each.strip() for each in names.split(",")}
            if names
            else set(re.findall(rf"(?<!/)\b{whole}\.(\w+)", MODULES[name]))
        )
        assert used <= exported, f"{name} wants {used - exported} of {source}"


def test_what_is_looked_for_stands_in_the_page():
    here = set(re.findall(r'\bid="([\w-]+)"', HTML))
    for name, text in MODULES.items():
        assert set(re.findall(r'\bfind\("([\w-]+)"\)', text)) <= here, name


def test_what_explains_itself_has_an_explanation():
    asked = {"nats", "names"}
    for text in MODULES.values():
        asked |= set(re.findall(r'\bterm\("([\w:]+)"', text))
        asked |= set(re.findall(r'\bhelp: "(\w+)"', text))
        asked |= set(re.findall(r'\.card\("(\w+)"', text))
    asked |= {f"objective:{choice}" for choice in OBJECTIVE.choices}
    assert asked <= set(WORDS), asked - set(WORDS)


@pytest.mark.parametrize("key", [key for key, entry in WORDS.items() if "quote" in entry])
def test_a_quotation_stands_in_the_page_that_it_names(key):
    entry = WORDS[key]
    source = plain((ROOT / entry["from"].split(",")[0]).read_text("utf-8"))
    quotes = entry["quote"] if isinstance(entry["quote"], list) else [entry["quote"]]
    for quote in quotes:
        assert plain(quote) in source, quote


# ---- colors that can be read -----------------------------------------------------------------


def themes() -> dict[str, dict[str, str]]:
    """The colors of light, of dark as it is chosen, and of dark as the system has it."""
    blocks = re.findall(r"\{([^{}]*--paper:[^{}]*)\}", STYLE)
    assert len(blocks) == 3
    names = ("light", "dark", "dark by the system")
    return {
        name: dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block))
        for name, block in zip(names, blocks, strict=True)
    }


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_as_it_should_be():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_both_ways_into_the_dark_have_the_same_colors():
    assert themes()["dark"] == themes()["dark by the system"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("color", ["ink", "soft", "blue", "orange", "green", "purple"])
@pytest.mark.parametrize("ground", ["paper", "card", "sunk"])
def test_words_can_be_read(theme, color, ground):
    colors = themes()[theme]
    assert contrast(colors[color], colors[ground]) >= 4.5


def mixed(color: str, ground: str, share: float) -> str:
    """So much of a color on a ground."""
    pairs = [(int(color[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("color", ["ink", "soft", "green", "purple"])
@pytest.mark.parametrize("lamp", ["blue", "orange"])
def test_words_can_be_read_in_the_line_that_is_lit(theme, color, lamp):
    colors = themes()[theme]
    (share,) = re.findall(
        r"li\.now \{\s+background: color-mix\(in srgb, var\(--lamp\) (\d+)%", STYLE
    )
    ground = mixed(colors[lamp], colors["sunk"], int(share) / 100)
    assert contrast(colors[color], ground) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("color", ["edge", "point", "focus"])
def test_signs_and_edges_can_be_seen(theme, color):
    colors = themes()[theme]
    assert contrast(colors[color], colors["card"]) >= 3


# ---- what a browser is not needed for, in Node -----------------------------------------------


def in_node(program: str, *arguments: str) -> list[str]:
    """The lines that a module prints, which may import the page's."""
    command = ["node", "--input-type=module", "--eval", program, *arguments]
    done = subprocess.run(command, cwd=PAGE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")

TOLD = """
import { caption, told } from "./steps.js";
const lines = JSON.parse(process.argv[1]);
console.log(JSON.stringify(told(lines).map((step) => ({ ...step, words: caption(step) }))));
"""


@needs_node
@pytest.mark.parametrize("system", [*SYSTEMS, "the plane"])
def test_the_lines_of_every_step_tell_what_they_do(system):
    methods = vars(SYSTEMS.get(system, Game)).values()
    moves = re.compile(r"_optimizer\.(minimize|step)\(")
    backs = set()
    for step in filter(inspect.isfunction, methods):
        if not moves.search(inspect.getsource(step)):
            continue
        texts = inspect.getsource(step).splitlines()
        lines = [{"text": text, "function": step.__name__} for text in texts]
        (answer,) = in_node(TOLD, json.dumps(lines))
        for text, done in zip(texts, json.loads(answer), strict=True):
            optimizer = re.search(r"self\.(\w+)_optimizer\.(minimize|step)\(", text)
            if optimizer:
                assert done["player"] == {"discriminator": "D", "generator": "G"}[optimizer[1]]
                assert done["what"] == {"minimize": "back", "step": "move"}[optimizer[2]]
                assert done["words"].startswith(f"{done['player']}’s move")
                backs.add(done["player"])
            if re.search(r"fake\w* = self\.generator\(", text):
                assert done["what"] == "draw"
    assert backs == {"D", "G"}


ROUND_TRIP = """
import { written, read } from "./link.js";
const points = [[0.5, -1.25], [2, 0]];
const began = { seed: 3, data: "drawn", points, generator_lr: 1e-5, objective: "least squares" };
const journal = [[12, { step: "D" }], [40, { points: [[1, 1]], objective: "saturating" }]];
const kinds = { seed: "integer", data: "choice", points: "points", generator_lr: "number" };
const descriptors = () => Object.entries(kinds).map(([name, kind]) => ({ name, kind }));
const link = written({ game: "plane", began, settings: {}, journal, round: 812 });
console.log(JSON.stringify({ link, read: read(`${link}&token=T`, descriptors) }));
console.log(JSON.stringify(read("#token=T", descriptors)));
try { read("#game=plane&journal=[[1", descriptors); } catch ({ message }) { console.log(message); }
"""


@needs_node
def test_a_link_holds_the_whole_game():
    first, nothing, refused = in_node(ROUND_TRIP)
    answer = json.loads(first)
    assert re.fullmatch(r"#[\x21-\x7e]+", answer["link"])
    assert answer["read"] == {
        "settings": {
            "game": "plane",
            "seed": 3,
            "data": "drawn",
            "points": [[0.5, -1.25], [2, 0]],
            "generator_lr": 1e-5,
            "objective": "least squares",
        },
        "journal": [[12, {"step": "D"}], [40, {"points": [[1, 1]], "objective": "saturating"}]],
        "round": 812,
    }
    assert nothing == "null"
    assert refused == "the link's journal cannot be read; it was cut off, perhaps"
