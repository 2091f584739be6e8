"""The perceptrons of the first two tutorials: their loop in torch, and what a recipe says."""

import copy
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from minigan import nn
from minigan.errors import UserError
from minigan.gans.gan import MLPGAN, RECIPES, Discriminator, Generator
from minigan.tensor import Tensor

T = torch.nn


def torch_generator(recipe, pixels=28 * 28, narrower=1):
    """Written down per recipe, so that a change of a recipe must be made twice."""
    if recipe == "dropout":
        widths, eps = [256, 512, 1024], None
    else:
        widths, eps = [128, 256, 512, 1024], 0.8 if recipe == "tutorial" else 1e-5
    layers, width = [], 100
    for wider in [width // narrower for width in widths]:
        layers.append(T.Linear(width, wider))
        if eps is not None and width != 100:
            layers.append(T.BatchNorm1d(wider, eps))
        layers.append(T.LeakyReLU(0.2, inplace=True))
        width = wider
    return T.Sequential(*layers, T.Linear(width, pixels), T.Tanh())


def torch_discriminator(recipe, dropout, pixels=28 * 28, narrower=1):
    widths = [1024, 512, 256] if recipe == "dropout" else [512, 256]
    layers, width = [], pixels
    for smaller in [width // narrower for width in widths]:
        layers += [T.Linear(width, smaller), T.LeakyReLU(0.2, inplace=True)]
        if recipe == "dropout":
            layers.append(dropout)
        width = smaller
    return T.Sequential(*layers, T.Linear(width, 1), T.Sigmoid())


class Model(T.Module):
    """A module whose weights are called model.0.weight and so on."""

    def __init__(self, model, shape):
        super().__init__()
        self.model, self.shape = model, shape

    def forward(self, x):
        return self.model(x.view(len(x), -1)).view(len(x), *self.shape)


@pytest.mark.parametrize("recipe", RECIPES)
def test_twenty_rounds_are_those_of_torch(recipe, twin_of, batches, assert_same_weights):
    """With every layer an eighth as wide, and small images: the game is the same, and quick."""
    full, shape = RECIPES[recipe], (1, 9, 8)
    narrow = replace(
        full,
        image_shape=shape,
        generator_widths=tuple(width // 8 for width in full.generator_widths),
        discriminator_widths=tuple(width // 8 for width in full.discriminator_widths),
    )
    gan = MLPGAN(narrow, seed=3, dtype="float64")
    twin = twin_of(gan)
    generator = twin.takes(Model(torch_generator(recipe, 72, 8), shape), gan.generator)
    body = torch_discriminator(recipe, twin.dropout(0.3), 72, 8)
    discriminator = twin.takes(Model(body, (1,)), gan.discriminator)
    adversarial_loss = T.BCELoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=0.0002, betas=(0.5, 0.999))

    sizes = [12] * 19 + [5]  # the last batch of an epoch is a partial one
    for size, (images, _) in zip(sizes, batches(20, 12, shape), strict=True):
        ours = gan.step(Tensor(images[:size]))

        imgs = torch.tensor(images[:size])
        real, fake = torch.ones(size, 1).double(), torch.zeros(size, 1).double()
        optimizer_g.zero_grad()
        generated = generator(twin.normal(size, 100))
        g_loss = adversarial_loss(discriminator(generated), real)
        g_loss.backward()  # reaches the discriminator's weights, too ...
        optimizer_g.step()
        optimizer_d.zero_grad()  # ... and is forgotten here
        real_score, fake_score = discriminator(imgs), discriminator(generated.detach())
        real_loss = adversarial_loss(real_score, real)
        fake_loss = adversarial_loss(fake_score, fake)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        optimizer_d.step()

        expected = {
            "D loss": d_loss,
            "G loss": g_loss,
            "D(x)": real_score.mean(),
            "D(G(z))": fake_score.mean(),
        }
        assert set(ours) == set(expected)
        for name, value in expected.items():
            assert float(ours[name]) == pytest.approx(value.item(), abs=1e-9), name
    assert_same_weights(generator, gan.generator)
    assert_same_weights(discriminator, gan.discriminator)


@pytest.mark.parametrize("recipe", RECIPES)
def test_networks_have_these_layers(recipe):
    dropout = T.Dropout(0.3)
    assert repr(Generator(RECIPES[recipe]).model) == repr(torch_generator(recipe))
    theirs = torch_discriminator(recipe, dropout)
    assert repr(Discriminator(RECIPES[recipe]).model) == repr(theirs)


def test_the_networks_of_the_corrected_recipe_differ_in_eps_alone():
    """And it trains for an eighth of the tutorial's epochs, and draws with averaged weights."""
    corrected = replace(RECIPES["tutorial"], norm_eps=1e-5, epochs=25, average=0.999)
    assert corrected == RECIPES["corrected"]
    eps = [m.eps for m in Generator(RECIPES["tutorial"]).modules() if isinstance(m, nn.BatchNorm1d)]
    assert eps == [0.8, 0.8, 0.8]


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 4)])
def test_images_of_any_shape(shape):
    gan = MLPGAN(replace(RECIPES["dropout"], image_shape=shape))
    images = gan.sample(gan.sample_noise(4))
    assert images.shape == (4, *shape) and images.dtype == np.float32
    assert -1 <= images.numpy().min() < images.numpy().max() <= 1
    losses = gan.step(images)
    assert all(value.shape == () and not value.requires_grad for value in losses.values())


# ---- looking does not disturb -------------------------------------------------------------------


def test_samples_depend_on_their_own_noise_alone():
    gan = MLPGAN()
    noise = gan.sample_noise(9)
    together = gan.sample(noise).numpy()
    np.testing.assert_allclose(gan.sample(noise[:2]).numpy(), together[:2], atol=1e-6)
    assert gan.generator.training  # and it goes on training


def test_looking_does_not_change_the_training():
    def losses(look):
        gan, values = MLPGAN(RECIPES["dropout"]), []
        images = Tensor(np.linspace(-1, 1, 6 * 784, dtype=np.float32).reshape(6, 1, 28, 28))
        for _ in range(3):
            if look:
                gan.sample(gan.sample_noise(5))
            values.append({name: float(loss) for name, loss in gan.step(images).items()})
        return values

    assert losses(look=True) == losses(look=False)


def test_the_seed_fixes_everything():
    def weights(seed):
        return MLPGAN(seed=seed).generator.state_dict()["model.0.weight"].tolist()

    assert weights(1) == weights(1) != weights(2)
    assert MLPGAN(seed=1).noise(3).tolist() == MLPGAN(seed=1).noise(3).tolist()
    first = MLPGAN(seed=1)
    assert first.noise(3).tolist() != first.noise(3).tolist() != first.sample_noise(3).tolist()


# ---- state --------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES)
def test_it_resumes(recipe, assert_resumes, batches):
    ((images, _),) = batches(1, 8)
    assert_resumes(MLPGAN(RECIPES[recipe]), images)


def test_state_is_plain_and_complete(batches):
    gan = MLPGAN(RECIPES["tutorial"])
    ((images, _),) = batches(1, 4)
    gan.step(Tensor(images.astype(np.float32)))
    arrays, plain = gan.state()
    assert plain["system"] == "gan"
    assert plain["settings"]["generator_widths"] == (128, 256, 512, 1024)
    assert set(plain["generator_optimizer"]["steps"].values()) == {1}
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    names = {name.split(".")[0] for name in arrays}
    assert names == {
        "generator",
        "discriminator",
        "generator_optimizer",
        "discriminator_optimizer",
    }
    count = len(list(gan.generator.parameters()))
    assert sum(name.startswith("generator_optimizer.") for name in arrays) == 2 * count
    assert gan.not_finite() is None
    gan.discriminator.model[0].bias.array[3] = np.nan
    assert gan.not_finite() == "discriminator.model.0.bias"


def test_state_of_another_network_is_refused():
    gan = MLPGAN(RECIPES["tutorial"])
    arrays, plain = gan.state()
    with pytest.raises(UserError, match="of a lsgan, not of a gan"):
        gan.load_state(arrays, {**plain, "system": "lsgan"})
    other = MLPGAN(RECIPES["dropout"])
    before = copy.deepcopy(other.state())
    with pytest.raises(UserError, match="cannot load into Generator"):
        other.load_state(arrays, plain)
    for name, array in other.state()[0].items():
        np.testing.assert_array_equal(array, before[0][name])


@pytest.mark.parametrize("watch", [(), ("--detect-anomaly",)])
def test_a_run_that_diverges_ends_in_one_line(tmp_path, watch):
    command = [sys.executable, "examples/mnist_gan.py", "--lr", "1e30", "--max-steps", "4"]
    result = subprocess.run(
        [*command, "--out", str(tmp_path / "run"), *watch],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert re.search(r"error: iteration \d: .*(NaN|infinity).* checkpoint", result.stderr)


@pytest.mark.parametrize(
    "name", ["mnist_gan", "lsgan", "conditional_gan", "original_gan", "wgan_gp", "dcgan"]
)
def test_every_example_can_hold_images_out(run_example, name):
    few = ["--train-count", "40", "--batch-size", "8", "--max-steps", "1"]
    few += ["--ngf", "2", "--ndf", "2"] if name == "dcgan" else []
    code, folder = run_example(name, *few)
    config = json.loads((folder / "config.json").read_text())
    assert code == 0 and config["data"] == "MNIST, the first 40"
