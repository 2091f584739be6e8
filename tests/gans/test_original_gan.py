"""The 2014 paper's GAN against torch: one forward pass for both, momentum and its schedule."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from minigan.creation import ones
from minigan.errors import UserError
from minigan.gans.original_gan import RECIPES, OriginalGAN, Recipe
from minigan.tensor import Tensor

SMALL = replace(
    RECIPES["paper"],
    latent_dim=6,
    image_shape=(1, 5, 4),
    generator_widths=(16, 24),
    maxout_units=(8, 6),
    pieces=3,
    discriminator_bound=0.5,
    updates_per_epoch=4,
)


class TorchMaxout(nn.Module):
    def __init__(self, inputs, units, pieces):
        super().__init__()
        linear = nn.Linear(inputs, units * pieces)
        self.weight, self.bias, self.pieces = linear.weight, linear.bias, pieces

    def forward(self, x):
        z = x @ self.weight.T + self.bias
        return z.view(len(x), self.pieces, -1).max(dim=1).values


def torch_networks(twin, gan):
    r = gan.settings
    (a, b), (u, v), pixels = r.generator_widths, r.maxout_units, int(np.prod(r.image_shape))
    generator = [nn.Linear(r.latent_dim, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU()]
    generator += [nn.Linear(b, pixels), nn.Sigmoid()]
    discriminator = [twin.dropout(0.2), TorchMaxout(pixels, u, r.pieces), twin.dropout(0.5)]
    discriminator += [TorchMaxout(u, v, r.pieces), twin.dropout(0.5), nn.Linear(v, 1)]
    return (
        twin.takes(nn.ModuleDict({"model": nn.Sequential(*generator)}), gan.generator),
        twin.takes(nn.ModuleDict({"model": nn.Sequential(*discriminator)}), gan.discriminator),
    )


@pytest.mark.parametrize("saturating", [False, True])
@pytest.mark.parametrize("k", [1, 2])
def test_twenty_rounds_are_those_of_torch(saturating, k, twin_of, batches, assert_same_weights):
    gan = OriginalGAN(replace(SMALL, saturating=saturating, k=k), dtype="float64")
    twin = twin_of(gan)
    generator, discriminator = torch_networks(twin, gan)
    velocity = {p: torch.zeros_like(p) for p in (*generator.parameters(),)}
    velocity |= {p: torch.zeros_like(p) for p in (*discriminator.parameters(),)}
    updates = {generator: 0, discriminator: 0}

    def move(network, gradients):
        """Momentum as in the authors' settings: the rate is inside the velocity."""
        t = updates[network]
        lr = max(0.1 / 1.000004**t, 1e-6)
        epoch = 1 + t // (4 if network is discriminator else 4 // k)
        momentum = 0.5 + (0.7 - 0.5) * min((epoch - 1) / 249, 1)
        with torch.no_grad():
            for p, g in zip(network.parameters(), gradients, strict=True):
                velocity[p] = momentum * velocity[p] - lr * g
                p += velocity[p]
        updates[network] += 1

    for images, _ in batches(20, 6 * k, SMALL.image_shape, (0, 1)):
        ours = gan.step(Tensor(images))

        for i in range(k):
            real = torch.tensor(images[6 * i : 6 * i + 6]).view(6, -1)
            z = (2 * twin.uniform(6, 6) - 1) * 3**0.5
            fake = generator["model"](z)
            real_logit, fake_logit = discriminator["model"](real), discriminator["model"](fake)
            yes, no = torch.ones_like(real_logit), torch.zeros_like(real_logit)
            d_loss = 0.5 * (
                binary_cross_entropy_with_logits(real_logit, yes)
                + binary_cross_entropy_with_logits(fake_logit, no)
            )
            if saturating:  # log(1 − σ(l)) = log σ(−l)
                g_loss = logsigmoid(-fake_logit).mean()
            else:
                g_loss = -logsigmoid(fake_logit).mean()
            d_gradients = torch.autograd.grad(
                d_loss, list(discriminator.parameters()), retain_graph=True
            )
            if i == k - 1:
                g_gradients = torch.autograd.grad(g_loss, list(generator.parameters()))
                move(generator, g_gradients)
            move(discriminator, d_gradients)

        assert float(ours["D loss"]) == pytest.approx(d_loss.item(), abs=1e-9)
        assert float(ours["G loss"]) == pytest.approx(g_loss.item(), abs=1e-9)
    assert_same_weights(generator, gan.generator)
    assert_same_weights(discriminator, gan.discriminator)
    assert updates[discriminator] == k * updates[generator]


def test_the_schedule_of_momentum_and_rate():
    """One weight under a constant gradient of 1, far into the training."""
    gan = OriginalGAN(SMALL, dtype="float64")
    optimizer = gan.discriminator_optimizer
    for count, momentum, lr in [
        (0, 0.5, 0.1),
        (3, 0.5, 0.1 / 1.000004**3),
        (4, 0.5 + 0.2 / 249, 0.1 / 1.000004**4),
        (4 * 249, 0.7, 0.1 / 1.000004**996),
        (10**7, 0.7, 1e-6),
    ]:
        v, p, counts = optimizer.memory.flat["momentum_buffer"], np.array([5.0]), np.array([count])
        v[0] = 2.0
        optimizer.update(slice(0, 1), [p], [np.ones(1)], counts)
        assert v[0] == pytest.approx(2 * momentum - lr, abs=1e-12)
        assert p[0] == pytest.approx(5 + 2 * momentum - lr, abs=1e-12)
        assert counts[0] == count + 1


@pytest.mark.parametrize("k", [1, 2])
def test_both_networks_count_the_same_epochs(k):
    gan = OriginalGAN(replace(SMALL, k=k))
    for optimizer, updates in (
        (gan.discriminator_optimizer, SMALL.updates_per_epoch),
        (gan.generator_optimizer, SMALL.updates_per_epoch // k),
    ):
        momenta = []
        for count in (updates - 1, updates):  # the last update of an epoch, the first of the next
            v, (p, g) = optimizer.memory.flat["momentum_buffer"], np.zeros((2, 1), np.float32)
            v[0] = 1.0
            optimizer.update(slice(0, 1), [p], [g], np.array([count]))
            momenta.append(float(v[0]))
        assert momenta[0] == 0.5 and momenta[1] > 0.5


def test_the_papers_sizes_and_initial_weights():
    gan = OriginalGAN()
    shapes = [p.shape for p in (*gan.generator.parameters(),)]
    assert shapes == [(1200, 100), (1200,), (1200, 1200), (1200,), (784, 1200), (784,)]
    shapes = [p.shape for p in (*gan.discriminator.parameters(),)]
    assert shapes == [(1200, 784), (1200,), (1200, 240), (1200,), (1, 240), (1,)]
    for network, bound in ((gan.generator, 0.05), (gan.discriminator, 0.005)):
        for p in network.parameters():
            if p.ndim == 1:
                assert (p.numpy() == 0).all()
            else:
                assert 0.98 * bound < abs(p.numpy()).max() <= bound
    assert gan.value_range == (0, 1)


def test_it_can_begin_with_the_mean_image():
    images = np.random.default_rng(2).integers(0, 256, (50, 1, 5, 4), dtype=np.uint8)
    images[:, 0, 0] = 0  # a row that is always black
    gan = OriginalGAN(replace(SMALL, generator_bound=1e-6))
    gan.start_from_mean(images)
    drawn = gan.sample(gan.sample_noise(3)).numpy()
    np.testing.assert_allclose(drawn, np.broadcast_to(images.mean(0) / 255, drawn.shape), atol=1e-4)


def test_its_noise_is_uniform_with_variance_one():
    noise = OriginalGAN(SMALL).sample_noise(5000).numpy()
    assert noise.shape == (5000, 6) and noise.dtype == np.float32
    assert abs(noise).max() <= 3**0.5 and abs(noise).max() > 1.73
    assert noise.mean() == pytest.approx(0, abs=0.02) and noise.std() == pytest.approx(1, abs=0.02)


def test_the_saturating_loss_is_the_other_sides_gain():
    """Where D is sure of the fakes, log(1 − D) is flat and −log D is steep (section 3)."""
    gradients = {}
    for saturating in (False, True):
        gan = OriginalGAN(replace(SMALL, saturating=saturating))
        *_, bias = gan.discriminator.parameters()
        bias.array[...] = -8.0  # D(x) = 0.0003
        gan.step(ones(4, 1, 5, 4))
        gradients[saturating] = sum(abs(p.grad.numpy()).sum() for p in gan.generator.parameters())
    assert gradients[True] < gradients[False] / 100


def test_no_discriminator_updates():
    with pytest.raises(UserError, match="k, the discriminator updates in a round"):
        Recipe(k=0)


def test_it_resumes(assert_resumes, batches):
    ((images, _),) = batches(1, 8, SMALL.image_shape, (0, 1))
    assert_resumes(OriginalGAN(replace(SMALL, k=2)), images)


def test_the_example_runs_and_resumes(run_example):
    few = ("--batch-size", "8", "--log-every", "1", "--k", "2")
    assert run_example("original_gan", *few, "--max-steps", "1")[0] == 0
    code, folder = run_example("original_gan", *few, "--max-steps", "2", "--resume")
    assert code == 0 and (folder / "losses.png").exists()
    config = json.loads((folder / "config.json").read_text())
    assert config["data"] == "MNIST, the first 50,000"
    with pytest.raises(UserError, match="the first 50,000"):
        run_example("original_gan", *few, "--train-count", "90", "--resume")
