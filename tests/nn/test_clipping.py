"""Tests of clipping: torch's gradients after it, and torch's norms."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigan import Tensor, nn
from minigan.optim import SGD

U, THEIRS = nn.utils, torch.nn.utils
SHAPES = [(3, 4), (5,), (), (2, 3, 1, 2)]
TYPES = ["float32", "float64"]


def pairs(backend, scale=1.0, dtype="float64", seed=0, shapes=SHAPES):
    """The same parameters with the same gradients, ours and torch's; the second has none."""
    random = np.random.default_rng(seed)
    ours, theirs = [], []
    for i, shape in enumerate(shapes):
        x, g = (np.asarray(scale * random.normal(size=shape), dtype) for _ in "xg")
        ours.append(nn.Parameter(backend.asarray(x)))
        theirs.append(torch.nn.Parameter(torch.tensor(x)))
        if i != 1:
            ours[-1].grad = Tensor(backend.asarray(g.copy()))
            theirs[-1].grad = torch.tensor(g)
    return ours, theirs


def assert_equal_gradients(ours, theirs, tolerance=1e-14):
    for p, their_p in zip(ours, theirs, strict=True):
        assert (p.grad is None) == (their_p.grad is None)
        if p.grad is not None:
            assert p.grad.dtype == p.dtype and p.grad.shape == p.shape
            np.testing.assert_allclose(p.grad.numpy(), their_p.grad.numpy(), tolerance, 0)


@pytest.mark.parametrize("norm_type", [2, 1, 3.5, 0.5, math.inf, "inf"])
@given(
    scale=st.sampled_from([0.0, 1e-9, 1e-3, 1.0, 50.0]),
    max_norm=st.sampled_from([0.0, 1e-3, 1.0, 3, 1e9, math.inf]),
    dtype=st.sampled_from(TYPES),
    seed=st.integers(0, 99),
)
def test_norms_are_clipped_as_torch_does(backend, norm_type, scale, max_norm, dtype, seed):
    ours, theirs = pairs(backend, scale, dtype, seed)
    tolerance = 1e-13 if dtype == "float64" else 2e-5
    found = U.clip_grad_norm_(ours, max_norm, float(norm_type))
    expected = THEIRS.clip_grad_norm_(theirs, max_norm, norm_type)
    assert isinstance(found, Tensor) and found.shape == () and found.dtype == dtype
    assert found.backend is backend
    np.testing.assert_allclose(found.numpy(), expected.numpy(), tolerance)
    assert_equal_gradients(ours, theirs, tolerance)


@given(
    scale=st.sampled_from([0.0, 1e-3, 1.0, 50.0]),
    clip_value=st.sampled_from([0.0, 0.01, 1, 7.5, math.inf]),
    dtype=st.sampled_from(TYPES),
    seed=st.integers(0, 99),
)
def test_values_are_clipped_as_torch_does(backend, scale, clip_value, dtype, seed):
    ours, theirs = pairs(backend, scale, dtype, seed)
    assert U.clip_grad_value_(ours, clip_value) is None
    THEIRS.clip_grad_value_(theirs, clip_value)
    assert_equal_gradients(ours, theirs, 0)


@pytest.mark.parametrize("clip", ["clip_grad_norm_", "clip_grad_value_"])
def test_one_tensor_a_list_or_a_generator(backend, clip):
    for wrapped in (lambda p: p, lambda p: [p], lambda p: (each for each in [p]), lambda p: (p,)):
        (p, *_), (their_p, *_) = pairs(backend)
        getattr(U, clip)(wrapped(p), 0.1)
        getattr(THEIRS, clip)(wrapped(their_p), 0.1)
        assert_equal_gradients([p], [their_p])


@pytest.mark.parametrize("clip", ["clip_grad_norm_", "clip_grad_value_"])
def test_it_is_in_place_and_noticed(backend, clip):
    """Who holds the gradient sees it clipped, and a graph that needs the old one complains."""
    p = nn.Parameter(backend.asarray(np.array([3.0, 4.0])))
    p.grad = Tensor([30.0, 40.0], dtype="float64", backend=backend)
    gradient, memory = p.grad, p.grad.array
    w = Tensor([1.0, 1.0], dtype="float64", backend=backend, requires_grad=True)
    y = (w * gradient).sum()
    getattr(U, clip)(p, 5.0)
    assert p.grad is gradient and gradient.array is memory
    expected = [3, 4] if clip == "clip_grad_norm_" else [5, 5]
    np.testing.assert_allclose(gradient.numpy(), expected, 1e-6)
    with pytest.raises(RuntimeError, match="overwritten in place"):
        y.backward()


@pytest.mark.parametrize("clip", ["clip_grad_norm_", "clip_grad_value_"])
def test_each_gradient_is_clipped_once(backend, clip):
    """Also where one array reaches two parameters, and where it was one number expanded."""
    ours = [nn.Parameter(backend.asarray(np.full((2, 3), 2.0))) for _ in range(2)]
    theirs = [torch.nn.Parameter(torch.full((2, 3), 2.0).double()) for _ in range(2)]
    for p, q in (ours, theirs):
        (p + q).sum().backward()
    getattr(U, clip)(ours, 0.3), getattr(THEIRS, clip)(theirs, 0.3)
    assert_equal_gradients(ours, theirs)


@pytest.mark.filterwarnings("ignore:Using backward")  # torch's, on create_graph
def test_gradients_with_a_history(backend):
    ours = nn.Parameter(backend.asarray(np.array([3.0, -1.0])))
    theirs = torch.nn.Parameter(torch.tensor([3.0, -1.0]).double())
    for p in (ours, theirs):
        (p * p * p).sum().backward(create_graph=True)
    found, expected = U.clip_grad_norm_(ours, 1.0), THEIRS.clip_grad_norm_(theirs, 1.0)
    assert not found.requires_grad and not expected.requires_grad
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.detach().numpy(), 1e-14)


def test_any_memory_order(backend):
    """It stays as it is, gaps and all."""
    random = np.random.default_rng(3)
    big = random.normal(size=(6, 8))
    views = [lambda a: a.T, lambda a: a[::2, 1::3], lambda a: a.reshape(2, 3, 4, 2).swapaxes(1, 3)]
    ours, theirs = [], []
    for view in views:
        g = view(backend.asarray(big.copy()))
        ours.append(nn.Parameter(backend.asarray(np.zeros(g.shape))))
        ours[-1].grad = Tensor(g)
        theirs.append(torch.nn.Parameter(torch.zeros(*g.shape).double()))
        theirs[-1].grad = torch.tensor(np.ascontiguousarray(view(big)))
    strides = [p.grad.array.strides for p in ours]
    found, expected = U.clip_grad_norm_(ours, 2.0), THEIRS.clip_grad_norm_(theirs, 2.0)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-14)
    U.clip_grad_value_(ours, 0.2), THEIRS.clip_grad_value_(theirs, 0.2)
    assert_equal_gradients(ours, theirs)
    assert [p.grad.array.strides for p in ours] == strides


# ---- what is not finite, and what makes no sense -------------------------------------------------


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("norm_type", [2.0, math.inf])
def test_a_norm_that_is_not_finite(backend, value, norm_type):
    """By default all goes on, as in torch; if asked, it is an error before anything is written."""
    ours, theirs = pairs(backend)
    ours[0].grad.array[1, 2] = theirs[0].grad[1, 2] = value
    before = [p.grad.tolist() for p in ours if p.grad is not None]
    order = "inf" if norm_type == math.inf else "2.0"
    with pytest.raises(RuntimeError, match=f"norm of order {order} is {abs(value)}, so they"):
        U.clip_grad_norm_(ours, 1.0, norm_type, error_if_nonfinite=True)
    np.testing.assert_equal([p.grad.tolist() for p in ours if p.grad is not None], before)
    with pytest.raises(RuntimeError, match="non-finite"):
        THEIRS.clip_grad_norm_(theirs, 1.0, norm_type, error_if_nonfinite=True)
    found = U.clip_grad_norm_(ours, 1.0, norm_type)
    expected = THEIRS.clip_grad_norm_(theirs, 1.0, norm_type)
    np.testing.assert_equal(found.item(), expected.item())
    assert_equal_gradients(ours, theirs)
    U.clip_grad_value_(ours, 1.0), THEIRS.clip_grad_value_(theirs, 1.0)
    assert_equal_gradients(ours, theirs)


def test_nothing_to_clip():
    p = nn.Parameter(np.ones(2))
    for nothing in ([], [p], p):
        found = U.clip_grad_norm_(nothing, 1.0)
        assert found.item() == 0 and found.dtype == np.float32
        U.clip_grad_value_(nothing, 1.0)
    assert p.grad is None


def test_an_iterator_that_is_used_up_is_noticed():
    """The slip: one generator of parameters for the clipping of each step. torch warns, too."""
    for utils, network in ((U, nn.Linear(2, 3)), (THEIRS, torch.nn.Linear(2, 3))):
        parameters = (p for p in network.parameters())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            utils.clip_grad_norm_(parameters, 1.0)
        with pytest.warns(UserWarning, match="used up|empty generator"):
            utils.clip_grad_norm_(parameters, 1.0)


@pytest.mark.parametrize("limit", [-1, -1e-9, math.nan])
def test_limits_that_make_no_sense(limit):
    """torch takes them: gradients turn round, or all become one number."""
    p = nn.Parameter(np.ones(2))
    p.grad = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=f"max_norm must be a number of at least 0, got {limit}"):
        U.clip_grad_norm_(p, limit)
    with pytest.raises(ValueError, match=f"clip_value must be a number of at least 0, got {limit}"):
        U.clip_grad_value_(p, limit)
    for order in (0, -1.0, math.nan, -math.inf):
        with pytest.raises(ValueError, match="norm_type above 0, or infinity, not"):
            U.clip_grad_norm_(p, 1.0, order)
    assert p.grad.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (nn.Linear(2, 3), "such as network.parameters\\(\\), not a Linear"),
        (nn.Sequential(nn.ReLU()), "item 0 is a ReLU"),
        ([nn.Parameter(np.ones(2)), np.ones(2)], "item 1 is a ndarray"),
        (3.0, "not a float"),
    ],
)
def test_what_has_no_gradients(parameters, words):
    for clip in (U.clip_grad_norm_, U.clip_grad_value_):
        with pytest.raises(TypeError, match=words):
            clip(parameters, 1.0)


# ---- recorded steps ------------------------------------------------------------------------------


class Clipped:
    """A step that clips both ways."""

    def __init__(self, backend):
        self.weights = [nn.Parameter(backend.asarray(np.ones((2, 3), np.float32))) for _ in "ab"]
        self.optimizer = SGD(self.weights, 0.1)

    def step(self, x):
        self.optimizer.zero_grad()
        loss = sum(((w * x) ** 2).sum() for w in self.weights)
        loss.backward()
        norm = U.clip_grad_norm_(self.weights, 1.0)
        largest = U.clip_grad_norm_(iter(self.weights), 0.5, math.inf)
        U.clip_grad_value_(self.weights, 0.3)
        self.optimizer.step()
        return [loss.detach(), norm, largest]


def test_a_recorded_step_may_clip(backend):
    """Which shows that nothing is read: a recording refuses that."""
    eager, recorded = Clipped(backend), Clipped(backend)
    play = backend.compiled(recorded.step)
    for i in range(6):
        x = Tensor(np.linspace(0, i, 6, dtype=np.float32).reshape(2, 3), backend=backend)
        found, expected = play(x), eager.step(x)
        assert [t.item() for t in found] == [t.item() for t in expected]
        assert [w.tolist() for w in recorded.weights] == [w.tolist() for w in eager.weights]
    assert not getattr(play, "failed", False)
