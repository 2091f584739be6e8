"""Tests of Adam: its formula is the oracle of each backend's kernel. Torch's steps are in
test_optimizer.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair import Pair, T

from minigan import Tensor, nn
from minigan.optim import Adam
from minigan.testing import check_gradients


@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-9, 1e-12, 0.0, 1e6])
def test_adam_with_gradients_of_any_size(backend, scale):
    """Where gradients are as small as eps, it matters that eps comes after the bias correction."""
    pair = Pair(backend, Adam, T.Adam, {"lr": 0.1})
    for _ in range(20):
        pair.step(scale=scale)
    pair.check(1e-11)


def test_first_step_of_adam(backend):
    """lr · g / (|g| + eps), whatever the betas are."""
    g = np.array([1.0, -1e-3, 1e-8])
    p = nn.Parameter(backend.asarray(np.zeros(3)))
    optimizer = Adam([p], 0.1)
    p.grad = Tensor(g, backend=backend)
    optimizer.step()
    np.testing.assert_allclose(p.numpy(), -0.1 * g / (abs(g) + 1e-8), rtol=1e-12)


SETTINGS = [
    {},
    {"lr": 2e-4, "betas": (0.5, 0.999)},
    {"betas": (0.0, 0.9), "eps": 1e-3},
    {"weight_decay": 0.2},
]


@pytest.mark.parametrize("options", SETTINGS)
@given(
    dtype=st.sampled_from(["float32", "float64"]),
    sizes=st.lists(st.integers(1, 700), min_size=1, max_size=4),
    before=st.integers(0, 3000),
    seed=st.integers(0, 999),
)
def test_the_formula_is_what_the_backends_compute(backend, options, dtype, sizes, before, seed):
    """To the last digits: the kernels multiply and divide in another order, and that is all."""
    random = np.random.default_rng(seed)
    arrays = [random.normal(size=size).astype(dtype) for size in sizes]
    parameters = [nn.Parameter(backend.asarray(x.copy())) for x in arrays]
    optimizer = Adam(parameters, **options)
    m = random.normal(size=sum(sizes)).astype(dtype)
    v = (random.normal(size=sum(sizes)) ** 2).astype(dtype)
    for line, numbers in zip(optimizer.memory.flat.values(), (m, v), strict=True):
        line[...] = backend.asarray(numbers)
    optimizer.memory.counts = [before] * len(sizes)
    p, tiny = np.concatenate(arrays), 4 * np.finfo(dtype).eps
    for t in range(before + 1, before + 4):
        g = random.normal(size=sum(sizes)).astype(dtype)
        for parameter, part in zip(parameters, np.split(g, np.cumsum(sizes)[:-1]), strict=True):
            parameter.grad = Tensor(part, backend=backend)
        optimizer.step()
        start, (p, m, v) = p, optimizer.formula(p, g, m, v, t)
        assert p.dtype == m.dtype == v.dtype == dtype
        for line, numbers in zip(optimizer.memory.flat.values(), (m, v), strict=True):
            np.testing.assert_allclose(backend.to_numpy(line), numbers, 2 * tiny, 8 * tiny)
        moved = np.concatenate([parameter.numpy() for parameter in parameters])
        step = np.abs(p - start).max()
        np.testing.assert_allclose(moved, p, tiny, 16 * tiny * step)
        assert optimizer.memory.counts == [t] * len(sizes)


def test_the_formula_writes_to_nothing():
    p, g, m, v = np.random.default_rng(0).uniform(1, 2, size=(4, 5))
    copies = [a.copy() for a in (p, g, m, v)]
    Adam([nn.Parameter(np.ones(5))]).formula(p, g, m, v, 3)
    np.testing.assert_array_equal([p, g, m, v], copies)


@pytest.mark.parametrize("options", SETTINGS)
def test_the_formula_can_be_differentiated(backend, options):
    """A loss after two steps, by all that came before them: what an unrolled game needs."""
    optimizer = Adam([nn.Parameter(np.ones(4))], **{**options, "lr": 0.1})

    def after_two_steps(p, m, v):
        for t in (3, 4):
            p, m, v = optimizer.formula(p, 2 * p * p, m, v, t)
        return p

    inputs = np.random.default_rng(1).uniform(0.5, 1.5, size=(3, 4))
    check_gradients(after_two_steps, list(inputs), backend=backend)


def test_bias_correction_makes_the_first_steps_whole(backend):
    """Under a constant gradient, each of them is lr; without the correction the first would be
    lr · (1 − β₁) / √(1 − β₂)."""
    p = nn.Parameter(backend.asarray(np.zeros(1)))
    optimizer = Adam([p], 0.1)
    for t in range(1, 20):
        p.grad = Tensor([3.0], dtype="float64", backend=backend)
        optimizer.step()
        assert p.item() == pytest.approx(-0.1 * t, rel=1e-7)
