"""Tests of the initial weights: torch's distributions, in place, from a seed."""

import inspect

import numpy as np
import pytest
import torch
from scipy import stats

from minigan import Generator, Tensor, manual_seed, no_grad
from minigan.nn import Parameter, init


def uniform(low, high):
    return stats.uniform(low, high - low)


# For a weight of shape (60, 40, 3, 5): fan in 40 · 15, fan out 60 · 15
SHAPE = (60, 40, 3, 5)
CASES = {
    "normal": (lambda w: init.normal_(w), stats.norm(0, 1)),
    "normal 0.02": (lambda w: init.normal_(w, 1.0, 0.02), stats.norm(1, 0.02)),
    "uniform": (lambda w: init.uniform_(w), uniform(0, 1)),
    "uniform -2, 5": (lambda w: init.uniform_(w, -2, 5), uniform(-2, 5)),
    "kaiming": (lambda w: init.kaiming_uniform_(w), uniform(-0.1, 0.1)),
    "kaiming √5": (
        lambda w: init.kaiming_uniform_(w, a=np.sqrt(5)),
        uniform(-1 / np.sqrt(600), 1 / np.sqrt(600)),
    ),
    "xavier": (lambda w: init.xavier_uniform_(w), uniform(-np.sqrt(6 / 1500), np.sqrt(6 / 1500))),
    "xavier 2": (
        lambda w: init.xavier_uniform_(w, 2.0),
        uniform(-2 * np.sqrt(6 / 1500), 2 * np.sqrt(6 / 1500)),
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["parameter", "array", "tensor of float64"])
def test_distribution(backend, name, kind):
    fill, expected = CASES[name]
    manual_seed(3)
    dtype = np.float64 if "64" in kind else np.float32
    w = Parameter(backend.asarray(np.full(SHAPE, np.nan, dtype)))
    target = w.array if kind == "array" else w
    assert fill(target) is target
    numbers = w.numpy().ravel()
    assert numbers.dtype == dtype and w.requires_grad
    assert stats.kstest(numbers, expected.cdf).pvalue > 1e-3
    assert numbers.mean() == pytest.approx(expected.mean(), abs=0.01 * expected.std())
    assert numbers.std() == pytest.approx(expected.std(), rel=0.01)


def test_constants(backend):
    w = Parameter(backend.asarray(np.ones((2, 3), np.float32)))
    assert init.constant_(w, 2.5).tolist() == [[2.5] * 3] * 2
    assert init.zeros_(w).tolist() == [[0] * 3] * 2
    assert init.ones_(w.data).tolist() == [[1] * 3] * 2


def test_the_seed_or_a_generator_fixes_the_numbers():
    def draw(**source):
        return init.normal_(Parameter(np.zeros(4)), **source).tolist()

    manual_seed(1)
    first = draw()
    assert draw() != first
    manual_seed(1)
    assert draw() == first
    assert draw(generator=Generator(1)) == draw(generator=Generator(1)) != draw()


def test_a_graph_that_needs_the_old_weights_complains():
    x, w = Tensor(np.ones((2, 2)), requires_grad=True), Parameter(np.ones((2, 2)))
    y = (x @ w).sum()
    with no_grad():
        init.zeros_(w)
    with pytest.raises(RuntimeError, match="overwritten in place"):
        y.backward()


def test_fan_in_and_out():
    assert init.fan_in_and_out(np.zeros(SHAPE)) == (600, 900)
    assert init.fan_in_and_out(np.zeros((3, 2))) == (2, 3)
    with pytest.raises(ValueError, match=r"2 dimensions or more.*\(3,\)"):
        init.kaiming_uniform_(np.zeros(3))


@pytest.mark.parametrize(
    "name",
    ["normal_", "uniform_", "constant_", "zeros_", "ones_", "kaiming_uniform_", "xavier_uniform_"],
)
def test_arguments_are_torch_s(name):
    ours = inspect.signature(getattr(init, name)).parameters.values()
    theirs = inspect.signature(getattr(torch.nn.init, name)).parameters
    positional = [p for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
    expected = list(theirs.values())[: len(positional)]
    assert [(p.name, p.default) for p in positional] == [(p.name, p.default) for p in expected]
    assert all(p.name in theirs for p in ours)
