"""Runs of version 0.1 still load, and go on: version_0_1/ holds one, written by its code.

It is that of reliability/small_run.py, six iterations long. Version 0.1 kept epochs, batch size,
drop_last and the average's decay outside of a recipe: they are not in its settings.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minigan.data import DataLoader, ImageDataset
from minigan.errors import UserError
from minigan.gans.gan import MLPGAN, Recipe
from minigan.training import RunOptions, load_checkpoint, load_gan, run
from minigan.training.checkpoint import save_checkpoint

OLD = Path(__file__).parent / "version_0_1"
RECIPE = Recipe(
    latent_dim=3,
    image_shape=(1, 4, 4),
    generator_widths=(8, 8),
    discriminator_widths=(8,),
    dropout=0.3,
    epochs=10**6,
    batch_size=8,
    average=0.9,
)


def go_on(folder, steps, recipe=RECIPE, **options):
    images = np.random.default_rng(0).integers(0, 256, (30, 1, 4, 4), np.uint8)
    loader = DataLoader(ImageDataset(images, name="noise"), 8, shuffle=True)
    often = {"sample_every": 20, "checkpoint_every": 4, "log_every": 1, "threads": 1}
    return run(MLPGAN(recipe), loader, RunOptions(folder, max_steps=steps, **often, **options))


def test_what_its_settings_lack_is_the_recipes_default():
    assert not {"epochs", "batch_size", "average", "drop_last"} & set(
        load_checkpoint(OLD / "checkpoint.safetensors").metadata["settings"]
    )
    gan = load_gan(OLD)
    assert gan.settings == replace(RECIPE, epochs=Recipe.epochs, batch_size=Recipe.batch_size)
    assert gan.average == 0.9  # which its checkpoint says elsewhere
    assert gan.sample(gan.sample_noise(2)).shape == (2, 1, 4, 4)


def test_settings_that_no_version_had_are_refused(tmp_path):
    old = load_checkpoint(OLD / "checkpoint.safetensors")
    for change in ({"epochs": 3}, {"batch_size": 3}, {"charm": 1}):
        settings = {**old.metadata["settings"], **change}
        path = tmp_path / "c.safetensors"
        save_checkpoint(path, old.tensors, {**old.metadata, "settings": settings})
        with pytest.raises(UserError, match="settings of another version"):
            load_gan(path)


def test_its_run_goes_on_as_if_it_had_never_stopped(tmp_path):
    shutil.copytree(OLD, tmp_path / "old")
    assert go_on(tmp_path / "old", 13, resume=True) == 0
    assert go_on(tmp_path / "new", 13) == 0
    old, new = (
        load_checkpoint(tmp_path / name / "checkpoint.safetensors") for name in ("old", "new")
    )
    assert old.metadata == new.metadata
    for name, array in new.tensors.items():  # another processor may round otherwise
        np.testing.assert_allclose(old.tensors[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    rows = [(tmp_path / name / "metrics.csv").read_text().split("\n") for name in ("old", "new")]
    assert [row.split(",")[:2] for row in rows[0]] == [row.split(",")[:2] for row in rows[1]]
    settings = json.loads((tmp_path / "old" / "config.json").read_text())["settings"]
    assert settings["epochs"] == 10**6 and settings["average"] == 0.9


def test_it_does_not_go_on_with_other_choices(tmp_path):
    shutil.copytree(OLD, tmp_path / "old")
    with pytest.raises(UserError, match=r"average was 0\.9 and is now 0\.8"):
        go_on(tmp_path / "old", 13, replace(RECIPE, average=0.8), resume=True)
    with pytest.raises(UserError, match=r"settings\.lr was 0\.0002 and is now 0\.1"):
        go_on(tmp_path / "old", 13, replace(RECIPE, lr=0.1), resume=True)
