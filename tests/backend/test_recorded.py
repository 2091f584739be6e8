"""Tests of recorded steps: replayed, they do what the step does, and they stand in nobody's way.

The rules are the same on NumPy and on CuPy, and so are these tests. What only a GPU has is in
cupy/test_capture.py, what only a processor has in numpy/test_replay.py.
"""

import copy
import dataclasses
import re
from typing import Any

import numpy as np
import pytest

import minigan
from minigan import nn
from minigan.gans import gan as gan_module
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.gans.gan import MLPGAN
from minigan.optim import SGD

SMALL = gan_module.Recipe(
    latent_dim=8, image_shape=(1, 4, 4), generator_widths=(8, 12), discriminator_widths=(12, 8)
)


def images(seed: int, count: int, shape: tuple[int, ...] = (1, 4, 4)) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, *shape)).astype("float32")


def on(backend: Any, array: np.ndarray) -> minigan.Tensor:
    return minigan.Tensor(backend.asarray(array))


def played(play: Any, backend: Any, batches: list[int]) -> list[list[float]]:
    """The losses of a round on each of some batches, which have these numbers of images."""
    losses = [play(on(backend, images(i, count))) for i, count in enumerate(batches)]
    return [[float(value) for value in report.values()] for report in losses]


def state_of(gan: Any) -> dict[str, Any]:
    arrays, plain = gan.state()
    steps = [plain[f"{name}_optimizer"]["steps"] for name in ("generator", "discriminator")]
    return arrays | {"random": plain["random"], "steps": steps}


def assert_equal_states(one: Any, other: Any) -> None:
    found, wanted = state_of(one), state_of(other)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


# ---- the same numbers ----------------------------------------------------------------------------


def test_replay_equals_eager_bit_for_bit_with_partial_batches(backend: Any) -> None:
    """Weights, batch norm's buffers, moments, counts and the random position, all of it."""
    eager, recorded = (MLPGAN(SMALL, seed=3, backend=backend) for _ in range(2))
    play = backend.compiled(recorded.play_round)
    batches = [6, 6, 6, 4, 6, 6, 4, 4, 6]
    assert played(play, backend, batches) == played(eager.play_round, backend, batches)
    assert [recording.ready for recording in play.recordings.values()] == [True, True]
    assert_equal_states(recorded, eager)


def test_labels_are_part_of_a_batch(backend: Any) -> None:
    eager, recorded = (ConditionalGAN(seed=3, backend=backend) for _ in range(2))
    shape = eager.settings.image_shape
    play = backend.compiled(recorded.play_round)
    for i in range(3):
        x = on(backend, images(i, 4, shape))
        labels = minigan.Tensor(backend.asarray((np.arange(4) + i) % 10))
        found, wanted = play(x, labels), eager.play_round(x, labels)
        assert [float(v) for v in found.values()] == [float(v) for v in wanted.values()]
    assert play.failed is False


def test_a_weight_that_each_pass_makes_anew_is_recorded_too(backend: Any) -> None:
    """Spectral norm's: a new array in each pass, and on the host until the first one."""
    systems = []
    for _ in range(2):
        gan = MLPGAN(SMALL, seed=3, backend=backend)
        minigan.manual_seed(3)
        for layer in gan.discriminator.modules():
            if isinstance(layer, nn.Linear):
                nn.utils.spectral_norm(layer)
        gan.adopt(gan.generator, gan.discriminator)
        systems.append(gan)
    eager, recorded = systems
    play = backend.compiled(recorded.play_round)
    batches = [6] * 6
    assert played(play, backend, batches) == played(eager.play_round, backend, batches)
    assert [recording.ready for recording in play.recordings.values()] == [True]
    assert_equal_states(recorded, eager)


def test_losses_that_were_handed_out_stay_what_they_were(backend: Any) -> None:
    gan = MLPGAN(SMALL, seed=3, backend=backend)
    play = backend.compiled(gan.play_round)
    reports = [play(on(backend, images(i, 6))) for i in range(5)]
    later = [float(report["D loss"]) for report in reports]
    assert later == [
        row[0] for row in played(MLPGAN(SMALL, seed=3, backend=backend).step, backend, [6] * 5)
    ]
    assert len(set(later)) == 5


# ---- what is frozen ------------------------------------------------------------------------------


def load_another(gan: MLPGAN) -> None:
    """Weights, moments, counts, random position and average of a system that has come further."""
    other = MLPGAN(gan.settings, seed=4, backend=gan.backend)
    other.keep_average(0.5)
    played(other.play_round, gan.backend, [6] * 7)
    gan.load_state(*other.state())


def change(path: str, value: Any) -> Any:
    """A function that sets an attribute of an attribute of … of what it is given."""
    *way, last = path.split(".")

    def set_it(gan: Any) -> None:
        for name in way:
            gan = getattr(gan, name)
        setattr(gan, last, value)

    return set_it


CHANGES = {
    "a learning rate": change("generator_optimizer.lr", 0.1),
    "an Adam's betas": change("discriminator_optimizer.betas", (0.9, 0.9)),
    "the average's decay": change("average", 0.25),
    "an average begins anew": lambda gan: gan.keep_average(0.5),
    "a layer's number": lambda gan: setattr(gan.discriminator.model[2], "p", 0.9),
    "another slope": lambda gan: setattr(gan.discriminator.model[1], "negative_slope", 0.9),
    "eval mode": lambda gan: gan.generator.eval(),
    "a weight that no longer learns": lambda gan: gan.generator.model[0].weight.requires_grad_(
        False
    ),
    "other memory": lambda gan: setattr(
        gan.generator.model[3], "running_mean", nn.Buffer(gan.backend.asarray(images(0, 12, ())))
    ),
    "a weight's own memory": lambda gan: setattr(
        gan.generator.model[0].weight, "array", gan.backend.asarray(images(1, 8, (8,)))
    ),
    "a weight that lies otherwise": lambda gan: setattr(
        gan.generator.model[0].weight, "array", gan.backend.asarray(images(1, 16, (16,)))[::2, ::2]
    ),
    "another generator of noise": lambda gan: setattr(gan, "random", gan.random.fork("other")),
    "another state": load_another,
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_in_python_is_recorded_anew(backend: Any, what: str) -> None:
    recipe = dataclasses.replace(SMALL, dropout=0.3)
    eager, recorded = (MLPGAN(recipe, seed=3, backend=backend) for _ in range(2))
    play = backend.compiled(recorded.play_round)
    for gan in (eager, recorded):
        gan.train()
        gan.keep_average(0.5)
    assert played(play, backend, [6] * 4) == played(eager.play_round, backend, [6] * 4)
    (before,) = play.recordings.values()
    for gan in (eager, recorded):
        CHANGES[what](gan)
    assert played(play, backend, [6] * 5) == played(eager.play_round, backend, [6] * 5)
    (after,) = play.recordings.values()
    assert after is not before and after.ready
    assert_equal_states(recorded, eager)


def test_replays_count_on_from_a_count_that_is_loaded(backend: Any) -> None:
    eager, recorded = (MLPGAN(SMALL, seed=3, backend=backend) for _ in range(2))
    play = backend.compiled(recorded.play_round)
    kept = []
    for gan, play_round in ((eager, eager.play_round), (recorded, play)):
        played(play_round, backend, [6] * 4)
        state = gan.generator_optimizer.state_dict()
        state = copy.deepcopy({**state, "state": {0: {**state["state"][0], "step": 40}}})
        # Or the new counts might lie where these did
        kept.append(gan.generator_optimizer.memory.stretches)
        gan.generator_optimizer.load_state_dict(state)
    assert played(play, backend, [6] * 4) == played(eager.play_round, backend, [6] * 4)
    assert_equal_states(recorded, eager)


class Slope:
    """A step with one weight."""

    def __init__(self, backend: Any) -> None:
        self.weight = nn.Parameter(backend.asarray(np.ones(3, np.float32)))
        self.optimizer = SGD([self.weight], lr=0.5)

    def step(self, x: minigan.Tensor) -> minigan.Tensor:
        loss = (self.weight * x).sum()
        self.optimizer.minimize(loss)
        return loss.detach()


def test_what_changes_in_every_step_is_not_recorded_in_vain(backend: Any) -> None:
    slope = Slope(backend)
    play = backend.compiled(slope.step)
    for i in range(4):
        slope.optimizer.lr = 0.5 / 2**i
        play(on(backend, np.ones(3, np.float32)))
        assert list(play.recordings.values()) == [None]
    assert slope.weight.numpy().tolist() == [1 - 0.5 - 0.25 - 0.125 - 0.0625] * 3


def test_the_owner_of_a_function_can_be_named(backend: Any) -> None:
    slope = Slope(backend)
    play = backend.compiled(lambda x: slope.step(x * 1), owner=slope)
    for i in range(5):
        slope.optimizer.lr = 0.5 if i < 3 else 0.25
        play(on(backend, np.ones(3, np.float32)))
    assert slope.weight.numpy().tolist() == [1 - 3 * 0.5 - 2 * 0.25] * 3


def test_many_parameters_and_many_losses_can_be_recorded(backend: Any) -> None:
    """Nine arrays or more are another case to CuPy, whose own way of joining them cannot be."""

    class Many:
        def __init__(self) -> None:
            self.network = nn.Sequential(*[nn.Linear(3, 3) for _ in range(6)]).to(backend)
            self.optimizer = SGD(self.network.parameters(), lr=0.1, momentum=0.5)

        def step(self, x: minigan.Tensor) -> list[minigan.Tensor]:
            y = self.network(x)
            self.optimizer.minimize((y * y).sum())
            return [y[0].detach() * i for i in range(20)]

    minigan.manual_seed(0)
    recorded = Many()
    eager = copy.deepcopy(recorded)
    eager.optimizer = SGD(eager.network.parameters(), lr=0.1, momentum=0.5)
    play = backend.compiled(recorded.step)
    for i in range(5):
        x = on(backend, np.full((2, 3), i + 1, np.float32))
        for found, wanted in zip(play(x), eager.step(x), strict=True):
            np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    assert not play.failed


class Accumulating(Slope):
    """A step that adds to the gradients of the steps before it."""

    def step(self, x: minigan.Tensor) -> minigan.Tensor:
        loss = (self.weight * x).sum()
        loss.backward()
        return loss.detach()


def test_gradients_that_add_up_over_steps_are_not_recorded(backend: Any, capsys: Any) -> None:
    slope = Accumulating(backend)
    play = backend.compiled(slope.step)
    for i in range(1, 7):
        play(on(backend, np.ones(3, np.float32)))
        assert slope.weight.grad is not None
        assert slope.weight.grad.numpy().tolist() == [i] * 3
    assert "add up from one step to the next: zero_grad() first" in capsys.readouterr().err


def test_gradients_that_a_recorded_step_does_not_touch_stay(backend: Any) -> None:
    slope = Slope(backend)
    slope.other = nn.Parameter(backend.asarray(np.ones(2, np.float32)))
    slope.other.grad = on(backend, np.full(2, 7, np.float32))
    play = backend.compiled(slope.step)
    for _ in range(4):
        play(on(backend, np.ones(3, np.float32)))
    assert not play.failed
    assert slope.other.grad.numpy().tolist() == [7, 7]
    assert slope.weight.grad.numpy().tolist() == [1, 1, 1]


def test_a_graph_that_needs_what_a_replay_has_overwritten_says_so(backend: Any) -> None:
    slope = Slope(backend)
    play = backend.compiled(slope.step)
    for _ in range(5):
        loss = (slope.weight * slope.weight).sum()
        play(on(backend, np.ones(3, np.float32)))
        with pytest.raises(RuntimeError, match="overwritten in place"):
            loss.backward()


def test_only_so_many_shapes_are_kept(backend: Any) -> None:
    play = backend.compiled(lambda x: x * 2)
    for size in range(1, 20):
        for _ in range(3):
            y = play(on(backend, np.arange(size, dtype=np.float32)))
            np.testing.assert_array_equal(y.numpy(), 2 * np.arange(size))
    assert len(play.recordings) == 8


def test_the_result_may_be_a_tensor_or_several_in_lists(backend: Any) -> None:
    play = backend.compiled(lambda x, factor: (x * factor, [x + 1], {"plain": 3}))
    for i in range(4):
        product, (one_more,), plain = play(on(backend, np.full(2, i, np.float32)), 3)
        assert product.numpy().tolist() == [3 * i, 3 * i]
        assert one_more.numpy().tolist() == [i + 1, i + 1]
        assert plain == {"plain": 3}
    assert play(on(backend, np.full(2, 1, np.float32)), 5)[0].numpy().tolist() == [5, 5]


# ---- when it cannot be recorded ------------------------------------------------------------------


def reads_a_number(x: minigan.Tensor) -> minigan.Tensor:
    return x * 2 if float(x.sum()) > 0 else x * 3


def decides_by_one(x: minigan.Tensor) -> minigan.Tensor:
    return x * 2 if x.sum() > 0 else x * 3


@pytest.mark.parametrize("step", [reads_a_number, decides_by_one])
def test_a_step_that_cannot_be_recorded_runs_as_it_is_and_says_why(
    backend: Any, capsys: Any, step: Any
) -> None:
    play = backend.compiled(step)
    for i in range(1, 5):
        assert play(on(backend, np.full(2, i, np.float32))).numpy().tolist() == [2 * i, 2 * i]
    said = capsys.readouterr().err
    assert said.count("cannot be recorded (") == 1
    assert re.search(r"cannot be recorded \(.+\): it runs operation by operation", said)


def test_an_error_of_the_step_itself_comes_through(backend: Any) -> None:
    calls = []

    def step(x: minigan.Tensor) -> minigan.Tensor:
        calls.append(1)
        if len(calls) > 2:
            raise ValueError("the step is wrong")
        return x * 2

    play = backend.compiled(step)
    x = on(backend, np.ones(2, np.float32))
    play(x)
    play(x)
    with pytest.raises(ValueError, match="the step is wrong"):
        play(x)
    assert float((x * 2).array.sum()) == 4  # no recording is left open
