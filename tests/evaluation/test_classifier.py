"""The judge: its accuracy, torch's answer to the same weights, and the command that trains it."""

import importlib.util
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from minigan import manual_seed, rand
from minigan.data import mnist
from minigan.errors import UserError
from minigan.evaluation import classifier
from minigan.evaluation.classifier import WEIGHTS, Judge

TRAINER = Path(__file__).parents[2] / "examples" / "train_classifier.py"


@pytest.fixture(scope="module")
def trainer():
    spec = importlib.util.spec_from_file_location("train_classifier", TRAINER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def test_set():
    dataset = mnist("test")
    return dataset.images.astype(np.float32) / 255, dataset.labels


def test_the_packaged_weights_read_99_percent_of_the_test_set(test_set):
    images, labels = test_set
    right = Judge().look(images).probabilities.argmax(axis=1) == labels
    assert right.mean() >= 0.99


def test_the_packaged_weights_are_small():
    assert WEIGHTS.stat().st_size < 1_000_000
    assert {array.dtype for array in load_file(WEIGHTS).values()} == {np.dtype(np.float32)}


def test_torch_sees_the_same(test_set, backend):
    images = test_set[0][:20]
    w = {name: torch.tensor(array).double() for name, array in load_file(WEIGHTS).items()}
    x = torch.tensor(images).double() * 2 - 1
    for name in ("conv1", "conv2"):
        kernel, bias = w[f"{name}.weight"], w[f"{name}.bias"]
        x = torch.relu(torch.nn.functional.conv2d(x, kernel, bias, stride=2, padding=2))
    features = torch.relu(x.flatten(1) @ w["fc1.weight"].T + w["fc1.bias"])
    probabilities = torch.softmax(features @ w["fc2.weight"].T + w["fc2.bias"], 1)

    seen = Judge(backend).look(images)
    assert seen.features.shape == (20, 128) and seen.features.dtype == np.float32
    np.testing.assert_allclose(seen.features, features.numpy(), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(seen.probabilities, probabilities.numpy(), atol=1e-5)


def test_an_image_looks_the_same_in_any_batch(test_set, monkeypatch):
    images = test_set[0][:23]
    whole = Judge().look(images)
    monkeypatch.setattr(classifier, "BATCH", 7)
    for one, other in zip(whole, Judge().look(images), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_missing_or_damaged_weights_are_one_clear_error(tmp_path, monkeypatch):
    damaged = tmp_path / "weights.safetensors"
    monkeypatch.setattr(classifier, "WEIGHTS", damaged)
    with pytest.raises(UserError, match="install minigan again"):
        Judge()
    shutil.copy(WEIGHTS, damaged)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(UserError, match="install minigan again"):
        Judge()


def test_the_trainer_runs_and_repeats_itself(trainer, tmp_path, monkeypatch, capsys):
    dataset = mnist("test")
    some = replace(dataset, images=dataset.images[:300], labels=dataset.labels[:300])
    monkeypatch.setattr(trainer, "mnist", lambda split: some)
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for file in files:
        trainer.main(
            ["--max-steps", "12", "--batch-size", "100", "--lr", "5e-3", "--out", str(file)]
        )
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "test accuracy" in capsys.readouterr().out

    monkeypatch.setattr(classifier, "WEIGHTS", files[0])
    seen = Judge().look(some.images.astype(np.float32) / 255)
    assert (seen.probabilities.argmax(axis=1) == some.labels).mean() > 0.5


def test_a_place_that_cannot_be_written_is_found_before_the_training(trainer, monkeypatch):
    monkeypatch.setattr(trainer, "mnist", None)  # not even the images are read
    for place, why in (("/proc/weights.safetensors", "Cannot write"), ("/tmp", "is a folder")):
        with pytest.raises(UserError, match=why):
            trainer.main(["--out", place])


INTERRUPTED = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import train_classifier
from minigan.data import mnist
few = mnist("test").first(200)
train_classifier.mnist = lambda split: few
train_classifier.run_command(train_classifier.main)
"""


def test_ctrl_c_saves_what_has_been_learned(tmp_path):
    out = tmp_path / "weights.safetensors"
    out.write_text("of another training")
    flags = ["--epochs", "100000", "--threads", "1", "--out", str(out)]
    command = [sys.executable, "-c", INTERRUPTED, str(TRAINER.parent), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("[Epoch 1] loss")
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 130
    stopped = tmp_path / "stopped_weights.safetensors"
    assert re.fullmatch(r"stopped after [\d,]+ of 200,000 batches", said[-2])
    assert said[-1] == f"saved {stopped} ({stopped.stat().st_size:,} bytes)"
    assert load_file(stopped)["conv1.weight"].shape == load_file(WEIGHTS)["conv1.weight"].shape
    assert out.read_text() == "of another training"


def test_a_shift_moves_every_image_and_keeps_its_ink(trainer, test_set):
    images = trainer.Tensor(test_set[0][:50])
    seen = set()
    for seed in range(40):
        moved = trainer.shifted(images, trainer.Random(seed)).numpy()
        np.testing.assert_allclose(moved.sum(), images.numpy().sum(), rtol=1e-5)
        place = np.unravel_index(np.argmax(moved[0, 0]), (28, 28))
        seen.add(tuple(int(i) for i in place))
    rows, columns = zip(*seen, strict=True)
    assert max(rows) - min(rows) == max(columns) - min(columns) == 4


def test_a_judge_leaves_the_callers_random_numbers_alone():
    manual_seed(5)
    undisturbed = [rand(2).tolist(), rand(2).tolist()]
    manual_seed(5)
    drawn = [rand(2).tolist()]
    Judge()
    assert [*drawn, rand(2).tolist()] == undisturbed
