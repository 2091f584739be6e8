"""Tests of the op of many ranks: its derivatives of every order, and batch norm's through it."""

import numpy as np
import pytest

from minigan import nn
from minigan.creation import zeros
from minigan.distributed import ranks, run_in_threads
from minigan.engine.all_sum import AllSum
from minigan.functional.normalization import BatchNorm
from minigan.gans.penalty import gradient_norms, slope_penalty
from minigan.random import manual_seed
from minigan.tensor import Tensor, grad
from minigan.testing import check_gradients


def mine(array, cuts):
    """This rank's rows, which need not be as many as another's."""
    rank = ranks().rank
    part = array if ranks().size == 1 else np.split(array, cuts)[rank]
    return Tensor(np.ascontiguousarray(part))


def test_every_rank_gets_the_sum_and_the_sum_of_the_gradients():
    def work():
        x = Tensor(np.array([1.0, 2.0]) * (ranks().rank + 1), requires_grad=True)
        y = AllSum()(x)
        (g,) = grad(y, x, Tensor(np.array([1.0, 10.0]) * (ranks().rank + 1)))
        return y.numpy(), g.numpy()

    for y, g in run_in_threads(3, work):
        np.testing.assert_array_equal(y, [6, 12])
        np.testing.assert_array_equal(g, [6, 60])


@pytest.mark.parametrize("shape", [(24, 5), (12, 3, 4, 2)])
def test_batch_norm_over_ranks_is_that_of_the_whole_batch(shape):
    """Values, first derivatives by the arrays, and first and second ones by the formula."""
    source = np.random.default_rng(1)
    whole, cotangent = source.normal(size=shape) + 3, source.normal(size=shape)
    w, b = source.normal(size=shape[1]), source.normal(size=shape[1])

    def work():
        x, g = mine(whole, [2, 9]), mine(cotangent, [2, 9])
        x.requires_grad = True
        weight, bias = Tensor(w, requires_grad=True), Tensor(b, requires_grad=True)
        op = BatchNorm(1e-5)
        y = op(x, weight, bias)
        fast = grad(y, [x, weight, bias], g, retain_graph=True)
        slow = grad(y, [x, weight, bias], g, create_graph=True)
        second = grad((slow[0] ** 3).sum(), [x, weight])
        rows = [y, fast[0], slow[0], second[0]]
        sums = [*fast[1:], *slow[1:], second[1]]  # over rows: each rank has its part of the sum
        return (
            [np.concatenate(ranks().all_gather(t.numpy())) for t in rows],
            [ranks().all_sum(t.numpy()) for t in sums],
            (op.mean, op.var),
        )

    wanted = work()
    for found in run_in_threads(3, work):
        for ours, theirs in zip(found, wanted, strict=True):
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(7, 2), (5, 2, 3)])
def test_check_gradients_of_order_two_across_ranks(shape):
    """All ranks move one number of a common array together, and each works on its rows of it.

    AllSum over N equal arrays, by N, is the identity, whose derivative gathers what each rank found
    for its rows.
    """
    source = np.random.default_rng(0)
    x, weight, bias = source.normal(size=shape), source.normal(size=2), source.normal(size=2)
    cotangent = source.normal(size=shape)

    def work():
        us = ranks()

        def everybody(x, weight, bias):
            x, weight, bias = (AllSum()(each) / us.size for each in (x, weight, bias))
            part = us.part(shape[0])
            y = BatchNorm(1e-3)(x[part], weight, bias)
            return AllSum()((y * y * y * Tensor(cotangent[part])).sum(0))

        check_gradients(everybody, [x, weight, bias], order=2)
        return True

    assert run_in_threads(3, work) == [True] * 3


def test_check_gradients_sees_a_derivative_that_is_not_summed(monkeypatch):
    monkeypatch.setattr(AllSum, "dx", lambda self, g, y, x: g)
    with pytest.raises(AssertionError, match="gradient of order 1"):
        test_check_gradients_of_order_two_across_ranks((7, 2))


def test_a_gradient_penalty_through_batch_norm_over_ranks():
    source = np.random.default_rng(2)
    points = source.normal(size=(24, 8))

    def work():
        manual_seed(0)
        critic = nn.Sequential(
            nn.Linear(8, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.2), nn.Linear(16, 1)
        ).to("float64")
        x = mine(points, [3, 11])
        share = len(x) / 24
        loss = slope_penalty(gradient_norms(critic, x)) * share
        loss.backward(zeros((), dtype="float64") + 1)
        return [ranks().all_sum(p.grad.numpy()) for p in critic.parameters() if p.grad is not None]

    wanted = work()
    assert len(wanted) == 4
    for found in run_in_threads(3, work):
        for ours, theirs in zip(found, wanted, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)
