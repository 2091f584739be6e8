"""Tests of an op: which of its derivatives are called, by which names, and by whom."""

import numpy as np
import pytest

import minigan as mg
from minigan.engine.arithmetic import Add, MatMul, Maximum, Minimum, Multiply
from minigan.engine.op import Elementwise, Op, summed_to
from minigan.engine.shape import Index
from minigan.tensor import Tensor
from minigan.testing import check_gradients

torch = pytest.importorskip("torch")


def leaf(backend, *shape, seed=0):
    data = np.random.default_rng(seed).normal(size=shape)
    return Tensor(data, requires_grad=True, backend=backend)


class Noted(Elementwise):
    """y = a · b + c, with a note of which derivatives were called."""

    def __init__(self):
        self.called = []

    def forward(self, a, b, c=None):
        return a * b if c is None else a * b + c

    def da(self, g, y, a, b, c=None):
        self.called.append("a")
        return g * b

    def db(self, g, y, a, b, c=None):
        self.called.append("b")
        return g * a

    def dc(self, g, y, a, b, c=None):
        self.called.append("c")
        return g


@pytest.mark.parametrize("frozen", ["", "a", "b", "ab", "bc"])
def test_a_derivative_that_nobody_needs_is_not_called(backend, frozen):
    inputs = [leaf(backend, 3, seed=i).requires_grad_(n not in frozen) for i, n in enumerate("abc")]
    op = Noted()
    op(*inputs).sum().backward()
    assert "".join(op.called) == "".join(n for n in "abc" if n not in frozen)


def test_only_what_leads_to_the_wanted_tensors_is_called(backend):
    a, b, c = (leaf(backend, 3, seed=i) for i in range(3))
    op = Noted()
    mg.grad(op(a, b, c).sum(), b)
    assert op.called == ["b"]


def test_an_input_may_be_left_out(backend):
    a, b = leaf(backend, 3), leaf(backend, 3, seed=1)
    op = Noted()
    op(a, b).sum().backward()
    assert op.called == ["a", "b"]
    assert a.grad.tolist() == b.tolist()


def test_a_rule_can_be_called_by_hand(backend):
    g, a, b = (leaf(backend, 2, 3, seed=i) for i in range(3))
    y = Multiply()(a, b)
    assert Multiply().da(g, y, a, b).tolist() == (g * b).tolist()
    assert Multiply().db(g, y, a, b).tolist() == (g * a).tolist()


RULES = {
    "Multiply": lambda a, b: a * b,
    "MatMul": lambda a, b: a @ b.T,
    "Sum": lambda a, b: a.sum(1),
    "Index": lambda a, b: a[:, [0, 0, 2]],
    "Concatenate": lambda a, b: mg.cat([a, b], 1),
    "Affine": lambda a, b: mg.functional.linear(a, b),
    "MeanSquaredError": lambda a, b: mg.functional.mse_loss(a, b, reduction="none"),
    "Logistic": lambda a, b: mg.sigmoid(a),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("recorded", [True, False])
def test_any_rule_of_a_graph_can_be_called_by_hand(backend, name, recorded):
    """It finds what a walk would ask for, frees nothing, and writes no gradient anywhere."""
    a, b = leaf(backend, 2, 3), leaf(backend, 2, 3, seed=1)
    for other in (b, b.detach()):
        y = RULES[name](a, other)
        g = leaf(backend, *y.shape, seed=2).detach()
        with mg.set_grad_enabled(recorded):
            found = y.op.backward(g, y)
        asked = [x for x, tracked in zip(y.op.inputs, y.op.tracked, strict=True) if tracked]
        made = [gx for gx in found if gx is not None]
        for gx, expected in zip(made, mg.grad(y, asked, g), strict=True):
            np.testing.assert_allclose(gx.detach().numpy(), expected.numpy(), rtol=1e-12)
        assert a.grad is None and b.grad is None


@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_a_freed_graph_says_so(backend, name):
    y = RULES[name](leaf(backend, 2, 3), leaf(backend, 2, 3, seed=1))
    y.sum().backward()
    with pytest.raises(RuntimeError, match=f"the graph behind this {y.op.name} was freed"):
        y.op.backward(y, y)


def test_a_derivative_that_is_missing_is_named(backend):
    class Half(Op):
        def forward(self, numerator, denominator):
            return numerator / denominator

        def dnumerator(self, g, y, numerator, denominator):
            return g / denominator

    a, b = leaf(backend, 3), leaf(backend, 3, seed=1)
    Half()(a, b.detach()).sum().backward()
    with pytest.raises(NotImplementedError, match=r"Half has no derivative by denominator: ddenom"):
        Half()(a, b).sum().backward()


def test_an_op_of_version_0_1_still_works(backend):
    """A plain backward, which looks at `needs`, and may return one gradient without a tuple."""

    class Product(Elementwise):
        def forward(self, a, b):
            return a * b

        def backward(self, g, y):
            a, b = self.inputs
            return g * b if self.needs[0] else None, g * a if self.needs[1] else None

    class Double(Op):
        def forward(self, a):
            return 2 * a

        def backward(self, g, y):
            return 2 * g

    a, b = leaf(backend, 2, 3), leaf(backend, 3, seed=1)
    Double()(Product()(a, b)).sum().backward()
    np.testing.assert_allclose(b.grad.numpy(), 2 * a.detach().numpy().sum(0))
    check_gradients(
        lambda a, b: Double()(Product()(a, b)), [a.detach().numpy(), b.detach().numpy()]
    )


def test_two_walks_may_go_through_one_graph(backend):
    """A rule that walks through the very graph that it belongs to finds it as it was."""

    class Meanwhile(Op):
        def forward(self, a):
            return a.copy()

        def da(self, g, y, a):
            mg.grad(product, [x], retain_graph=True)  # another walk, which needs less
            return g

    x, w = leaf(backend, 3), leaf(backend, 3, seed=1)
    product = (x * w).sum()
    Meanwhile()(product).backward()
    assert x.grad.tolist() == w.tolist() and w.grad.tolist() == x.tolist()


def test_an_op_is_printed_with_the_shapes_of_its_inputs(backend):
    y = leaf(backend, 2, 3) * 4
    assert repr(y.op) == "Multiply of (2, 3) and 4" and repr(Multiply()) == "Multiply"
    y.sum().backward()
    assert repr(y.op) == "Multiply"  # freed


def test_an_op_of_no_tensor_is_refused():
    with pytest.raises(TypeError, match="Add is a function of tensors, not of 1 and 2"):
        Add()(1, 2)
    with pytest.raises(TypeError, match="MatMul is a function of tensors"):
        MatMul()(np.ones((2, 2)), np.ones((2, 2)))


def test_of_further_inputs_none_is_asked(backend):
    x = leaf(backend, 4)
    places = Tensor([0, 2], dtype="int64", backend=backend)
    Index(places.array)(x, places).sum().backward()
    assert x.grad.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("shape", "wide"),
    [
        ((3,), (2, 3)),
        ((2, 1), (2, 3)),
        ((1, 1), (4, 5)),
        ((), (2, 2)),
        ((1, 3), (0, 3)),
        ((2,), (2,)),
    ],
)
def test_what_was_repeated_is_summed(backend, shape, wide):
    g = leaf(backend, *wide).detach()
    expected = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    (expected.expand(wide) * torch.tensor(g.numpy())).sum().backward()
    np.testing.assert_allclose(summed_to(g, shape).numpy(), expected.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize(("op", "theirs"), [(Maximum, torch.maximum), (Minimum, torch.minimum)])
def test_of_equal_numbers_each_takes_half_and_beside_nan_both_take_all(backend, op, theirs):
    a, b = [1.0, 2.0, 3.0, np.nan, 5.0], [2.0, 2.0, 1.0, 4.0, np.nan]
    ours = [Tensor(x, requires_grad=True, dtype="float64", backend=backend) for x in (a, b)]
    torchs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (a, b)]
    op()(*ours).sum().backward()
    theirs(*torchs).sum().backward()
    for x, t in zip(ours, torchs, strict=True):
        assert x.grad.tolist() == t.grad.tolist()
