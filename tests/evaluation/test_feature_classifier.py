"""examples/feature_classifier.py: its pooling is torch's, and it runs on a small DCGAN."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from minigan.data import mnist
from minigan.errors import UserError
from minigan.gans.dcgan import DCGAN, Recipe
from minigan.gans.gan import MLPGAN
from minigan.gans.gan import Recipe as MLPRecipe
from minigan.training.checkpoint import save_checkpoint

COMMAND = Path(__file__).parents[2] / "examples" / "feature_classifier.py"


@pytest.fixture
def command(monkeypatch):
    """The example, with 400 images of MNIST in each split."""
    spec = importlib.util.spec_from_file_location("feature_classifier", COMMAND)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    whole = mnist("test")
    splits = {"train": slice(0, 400), "test": slice(400, 800)}

    def part(split, directory=None):
        images, labels = whole.images[splits[split]], whole.labels[splits[split]]
        return replace(whole, images=images, labels=labels)

    monkeypatch.setattr(module, "mnist", part)
    monkeypatch.setattr(module, "VALIDATION", 100)
    return module


@pytest.mark.parametrize("size", [(4, 4), (7, 14), (16, 5), (3, 9)])
def test_pooling_is_torchs(command, size):
    maps = np.random.default_rng(0).normal(size=(3, 2, *size)).astype(np.float32)
    expected = torch.nn.functional.adaptive_max_pool2d(torch.tensor(maps), 4).numpy()
    expected = expected.transpose(0, 2, 3, 1).reshape(3, -1)  # places first, then maps
    np.testing.assert_array_equal(command.pool(maps), expected)


def test_features_beside_pixels_and_an_untrained_network(command, tmp_path, capsys):
    gan = DCGAN(Recipe(image_size=28, channels=1, ngf=4, ndf=4))
    arrays, plain = gan.state()
    save_checkpoint(tmp_path / "checkpoint.safetensors", arrays, plain | {"iteration": 12})
    command.main([str(tmp_path), "--labels", "300", "--epochs", "30", "--seed", "1"])
    out = capsys.readouterr().out
    assert "784 features" in out and f"{(4 + 8) * 16} features" in out
    results = json.loads((tmp_path / "feature_classifier.json").read_text())
    assert results["iterations"] == 12 and results["numbers"]["raw pixels"] == 784
    errors = results["test_error"]
    assert list(errors) == ["raw pixels", "untrained discriminator", "trained discriminator"]
    assert 0.05 < errors["raw pixels"] < 0.5
    assert all(0.05 < error < 0.7 for error in errors.values())


def test_what_cannot_be_done_is_one_clear_line(command, tmp_path):
    small = MLPRecipe(generator_widths=(4,), discriminator_widths=(4,))
    save_checkpoint(tmp_path / "mlp.safetensors", *MLPGAN(small).state())
    with pytest.raises(UserError, match="is no DCGAN of gray digits"):
        command.main([str(tmp_path / "mlp.safetensors")])
    gan = DCGAN(Recipe(image_size=28, channels=1, ngf=4, ndf=4))
    save_checkpoint(tmp_path / "dcgan.safetensors", *gan.state())
    with pytest.raises(UserError, match="--labels may be 300 at most"):
        command.main([str(tmp_path / "dcgan.safetensors"), "--labels", "301"])
