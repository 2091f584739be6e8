"""Tests of what ranks are and do together, as threads, and of random numbers by position."""

import time

import numpy as np
import pytest

from minigan.data.loader import DataLoader, ImageDataset
from minigan.data.parts import my_part
from minigan.distributed import Communicator, Rows, alone, ranks, run_in_threads, working_as
from minigan.distributed.communicator import blocks_over_ranks
from minigan.nn.utils import clip_grad_norm_, clip_grad_value_
from minigan.optim import SGD
from minigan.random import Random
from minigan.tensor import Tensor


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 7, 64])
def test_parts_are_dealt_once_and_evenly(size, count):
    def work():
        part = ranks().part(count)
        return list(range(count))[part]

    parts = run_in_threads(size, work)
    assert sum(parts, []) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_one_process_is_a_communicator_whose_sums_are_what_they_were():
    x = np.arange(3.0)
    assert ranks().all_sum(x) is x and ranks().all_gather("me") == ["me"]
    assert ranks().weight == 1 and ranks().share(5) == 5 and not ranks().agree(False)


def test_several_arrays_go_in_one_message():
    messages = []

    def work():
        us = ranks()
        return us.all_sums([np.full((2, 2), us.rank + 1.0), np.full(3, 10.0 * us.rank)])

    found = run_in_threads(2, work, before=messages.append)
    assert sorted(messages) == [0, 1]
    for a, b in found:
        np.testing.assert_array_equal(a, np.full((2, 2), 3.0))
        np.testing.assert_array_equal(b, [10, 10, 10])


def test_ranks_agree_and_share():
    def work():
        us = ranks()
        return us.agree(us.rank == 2), us.agree(False), us.share(us.rank * 10), us.rank

    assert run_in_threads(3, work) == [(True, False, 0, rank) for rank in range(3)]


def test_alone_a_rank_needs_nobody():
    def work():
        if ranks().rank == 1:
            with alone():
                return ranks().all_sum(np.ones(1))[0]
        return ranks().size

    assert run_in_threads(2, work) == [2, 1.0]


def test_a_slow_rank_changes_nothing():
    def work():
        return [float(ranks().all_sum(np.array([ranks().rank + k]))[0]) for k in range(5)]

    slow = run_in_threads(3, work, before=lambda rank: time.sleep(0.01 * rank))
    assert slow == run_in_threads(3, work) == [[3.0, 6.0, 9.0, 12.0, 15.0]] * 3


def test_a_rank_that_fails_frees_the_others_and_is_named():
    def fail(rank):
        if rank == 1:
            raise ZeroDivisionError("a fault to order")

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError) as caught:
        run_in_threads(3, lambda: ranks().all_sum(np.ones(1)), before=fail)
    assert caught.value.__notes__ == ["on rank 1 of 3"]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("size", [1, 2, 3])
def test_blocks_come_out_in_order_whoever_did_them(size):
    def work():
        return blocks_over_ranks(10, 4, lambda rows: (rows.start, rows.stop))

    assert run_in_threads(size, work) == [[(0, 4), (4, 8), (8, 10)]] * size


# ---- random numbers by position ------------------------------------------------------------------

DRAWS = {
    "normal": lambda r, n: r.normal((n, 3)),
    "uniform": lambda r, n: r.uniform((n, 1, 1, 1), "float64"),
    "bernoulli": lambda r, n: r.bernoulli(0.3, (n, 2, 5), value=2.0),
    "integers": lambda r, n: r.integers(10, n),
}


@pytest.mark.parametrize("kind", DRAWS)
@pytest.mark.parametrize("rows", [(0, 4), (3, 4), (4, 11), (10, 11), (0, 11)])
def test_a_rank_draws_its_rows_of_the_whole_array(backend, kind, rows):
    """And stands afterwards where one process stands, whatever was drawn before."""
    start, stop = rows
    whole, part = (Random(5, backend=backend) for _ in range(2))
    for source in (whole, part):
        source.normal(7)
    draw = DRAWS[kind]
    wanted = backend.to_numpy(draw(whole, 11))[start:stop]
    us = Communicator()
    us.size, us.rows = 2, Rows(11, start, stop)
    with working_as(us):
        found = draw(part, stop - start)
    np.testing.assert_array_equal(backend.to_numpy(found), wanted)
    assert part.state_dict() == whole.state_dict()


def test_what_has_not_a_row_for_each_is_drawn_whole():
    us = Communicator()
    us.size, us.rows = 2, Rows(11, 3, 6)
    with working_as(us):
        found = Random(5).normal((4, 2)), Random(5).permutation(3)
    np.testing.assert_array_equal(found[0], Random(5).normal((4, 2)))
    np.testing.assert_array_equal(found[1], Random(5).permutation(3))


# ---- the parts of a batch ------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_each_part_of_a_round_is_shared(size, parts):
    dataset = ImageDataset(np.zeros((13, 1, 2, 2), np.uint8))

    def work():
        loader = DataLoader(dataset, 12, shuffle=True, seed=1)
        dealt = []
        for chosen in loader.deal():
            with my_part(chosen[: len(chosen)], parts if len(chosen) > 1 else 1) as mine:
                dealt.append((mine.numpy().copy(), ranks().rows))
        assert ranks().rows is None
        return dealt

    whole = DataLoader(dataset, 12, shuffle=True, seed=1).order(0)
    found = run_in_threads(size, work)
    for batch, wanted in enumerate((whole[:12], whole[12:])):
        cut = wanted.reshape(parts if batch == 0 else 1, -1)
        for k in range(len(cut)):
            pieces = []
            for dealt in found:
                mine, rows = dealt[batch]
                if rows is None or not rows.idle:
                    pieces.append(mine.reshape(len(cut), -1)[k])
            np.testing.assert_array_equal(np.concatenate(pieces), cut[k])
    if size > 1:
        assert [dealt[1][1].idle for dealt in found].count(False) == 1  # one row for all of them


# ---- gradients -----------------------------------------------------------------------------------


def stepped(size, clip):
    """One step of SGD on the mean of x·w over ten rows, of which each rank has its part."""
    x = np.random.default_rng(0).normal(size=(10, 3))

    def work():
        w = Tensor(np.zeros(3), requires_grad=True)
        optimizer = SGD([w], 1.0)
        with my_part(Tensor(np.arange(10))) as mine:
            optimizer.zero_grad()
            (Tensor(x[mine.numpy()]) @ w).mean().backward()
            norm = clip([w])
            optimizer.step()
        return w.numpy().copy(), None if norm is None else float(norm)

    return run_in_threads(size, work)


@pytest.mark.parametrize(
    "clip",
    [
        lambda params: None,
        lambda params: clip_grad_norm_(params, 0.1),
        lambda params: clip_grad_value_(params, 0.05),
    ],
    ids=["unclipped", "by norm", "by value"],
)
@pytest.mark.parametrize("size", [2, 3])
def test_the_step_is_that_of_the_whole_batch(size, clip):
    ((wanted, norm),) = stepped(1, clip)
    for found, its_norm in stepped(size, clip):
        np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-15)
        assert its_norm == (norm if norm is None else pytest.approx(norm, rel=1e-13))


def test_outside_of_a_round_equal_work_counts_once():
    def work():
        w = Tensor(np.zeros(2), requires_grad=True)
        SGD([w], 1.0).minimize((w * Tensor(np.array([3.0, 4.0]))).mean())
        return w.numpy().copy()

    for found in run_in_threads(4, work):
        np.testing.assert_allclose(found, [-1.5, -2.0], rtol=1e-15)


def test_backward_for_some_leaves_leaves_others_alone():
    a, b = (Tensor(np.array([2.0]), requires_grad=True) for _ in range(2))
    loss = (a * b).sum()
    loss.backward(inputs=a, retain_graph=True)
    assert a.grad is not None and b.grad is None
    loss.backward(inputs=[b])
    assert float(b.grad) == 2.0 and float(a.grad) == 2.0
    c = a * 2
    with pytest.raises(ValueError, match="only leaves have a .grad"):
        (c * 3).sum().backward(inputs=[c])
