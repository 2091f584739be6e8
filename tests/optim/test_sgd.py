"""Tests of SGD's own formula. Torch's steps are in test_optimizer.py."""

import numpy as np
import pytest

from minigan import Tensor, nn
from minigan.optim import SGD


def steps(backend, count, **options):
    """How far one number moves at each of some steps under a constant gradient of 1."""
    p = nn.Parameter(backend.asarray(np.zeros(1)))
    optimizer = SGD([p], 1.0, **options)
    places = [0.0]
    for _ in range(count):
        p.grad = Tensor(np.ones(1), backend=backend)
        optimizer.step()
        places.append(p.item())
    return -np.diff(places)


def test_momentum_adds_up(backend):
    """To g / (1 − μ): v after t steps is (1 − μᵗ) / (1 − μ)."""
    expected = (1 - 0.9 ** np.arange(1, 41)) / (1 - 0.9)
    np.testing.assert_allclose(steps(backend, 40, momentum=0.9), expected, rtol=1e-12)


def test_the_first_velocity_is_the_gradient(backend):
    """Whatever the dampening is; later gradients get a share of 1 − dampening."""
    moved = steps(backend, 3, momentum=0.5, dampening=0.9)
    np.testing.assert_allclose(moved, [1, 0.5 + 0.1, 0.3 + 0.1], rtol=1e-12)


def test_nesterov_looks_ahead(backend):
    moved = steps(backend, 2, momentum=0.5, nesterov=True)
    np.testing.assert_allclose(moved, [1 + 0.5, 1 + 0.5 * 1.5], rtol=1e-12)


@pytest.mark.parametrize("options", [{}, {"momentum": 0.5}, {"momentum": 0.5, "nesterov": True}])
def test_gradients_are_not_written(backend, options):
    p = nn.Parameter(backend.asarray(np.ones(3)))
    p.grad = Tensor([1.0, 2.0, 3.0], backend=backend)
    SGD([p], 0.1, weight_decay=0.1, **options).step()
    assert p.grad.tolist() == [1, 2, 3]
