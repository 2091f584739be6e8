"""Rebuilding a system from a checkpoint that somebody else wrote."""

import tracemalloc

import pytest

from minigan.errors import UserError
from minigan.gans import dcgan, gan, rebuild
from minigan.gans.dcgan import DCGAN
from minigan.gans.gan import MLPGAN

SMALL = gan.Recipe(
    latent_dim=2, image_shape=(1, 2, 2), generator_widths=(3, 4), discriminator_widths=(3,)
)


def changed(plain, **settings):
    return {**plain, "settings": {**plain["settings"], **settings}}


@pytest.mark.parametrize(
    "settings",
    [
        {"generator_widths": [100_000, 100_000]},
        {"latent_dim": 2**62},
        {"image_shape": [1, 2**20, 2**20]},
        {"generator_widths": [3] * 10_000},
    ],
)
def test_networks_are_as_large_as_the_file_and_not_as_it_says(settings):
    arrays, plain = MLPGAN(SMALL).state()
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="more than these networks may have"):
            rebuild(arrays, changed(plain, **settings))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_convolutions_count_as_well():
    small = dcgan.Recipe(latent_dim=2, image_size=28, channels=1, ngf=1, ndf=1)
    arrays, plain = DCGAN(small).state()
    assert rebuild(arrays, plain).settings == small
    with pytest.raises(UserError, match="more than these networks may have"):
        rebuild(arrays, changed(plain, ngf=2))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"latent_dim": "two"}, "describes no gan that can be made"),
        ({"generator_widths": [-3]}, "describes no gan that can be made"),
        ({"generator_widths": None}, "describes no gan that can be made"),
        ({"lr": {}}, "describes no gan that can be made"),
        ({"generator_widths": [3, 3]}, "cannot load into Generator"),
        ({"extra": 1}, "settings of another version"),
    ],
)
def test_settings_that_are_none(settings, words):
    arrays, plain = MLPGAN(SMALL).state()
    with pytest.raises(UserError, match=words) as caught:
        rebuild(arrays, changed(plain, **settings), where="a.safetensors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "entries",
    [
        {"settings": None},
        {"system": ["gan"]},
        {"random": 3},
        {"average": "much"},
        {"generator_optimizer": {}},
        {"generator_optimizer": {"steps": {"x": 1}, "param_groups": []}},
    ],
)
def test_entries_that_are_none(entries):
    arrays, plain = MLPGAN(SMALL).state()
    with pytest.raises(UserError) as caught:
        rebuild(arrays, {**plain, **entries}, where="a.safetensors")
    assert "a.safetensors" in str(caught.value) and "\n" not in str(caught.value)
