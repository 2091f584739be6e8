"""Tests of RMSprop's own formula, and of what it remembers. Torch's steps are in
test_optimizer.py."""

import copy

import numpy as np
import pytest
import torch
from pair import Pair, T, on_host, to_torch

from minigan import Tensor, nn
from minigan.errors import UserError
from minigan.optim import RMSprop
from minigan.testing import check_gradients

SETTINGS = [
    {},
    {"momentum": 0.7, "weight_decay": 0.2},
    {"centered": True, "eps": 1e-3},
    {"centered": True, "momentum": 0.5, "alpha": 0.8},
]


@pytest.mark.parametrize("options", SETTINGS)
@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-9, 1e-12, 0.0, 1e6])
def test_gradients_of_any_size(backend, options, scale):
    """Where gradients are as small as eps, it matters that eps stands outside the root."""
    pair = Pair(backend, RMSprop, T.RMSprop, {**options, "lr": 0.1})
    for _ in range(20):
        pair.step(scale=scale)
    pair.check(1e-12)


@pytest.mark.parametrize("alpha", [0.99, 0.9, 0.0])
def test_the_first_step(backend, alpha):
    """lr / √(1 − α) along the sign of g: s is not corrected for having begun at 0."""
    g = np.array([1.0, -1e-3, 50.0])
    p = nn.Parameter(backend.asarray(np.zeros(3)))
    optimizer = RMSprop([p], 0.1, alpha, eps=0.0)
    p.grad = Tensor(g, backend=backend)
    optimizer.step()
    np.testing.assert_allclose(p.numpy(), -0.1 * np.sign(g) / np.sqrt(1 - alpha), rtol=1e-12)


def test_centered_divides_by_the_deviation(backend):
    """Under a constant gradient it vanishes, and steps grow: as in torch."""
    pair = Pair(backend, RMSprop, T.RMSprop, {"lr": 1e-3, "centered": True, "alpha": 0.5}, [(3,)])
    moved = []
    for _ in range(20):
        before = pair.parameters[0].numpy().copy()
        for p in (pair.parameters[0], pair.torch_s[0]):
            p.grad = None
            (p * 2.0).sum().backward()
        pair.optimizer.step(), pair.torch_optimizer.step()
        pair.check(1e-12)
        moved.append(before - pair.parameters[0].numpy())
    assert (np.diff(moved, axis=0)[1:] > 0).all()


@pytest.mark.parametrize("options", SETTINGS)
def test_the_formula_can_be_differentiated(backend, options):
    """A loss after two steps, by all that came before them: what an unrolled game needs."""
    optimizer = RMSprop([nn.Parameter(np.ones(4))], **{**options, "lr": 0.1})

    def after_two_steps(p, square, buffer, mean):
        state = {"square_avg": square, "momentum_buffer": buffer, "grad_avg": mean}
        for _ in range(2):
            p, new = optimizer.formula(p, 2 * p * p, state)
            state |= new
        return p + sum(new.values())

    inputs = np.random.default_rng(1).uniform(0.5, 1.5, size=(4, 4))
    inputs[1] += 3  # s stays above m²
    used = [True, True, bool(optimizer.momentum), optimizer.centered]
    chosen = [x for x, use in zip(inputs, used, strict=True) if use]

    def of_chosen(*given):
        left = iter(given)
        return after_two_steps(
            *[
                next(left) if use else Tensor(x, backend=backend)
                for x, use in zip(inputs, used, strict=True)
            ]
        )

    check_gradients(of_chosen, chosen, backend=backend)


@pytest.mark.parametrize("options", SETTINGS)
def test_the_formula_writes_to_nothing(options):
    p, g, *state = np.random.default_rng(0).uniform(1, 2, size=(5, 6))
    state[0] += 4  # s stays above m²
    copies = [a.copy() for a in (p, g, *state)]
    optimizer = RMSprop([nn.Parameter(np.ones(6))], **options)
    optimizer.formula(p, g, dict(zip(RMSprop.state_names, state, strict=True)))
    np.testing.assert_array_equal([p, g, *state], copies)


# ---- state: only what the settings need, as torch has it -----------------------------------------


@pytest.mark.parametrize("options", SETTINGS)
def test_state_has_torch_s_names_and_no_others(backend, options):
    pair = Pair(backend, RMSprop, T.RMSprop, options)
    pair.step()
    for i, entries in pair.torch_optimizer.state_dict()["state"].items():
        assert pair.optimizer.state_dict()["state"][i].keys() == entries.keys()


@pytest.mark.parametrize("options", SETTINGS)
@pytest.mark.parametrize("others", SETTINGS)
def test_a_state_of_other_settings_loads(backend, options, others):
    """Torch's here, into an optimizer that had state of its own; and then ours there."""
    pair = Pair(backend, RMSprop, T.RMSprop, options)
    for _ in range(3):
        pair.step([1, 0, 1, 1])
    other = RMSprop(pair.parameters, **others)
    for p in pair.parameters:
        p.grad = None
    pair.parameters[1].grad = Tensor(np.zeros(5), backend=backend)
    other.step()
    for p, their_p in zip(pair.parameters, pair.torch_s, strict=True):
        p.array[...] = backend.asarray(their_p.detach().numpy().copy())
    other.load_state_dict(pair.torch_optimizer.state_dict())
    pair.optimizer = other
    for _ in range(3):
        pair.step()
        pair.check()
    pair.torch_optimizer = T.RMSprop(pair.torch_s, **others)
    pair.torch_optimizer.load_state_dict(to_torch(other.state_dict()))
    pair.step()
    pair.check()


def test_a_state_that_lacks_what_its_settings_need(backend):
    pair = Pair(backend, RMSprop, T.RMSprop, {})
    pair.step()
    before = copy.deepcopy(on_host(pair.optimizer.state_dict()))
    for name, words in {"momentum": "momentum_buffer", "centered": "grad_avg"}.items():
        state = on_host(pair.optimizer.state_dict())
        state["param_groups"][0][name] = True
        with pytest.raises(UserError, match=f"no {words} of parameter 0"):
            pair.optimizer.load_state_dict(state)
        np.testing.assert_equal(on_host(pair.optimizer.state_dict()), before)


def test_a_setting_that_needs_more_can_be_switched_on(backend):
    """From then on, with a history of zeros; torch has no place for it: KeyError."""
    pair = Pair(backend, RMSprop, T.RMSprop, {}, [(3, 4)])
    pair.step()
    pair.optimizer.param_groups[0]["momentum"] = pair.torch_optimizer.param_groups[0][
        "momentum"
    ] = 0.5
    before = pair.torch_s[0].detach().clone()
    with pytest.raises(KeyError, match="momentum_buffer"):
        pair.torch_optimizer.step()
    pair.torch_s[0].data.copy_(before)
    pair.torch_optimizer.state[pair.torch_s[0]]["momentum_buffer"] = torch.zeros(3, 4).double()
    for _ in range(3):
        pair.step()
        pair.check()
