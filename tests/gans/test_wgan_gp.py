"""The Wasserstein GAN against torch: second derivatives where they matter."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from minigan.errors import UserError
from minigan.gans.penalty import EPS
from minigan.gans.wgan_gp import RECIPES, WGANGP, Recipe
from minigan.tensor import Tensor

SMALL = {
    "mlp": replace(
        RECIPES["mlp"],
        latent_dim=5,
        image_shape=(1, 6, 5),
        generator_widths=(8, 12),
        discriminator_widths=(14, 9),
    ),
    "conv": replace(RECIPES["conv"], latent_dim=5, image_shape=(2, 12, 8), features=3),
}


def torch_networks(twin, gan):
    r = gan.settings
    channels, height, width = r.image_shape
    if r.convolutional:
        f, h, w = r.features, height // 4, width // 4
        generator = nn.Sequential(
            nn.Linear(r.latent_dim, 2 * f * h * w),
            nn.ReLU(),
            nn.Unflatten(1, (2 * f, h, w)),
            nn.ConvTranspose2d(2 * f, f, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(f, channels, 4, 2, 1),
            nn.Tanh(),
        )
        critic = nn.Sequential(
            nn.Conv2d(channels, f, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(f, 2 * f, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * f * h * w, 1),
        )
        return twin.takes(generator, gan.generator), twin.takes(critic, gan.discriminator)
    a, b = r.generator_widths
    layers = [nn.Linear(r.latent_dim, a), nn.LeakyReLU(0.2), nn.Linear(a, b), nn.LeakyReLU(0.2)]
    layers += [nn.Linear(b, channels * height * width), nn.Tanh()]
    generator = nn.Sequential()
    generator.model = nn.Sequential(*layers)
    generator.append(nn.Unflatten(1, r.image_shape))
    c, d = r.discriminator_widths
    layers = [nn.Linear(channels * height * width, c), nn.LeakyReLU(0.2), nn.Linear(c, d)]
    critic = nn.Sequential(nn.Flatten(), *layers, nn.LeakyReLU(0.2), nn.Linear(d, 1))
    return twin.takes(generator, gan.generator), twin.takes(critic, gan.discriminator)


@pytest.mark.parametrize("recipe", SMALL)
def test_twenty_rounds_are_those_of_torch(recipe, twin_of, batches, assert_same_weights):
    gan = WGANGP(replace(SMALL[recipe], n_critic=3), dtype="float64")
    twin = twin_of(gan)
    generator, critic = torch_networks(twin, gan)
    options = {"lr": 1e-4, "betas": (0.0, 0.9)}
    g_optimizer = torch.optim.Adam(generator.parameters(), **options)
    c_optimizer = torch.optim.Adam(critic.parameters(), **options)

    for images, _ in batches(20, 12, gan.settings.image_shape):
        ours = gan.step(Tensor(images))

        for i in range(3):
            real = torch.tensor(images[4 * i : 4 * i + 4])
            fake = generator(twin.normal(4, 5)).detach()
            mix = twin.uniform(4, 1, 1, 1)
            x = (mix * real + (1 - mix) * fake).requires_grad_()
            scores = critic(x)
            (g,) = torch.autograd.grad(scores, x, torch.ones_like(scores), create_graph=True)
            norms = (g.flatten(1).square().sum(1) + EPS).sqrt()
            c_loss = critic(fake).mean() - critic(real).mean() + 10 * ((norms - 1) ** 2).mean()
            c_optimizer.zero_grad()
            c_loss.backward()
            c_optimizer.step()
        g_optimizer.zero_grad()
        g_loss = -critic(generator(twin.normal(4, 5))).mean()
        g_loss.backward(inputs=list(generator.parameters()))
        g_optimizer.step()

        assert float(ours["D loss"]) == pytest.approx(c_loss.item(), abs=1e-9)
        assert float(ours["G loss"]) == pytest.approx(g_loss.item(), abs=1e-9)
        assert float(ours["slope"]) == pytest.approx(norms.mean().item(), abs=1e-9)
        for theirs, mine in ((generator, gan.generator), (critic, gan.discriminator)):
            for p, q in zip(theirs.parameters(), mine.parameters(), strict=True):
                np.testing.assert_allclose(q.grad.numpy(), p.grad.numpy(), 1e-9, 1e-9)
    assert_same_weights(generator, gan.generator)
    assert_same_weights(critic, gan.discriminator)


def test_there_is_no_batch_norm_in_a_critic():
    for recipe in RECIPES.values():
        for module in WGANGP(recipe).discriminator.modules():
            assert "Norm" not in type(module).__name__


def test_the_papers_numbers():
    for name, recipe in RECIPES.items():
        assert (recipe.n_critic, recipe.penalty) == (5, 10)
        gan = WGANGP(recipe)
        assert gan.discriminator_optimizer.betas == (0, 0.9)
        assert gan.discriminator_optimizer.lr == 1e-4
        images = gan.sample(gan.sample_noise(2))
        assert images.shape == (2, 1, 28, 28), name
        assert gan.discriminator(images).shape == (2, 1)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"n_critic": 0}, "n_critic must be at least 1, not 0"),
        ({"penalty": -1.0}, "the penalty must be a number from 0 up, not -1.0"),
        ({"penalty": float("nan")}, "the penalty must be a number from 0 up, not nan"),
        ({"convolutional": True, "image_shape": (1, 30, 28)}, r"multiples of 4.*\(1, 30, 28\)"),
    ],
)
def test_settings_that_make_no_sense(changes, what):
    with pytest.raises(UserError, match=what):
        Recipe(**changes)


@pytest.mark.parametrize("recipe", SMALL)
def test_it_resumes(recipe, assert_resumes, batches):
    ((images, _),) = batches(1, 10, SMALL[recipe].image_shape)
    assert_resumes(WGANGP(SMALL[recipe]), images)


@pytest.mark.parametrize("recipe", SMALL)
def test_the_example_runs_and_resumes(recipe, run_example):
    few = ("--recipe", recipe, "--batch-size", "4", "--n-critic", "2", "--log-every", "1")
    assert run_example("wgan_gp", *few, "--max-steps", "1")[0] == 0
    code, folder = run_example("wgan_gp", *few, "--max-steps", "2", "--resume")
    assert code == 0 and "slope" in (folder / "metrics.csv").read_text()
