"""Evaluations during a run: they change nothing, resume exactly, and keep the best checkpoint."""

import csv
import os
from dataclasses import replace

import pytest

from minigan.data import DataLoader, mnist
from minigan.errors import UserError
from minigan.evaluation.evaluate import Evaluation, Reference, Scores
from minigan.gans import rebuild
from minigan.gans.gan import MLPGAN, Recipe
from minigan.training import evaluations
from minigan.training.checkpoint import load_checkpoint
from minigan.training.command import run_options, training_parser, with_flags
from minigan.training.evaluations import Evaluations
from minigan.training.folder import note_drawn
from minigan.training.session import Session, run

SMALL = Recipe(latent_dim=4, generator_widths=(8,), discriminator_widths=(8,), lr=0.01)


def part(start, stop):
    dataset = mnist("test")
    return replace(dataset, images=dataset.images[start:stop], labels=dataset.labels[start:stop])


@pytest.fixture(scope="module")
def digits():
    return part(0, 200)


@pytest.fixture(scope="module")
def reference(digits):
    return Reference(digits, part(200, 350))


@pytest.fixture
def train(monkeypatch, digits, reference):
    """Train in a folder, 4 batches an epoch, with the flags given; its curves are not drawn."""
    monkeypatch.setattr(Session, "_finish", lambda session: None)
    monkeypatch.setattr(Evaluations.__init__, "__kwdefaults__", {"count": 140})

    def call(folder, *flags, recipe=SMALL):
        parser = training_parser("", out="", data="")
        options = parser.parse_args(["--out", str(folder), *flags])
        loader = DataLoader(digits, 50, shuffle=True)
        gan = MLPGAN(with_flags(recipe, options))
        return run(gan, loader, run_options(options), reference=reference)

    return call


@pytest.fixture
def quick(monkeypatch):
    """In place of all the scores, the mean and the deviation of the images."""

    def evaluate(images, reference, labels):
        scores = Scores(*[float(images.std())] + [float(images.mean())] * 14)
        return Evaluation(len(images), scores, {})

    monkeypatch.setattr(evaluations, "evaluate", evaluate)


def table(folder):
    with open(folder / "evaluation.csv", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder, *names):
    return [(folder / name).read_bytes() for name in names]


def test_a_row_every_n_epochs_and_the_best_checkpoint(train, tmp_path, reference, capsys):
    assert train(tmp_path, "--epochs", "5", "--evaluate-every", "2", "--average", "0.5") == 0
    rows = table(tmp_path)
    assert [row["epoch"] for row in rows] == ["2", "4"]
    assert [row["iteration"] for row in rows] == ["8", "16"]
    assert (tmp_path / "evaluation.png").exists()
    assert "label_agreement" not in rows[0] and "averaged_parzen_sigma" in rows[0]

    best = min(rows, key=evaluations._distance)
    checkpoint = load_checkpoint(tmp_path / "best.safetensors")
    assert checkpoint.metadata["iteration"] == int(best["iteration"])
    assert not (tmp_path / "best.safetensors.previous").exists()
    gan = rebuild(checkpoint.tensors, checkpoint.metadata)
    again = Evaluations(tmp_path / "again", gan, reference, 0, count=140)
    again.take(8, 2, lambda: (checkpoint.tensors, checkpoint.metadata))
    for name in ("frechet_distance", "averaged_frechet_distance", "parzen"):
        assert float(table(tmp_path / "again")[0][name]) == pytest.approx(float(best[name]))

    err = capsys.readouterr().err
    assert err.count("evaluation after epoch") == 2
    assert "evaluation after epoch 2: Fréchet distance" in err and "the best so far" in err


def test_evaluating_changes_nothing_in_training(train, tmp_path):
    train(tmp_path / "plain", "--epochs", "2")
    train(tmp_path / "watched", "--epochs", "2", "--evaluate-every", "1")
    plain, watched = (
        load_checkpoint(tmp_path / name / "checkpoint.safetensors") for name in ("plain", "watched")
    )
    assert plain.metadata == watched.metadata
    for name, array in plain.tensors.items():
        assert (array == watched.tensors[name]).all()


@pytest.mark.parametrize("stop", ["13", "16"])  # between evaluations, and at one
def test_an_interrupted_run_ends_with_the_same_files(train, quick, tmp_path, stop):
    flags = ["--epochs", "6", "--evaluate-every", "2", "--checkpoint-every", "8"]
    train(tmp_path / "whole", *flags)
    train(tmp_path / "parts", "--max-steps", stop, *flags)
    # As after a kill, the table is ahead of the checkpoint.
    with open(tmp_path / "parts" / "evaluation.csv", "a") as file:
        file.write("20,5,0.001" + ",0" * (len(table(tmp_path / "parts")[0]) - 3) + "\n")
    train(tmp_path / "parts", *flags, "--resume")
    names = ["evaluation.csv", "best.safetensors", "checkpoint.safetensors"]
    assert contents(tmp_path / "whole", *names) == contents(tmp_path / "parts", *names)


def test_overwriting_removes_the_old_evaluations(train, quick, tmp_path):
    train(tmp_path, "--epochs", "2", "--evaluate-every", "1")
    (tmp_path / "evaluation.json").write_text("{}")
    note_drawn(tmp_path, ["evaluation.json"])
    train(tmp_path, "--epochs", "2", "--overwrite")
    left = {path.name for path in tmp_path.iterdir()}
    assert not left & {"evaluation.csv", "evaluation.json", "evaluation.png", "best.safetensors"}


def test_images_that_the_judge_cannot_read_are_an_error_before_training(train, tmp_path):
    recipe = replace(SMALL, image_shape=(3, 8, 8))
    with pytest.raises(UserError, match=r"\(3, 8, 8\)"):
        train(tmp_path, "--epochs", "2", "--evaluate-every", "1", recipe=recipe)
    assert not (tmp_path / "metrics.csv").exists()


def test_a_table_that_is_none_is_one_clear_error(tmp_path, reference):
    (tmp_path / "evaluation.csv").write_text("iteration\nmany\n")
    with pytest.raises(UserError, match=r"evaluation.csv cannot be read.*move it away"):
        Evaluations(tmp_path, MLPGAN(SMALL), reference, 5)


def test_a_pipe_in_place_of_the_table_does_not_block(tmp_path, reference):
    os.mkfifo(tmp_path / "evaluation.csv")
    with pytest.raises(UserError, match=r"evaluation.csv cannot be read.*not a plain file"):
        Evaluations(tmp_path, MLPGAN(SMALL), reference, 5)
