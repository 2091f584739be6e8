"""The conditional GAN against torch running the tutorial's loop, and what it is asked for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from minigan.creation import ones
from minigan.errors import UserError
from minigan.gans.conditional_gan import RECIPES, ConditionalGAN, Recipe
from minigan.tensor import Tensor

SMALL = replace(
    RECIPES["tutorial"],
    image_shape=(1, 6, 5),
    generator_widths=(8, 16, 24),
    discriminator_widths=(20, 12, 6),
)


class TorchGenerator(nn.Module):
    def __init__(self, recipe):
        super().__init__()
        self.label_emb = nn.Embedding(10, 10)
        a, b, c = recipe.generator_widths
        self.pixels = int(np.prod(recipe.image_shape))
        self.model = nn.Sequential(
            nn.Linear(110, a),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(a, b),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(b, c),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(c, self.pixels),
            nn.Tanh(),
        )

    def forward(self, z, labels):
        return self.model(torch.cat([z, self.label_emb(labels)], 1))


class TorchDiscriminator(nn.Module):
    def __init__(self, recipe, dropout):
        super().__init__()
        self.label_emb = nn.Embedding(10, 10)
        a, b, c = recipe.discriminator_widths
        self.model = nn.Sequential(
            nn.Linear(int(np.prod(recipe.image_shape)) + 10, a),
            nn.LeakyReLU(0.2, inplace=True),
            dropout,
            nn.Linear(a, b),
            nn.LeakyReLU(0.2, inplace=True),
            dropout,
            nn.Linear(b, c),
            nn.LeakyReLU(0.2, inplace=True),
            dropout,
            nn.Linear(c, 1),
            nn.Sigmoid(),
        )

    def forward(self, x, labels):
        x = x.view(x.size(0), -1)
        return self.model(torch.cat([x, self.label_emb(labels)], 1)).squeeze()


@pytest.mark.parametrize("n_critic", [1, 3])
def test_twenty_rounds_are_those_of_torch(n_critic, twin_of, batches, assert_same_weights):
    recipe = replace(SMALL, n_critic=n_critic)
    gan = ConditionalGAN(recipe, dtype="float64")
    twin = twin_of(gan)
    generator = twin.takes(TorchGenerator(recipe), gan.generator)
    discriminator = twin.takes(TorchDiscriminator(recipe, twin.dropout(0.3)), gan.discriminator)
    criterion = nn.BCELoss()
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-4)
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-4)
    one, zero = torch.ones(7).double(), torch.zeros(7).double()

    for images, labels in batches(20, 7 * n_critic, recipe.image_shape):
        ours = gan.step(Tensor(images), Tensor(labels))

        for i in range(n_critic):
            part = slice(7 * i, 7 * i + 7)
            d_optimizer.zero_grad()
            real_validity = discriminator(torch.tensor(images[part]), torch.tensor(labels[part]))
            real_loss = criterion(real_validity, one)
            z, fake_labels = twin.normal(7, 100), twin.labels(10, 7)
            fake_validity = discriminator(generator(z, fake_labels), fake_labels)
            d_loss = (real_loss + criterion(fake_validity, zero)) / 2
            d_loss.backward()
            d_optimizer.step()
        g_optimizer.zero_grad()
        z, fake_labels = twin.normal(7, 100), twin.labels(10, 7)
        g_loss = criterion(discriminator(generator(z, fake_labels), fake_labels), one)
        g_loss.backward()  # the call that the tutorial leaves out
        g_optimizer.step()

        assert float(ours["D loss"]) == pytest.approx(d_loss.item(), abs=1e-9)
        assert float(ours["G loss"]) == pytest.approx(g_loss.item(), abs=1e-9)
        assert float(ours["D(x)"]) == pytest.approx(real_validity.mean().item(), abs=1e-9)
    assert_same_weights(generator, gan.generator)
    assert_same_weights(discriminator, gan.discriminator)


def test_the_defaults_are_the_tutorials(twin_of):
    gan = ConditionalGAN()
    twin = twin_of(gan)
    tutorial = Recipe()
    twin.takes(TorchGenerator(tutorial), gan.generator)  # the names and shapes agree
    twin.takes(TorchDiscriminator(tutorial, nn.Dropout(0.3)), gan.discriminator)
    assert gan.generator.model[0].weight.shape == (256, 110)
    assert gan.discriminator.model[0].weight.shape == (1024, 794)
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        assert optimizer.lr == 1e-4 and optimizer.betas == (0.9, 0.999)
    assert tutorial.n_critic == 1


def test_the_label_decides_what_is_drawn():
    gan = ConditionalGAN(SMALL)
    noise = gan.sample_noise(1)
    three, again, seven = (gan.sample(noise, Tensor(np.array([k]))).numpy() for k in (3, 3, 7))
    assert three.shape == (1, 1, 6, 5)
    assert (three == again).all() and (three != seven).any()


def test_both_networks_learn_from_the_labels():
    """After a round, the vectors of the labels that were seen have moved, and no others."""
    gan = ConditionalGAN(SMALL)
    before = gan.discriminator.label_emb.weight.numpy().copy()
    gan.discriminator_step(ones(4, 1, 6, 5), Tensor(np.array([2, 2, 5, 2])))
    moved = (gan.discriminator.label_emb.weight.numpy() != before).any(axis=1)
    assert moved[2] and moved[5] and not moved.all()


@pytest.mark.parametrize(
    ("labels", "what"),
    [([0, 10], "label 10 is outside the range 0 to 9"), ([-1, 0], "label -1 is outside")],
)
def test_a_label_that_is_no_class(labels, what):
    gan = ConditionalGAN(SMALL)
    with pytest.raises(ValueError, match=what):
        gan.sample(gan.sample_noise(2), Tensor(np.array(labels)))
    with pytest.raises(ValueError, match=what):
        gan.step(ones(2, 1, 6, 5), Tensor(np.array(labels)))


def test_labels_are_needed():
    gan = ConditionalGAN(SMALL)
    with pytest.raises(UserError, match=r"sample\(noise, labels\)"):
        gan.sample(gan.sample_noise(2))
    with pytest.raises(UserError, match="this data set has none"):
        gan.step(ones(2, 1, 6, 5))


def test_n_critic_and_the_batch():
    with pytest.raises(UserError, match="n_critic must be at least 1, not 0"):
        Recipe(n_critic=0)
    gan = ConditionalGAN(replace(SMALL, n_critic=5))
    with pytest.raises(UserError, match="a batch of 4 images cannot be cut into 5 batches"):
        gan.step(ones(4, 1, 6, 5), Tensor(np.zeros(4, np.int64)))


def test_it_resumes(assert_resumes, batches):
    ((images, labels),) = batches(1, 8, SMALL.image_shape)
    assert_resumes(ConditionalGAN(replace(SMALL, n_critic=2)), images, labels)


def test_the_example_runs_resumes_and_draws_a_digit(run_example, capsys):
    few = ("--batch-size", "8", "--log-every", "1")
    code, folder = run_example("conditional_gan", *few, "--max-steps", "2", "--digit", "7")
    page = folder / "digit_7.png"
    assert code == 0 and page.exists()

    code, _ = run_example("conditional_gan", *few, "--max-steps", "3", "--resume")
    assert code == 0
    page.unlink()
    rows = (folder / "metrics.csv").read_text()
    assert run_example("conditional_gan", "--digit", "7")[0] == 0  # draws, and trains no more
    assert page.exists() and (folder / "metrics.csv").read_text() == rows
    assert str(page) in capsys.readouterr().out


def test_the_example_refuses_a_digit_that_is_none(run_example):
    with pytest.raises(
        UserError, match="12 is none of the classes of this conditional_gan, which are 0, 1, 2"
    ):
        run_example("conditional_gan", "--digit", "12")
