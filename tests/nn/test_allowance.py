"""Tests of the quota on the parameters of networks that a file describes."""

import threading

import numpy as np
import pytest

from minigan import nn
from minigan.errors import UserError
from minigan.nn.allowance import at_most


def test_an_allowance_ends_with_its_block():
    with pytest.raises(UserError, match="more than these networks"), at_most(11):
        nn.Linear(3, 4)
    with at_most(16):
        layer = nn.Linear(3, 4)
    assert isinstance(layer.weight.array, np.ndarray)
    nn.Linear(30, 40)


@pytest.mark.parametrize("size", [3 * 10**18, 10**21])
def test_more_than_numpy_can_count_is_no_memory(size):
    """NumPy would say that the array is too big, or that its dimension is, in a ValueError."""
    for make in (lambda: nn.Linear(size, 128), lambda: nn.ConvTranspose2d(size, 64, 4)):
        with pytest.raises(MemoryError, match=f"a parameter of shape .*{size}"):
            make()


@pytest.mark.parametrize(
    ("make", "numbers"),
    [
        (lambda: nn.Linear(3, 4), 16),
        (lambda: nn.Linear(3, 4, bias=False), 12),
        (lambda: nn.Conv2d(2, 3, 5), 153),
        (lambda: nn.ConvTranspose2d(2, 3, 5), 153),
        (lambda: nn.Maxout(3, 4, 2), 32),
        (lambda: nn.Embedding(7, 3), 21),
        (lambda: nn.BatchNorm1d(5), 10),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)), 21),
    ],
)
def test_every_parameter_counts(make, numbers):
    with at_most(numbers):
        made = make()
    assert sum(p.numel() for p in made.parameters()) == numbers
    with pytest.raises(UserError, match=r"a parameter of shape \("), at_most(numbers - 1):
        make()


def test_a_shape_beyond_all_memory_is_refused_before_it_is_asked_for():
    with pytest.raises(UserError, match="more than these networks"), at_most(1000):
        nn.Linear(2**40, 2**40)


def test_another_thread_has_an_allowance_of_its_own():
    made = []
    with at_most(11):
        other = threading.Thread(target=lambda: made.append(nn.Linear(3, 4)))
        other.start()
        other.join()
    assert len(made) == 1
