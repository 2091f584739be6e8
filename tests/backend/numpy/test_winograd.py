"""The nine products against the sixteen that they replace, and against torch."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minigan import functional as F  # noqa: N812
from minigan.backend.interface import Window
from minigan.backend.numpy import convolution as numpy_convolution
from minigan.backend.numpy import winograd
from minigan.backend.numpy.compiler import Compiler
from minigan.backend.numpy.threads import Threads
from minigan.tensor import Tensor, grad
from minigan.testing import check_gradients

ONE = Threads(1)


@pytest.fixture
def any_depth(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let few channels take this way too; the list says which of its functions have been used."""
    used: list[str] = []
    monkeypatch.setattr(winograd, "DEPTH", 1)
    for name in ("convolution", "transposed_convolution", "kernel_gradient"):
        kernel = getattr(winograd, name)
        monkeypatch.setattr(
            winograd,
            name,
            lambda *a, kernel=kernel, name=name: used.append(name) or kernel(*a),
        )
    yield used


@st.composite
def geometries(draw: st.DrawFn) -> tuple[Window, tuple[int, int], tuple[int, int]]:
    """A window with kernel = 2 · stride, the size of an image, and its even number of places."""
    sizes, places, stride, padding = [], [], [], []
    for _ in range(2):
        s = draw(st.integers(1, 3))
        count = 2 * draw(st.integers(1, 3))
        unused = draw(st.integers(0, s - 1))  # pixels at the end that no place reaches
        p = draw(st.integers(0, min(3, (s * (count + 1) + unused - 1) // 2)))
        stride.append(s)
        places.append(count)
        padding.append(p)
        sizes.append(s * (count + 1) + unused - 2 * p)
    window = Window((stride[0], stride[1]), (padding[0], padding[1]))
    return window, (sizes[0], sizes[1]), (places[0], places[1])


@given(
    geometry=geometries(),
    batch=st.integers(0, 5),
    channels=st.integers(1, 3),
    out=st.integers(1, 3),
    threads=st.integers(1, 3),
)
def test_all_three_equal_the_columns_way(
    geometry: tuple[Window, tuple[int, int], tuple[int, int]],
    batch: int,
    channels: int,
    out: int,
    threads: int,
) -> None:
    """With whole numbers there is no rounding: they must be equal to the last bit."""
    window, size, places = geometry
    kernel = (2 * window.stride[0], 2 * window.stride[1])
    assert window.outputs(size, kernel) == places
    random = np.random.default_rng(0)
    x = random.integers(-9, 10, (batch, *size, channels)).astype(float)
    w = random.integers(-9, 10, (*kernel, channels, out)).astype(float)
    g = random.integers(-9, 10, (batch, *places, out)).astype(float)
    pool = Threads(threads)
    for name, arguments in (
        ("convolution", (x, w, window)),
        ("transposed_convolution", (g, w, window, size)),
        ("kernel_gradient", (g, x, window, kernel)),
    ):
        plain = getattr(numpy_convolution, name)(ONE, *arguments)
        np.testing.assert_array_equal(
            getattr(winograd, name)(pool, Compiler(), *arguments), plain, err_msg=name
        )


def test_both_orders_are_central_differences_and_torchs(any_depth: list[str]) -> None:
    random = np.random.default_rng(1)
    x, w = random.normal(size=(2, 2, 8, 4)), random.normal(size=(3, 2, 4, 4))
    check_gradients(lambda x, w: F.conv2d(x, w, stride=2, padding=1), [x, w], order=2)
    assert set(any_depth) == {"convolution", "transposed_convolution", "kernel_gradient"}

    ours = [Tensor(a, requires_grad=True) for a in (x, w)]
    theirs = [torch.tensor(a, requires_grad=True) for a in (x, w)]
    first = grad((F.conv2d(*ours, stride=2, padding=1) ** 3).sum(), ours, create_graph=True)
    second = grad((first[0] * first[0]).sum() + (first[1] ** 3).sum(), ours)
    y = (torch.nn.functional.conv2d(*theirs, stride=2, padding=1) ** 3).sum()
    torch_first = torch.autograd.grad(y, theirs, create_graph=True)
    torch_second = torch.autograd.grad(
        (torch_first[0] ** 2).sum() + (torch_first[1] ** 3).sum(), theirs
    )
    for mine, expected in zip([*first, *second], [*torch_first, *torch_second], strict=True):
        np.testing.assert_allclose(mine.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-7)


def test_the_layers_of_the_dcgan_are_as_exact_as_by_columns() -> None:
    """In float32, at a real size: the error against float64, beside the other way's."""
    random = np.random.default_rng(2)
    window = Window((2, 2), (1, 1))
    x, w = random.normal(size=(8, 16, 16, 64)), random.normal(size=(4, 4, 64, 64))
    exact = numpy_convolution.convolution(ONE, x, w, window)
    single = (x.astype(np.float32), w.astype(np.float32), window)
    found = (
        winograd.convolution(ONE, Compiler(), *single),
        numpy_convolution.convolution(ONE, *single),
    )
    errors = [np.abs(y - exact).max() / np.abs(exact).max() for y in found]
    assert errors[0] < 3 * errors[1] < 3e-5


@pytest.mark.parametrize(
    ("window", "kernel", "places", "expected"),
    [
        (Window((2, 2), (1, 1)), (4, 4, 64, 128), (16, 16), True),
        (Window((1, 1), (0, 0)), (2, 2, 256, 64), (8, 8), True),
        (Window((2, 2), (1, 1)), (4, 4, 3, 64), (32, 32), False),  # too few channels
        (Window((2, 2), (1, 1)), (4, 4, 512, 1), (4, 4), False),  # too few outputs
        (Window((2, 2), (1, 1)), (4, 4, 64, 128), (7, 7), False),  # odd
        (Window((1, 1), (0, 0)), (4, 4, 512, 64), (2, 2), False),  # kernel = 4 · stride
        (Window((2, 2), (1, 1), (2, 2)), (4, 4, 64, 128), (16, 16), False),  # dilated
    ],
)
def test_it_is_chosen_where_it_pays(
    window: Window, kernel: tuple[int, ...], places: tuple[int, int], expected: bool
) -> None:
    assert winograd.fits(window, kernel, places) is expected


def _places(numbers: np.ndarray) -> list[np.ndarray]:
    """Each number as an array without axes, which can be written into."""
    return [numbers[i, ...] for i in range(len(numbers))]


@pytest.mark.parametrize(
    ("transform", "results", "given"), [("sums", 9, 4), ("add_sums", 4, 9), ("differences", 9, 9)]
)
def test_compiled_or_not_the_bytes_are_the_same(transform: str, results: int, given: int) -> None:
    """NaN, infinities and both zeros among them."""
    pytest.importorskip("llvmlite")
    x = np.random.default_rng(3).standard_normal((given, 4, 300)).astype(np.float32)
    x[:, 0, :5] = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    formula, found = getattr(winograd, transform), []
    compiler = Compiler()
    for compiler.on in (True, False):
        out = np.empty((results, 4, 300), np.float32)
        with np.errstate(invalid="ignore"):
            winograd._written(compiler, formula, [*out], [*x])
        found.append(out)
    assert compiler._made and None not in compiler._made.values()
    np.testing.assert_array_equal(*found)
    assert (np.signbit(found[0]) == np.signbit(found[1]))[~np.isnan(found[0])].all()


def test_the_worked_numbers_of_the_docstring() -> None:
    """y₀ = 23 and y₁ = 22 by three products, through the very transforms of the kernels."""
    x, w = np.array([1, 4, 2]), np.array([3, 5])
    of_x, of_w = np.empty(3, int), np.empty(3, int)
    winograd._differences(_places(of_x), *_places(x))
    winograd._sums(_places(of_w), *_places(w))
    p, q, r = (of_x * of_w).tolist()
    assert (p, q, r) == (-9, 32, -10) and (p + q, q + r) == (23, 22)
    assert (np.convolve(x, w[::-1], "valid") == [23, 22]).all()
    text = " ".join((winograd.__doc__ or "").split())
    assert "With x = (1, 4, 2) and w = (3, 5): y₀ = 1·3 + 4·5 = 23 and y₁ = 4·3 + 2·5 = 22" in text
    assert "p = (1 − 4)·3 = −9, q = 4·(3 + 5) = 32, r = (2 − 4)·5 = −10" in text


def test_the_drawing_of_the_fold() -> None:
    letters = np.array(list("abcdefghijklmnop")).reshape(1, 4, 4, 1)
    pixels = winograd._folded(letters, Window((2, 2)), (1, 1)).reshape(2, 2, 4)
    assert ["".join(pixel) for row in pixels for pixel in row] == ["abef", "cdgh", "ijmn", "klop"]
    for pixel in ("(abef) (cdgh)", "(ijmn) (klop)"):
        assert pixel in (winograd.__doc__ or "")
