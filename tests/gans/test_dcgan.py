"""The DCGAN against torch running the tutorial's own loop, and the cliff in its loss."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from minigan import nn
from minigan.backend import Backend
from minigan.errors import UserError
from minigan.functional import binary_cross_entropy, binary_cross_entropy_with_logits
from minigan.gans import SYSTEMS, rebuild
from minigan.gans.dcgan import (
    DCGAN,
    LOSSES,
    RECIPES,
    Discriminator,
    Generator,
    Recipe,
    smallest_map,
    weights_init,
)
from minigan.random import manual_seed
from minigan.tensor import Tensor, grad

DOCS = Path(__file__).parents[2] / "docs"

TINY = Recipe(latent_dim=5, channels=3, ngf=2, ndf=3)
SHAPES = [(64, 3), (32, 1), (28, 1), (28, 3), (48, 1)]


def torch_generator(nz: int, ngf: int, nc: int) -> torch.nn.Module:
    """The tutorial's generator."""
    n = torch.nn
    return n.Sequential(
        n.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
        n.BatchNorm2d(ngf * 8),
        n.ReLU(True),
        n.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
        n.BatchNorm2d(ngf * 4),
        n.ReLU(True),
        n.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),
        n.BatchNorm2d(ngf * 2),
        n.ReLU(True),
        n.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
        n.BatchNorm2d(ngf),
        n.ReLU(True),
        n.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
        n.Tanh(),
    )


def torch_discriminator(nc: int, ndf: int) -> torch.nn.Module:
    """The tutorial's discriminator."""
    n = torch.nn
    return n.Sequential(
        n.Conv2d(nc, ndf, 4, 2, 1, bias=False),
        n.LeakyReLU(0.2, inplace=True),
        n.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
        n.BatchNorm2d(ndf * 2),
        n.LeakyReLU(0.2, inplace=True),
        n.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, bias=False),
        n.BatchNorm2d(ndf * 4),
        n.LeakyReLU(0.2, inplace=True),
        n.Conv2d(ndf * 4, ndf * 8, 4, 2, 1, bias=False),
        n.BatchNorm2d(ndf * 8),
        n.LeakyReLU(0.2, inplace=True),
        n.Conv2d(ndf * 8, 1, 4, 1, 0, bias=False),
        n.Sigmoid(),
    )


def torch_class(name: str, main: torch.nn.Module) -> torch.nn.Module:
    """A module of that class name whose only part is `main`, as the tutorial's classes are."""
    module = type(name, (torch.nn.Module,), {"forward": lambda self, x: self.main(x)})()
    module.main = main
    return module


def torch_pair(recipe: Recipe) -> tuple[torch.nn.Module, torch.nn.Module]:
    return (
        torch_class("Generator", torch_generator(recipe.latent_dim, recipe.ngf, recipe.channels)),
        torch_class("Discriminator", torch_discriminator(recipe.channels, recipe.ndf)),
    )


# --- the networks ---------------------------------------------------------------------------------


def test_the_networks_print_and_are_named_as_the_tutorials() -> None:
    for ours, theirs in zip(
        (Generator(RECIPES["tutorial"]), Discriminator(RECIPES["tutorial"])),
        torch_pair(RECIPES["tutorial"]),
        strict=True,
    ):
        assert repr(ours) == repr(theirs)
        names = {name: tuple(array.shape) for name, array in theirs.state_dict().items()}
        assert {name: array.shape for name, array in ours.state_dict().items()} == names
        assert list(ours.state_dict()) == list(names)
    assert "main.0.weight" in names
    # The tutorial's torch did not yet print the bias of batch norm; the rest is in its log.
    lines = [
        line.replace(", bias=True", "") for line in repr(Generator(RECIPES["tutorial"])).split("\n")
    ]
    assert lines[:5] == [
        "Generator(",
        "  (main): Sequential(",
        "    (0): ConvTranspose2d(100, 512, kernel_size=(4, 4), stride=(1, 1), bias=False)",
        "    (1): BatchNorm2d(512, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
        "    (2): ReLU(inplace=True)",
    ]


@pytest.mark.parametrize(("size", "channels"), SHAPES)
def test_other_sizes_fit_together(size: int, channels: int, backend: Backend) -> None:
    recipe = dataclasses.replace(TINY, image_size=size, channels=channels)
    gan = DCGAN(recipe, backend=backend)
    image = gan.sample(gan.sample_noise(2))
    assert image.shape == (2, channels, size, size) and image.dtype == np.float32
    assert gan.discriminator(image).shape == (2, 1, 1, 1)
    widest = gan.generator.main[0].weight.shape
    side, doublings = smallest_map(size)
    assert widest == (5, 2 * 2 ** (doublings - 1), side, side)
    shapes = [map.shape for map in gan.discriminator.features(image)]
    assert shapes == [(2, 3 * 2**i, size >> i + 1, size >> i + 1) for i in range(doublings)]


@pytest.mark.parametrize("size", [30, 4, 7, 0, -64, 36, 65])
def test_a_size_that_cannot_be_made_is_refused(size: int) -> None:
    with pytest.raises(UserError, match=f"images of {size} × {size} pixels.*such as 28, 32"):
        DCGAN(dataclasses.replace(TINY, image_size=size))


def test_images_of_another_size_are_traced_to_the_layer() -> None:
    gan = DCGAN(TINY)
    for shape, words in (
        ((4, 3, 32, 32), r"kernel of \(4, 4\).*image of \(2, 2\).*in layer 11: Conv2d\(24, 1"),
        ((4, 1, 64, 64), r"1 channels.*expects 3.*in layer 0: Conv2d\(3, 3"),
        ((4, 3, 128, 128), r"one shape, got \(100,\) and \(4,\)"),
    ):
        with pytest.raises(ValueError, match=words):
            gan.step(Tensor(np.zeros(shape, np.float32)))


def test_weights_init_is_the_tutorials() -> None:
    manual_seed(0)
    network = nn.Sequential(nn.ConvTranspose2d(40, 30, 4), nn.BatchNorm2d(3000), nn.Linear(9, 9))
    dense = network[2].weight.numpy().copy()
    network.apply(weights_init)
    kernel, factors = network[0].weight.numpy(), network[1].weight.numpy()
    assert abs(kernel.mean()) < 6e-4 and abs(kernel.std() / 0.02 - 1) < 0.02
    assert abs(factors.mean() - 1) < 2e-3 and abs(factors.std() / 0.02 - 1) < 0.05
    assert not network[1].bias.numpy().any()
    np.testing.assert_array_equal(network[2].weight.numpy(), dense)
    # It is what the system begins with, too.
    gan = DCGAN(RECIPES["tutorial"])
    for module in (gan.generator.main[3], gan.discriminator.main[8]):
        assert abs(module.weight.numpy().std() / 0.02 - 1) < 0.02


# --- the game -------------------------------------------------------------------------------------


def tutorial_loop(
    generator: torch.nn.Module,
    discriminator: torch.nn.Module,
    recipe: Recipe,
    batches: list[np.ndarray],
    noises: list[np.ndarray],
) -> list[list[float]]:
    """The tutorial's training loop, line by line, with batches and noise handed in."""
    criterion = torch.nn.BCELoss()
    betas = (recipe.beta1, 0.999)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=recipe.lr, betas=betas)
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=recipe.lr, betas=betas)
    log = []
    for real, z in zip(batches, noises, strict=True):
        discriminator.zero_grad()
        label = torch.full((len(real),), 1.0, dtype=torch.float64)
        output = discriminator(torch.tensor(real)).view(-1)
        loss_real = criterion(output, label)
        loss_real.backward()
        d_x = output.mean().item()
        fake = generator(torch.tensor(z))
        label.fill_(0.0)
        output = discriminator(fake.detach()).view(-1)
        loss_fake = criterion(output, label)
        loss_fake.backward()
        d_g_z1 = output.mean().item()
        loss_d = loss_real + loss_fake
        optimizer_d.step()
        generator.zero_grad()
        label.fill_(1.0)
        output = discriminator(fake).view(-1)
        loss_g = criterion(output, label)
        loss_g.backward()
        d_g_z2 = output.mean().item()
        optimizer_g.step()
        log.append([loss_d.item(), loss_g.item(), d_x, d_g_z1, d_g_z2])
    return log


@pytest.mark.parametrize("loss", ["bce", "logits"])
def test_twenty_rounds_are_torchs(loss: str, backend: Backend) -> None:
    recipe = dataclasses.replace(TINY, loss=loss)
    gan = DCGAN(recipe, seed=3, backend=backend, dtype="float64")
    networks = [network.double() for network in torch_pair(recipe)]
    for network, ours in zip(networks, (gan.generator, gan.discriminator), strict=True):
        state = {name: x.numpy() for name, x in ours.state_dict().items()}
        network.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
    random = np.random.default_rng(0)
    sizes = [6] * 19 + [4]  # the last batch of an epoch is smaller
    batches = [random.uniform(-1, 1, (size, 3, 64, 64)) for size in sizes]
    before = gan.random.state_dict()
    noises = [gan.noise(size).numpy() for size in sizes]
    gan.random.load_state_dict(before)

    expected = tutorial_loop(networks[0], networks[1], recipe, batches, noises)
    gan.train()
    for real, row in zip(batches, expected, strict=True):
        losses = gan.step(Tensor(real, backend=backend))
        found = [value.item() for value in losses.values()]
        np.testing.assert_allclose(found, row, rtol=1e-9, atol=1e-9)
    assert list(losses) == ["D loss", "G loss", "D(x)", "D(G(z1))", "D(G(z2))"]
    for network, ours in zip(networks, (gan.generator, gan.discriminator), strict=True):
        for name, array in network.state_dict().items():
            mine = ours.state_dict()[name].numpy()
            np.testing.assert_allclose(mine, array.numpy(), rtol=1e-7, atol=1e-9, err_msg=name)
    # Three looks of D a round, one of G: so D's running statistics are two thirds fakes'.
    assert int(gan.discriminator.main[3].num_batches_tracked.item()) == 60
    assert int(gan.generator.main[1].num_batches_tracked.item()) == 20


def test_the_step_leaves_no_gradient_of_the_generators_move_in_the_discriminator() -> None:
    gan = DCGAN(dataclasses.replace(TINY, image_size=28))
    gan.step(Tensor(np.zeros((4, 3, 28, 28), np.float32)))
    own = [p.grad.numpy().copy() for p in gan.discriminator.parameters()]
    other = DCGAN(dataclasses.replace(TINY, image_size=28))
    other.generator_optimizer.minimize = lambda loss: None  # type: ignore[method-assign]
    other.step(Tensor(np.zeros((4, 3, 28, 28), np.float32)))
    for mine, theirs in zip(own, other.discriminator.parameters(), strict=True):
        np.testing.assert_array_equal(mine, theirs.grad.numpy())
    assert all(p.requires_grad for p in gan.discriminator.parameters())
    # Nor does what the discriminator learns reach the generator.
    assert all(p.grad is None for p in other.generator.parameters())


def test_a_run_goes_on_from_its_state_bit_for_bit(backend: Backend) -> None:
    recipe = dataclasses.replace(TINY, image_size=28, loss="logits")
    real = Tensor(np.random.default_rng(0).uniform(-1, 1, (4, 3, 28, 28)).astype(np.float32))
    real = real.to(backend)
    gan = DCGAN(recipe, seed=1, backend=backend)
    for _ in range(2):
        gan.step(real)
    arrays, plain = gan.state()
    arrays = {name: array.copy() for name, array in arrays.items()}
    twin = rebuild(arrays, plain, backend=backend)
    assert isinstance(twin, DCGAN) and twin.settings == recipe
    assert SYSTEMS["dcgan"] is DCGAN
    for _ in range(2):
        losses, again = gan.step(real), twin.step(real)
        assert [v.item() for v in losses.values()] == [v.item() for v in again.values()]
    noise = gan.sample_noise(3)
    np.testing.assert_array_equal(gan.sample(noise).numpy(), twin.sample(noise).numpy())


def test_samples_do_not_depend_on_their_neighbors() -> None:
    """Unlike the tutorial's, which are drawn in training mode: we draw in eval mode."""
    gan = DCGAN(dataclasses.replace(TINY, image_size=28))
    gan.step(Tensor(np.zeros((4, 3, 28, 28), np.float32)))
    noise = gan.sample_noise(6)
    assert noise.shape == (6, 5, 1, 1)
    np.testing.assert_allclose(
        gan.sample(noise).numpy()[:2], gan.sample(noise[:2]).numpy(), atol=1e-6
    )
    assert gan.generator.training


def test_the_loss_has_a_name() -> None:
    assert set(LOSSES) == {"bce", "logits"}
    with pytest.raises(UserError, match='the loss is "bce" or "logits", not "mse"'):
        DCGAN(dataclasses.replace(TINY, loss="mse"))


# --- the cliff ------------------------------------------------------------------------------------


def slopes(logit: float) -> tuple[float, float, float]:
    """−log D at a logit of D, its slope through a sigmoid, and that of the loss of logits."""
    z, one = Tensor(np.array([logit]), requires_grad=True), Tensor(np.ones(1))
    loss = binary_cross_entropy(nn.Sigmoid()(z), one)
    (through_sigmoid,) = grad(loss, z)
    (of_logits,) = grad(binary_cross_entropy_with_logits(z, one), z)
    assert through_sigmoid is not None and of_logits is not None
    return loss.item(), through_sigmoid.item(), of_logits.item()


# dL/dlogit of −log D at these logits of D, as torch has it through Sigmoid and BCELoss
CLIFF = {
    -20.0: -1.0,
    -27.0: -1.0,
    -28.0: -0.691,
    -30.0: -0.0936,
    -35.524: -3.73e-4,
    -38.4094: -2.08e-5,
}


@pytest.mark.parametrize(("logit", "gradient"), CLIFF.items())
def test_behind_a_sigmoid_the_gradient_of_bce_falls_off_a_cliff(
    logit: float, gradient: float
) -> None:
    _, through_sigmoid, of_logits = slopes(logit)
    assert through_sigmoid == pytest.approx(gradient, rel=0.02)
    assert of_logits == pytest.approx(-1.0, abs=1e-8)
    twin = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
    torch.nn.BCELoss()(torch.sigmoid(twin), torch.ones(1, dtype=torch.float64)).backward()
    assert twin.grad is not None
    assert through_sigmoid == pytest.approx(twin.grad.item(), rel=1e-8)  # its 10⁻¹² is float32


def generator_gradient(loss: str, logit: float) -> float:
    """The size of G's gradient when D gives its fakes about this logit."""
    recipe = dataclasses.replace(TINY, image_size=28, loss=loss)
    gan = DCGAN(recipe, seed=0, dtype="float64")
    gan.discriminator.eval()  # its untrained running statistics judge all fakes much alike
    gan.discriminator_optimizer.step = lambda: None  # type: ignore[method-assign]
    kernel = gan.discriminator.main[5].weight
    kernel.array[...] = 1
    logits = nn.Sequential(*list(gan.discriminator.main)[:6])(gan.generator(gan.noise(8)))
    kernel.array *= logit / logits.mean().item()
    losses = gan.step(Tensor(np.zeros((8, 3, 28, 28))))
    assert losses["G loss"].item() == pytest.approx(-logit, rel=0.2)
    return float(np.sqrt(sum((p.grad.numpy() ** 2).sum() for p in gan.generator.parameters())))


def test_a_sure_discriminator_stops_the_tutorials_generator_and_not_ours() -> None:
    healthy, lost = (
        generator_gradient("bce", logit) / generator_gradient("logits", logit)
        for logit in (-5.0, -40.0)
    )
    assert healthy == pytest.approx(1, abs=1e-6)
    assert lost < 1e-2


def test_the_table_in_the_docs_is_what_comes_out() -> None:
    text = (DOCS / "dcgan.md").read_text(encoding="utf-8").replace("−", "-")
    rows = re.findall(r"^\|" + r" *(-\d[-.e\d]*) *\|" + 3 * r" *([-.e\d]+) *\|" + "$", text, re.M)
    assert len(rows) == 8
    for logit, *written in rows:
        assert [f"{value:.3g}" for value in slopes(float(logit))[1:]] == written[1:]
        assert f"{slopes(float(logit))[0]:.4f}" == written[0]


def test_the_code_in_the_docs_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "dcgan.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(block, names)
    printed = capsys.readouterr().out
    for promise in ("ConvTranspose2d", "-0.000373", "-0.9999999999999997"):
        assert promise in printed
