"""Tests of the strategies: what they draw is what they promise, and planted faults are found."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigan as mg
from minigan.backend import backend_of
from minigan.tensor import Elementwise, Op, Tensor
from minigan.testing import assert_matches_torch, check_gradients, strategies
from minigan.testing.strategies import LAYOUTS, STEP, laid_out, numbers

# A search of fixed seeds, which does not remember: it finds a fault always or never.
SEARCH = settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


# ---- what is drawn ------------------------------------------------------------------------------


@given(
    x=strategies.arrays(away_from=[-1.0, 0.0, 0.5], distance=0.2, low=-2, high=2.5),
    y=strategies.arrays((2, 3), dtype="float32", layout="reversed"),
)
def test_numbers_stay_away_and_in_their_range(x, y):
    assert x.dtype == np.float64 and x.min() >= -2 and x.max() <= 2.5 and x.ndim <= 4
    for kink in (-1.0, 0.0, 0.5):
        assert abs(x - kink).min() >= 0.2
    np.testing.assert_array_equal(x, x.astype(np.float32))  # no digit is lost
    assert y.dtype == np.float32 and y.shape == (2, 3) and max(y.strides) < 0
    assert abs(y).min() >= 1 / 16


@given(pair=strategies.array_pairs(), shapes=strategies.broadcastable_pairs(max_dims=2))
def test_a_pair_is_broadcast_and_shares_no_number(pair, shapes):
    a, b = pair
    assert abs(a - b).min() >= STEP / 2
    assert len(np.broadcast_shapes(*shapes)) <= 2


def test_numbers_are_those_of_the_seed_and_all_of_the_range_comes():
    x = numbers(3, 40, 50)
    np.testing.assert_array_equal(x, numbers(3, 40, 50))
    assert (x != numbers(4, 40, 50)).any() and numbers(3).shape == ()
    assert x.min() < -2.9 and x.max() > 2.9 and abs(x).min() < 0.09
    with pytest.raises(ValueError, match=r"none from -3.0 to 3.0 is 4 from \(0.0,\)"):
        numbers(3, 2, distance=4)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(shape=strategies.shapes(min_side=0))
def test_a_layout_keeps_shape_and_numbers(layout, shape):
    x = numbers(1, *shape)
    y = laid_out(x, layout)
    np.testing.assert_array_equal(x, y)
    assert isinstance(y, np.ndarray) and y.dtype == x.dtype


STRIDES = {
    "as usual": (480, 160, 40, 8),
    "transposed": (8, 16, 48, 192),
    "channels last": (480, 8, 120, 24),
    "every second": (960, 320, 80, 16),
    "reversed": (-480, -160, -40, -8),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_what_they_say_and_the_checks_keep_them(layout):
    """Float32 inputs, too, which are copied to float64."""
    x = laid_out(numbers(1, 2, 3, 4, 5), layout)
    assert x.strides == STRIDES[layout]
    seen = []

    def see(t):
        seen.append(t.array.strides)
        return t * t

    check_gradients(see, [x], 0)
    check_gradients(see, [laid_out(x.astype(np.float32), layout)], 0)
    assert_matches_torch(see, lambda t: t * t, [x], 1)
    assert set(seen) == {STRIDES[layout]}


def test_every_corner_is_drawn():
    """Hypothesis must not be led past any of the cases that the strategies are for."""
    drawn = {"layout": set(), "sides": set(), "padding": set(), "batch": set(), "dtype": set()}

    @SEARCH
    @given(x=strategies.arrays(dtype=strategies.dtypes()), c=strategies.convolutions())
    def draw(x, c):
        drawn["layout"].add(min(x.strides, default=0) < 0)
        drawn["sides"].add(x.ndim)
        drawn["dtype"].add(x.dtype.name)
        drawn["padding"].add(c.padding if isinstance(c.padding, str) else "numbers")
        drawn["batch"].add(c.batch)

    draw()
    assert drawn["layout"] == {True, False} and drawn["sides"] == {0, 1, 2, 3, 4}
    assert drawn["padding"] == {"numbers", "same", "valid"} and drawn["batch"] == {None, 1, 2, 3}
    assert drawn["dtype"] == {"float32", "float64"}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("transposed", [False, True])
@given(data=st.data())
def test_every_convolution_has_an_output_here_and_in_torch(transposed, data):
    case = data.draw(strategies.convolutions(transposed=transposed))
    name = "conv_transpose2d" if transposed else "conv2d"
    x, w = np.ones(case.images), np.ones(case.weight)
    ours = getattr(mg.functional, name)(Tensor(x), Tensor(w), **case.arguments)
    theirs = getattr(torch.nn.functional, name)
    expected = theirs(torch.tensor(x), torch.tensor(w), **case.arguments)
    assert ours.shape == tuple(expected.shape) and min(ours.shape) >= 1
    assert case.transposed == transposed and (transposed or case.output_padding == (0, 0))


# ---- what is found ------------------------------------------------------------------------------


class WrongSum(Op):
    """y = a + b, broadcast, where dL/db adds up the leading axes that b lacks, and no others:
    an axis of b that has one element is forgotten, and filled with its first gradient.
    """

    def forward(self, a, b):
        return a + b

    def da(self, g, y, a, b):
        return self.fitted(g, a)

    def db(self, g, y, a, b):
        return self.fitted(g, b)

    def fitted(self, g, x):
        g = g.sum(tuple(range(g.ndim - x.ndim))) if g.ndim > x.ndim else g
        return g[tuple(slice(0, side) for side in x.shape)]


class WrongStrides(Elementwise):
    """y = x², of the numbers as they lie in memory, from the lowest address on"""

    def forward(self, x):
        return (x[::-1] if x.ndim and x.strides[0] < 0 else x) ** 2

    def dx(self, g, y, x):
        return 2 * g * x


class Corner(Elementwise):
    """y = max(0, x − ½): a kink at ½, whose slope there is taken to be 1"""

    def forward(self, x):
        return backend_of(x).xp.maximum(0, x - 0.5)

    def dx(self, g, y, x):
        return g * Tensor(x.numpy() >= 0.5)


FLAT = strategies.shapes(max_dims=2, max_side=3)


def search(strategy, function):
    """Let Hypothesis look for arrays at which a gradient is wrong."""

    @SEARCH
    @given(drawn=strategy)
    def test(drawn):
        check_gradients(function, drawn if isinstance(drawn, tuple) else [drawn], 1)

    test()


def test_a_wrong_sum_of_a_broadcast_is_found():
    def add(a, b):
        return WrongSum()(a, b)

    check_gradients(add, [numbers(1, 2, 3), numbers(2, 3)])  # what it was written for
    with pytest.raises(AssertionError, match="order 1, input [01]"):
        search(strategies.array_pairs(strategies.broadcastable_pairs(max_dims=2)), add)


def test_a_rule_that_is_wrong_at_negative_strides_is_found():
    def square(x):
        return WrongStrides()(x)

    for layout in LAYOUTS[:-1]:
        check_gradients(square, [laid_out(numbers(1, 2, 3), layout)])
    with pytest.raises(AssertionError, match="order 1, input 0"):
        search(strategies.arrays(FLAT), square)


def test_a_kink_is_found_and_kept_away_from():
    def corner(x):
        return Corner()(x)

    search(strategies.arrays(FLAT, away_from=[0.5]), corner)
    on_the_kink = strategies.arrays(FLAT).map(lambda x: np.round(x * 2) / 2)
    with pytest.raises(AssertionError, match="order 1, input 0"):
        search(on_the_kink, corner)


def test_without_hypothesis_it_says_what_to_install():
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import minigan.testing\n"
        "from minigan.testing import strategies"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    needs = 'minigan.testing.strategies needs Hypothesis: pip install "minigan[check]"'
    assert done.stderr.splitlines()[-1] == f"ImportError: {needs}"
