"""Tests of all optimizers: torch's steps to the last digits, and torch's state dicts."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pair import WITH_STATE, Pair, T, each, on_host, to_torch

from minigan import Tensor, nn
from minigan.errors import UserError
from minigan.optim import SGD, Adam, RMSprop


@each
def test_fifty_steps_are_torch_s(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options)
    for _ in range(50):
        pair.step()
        pair.check()


@each
@given(pattern=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=7))
def test_parameters_without_a_gradient_are_left_alone(backend, ours, theirs, options, pattern):
    """In value, in state and in their count of steps, whenever it comes or goes."""
    pair = Pair(backend, ours, theirs, options)
    for given_to in pattern:
        before = [(p.numpy().copy(), p.version) for p in pair.parameters]
        pair.step(given_to)
        pair.check()
        for p, (value, version), some in zip(pair.parameters, before, given_to, strict=True):
            assert some == (p.version > version)
            if not some:
                np.testing.assert_array_equal(p.numpy(), value)
    counts = {i: state["step"] for i, state in pair.optimizer.state_dict()["state"].items()}
    expected = [sum(column) for column in zip(*pattern, strict=True)]
    assert counts == {i: count for i, count in enumerate(expected) if count}


@each
def test_float32_stays(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options, dtype=np.float32)
    for _ in range(10):
        pair.step()
    pair.check(1e-5)
    assert all(p.dtype == np.float32 for p in pair.parameters)
    for state in pair.optimizer.state_dict()["state"].values():
        assert all(a.dtype == np.float32 for name, a in state.items() if name != "step")


@each
def test_the_learning_rate_can_change(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options)
    pair.step()
    pair.optimizer.lr = pair.torch_optimizer.param_groups[0]["lr"] = 0.03
    pair.step()
    pair.check()


# ---- state --------------------------------------------------------------------------------------


@WITH_STATE
def test_torch_s_state_loads_here(backend, ours, theirs, options):
    """... into an optimizer that was made with other settings; the second has no state yet."""
    pair = Pair(backend, ours, theirs, options)
    for _ in range(3):
        pair.step([1, 0, 1, 1])
    fresh = ours(pair.parameters, lr=9.0)
    fresh.load_state_dict(pair.torch_optimizer.state_dict())
    pair.optimizer = fresh
    for _ in range(3):
        pair.step()
        pair.check()


@WITH_STATE
def test_our_state_loads_in_torch(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options)
    for _ in range(3):
        pair.step([1, 0, 1, 1])
    fresh = theirs(pair.torch_s, lr=9.0)
    fresh.load_state_dict(to_torch(pair.optimizer.state_dict()))
    pair.torch_optimizer = fresh
    for _ in range(3):
        pair.step()
        pair.check()


@each
def test_state_has_torch_s_layout(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options)
    assert pair.optimizer.state_dict()["state"] == {}
    pair.step([1, 0, 1, 1])
    mine, torch_s = on_host(pair.optimizer.state_dict()), pair.torch_optimizer.state_dict()
    assert list(mine["state"]) == [0, 2, 3]
    (group,), (their_group,) = mine["param_groups"], torch_s["param_groups"]
    assert group.items() <= their_group.items()
    for i, entries in torch_s["state"].items():
        for name, value in entries.items():
            if value is not None:
                found = mine["state"][i][name]
                assert found.shape == tuple(value.shape), name
                np.testing.assert_allclose(found, value.numpy(), rtol=1e-12, err_msg=name)


@each
def test_a_resumed_run_goes_on_bit_for_bit(backend, ours, theirs, options):
    def run(interrupted):
        pair = Pair(backend, ours, theirs, options, dtype=np.float32)
        for step in range(6):
            if interrupted and step == 3:
                state = on_host(pair.optimizer.state_dict())
                arrays = [p.numpy().copy() for p in pair.parameters]
                pair.parameters = [nn.Parameter(backend.asarray(a)) for a in arrays]
                pair.optimizer = ours(pair.parameters)
                pair.optimizer.load_state_dict(state)
            pair.step([1, step > 1, step % 2, 1])
        return [p.tolist() for p in pair.parameters]

    assert run(interrupted=True) == run(interrupted=False)


def test_state_that_does_not_fit(backend):
    pair = Pair(backend, Adam, T.Adam, {})
    pair.step()
    state = pair.optimizer.state_dict()
    fewer = Adam(pair.parameters[:3])
    with pytest.raises(UserError, match="for 4 parameters, this optimizer has 3"):
        fewer.load_state_dict(state)
    other = Adam([nn.Parameter(backend.asarray(np.zeros((3, 5)))) for _ in range(4)])
    with pytest.raises(UserError, match=r"exp_avg of parameter 0 has shape \(3, 4\) instead of"):
        other.load_state_dict(state)


STATES_THAT_DO_NOT_FIT = {
    "the last shape": (
        lambda s: s["state"][3].update(exp_avg_sq=np.zeros(2)),
        r"exp_avg_sq of parameter 3 has shape \(2,\) instead of \(2, 3, 1, 2\)",
    ),
    "a moment is missing": (
        lambda s: s["state"][3].pop("exp_avg_sq"),
        "no exp_avg_sq of parameter 3",
    ),
    "a step that is none": (lambda s: s["state"][3].update(step="x"), "invalid literal"),
    "a setting is missing": (
        lambda s: s["param_groups"][0].pop("eps"),
        "has no eps: it is not Adam",
    ),
    "two groups": (lambda s: s["param_groups"].append({}), "one parameter group, this has 2"),
    "a network's": (lambda s: s.pop("param_groups"), "one parameter group, this has 0"),
    "SGD's": (
        lambda s: s.update(SGD([nn.Parameter(np.ones(2))]).state_dict()),
        "has no betas, eps: it is not Adam's",
    ),
    "torch's SGD's": (
        lambda s: s.update(T.SGD([torch.ones(2)], 0.1).state_dict()),
        "has no betas, eps: it is not Adam's",
    ),
}


@pytest.mark.parametrize("what", STATES_THAT_DO_NOT_FIT)
def test_state_that_does_not_fit_leaves_all_as_it_was(backend, what):
    spoil, words = STATES_THAT_DO_NOT_FIT[what]
    pair = Pair(backend, Adam, T.Adam, {})
    pair.step()
    other = Pair(backend, Adam, T.Adam, {"lr": 0.7, "betas": (0.1, 0.2)})
    other.step([1, 1, 0, 1]), other.step()
    state = on_host(other.optimizer.state_dict())
    spoil(state)
    before = copy.deepcopy(on_host(pair.optimizer.state_dict()))
    with pytest.raises(ValueError, match=words):
        pair.optimizer.load_state_dict(state)
    np.testing.assert_equal(on_host(pair.optimizer.state_dict()), before)


# ---- parameters ---------------------------------------------------------------------------------


@each
def test_it_is_printed_as_in_torch(backend, ours, theirs, options):
    mine = repr(ours([Tensor([1.0], requires_grad=True, backend=backend)], **options)).splitlines()
    its = repr(theirs([torch.ones(1, requires_grad=True)], **options)).splitlines()
    assert (mine[:2], mine[-1]) == (its[:2], its[-1])
    said = [line.partition(": ") for line in mine[2:-1]]
    expected = dict(line.split(": ") for line in its[2:-1])
    assert [name for name, _, _ in said] == [name for name in expected if f"{name}: " in repr(mine)]
    for name, _, value in said:
        assert value == expected[name] or float(value) == float(expected[name])


def test_parameters_that_became_others_are_noticed(backend):
    layer = nn.Linear(3, 2).to(backend)
    optimizer = Adam(layer.parameters())
    layer.double()
    layer(Tensor(np.ones((1, 3)), backend=backend)).sum().backward()
    words = (
        rf"parameter 0 was float32 of shape \(2, 3\) on {backend.name} when the optimizer was "
        rf"made, and is float64 of shape \(2, 3\) on {backend.name} now \(by .to\(\) or .double"
    )
    with pytest.raises(RuntimeError, match=words):
        optimizer.step()
    layer.float()
    layer.weight.array = layer.weight.array.T
    with pytest.raises(RuntimeError, match=r"and is float32 of shape \(3, 2\)"):
        optimizer.step()


@each
def test_two_optimizers_may_share_parameters(backend, ours, theirs, options):
    """As in InfoGAN and the adversarial autoencoder: each keeps moments of its own."""
    pair = Pair(backend, ours, theirs, options)
    first, torch_first = pair.optimizer, pair.torch_optimizer
    second = ours(pair.parameters[1:], lr=0.02)
    torch_second = theirs(pair.torch_s[1:], lr=0.02)
    for i in range(9):
        turn = i % 3 == 1
        pair.optimizer = second if turn else first
        pair.torch_optimizer = torch_second if turn else torch_first
        pair.step()
        pair.check()


class Shared:
    """A step in which two optimizers move one weight."""

    def __init__(self, backend):
        self.weight = nn.Parameter(backend.asarray(np.ones((2, 3), np.float32)))
        self.optimizers = [Adam([self.weight], 0.1), SGD([self.weight], 0.2, 0.9)]

    def step(self, x):
        for optimizer in self.optimizers:
            loss = ((self.weight * x) ** 2).sum()
            optimizer.minimize(loss)
        return loss.detach()


@pytest.mark.parametrize("last", [0, 1])
def test_a_recorded_step_may_share_parameters(backend, last):
    eager, recorded = Shared(backend), Shared(backend)
    for each_one in (eager, recorded):
        each_one.optimizers.sort(key=lambda optimizer: isinstance(optimizer, SGD) == last)
    play = backend.compiled(recorded.step)
    for i in range(6):
        x = Tensor(np.full((2, 3), 0.1 * i, np.float32), backend=backend)
        assert play(x).item() == eager.step(x).item()
        assert recorded.weight.tolist() == eager.weight.tolist()
    assert not getattr(play, "failed", False)


def test_a_parameter_may_be_given_other_numbers(backend):
    p = nn.Parameter(backend.asarray(np.ones((2, 3))))
    optimizer = SGD([p], 0.5)
    p.array = backend.asarray(np.full((3, 2), 4.0)).T
    optimizer.minimize(p.sum())
    assert p.tolist() == [[3.5] * 3] * 2


@each
def test_gradients_of_another_shape_are_noticed(backend, ours, theirs, options):
    """Before anything is written."""
    pair = Pair(backend, ours, theirs, options)
    pair.step()
    before = [p.tolist() for p in pair.parameters], on_host(pair.optimizer.state_dict())
    pair.parameters[1].grad = Tensor(np.ones((1, 5)), backend=backend)
    with pytest.raises(RuntimeError, match=r"gradient of parameter 1 has shape \(1, 5\) instead"):
        pair.optimizer.step()
    assert [p.tolist() for p in pair.parameters] == before[0]
    np.testing.assert_equal(on_host(pair.optimizer.state_dict()), before[1])


@each
def test_the_first_number_that_is_not_finite_is_found(backend, ours, theirs, options):
    """In a parameter, else in what is remembered of one; None if there is none."""
    pair = Pair(backend, ours, theirs, options)
    pair.step()
    optimizer = pair.optimizer
    assert optimizer.not_finite() is None
    last = list(optimizer.memory.flat)[-1]
    state = optimizer.state_dict()["state"]
    state[3][last][1, 2, 0, 1] = np.inf
    assert optimizer.not_finite() == (3, last)
    state[2][last][...] = np.nan
    assert optimizer.not_finite() == (2, last)
    pair.parameters[1].array[4] = -np.inf
    assert optimizer.not_finite() == (1, "")


@each
def test_a_copied_optimizer_moves_the_copied_parameters(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options)
    pair.step()
    before = [p.tolist() for p in pair.parameters]
    originals = pair.parameters
    pair.parameters, pair.optimizer = copy.deepcopy((pair.parameters, pair.optimizer))
    for _ in range(3):
        pair.step()
        pair.check()
    assert [p.tolist() for p in originals] == before


# ---- use ----------------------------------------------------------------------------------------


@each
def test_minimize_goes_down(backend, ours, theirs, options):
    p = nn.Parameter(backend.asarray(np.array([2.0, -3.0])))
    optimizer = ours([p], **options)
    losses = []
    for _ in range(30):
        loss = (p * p).sum()
        losses.append(loss.item())
        optimizer.minimize(loss)
    assert losses[-1] < losses[10] < losses[0]
    assert p.grad is not None and p.op is None and p.requires_grad
    optimizer.zero_grad()
    assert p.grad is None


def test_minimize_forgets_earlier_gradients(backend):
    p = nn.Parameter(backend.asarray(np.array([2.0])))
    (p * 100).sum().backward()
    SGD([p], 0.1).minimize((p * 3).sum())
    assert p.tolist() == pytest.approx([1.7])


@pytest.mark.filterwarnings("ignore:Using backward")  # torch's, on create_graph
@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad_is_torch_s(backend, set_to_none):
    ours = [nn.Parameter(backend.asarray(np.ones(2))) for _ in range(2)]
    theirs = [torch.ones(2, requires_grad=True) for _ in range(2)]
    for p, _ in (ours, theirs):  # the other one has no gradient
        (p * p * 3).sum().backward(create_graph=True)
    gradient = ours[0].grad
    SGD(ours, 0.1).zero_grad(set_to_none=set_to_none)
    T.SGD(theirs, 0.1).zero_grad(set_to_none=set_to_none)
    for p, their_p in zip(ours, theirs, strict=True):
        assert (p.grad is None) == (their_p.grad is None)
    assert gradient.tolist() == ([6, 6] if set_to_none else [0, 0])
    if not set_to_none:
        assert ours[0].grad.tolist() == theirs[0].grad.tolist() == [0, 0]
        assert not ours[0].grad.requires_grad and not theirs[0].grad.requires_grad


W = nn.Parameter(np.ones((2, 3)))
TENSORS = r"takes a list of tensors, such as network.parameters\(\)"


@pytest.mark.parametrize(
    ("params", "kind", "words"),
    [
        (W, TypeError, f"{TENSORS}, not a Parameter"),
        (nn.Linear(2, 3), TypeError, f"{TENSORS}, not a Linear"),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 3)), TypeError, f"{TENSORS}; item 0 is a ReLU"),
        ([W, W.array], TypeError, f"{TENSORS}; item 1 is a ndarray"),
        ([{"params": [W], "lr": 0.1}], TypeError, "groups are not supported: make one optimizer"),
        ([W, W * 2], ValueError, r"parameter 1 of shape \(2, 3\) was computed, by Multiply"),
        ([W, nn.Parameter(1.0), W], ValueError, r"parameter 2 of shape \(2, 3\) occurs twice"),
    ],
)
@pytest.mark.parametrize("optimizer", [SGD, Adam, RMSprop])
def test_what_cannot_be_trained(optimizer, params, kind, words):
    memory = W.array
    with pytest.raises(kind, match=words):
        optimizer(params)
    assert W.array is memory


@pytest.mark.parametrize("optimizer", [SGD, Adam, RMSprop])
def test_a_rate_of_0_is_a_rate(optimizer):
    p = Tensor([1.0, 2.0], requires_grad=True)
    optimizer([p], lr=0.0).minimize((p * p).sum())
    assert p.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: Adam([]), "at least one parameter"),
        (lambda p: Adam([*p, nn.Parameter(np.zeros(2))]), "one type and one backend"),
    ],
)
def test_parameters_that_make_no_sense(make, words):
    with pytest.raises(ValueError, match=words):
        make([nn.Parameter(np.zeros(2, np.float32))])
