"""Tests of the walk that stops after each rule: it is the one that `backward` takes."""

import itertools
import sys

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.engine import walk
from minigan.functional import binary_cross_entropy
from minigan.gans.gan import MLPGAN, Recipe
from minigan.gans.penalty import gradient_norms, slope_penalty
from minigan.graph import steps

SMALL = Recipe(generator_widths=(5, 6), discriminator_widths=(4,), latent_dim=3, norm_eps=1e-5)


def losses(backend):
    """Two losses, one of them with second derivatives, and the system that they are of."""
    gan = MLPGAN(SMALL, seed=0, backend=backend)
    fake = gan.generator(gan.noise(4))
    entropy = binary_cross_entropy(gan.discriminator(fake), gan.ones(4, 1))
    return gan, entropy, slope_penalty(gradient_norms(gan.discriminator, fake))


@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("create_graph", [False, True])
def test_it_gives_what_backward_gives_to_the_last_bit(backend, which, create_graph):
    gradients = []
    for by_steps in (True, False):
        gan, *rest = losses(backend)
        loss = (gan, *rest)[which]
        for _ in range(2):  # the second adds to what is there
            if by_steps:
                assert list(steps(loss, None, True, create_graph))
            else:
                loss.backward(None, True, create_graph)
        parameters = [*gan.generator.parameters(), *gan.discriminator.parameters()]
        gradients.append([p.grad for p in parameters])
    assert sum(g is not None for g in gradients[0]) > 2
    for mine, its in zip(*gradients, strict=True):
        assert (mine is None) == (its is None)
        if mine is not None:
            assert mine.requires_grad == its.requires_grad
            assert mine.detach().numpy().tobytes() == its.detach().numpy().tobytes()


def test_the_rules_run_in_the_order_of_backward(backend, monkeypatch):
    _, loss, _ = losses(backend)
    run = []
    real = walk._apply_rule
    monkeypatch.setattr(walk, "_apply_rule", lambda y, *rest: run.append(y) or real(y, *rest))
    seen = [step.y for step in steps(loss, retain_graph=True)]
    mine, run[:] = list(run), []
    loss.backward()
    assert [y.order for y in mine] == [y.order for y in run] == [y.order for y in seen]


def test_a_step_says_which_rule_ran_with_which_g_and_what_it_added_where(backend):
    a = mg.tensor(3.0, requires_grad=True, backend=backend)
    b = a + a
    c = b * b
    first, second = steps(c, names={"a": a, "b": b, "c": c})
    assert (first.number, first.op.name, first.y, first.g.item()) == (1, "Multiply", c, 1)
    assert [(x is b, g.item(), total.item()) for x, g, total in first.added] == [
        (True, 6, 6),
        (True, 6, 12),
    ]
    assert first.inputs == (b, b) and second.g.item() == 12 and a.grad.item() == 24
    assert str(second).splitlines() == [
        "2. b = Add(a, a)",
        "   rule: y = a + b        dL/da = g        dL/db = g",
        "   g = dL/db = 12",
        "   adds 12 + 12 to dL/da, now 24",
    ]


def test_without_names_shapes_say_what_is_meant(backend):
    x = mg.ones(2, 3, requires_grad=True, backend=backend)
    text = "\n".join(map(str, steps(((x * 2) ** 2).sum())))
    assert "1. () = Sum((2, 3))" in text and "3. (2, 3) = Multiply((2, 3), 2)" in text
    assert "adds (2, 3) of norm 19.6 to dL/d(2, 3), now (2, 3) of norm 19.6" in text


def test_leaves_have_their_gradient_at_the_end_and_not_before(backend):
    x = mg.ones(2, requires_grad=True, backend=backend)
    y = (x * 3).sum()
    walked = steps(y)
    next(walked)
    assert x.grad is None and y.op.freed is False
    next(walked)
    assert x.grad is None and y.op.freed
    assert next(walked, None) is None and x.grad.tolist() == [3, 3]


def test_who_leaves_the_loop_has_changed_no_gradient(backend):
    x = mg.ones(2, requires_grad=True, backend=backend)
    y = (x * 3).sum()
    for _ in itertools.islice(steps(y, retain_graph=True), 1):
        pass
    assert x.grad is None
    y.backward()
    assert x.grad.tolist() == [3, 3]


@pytest.mark.parametrize("recording", [True, False])
def test_between_two_steps_the_loop_records_as_it_likes(backend, recording):
    x = mg.ones(2, requires_grad=True, backend=backend)
    y = (x * 3).sum()
    with mg.set_grad_enabled(recording):
        for step in steps(y, create_graph=not recording):
            assert mg.is_grad_enabled() is recording
            assert all(g.requires_grad is False or not recording for _, g, _ in step.added)
            assert (x * 2).requires_grad is recording


def test_hooks_and_kept_gradients_are_those_of_backward(backend):
    x = mg.ones(2, requires_grad=True, backend=backend)
    y = x * 3
    y.retain_grad()
    x.register_hook(lambda g: g * 10)
    last = list(steps(y.sum()))[-1]
    assert y.grad.tolist() == [1, 1] and x.grad.tolist() == [30, 30]
    assert last.g.tolist() == [1, 1]


def test_faults_are_those_of_backward(backend):
    x = mg.ones(2, requires_grad=True, backend=backend)
    with pytest.raises(RuntimeError, match=r"shape \(2,\) needs a gradient of that shape"):
        next(steps(x * 2))
    y = (x * 2).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="the graph behind this Sum was freed"):
        list(steps(y))
    with pytest.raises(TypeError, match="names are a module"):
        next(steps((x * 2).sum(), names=[x]))
    assert mg.is_grad_enabled()


def test_a_long_chain(backend):
    x = mg.ones((), requires_grad=True, backend=backend)
    y = x
    for _ in range(2 * sys.getrecursionlimit()):
        y = y + 1
    assert sum(1 for _ in steps(y)) == 2 * sys.getrecursionlimit() and x.grad.item() == 1


def test_a_layer_s_parameters_are_called_by_their_names():
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    text = "\n".join(map(str, steps(net(mg.tensor(np.ones((4, 2), "f"))).sum(), names=net)))
    assert "Affine((4, 2), 0.weight, 0.bias)" in text and "to dL/d0.bias, now (3,)" not in text
    assert "to dL/d0.weight, now (3, 2) of norm" in text
