"""Tests of the walk through the graph: backward, grad, no_grad, freeing, versions, pruning."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import minigan as mg
from minigan.tensor import Elementwise, FusedOp, Op, Tensor
from minigan.testing import assert_matches_torch
from minigan.testing.strategies import seeds


def leaf(backend, *shape, seed=0, dtype=np.float64):
    data = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    return Tensor(data, requires_grad=True, backend=backend)


class Spy(Op):
    """y = a · b, and a note of which gradients were asked for."""

    def __init__(self):
        self.asked = []

    def forward(self, a, b):
        return a * b

    def backward(self, g, y, needs):
        self.asked.append(tuple(needs))
        return super().backward(g, y, needs)

    def da(self, g, y, a, b):
        return g * b

    def db(self, g, y, a, b):
        return g * a


# ---- the order ----------------------------------------------------------------------------------


def test_a_rule_waits_for_all_gradients_of_its_output(backend):
    a = leaf(backend, 3)
    b = a + a
    c = b + b
    c.sum().backward()
    assert a.grad.tolist() == [4, 4, 4]


OPERATIONS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b / (1 + b * b),
    "divide": lambda a, b: a / (2 + b * b),
    "bell": lambda a, b: (-(a**2) / 10).exp(),
}


@st.composite
def programs(draw):
    """A list of (operation, operand, operand): operands 0 and 1 are leaves, n is result n − 2."""
    steps = []
    for known in range(2, draw(st.integers(3, 9))):
        operand = st.integers(0, known - 1)
        steps.append((draw(st.sampled_from(list(OPERATIONS))), draw(operand), draw(operand)))
    return steps


def run(steps, *leaves):
    values = list(leaves)
    for name, i, j in steps:
        values.append(OPERATIONS[name](values[i], values[j]))
    return values[-1]


@given(steps=programs(), seed=seeds())
def test_any_program_has_torch_s_gradients(backend, steps, seed):
    random = np.random.default_rng(seed)
    inputs = [random.normal(size=3), random.normal(size=())]

    def program(*leaves):
        return run(steps, *leaves)

    assert_matches_torch(program, program, inputs, tolerance=1e-9, backend=backend)


def test_a_chain_longer_than_the_recursion_limit(backend):
    x = leaf(backend)
    y = x
    for _ in range(3 * sys.getrecursionlimit()):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1


def test_many_paths_are_walked_once(backend):
    """2¹⁰⁰ paths lead from y to x, over 100 tensors."""
    x = leaf(backend)
    y = x
    for _ in range(100):
        y = (y + y) / 2
    y.backward()
    assert x.grad.item() == 1


# ---- backward -----------------------------------------------------------------------------------


def test_gradients_add_up_on_leaves_alone(backend):
    x, constant = leaf(backend, 3), Tensor(np.ones(3), backend=backend)
    for times in (1, 2):
        y = x * constant * 2
        y.sum().backward()
        assert x.grad.tolist() == [2 * times] * 3
    assert y.grad is None and constant.grad is None
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3, 3]


def test_gradient_weights_the_outputs(backend):
    x = leaf(backend, 2, 3)
    weights = np.arange(6.0).reshape(2, 3)
    for given_weights in (Tensor(weights, backend=backend), backend.asarray(weights)):
        x.grad = None
        (x * 2).backward(given_weights)
        np.testing.assert_array_equal(x.grad.numpy(), 2 * weights)


def test_gradient_has_the_type_of_the_tensor(backend):
    x = leaf(backend, 3, dtype=np.float32)
    for y in (x * 2, x):
        x.grad = None
        y.backward(Tensor(np.ones(3), backend=backend))
        assert x.grad.dtype == np.float32


def test_what_has_no_gradient_says_so(backend):
    x = leaf(backend, 2)
    with pytest.raises(RuntimeError, match=r"shape \(2,\) needs a gradient of that shape"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match=r"gradient has shape \(3,\), the tensor has .*\(2,\)"):
        (x * 2).backward(Tensor(np.ones(3), backend=backend))
    with pytest.raises(RuntimeError, match="does not depend on anything that requires grad"):
        x.detach().sum().backward()


def test_leaf_is_its_own_output(backend):
    x = leaf(backend)
    x.backward()
    assert x.grad.item() == 1


def test_gradients_share_no_memory(backend):
    """Whoever clips one gradient in place must not clip another."""
    a, b = leaf(backend, 2, 3), leaf(backend, 2, 3)
    weights = Tensor(np.ones((2, 3)), backend=backend)
    (a + b).backward(weights)
    a.grad.array[...] = 7
    assert b.grad.tolist() == weights.tolist() == [[1, 1, 1], [1, 1, 1]]

    joined = leaf(backend, 2), leaf(backend, 2)
    (mg.cat(joined) ** 2).sum().backward()
    joined[0].grad.array[...] = 7
    assert joined[1].grad.tolist() == (2 * joined[1]).tolist()


@pytest.mark.parametrize("shape", [(4, 3), (1, 3)])
def test_gradient_of_a_sum_can_be_written_to(backend, shape):
    """Its rule repeats one number without copying it; a leaf's gradient is real memory."""
    x = leaf(backend, *shape)
    (x.sum(0) ** 2).sum().backward()
    before = x.grad.numpy().copy()
    x.grad.array[0, 0] = 7
    before[0, 0] = 7
    np.testing.assert_array_equal(x.grad.numpy(), before)


def test_earlier_gradient_is_not_overwritten(backend):
    x = leaf(backend, 2)
    (2 * x).sum().backward()
    first = x.grad
    (3 * x).sum().backward()
    assert (first.tolist(), x.grad.tolist()) == ([2, 2], [5, 5])


# ---- grad ---------------------------------------------------------------------------------------


def test_grad_leaves_no_trace(backend):
    a, b = leaf(backend, 3), leaf(backend, 3)
    ga, gb = mg.grad((a * b).sum(), [a, b])
    assert ga.tolist() == b.tolist() and gb.tolist() == a.tolist()
    assert a.grad is None and b.grad is None
    assert not ga.requires_grad and ga.op is None


def test_grad_of_several_outputs_weighted(backend):
    x = leaf(backend, 3)
    weights = Tensor(np.array([1.0, 10.0, 100.0]), backend=backend)
    (gx,) = mg.grad([x.sum(), 2 * x], x, [None, weights])
    assert gx.tolist() == [3, 21, 201]
    (gx,) = mg.grad(2 * x, x, weights)
    assert gx.tolist() == [2, 20, 200]


def test_grad_with_respect_to_what_was_computed(backend):
    x = leaf(backend, 3)
    y = x * 2
    z = (y * y).sum()
    gy, gx, gz, gy_again = mg.grad(z, [y, x, z, y])
    assert gy.tolist() == gy_again.tolist() == (2 * y).tolist()
    assert gx.tolist() == (4 * y).tolist()
    assert gz.item() == 1


def test_grad_of_what_is_not_used(backend):
    x, y = leaf(backend, 3), leaf(backend, 4)
    with pytest.raises(RuntimeError, match=r"do not depend on an input of shape \(4,\)"):
        mg.grad(x.sum(), [x, y])
    gx, gy = mg.grad(x.sum(), [x, y], allow_unused=True)
    assert gx.tolist() == [1, 1, 1] and gy is None
    with pytest.raises(RuntimeError, match=r"shape \(3,\) does not require grad"):
        mg.grad(x.sum(), x.detach())


def test_grad_computes_only_what_leads_to_the_inputs(backend):
    image, weight = leaf(backend, 3), leaf(backend, 3)
    first, second = Spy(), Spy()
    score = second(first(image, weight), weight).sum()
    mg.grad(score, image, retain_graph=True)
    assert first.asked == second.asked == [(True, False)]
    mg.grad(score, weight)
    assert first.asked[1] == (False, True) and second.asked[1] == (True, True)
    unrelated = Spy()
    other = leaf(backend, 3)
    mg.grad((image * 2 + unrelated(other, other)).sum(), image)
    assert unrelated.asked == []


def test_frozen_inputs_cost_nothing(backend):
    x, weight = leaf(backend, 3), leaf(backend, 3)
    weight.requires_grad_(False)
    spy = Spy()
    y = spy(x, weight)
    weight.requires_grad_(True)  # frozen when it was used: that is what counts
    y.sum().backward()
    assert spy.asked == [(True, False)]
    assert weight.grad is None


# ---- higher orders ------------------------------------------------------------------------------


def test_second_and_third_derivative(backend):
    x = leaf(backend, 4)
    (first,) = mg.grad((x**4).sum(), x, create_graph=True)
    (second,) = mg.grad(first.sum(), x, create_graph=True)
    (third,) = mg.grad(second.sum(), x)
    np.testing.assert_allclose(first.numpy(), 4 * x.numpy() ** 3)
    np.testing.assert_allclose(second.numpy(), 12 * x.numpy() ** 2)
    np.testing.assert_allclose(third.numpy(), 24 * x.numpy())


def test_backward_of_a_gradient(backend):
    """A gradient penalty: the derivative of ‖dy/dx‖² with respect to the weights."""
    x, w = leaf(backend, 2, 3), leaf(backend, 3, 1)
    (gx,) = mg.grad((x @ w).exp().sum(), x, create_graph=True)
    (gx**2).sum().backward()
    their_x, their_w = (torch.tensor(t.numpy(), requires_grad=True) for t in (x, w))
    score = (their_x @ their_w).exp().sum()
    (their_gx,) = torch.autograd.grad(score, their_x, create_graph=True)
    (their_gx**2).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), their_w.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), their_x.grad.numpy(), rtol=1e-12)


def test_backward_with_create_graph_makes_grad_differentiable(backend):
    x = leaf(backend, 3)
    (x**3).sum().backward(create_graph=True)
    (second,) = mg.grad(x.grad.sum(), x)
    np.testing.assert_allclose(second.numpy(), 6 * x.numpy())
    x.grad = None
    (x**3).sum().backward()
    assert not x.grad.requires_grad


# ---- freeing ------------------------------------------------------------------------------------


def test_second_walk_needs_retain_graph(backend):
    x = leaf(backend, 3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == (4 * x).tolist()
    with pytest.raises(RuntimeError, match="Sum was freed .* retain_graph=True"):
        y.backward()


@pytest.mark.parametrize("allow_unused", [False, True])
def test_second_grad_needs_retain_graph(backend, allow_unused):
    """Not "depends on nothing": that answer would be a silent None with allow_unused."""
    x = leaf(backend, 3)
    shared = x * x
    mg.grad(shared.sum(), x)
    with pytest.raises(RuntimeError, match="Multiply was freed"):
        mg.grad(shared.sum(), x, allow_unused=allow_unused)


def test_a_loss_that_goes_out_of_scope_takes_the_graph_along(backend):
    """By counting references alone: no cycle waits for the garbage collector."""
    x = leaf(backend, 3)
    gc.disable()
    try:
        y = x.exp() * x
        ops = [weakref.ref(y.op), weakref.ref(y.op.inputs[0].op)]
        assert all(op() is not None for op in ops)
        del y
        assert all(op() is None for op in ops)
    finally:
        gc.enable()


def test_backward_frees_the_tensors_in_between(backend):
    x = leaf(backend, 3)
    op = Spy()
    y = op(x * 2, x).sum()
    between = weakref.ref(op.inputs[0].op)
    y.backward()
    assert between() is None and op.inputs == ()


# ---- threads -----------------------------------------------------------------------------------


def in_threads(*functions):
    """Run the functions in threads of their own and raise what they raise."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    if errors:
        raise errors[0]


def test_threads_have_graphs_of_their_own(backend):
    def work(seed):
        for _ in range(30):
            x = leaf(backend, 5, seed=seed)
            y = x
            for _ in range(20):
                y = y * 1.5 + x
            y.sum().backward()
            expected = 1.5**20 + sum(1.5**k for k in range(20))
            np.testing.assert_allclose(x.grad.numpy(), np.full(5, expected))

    in_threads(*[lambda seed=seed: work(seed) for seed in range(4)])


# ---- writing in place ---------------------------------------------------------------------------


def test_what_is_recorded_cannot_be_written(backend):
    x = leaf(backend, 3)
    for write in (
        lambda: x.zero_(),
        lambda: x.fill_(1),
        lambda: x.copy_(x.detach()),
        lambda: x.__setitem__(0, 1),
        lambda: (x * 2).zero_(),
    ):
        with pytest.raises(RuntimeError, match="cannot be written in place"):
            write()
    with mg.no_grad():
        x.fill_(2)
        x[0] = Tensor(5.0, backend=backend)
        x[x > 4] = 6
    assert x.tolist() == [6, 2, 2]
    x.detach().copy_(Tensor(np.ones(3), backend=backend))
    assert x.tolist() == [1, 1, 1]


def overwrite(x):
    with mg.no_grad():
        x.fill_(0)


@pytest.mark.parametrize(
    ("compute", "name"),
    [
        (lambda x, w: x * w, "Multiply"),
        (lambda x, w: x @ w, "MatMul"),
        (lambda x, w: x @ w.T, "MatMul"),  # w.T is a view of w
        (lambda x, w: x * w[0], "Multiply"),
        (lambda x, w: x * w.reshape(1, 3, 3), "Multiply"),
        (lambda x, w: x * w.detach(), "Multiply"),
    ],
)
def test_overwritten_input_is_noticed(backend, compute, name):
    """Through every view, and although w itself needs no gradient."""
    x, w = leaf(backend, 3, 3), leaf(backend, 3, 3).detach()
    y = compute(x, w)
    overwrite(w)
    with pytest.raises(RuntimeError, match=rf"that {name} needs .* overwritten in place"):
        y.sum().backward()


@pytest.mark.parametrize("view", [lambda w: w[0], lambda w: w.T, lambda w: w.view(-1)])
def test_writing_through_a_view_is_noticed(backend, view):
    x, w = leaf(backend, 3, 3), leaf(backend, 3, 3).detach()
    y = x * w
    overwrite(view(w))
    with pytest.raises(RuntimeError, match=r"shape \(3, 3\) that Multiply needs"):
        y.sum().backward()


def test_overwritten_output_is_noticed(backend):
    x = leaf(backend, 3)
    y = x.exp()  # its derivative is y itself
    overwrite(y.detach())
    with pytest.raises(RuntimeError, match="that Exp needs"):
        y.sum().backward()


def test_copies_may_be_written(backend):
    x, w = leaf(backend, 3, 3), leaf(backend, 3, 3).detach()
    y = x * w
    for copied in (w.clone(), w + 0, w[np.array([0, 1])], w.exp()):
        overwrite(copied)
    y.sum().backward()
    assert x.grad.tolist() == w.tolist()
    assert w.version == 0


def test_optimizer_step_between_forward_and_backward_is_noticed(backend):
    w = leaf(backend, 3, 3)
    optimizer = mg.optim.SGD([w], 0.1)
    loss = (w * w).sum()
    (w * 2).sum().backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match="usual cause is an optimizer step"):
        loss.backward()


def test_a_second_tensor_of_the_same_memory_is_noticed(backend):
    x = leaf(backend, 3).detach()
    w = leaf(backend, 3)
    y = (w * mg.Tensor(x)).sum()
    x.zero_()
    with pytest.raises(RuntimeError, match="overwritten in place"):
        y.backward()


def test_views_of_memory_from_elsewhere_are_noticed():
    x = mg.Tensor(np.frombuffer(bytearray(16), np.float32))
    w = mg.ones(3).requires_grad_()
    y = (w * x[:3]).sum()
    x.fill_(5)
    with pytest.raises(RuntimeError, match="overwritten in place"):
        y.backward()
    mg.ones(3).requires_grad_().clone().backward(mg.from_dlpack(torch.ones(3)))


def test_augmented_assignment_writes_where_no_gradient_passes(backend):
    x = leaf(backend, 3)
    with mg.no_grad():
        same = x
        x -= 0.5 * x
        x += 1
        x *= 2
        x /= 4
    assert same is x and x.is_leaf and x.requires_grad
    buffer = mg.zeros(2, backend=backend)
    also = buffer
    buffer += 1
    assert also.tolist() == [1, 1]


def test_augmented_assignment_on_the_way_of_a_gradient_is_a_new_tensor(backend):
    x = leaf(backend, 3)
    y = loss = (x * x).sum()
    loss += (3 * x).sum()
    loss /= 2
    assert y is not loss
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), x.numpy() + 1.5, rtol=1e-6)
    total = mg.zeros((), backend=backend)
    total += x.sum()
    assert total.requires_grad


def test_augmented_assignment_that_cannot_be(backend):
    x = leaf(backend, 3)
    with pytest.raises(RuntimeError, match="cannot be written in place"):
        x += 1
    n = mg.arange(3, backend=backend)
    with pytest.raises(ValueError, match=r"shape \(3,\) and type int64 cannot take"):
        n += 0.5
    with pytest.raises(ValueError, match=r"result of shape \(2, 3\)"):
        n += mg.zeros(2, 3, backend=backend).long()


def test_clamp_in_place(backend):
    x = leaf(backend, 3)
    with mg.no_grad():
        x.clamp_(-0.1, 0.1)
    assert abs(x.numpy()).max() <= np.float32(0.1)


def test_detach_shares_numbers_but_no_history(backend):
    x = leaf(backend, 3)
    d = x.detach()
    assert not d.requires_grad
    overwrite(d)
    assert x.tolist() == [0, 0, 0] and x.version == d.version == 1
    (gx,) = mg.grad((x * (x * 2).detach()).sum() + x.sum(), x)
    assert gx.tolist() == [1, 1, 1]


def test_requires_grad_can_be_switched_off_on_leaves_only(backend):
    x = leaf(backend, 3)
    with pytest.raises(RuntimeError, match="use detach"):
        (x * 2).requires_grad_(False)
    assert not x.requires_grad_(False).requires_grad


# ---- rules that are wrong -----------------------------------------------------------------------


def test_only_elementwise_ops_may_be_broadcast(backend):
    class Sloppy(Op):
        """y = a + b, whose rule forgets that b was broadcast."""

        def forward(self, a, b):
            return a + b

        def backward(self, g, y):
            return g, g

    class Careful(Elementwise):
        """y = a + b, where the engine sums the gradient of b."""

        forward, backward = Sloppy.forward, Sloppy.backward

    a, b = leaf(backend, 2, 3), leaf(backend, 3)
    with pytest.raises(AssertionError, match=r"Sloppy.* shape \(2, 3\) for an input of .*\(3,\)"):
        Sloppy()(a, b).sum().backward()
    Careful()(a, b).sum().backward()
    assert b.grad.tolist() == [2, 2, 2]


def test_op_without_a_rule(backend):
    class Half(Op):
        def forward(self, a):
            return a / 2

    with pytest.raises(NotImplementedError, match="Half has no derivative"):
        Half()(leaf(backend)).backward()
    with pytest.raises(NotImplementedError, match="Op has no forward"):
        Op()(leaf(backend))
    with pytest.raises(NotImplementedError, match="FusedOp has no formula"):
        FusedOp().formula()


def test_shapes_that_do_not_fit_name_the_op(backend):
    with pytest.raises(ValueError, match=r"Add of shapes \(2, 3\) and \(4,\)"):
        mg.zeros(2, 3, backend=backend) + mg.zeros(4, backend=backend)


# ---- types --------------------------------------------------------------------------------------


def test_gradient_has_the_type_of_its_tensor(backend):
    x, y = leaf(backend, 3, dtype=np.float32), leaf(backend, 3)
    (x * y).sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)
