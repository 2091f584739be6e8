"""The tutorial's small GAN: its names, its loop in torch, its collapse and the cure."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch

from minigan.data import DataLoader, ImageDataset, mnist
from minigan.gans.lsgan import LSGAN, RECIPES
from minigan.tensor import Tensor


class TorchGenerator(torch.nn.Module):
    def __init__(self):
        super().__init__()
        first = [torch.nn.Linear(50, 200), torch.nn.BatchNorm1d(200), torch.nn.ReLU()]
        self.layer1 = torch.nn.Sequential(
            OrderedDict(zip(("fc1", "bn1", "act1"), first, strict=True))
        )
        second = [torch.nn.Linear(200, 784), torch.nn.Tanh()]
        self.layer2 = torch.nn.Sequential(OrderedDict(zip(("fc2", "tanh"), second, strict=True)))

    def forward(self, z):
        return self.layer2(self.layer1(z)).view(-1, 1, 28, 28)


class TorchDiscriminator(torch.nn.Module):
    def __init__(self, norm_before_sigmoid):
        super().__init__()
        first = [torch.nn.Linear(784, 200), torch.nn.LeakyReLU()]
        self.layer1 = torch.nn.Sequential(OrderedDict(zip(("fc1", "act1"), first, strict=True)))
        second = {"fc2": torch.nn.Linear(200, 1)}
        if norm_before_sigmoid:
            second["bn2"] = torch.nn.BatchNorm1d(1)
        second["act2"] = torch.nn.Sigmoid()
        self.layer2 = torch.nn.Sequential(OrderedDict(second))

    def forward(self, x):
        return self.layer2(self.layer1(x.view(len(x), -1)))


@pytest.mark.parametrize("recipe", RECIPES)
def test_twenty_rounds_are_those_of_torch(recipe, twin_of, batches, assert_same_weights):
    gan = LSGAN(RECIPES[recipe], dtype="float64")
    twin = twin_of(gan)
    generator = twin.takes(TorchGenerator(), gan.generator)
    discriminator = twin.takes(TorchDiscriminator(recipe == "tutorial"), gan.discriminator)
    loss = torch.nn.MSELoss()
    gen_optim = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    dis_optim = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    for images, _ in batches(20, 16, value_range=gan.value_range):
        ours = gan.step(Tensor(images))

        real, ones, zeros = torch.tensor(images), torch.ones(16, 1), torch.zeros(16, 1)
        dis_optim.zero_grad()
        fake_score = discriminator(generator(twin.normal(16, 50) * 0.1))  # not detached there
        real_score = discriminator(real)
        dis_loss = torch.sum(loss(fake_score, zeros)) + torch.sum(loss(real_score, ones))
        dis_loss.backward()
        dis_optim.step()
        gen_optim.zero_grad()
        gen_loss = loss(discriminator(generator(twin.normal(16, 50) * 0.1)), ones)
        gen_loss.backward()
        gen_optim.step()

        assert float(ours["D loss"]) == pytest.approx(dis_loss.item(), abs=1e-9)
        assert float(ours["G loss"]) == pytest.approx(gen_loss.item(), abs=1e-9)
        assert float(ours["D(G(z))"]) == pytest.approx(fake_score.mean().item(), abs=1e-9)
    assert_same_weights(generator, gan.generator)
    assert_same_weights(discriminator, gan.discriminator)


def test_the_names_are_the_tutorials():
    gan = LSGAN()
    assert list(gan.generator.state_dict()) == [
        "layer1.fc1.weight",
        "layer1.fc1.bias",
        "layer1.bn1.weight",
        "layer1.bn1.bias",
        "layer1.bn1.running_mean",
        "layer1.bn1.running_var",
        "layer1.bn1.num_batches_tracked",
        "layer2.fc2.weight",
        "layer2.fc2.bias",
    ]
    assert list(gan.discriminator.state_dict()) == [
        "layer1.fc1.weight",
        "layer1.fc1.bias",
        "layer2.fc2.weight",
        "layer2.fc2.bias",
        "layer2.bn2.weight",
        "layer2.bn2.bias",
        "layer2.bn2.running_mean",
        "layer2.bn2.running_var",
        "layer2.bn2.num_batches_tracked",
    ]


def spread_after_training(**changes):
    """The pixels' deviation across a batch after 700 rounds, on digits of 7 × 7 pixels.

    The networks are the tutorial's; the learning rate is 10 times its own and the pictures are
    small, so that what takes it an hour is seen in a second.
    """
    gan = LSGAN(replace(RECIPES["tutorial"], image_shape=(1, 7, 7), lr=2e-3, **changes))
    digits = ImageDataset(mnist("test").images[:2048]).resized(7)
    loader = DataLoader(digits, 128, shuffle=True, drop_last=True, scale=gan.value_range)
    for _ in range(1100 // len(loader)):
        for images, _ in loader:
            gan.step(images)
    return gan.generator(gan.sample_noise(256)).numpy().std(axis=0).mean()


def test_the_tutorials_gan_collapses_and_one_layer_is_to_blame():
    assert spread_after_training() < 0.01
    assert spread_after_training(black=-1.0) < 0.01  # the range of the pixels is not the cause
    assert spread_after_training(norm_before_sigmoid=False) > 0.05


def test_its_noise_is_small_and_its_samples_do_not_disturb_it():
    gan = LSGAN()
    noise = gan.sample_noise(4000).numpy()
    assert noise.shape == (4000, 50) and noise.std() == pytest.approx(0.1, rel=0.02)
    before = gan.random.state_dict()
    assert (gan.sample_noise(3).numpy() == noise[:3]).all() and gan.random.state_dict() == before


def test_it_resumes(assert_resumes, batches):
    for name, recipe in RECIPES.items():
        ((images, _),) = batches(1, 8)
        assert_resumes(LSGAN(recipe), images)
        assert LSGAN(recipe).value_range == ((0, 1) if name == "tutorial" else (-1, 1))


def test_the_example_runs_and_resumes(run_example):
    small = ("--recipe", "tutorial", "--batch-size", "32", "--sample-every", "2")
    assert run_example("lsgan", *small, "--max-steps", "2")[0] == 0
    code, folder = run_example("lsgan", *small, "--max-steps", "4", "--resume")
    assert code == 0 and (folder / "progress.gif").exists()
    assert (folder / "samples" / "iteration_00000004.png").exists()
