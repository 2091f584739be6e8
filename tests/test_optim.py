"""Tests of SGD and Adam: torch's steps to the last digits, and torch's state dicts."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigan import Tensor, nn
from minigan.errors import UserError
from minigan.optim import SGD, Adam

T = torch.optim
SHAPES = [(3, 4), (5,), (), (2, 3, 1, 2)]
OPTIMIZERS = [
    (SGD, T.SGD, {"lr": 0.1}),
    (SGD, T.SGD, {"lr": 0.1, "weight_decay": 0.3}),
    (SGD, T.SGD, {"lr": 0.05, "momentum": 0.9}),
    (SGD, T.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.1}),
    (SGD, T.SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    (Adam, T.Adam, {}),
    (Adam, T.Adam, {"lr": 2e-4, "betas": (0.5, 0.999)}),
    (Adam, T.Adam, {"lr": 0.01, "betas": (0.0, 0.9), "eps": 1e-3}),
    (Adam, T.Adam, {"lr": 0.01, "weight_decay": 0.2}),
]
each = pytest.mark.parametrize(("ours", "theirs", "options"), OPTIMIZERS)
# One that remembers something, of each kind
WITH_STATE = pytest.mark.parametrize(("ours", "theirs", "options"), OPTIMIZERS[3:7])


class Pair:
    """The same parameters twice: under our optimizer, and under torch's."""

    def __init__(self, backend, ours, theirs, options, shapes=SHAPES, dtype=np.float64):
        self.random = np.random.default_rng(1)
        host = [self.random.normal(size=shape).astype(dtype) for shape in shapes]
        self.parameters = [nn.Parameter(backend.asarray(x.copy())) for x in host]
        self.torch_s = [torch.nn.Parameter(torch.tensor(x)) for x in host]
        self.optimizer = ours(self.parameters, **options)
        self.torch_optimizer = theirs(self.torch_s, **options)
        self.backend, self.dtype = backend, dtype

    def step(self, given=None, scale=1.0):
        """One step with random gradients, for those parameters that are `given` one."""
        for i, (p, their_p) in enumerate(zip(self.parameters, self.torch_s, strict=True)):
            g = np.asarray(self.random.normal(size=p.shape) * scale, self.dtype)
            some = given is None or given[i]
            p.grad = Tensor(self.backend.asarray(g)) if some else None
            their_p.grad = torch.tensor(g) if some else None
        self.optimizer.step()
        self.torch_optimizer.step()

    def check(self, tolerance=1e-12):
        for p, their_p in zip(self.parameters, self.torch_s, strict=True):
            expected = their_p.detach().numpy()
            np.testing.assert_allclose(p.numpy(), expected, tolerance, tolerance)


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


@each
def test_many_numbers(backend, small_pieces, ours, theirs, options):
    """Updates are cut into pieces, which end in the middle of a parameter, or hold several."""
    shapes = [(50, 61), (7,), (5, 3), (small_pieces,), (2, small_pieces - 3), ()]
    pair = Pair(backend, ours, theirs, options, shapes)
    for given_to in ([1] * 6, [1, 0, 1, 1, 1, 0], [1] * 6):
        pair.step(given_to)
    pair.check()


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
def test_gradients_of_any_memory_order(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options, [(3, 4)])
    for _ in range(3):
        g = pair.random.normal(size=(4, 3)).T
        pair.parameters[0].grad = Tensor(g, backend=backend)
        pair.torch_s[0].grad = torch.tensor(g)
        pair.optimizer.step(), pair.torch_optimizer.step()
    pair.check()


@each
def test_the_learning_rate_can_change(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options)
    pair.step()
    pair.optimizer.lr = pair.torch_optimizer.param_groups[0]["lr"] = 0.03
    pair.step()
    pair.check()


@each
def test_settings_can_be_reached_as_in_torch(backend, ours, theirs, options):
    """The usual decay in a tutorial's loop."""
    pair = Pair(backend, ours, theirs, options)
    for _ in range(3):
        pair.step()
        for optimizer in (pair.optimizer, pair.torch_optimizer):
            for group in optimizer.param_groups:
                group["lr"] *= 0.5
                group["weight_decay"] += 0.01
    pair.check()
    assert pair.optimizer.lr == pair.optimizer.param_groups[0]["lr"]
    pair.optimizer.lr = 7.0
    assert pair.optimizer.param_groups[0]["lr"] == 7.0
    assert pair.optimizer.param_groups[0]["params"] == pair.parameters


# ---- state --------------------------------------------------------------------------------------


def on_host(state_dict):
    """The state with copies of its arrays, as NumPy's."""
    state = {
        i: {name: np.array(Tensor(value).numpy()) for name, value in entries.items()}
        for i, entries in state_dict["state"].items()
    }
    return {"state": state, "param_groups": state_dict["param_groups"]}


def to_torch(state_dict):
    host = on_host(state_dict)
    for entries in host["state"].values():
        entries |= {name: torch.tensor(value) for name, value in entries.items()}
    return host


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


# ---- memory -------------------------------------------------------------------------------------


@each
def test_parameters_are_views_of_one_array(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options)
    flat = pair.optimizer.flat
    assert flat.size == sum(p.numel() for p in pair.parameters)
    flat[...] = 7
    assert all((p.numpy() == 7).all() for p in pair.parameters)


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
    layer.weight.data = layer.weight.data.T
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
        memory = pair.parameters[1].data
        pair.optimizer._bring_home()
        assert pair.parameters[1].data is memory  # nothing is copied that is there already


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
    p.data = backend.asarray(np.full((3, 2), 4.0)).T
    optimizer.minimize(p.sum())
    assert p.tolist() == [[3.5] * 3] * 2
    assert optimizer.flat.tolist() == [3.5] * 6


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
        ([W, W.data], TypeError, f"{TENSORS}; item 1 is a ndarray"),
        ([{"params": [W], "lr": 0.1}], TypeError, "groups are not supported: make one optimizer"),
        ([W, W * 2], ValueError, r"parameter 1 of shape \(2, 3\) was computed, by Multiply"),
        ([W, nn.Parameter(1.0), W], ValueError, r"parameter 2 of shape \(2, 3\) occurs twice"),
    ],
)
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_what_cannot_be_trained(optimizer, params, kind, words):
    memory = W.data
    with pytest.raises(kind, match=words):
        optimizer(params)
    assert W.data is memory


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: Adam([]), "at least one parameter"),
        (lambda p: Adam(p, lr=-0.1), "must not be negative, got -0.1"),
        (lambda p: Adam(p, betas=(0.5, 1.0)), r"\[0, 1\), got \(0.5, 1.0\)"),
        (lambda p: Adam(p, betas=(0.5,)), r"two numbers of \[0, 1\), got \(0.5,\)"),
        (lambda p: Adam(p, betas=0.5), r"two numbers of \[0, 1\), got 0.5"),
        (lambda p: SGD(p, nesterov=True), "needs a momentum and no dampening"),
        (lambda p: SGD(p, 0.1, 0.9, 0.1, nesterov=True), "needs a momentum and no dampening"),
        (lambda p: Adam([*p, nn.Parameter(np.zeros(2))]), "one type and one backend"),
    ],
)
def test_settings_that_make_no_sense(make, words):
    with pytest.raises(ValueError, match=words):
        make([nn.Parameter(np.zeros(2, np.float32))])


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_a_rate_of_0_is_a_rate(optimizer):
    p = Tensor([1.0, 2.0], requires_grad=True)
    optimizer([p], lr=0.0).minimize((p * p).sum())
    assert p.tolist() == [1, 2]


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_the_first_parameter_that_is_not_finite_is_found(backend, number):
    shapes = [(2, 3), (4,), (5, 1)]
    parameters = [Tensor(np.zeros(s), requires_grad=True, backend=backend) for s in shapes]
    optimizer = Adam(parameters)
    assert optimizer.not_finite() is None
    moments = [optimizer.state[1][-1:], optimizer.state[0][6:7], parameters[2].data[0]]
    expected = [(2, "exp_avg_sq"), (1, "exp_avg"), (2, "")]
    for place, found in zip(moments, expected, strict=True):
        place[...] = number  # each stands before those that are there already
        assert optimizer.not_finite() == found
    parameters[0].data[-1, -1] = number
    assert optimizer.not_finite() == (0, "")
