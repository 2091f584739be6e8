"""Copies of a system, by copy.deepcopy and by pickle, go on like the original, and on their own."""

import copy
import pickle

import numpy as np
import pytest
import torch

from minigan import Tensor, nn
from minigan.backend import backend_of
from minigan.data import DataLoader, ImageDataset
from minigan.gans import SYSTEMS
from minigan.optim import SGD, Adam
from minigan.random import Random

COPIERS = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
}
SMALL = {
    "latent_dim": 4,
    "image_shape": (1, 8, 8),
    "generator_widths": (8,),
    "discriminator_widths": (8, 8),
    "maxout_units": (4, 4),
    "pieces": 2,
    "ngf": 4,
    "ndf": 4,
    "nz": 4,
    "image_size": 32,
    "channels": 1,
}


@pytest.fixture(params=COPIERS)
def copied(request):
    return COPIERS[request.param]


def make(name, backend):
    system = SYSTEMS[name]
    settings = type(system.settings)
    known = {key: value for key, value in SMALL.items() if key in settings.__dataclass_fields__}
    gan = system(settings(**known), seed=3, backend=backend)
    gan.keep_average(0.5)
    return gan


def play(gan, rounds=2):
    """Some rounds on the same images, and the whole state after them."""
    recipe = gan.settings
    shape = getattr(recipe, "image_shape", None) or (recipe.channels, *[recipe.image_size] * 2)
    generator = np.random.default_rng(7)
    for _ in range(rounds):
        images = generator.uniform(-1, 1, (10, *shape)).astype(np.float32)
        labels = Tensor(generator.integers(0, 10, 10), backend=gan.backend)
        gan.play_round(Tensor(images, backend=gan.backend), labels)
    arrays, plain = gan.state()
    return {name: array.tolist() for name, array in arrays.items()}, plain


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_copy_goes_on_like_the_original_and_leaves_it_alone(name, copied, backend):
    gan = make(name, backend)
    before = play(gan)
    twin = copied(gan)
    assert twin.backend is gan.backend and twin.random is not gan.random
    after = play(twin)
    assert after[0] != before[0]
    assert play(gan, 0) == before  # what the copy did, the original did not
    assert play(gan) == after
    # The copy is one whole: its optimizers move its own parameters, its average follows them.
    for network, optimizer in (
        (twin.generator, twin.generator_optimizer),
        (twin.discriminator, twin.discriminator_optimizer),
    ):
        assert all(p is q for p, q in zip(network.parameters(), optimizer.params, strict=True))
    drops = [m for m in twin.discriminator.modules() if isinstance(m, nn.Dropout)]
    assert all(m.generator is twin.random for m in drops)
    noise = gan.sample_noise(3).tolist()
    assert twin.sample_noise(3).tolist() == noise


def test_a_random_stream_is_copied_with_its_place(copied, backend):
    stream = Random(5, backend=backend)
    stream.normal(3)
    twin = copied(stream)
    assert twin.state_dict() == stream.state_dict() and twin.backend is stream.backend
    assert twin.normal(4).tolist() == stream.normal(4).tolist()
    twin.normal(9)
    assert twin.state_dict() != stream.state_dict()


def test_there_is_one_backend_of_a_name(copied, backend):
    array = backend.asarray([1.0])
    assert copied(backend) is copy.copy(backend) is backend
    assert backend_of(array) is backend


def test_a_loader_is_copied_with_its_bookmark(copied, backend):
    images = np.arange(10, dtype=np.uint8)[:, None, None, None]
    loader = DataLoader(ImageDataset(images, np.arange(10)), 4, True, backend=backend)
    next(loader.deal())
    twin = copied(loader)
    assert twin.state_dict() == loader.state_dict() == {"epoch": 0, "position": 4}
    rest = [chosen.tolist() for chosen in twin.deal()]
    assert loader.position == 4
    assert [chosen.tolist() for chosen in loader.deal()] == rest
    assert [y.tolist() for _, y in twin] == [y.tolist() for _, y in loader]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("library", ["minigan", "torch"])
def test_an_optimizer_is_copied_with_its_parameters(copied, kind, together, library):
    """Together with its network, it moves the copy; alone, parameters that nobody else has."""
    module, optimizer_of = (nn, {"SGD": SGD, "Adam": Adam}[kind])
    ones = Tensor(np.ones((2, 3), np.float32))
    if library == "torch":
        module, optimizer_of, ones = torch.nn, getattr(torch.optim, kind), torch.ones(2, 3)
    network = module.Linear(3, 2)
    optimizer = optimizer_of(network.parameters(), lr=0.1)

    def step(network, optimizer):
        optimizer.zero_grad()
        (network(ones) ** 2).sum().backward()
        optimizer.step()
        return network.weight.tolist()

    before = step(network, optimizer)
    twin, its = copied((network, optimizer)) if together else (copied(network), copied(optimizer))
    assert (step(twin, its) != before) is together
    assert network.weight.tolist() == before
    if together:
        assert step(network, optimizer) == twin.weight.tolist()
