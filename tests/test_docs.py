"""Tests of the documentation: its code runs and prints what the page says it prints, its tables say
what the files of runs and measurements say, and no figure of a table is typed."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ["your_own_op.md", "theory.md", "porting.md", "graph.md", "live.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")
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
def test_code_runs_and_prints_what_the_page_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / name).read_text(encoding="utf-8")
    if re.search(r"^import torch", page, re.MULTILINE):
        pytest.importorskip("torch")
    assert run(page) == []
    shown = {DOCS / link for link in LINK.findall(page) if link.endswith(".svg")}
    assert {path.name for path in shown} == {path.name for path in tmp_path.glob("*.svg")}
    for path in shown:  # the page's code has just made it again
        assert path.read_text("utf-8") == (tmp_path / path.name).read_text("utf-8")


def test_a_page_that_says_something_else_is_noticed():
    page = "```python\nx = 2\n```\n\n```python\nprint(x + 1)\n```\n\n```text\n{}\n```\n"
    assert run(page.format(3)) == []
    assert run(page.format(4)) == [("4\n", "3\n")]
    with pytest.raises(NameError):
        run("```python\nprint(y)\n```\n")


def test_the_system_on_the_page_trains_draws_walks_and_is_scored(tmp_path):
    """The blocks before the commands are hinge.py; the one behind them is a program beside it."""
    blocks = BLOCK.findall((DOCS / "your_own_system.md").read_text(encoding="utf-8"))
    kinds = [kind for kind, _ in blocks]
    (first,) = (i for i, kind in enumerate(kinds) if kind == "sh")
    code = [text for kind, text in blocks[:first] if kind == "python"]
    (tmp_path / "hinge.py").write_text("\n\n".join(code), encoding="utf-8")
    # As they stand, on three rounds and few pictures.
    few = {"train": ["--train-count", "300", "--width", "16", "--log-every", "1", "--max-steps"]}
    few |= {"latent_walk": ["--walks", "1"], "evaluate": ["--count", "200"]}

    def python(script, *arguments):
        path = DOCS.parent / script
        command = [sys.executable, path if path.exists() else tmp_path / script, *arguments]
        environment = os.environ | {"PYTHONPATH": str(DOCS.parent)}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8"
        )

    commands = [line.split() for line in blocks[first][1].splitlines()]
    assert {Path(words[1]).stem for words in commands} == {"train", "sample", *few}
    for steps, words in enumerate(commands, 2):
        name = Path(words[1]).stem
        done = python(*words[1:], *few.get(name, []), *[str(steps)] * (name == "train"))
        assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "runs" / "hinge" / "config.json").read_text())
    assert config["system"] == "hinge" and config["settings"]["width"] == 16
    for made in ("losses.png", "walk_linear.png", "evaluation.json", "samples"):
        assert (tmp_path / "runs" / "hinge" / made).exists()
    said, program = (text for kind, text in blocks[first + 1 :] if kind in ("text", "python"))
    assert python("examples/sample.py", "runs/hinge").stderr == said
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    assert python("program.py").stderr == "" and (tmp_path / "nine.png").exists()


@pytest.fixture
def scripts(monkeypatch):
    """The two scripts of docs/, which are no package."""
    monkeypatch.syspath_prepend(str(DOCS))
    import measure
    import tables

    return tables, measure


@pytest.fixture
def copy(tmp_path):
    """Pages and files as they stand, to be spoiled."""
    pages = shutil.ignore_patterns("*.png", "*.gif", "*.py")
    shutil.copytree(DOCS, tmp_path / "docs", ignore=pages)
    references = Path("minigan", "evaluation", "files", "references.json")
    (tmp_path / references.parent).mkdir(parents=True)
    shutil.copy(DOCS.parent / references, tmp_path / references)
    return tmp_path / "docs"


def spoil(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_tables_say_what_the_files_say(scripts):
    assert scripts[0].faults(DOCS) == []


def test_a_changed_figure_is_noticed_on_the_page_and_in_the_files(scripts, copy):
    tables, _ = scripts
    page = copy / "results" / "README.md"
    spoil(page, "| 235 ± 12 |", "| 236 ± 12 |")
    (fault,) = tables.faults(copy)
    assert "results/README.md, table scores" in fault
    assert "236 ± 12" in fault and "235 ± 12" in fault
    spoil(page, "| 236 ± 12 |", "| 235 ± 12 |")
    figure = re.search(r"<!-- figure: real images frechet_distance -->(.*?)<!--", page.read_text())
    spoil(page, figure[0], figure[0].replace(figure[1], "2.6"))
    assert len(tables.faults(copy)) == 1
    spoil(page, figure[0].replace(figure[1], "2.6"), figure[0])
    spoil(copy / "results" / "data" / "earlier.json", "5,835,597", "5,835,598")
    assert [fault.partition(":")[0] for fault in tables.faults(copy)] == [
        "reliability.md, table fuzz"
    ]


def record(seed, name="original", *, distance, parzen=200.0):
    scores = {"classifier_score": 9.0, "modes": 10, "label_kl": 0.02, "precision": 0.8,
              "recall": 0.5, "frechet_distance": distance, "parzen": parzen,
              "parzen_error": 2.4}  # fmt: skip
    machine = {"processor": "abacus", "family": "1", "cores": 2}
    versions = {"minigan": "1", "commit": "abc", "numpy": "2", "BLAS": "beads", "BLAS kernel": "10"}
    command = f"python examples/original_gan.py --average 0.999 --seed {seed} --threads 1"
    training = {"command": command, "date": "2030-01-01 00:00", "machine": machine,
                "versions": versions, "epochs": 50, "processor seconds": 100.0}  # fmt: skip
    columns = {column: {"scores": scores, "seconds": {}} for column in ("generator", "average")}
    return {"name": name, "seed": seed, "training": training, "columns": columns}


def test_means_and_intervals_are_those_of_the_records(scripts, copy):
    tables, _ = scripts
    runs = copy / "results" / "data" / "runs"

    def row():
        lines = tables.scores_table(tables.Files(copy)).splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("| 2014 networks"))
        return lines[first : first + 2]

    for path in runs.glob("original-*.json"):
        path.unlink()
    assert row()[0].startswith("| 2014 networks, 50 epochs of 50,000 † | last | 0–2 | 38.5 ± 4.5 |")
    for seed, distance in enumerate([20.0, 21.0, 22.5]):
        text = json.dumps(record(seed, distance=distance, parzen=-200.0 - seed))
        (runs / f"original-{seed}.json").write_text(text)
        if seed == 0:  # one seed in place of three: both are shown
            assert row()[0].startswith("| 2014 networks, 50 epochs of 50,000 † |")
            assert row()[1].startswith("| … measured again | last | 0 | 20.0 | 9.00 | 10 | 0.020 |")
            assert row()[1].endswith("| −200 |")  # one run has no interval
    last, averaged = row()
    assert last.startswith("| 2014 networks, 50 epochs of 50,000 | last | 0–2 | 21.2 ± 3.1 |")
    assert "†" not in last + averaged and last.endswith("| −201 ± 2 |")
    assert averaged.startswith("| … | averaged | 0–2 |")
    systems = tables.systems_table(tables.Files(copy))
    assert "| 2014 networks | `examples/original_gan.py --average 0.999` | 50 | 2.0 |" in systems
    assert "| 3 | 2030-01-01 | abacus, family 1 | 2 | 2 | beads, kernel 10 | 1 (abc) |" in (
        tables.machines(tables.Files(copy))
    )
    tables.rewritten((copy / "results" / "README.md").read_text(), tables.Files(copy))


@pytest.mark.parametrize(
    ("numbers", "text"), [([0], "0"), ([0, 1, 2], "0–2"), ([0, 2], "0, 2"), ([1], "1")]
)
def test_seeds(scripts, numbers, text):
    assert scripts[0].seeds([{"seed": number} for number in numbers]) == text


def test_a_whole_measurement_takes_the_place_of_the_earlier_one(scripts, copy):
    tables, _ = scripts
    data = copy / "results" / "data"
    turns = {"median": 0.0098, "peak": 85e6, "at start": 40e6}
    slower = {"median": 0.0151, "peak": 375e6, "ratio": 1.54, "ratio quartiles": [1.48, 1.6],
              "reference": 0.0097}  # fmt: skip
    case = {"name": "MLP GAN", "images": 64, "rows": {"minigan": turns, "torch-eager": slower}}
    parts = {"forward": {"minigan": {"median": 0.5}, "torch-eager": {"median": 1.0}}}
    layer = {"name": "Conv2d", "layer": ["conv"], "flops": 2e11, "parts": parts}
    for name, results in {
        "benchmark": {"steps": [case], "operations": [layer]}, "images": {"steps": []},
        "growth": {"growth": [case]},
    }.items():  # fmt: skip
        (data / name).mkdir(exist_ok=True)
        machine = {"processor": "abacus", "cores": 2, "time": "2030-01-01 00:00"}
        results |= {"machine": machine, "threads": 2, "disturbance": {"strangers": 0.04}}
        results["versions"] = {"minigan": {"numpy": "2.4.6"}, "torch-eager": {"torch": "2.13.0"}}
        (data / name / "benchmark.json").write_text(json.dumps(results))
    seen = {"between two writes": 3, "and the checkpoint was cut short": 1}
    kills = {"kills": 4, "seed": 7, "runs": 1, "steps": 400, "files": 27, "different": 0}
    (data / "kill.json").write_text(json.dumps(kills | {"seen": seen}))
    files = tables.Files(copy)
    assert "| abacus | 2 | 2 | 2030-01-01 | 0.04 | numpy 2.4.6, torch 2.13.0 |" in (
        tables.where_table(files)
    )
    assert tables.steps_table(files).splitlines()[2:] == [
        "| MLP GAN | minigan | 9.8 | | | 85 |",
        "| | torch eager | 15.1 | 9.7 | 1.54 (1.48–1.60) | 375 |",
    ]
    assert tables.growth_table(files).splitlines()[2:] == [
        "| MLP GAN | 0.153 | 0.236 | 1.54 | 85 | 375 |"
    ]
    assert "| Conv2d | 400 (200 / –) | – (– / –) | – (– / –) |" in tables.limit_table(files)
    (data / "features").mkdir(exist_ok=True)
    features = {"image_size": 32, "maps": 8, "iterations": 5628, "test_error": {}, "numbers": {}}
    for kind in ("raw pixels", "untrained discriminator", "trained discriminator"):
        features["test_error"][kind], features["numbers"][kind] = 0.0204, 896
    (data / "features" / "dcgan-0.json").write_text(json.dumps(features))
    assert "| discriminator, 8 maps, after 5,628 iterations | 896 | 2.04 % |" in (
        tables.features_table(files)
    )
    text = tables.kill_table(files)
    assert "| 4 kills, seed 7 | |" in text and "| … between two writes | 3 |" in text
    assert "| checkpoints cut short; with a flipped bit | 1; 0 |" in text


# ---------------------------------------------------------------- claims of a trained network


@pytest.mark.parametrize(
    ("text", "seeds", "shown"),
    [
        ("39.3 ± 5.9", "0–2", "39.3 ± 14.7"),  # 4.303 · 5.9 / √3
        ("6.2 ± 0.3 %", "0–2", "6.2 ± 0.7 %"),
        ("−207 ± 35", "0–2", "−207 ± 87"),
        ("0.74 ± 0.00", "0–2", "0.74 ± 0.01"),  # a deviation of up to 0.005
        ("173 ± 1", "0", "173"),  # a standard error over images: no seed has a deviation
        ("10", "0–2", "10"),
    ],
)
def test_a_transcribed_deviation_is_shown_as_an_interval(scripts, text, seeds, shown):
    assert scripts[0].widened(text, seeds) == shown


def test_differences_are_taken_seed_by_seed(scripts):
    tables, _ = scripts
    records = [record(seed, distance=20.0) for seed in range(3)]
    for one, last in zip(records, (25.0, 30.0, 21.0), strict=True):
        scores = one["columns"]["generator"]["scores"]
        one["columns"]["generator"] = {"scores": scores | {"frechet_distance": last}}
    assert tables.paired(records) == "−5.3 ± 11.2 (n = 3)"
    assert tables.paired(records[:1]) == "−5.0 (n = 1)"
    assert tables.paired([]) == "–"


OF_A_RUN = re.compile(
    r"<!-- figure: (\S+) (generator|average|images) \S+ -->(.*?)<!-- end -->", re.DOTALL
)
SEEDS = re.compile(r"\((seed \d+|seeds \d+(–\d+|(, \d+)*))\)$")
PLUS_MINUS = re.compile(r"\d ± \d")
# Tables with a ± that is no interval over runs; what it is, the page says.
OTHER_ERRORS = {
    ("evaluation.md", "samples"),  # the standard error over the test images
    ("results/README.md", "what"),  # the papers'; ours beside them name their seeds in the cell
}


def pages():
    return sorted(DOCS.rglob("*.md"))


def unnamed(page, text):
    """What is said of trained networks without saying of which: figures and rows of tables."""
    found = [
        marked[0]
        for marked in OF_A_RUN.finditer(text)
        if marked[1] != "real" and not SEEDS.search(marked[3])
    ]
    for table in TABLE.findall(text):
        head, _, *rows = [[cell.strip() for cell in line[1:-1].split("|")]
                          for line in table.strip().split("\n")]  # fmt: skip
        if (page, head[0]) in OTHER_ERRORS:
            continue
        which = head.index("seeds") if "seeds" in head else None
        for row in rows:
            counted = any(re.search(r"\(n = \d+\)|\d of \d", cell) for cell in row)
            named = which is not None and re.fullmatch(r"\d+(–\d+)?(, \d+)*", row[which])
            if any(PLUS_MINUS.search(cell) for cell in row) and not (named or counted):
                found.append(" | ".join(row))
    return found


def test_what_is_claimed_of_a_trained_network_names_its_seeds():
    """A mean ± something stands beside the seeds or the number of runs that it is of."""
    for page in pages():
        name = page.relative_to(DOCS).as_posix()
        assert unnamed(name, page.read_text(encoding="utf-8")) == []


def test_a_claim_without_seeds_is_noticed():
    figure = "<!-- figure: gan average recall -->{}<!-- end -->"
    for text in ("0.51", "0.51 ± 0.10†", "0.51 (seeds)"):
        assert unnamed("page.md", figure.format(text)) == [figure.format(text)]
    for text in ("0.51 (seed 0)", "0.51 ± 0.10† (seeds 0–2)", "0.5 ± 0.1 (seeds 0, 2)"):
        assert unnamed("page.md", figure.format(text)) == []
    table = "| system | {} | Fréchet |\n|---|---|---|\n| GAN | {} | 3 ± 1 |\n"
    assert unnamed("page.md", table.format("seeds", "0–2")) == []
    assert unnamed("page.md", table.format("lost", "3 of 20 (5–36 %)")) == []
    assert unnamed("page.md", table.format("seeds", "")) == ["GAN |  | 3 ± 1"]
    assert unnamed("page.md", table.format("epochs", "12")) == ["GAN | 12 | 3 ± 1"]


def test_a_deviation_and_a_standard_error_have_names():
    """No page says ± without saying, somewhere on it, what it is."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if PLUS_MINUS.search(text):
            assert re.search(r"interval|standard error|standard deviation", text), page.name


FIGURE = re.compile(r"\*{0,2}[−-]?\d[\d,]*\.?\d*( ± [\d.]+)?( %)?\*{0,2}")
TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
# Tables whose figures were not measured, or that another test compares with what was.
JOINED = {
    ("dcgan.md", "s"),  # tests/gans/test_dcgan.py
    ("reliability.md", "reader"),  # promises, which tests/fuzz/targets.py holds to
}


def test_no_table_of_figures_is_typed(scripts):
    typed = set()
    for path in DOCS.rglob("*.md"):
        outside = scripts[0].MARKED.sub("", path.read_text(encoding="utf-8"))
        for table in TABLE.findall(outside):
            rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in table.split("\n")]
            if any(FIGURE.fullmatch(cell) for row in rows[2:] for cell in row[1:]):
                typed.add((path.relative_to(DOCS).as_posix(), rows[0][0]))
    assert typed == JOINED


def test_a_record_is_made_of_what_a_run_left(scripts, tmp_path):
    _, measure = scripts
    files = {
        "config.json": {"epochs": 3, "seed": 1, "settings": {"width": 200}},
        "training.json": {"command": "python examples/lsgan.py --seed 1", "processor seconds": 6.0},
        "evaluation.json": {
            "count": 100, "seed": 0, "iteration": 351, "columns": {"generator": {"scores": {}}},
            "circumstances": {"command": f"python examples/evaluate.py {tmp_path} --threads 1"},
        },
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    found = measure.record("lsgan-fixed", 1, tmp_path)
    assert found["name"] == "lsgan-fixed" and found["seed"] == 1
    assert found["training"]["epochs"] == 3 and found["training"]["iterations"] == 351
    assert found["evaluation"]["samples"] == 100
    asked = "python examples/evaluate.py runs/lsgan-fixed-1 --threads 1"
    assert found["evaluation"]["command"] == asked
    assert found["columns"] == {"generator": {"scores": {}}} and found["fitted error"] is None
    assert found["settings"] == {"width": 200}


def anchors(page):
    """The names that a forge gives to the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page):
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize(
    "page", [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda path: path.name
)
def test_links_lead_somewhere(page):
    assert broken_links(page) == []


def test_a_link_that_leads_nowhere_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title, here\n[a](#a-title-here) [b](#b) [c](page.md) [d](other.md)\n")
    assert broken_links(page) == ["#b", "other.md"]
