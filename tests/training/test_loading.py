"""A system comes back from a file as it was saved, and so does one that version 0.1 saved."""

import numpy as np
import pytest

from minigan.errors import UserError
from minigan.gans.gan import MLPGAN, Recipe
from minigan.training import load_gan
from minigan.training.checkpoint import save_checkpoint


def test_load_gan_draws_what_the_saved_one_draws(tmp_path):
    gan = MLPGAN(Recipe(generator_widths=(8, 8), discriminator_widths=(8, 8)), seed=3)
    save_checkpoint(tmp_path / "checkpoint.safetensors", *gan.state())
    noise = gan.sample_noise(4)
    expected = gan.sample(noise).numpy()
    for path in (tmp_path, tmp_path / "checkpoint.safetensors"):
        np.testing.assert_array_equal(load_gan(path).sample(noise).numpy(), expected)
    with pytest.raises(UserError, match="nowhere"):
        load_gan(tmp_path / "nowhere")
