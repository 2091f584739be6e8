"""What the tests of all systems need: batches, torch networks with our weights and our random
numbers, and a check that a saved system goes on exactly where it was."""

import numpy as np
import pytest
import torch

from minigan.gans import rebuild
from minigan.random import Random
from minigan.tensor import Tensor

torch.set_num_threads(1)  # its small matrices are not worth waiting for a second core


class Twin:
    """Torch's side of a comparison: it draws what `gan` will draw, and begins with its weights."""

    def __init__(self, gan):
        self.random = Random()
        self.random.load_state_dict(gan.random.state_dict())

    def normal(self, *shape):
        return torch.from_numpy(self.random.normal(shape, "float64"))

    def uniform(self, *shape):
        return torch.from_numpy(self.random.uniform(shape, "float64"))

    def labels(self, high, count):
        return torch.from_numpy(self.random.integers(high, count))

    def dropout(self, p):
        return DrawnDropout(p, self.random)

    def takes(self, network, ours):
        """The torch network in float64, with the weights of our network of the same names."""
        weights = {name: torch.tensor(array) for name, array in ours.state_dict().items()}
        network.double().load_state_dict(weights)
        return network


class DrawnDropout(torch.nn.Module):
    def __init__(self, p, source):
        super().__init__()
        self.p, self.source = p, source

    def forward(self, x):
        mask = self.source.bernoulli(1 - self.p, x.shape, "float64", value=1 / (1 - self.p))
        return x * torch.from_numpy(mask)


@pytest.fixture
def twin_of():
    return Twin


@pytest.fixture
def batches():
    """batches(count, size, shape, value_range): random images and labels, float64."""

    def make(count, size, shape=(1, 28, 28), value_range=(-1.0, 1.0)):
        rng = np.random.default_rng(11)
        low, high = value_range
        for _ in range(count):
            images = low + (high - low) * rng.random((size, *shape)) ** 3  # mostly dark
            yield images, rng.integers(0, 10, size)

    return make


@pytest.fixture
def assert_same_weights():
    def check(network, ours, tolerance=1e-9):
        """Parameters and running statistics of a torch network and of ours are the same."""
        ours = ours.state_dict()
        assert list(network.state_dict()) == list(ours)
        for name, theirs in network.state_dict().items():
            np.testing.assert_allclose(ours[name], theirs.numpy(), tolerance, tolerance, name)

    return check


@pytest.fixture
def assert_resumes():
    """Play two rounds, save, and play a third with the system and with the one that was saved."""

    def check(gan, images, labels=None):
        images = Tensor(images.astype(np.float32))
        labels = None if labels is None else Tensor(labels)
        gan.train()
        for _ in range(2):
            gan.step(images, labels)
        arrays, plain = gan.state()
        saved = {name: array.copy() for name, array in arrays.items()}
        again = rebuild(saved, plain)
        again.train()
        ours, theirs = gan.step(images, labels), again.step(images, labels)
        assert {k: float(v) for k, v in ours.items()} == {k: float(v) for k, v in theirs.items()}
        for name, array in gan.state()[0].items():
            assert (array == again.state()[0][name]).all(), name

    return check
