"""Tests of steps that are recorded on a processor: what is noted, and what is noticed.

The rules that any recorded step obeys are tested in ../test_recorded.py.
"""

import copy
import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import minigan
from minigan import functional, nn
from minigan.backend import get_backend, get_num_threads, set_num_threads
from minigan.backend.numpy.replay import before
from minigan.data.loader import DataLoader, ImageDataset
from minigan.gans import SYSTEMS, conditional_gan, dcgan, gan, lsgan, original_gan, wgan_gp
from minigan.gans.gan import MLPGAN
from minigan.optim import SGD, Adam, RMSprop
from minigan.tensor import Tensor
from minigan.training.loop import train

SHAPE = (1, 8, 8)
WIDTHS = {"generator_widths": (6, 8), "discriminator_widths": (8, 6)}
WIDE = {"generator_widths": (96, 160), "discriminator_widths": (160, 96)}
SMALL = {
    "gan": gan.Recipe(latent_dim=5, image_shape=SHAPE, **WIDTHS),
    "gan, wide": gan.Recipe(latent_dim=5, image_shape=SHAPE, dropout=0.3, **WIDE),
    "dcgan": dcgan.Recipe(latent_dim=5, image_size=8, channels=1, ngf=4, ndf=4),
    "lsgan": lsgan.Recipe(latent_dim=5, image_shape=SHAPE, width=8),
    "conditional_gan": conditional_gan.Recipe(latent_dim=5, image_shape=SHAPE, **WIDTHS),
    "original_gan": original_gan.Recipe(
        latent_dim=5, image_shape=SHAPE, generator_widths=(6, 8), maxout_units=(4, 4), pieces=2
    ),
    "wgan_gp": wgan_gp.Recipe(latent_dim=5, image_shape=SHAPE, n_critic=2, **WIDTHS),
    "wgan_gp, convolutions": wgan_gp.Recipe(
        latent_dim=5, image_shape=SHAPE, n_critic=2, convolutional=True, features=4
    ),
}
numpy_backend = get_backend("numpy")


@pytest.fixture(params=[1, 2])
def threads(request):
    usual = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(usual)


def rounds(system, steps=12, batch=24):
    """The losses of some rounds as training plays them, with a smaller batch now and then."""
    source = np.random.default_rng(0)
    pixels = source.integers(0, 256, (60, *SHAPE), np.uint8)
    labels = source.integers(0, 10, 60)
    loader = DataLoader(ImageDataset(pixels, labels, "noise"), batch, shuffle=True,
                        dtype=system.dtype, flip=True)  # fmt: skip
    reports = train(system, loader, epochs=1000, max_steps=steps)
    return [[float(value) for value in report.losses.values()] for report in reports]


def played(system, monkeypatch, *, recorded, **options):
    """The losses, and the recorded steps that were made."""
    made, compiled = [], type(numpy_backend).compiled

    def noted(backend, step, owner=None):
        made.append(compiled(backend, step, owner) if recorded else step)
        return made[-1]

    with monkeypatch.context() as patch:
        # Of the class: an attribute of the object itself would stay there afterwards.
        patch.setattr(type(numpy_backend), "compiled", noted)
        return rounds(system, **options), made[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SMALL)
def test_every_system_is_recorded_and_a_replay_is_the_round_bit_for_bit(
    name, dtype, threads, monkeypatch
):
    """Losses, weights, moments, counts, running means, the average and the random position."""
    pair = [SYSTEMS[name.split(",")[0]](SMALL[name], seed=7, dtype=dtype) for _ in range(2)]
    for system in pair:
        system.keep_average(0.9)
    found, play = played(pair[0], monkeypatch, recorded=True)
    wanted, _ = played(pair[1], monkeypatch, recorded=False)
    assert [each.ready for each in play.recordings.values()] == [True, True]
    assert found == wanted
    (arrays, plain), (eager_arrays, eager_plain) = (system.state() for system in pair)
    assert json.dumps(plain) == json.dumps(eager_plain)
    for key, array in eager_arrays.items():
        np.testing.assert_array_equal(arrays[key], array, err_msg=key)


def test_augmented_images_and_their_gradients(monkeypatch):
    pair = [MLPGAN(SMALL["gan"], seed=7) for _ in range(2)]
    for system in pair:
        system.augment("color", "translation", "cutout")
    found, play = played(pair[0], monkeypatch, recorded=True)
    assert found == played(pair[1], monkeypatch, recorded=False)[0] and not play.failed


class Step:
    """A step with a layer and an optimizer."""

    def __init__(self, kind=SGD, **options):
        minigan.manual_seed(0)
        self.layer = nn.Linear(3, 2)
        self.optimizer = kind(self.layer.parameters(), lr=0.1, **options)

    def step(self, x):
        y = self.layer(x)
        loss = (y * y).mean()
        self.optimizer.minimize(loss)
        return loss.detach()


def batch(seed, count=4):
    return Tensor(np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32))


@pytest.mark.parametrize(
    "options",
    [
        {"kind": SGD},
        {"kind": SGD, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"kind": RMSprop},
        {"kind": RMSprop, "momentum": 0.9, "centered": True},
        {"kind": Adam, "weight_decay": 0.1},
    ],
)
def test_every_optimizer_moves_on_at_a_replay(options):
    eager, recorded = Step(**options), Step(**options)
    play = numpy_backend.compiled(recorded.step)
    for i in range(7):
        assert play(batch(i)).item() == eager.step(batch(i)).item()
        for p, q in zip(recorded.layer.parameters(), eager.layer.parameters(), strict=True):
            assert p.tolist() == q.tolist() and p.grad.tolist() == q.grad.tolist()
    assert [each.ready for each in play.recordings.values()] == [True]


def test_a_program_is_what_a_step_asks_of_numpy():
    step = Step()
    play = numpy_backend.compiled(step.step)
    for i in range(3):
        play(batch(i))
    (made,) = play.recordings.values()
    text = made.program.text
    assert text.startswith("def step(x") and "matmul" in text and "return [" in text
    assert text.count("matmul") == 2  # forward, and the weight's gradient: x needs none


class Hidden(Step):
    """A step that keeps numbers where nobody looks."""

    total = np.zeros(2, np.float32)
    drawn = minigan.random.Random(0)

    def __init__(self, where):
        super().__init__()
        self.where = where

    def step(self, x):
        if self.where == "an array of the class":
            Hidden.total[...] += 1
            return super().step(x) + Tensor(self.total.copy())
        if self.where == "random numbers of the class":
            return super().step(x + Tensor(self.drawn.normal((1, 3))))
        self.layer.bias.array += np.asarray(x.array[0, :2])  # behind the back of all
        return super().step(x)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("an array of the class", "does not leave what the step leaves"),
        ("random numbers of the class", "does not leave what the step leaves"),
        ("what C reads", "works on an array in a way that cannot be watched"),
    ],
)
def test_what_cannot_be_seen_is_noticed(where, reason, capsys, monkeypatch):
    """And the step, from the first batch to the last, is the one that was written."""
    results = []
    for recorded in (False, True):
        monkeypatch.setattr(Hidden, "total", np.zeros(2, np.float32))
        monkeypatch.setattr(Hidden, "drawn", minigan.random.Random(0))
        step = Hidden(where)
        play = numpy_backend.compiled(step.step) if recorded else step.step
        results.append([play(batch(i)).tolist() for i in range(6)])
    said = capsys.readouterr().err
    assert said.count(reason) == 1
    if where == "what C reads":  # the others' numbers nobody can put back
        assert results[0] == results[1]


def test_a_step_that_cannot_be_watched_runs_as_it_is(capsys):
    class Picky(Step):
        def step(self, x):
            if type(x.array) is not np.ndarray:
                raise TypeError("no array of NumPy")
            return super().step(x)

    eager, picky = Picky(), Picky()
    play = numpy_backend.compiled(picky.step)
    for i in range(5):
        assert play(batch(i)).item() == eager.step(batch(i)).item()
    said = capsys.readouterr().err
    assert said.count("cannot be recorded (TypeError when it is watched: no array of NumPy)") == 1


@pytest.mark.parametrize("stage", [2, 3])
def test_ctrl_c_leaves_the_numbers_of_the_last_round(stage, monkeypatch):
    """And no watched array, wherever it comes."""
    system, calls = Step(Adam), []
    play = numpy_backend.compiled(system.step)
    original = Adam.step

    def interrupted(optimizer):
        calls.append(1)
        original(optimizer)
        if len(calls) == stage:
            raise KeyboardInterrupt

    monkeypatch.setattr(Adam, "step", interrupted)
    for i in range(stage - 1):
        play(batch(i))
    numbers_before = [p.tolist() for p in system.layer.parameters()]
    with pytest.raises(KeyboardInterrupt):
        play(batch(9))
    assert all(type(p.array) is np.ndarray for p in system.layer.parameters())
    if stage == 2:
        assert [p.tolist() for p in system.layer.parameters()] == numbers_before
    eager = copy.deepcopy(system)
    assert play(batch(5)).item() == eager.step(batch(5)).item()


def test_weights_that_are_large_are_not_copied(monkeypatch, capsys):
    monkeypatch.setattr(before, "LARGEST", 10)
    eager, recorded = Step(), Step()
    play = numpy_backend.compiled(recorded.step)
    for i in range(4):
        assert play(batch(i)).item() == eager.step(batch(i)).item()
    assert capsys.readouterr().err.count("to try it would take a copy of 0 MB") == 1


def test_nothing_watched_is_left_behind():
    system = MLPGAN(SMALL["gan"], seed=7)
    play = numpy_backend.compiled(system.play_round)
    for i in range(2):
        images = np.random.default_rng(i).uniform(-1, 1, (4, *SHAPE)).astype(np.float32)
        losses = play(Tensor(images))
    assert all(type(loss.array) is np.ndarray for loss in losses.values())
    for network in (system.generator, system.discriminator):
        for tensor in (*network.parameters(), *network.buffers()):
            assert type(tensor.array) is np.ndarray
            assert tensor.grad is None or type(tensor.grad.array) is np.ndarray
    assert type(system.random.normal(3)) is np.ndarray
    system.sample(system.sample_noise(2))


def test_memory_of_a_replay_is_let_go():
    """What a program makes lives no longer than the step needs it."""
    import gc
    import weakref

    class Big:
        def step(self, x):
            y = x * 2
            seen.append(y.array)
            return (y + 1).sum()

    seen = []
    play = numpy_backend.compiled(Big().step)
    for i in range(4):
        play(Tensor(np.full(1000, i, np.float32)))
    assert len(seen) == 3  # the last one was a replay
    refs = [weakref.ref(array) for array in seen if type(array) is np.ndarray]
    seen.clear()
    gc.collect()
    assert refs and not any(ref() is not None for ref in refs)


def test_a_step_that_prints_is_heard_at_each_batch(capsys):
    class Printing:
        def step(self, x):
            print("here")
            return x * 2

    play = numpy_backend.compiled(Printing().step)
    for i in range(6):
        assert play(Tensor(np.full(1000, i, np.float32)))[0].item() == 2 * i
    said = capsys.readouterr()
    assert said.out == 6 * "here\n" and "cannot be recorded (it prints)" in said.err


def test_it_can_be_switched_off():
    code = (
        "from minigan.backend import get_backend\n"
        "step = get_backend('numpy').compiled(lambda x: x)\n"
        "print(step(1), len(step.recordings))"
    )
    for value, said in (("0", "1 0"), ("1", "1 1")):
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                             env={**os.environ, "MINIGAN_COMPILE": value})  # fmt: skip
        assert run.stdout.strip() == said, run.stderr


# ---- fewer calls ---------------------------------------------------------------------------------


def recorded(step, *arrays):
    """What a step gives in six rounds, and its program; it is no step of an optimizer."""
    play = numpy_backend.compiled(step)
    found = [play(*map(Tensor, arrays)) for _ in range(6)]
    (made,) = play.recordings.values()
    assert made.ready and not play.failed
    return found, made.program.text


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


fast = pytest.mark.skipif(
    importlib.util.find_spec("llvmlite") is None, reason='the compiler needs the extra "fast"'
)


@fast
def test_neighbors_become_one_call():
    def step(x, b):
        return functional.leaky_relu(x + b, 0.2) * 3 - 1

    x, b = numbers(5, 7), numbers(7)
    found, text = recorded(step, x, b)
    assert len(text.splitlines()) == 4  # the head, one call, what it no longer needs, the answer
    for y in found:
        np.testing.assert_array_equal(y.numpy(), step(Tensor(x), Tensor(b)).numpy())


@fast
def test_what_is_written_in_place_is_there_for_all_who_look_at_it():
    """Within a joined call, after it, and by another view of the same memory."""

    def step(x):
        y = x * 2
        whole, turned = y.array, y.array.T
        whole += 1
        z = whole * 3
        turned[...] = turned + 1
        z = z - whole
        return Tensor.of(z), y, Tensor.of(turned * 1)

    x = numbers(5, 7)
    found, text = recorded(step, x)
    assert "out=" in text
    for results in found:
        for y, expected in zip(results, step(Tensor(x)), strict=True):
            np.testing.assert_array_equal(y.numpy(), expected.numpy())


def test_a_result_lies_where_an_array_was_read_for_the_last_time():
    """The sum of two gradients, say, also if they lie transposed."""

    def step(x, y):
        return Tensor.of((x.array @ y.array).T + (y.array @ x.array).T)

    x, y = numbers(2, 90, 90)
    found, text = recorded(step, x, y)
    assert "out=(r" in text
    for z in found:
        np.testing.assert_array_equal(z.numpy(), step(Tensor(x), Tensor(y)).numpy())


@pytest.mark.parametrize(
    "kept", ["the batch", "a weight", "a result", "a view", "another shape", "another type"]
)
def test_memory_that_is_still_wanted_is_not_written_into(kept):
    weight = Tensor(numbers(90, 90))

    class Holder:
        def __init__(self):
            self.weight = weight

        def step(self, x):
            made = x.array @ x.array
            part = made[0] if kept == "a view" else 2
            first = {"the batch": x.array, "a weight": self.weight.array}.get(kept, made)
            if kept == "another shape":
                first = made[:, :1]
            total = first + np.ones((90, 90), np.float32)
            if kept == "another type":
                total = made > 0
            return [Tensor.of(a) for a in (total, made if kept == "a result" else part + total[:1])]

    x, before = numbers(90, 90), weight.numpy().copy()
    found, _ = recorded(Holder().step, x)
    np.testing.assert_array_equal(x, numbers(90, 90))
    np.testing.assert_array_equal(weight.numpy(), before)
    for results in found:
        for y, expected in zip(results, Holder().step(Tensor(x)), strict=True):
            np.testing.assert_array_equal(y.numpy(), expected.numpy())


@fast
def test_numbers_in_a_formula_tell_joined_calls_apart():
    def step(x):
        factors = np.float32(0.25), np.float32(0.75), 2, 2.5, True
        return [Tensor.of((x.array * factor + 1) * x.array) for factor in factors]

    found, _ = recorded(step, numbers(4, 3))
    for y, expected in zip(found[-1], step(Tensor(numbers(4, 3))), strict=True):
        np.testing.assert_array_equal(y.numpy(), expected.numpy())


def test_what_is_always_the_same_is_done_once():
    weight = Tensor(numbers(3, 4))

    class Holder:
        def __init__(self):
            self.weight = weight

        def step(self, x):
            ones = Tensor.of(np.ones_like(x.array))
            return x @ self.weight, (ones * 3).reshape(-1), self.weight.T

    holder = Holder()
    found, text = recorded(holder.step, numbers(2, 3))
    assert "ones" not in text and "multiply" not in text and "transpose" not in text
    found[-1][2].array[...] = 0  # a copy: what is handed out belongs to whoever has it
    assert weight.array.any()


def test_what_nobody_needs_is_not_done():
    def step(x):
        for _ in range(3):
            np.exp(x.array)
        return x * 2

    _, text = recorded(step, numbers(2, 3))
    assert "exp" not in text


def test_warnings_are_those_of_the_step(recwarn):
    def step(x):
        with np.errstate(divide="ignore"):
            quiet = x.log()
        return quiet * 0.5

    recorded(step, np.zeros((2, 3), np.float32))
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        recorded(lambda x: x.log(), np.zeros((2, 3), np.float32))
