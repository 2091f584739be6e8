"""Tests of the schedulers: torch's rates, step by step, and torch's states."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from pair import OPTIMIZERS, Pair, T, on_host, to_torch

import minigan
from minigan import Tensor, nn
from minigan.errors import UserError
from minigan.optim import SGD, Adam, RMSprop
from minigan.optim.lr_scheduler import LambdaLR, LRScheduler, StepLR

# torch complains where a test moves no parameter
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")

SCHEDULES = [
    ("StepLR", {"step_size": 3}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("StepLR", {"step_size": 7, "gamma": 1.5}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.95**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (epoch + 2)]}),
    ("CosineAnnealingLR", {"T_max": 10}),
    ("CosineAnnealingLR", {"T_max": 50, "eta_min": 1e-3}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("CosineAnnealingLR", {"T_max": 2, "eta_min": 0.2}),
]
each_schedule = pytest.mark.parametrize(("name", "settings"), SCHEDULES)


def both(name, settings, optimizer, torch_optimizer, **more):
    mine, torch_s = getattr(minigan.optim.lr_scheduler, name), getattr(T.lr_scheduler, name)
    return mine(optimizer, **settings, **more), torch_s(torch_optimizer, **settings, **more)


def optimizers(lr=0.3):
    return SGD([nn.Parameter(np.ones(2))], lr), T.SGD([torch.ones(2)], lr)


@each_schedule
def test_rates_are_torch_s(name, settings):
    """Through more than one period of each, bit for bit."""
    optimizer, torch_optimizer = optimizers()
    scheduler, torch_s = both(name, settings, optimizer, torch_optimizer)
    for _ in range(120):
        (group,), (their_group,) = optimizer.param_groups, torch_optimizer.param_groups
        assert optimizer.lr == group["lr"] == their_group["lr"]
        assert group["initial_lr"] == their_group["initial_lr"] == 0.3
        assert scheduler.get_last_lr() == torch_s.get_last_lr() == [optimizer.lr]
        assert scheduler.last_epoch == torch_s.last_epoch
        scheduler.step(), torch_s.step()


@pytest.mark.parametrize(("ours", "theirs", "options"), [OPTIMIZERS[i] for i in (2, 6, 11, 13)])
@each_schedule
def test_steps_under_a_schedule_are_torch_s(backend, name, settings, ours, theirs, options):
    pair = Pair(backend, ours, theirs, options)
    scheduler, torch_s = both(name, settings, pair.optimizer, pair.torch_optimizer)
    for _ in range(12):
        pair.step()
        pair.check()
        scheduler.step(), torch_s.step()


@pytest.mark.parametrize("first", SCHEDULES[1::2])
@pytest.mark.parametrize("second", SCHEDULES[:8:2])
def test_two_schedulers_act_one_after_the_other(first, second):
    """Both know the rate at which the first began, even if it changed before the second came."""
    optimizer, torch_optimizer = optimizers()
    pairs = [both(*first, optimizer, torch_optimizer)]
    for i in range(40):
        if i == 4:
            optimizer.lr = torch_optimizer.param_groups[0]["lr"] = 0.07
            pairs.append(both(*second, optimizer, torch_optimizer))
            assert pairs[1][0].base_lrs == pairs[1][1].base_lrs == [0.3]
        for scheduler, torch_s in pairs:
            scheduler.step(), torch_s.step()
            assert optimizer.lr == torch_optimizer.param_groups[0]["lr"]
            assert scheduler.get_last_lr() == torch_s.get_last_lr()


def test_a_rate_written_in_between_is_gone_on_from():
    """By a recursive schedule; LambdaLR begins at initial_lr each time."""
    for name, settings in SCHEDULES:
        optimizer, torch_optimizer = optimizers()
        scheduler, torch_s = both(name, settings, optimizer, torch_optimizer)
        for i in range(9):
            if i == 5:
                optimizer.param_groups[0]["lr"] = torch_optimizer.param_groups[0]["lr"] = 0.011
            scheduler.step(), torch_s.step()
            assert optimizer.lr == torch_optimizer.param_groups[0]["lr"]


# ---- going on ------------------------------------------------------------------------------------


@each_schedule
def test_a_run_goes_on_from_its_states(backend, name, settings):
    """The optimizer's holds lr and initial_lr, the scheduler's all the rest."""
    pair = Pair(backend, RMSprop, T.RMSprop, {"lr": 0.02})
    scheduler, torch_s = both(name, settings, pair.optimizer, pair.torch_optimizer)
    for i in range(14):
        if i in (5, 11):
            states = copy.deepcopy((on_host(pair.optimizer.state_dict()), scheduler.state_dict()))
            pair.optimizer = RMSprop(pair.parameters, lr=9.0)
            scheduler = type(scheduler)(pair.optimizer, **settings)
            pair.optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
            assert pair.optimizer.initial_lr == 0.02 and scheduler.base_lrs == [0.02]
        pair.step()
        pair.check()
        scheduler.step(), torch_s.step()
        assert scheduler.get_last_lr() == torch_s.get_last_lr()


@each_schedule
def test_states_are_torch_s(backend, name, settings):
    """... and ours goes on there, theirs here."""
    pair = Pair(backend, SGD, T.SGD, {"lr": 0.3})
    scheduler, torch_s = both(name, settings, pair.optimizer, pair.torch_optimizer)
    for _ in range(4):
        pair.step()
        scheduler.step(), torch_s.step()
    mine, their_state = scheduler.state_dict(), torch_s.state_dict()
    assert mine.items() <= their_state.items() and "optimizer" not in mine
    (group,), (their_group,) = (
        optimizer.state_dict()["param_groups"] for optimizer in (pair.optimizer, torch_s.optimizer)
    )
    assert group.items() <= their_group.items() and group["initial_lr"] == 0.3
    other = Pair(backend, SGD, T.SGD, {"lr": 5.0})
    crossed = both(name, settings, other.optimizer, other.torch_optimizer)
    crossed[0].load_state_dict(their_state)
    crossed[1].load_state_dict(mine)
    other.optimizer.load_state_dict(pair.torch_optimizer.state_dict())
    other.torch_optimizer.load_state_dict(to_torch(pair.optimizer.state_dict()))
    for _ in range(9):
        for one in (scheduler, torch_s, *crossed):
            one.step()
        assert len({tuple(one.get_last_lr()) for one in (scheduler, torch_s, *crossed)}) == 1
        assert other.optimizer.lr == other.torch_optimizer.param_groups[0]["lr"]


def test_a_function_that_is_an_object_is_saved_as_what_it_holds():
    class Decay:
        def __init__(self, base):
            self.base = base

        def __call__(self, epoch):
            return self.base**epoch

    scheduler, torch_s = both("LambdaLR", {"lr_lambda": Decay(0.5)}, *optimizers())
    assert scheduler.state_dict()["lr_lambdas"] == torch_s.state_dict()["lr_lambdas"]
    other = LambdaLR(optimizers()[0], Decay(0.9))
    other.load_state_dict(scheduler.state_dict())
    assert other.lr_lambdas[0].base == 0.5
    other.step()
    assert other.get_last_lr() == [0.15]


@each_schedule
def test_last_epoch_goes_on_with_a_run(name, settings):
    """torch's other way to resume, without the scheduler's state."""
    optimizer, torch_optimizer = optimizers()
    optimizer.param_groups[0]["initial_lr"] = torch_optimizer.param_groups[0]["initial_lr"] = 0.5
    scheduler, torch_s = both(name, settings, optimizer, torch_optimizer, last_epoch=5)
    for _ in range(20):
        assert scheduler.get_last_lr() == torch_s.get_last_lr()
        assert scheduler.last_epoch == torch_s.last_epoch
        scheduler.step(), torch_s.step()


def test_last_epoch_needs_to_know_where_the_run_began():
    optimizer, torch_optimizer = optimizers()
    with pytest.raises(KeyError, match="initial_lr"):
        T.lr_scheduler.StepLR(torch_optimizer, 3, last_epoch=5)
    with pytest.raises(KeyError, match="last_epoch=5 goes on with a run, but the optimizer knows"):
        StepLR(optimizer, 3, last_epoch=5)
    assert optimizer.lr == 0.3 and optimizer.initial_lr is None


def test_a_state_without_a_schedule_forgets_the_rate_that_one_began_with():
    """As torch's does: the parameter group is what the state says."""
    optimizer, torch_optimizer = optimizers()
    states = optimizer.state_dict(), torch_optimizer.state_dict()
    both("StepLR", {"step_size": 3}, optimizer, torch_optimizer)
    optimizer.load_state_dict(states[0]), torch_optimizer.load_state_dict(states[1])
    assert "initial_lr" not in torch_optimizer.param_groups[0]
    assert "initial_lr" not in optimizer.param_groups[0]


STATES_THAT_DO_NOT_FIT = {
    "another scheduler's": (
        lambda s: s.update(T_max=s.pop("step_size")),
        "has no step_size: it is not StepLR's",
    ),
    "an optimizer's": (lambda s: s.clear(), "has no step_size, gamma, base_lrs"),
    "two groups": (lambda s: s.update(base_lrs=[0.1, 0.2]), "one parameter group, this has 2"),
    "no step": (lambda s: s.update(step_size=0), "does not fit: step_size must be at least 1"),
}


@pytest.mark.parametrize("what", STATES_THAT_DO_NOT_FIT)
def test_a_state_that_does_not_fit_leaves_all_as_it_was(what):
    spoil, words = STATES_THAT_DO_NOT_FIT[what]
    scheduler = StepLR(optimizers()[0], 3)
    scheduler.step()
    before = scheduler.state_dict()
    state = StepLR(optimizers(0.7)[0], 9).state_dict()
    spoil(state)
    with pytest.raises(UserError, match=words):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == before


def test_two_lambdas_in_a_state():
    scheduler = LambdaLR(optimizers()[0], lambda epoch: 1.0)
    state = {**scheduler.state_dict(), "lr_lambdas": [None, None]}
    with pytest.raises(UserError, match="takes one function, .* got 2"):
        scheduler.load_state_dict(state)
    assert scheduler.lr_lambdas[0](3) == 1.0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_has_an_optimizer_of_its_own(copied):
    optimizer, _ = optimizers()
    scheduler = StepLR(optimizer, 1)
    twin = copied(scheduler)
    twin.step()
    assert (scheduler.optimizer.lr, twin.optimizer.lr) == (0.3, 0.3 * 0.1)


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "torch_refuses", "words"),
    [
        (lambda s, o: s.StepLR(o, 0), ZeroDivisionError, "step_size must be at least 1, got 0"),
        (lambda s, o: s.StepLR(o, -3), None, "step_size must be at least 1, got -3"),
        (lambda s, o: s.StepLR(o, math.nan), None, "step_size must be at least 1, got nan"),
        (lambda s, o: s.StepLR(o, 3, math.nan), None, "gamma must be at least 0, got nan"),
        (lambda s, o: s.StepLR(o, 3, -0.1), None, "gamma must be at least 0, got -0.1"),
        (lambda s, o: s.CosineAnnealingLR(o, 0), ZeroDivisionError, "T_max must be at least 1"),
        (lambda s, o: s.CosineAnnealingLR(o, -4), None, "T_max must be at least 1, got -4"),
        (lambda s, o: s.CosineAnnealingLR(o, 4, -1), None, "eta_min must be at least 0, got -1"),
        (lambda s, o: s.LambdaLR(o, []), ValueError, "takes one function, .* got 0"),
        (lambda s, o: s.LambdaLR(o, [abs, abs]), ValueError, "takes one function, .* got 2"),
        (lambda s, o: s.LambdaLR(o, lambda t: -1.0), None, "rate must not be negative, got -0.3"),
        (lambda s, o: s.LambdaLR(o, lambda t: math.nan), None, "rate must be a number, got nan"),
    ],
)
def test_settings_that_make_no_sense(make, torch_refuses, words):
    """torch takes some of them, and goes uphill or to NaN, or stops in mid-run."""
    optimizer, torch_optimizer = optimizers()
    if torch_refuses is None:
        make(T.lr_scheduler, torch_optimizer).step()
    else:
        with pytest.raises(torch_refuses):
            make(T.lr_scheduler, torch_optimizer).step()
    with pytest.raises(ValueError, match=words):
        make(minigan.optim.lr_scheduler, optimizer)
    assert optimizer.lr == 0.3


@pytest.mark.parametrize("module", [minigan.optim.lr_scheduler, T.lr_scheduler])
@pytest.mark.parametrize("thing", [None, nn.Linear(2, 3), [0.1]])
def test_what_is_no_optimizer(module, thing):
    with pytest.raises(TypeError, match="ptimizer"):
        module.StepLR(thing, 3)


def test_a_scheduler_of_one_s_own():
    """As in torch: `get_lr` is all that it takes."""

    def warm_up(base):
        class WarmUp(base):
            def get_lr(self):
                return [lr * min(1.0, (self.last_epoch + 1) / 5) for lr in self.base_lrs]

        return WarmUp

    optimizer, torch_optimizer = optimizers()
    ours = warm_up(LRScheduler)(optimizer)
    theirs = warm_up(T.lr_scheduler.LRScheduler)(torch_optimizer)
    for _ in range(8):
        assert ours.get_last_lr() == theirs.get_last_lr() == [optimizer.lr]
        ours.step(), theirs.step()


# ---- recorded steps ------------------------------------------------------------------------------


class Slope:
    """A step with one weight, under a schedule."""

    def __init__(self, backend, kind):
        self.weight = nn.Parameter(backend.asarray(np.ones(3, np.float32)))
        self.optimizer = kind([self.weight], lr=0.5)
        self.scheduler = StepLR(self.optimizer, 4, gamma=0.5)

    def step(self, x):
        loss = ((self.weight * x) ** 2).sum()
        self.optimizer.minimize(loss)
        return loss.detach()


@pytest.mark.parametrize("kind", [SGD, Adam, RMSprop])
@pytest.mark.parametrize("epoch", [5, 1])
def test_a_recorded_step_looks_up_the_rate(backend, kind, epoch):
    """After an epoch of some batches, of which the last are replayed; or of one."""
    eager, recorded = Slope(backend, kind), Slope(backend, kind)
    play = backend.compiled(recorded.step)
    x = Tensor(np.full(3, 0.1, np.float32), backend=backend)
    for i in range(20):
        assert play(x).item() == eager.step(x).item()
        assert recorded.weight.tolist() == eager.weight.tolist()
        if i % epoch == epoch - 1:
            eager.scheduler.step(), recorded.scheduler.step()
    assert recorded.optimizer.lr == eager.optimizer.lr < 0.5 or epoch == 5
    assert not getattr(play, "failed", False)
    if epoch == 5 and hasattr(play, "recordings"):
        (recording,) = play.recordings.values()
        assert recording.ready


def test_no_warning_is_given():
    """torch warns of a step before the optimizer's first; ours counts its own and looks at none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        StepLR(optimizers()[0], 3).step()
