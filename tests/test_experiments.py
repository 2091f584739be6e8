"""The experiments of docs/: they keep every run and play what they say, and their tables count."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from minigan.data import mnist
from minigan.evaluation.evaluate import Reference

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """docs/ and docs/experiments/ are no packages: a script's folder is on its path."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.syspath_prepend(str(DOCS / "experiments"))
    monkeypatch.setattr(sys, "argv", [str(DOCS / "experiments" / "ring.py"), "--seeds", "2"])


def module(name):
    return importlib.import_module(name)


# ---------------------------------------------------------------- how sure is a figure?


@pytest.mark.parametrize("count", [2, 3, 8, 20, 31, 32, 60, 400])
def test_the_interval_of_a_mean_is_students(count):
    values = np.random.default_rng(count).normal(3, 2, count)
    low, high = scipy.stats.t.interval(0.95, count - 1, values.mean(), scipy.stats.sem(values))
    ours = module("intervals").half_width(values.tolist())
    assert ours == pytest.approx((high - low) / 2, rel=2e-3)


@pytest.mark.parametrize(("count", "total"), [(0, 20), (1, 20), (6, 20), (20, 20), (1, 1)])
def test_the_interval_of_a_count_is_wilsons(count, total):
    expected = scipy.stats.binomtest(count, total).proportion_ci(method="wilson")
    assert module("intervals").wilson(count, total) == pytest.approx(tuple(expected), abs=1e-6)


@pytest.mark.parametrize("counts", [(6, 20, 1, 20), (13, 40, 3, 40), (0, 5, 3, 4), (2, 2, 2, 2)])
def test_the_test_of_two_counts_is_fishers(counts):
    a, of_a, b, of_b = counts
    expected = scipy.stats.fisher_exact([[a, of_a - a], [b, of_b - b]]).pvalue
    assert module("intervals").fisher(*counts) == pytest.approx(expected)


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match="two values at least, not 1"):
        module("intervals").half_width([1.0])
    with pytest.raises(ValueError, match="21 of 20"):
        module("intervals").wilson(21, 20)


# ---------------------------------------------------------------- what is kept


def test_a_run_is_kept_at_once_and_not_repeated(tmp_path):
    path, played = tmp_path / "found.json", []

    def play():
        played.append(len(json.loads(path.read_text())["runs"]) if path.exists() else 0)
        return {"answer": 42}

    first, second = module("kept").Kept(path), module("kept").Kept(path)
    first.add({"seed": 0}, play)
    second.add({"seed": 1}, play)  # as another process would, which read the file before
    first.add({"seed": 1}, play)
    module("kept").Kept(path).add({"seed": 2}, play)
    assert played == [0, 1, 2]
    found = json.loads(path.read_text())
    assert [run["settings"]["seed"] for run in found["runs"]] == [0, 1, 2]
    assert {run["answer"] for run in found["runs"]} == {42}
    command = found["commands"][found["runs"][0]["command"]]
    assert command["command"] == "python docs/experiments/ring.py --seeds 2"
    assert command["threads"] == 1 and command["machine"]["cores"] >= 1
    assert command["versions"]["commit"]  # or "unknown", in a copy without its history


# ---------------------------------------------------------------- what is played


def few(which, count=1200):
    return mnist(which).first(count)


@pytest.fixture(scope="module")
def reference():
    return Reference(few("train"), few("test"))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_cliff_is_as_it_was_kept(seed):
    script = module("cliff")
    runs = json.loads((DOCS / "results" / "data" / "cliff.json").read_text())["runs"]
    kept = {
        run["settings"]["mean score"]: {name: run[name] for name in ("share", "lowest", "highest")}
        for run in runs
        if run["settings"]["seed"] == seed
    }
    assert list(kept) == list(script.SCORES)
    for score, found in kept.items():
        assert script.share(score, seed) == pytest.approx(found, rel=1e-3)
        _, scores = script.play("logits", score, seed)
        assert np.mean(scores) == pytest.approx(score)
    # Where every fake lies above the cliff nothing is lost; where all lie far below, nearly all.
    assert script.share(-1.0, 0)["share"] == pytest.approx(1)
    assert script.share(-100.0, 0)["highest"] < -50 and script.share(-100.0, 0)["share"] < 1e-3


def test_first_weights_are_whose_they_are_said_to_be(monkeypatch, reference):
    script = module("first_weights")
    small = replace(
        script.PAPER, generator_widths=(6,), maxout_units=(4,), updates_per_epoch=12, batch_size=100
    )
    monkeypatch.setattr(script, "PAPER", small)
    monkeypatch.setattr(script, "mnist", few)
    monkeypatch.setattr(script, "TRAIN_COUNT", 1200)
    monkeypatch.setattr(script, "SAMPLES", 50)
    seen = []

    def no_training(gan, loader, *, epochs):
        seen.append([p.numpy().copy() for p in (gan.generator.model[2].weight,
                                                gan.discriminator.model[1].weight,
                                                gan.generator.model[2].bias)])  # fmt: skip
        return iter(())

    monkeypatch.setattr(script, "train", no_training)
    for whose in script.WEIGHTS:
        for from_mean in (True, False):
            script.play(whose, from_mean, 0, 1, reference.judge)
    for (g, d, bias), whose, from_mean in zip(
        seen,
        np.repeat(script.WEIGHTS, 2),
        [True, False] * 4,
        strict=True,
    ):
        g_bound, d_bound = np.abs(g).max(), np.abs(d).max()
        in_g, in_d = whose.split("/")
        assert g_bound == pytest.approx(0.05 if in_g == "authors" else 1 / 6**0.5, rel=0.05)
        assert d_bound == pytest.approx(0.005 if in_d == "authors" else 1 / 28, rel=0.05)
        if from_mean:
            assert bias.min() < -10  # the corners are black in every image
        else:
            assert np.abs(bias).max() <= (0 if in_g == "authors" else 1 / 6**0.5)


def test_first_weights_look_after_each_epoch(monkeypatch, reference):
    script = module("first_weights")
    small = replace(script.PAPER, generator_widths=(6,), maxout_units=(4,), updates_per_epoch=12)
    monkeypatch.setattr(script, "PAPER", small)
    monkeypatch.setattr(script, "TRAIN_COUNT", 1200)
    monkeypatch.setattr(script, "SAMPLES", 50)
    found = script.play("authors/torch", True, 0, 2, reference.judge)
    assert len(found["deviation"]) == len(found["digits"]) == 2 and found["samples"] == 50


def test_the_small_gan_is_changed_one_thing_at_a_time(monkeypatch, reference):
    script = module("lsgan")
    differences = {
        name: {
            field
            for field in ("norm_before_sigmoid", "black", "lr", "batch_size", "width")
            if getattr(recipe, field) != getattr(script.TUTORIAL, field)
        }
        for name, recipe in script.CHANGES.items()
    }
    assert [len(changed) for changed in differences.values()] == [0, 1, 1, 2]
    monkeypatch.setattr(script, "mnist", few)
    monkeypatch.setattr(script, "EVERY", 1)
    found = script.play(script.TUTORIAL, 0, 1, reference)
    assert list(found["looks"]) == [0, 1, 2] and found["modes"] >= 1
    before = found["looks"][0]
    assert before["deviation of a pixel"] == pytest.approx(0.29, abs=0.02)


def test_looking_at_the_spread_changes_nothing():
    script = module("lsgan")
    gan = script.LSGAN(script.TUTORIAL, seed=0)
    before = [a.copy() for a in gan.state()[0].values()]
    assert script.spread(gan) == script.spread(gan)
    for old, new in zip(before, gan.state()[0].values(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_variances_in_front_of_batch_norm(monkeypatch):
    script = module("eps")
    monkeypatch.setattr(script, "mnist", few)
    monkeypatch.setattr(script, "LOOKS", (0, 2))
    found = script.play(0)["iterations"]
    assert list(found) == ["0", "2"] and [len(layers) for layers in found.values()] == [3, 3]
    first = found["0"][0]
    assert first["deviation behind"] == pytest.approx(0.23, abs=0.02)
    assert first["share below eps"] == 1


def test_an_average_is_scored_three_times(monkeypatch, reference):
    script = module("averages")
    monkeypatch.setattr(script, "draw", lambda gan, averaged=False: (averaged, None))
    asked = []

    def evaluate(images, reference):
        asked.append(images)
        return type("Evaluation", (), {"scores": Scores})

    class Scores:
        @staticmethod
        def _asdict():
            return {"frechet_distance": 1.23456, "modes": 7, "label_agreement": None}

    monkeypatch.setattr(script, "evaluate", evaluate)
    system = script.perceptrons(0)
    system.keep_average(0.9)
    found = script.scores(system, reference, {"iteration": 3})
    assert asked == [False, True, True]
    assert found == {"iteration": 3} | dict.fromkeys(
        ("last", "averaged", "statistics anew"), {"frechet_distance": 1.2346, "modes": 7}
    )


def test_an_average_is_looked_at_on_the_way(monkeypatch, reference, tmp_path):
    script = module("averages")
    monkeypatch.setattr(script, "mnist", few)
    monkeypatch.setattr(script, "scores", lambda system, reference, before: before)
    monkeypatch.setitem(script.SYSTEMS, "gan", (script.perceptrons, (1, 2)))
    kept = script.Kept(tmp_path / "averages.json")
    for _ in range(2):  # the second time all is there
        script.play(kept, "gan", 5, reference)
    assert [run["settings"]["epochs"] for run in kept.runs] == [1, 2]
    assert [run["iteration"] for run in kept.runs] == [19, 38]


def test_draws_of_real_images_are_disjoint(monkeypatch):
    script = module("floors")
    sets = script.Sets.__new__(script.Sets)
    numbers = {name: np.arange(count)[:, None] for name, count in (("train", 60), ("test", 20))}
    sets.seen = {name: type("Seen", (), {"features": each}) for name, each in numbers.items()}
    a, b = sets.draw(("train", "train"), 30, 0)
    assert len(set(a[:, 0]) | set(b[:, 0])) == 60
    assert sets.enough(("train", "train"), 30) and not sets.enough(("train", "train"), 31)
    assert sets.enough(("train", "test"), 20) and not sets.enough(("train", "test"), 21)
    a, b = sets.draw(("train", "test"), 20, 0)
    assert a.max() > 20 and sorted(b[:, 0]) == list(range(20))


# ---------------------------------------------------------------- what the tables say


def ring_found(**modes):
    return {
        "runs": [
            {
                "settings": {"objective": name, "rate": rate, "seed": seed, "kernel": kernel},
                "modes": found,
                "good": 0.5 + found / 100,
            }
            for (name, rate, kernel), each in modes["cells"].items()
            for seed, found in enumerate(each)
        ]
    }


def test_the_rings_table_counts_runs_with_their_interval():
    tables = module("experiment_tables")
    hasty = "hasty generator"
    found = ring_found(
        cells={
            ("saturating", "equal rates", "A"): [8, 7, 8, 8],
            ("saturating", hasty, "A"): [8, 8, 8, 6],
            ("non-saturating", hasty, "A"): [0, 8, 1, 2],
            ("non-saturating", hasty, "B"): [8, 8],
        }
    )
    rows = tables.ring_table(found).splitlines()[2:]
    assert rows == [
        "| saturating | 0 of 4 (0–49 %) | 58 ± 1 % | 1 of 4 (5–70 %) | 58 ± 2 % |",
        "| non-saturating | not played | | 3 of 4 (30–95 %) | 53 ± 6 % |",
        *[f"| {name} | not played | | not played | |" for name in tables.OBJECTIVES[2:]],
    ]
    assert set(tables.OBJECTIVES) == set(module("ring").ROWS)
    assert tables.kernels_table(found).splitlines()[2:] == [
        "| A | 1 of 4 (5–70 %) | 3 | 3 of 4 (30–95 %) | 0, 2, 3 |",
        "| B | not played | | 0 of 2 (0–66 %) | none |",
    ]
    assert tables.of_ring(found, f"{hasty}: non-saturating") == "3 of 4 (30–95 %)"
    assert tables.of_ring(found, f"{hasty}: non-saturating | saturating") == "0.49"
    both = f"{hasty}: non-saturating | equal rates: saturating"
    assert tables.of_ring(found, both) == "0.14"


def test_the_table_of_averages_has_three_generators_of_a_run():
    tables = module("experiment_tables")
    columns = zip(tables.COLUMNS, ((20.0, 0.5), (40.0, 0.25), (25.0, 0.45)), strict=True)
    scores = {name: {"frechet_distance": d, "precision": p} for name, (d, p) in columns}
    found = {"runs": [{"settings": {"system": "dcgan", "seed": 0, "epochs": 4}, **scores}]}
    assert tables.averages_table(found).splitlines()[2:] == [
        "| DCGAN, 32 maps | 0 | 4 | 20.0 (0.50) | 40.0 (0.25) | 25.0 (0.45) |"
    ]
    assert tables.of_averages(found, "dcgan 0 4 averaged precision .1f") == "0.2"
    assert tables.of_averages(found, "share of statistics dcgan 0 4") == "75 %"
    assert tables.of_averages(found, "gain of statistics dcgan 4") == "−15.0 (seeds 0)"
    other = scores | {"statistics anew": {"frechet_distance": 24.0, "precision": 0.5}}
    found["runs"].append({"settings": {"system": "dcgan", "seed": 2, "epochs": 4}, **other})
    gain = "−15.5 ± 6.4 (seeds 0, 2)"  # t of one degree of freedom, 12.7, times ½
    assert tables.of_averages(found, "gain of statistics dcgan 4") == gain


def test_the_table_of_first_weights_says_what_was_not_played():
    tables = module("experiment_tables")
    settings = {"weights": "torch/torch", "last bias from the mean": False, "seed": 0}
    run = {"settings": settings, "deviation": [0.01 * i for i in range(12)], "digits": [1] * 12}
    text = tables.first_weights_table({"runs": [run]})
    assert "| torch's in both | as the weights' | 0 | 0.010 (1) | 0.030 (1) |" in text
    assert "Not played yet: the authors' in both, the digits' mean, seeds 0, 1, 2;" in text
    assert text.endswith("torch's in both, as the weights', seeds 1, 2.")
