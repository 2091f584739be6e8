"""What a run says at its end: commands that can be pasted, of the folder that it is in."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minigan.data import ImageDataset, mnist
from minigan.data.loader import DataLoader
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.gans.conditional_gan import Recipe as Conditional
from minigan.gans.gan import MLPGAN, Recipe
from minigan.nn.summary import noted_layers
from minigan.training import telling

ROOT = Path(__file__).parents[2]
SMALL = Recipe(latent_dim=4, generator_widths=(8,), discriminator_widths=(8,), epochs=7)


@pytest.fixture
def digits():
    return DataLoader(mnist("test").first(64), 32)


@pytest.fixture
def called(monkeypatch):
    """As if the program had been called with these words, from the root of the repository."""

    def call(*words):
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, "orig_argv", ["python", *words])
        monkeypatch.setattr(sys, "argv", list(words))
        # The examples lie beside the package in a checkout, wherever minigan is imported from here.
        monkeypatch.setattr(telling, "__file__", str(ROOT / "minigan" / "training" / "telling.py"))

    return call


def test_three_commands_as_they_would_be_typed(digits, called):
    called("examples/mnist_gan.py", "--epochs", "7")
    out = Path("runs/my own")
    assert telling.next_commands(MLPGAN(SMALL), digits, out) == [
        "python examples/sample.py 'runs/my own'",
        "python examples/latent_walk.py 'runs/my own'",
        "python examples/evaluate.py 'runs/my own'",
    ]


def test_a_class_and_an_own_system_are_named(digits, called):
    called("mine/train_hinge.py")
    gan = ConditionalGAN(Conditional(generator_widths=(8,), discriminator_widths=(8,)))
    assert telling.next_commands(gan, digits, Path("runs/c"), "--system 'my gan.py'") == [
        "python examples/sample.py runs/c --system 'my gan.py'",
        "python examples/latent_walk.py runs/c --system 'my gan.py' --digit 7",
        "python examples/evaluate.py runs/c --system 'my gan.py'",
    ]


def test_pictures_that_no_judge_knows_train_on(called):
    pictures = ImageDataset(np.zeros((4, 1, 4, 4), np.uint8), name="own pictures")
    called("examples/dcgan.py", "--data", "my pictures", "--overwrite")
    last = telling.next_commands(MLPGAN(SMALL), DataLoader(pictures, 2), Path("runs/d"))[-1]
    assert last == "python examples/dcgan.py --data 'my pictures' --epochs 14 --resume"
    called("-c")  # no program that could be typed again
    assert len(telling.next_commands(MLPGAN(SMALL), DataLoader(pictures, 2), Path("runs/d"))) == 2


def test_a_stopped_run_says_how_it_goes_on(called):
    called("examples/mnist_gan.py", "--threads", "1")
    assert telling.stopped(Path("runs/my own"), 1234) == [
        "stopped at iteration 1,234; go on with --resume --out 'runs/my own'",
        "  python examples/mnist_gan.py --threads 1 --resume",
    ]


def test_without_the_examples_there_are_no_commands(digits, called, monkeypatch):
    called("-c")
    monkeypatch.setattr(telling, "__file__", "/site-packages/minigan/training/telling.py")
    monkeypatch.chdir("/")
    assert telling.next_commands(MLPGAN(SMALL), digits, Path("runs/x")) == []


def test_both_networks_in_one_table():
    gan = ConditionalGAN(Conditional(generator_widths=(8,), discriminator_widths=(8,), label_dim=2))
    loader = DataLoader(mnist("test").first(64), 32)
    with noted_layers(gan.generator) as generator, noted_layers(gan.discriminator) as other:
        gan.play_round(*next(iter(loader)))
    table = [line.split() for line in telling.networks(gan, generator, other)]
    assert ["label_emb", "(Embedding)", "(N,", "2)", "20"] in table
    names = [row[0] for row in table]
    assert names.count("generator") == names.count("discriminator") == 1
    assert names.count("label_emb") == 2  # each once, though D is called three times
    assert (
        len(names)
        == 3 + 2 + len(list(gan.generator.model)) + len(list(gan.discriminator.model)) + 2
    )


def test_what_is_said_at_the_end_of_a_real_run_can_be_pasted(tmp_path):
    folder = tmp_path / "a run"
    flags = ["--max-steps", "3", "--train-count", "192", "--threads", "1", "--out", str(folder)]
    command = [sys.executable, "examples/mnist_gan.py", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = done.stderr.splitlines()
    commands = said[said.index("next:") + 1 :]
    assert len(commands) == 3
    assert [shlex.split(line)[1:] for line in commands] == [
        [f"examples/{name}.py", str(folder)] for name in ("sample", "latent_walk", "evaluate")
    ]
    draw = f"{commands[0].strip()} --count 4 --out {shlex.quote(str(tmp_path / 'page.png'))}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(draw, shell=True, cwd=ROOT, check=True, env=environment)
    assert (tmp_path / "page.png").exists()
