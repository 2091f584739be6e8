"""Norms of gradients and weights: the right numbers, the same after a stop, and a chart."""

import numpy as np
import pytest
from PIL import Image

from minigan.backend.numpy.arrays import NumpyBackend
from minigan.data import ImageDataset
from minigan.data.loader import DataLoader
from minigan.errors import UserError
from minigan.files import read_table
from minigan.gans.gan import MLPGAN, Recipe
from minigan.plots import save_norms
from minigan.training.command import run_options, training_parser
from minigan.training.session import run
from minigan.training.watching import Watch, norm

SMALL = Recipe(
    latent_dim=3, image_shape=(1, 4, 4), generator_widths=(8, 8), discriminator_widths=(8,)
)
OFTEN = ["--log-every", "1", "--sample-every", "50", "--watch-gradients"]


def small(backend="numpy"):
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), np.uint8)
    gan = MLPGAN(SMALL, backend=backend)
    return gan, DataLoader(ImageDataset(images), 8, shuffle=True, backend=backend)


def train(folder, *flags):
    parser = training_parser("", out="", data="")
    options = parser.parse_args(["--out", str(folder), *OFTEN, *flags])
    return run(*small(), run_options(options))


def test_the_norms_are_those_of_the_round_before(tmp_path, backend):
    gan, loader = small(backend)
    watch = Watch(tmp_path, gan, 0)
    for iteration, batch in enumerate(loader, 1):
        gan.play_round(*batch)
        watch.take(iteration)
    watch.close()
    last = {name: column[-1] for name, column in read_table(tmp_path / "gradients.csv").items()}
    assert last.pop("iteration") == 5 and len(last) == 2 * len(watch.parameters())
    for name, parameter in watch.parameters().items():
        weights = parameter.numpy().astype(np.float64)
        gradient = parameter.grad.numpy().astype(np.float64)
        assert last[f"norm of {name}"] == pytest.approx(np.linalg.norm(weights), rel=1e-6)
        assert last[f"gradient of {name}"] == pytest.approx(np.linalg.norm(gradient), rel=1e-6)


def test_a_parameter_without_a_gradient(tmp_path):
    gan, _ = small()
    watch = Watch(tmp_path, gan, 0)
    watch.take(1)
    watch.draw()
    row = read_table(tmp_path / "gradients.csv")
    assert np.isnan(row["gradient of generator.model.0.weight"]).all()
    assert row["norm of generator.model.0.weight"] == norm(gan.generator.model[0].weight)


def test_a_stopped_run_ends_with_the_same_table_and_chart(tmp_path):
    train(tmp_path / "whole", "--max-steps", "9")
    train(tmp_path / "parts", "--max-steps", "4")
    train(tmp_path / "parts", "--max-steps", "9", "--resume")
    for name in ("gradients.csv", "gradients.png"):
        found, expected = ((tmp_path / run / name).read_bytes() for run in ("parts", "whole"))
        assert found == expected, name
    with Image.open(tmp_path / "whole" / "gradients.png") as chart:
        assert chart.width > 1000
    train(tmp_path / "parts", "--max-steps", "1", "--overwrite")
    assert len(read_table(tmp_path / "parts" / "gradients.csv")["iteration"]) == 1


def test_a_run_that_diverges_leaves_its_chart(tmp_path, monkeypatch):
    whole, played = MLPGAN.step, []

    def step(gan, *batch):
        losses = whole(gan, *batch)
        played.append(1)
        if len(played) == 5:
            gan.generator.model[0].weight.data[0, 0] = np.nan
        return losses

    monkeypatch.setattr(MLPGAN, "step", step)
    monkeypatch.setattr(NumpyBackend, "compiled", lambda backend, step, owner=None: step)
    with pytest.raises(UserError, match="iteration 5: generator.model.0.weight holds NaN"):
        train(tmp_path, "--max-steps", "9")
    assert len(read_table(tmp_path / "gradients.csv")["iteration"]) == 4
    assert (tmp_path / "gradients.png").exists()


def test_columns_that_are_missing_are_named(tmp_path):
    table = {"iteration": [1], "gradient of generator.a": [1]}
    with pytest.raises(UserError, match="no column is called 'norm of generator.a'"):
        save_norms(tmp_path / "norms.png", table, ["generator.a"])
