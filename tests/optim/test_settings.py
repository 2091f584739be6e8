"""Tests of an optimizer's settings: what is refused, and torch's way to them."""

import inspect
import math

import numpy as np
import pytest
import torch
from pair import Pair, T, each

from minigan import nn
from minigan.errors import UserError
from minigan.optim import SGD, Adam, RMSprop
from minigan.tensor import Tensor


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


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: Adam(p, lr=-0.1), "must not be negative, got -0.1"),
        (lambda p: Adam(p, betas=(0.5, 1.0)), r"\[0, 1\), got \(0.5, 1.0\)"),
        (lambda p: Adam(p, betas=(0.5,)), r"two numbers of \[0, 1\), got \(0.5,\)"),
        (lambda p: Adam(p, betas=0.5), r"two numbers of \[0, 1\), got 0.5"),
        (lambda p: SGD(p, nesterov=True), "needs a momentum and no dampening"),
        (lambda p: SGD(p, 0.1, 0.9, 0.1, nesterov=True), "needs a momentum and no dampening"),
    ],
)
def test_settings_that_make_no_sense(make, words):
    with pytest.raises(ValueError, match=words):
        make([nn.Parameter(np.zeros(2, np.float32))])


REFUSED = [
    (Adam, "lr", -0.1, "the learning rate must not be negative, got -0.1"),
    (Adam, "lr", math.nan, "the learning rate must be a number, got nan"),
    (Adam, "betas", (math.nan, 0.9), r"two numbers of \[0, 1\), got \(nan, 0.9\)"),
    (Adam, "betas", (-0.1, 0.9), r"two numbers of \[0, 1\), got \(-0.1, 0.9\)"),
    (Adam, "betas", (0.5, 1.0), r"two numbers of \[0, 1\), got \(0.5, 1.0\)"),
    (Adam, "eps", -1e-8, "eps must not be negative, got -1e-08"),
    (Adam, "eps", math.nan, "eps must be a number, got nan"),
    (Adam, "weight_decay", -1, "the weight decay must not be negative, got -1"),
    (Adam, "weight_decay", math.nan, "the weight decay must be a number, got nan"),
    (SGD, "lr", -1e-9, "the learning rate must not be negative, got -1e-09"),
    (SGD, "lr", math.nan, "the learning rate must be a number, got nan"),
    (SGD, "momentum", -1, "the momentum must not be negative, got -1"),
    (SGD, "momentum", math.nan, "the momentum must be a number, got nan"),
    (SGD, "weight_decay", -0.5, "the weight decay must not be negative, got -0.5"),
    (RMSprop, "lr", -0.1, "the learning rate must not be negative, got -0.1"),
    (RMSprop, "lr", math.nan, "the learning rate must be a number, got nan"),
    (RMSprop, "alpha", -0.9, "alpha must not be negative, got -0.9"),
    (RMSprop, "alpha", math.nan, "alpha must be a number, got nan"),
    (RMSprop, "eps", -1e-8, "eps must not be negative, got -1e-08"),
    (RMSprop, "eps", math.nan, "eps must be a number, got nan"),
    (RMSprop, "momentum", -1, "the momentum must not be negative, got -1"),
    (RMSprop, "momentum", math.nan, "the momentum must be a number, got nan"),
    (RMSprop, "weight_decay", -1, "the weight decay must not be negative, got -1"),
    (RMSprop, "weight_decay", math.nan, "the weight decay must be a number, got nan"),
]
each_refused = pytest.mark.parametrize(("optimizer", "name", "value", "words"), REFUSED)


@each_refused
def test_what_torch_refuses_is_refused(optimizer, name, value, words):
    """Torch's SGD lets NaN pass for two of its numbers, and then trains to NaN."""
    theirs = getattr(T, optimizer.__name__)
    if optimizer is SGD and name != "weight_decay" and math.isnan(value):
        theirs([torch.ones(2)], **{name: value})
    else:
        with pytest.raises(ValueError):
            theirs([torch.ones(2)], **{name: value})
    with pytest.raises(ValueError, match=words):
        optimizer([nn.Parameter(np.ones(2))], **{name: value})


@each_refused
def test_it_is_refused_in_a_parameter_group_too(optimizer, name, value, words):
    made = optimizer([nn.Parameter(np.ones(2))])
    before = dict(made.param_groups[0])
    with pytest.raises(ValueError, match=words):
        made.param_groups[0][name] = value
    assert dict(made.param_groups[0]) == before


@each_refused
def test_it_is_refused_at_the_next_step_if_written_to_an_attribute(optimizer, name, value, words):
    p = nn.Parameter(np.ones(2))
    made = optimizer([p])
    (p * 3).sum().backward()
    setattr(made, name, value)
    with pytest.raises(ValueError, match=words):
        made.step()
    assert p.tolist() == [1, 1] and p.version == 0 and made.memory.counts == [0]


@each_refused
def test_it_is_refused_in_a_state_dict(optimizer, name, value, words):
    made = optimizer([nn.Parameter(np.ones(2))])
    before, state = made.options(), made.state_dict()
    state["param_groups"][0][name] = value
    with pytest.raises(UserError, match=f"the optimizer state does not fit: .*{words}"):
        made.load_state_dict(state)
    assert made.options() == before


@pytest.mark.parametrize("name", ["lr", "eps", "weight_decay"])
def test_infinity_and_0_are_torch_s_numbers(name):
    for value in (0, math.inf):
        T.Adam([torch.ones(2)], **{name: value})
        Adam([nn.Parameter(np.ones(2))], **{name: value})


@each
def test_a_group_reads_like_torch_s(backend, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options)
    (group,), (their_group,) = pair.optimizer.param_groups, pair.torch_optimizer.param_groups
    assert set(group) <= set(their_group) and len(group) == len(set(group))
    for name in group:
        if name != "params":
            assert name in group and group[name] == their_group[name] == group.get(name)
            assert f"{name!r}: {group[name]!r}" in repr(group)
    assert group["params"] is pair.optimizer.params
    assert group.get("initial_lr") is None and "initial_lr" not in group


def test_settings_that_there_are_not():
    """torch takes any key; here one that no formula reads is a slip of the pen."""
    p = nn.Parameter(np.ones(2))
    (group,) = SGD([p]).param_groups
    words = "SGD has no setting 'learning_rate': it has lr, momentum, dampening, weight_decay"
    with pytest.raises(KeyError, match=words):
        group["learning_rate"] = 0.1
    with pytest.raises(KeyError, match=words):
        group["learning_rate"]
    with pytest.raises(KeyError, match="SGD has no setting 'step'"):
        group["step"]  # an attribute, but none of the settings
    with pytest.raises(KeyError, match="stay the same: make a new optimizer"):
        group["params"] = [p]
    with pytest.raises(KeyError, match="lr cannot be deleted"):
        del group["lr"]


def test_nesterov_can_be_chosen_later():
    optimizer = SGD([nn.Parameter(np.ones(2))], 0.1)
    with pytest.raises(ValueError, match="needs a momentum and no dampening"):
        optimizer.param_groups[0]["nesterov"] = True
    optimizer.param_groups[0].update(momentum=0.9, nesterov=True)
    assert optimizer.nesterov and optimizer.momentum == 0.9


def test_the_rate_that_a_scheduler_began_with_is_a_setting_once_it_was_written():
    """torch's schedulers write it, and scripts that resume; no other key is taken."""
    optimizer, theirs = SGD([nn.Parameter(np.ones(2))], 0.1), T.SGD([torch.ones(2)], 0.1)
    (group,), (their_group,) = optimizer.param_groups, theirs.param_groups
    with pytest.raises(KeyError):
        group["initial_lr"]
    assert "initial_lr" not in optimizer.state_dict()["param_groups"][0]
    for each_group in (group, their_group):
        each_group.setdefault("initial_lr", 0.4)
        each_group.setdefault("initial_lr", 0.5)
    assert group["initial_lr"] == their_group["initial_lr"] == optimizer.initial_lr == 0.4
    assert "initial_lr" in group and "initial_lr" in list(group) and "0.4" in repr(group)
    with pytest.raises(ValueError, match="the initial learning rate must not be negative, got -1"):
        group["initial_lr"] = -1
    state = optimizer.state_dict()
    assert state["param_groups"][0]["initial_lr"] == 0.4
    other = SGD([nn.Parameter(np.ones(2))])
    other.load_state_dict(state)
    assert other.initial_lr == 0.4


def test_parameter_groups_are_refused_with_what_to_do():
    optimizer = SGD([nn.Parameter(np.ones(2))], 0.1)
    words = r"groups are not supported: make one optimizer for each, and call the step\(\) of all"
    with pytest.raises(TypeError, match=words):
        optimizer.add_param_group({"params": [nn.Parameter(np.ones(3))], "lr": 0.2})
    with pytest.raises(TypeError, match=words):
        SGD([{"params": [nn.Parameter(np.ones(3))], "lr": 0.2}])
    assert len(optimizer.params) == 1


@pytest.mark.parametrize("make", [SGD, RMSprop, Adam])
def test_what_torch_has_and_we_lack_is_refused_with_what_to_do(make):
    ours = inspect.signature(make).parameters
    theirs = inspect.signature(getattr(T, make.__name__)).parameters
    lacking = [name for name in theirs if name not in ours]
    assert len(lacking) >= 4
    for name in lacking:
        make(
            [Tensor([1.0], requires_grad=True)], **{name: theirs[name].default}
        )  # nothing is asked for
        with pytest.raises(TypeError, match=f"^{make.__name__} has no {name}=True: .{{20}}"):
            make([Tensor([1.0], requires_grad=True)], **{name: True})
    with pytest.raises(TypeError, match="has no argument weight_deacy; did you mean weight_decay?"):
        make([Tensor([1.0], requires_grad=True)], weight_deacy=0.1)
