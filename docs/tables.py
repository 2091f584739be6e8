"""Write the tables of docs/ from the files that runs and measurements left.

    python docs/tables.py            # rewrite what stands between the markers
    python docs/tables.py --check    # say where a page and the files differ; exit code 1

In a page `<!-- table: NAME -->` … `<!-- end -->` holds a table, and `<!-- figure: … -->` …
`<!-- end -->` a figure within a sentence:

    RUN COLUMN SCORE                    of all seeds of a run, such as `gan average recall`
    run RUN SEED COLUMN SCORE FORMAT    of one of them
    theory KEY/KEY FORMAT               of theory.json
    gpu KEY/KEY FORMAT                  of gpu.json, once there is one
    ring …, floors …, averages …        of an experiment: experiment_tables.py

Nobody types what is between them, and no figure of a trained network stands without its seeds. The
files are in docs/results/data/; docs/results/README.md says which command leaves which. What was
measured before files were kept is in earlier.json, and marked with a dagger wherever it is shown.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import experiment_tables
import gpu_tables
import live_tables
import scaling_tables
import speed_tables
from intervals import half_width, student
from layout import minus, table

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(r"<!-- (table|figure): ([^>]*?) -->(.*?)<!-- end -->", re.DOTALL)
DAGGER = "†"

# The rows of the scores: what the page calls them, the run, and how its columns are told apart.
LAST, AVERAGED = "generator", "average"
COLUMNS = {LAST: "last", AVERAGED: "averaged"}
SCORES = [
    ("small GAN, fixed, 50 epochs", "lsgan-fixed"),
    ("MLP GAN, 30 epochs of 50,000", "gan-held-out"),
    ("DCGAN, 32 maps, 12 epochs", "dcgan"),
    ("conditional GAN, 20 epochs", "conditional"),
    ("… 30 epochs", "conditional-30"),
    ("2014 networks, 50 epochs of 50,000", "original"),
    ("WGAN-GP, perceptrons, 30 epochs", "wgan_gp"),
    ("… convolutions, 20 epochs", "wgan_gp-conv"),
    ("DCGAN, 64 maps, 25 epochs", "dcgan-64"),
    ("MLP GAN, 25 epochs (the default)", "gan"),
    ("… again, with two threads", "gan-two-threads"),
    ("the tutorials' MLP GAN, 25 epochs", "gan-tutorial"),
    ("… 200 epochs, as they have it", "gan-tutorial-200"),
    ("MLP GAN with dropout in D, 40 epochs", "gan-dropout"),
    ("small GAN to the letter, 50 epochs", "lsgan-tutorial"),
]
SHOWN = {  # score: its title
    "frechet_distance": "Fréchet ↓",
    "classifier_score": "classifier score ↑",
    "modes": "modes",
    "label_kl": "label KL ↓",
    "precision": "precision ↑",
    "recall": "recall ↑",
    "parzen": "Parzen ↑",
}
# The rows of the systems: name, run, pictures, what one sees on them.
SYSTEMS = [
    ("MLP GAN, the default", "gan", "gan", "all digits; some samples are none"),
    ("… with 10,000 images held out", "gan-held-out", "gan-held-out", "all digits, from 50,000"),
    ("the tutorials', 25 epochs", "gan-tutorial", "gan-tutorial", "strokes, of some of the digits"),
    ("… 200 epochs", "gan-tutorial-200", "gan-tutorial-200", "sharper, and nearly all are 1 or 7"),
    ("MLP GAN, dropout in D", "gan-dropout", "gan-dropout", "legible, frayed"),
    ("small GAN, to the letter", "lsgan-tutorial", "lsgan-tutorial", "collapses to one image"),
    ("small GAN, fixed", "lsgan-fixed", "lsgan-fixed", "something like digits, and no more"),
    ("DCGAN, 32 maps", "dcgan", "dcgan", "clean strokes, odd shapes"),
    ("DCGAN, 64 maps", "dcgan-64", "dcgan-64", "clean, and most are digits"),
    ("conditional GAN", "conditional", "conditional", "the digit that was asked for"),
    ("… ten more epochs", "conditional-30", "conditional/grid_30.png", "fewer frayed ones"),
    ("2014 networks", "original", "original", "sharp and varied; some fall apart"),
    ("WGAN-GP, perceptrons", "wgan_gp", "wgan_gp", "all digits, half formed"),
    ("… convolutions", "wgan_gp-conv", "wgan_gp/grid_conv.png", "strokes, not yet digits"),
]
# Beside the papers and our goals. {run column score} is a figure.
PAPERS = [
    (
        "Parzen log-likelihood of a GAN of perceptrons",
        "225 ± 2 (Goodfellow et al. 2014, table 1; ± is the standard error over the test images)",
        "{gan-held-out average parzen} after 30 epochs, averaged weights, by the paper's protocol"
        " with the validation images held out",
    ),
    (
        "… of the paper's own networks",
        "the same row",
        "{original average parzen} after 50 epochs, averaged, by a schedule that goes on for 250"
        " epochs at least",
    ),
    (
        "… of a conditional GAN",
        "132 ± 1.8 (Mirza and Osindero 2014, table 1; ± as in the row above)",
        "{conditional average parzen} after 20 epochs, with the validation images among those it"
        " learned from",
    ),
    (
        "the best MLP GAN within 40 epochs",
        "10 modes, label KL ≤ 0.05, classifier score ≥ 7.8, Fréchet ≤ 80, Parzen ≥ 150",
        "after 30 epochs, averaged: {gan-held-out average modes} modes,"
        " {gan-held-out average label_kl}, {gan-held-out average classifier_score},"
        " {gan-held-out average frechet_distance}, {gan-held-out average parzen}",
    ),
    (
        "DCGAN, 32 maps, 12 epochs",
        "Fréchet ≤ 100",
        "{dcgan generator frechet_distance} with the last weights,"
        " {dcgan average frechet_distance} averaged",
    ),
    (
        "DCGAN, 64 maps, 25 epochs",
        "Fréchet ≤ 25",
        "{dcgan-64 generator frechet_distance} with the last weights,"
        " {dcgan-64 average frechet_distance} averaged",
    ),
    (
        "label agreement of the conditional GAN after 20 epochs",
        "≥ 0.90",
        "{conditional average label_agreement} averaged,"
        " {conditional generator label_agreement} last; after 30 epochs"
        " {conditional-30 average label_agreement} and {conditional-30 generator label_agreement}",
    ),
    (
        "1-NN fitted on 50,000 of its images, tested on real ones",
        "≤ 6 %; on 50,000 real images 3.3 % (Radford et al. 2015: for a conditional DCGAN as good"
        " as real)",
        "{conditional average fitted_error} after 20 epochs,"
        " {conditional-30 average fitted_error} after 30",
    ),
]
# What a row that begins with "…" is called where it stands alone.
FULL_NAMES = {
    "conditional-30": "conditional GAN, 30 epochs",
    "wgan_gp-conv": "WGAN-GP, convolutions, 20 epochs",
    "gan-two-threads": "MLP GAN, 25 epochs, with two threads",
}
# What performance.md calls those who are measured.
CONTENDERS = {
    "minigan": "minigan",
    "minigan-loop": "minigan, the same loop",
    "torch-eager": "torch eager",
    "torch-tuned": "torch tuned",
    "torch-channels-last": "torch channels-last",
    "torch-compile": "torch.compile",
    "jax-jit": "JAX, jit",
    "tinygrad": "tinygrad",
    "dezero": "DeZero",
}
KILLS = {  # what kill.py counts, and how the table says it
    "as a checkpoint was being written": "killed as a checkpoint was being written",
    "as another file was being written": "… as another file was being written",
    "between two writes": "… between two writes",
    "before the first checkpoint": "… before the first checkpoint",
}


class Files:
    """The files of one docs folder. Each is read when it is asked for; None if there is none."""

    def __init__(self, docs: Path) -> None:
        self.data = docs / "results" / "data"
        self.references = docs.parent / "minigan" / "evaluation" / "files" / "references.json"
        self.earlier = self.read("earlier.json") or {"scores": {}, "systems": {}, "tables": {}}
        self.runs: dict[str, list[dict[str, Any]]] = {}
        for path in sorted(self.data.glob("runs/*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            self.runs.setdefault(record["name"], []).append(record)
        for records in self.runs.values():
            records.sort(key=lambda record: record["seed"])

    def read(self, name: str) -> Any:
        path = self.data / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def records(self, run: str, column: str | None = None) -> list[dict[str, Any]]:
        """The records of a run, one for each seed; those with this column."""
        found = self.runs.get(run, [])
        return [record for record in found if column is None or column in record["columns"]]

    def complete(self, run: str, column: str) -> bool:
        """Whether files hold as many seeds as were measured before files were kept."""
        before = self.earlier["scores"].get(f"{run}/{column}", {"seeds": "0"})
        return len(self.records(run, column)) >= max(1, number_of_seeds(before["seeds"]))


def number_of_seeds(text: str) -> int:
    """3 of "0–2", 1 of "0"."""
    first, _, last = text.partition("–")
    return int(last or first) - int(first) + 1


def seeds(records: Sequence[dict[str, Any]]) -> str:
    """ "0–2" for seeds 0, 1, 2; "0, 2" where one is missing."""
    numbers = [record["seed"] for record in records]
    whole = len(numbers) > 1 and numbers == list(range(numbers[0], numbers[-1] + 1))
    return f"{numbers[0]}–{numbers[-1]}" if whole else ", ".join(map(str, numbers))


# ---------------------------------------------------------------------------------------------
# Figures


def digits(score: str, value: float) -> int:
    """How many decimals of a score are worth showing."""
    if score in ("parzen", "modes"):
        return 0
    if score in ("classifier_score", "precision", "recall"):
        return 2
    if score == "frechet_distance":
        return 0 if value >= 99.95 else 1
    return 2 if score == "label_kl" and value >= 0.0995 else 3


def figure(values: Sequence[float], score: str) -> str:
    """The mean over the seeds and, of several that differ, half of its 95 % interval."""
    mean = statistics.fmean(values)
    if score == "fitted_error":
        mean, values = 100 * mean, [100 * value for value in values]
        places, unit = 1, " %"
    else:
        places, unit = digits(score, mean), ""
    text = f"{mean:.{places}f}"
    if len(values) > 1 and not (score == "modes" and len(set(values)) == 1):
        text += f" ± {half_width(values):.{places}f}"
    return minus(text) + unit


EARLIER = re.compile(r"(−?[\d.]+) ± ([\d.]+)( %)?")


def widened(text: str, seeds: str) -> str:
    """A transcribed "mean ± deviation" as a mean and half of its 95 % interval.

    A deviation that was rounded to 0 counts as half a unit of its last digit. What stood behind the
    ± of a single run was a standard error over the test images, and is left out.
    """
    found = EARLIER.fullmatch(text)
    if found is None:
        return text
    mean, deviation, unit = found[1], found[2], found[3] or ""
    if (count := number_of_seeds(seeds)) == 1:
        return mean + unit
    places = len(deviation.partition(".")[2])
    least = 0.5 * 10**-places
    half = student(count) * max(float(deviation), least) / math.sqrt(count)
    return f"{mean} ± {half:.{places}f}{unit}"


def of_earlier(files: Files, run: str, column: str) -> dict[str, str] | None:
    """What was transcribed of a run: its seeds, and its scores with their intervals."""
    old = files.earlier["scores"].get(f"{run}/{column}")
    return old and {name: widened(text, old["seeds"]) for name, text in old.items()}


def of_records(records: Sequence[dict[str, Any]], column: str, score: str) -> str:
    if score == "fitted_error":
        return figure([record["fitted error"]["error"] for record in records], score)
    return figure([record["columns"][column]["scores"][score] for record in records], score)


def quoted(files: Files, run: str, column: str, score: str) -> str:
    """A figure for a sentence, with its seeds: from the files, or transcribed, with a dagger.

    The run "real" with the column "images" are real images, as the judge scores them.
    """
    if (run, column) == ("real", "images"):
        return of_records([real_images(files)], LAST, score)
    if files.complete(run, column):
        records = files.records(run, column)
        return f"{of_records(records, column, score)} ({named(seeds(records))})"
    old = of_earlier(files, run, column)
    assert old is not None
    return f"{old[score]}{DAGGER} ({named(old['seeds'])})"


def named(numbers: str) -> str:
    """ "seeds 0–2", "seed 0" """
    return f"seed{'s' * (not numbers.isdecimal())} {numbers}"


def of_one_run(files: Files, run: str, seed: str, column: str, score: str, spec: str) -> str:
    """A score of one record, as Python shall format it, and its seed."""
    (record,) = (each for each in files.records(run, column) if each["seed"] == int(seed))
    return f"{format(record['columns'][column]['scores'][score], spec)} ({named(seed)})"


def by_keys(value: Any, where: str) -> str:
    """ "ring/…/0 .2f": a number of a file by its keys, and how Python shall format it."""
    path, _, spec = where.rpartition(" ")
    for key in path.split("/"):
        value = value[int(key) if isinstance(value, list) else key]
    return format(value, spec)


def references(files: Files) -> dict[str, Any]:
    """What examples/evaluate.py --references found of samples that no network drew, by name."""
    columns = json.loads(files.references.read_text(encoding="utf-8"))["columns"]
    return dict(columns)


def real_images(files: Files) -> dict[str, Any]:
    """A record of real training images in place of a run's samples."""
    return {"columns": {LAST: references(files)["real images"]}}


# ---------------------------------------------------------------------------------------------
# Tables


def with_note(text: str, files: Files) -> str:
    """The table, and below it what a dagger means if it has one."""
    if DAGGER not in text:
        return text
    return f"{text}\n\n{DAGGER} {files.earlier['source'].capitalize()}."


def earlier_table(name: str, files: Files) -> str:
    """A whole table from before files were kept, with a dagger in each row."""
    old = files.earlier["tables"][name]
    rows = []
    for row in old["rows"]:
        first = next(i for i, cell in enumerate(row) if cell)
        rows.append([cell + f" {DAGGER}" * (i == first) for i, cell in enumerate(row)])
    return table(old["head"], old["align"], rows)


def scores_table(files: Files) -> str:
    rows = []
    for label, run in SCORES:
        for column, weights in COLUMNS.items():
            records = files.records(run, column)
            name = label if column == LAST else "…"
            old = of_earlier(files, run, column)
            if old and not files.complete(run, column):
                cells = [old[score] for score in SHOWN]
                rows.append([f"{name} {DAGGER}", weights, old["seeds"], *cells])
                name = "… measured again"
            if records:
                cells = [of_records(records, column, score) for score in SHOWN]
                rows.append([name, weights, seeds(records), *cells])
    cells = [of_records([real_images(files)], LAST, score) for score in SHOWN]
    rows.append(["*10,000 real training images*", "", "", *[f"*{cell}*" for cell in cells]])
    head = ["system", "weights", "seeds", *SHOWN.values()]
    return table(head, ["left"] * 3 + ["right"] * len(SHOWN), rows)


def patience_table(files: Files) -> str:
    """The tutorials' GAN after 25 epochs and after the 200 that they have, with its grids."""
    if not files.records("gan-tutorial-200"):
        return "(This run has not ended yet.)"
    rows = []
    for epochs, run in (("25 epochs", "gan-tutorial"), ("200 epochs", "gan-tutorial-200")):
        if files.complete(run, LAST):
            records = files.records(run, LAST)
            cells = [of_records(records, LAST, score) for score in SHOWN]
            rows.append([epochs, seeds(records), *cells])
        else:
            old = of_earlier(files, run, LAST)
            assert old is not None
            rows.append([f"{epochs} {DAGGER}", old["seeds"], *[old[score] for score in SHOWN]])
    scores = table(["after", "seeds", *SHOWN.values()], ["left"] * 2 + ["right"] * len(SHOWN), rows)
    pictures = table(
        ["25 epochs", "200 epochs", "losses"],
        ["left"] * 3,
        [[f"![]({name})" for name in (
            "gan-tutorial/grid.png", "gan-tutorial-200/grid.png", "gan-tutorial-200/losses.png"
        )]],
    )  # fmt: skip
    return f"{scores}\n\n{pictures}"


def systems_table(files: Files) -> str:
    rows = []
    for label, run, pictures, seen in SYSTEMS:
        if records := files.records(run):
            training = [record["training"] for record in records]
            command = training[0]["command"].split(" --seed")[0].removeprefix("python ")
            epochs = training[0]["epochs"]
            spent = statistics.fmean(t["processor seconds"] / t["epochs"] for t in training)
            cells = [f"`{command}`", str(epochs), f"{spent:.1f}" if spent < 10 else f"{spent:.0f}"]
        elif old := files.earlier["systems"].get(run):
            label += f" {DAGGER}"
            cells = [f"`{old['command']}`", old["epochs"], old["seconds"]]
        else:
            continue
        links = f"[grid]({pictures}/grid.png), [losses]({pictures}/losses.png)"
        if pictures.endswith(".png"):
            links = f"[grid]({pictures})"
        rows.append([label, *cells, links, seen])
    head = ["system", "command (and `--threads 1`)", "epochs", "seconds an epoch", "pictures", ""]
    return table(head, ["left", "left", "right", "right", "left", "left"], rows)


def papers_table(files: Files) -> str:
    def fill(text: str) -> str:
        return re.sub(r"\{(\S+) (\S+) (\S+)\}", lambda m: quoted(files, *m.groups()), text)

    rows = [[what, elsewhere, fill(here)] for what, elsewhere, here in PAPERS]
    return table(["what", "elsewhere", "here"], ["left"] * 3, rows)


def machines(files: Files) -> str:
    """Where the runs were made that files are kept of, and with what."""
    rows: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for records in files.runs.values():
        for record in records:
            training = record["training"]
            machine, used = training["machine"], training["versions"]
            processor = f"{machine['processor']}, family {machine['family']}"
            blas = f"{used['BLAS']}, kernel {used['BLAS kernel']}"
            own = f"{used['minigan']} ({used['commit']})"
            key = (processor, str(machine["cores"]), used["numpy"], blas, own)
            rows.setdefault(key, []).append(training)
    lines = []
    for key, trainings in rows.items():
        days = sorted(training["date"][:10] for training in trainings)
        when = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
        lines.append([str(len(trainings)), when, *key])
    head = ["runs", "date", "processor", "cores", "NumPy", "BLAS", "minigan"]
    return table(head, ["right", "left", "left", "right", "left", "left", "left"], lines)


def milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}"


def where_table(files: Files) -> str:
    """On what the benchmark ran, and how busy it was."""
    results = files.read("benchmark/benchmark.json")
    machine, said = results["machine"], results["versions"].values()
    versions = {
        f"{what} {which}"
        for found in said
        for what, which in found.items()
        if what != "threads"  # a column of its own
    }
    cells = [
        machine["processor"],
        str(machine["cores"]),
        str(results["threads"]),
        machine["time"][:10],
        f"{results['disturbance']['strangers']:.2f}",
        ", ".join(sorted(versions, key=str.lower)),
    ]
    head = ["processor", "cores", "threads", "date", "others used, cores", "versions"]
    return table(head, ["left", "right", "right", "left", "right", "left"], [cells])


def compiled_table(files: Files) -> str:
    """Formulas run by NumPy and compiled."""
    return in_turns(files, "compiled", "numpy", "compiled", "ratio")


def recorded_table(files: Files) -> str:
    """Steps played operation by operation, and recorded; formulas are compiled in both."""
    return in_turns(files, "recorded", "compiled", "recorded", "ratio recorded")


def in_turns(files: Files, name: str, before: str, after: str, ratio: str) -> str:
    """What was measured in turns, two ways, on one thread and on two: µs, and quartiles of ÷."""
    found = [files.read(f"{name}.json"), files.read(f"{name}-2.json")]
    titles = {"numpy": "NumPy"}
    head = ["", "threads", *(f"{titles.get(way, way)}, µs" for way in (before, after)), "÷"]
    rows = [
        [
            row["name"],
            str(results["threads"]),
            f"{row[before] * 1e6:,.0f}",
            f"{row[after] * 1e6:,.0f}",
            "{:.2f} ({:.2f}–{:.2f})".format(*row[ratio]),
        ]
        for kind in ("kernel", "step")
        for results in found
        for row in results["rows"]
        if row["kind"] == kind
    ]
    return table(head, ["left", *["right"] * 4], rows)


def steps_table(files: Files) -> str:
    """Whole steps: perceptrons beside everybody, convolutions beside torch."""
    found = [files.read(f"{name}/benchmark.json") for name in ("benchmark", "images")]
    rows = []
    for case in [case for results in found if results for case in results["steps"]]:
        name = case["name"]
        for contender, row in case["rows"].items():
            ratio = beside = ""
            if "ratio" in row:
                low, high = row["ratio quartiles"]
                ratio = f"{row['ratio']:.2f} ({low:.2f}–{high:.2f})"
                beside = milliseconds(row["reference"])
            peak = f"{row['peak'] / 1e6:.0f}"
            label = CONTENDERS.get(contender, contender)
            rows.append([name, label, milliseconds(row["median"]), beside, ratio, peak])
            name = ""
    head = ["step", "", "ms", "minigan beside it, ms", "÷", "peak MB"]
    return table(head, ["left", "left", "right", "right", "right", "right"], rows)


def growth_table(files: Files) -> str:
    results = files.read("growth/benchmark.json")
    rows = []
    for case in results["growth"]:
        own, other = (case["rows"].get(name) for name in ("minigan", "torch-eager"))
        if own and other:
            times = [f"{row['median'] * 1e3 / case['images']:.3g}" for row in (own, other)]
            peaks = [f"{row['peak'] / 1e6:.0f}" for row in (own, other)]
            rows.append([case["name"], *times, f"{other['ratio']:.2f}", *peaks])
    head = ["", "minigan", "torch", "÷", "peak MB, minigan", "torch"]
    return table(head, ["left"] + ["right"] * 5, rows)


def limit_table(files: Files) -> str:
    results = files.read("benchmark/benchmark.json")
    if results is None or not results.get("operations"):
        return earlier_table("limit", files)
    rows = []
    for case in results["operations"]:
        if case["layer"][0] not in ("conv", "conv_transpose"):
            continue
        cells = []
        for part in ("forward", "input gradient", "weight gradient"):
            by_name = case["parts"].get(part, {})
            names = ("minigan", "torch-eager", "torch-channels-last")
            rates = [
                f"{case['flops'] / by_name[name]['median'] / 1e9:.0f}" if name in by_name else "–"
                for name in names
            ]
            cells.append(f"{rates[0]} ({rates[1]} / {rates[2]})")
        rows.append([case["name"], *cells])
    head = ["", "forward", "input gradient", "kernel gradient"]
    return table(head, ["left", "right", "right", "right"], rows)


def kill_table(files: Files) -> str:
    if (results := files.read("kill.json")) is None:
        return earlier_table("kill", files)
    seen, every = results["seen"], results["runs"]
    damaged = [
        seen.get(f"and {how}", 0)
        for how in ("the checkpoint was cut short", "a bit of the checkpoint was flipped")
    ]
    rows = [
        [f"runs of {results['steps']} iterations, each killed until it was done", str(every)],
        *[[text, str(seen.get(what, 0))] for what, text in KILLS.items()],
        ["checkpoints cut short; with a flipped bit", f"{damaged[0]}; {damaged[1]}"],
        ["files that differed", f"{results['different']} of {results['files']} in each run"],
    ]
    return table([f"{results['kills']} kills, seed {results['seed']}", ""], ["left"] * 2, rows)


def averaging_table(files: Files) -> str:
    """What averaging the weights does to the Fréchet distance, where both were scored.

    The two generators of a run share its whole way, so their difference is compared seed by seed.
    """
    rows = []
    for label, run in SCORES:
        records = files.records(run, AVERAGED)
        if files.complete(run, AVERAGED):
            which, dagger = seeds(records), ""
            both = [of_records(records, column, "frechet_distance") for column in COLUMNS]
        elif (last := of_earlier(files, run, LAST)) and (mean := of_earlier(files, run, AVERAGED)):
            which, dagger = last["seeds"], f" {DAGGER}"
            both = [last["frechet_distance"], mean["frechet_distance"]]
        else:
            continue
        name = FULL_NAMES.get(run, label)
        rows.append([name + dagger, which, *both, paired(records)])
    head = ["system", "seeds", "last", "averaged", "averaged − last, of the runs with files"]
    return table(head, ["left"] * 2 + ["right"] * 3, rows)


def paired(records: Sequence[dict[str, Any]]) -> str:
    """The mean difference of the two generators, and how many runs it is of."""
    differences = [
        record["columns"][AVERAGED]["scores"]["frechet_distance"]
        - record["columns"][LAST]["scores"]["frechet_distance"]
        for record in records
    ]
    if not differences:
        return "–"
    return f"{figure(differences, 'frechet_distance')} (n = {len(differences)})"


REFERENCES = {  # title: how the scores stand in the cell
    "Fréchet distance": "{frechet_distance:.2f}",
    "classifier score": "{classifier_score:.3f}",
    "modes": "{modes}",
    "label KL": "{label_kl:.4f}",
    "precision": "{precision:.3f}",
    "recall": "{recall:.3f}",
    "density": "{density:.3f}",
    "coverage": "{coverage:.3f}",
    "two-sample (real, drawn)": "{two_sample:.3f} ({two_sample_real:.3f}, {two_sample_fake:.3f})",
    "Parzen": "{parzen:.1f} ± {parzen_error:.1f}",
    "nearest": "{nearest_training_image:.3f}",
}


def references_table(files: Files) -> str:
    """The scores of samples of known faults. Behind the Parzen score is its standard error."""
    rows = [
        [name, *(minus(cell.format(**column["scores"])) for cell in REFERENCES.values())]
        for name, column in references(files).items()
    ]
    return table(["samples", *REFERENCES], ["left"] + ["right"] * len(REFERENCES), rows)


def features_table(files: Files) -> str:
    """What a linear classifier makes of pixels and of discriminators, trained and not."""
    found = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(files.data.glob("features/*.json"))
    ]
    if not found:
        return earlier_table("features", files)
    rows: dict[str, tuple[str, str]] = {}  # what is the same in two files is shown once
    for results in sorted(found, key=lambda results: (results["maps"], results["iterations"])):
        side, maps = results["image_size"], results["maps"]
        names = {
            "raw pixels": f"raw pixels, {side} × {side}",
            "untrained discriminator": f"untrained discriminator, {maps} maps",
            "trained discriminator": f"discriminator, {maps} maps,"
            f" after {results['iterations']:,} iterations",
        }
        for kind, name in names.items():
            error = f"{results['test_error'][kind]:.2%}".replace("%", " %")
            rows.setdefault(name, (str(results["numbers"][kind]), error))
    head = ["features", "numbers", "test error"]
    return table(head, ["left", "right", "right"], [[name, *row] for name, row in rows.items()])


def scripts_table(files: Files) -> str:
    """How far public scripts follow torch, with their import lines changed: compare.py's results.

    A script that stops by an error of its own stops in torch, too, and at the same loss.
    """
    results = files.read("scripts.json") or {"scripts": {}}
    rows = []
    for name, result in sorted(results["scripts"].items()):
        changes = [f"`{setting}`" for setting in result["set"]]
        if result["minigan stops"]:
            kind = result["minigan stops"].split(":")[0]
            end = f"stops in both: {kind}" if result["torch stops"] else f"stops: {kind}"
        else:
            end = ""
        far = f"{result['difference']:.0e}" if result["losses"] else "–"
        rows.append([name, ", ".join(changes), str(result["losses"]), far, end])
    head = ["script", "also set", "losses", "largest difference", ""]
    return table(head, ["left"] * 2 + ["right"] * 2 + ["left"], rows)


def seconds_table(files: Files) -> str:
    """What an evaluation takes, stage by stage. (Those of the runs were made on a busy machine.)"""
    if (results := files.read("evaluation.json")) is None:
        return earlier_table("seconds", files)
    stages = results["columns"][LAST]["seconds"]
    cells = [f"{seconds:.2f}" if seconds < 0.1 else f"{seconds:.1f}" for seconds in stages.values()]
    return table(list(stages), ["right"] * len(stages), [cells])


TABLES: dict[str, Callable[[Files], str]] = {
    "scores": scores_table,
    "systems": systems_table,
    "patience": patience_table,
    "papers": papers_table,
    "machines": machines,
    "where": where_table,
    "steps": steps_table,
    "compiled": compiled_table,
    "recorded": recorded_table,
    "growth": growth_table,
    "limit": limit_table,
    "kill": kill_table,
    "averaging": averaging_table,
    "references": references_table,
    "features": features_table,
    "scripts": scripts_table,
    "seconds": seconds_table,
}


# ---------------------------------------------------------------------------------------------
# Pages


def of_sentence(files: Files, name: str) -> str:
    """The figure that a marker names."""
    kind, _, which = name.partition(" ")
    if kind == "theory":
        return by_keys(files.read("theory.json"), which)
    if kind == "gpu":
        found = files.read("gpu.json")
        return by_keys(found, which) if found else gpu_tables.NOT_YET
    if kind == "run":
        return of_one_run(files, *which.split())
    if kind in experiment_tables.FIGURES:
        file, find = experiment_tables.FIGURES[kind]
        return find(files.read(file), which)
    return quoted(files, *name.split())


def made_table(files: Files, name: str) -> str:
    """The table of that name: an experiment's, one of this file, or a transcribed one."""
    made_elsewhere = experiment_tables.TABLES | live_tables.TABLES | scaling_tables.TABLES
    if name in made_elsewhere:
        file, make = made_elsewhere[name]
        found = files.read(file)
        return make(found) if found is not None else "(This has not been measured yet.)"
    if name.partition(" ")[0] in gpu_tables.TABLES:
        return gpu_tables.made(name, files.read("gpu.json"))
    if name in speed_tables.TABLES:
        return speed_tables.TABLES[name](files.read)
    return TABLES[name](files) if name in TABLES else earlier_table(name, files)


def rewritten(page: str, files: Files) -> str:
    """The page with everything between its markers made anew."""

    def make(found: re.Match[str]) -> str:
        kind, name, _ = found.groups()
        if kind == "figure":
            text = of_sentence(files, name)
            return f"<!-- figure: {name} -->{text}<!-- end -->"
        text = made_table(files, name)
        return f"<!-- table: {name} -->\n\n{with_note(text, files)}\n\n<!-- end -->"

    return MARKED.sub(make, page)


def faults(docs: Path) -> list[str]:
    """Where what a page says is not what the files say: page, marker, both texts."""
    files, found = Files(docs), []
    for path in sorted(docs.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        for old, new in zip(
            MARKED.finditer(page), MARKED.finditer(rewritten(page, files)), strict=True
        ):
            lines = zip(old[3].splitlines(), new[3].splitlines(), strict=False)
            if old[3] != new[3]:
                here, there = next((pair for pair in lines if pair[0] != pair[1]), ("", "more"))
                where = f"{path.relative_to(docs)}, {old[1]} {old[2]}"
                found.append(f"{where}:\n    the page  {here}\n    the files {there}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the tables of docs/ from their files.")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args(arguments)
    docs = ROOT / "docs"
    if options.check:
        found = faults(docs)
        print("\n".join(found) or "the pages say what the files say")
        return 1 if found else 0
    files = Files(docs)
    for path in sorted(docs.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (new := rewritten(page, files)) != page:
            path.write_text(new, encoding="utf-8")
            print(f"rewrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
