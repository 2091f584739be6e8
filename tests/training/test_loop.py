"""The loop on its own, as a notebook calls it: where it starts, goes on and refuses to begin."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from minigan.data import DataLoader, ImageDataset
from minigan.errors import UserError
from minigan.gans import conditional_gan, gan, original_gan, wgan_gp
from minigan.training import train

SMALL = {"latent_dim": 3, "image_shape": (1, 4, 4), "generator_widths": (8, 8)}
MLP = gan.Recipe(**SMALL, discriminator_widths=(8,))


def small_gan(seed=0):
    return gan.MLPGAN(MLP, seed=seed)


def small_loader(count=12, batch_size=4, **options):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, 1, 4, 4), np.uint8)
    labels = generator.integers(0, 10, count)
    return DataLoader(ImageDataset(images, labels, name="noise"), batch_size, True, **options)


def weights(system):
    return {name: tensor.tolist() for name, tensor in system.generator.state_dict().items()}


def test_looking_at_pictures_first_does_not_change_the_training():
    systems = small_gan(), small_gan()
    loaders = small_loader(), small_loader()
    next(iter(loaders[0])), list(loaders[0])
    reports = [list(train(*pair, epochs=2)) for pair in zip(systems, loaders, strict=True)]
    assert [len(some) for some in reports] == [6, 6]
    assert weights(systems[0]) == weights(systems[1])


@pytest.mark.parametrize("stop", range(1, 6))
def test_a_cell_that_was_interrupted_goes_on_exactly(stop):
    whole, parts = small_gan(), small_gan()
    list(train(whole, small_loader(), epochs=2))
    loader = small_loader()
    list(itertools.islice(train(parts, loader, epochs=2), stop))
    again = list(train(parts, loader, epochs=2))
    assert [report.iteration for report in again] == list(range(stop + 1, 7))
    assert weights(parts) == weights(whole)


def test_a_cell_that_ran_to_its_end_says_so_when_it_is_run_again():
    system, loader = small_gan(), small_loader()
    assert len(list(train(system, loader, epochs=2))) == 6
    with pytest.raises(UserError, match=r"has dealt 2 epochs, and epochs=2 counts from the very"):
        next(train(system, loader, epochs=2))
    assert [report.iteration for report in train(system, loader, epochs=3)] == [7, 8, 9]


@pytest.mark.parametrize("drop_last", [False, True])
def test_a_second_call_goes_up_to_max_steps_and_not_as_far_again(drop_last):
    system, loader = small_gan(), small_loader(14, 4, drop_last=drop_last)
    counted = []
    for most in (2, 5, 9):
        counted += [report.iteration for report in train(system, loader, epochs=9, max_steps=most)]
        assert loader.dealt == most
    assert counted == list(range(1, 10))
    with pytest.raises(UserError, match="has dealt 9 batches, and max_steps=9 counts from the ver"):
        next(train(system, loader, epochs=9, max_steps=9))


ROUNDS = {
    "wgan_gp": lambda n: wgan_gp.WGANGP(
        wgan_gp.Recipe(**SMALL, discriminator_widths=(8,), n_critic=n)
    ),
    "conditional_gan": lambda n: conditional_gan.ConditionalGAN(
        conditional_gan.Recipe(**SMALL, discriminator_widths=(8,), n_critic=n)
    ),
    "original_gan": lambda n: original_gan.OriginalGAN(
        replace(original_gan.RECIPES["paper"], **SMALL, maxout_units=(4, 4), pieces=2, k=n)
    ),
}


@pytest.mark.parametrize("name", ROUNDS)
def test_a_last_batch_too_small_for_a_round_is_refused_before_the_first(name):
    system = ROUNDS[name](5)
    assert system.parts == 5
    with pytest.raises(UserError, match="13 images in batches of 10 leave a batch of 3 images, "):
        next(train(system, small_loader(13, 10), epochs=1))
    with pytest.raises(UserError, match="cannot cut into 5 batches: choose another --batch-size"):
        next(train(system, small_loader(4, 10), epochs=1))
    for loader in (small_loader(15, 10), small_loader(13, 10, drop_last=True)):
        assert len(list(train(system, loader, epochs=1))) == len(loader)
    small = ROUNDS[name](3)
    assert len(list(train(small, small_loader(13, 10), epochs=1))) == 2


def test_batch_norm_needs_two_rows_in_each_of_a_systems_batches():
    recipe = conditional_gan.Recipe(**SMALL, discriminator_widths=(8,), n_critic=2, norm_eps=1e-5)
    system = conditional_gan.ConditionalGAN(recipe)
    with pytest.raises(UserError, match="cannot cut into 2 batches of two or more: batch norm"):
        next(train(system, small_loader(13, 10), epochs=1))
    assert len(list(train(system, small_loader(14, 10), epochs=1))) == 2
    with pytest.raises(UserError, match="a batch of one image, which batch norm cannot learn"):
        next(train(small_gan(), small_loader(13, 4), epochs=1))


def test_a_system_of_ones_own_says_how_often_it_cuts():
    class Own(gan.MLPGAN):
        parts = 4

    system = Own(replace(MLP, norm_eps=None))
    with pytest.raises(UserError, match="cannot cut into 4 batches"):
        next(train(system, small_loader(13, 10), epochs=1))
