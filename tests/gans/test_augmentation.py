"""Tests of what D sees: the formulas of the paper's program, every system, exact resuming."""

import copy

import numpy as np
import pytest
import torch

from minigan import Tensor, nn
from minigan.data import DataLoader, ImageDataset
from minigan.errors import UserError
from minigan.gans import SYSTEMS, rebuild
from minigan.gans.augmentation import Augmentation
from minigan.random import Random
from minigan.training import train

KINDS = ("color", "translation", "cutout")
SMALL = {
    "latent_dim": 4,
    "image_shape": (1, 8, 8),
    "generator_widths": (8,),
    "discriminator_widths": (8, 8),
    "maxout_units": (4, 4),
    "pieces": 2,
    "ngf": 4,
    "ndf": 4,
    "image_size": 8,
    "channels": 1,
    "n_critic": 2,
}


def make(name, seed=3, backend="numpy"):
    system = SYSTEMS[name]
    settings = type(system.settings)
    known = {key: value for key, value in SMALL.items() if key in settings.__dataclass_fields__}
    return system(settings(**known), seed=seed, backend=backend)


def loader_of(gan, count=24):
    source = np.random.default_rng(0)
    pixels = source.integers(0, 256, (count, 1, 8, 8), np.uint8)
    dataset = ImageDataset(pixels, source.integers(0, 10, count))
    return DataLoader(dataset, 8, shuffle=True, backend=gan.backend, flip=True)


def played(gan, loader, epochs):
    for _ in train(gan, loader, epochs=epochs):
        pass
    arrays, plain = gan.state()
    return {name: array.tolist() for name, array in arrays.items()}, plain


def seen(kinds, images, value_range=(-1.0, 1.0), backend="numpy"):
    augmentation = Augmentation(kinds, Random(5, backend=backend), value_range)
    (changed,) = augmentation(nn.Identity(), (Tensor(images, backend=backend),))
    return changed.numpy()


def published(kinds, x, random):
    """DiffAugment_pytorch.py's formulas, image by image, with our random numbers."""
    n, _, h, w = x.shape
    u = lambda: torch.tensor(random.uniform((n, 1, 1, 1), "float64"))  # noqa: E731
    if "color" in kinds:
        x = x + (u() - 0.5)
        mean = x.mean(1, keepdim=True)
        x = (x - mean) * (u() * 2) + mean
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) * (u() + 0.5) + mean
    if "translation" in kinds:
        far = [int(side * 0.125 + 0.5) for side in (h, w)]
        down, right = (random.integers(2 * f + 1, n) - f for f in far)
        wide = torch.nn.functional.pad(x, (w, w, h, h))
        x = torch.stack(
            [
                wide[i, :, h - a : 2 * h - a, w - b : 2 * w - b]
                for i, (a, b) in enumerate(zip(down, right, strict=True))
            ]
        )
    if "cutout" in kinds:
        size = [int(side * 0.5 + 0.5) for side in (h, w)]
        row, column = (random.integers(s + 1 - c % 2, n) for s, c in zip((h, w), size, strict=True))
        mask = torch.ones(n, 1, h, w, dtype=x.dtype)
        for i in range(n):
            for a in range(size[0]):
                for b in range(size[1]):
                    r = min(max(row[i] + a - size[0] // 2, 0), h - 1)
                    c = min(max(column[i] + b - size[1] // 2, 0), w - 1)
                    mask[i, 0, r, c] = 0
        x = x * mask
    return x.numpy()


@pytest.mark.parametrize("kinds", [("color",), ("translation",), ("cutout",), KINDS])
def test_the_published_formulas(kinds, backend):
    images = np.random.default_rng(2).uniform(-1, 1, (6, 3, 9, 12))
    theirs = published(kinds, torch.tensor(images), Random(5))
    assert np.allclose(seen(kinds, images, backend=backend), theirs, atol=1e-12)


def test_black_and_white_are_the_system_s():
    """Of images in [0, 1] it makes what it makes of the same in [-1, 1]."""
    images = np.random.default_rng(2).uniform(-1, 1, (6, 3, 8, 8))
    there = seen(KINDS, (images + 1) / 2, (0.0, 1.0))
    assert np.allclose(there * 2 - 1, seen(KINDS, images), atol=1e-12)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_plays_saves_and_goes_on_exactly(name, backend):
    gan = make(name, backend=backend)
    gan.augment(*KINDS)
    loader = loader_of(gan)
    played(gan, loader, 1)
    half, place = copy.deepcopy(gan.state()), loader.state_dict()
    whole = played(gan, loader, 2)
    other = rebuild(*half, backend=backend)
    assert other.augmentation.kinds == KINDS
    again = loader_of(other)
    again.load_state_dict(place)
    assert played(other, again, 2) == whole
    plain = make(name, backend=backend)
    assert played(plain, loader_of(plain), 2)[0] != whole[0]


def test_a_critic_s_slope_is_that_behind_the_changes(backend):
    """The WGAN-GP's penalty differentiates through them twice: against a critic of one's own."""
    gan = make("wgan_gp", backend=backend)
    gan.augment("color", "cutout")
    images = Tensor(np.random.default_rng(1).uniform(-1, 1, (8, 1, 8, 8)), backend=backend).float()
    losses = gan.step(images)
    assert np.isfinite(float(losses["D loss"])) and float(losses["slope"]) > 0


def test_it_is_only_before_d_and_only_in_training():
    gan = make("gan")
    images = Tensor(np.zeros((3, 1, 8, 8), np.float32))
    gan.augment("color")
    z = gan.sample_noise(3)
    drawn = gan.sample(z).tolist()
    place = gan.random.state_dict()
    gan.discriminator.eval()
    gan.discriminator(images)
    assert gan.random.state_dict() == place  # nothing was drawn
    gan.discriminator.train()
    gan.discriminator(images)
    assert gan.random.state_dict() != place
    assert gan.sample(z).tolist() == drawn


def test_a_second_choice_takes_the_place_of_the_first():
    gan, twin = make("gan"), make("gan")
    gan.augment("cutout")
    gan.augment("color")
    twin.augment("color")
    images = Tensor(np.ones((3, 1, 8, 8), np.float32))
    assert gan.discriminator(images).tolist() == twin.discriminator(images).tolist()


@pytest.mark.parametrize("kinds", [(), ("colour",), ("color", "color")])
def test_other_kinds_are_refused(kinds):
    with pytest.raises(UserError, match="one or several of color, translation, cutout, each once"):
        make("gan").augment(*kinds)


def test_without_it_a_checkpoint_says_nothing_of_it():
    _, plain = make("gan").state()
    assert not {"augment", "class_names"} & {*plain}
