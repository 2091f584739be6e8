"""Tests of the gradient checks: each planted fault is caught, and named; right rules pass."""

import re

import numpy as np
import pytest
import torch

import minigan as mg
from minigan.functional.normalization import BatchNorm
from minigan.tensor import Elementwise, FusedOp, Op, Tensor
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients

X = np.random.default_rng(1).normal(size=(4, 3))
W = np.random.default_rng(2).normal(size=3)


# ---- the faults ---------------------------------------------------------------------------------


class WrongSign(Elementwise):
    """y = a − b, but dL/db = g"""

    def forward(self, a, b):
        return a - b

    def backward(self, g, y):
        return g, g


class MissingFactor(Elementwise):
    """y = a², but dL/da = g · a"""

    def forward(self, a):
        return a * a

    def da(self, g, y, a):
        return g * a


class WrongAxis(Op):
    """y = a + b for a (N, N) and b (N,), but dL/db adds up the columns"""

    def forward(self, a, b):
        return a + b

    def backward(self, g, y):
        return g, g.sum(1)


class NoSum(Op):
    """y = a + b for a (N, M) and b (M,), but dL/db = g"""

    def forward(self, a, b):
        return a + b

    def backward(self, g, y):
        return g, g


class ConstantOutput(Elementwise):
    """y = eᵃ, with the right gradient g · y, in which y is a constant"""

    def forward(self, a):
        return np.exp(a)

    def da(self, g, y, a):
        return g * y.detach()


class ConstantGradient(Elementwise):
    """y = 2a, with the right gradient 2g, in which g is a constant"""

    def forward(self, a):
        return 2 * a

    def da(self, g, y, a):
        return 2 * g.detach()


class FrozenDeviation(Op):
    """Batch norm of (N, C), with a right rule in ops, in which 1/√(var + eps) is a constant"""

    def forward(self, x):
        self.mean = x.mean(0)
        self.inv_std = 1 / np.sqrt(x.var(0) + 1e-5)
        return (x - self.mean) * self.inv_std

    def dx(self, g, y, x):
        inv_std = Tensor(self.inv_std)
        normal = (x - Tensor(self.mean)) * inv_std
        return inv_std * (g - g.mean(0) - normal * (g * normal).mean(0))


class NoGradient(BatchNorm):
    """Batch norm with a gradient of 0: what a sum over its outputs would show, too"""

    def backward_arrays(self, g, y):
        return (np.zeros_like(g),)


class WrongFormula(FusedOp):
    """y = a³, whose arrays are right and whose formula is a² · |a|"""

    def formula(self, a):
        return a * a * a.abs()

    def forward(self, a):
        return a**3

    def backward_arrays(self, g, y):
        return (3 * g * self.inputs[0].array ** 2,)


class WrongArrays(WrongFormula):
    """y = a³, whose formula is right and whose arrays are not"""

    def formula(self, a):
        return a**3

    def backward_arrays(self, g, y):
        return (2 * g * self.inputs[0].array ** 2,)


FAULTS = {
    "wrong sign": (WrongSign, [X, W], 1, "order 1, input 1"),
    "missing factor": (MissingFactor, [X], 1, "order 1, input 0"),
    "wrong axis": (WrongAxis, [X[:3], W], 1, "order 1, input 1"),
    "no sum": (NoSum, [X, W], 1, r"shape \(4, 3\) for an input of shape \(3,\)"),
    "gradient of 0": (lambda: NoGradient(1e-5), [X], 1, "order 1, input 0"),
    "constant output": (ConstantOutput, [X], 2, "order 2, input 0"),
    "constant gradient": (ConstantGradient, [X], 2, "order 2, the weights of output 0"),
    "frozen deviation": (FrozenDeviation, [X], 2, "order 2, input 0"),
    "wrong formula": (WrongFormula, [X], 2, "order 1 with create_graph, input 0"),
    "wrong arrays": (WrongArrays, [X], 1, "order 1, input 0"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_caught(name):
    op, inputs, order, message = FAULTS[name]
    if order == 2:
        check_gradients(lambda *x: op()(*x), inputs, 1)  # the first order is right
    with pytest.raises(AssertionError, match=message):
        check_gradients(lambda *x: op()(*x), inputs)
    # ... at any scale: a small gradient is not taken for a right one
    with pytest.raises(AssertionError, match=message):
        check_gradients(lambda *x: op()(*x) * 1e-9, inputs)
    with pytest.raises(AssertionError, match=message):
        check_gradients(lambda *x: op()(*x) * 1e9, inputs)


THEIRS = {
    "wrong sign": lambda a, b: a - b,
    "missing factor": lambda a: a * a,
    "wrong axis": lambda a, b: a + b,
    "no sum": lambda a, b: a + b,
    "gradient of 0": lambda a: torch.nn.functional.batch_norm(a, None, None, training=True),
    "constant output": torch.exp,
    "constant gradient": lambda a: 2 * a,
    "frozen deviation": lambda a: torch.nn.functional.batch_norm(a, None, None, training=True),
    "wrong formula": lambda a: a**3,
    "wrong arrays": lambda a: a**3,
}


@pytest.mark.parametrize("name", FAULTS)
def test_torch_sees_the_fault_too(name):
    op, inputs, order, message = FAULTS[name]
    if order == 2 and name != "wrong formula":
        assert_matches_torch(lambda *x: op()(*x), THEIRS[name], inputs, 1)
    with pytest.raises(AssertionError, match=message.replace(" with create_graph", "")):
        assert_matches_torch(lambda *x: op()(*x), THEIRS[name], inputs)


def test_torch_sees_a_wrong_result():
    with pytest.raises(AssertionError, match=r"result, output 0, element \[.*\]: .* but torch"):
        assert_matches_torch(lambda x: x * 2, lambda x: x * (2 + 1e-9), [X])
    with pytest.raises(AssertionError, match=r"the shape is \(3, 4\), but torch gives \(4, 3\)"):
        assert_matches_torch(lambda x: x.T, lambda x: x, [X])


def test_torch_must_have_the_same_parameters():
    ours, theirs = mg.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    ours.bias.requires_grad_(False)
    with pytest.raises(AssertionError, match=r"\['input 0', 'weight'\] here and .*'bias'\]"):
        assert_matches_torch(ours, theirs, [X])


class Overwriting(Elementwise):
    """y = 2a, with the right gradient 2g, written into g or into a"""

    def __init__(self, what):
        self.what = what

    def forward(self, a):
        return 2 * a

    def da(self, g, y, a):
        if self.what == "gradient":
            g.array *= 2
            return g
        a.array *= 2
        return 2 * g


class OverwritingArrays(FusedOp):
    """The same in arrays"""

    def formula(self, a):
        return a * 2

    def forward(self, a):
        return 2 * a

    def backward_arrays(self, g, y):
        g *= 2
        return (g,)


@pytest.mark.parametrize("order", [1, 2])
def test_a_rule_that_overwrites_is_caught(order):
    """Where g goes to other ops as well, they would get the wrong one."""
    x = Tensor(X, requires_grad=True)
    (Overwriting("gradient")(x) + x).backward(np.ones(X.shape))
    assert (x.grad.numpy() != 3).all()

    cases = {
        lambda a: Overwriting("gradient")(a): "overwrote its incoming gradient",
        lambda a: OverwritingArrays()(a): "overwrote its incoming gradient",
        lambda a: Overwriting("input")(a): "overwrote input 0",
    }
    for function, words in cases.items():
        with pytest.raises(AssertionError, match=f"a backward rule {words}"):
            check_gradients(function, [X], order)
        with pytest.raises(AssertionError, match=f"a backward rule {words}"):
            assert_matches_torch(function, lambda a: 2 * a, [X], order)


def test_a_float64_on_the_way_is_seen():
    class Widening(Elementwise):
        """y = 2a, with a gradient that is float64 for a while"""

        def forward(self, a):
            return 2 * a

        def da(self, g, y, a):
            return Tensor(np.full(g.shape, 2.0)) * g

    class KeepsWide(Widening):
        def fit(self, g, x):
            return g

    wide = Tensor(np.ones(3))
    with pytest.raises(AssertionError, match="the result of float32 numbers is float64"):
        assert_keeps_float32(lambda x: x * wide, [X])
    assert_keeps_float32(lambda x: Widening()(x), [X])  # the engine narrows it in `fit`
    with pytest.raises(AssertionError, match="gradient of order 1 of float32 numbers is float64"):
        assert_keeps_float32(lambda x: KeepsWide()(x), [X])


# ---- what the message says ----------------------------------------------------------------------


def test_message_names_element_and_both_numbers():
    class Bump(Elementwise):
        """y = a, but dL/da is 1.5 g for one element"""

        def forward(self, a):
            return a.copy()

        def da(self, g, y, a):
            factor = np.ones(g.shape)
            factor[2, 1] = 1.5
            return g * Tensor(factor)

    with pytest.raises(AssertionError) as error:
        check_gradients(lambda a: Bump()(a), [X])
    message = str(error.value)
    assert message.startswith("gradient of order 1, input 0, element [2, 1]: ")
    assert "(1 of 12 elements differ)" in message
    found, expected = re.search(r": (\S+), but central differences give (\S+) ", message).groups()
    assert float(found) == pytest.approx(1.5 * float(expected), rel=1e-6)


def test_message_names_the_parameter():
    class Layer(mg.nn.Module):
        def __init__(self):
            self.inner = mg.nn.Linear(3, 2)
            self.scale = mg.nn.Parameter(np.ones(2))

        def forward(self, x):
            return self.inner(x) - WrongSign()(x.sum(), self.scale)

    with pytest.raises(AssertionError, match="order 1, scale, element"):
        check_gradients(Layer(), [X])


# ---- right rules pass ---------------------------------------------------------------------------


def test_right_functions_pass_at_any_scale():
    for scale in (1e-12, 1, 1e12):
        check_gradients(lambda a, b, s=scale: (a * b).exp() * s, [X, W], 3)
    check_gradients(lambda a: a * 1e-3 + 1e3, [X])
    check_gradients(lambda a: a * 0, [X])
    check_gradients(lambda a: (a, a.sum(0), 3 * a[:0]), [X])


def test_modules_are_checked_with_their_parameters():
    class Counting(mg.nn.Linear):
        seen = 0

        def forward(self, x):
            Counting.seen += 1
            return super().forward(x)

    net = mg.nn.Sequential(Counting(3, 2), mg.nn.Tanh())
    before = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
    check_gradients(net, [X], 1)
    assert Counting.seen > 2 * (X.size + net[0].weight.numel() + net[0].bias.numel())
    for name, array in net.state_dict().items():  # the copy was checked, not the net itself
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, before[name])
    assert_matches_torch(net, torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()), [X])


def test_inputs_are_left_alone():
    x = Tensor(X.astype(np.float32), requires_grad=True)
    constant = Tensor(W)
    labels = np.array([1, 0, 2, 1])
    check_gradients(lambda x, w, rows: x[rows] * w, [x, constant, labels])
    assert x.dtype == np.float32 and x.grad is None and constant.grad is None
    np.testing.assert_array_equal(x.numpy(), X.astype(np.float32))


def test_only_inputs_that_require_grad_are_checked():
    wrong_in_b, b = WrongSign, Tensor(W)
    check_gradients(lambda a, b: wrong_in_b()(a, b), [X, b])
    with pytest.raises(ValueError, match="no input requires grad"):
        check_gradients(lambda a: a, [Tensor(X)])


def test_functions_that_differentiate_inside_can_be_checked():
    def penalty(x, w):
        (gx,) = mg.grad((x * w).exp().sum(), x, create_graph=True)
        return ((gx**2).sum(1) + 1e-3).sqrt()

    check_gradients(penalty, [Tensor(X, requires_grad=True), W])


# ---- functions that cannot be checked -----------------------------------------------------------


def test_random_functions_are_refused():
    with pytest.raises(AssertionError, match="two calls with the same inputs gave different"):
        check_gradients(lambda x: mg.functional.dropout(x, 0.5), [X])


def test_coarse_functions_are_refused():
    with pytest.raises(AssertionError, match="float64 inputs gave a result of float32"):
        check_gradients(lambda x: x.float() * 2, [X])


def test_functions_of_arrays_are_refused():
    with pytest.raises(AssertionError, match="returned a ndarray, not a Tensor"):
        check_gradients(lambda x: x.numpy(), [X])
