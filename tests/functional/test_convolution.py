"""Convolutions against torch in float64, for whatever geometry Hypothesis thinks of."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minigan import functional as F  # noqa: N812
from minigan.backend import Backend, Window, get_backend
from minigan.backend.numpy import convolution as numpy_convolution
from minigan.backend.numpy.threads import Threads
from minigan.functional.convolution import Convolution, KernelGradient, TransposedConvolution
from minigan.tensor import Tensor, grad
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients
from minigan.testing.strategies import Geometry, convolutions, laid_out, layouts, seeds

CLOSE = {"rtol": 1e-11, "atol": 1e-11}
MANY = settings(max_examples=3 * settings.default.max_examples)  # geometry has many corners


@st.composite
def cases(draw: st.DrawFn, transposed: bool = False) -> tuple[Geometry, list[np.ndarray]]:
    """A geometry, and images, kernels and perhaps a bias that fit it. All rows of an image may be
    the same memory.
    """
    case = draw(convolutions(transposed=transposed))
    random, layout = np.random.default_rng(draw(seeds())), draw(st.none() | layouts())
    x = random.normal(size=case.images)
    x = np.broadcast_to(x[..., :1, :], x.shape) if layout is None else laid_out(x, layout)
    w, b = random.normal(size=case.weight), random.normal(size=case.out_channels)
    return case, [x, w, b] if draw(st.booleans()) else [x, w]


def ours(case: Geometry, tensors: list[Tensor]) -> Tensor:
    return (F.conv_transpose2d if case.transposed else F.conv2d)(*tensors, **case.arguments)


def theirs(case: Geometry, tensors: list[torch.Tensor]) -> torch.Tensor:
    library = torch.nn.functional
    function = library.conv_transpose2d if case.transposed else library.conv2d
    return function(*tensors, **case.arguments)


def derivatives(
    function: Callable[[list[Any]], Any],
    inputs: list[Any],
    differentiate: Callable[..., Any],
    random_like: Callable[[Any], Any],
) -> tuple[list[Any], list[Any]]:
    """All first gradients under a random cotangent, and all gradients of a random mix of those.

    The second ones go through every pair of inputs, the cotangent being an input too. The same
    lines run on our engine and on torch's.
    """
    y = function(inputs)
    cotangent = random_like(y)
    first = differentiate((y * cotangent).sum(), inputs, create_graph=True)
    mixed = sum((g * random_like(g).detach()).sum() for g in first)
    # The bias is not asked for: a convolution is linear in it, and its second gradients are 0.
    return list(first), list(differentiate(mixed, [*inputs[:2], cotangent]))


def check(case: Geometry, arrays: list[np.ndarray], backend: Backend) -> None:
    tensors = [Tensor(a, requires_grad=True, backend=backend) for a in arrays]
    torches = [torch.tensor(a.copy(), requires_grad=True) for a in arrays]
    expected_y = theirs(case, torches).detach().numpy()
    np.testing.assert_allclose(ours(case, tensors).numpy(), expected_y, **CLOSE)

    def drawing(make: Callable[[np.ndarray], Any]) -> Callable[[Any], Any]:
        random = np.random.default_rng(1)  # the same numbers for both sides
        return lambda like: make(random.normal(size=tuple(like.shape)))

    found = derivatives(
        lambda inputs: ours(case, inputs),
        tensors,
        grad,
        drawing(lambda array: Tensor(array, requires_grad=True, backend=backend)),
    )
    expected = derivatives(
        lambda inputs: theirs(case, inputs),
        torches,
        torch.autograd.grad,
        drawing(lambda array: torch.tensor(array, requires_grad=True)),
    )
    for mine, its in zip([*found[0], *found[1]], [*expected[0], *expected[1]], strict=True):
        np.testing.assert_allclose(mine.numpy(), its.detach().numpy(), **CLOSE)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch pads a copy; so do we
@pytest.mark.parametrize("transposed", [False, True])
@MANY
@given(data=st.data())
def test_both_orders_of_the_gradients_are_torchs(
    data: st.DataObject, transposed: bool, backend: Backend
) -> None:
    check(*data.draw(cases(transposed)), backend)


@given(drawn=cases(), seed=seeds())
def test_the_three_ops_are_the_derivatives_of_one_trilinear_form(
    drawn: tuple[Geometry, list[np.ndarray]], seed: int, backend: Backend
) -> None:
    """⟨g, x ⋆ w⟩ = ⟨transposed(g, w), x⟩ = ⟨kernel gradient(g, x), w⟩"""
    case, arrays = drawn
    assume(case.batch is not None and not isinstance(case.padding, str))
    assert not isinstance(case.padding, str)
    window = Window(case.stride, case.padding, case.dilation)
    x, w = (Tensor(array, backend=backend) for array in arrays[:2])
    y = Convolution(window)(x, w)
    g = Tensor(np.random.default_rng(seed).normal(size=y.shape), backend=backend)
    whole = (g * y).sum().item()
    through_x = (TransposedConvolution(window, case.size)(g, w) * x).sum().item()
    through_w = (KernelGradient(window, case.kernel)(g, x) * w).sum().item()
    scale = np.abs(g.numpy()).sum() * np.abs(y.numpy()).max() + 1
    assert math.isclose(whole, through_x, abs_tol=1e-13 * scale)
    assert math.isclose(whole, through_w, abs_tol=1e-13 * scale)


@given(drawn=cases(transposed=True))
def test_output_padding_gives_the_size_that_conv2d_takes_back(
    drawn: tuple[Geometry, list[np.ndarray]], backend: Backend
) -> None:
    """Transposing undoes what a convolution does to the size, whatever the rounding was."""
    case, arrays = drawn
    assume(all(e < s for e, s in zip(case.output_padding, case.stride, strict=True)))
    x, w = (Tensor(array, backend=backend) for array in arrays[:2])
    y = ours(case, [x, w])
    back = F.conv2d(y, w, None, case.stride, case.padding, case.dilation)
    assert back.shape == x.shape


@pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])
def test_both_orders_are_central_differences(
    function: Callable[..., Tensor], backend: Backend
) -> None:
    """No torch here: this is what says that torch and we are right."""
    random = np.random.default_rng(0)
    x, w, b = (random.normal(size=shape) for shape in ((2, 3, 4, 5), (3, 3, 3, 2), 3))
    geometry: dict[str, Any] = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    check_gradients(
        lambda x, w, b: function(x, w, b, **geometry), [x, w, b], order=2, backend=backend
    )


# --- numbers and memory ---------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["as usual", "channels last"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_number_type_is_kept_and_the_channels_lie_last(
    dtype: Any, layout: str, backend: Backend
) -> None:
    random = np.random.default_rng(0)
    arrays = (random.normal(size=shape).astype(dtype) for shape in ((2, 3, 7, 6), (4, 3, 2, 2), 4))
    x, w, b = (
        Tensor(laid_out(array, layout) if array.ndim == 4 else array, True, backend=backend)
        for array in arrays
    )
    y = F.conv2d(x, w, b, stride=2, padding=1)
    z = F.conv_transpose2d(y, w, stride=2, padding=1)
    for images in (y, z, *grad(z.sum(), [x, y], create_graph=True)):
        assert images.dtype == dtype
        assert images.array.transpose(0, 2, 3, 1).flags.c_contiguous
    for gradient in grad(z.sum(), [w, b]):
        assert gradient.dtype == dtype


def test_an_input_that_needs_no_gradient_costs_none(
    monkeypatch: pytest.MonkeyPatch, backend: Backend
) -> None:
    images = Tensor(np.ones((2, 3, 5, 5)), backend=backend)
    w = Tensor(np.ones((4, 3, 2, 2)), requires_grad=True, backend=backend)

    def refuse(*arrays: Any) -> None:
        raise AssertionError("the gradient of the images was computed, and nobody wants it")

    monkeypatch.setattr(TransposedConvolution, "forward", refuse)
    F.conv2d(images, w).sum().backward()
    assert w.grad is not None


@pytest.fixture
def three_threads() -> Iterator[Threads]:
    yield Threads(3)
    backend = get_backend("numpy")
    backend.threads.set_count(backend.threads.count)  # the matrix library is common to all


def every_kernel(threads: Threads, batch: int, dtype: Any = np.float64) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    window, kernel, size = Window((2, 1), (1, 2), (1, 2)), (3, 2), (9, 8)
    x = random.normal(size=(batch, *size, 5)).astype(dtype)
    w = random.normal(size=(*kernel, 5, 4)).astype(dtype)
    g = random.normal(size=(batch, *window.outputs(size, kernel), 4)).astype(dtype)
    return [
        numpy_convolution.convolution(threads, x, w, window),
        numpy_convolution.transposed_convolution(threads, g, w, window, size),
        numpy_convolution.kernel_gradient(threads, g, x, window, kernel),
    ]


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("columns", [1, 5000, 10**9])
def test_a_batch_in_pieces_on_threads_equals_one_piece(
    three_threads: Threads, monkeypatch: pytest.MonkeyPatch, batch: int, columns: int
) -> None:
    whole = every_kernel(Threads(1), batch)
    monkeypatch.setattr(numpy_convolution, "COLUMNS", columns)
    for mine, expected in zip(every_kernel(three_threads, batch), whole, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-12)


def test_no_kernel_counts_in_a_wider_type(three_threads: Threads) -> None:
    """The engine would turn a float64 gradient back to float32, at twice the price, unseen."""
    assert [y.dtype for y in every_kernel(three_threads, 7, np.float32)] == [np.float32] * 3


@given(
    count=st.integers(1, 200),
    threads=st.integers(1, 9),
    columns_per_image=st.integers(1, 3 << 20),
)
def test_the_pieces_are_the_batch_each_image_once(
    count: int, threads: int, columns_per_image: int
) -> None:
    pool = Threads(threads)
    pieces = numpy_convolution._pieces(pool, count, columns_per_image)
    images = [i for piece in pieces for i in range(piece.start, piece.stop)]
    assert images == list(range(count))
    largest = max(piece.stop - piece.start for piece in pieces)
    assert largest == 1 or largest * columns_per_image <= numpy_convolution.COLUMNS


def test_a_large_float32_batch_is_as_exact_as_torchs(backend: Backend) -> None:
    """Sizes at which the work is really cut up: 32 images of 2.3 MB of columns each."""
    random = np.random.default_rng(0)
    x, w = random.normal(size=(32, 24, 32, 30)), random.normal(size=(16, 24, 5, 5))
    cotangent = random.normal(size=(32, 16, 32, 30))

    def by_torch(dtype: torch.dtype) -> list[np.ndarray]:
        inputs = [torch.tensor(a, dtype=dtype, requires_grad=True) for a in (x, w)]
        y = torch.nn.functional.conv2d(*inputs, padding=2)
        gradients = torch.autograd.grad(y, inputs, torch.tensor(cotangent, dtype=dtype))
        return [result.detach().numpy() for result in (y, *gradients)]

    ours = [Tensor(a.astype(np.float32), True, backend=backend) for a in (x, w)]
    y = F.conv2d(*ours, padding=2)
    found = [y, *grad(y, ours, Tensor(cotangent.astype(np.float32), backend=backend))]
    float32, float64 = by_torch(torch.float32), by_torch(torch.float64)
    most = 2 if backend.name == "numpy" else 4  # cuBLAS adds up longer runs of numbers
    for mine, its, exact in zip(found, float32, float64, strict=True):
        assert np.abs(mine.numpy() - exact).max() < most * np.abs(its - exact).max()


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_short_runs_are_added_up_to_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, stride: int, channels: int
) -> None:
    """A number of a row of places at a time, or runs of neighboring channels and pixels."""
    random, window = np.random.default_rng(4), Window((stride, stride), (1, 1))
    g = random.standard_normal((3, 5, 6, 2)).astype(np.float32)
    w = random.standard_normal((4, 3, channels, 2)).astype(np.float32)
    size = (4 * stride + 2, 5 * stride + 1)  # of an image that has 5 × 6 places
    assert window.outputs(size, (4, 3)) == (5, 6)
    found = []
    for short in (0, 1000):
        monkeypatch.setattr(numpy_convolution, "SHORT", short)
        x = numpy_convolution.transposed_convolution(Threads(1), g, w, window, size)
        found.append(x.tobytes())
    assert found[0] == found[1]


def test_an_empty_batch_is_torchs_too(backend: Backend) -> None:
    x = Tensor(np.zeros((0, 3, 5, 6)), True, backend=backend)
    w = Tensor(np.ones((4, 3, 2, 2)), True, backend=backend)
    y = F.conv2d(x, w)
    assert y.shape == (0, 4, 4, 5)
    gx, gw = grad(y.sum(), [x, w])
    assert gx.shape == x.shape and not gw.numpy().any()
    assert F.conv_transpose2d(y, w).shape == x.shape


def peak_beyond_results(threads: Threads, batch: int, kernel: int) -> int:
    """Bytes that the hungriest of the three needs besides what it returns."""
    x = np.ones((batch, 32, 32, 16), np.float32)
    w = np.ones((kernel, kernel, 16, 16), np.float32)
    window = Window(padding=(kernel // 2, kernel // 2))
    worst = 0
    tracemalloc.start()
    try:
        for compute in (
            lambda: numpy_convolution.convolution(threads, x, w, window),
            lambda: numpy_convolution.transposed_convolution(threads, x, w, window, (32, 32)),
            lambda: numpy_convolution.kernel_gradient(threads, x, x, window, (kernel, kernel)),
        ):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            result = compute()
            worst = max(worst, tracemalloc.get_traced_memory()[1] - before - result.nbytes)
            del result
    finally:
        tracemalloc.stop()
    return worst


def test_memory_grows_neither_with_the_batch_nor_with_the_kernel() -> None:
    """The columns of these batches would be 39, 157 and 308 MB."""
    sizes = ((24, 5), (96, 5), (96, 7))
    few, many, wide = (peak_beyond_results(Threads(1), *size) for size in sizes)
    of_a_thread = 2 * 4 * numpy_convolution.COLUMNS  # the columns, and smaller arrays
    assert max(few, many, wide) < of_a_thread
    assert many < 1.1 * few


def test_each_thread_needs_that_much_again(three_threads: Threads) -> None:
    assert peak_beyond_results(three_threads, 96, 5) < 3 * 2 * 4 * numpy_convolution.COLUMNS


# --- what a person may get wrong ------------------------------------------------------------------


def images(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 5, 3, 3)),
            ["conv2d", "(2, 3, 8, 8)", "3 channels", "(4, 5, 3, 3)", "expects 5"],
        ),
        (
            lambda: F.conv_transpose2d(images(2, 3, 8, 8), images(4, 5, 3, 3)),
            ["conv_transpose2d", "(2, 3, 8, 8)", "3 channels", "(4, 5, 3, 3)", "expects 4"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 4, 9), images(4, 3, 5, 2)),
            ["conv2d", "(5, 2)", "larger than the image of (4, 9)", "padding (0, 0)"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 4, 9), images(4, 3, 3, 2), padding=1, dilation=(3, 1)),
            ["dilation (3, 1)", "larger than the image of (4, 9)", "padding (1, 1)"],
        ),
        (
            lambda: F.conv_transpose2d(images(1, 3, 2, 9), images(3, 4, 2, 2), padding=2),
            ["conv_transpose2d", "(2, 9)", "padding (2, 2)", "less padding"],
        ),
        (
            lambda: F.conv2d(images(2, 4, 8, 8), images(4, 2, 3, 3), groups=3),
            ["conv2d", "(4, 2, 3, 3) does not fall into 3 groups"],
        ),
        (
            lambda: F.conv_transpose2d(images(2, 4, 8, 8), images(4, 2, 3, 3), groups=3),
            ["conv_transpose2d", "(4, 2, 3, 3) does not fall into 3 groups"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 3, 3, 3), padding="full"),
            ["conv2d", '"same"', '"valid"', '"full"'],
        ),
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 3, 3, 3), stride=2, padding="same"),
            ["conv2d", '"same" needs stride 1', "2"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 3, 3, 3), padding=-1),
            ["conv2d", "padding at least 0", "padding (-1, -1)"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 3, 3, 3), stride=0),
            ["conv2d", "at least 1", "stride (0, 0)"],
        ),
        (
            lambda: F.conv_transpose2d(images(2, 3, 8, 8), images(3, 4, 3, 3), dilation=0),
            ["conv_transpose2d", "at least 1", "dilation (0, 0)"],
        ),
        (
            lambda: F.conv_transpose2d(
                images(2, 3, 8, 8), images(3, 4, 3, 3), stride=2, output_padding=2
            ),
            ["output_padding must be smaller", "(2, 2)", "stride (2, 2)"],
        ),
        (
            lambda: F.conv2d(images(3, 8), images(4, 3, 3, 3)),
            ["conv2d", "(N, C, H, W) or (C, H, W)", "(3, 8)"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 3, 3)),
            ["conv2d", "weight", "4 dimensions", "(4, 3, 3)"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 3, 3, 3), images(3)),
            ["conv2d", "bias", "(3,)", "(2, 4, 6, 6)"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 3, 3, 3), padding=(1, 2, 3)),
            ["a whole number or a pair", "(1, 2, 3)"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 3, 3, 3), stride=1.5),  # type: ignore
            ["a whole number or a pair", "1.5"],
        ),
        (
            lambda: F.conv2d(images(2, 3, 8, 8), images(4, 3, 0, 3)),
            ["conv2d", "weight", "none of them 0", "(4, 3, 0, 3)"],
        ),
    ],
)
def test_an_error_names_the_function_and_the_numbers(
    call: Callable[[], Tensor], words: list[str]
) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


PADS = [
    ((1, 2, 0, 3), ()),
    ((1, 1), ()),
    ((0, 2, 1, 0, 3, 1), ("constant", -2.5)),
    ((1, 0, 0, 1, 2, 0, 0, 1), ()),  # all four axes
    ((), ()),
]


@pytest.mark.parametrize(("around", "more"), PADS)
def test_pad_is_torch_s(backend: Backend, around: tuple[int, ...], more: tuple[Any, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    mine, its = F.pad, torch.nn.functional.pad
    assert_matches_torch(
        lambda x: mine(x, around, *more), lambda x: its(x, around, *more), [x], backend=backend
    )


@pytest.mark.parametrize("around", [(1, 1, 1), (1,) * 6])
def test_a_padding_that_does_not_fit(around: tuple[int, ...]) -> None:
    with pytest.raises(ValueError) as error:
        F.pad(images(4, 5), around)
    assert "2 whole numbers for each" in str(error.value)
    assert str(around) in str(error.value) and "shape (4, 5)" in str(error.value)


def test_only_constants_are_put_around() -> None:
    with pytest.raises(ValueError, match="only mode=\"constant\" .* got 'reflect'"):
        F.pad(images(4, 5), (1, 1), mode="reflect")


def test_valid_is_no_padding(backend: Backend) -> None:
    chance = np.random.default_rng(0)
    x, w = (
        Tensor(chance.normal(size=shape), backend=backend) for shape in ((2, 3, 6, 5), (4, 3, 3, 2))
    )
    y = F.conv2d(x, w, padding="valid")
    np.testing.assert_array_equal(y.numpy(), F.conv2d(x, w).numpy())


@pytest.mark.parametrize("around", [(-1, 0), (-1, -2, 1, -1), (2, -3), (-2, -3)])
def test_a_negative_padding_cuts_off(backend: Backend, around: tuple[int, ...]) -> None:
    x = images(4, 5).numpy()
    assert_matches_torch(
        lambda x: F.pad(x, around, value=2.0),
        lambda x: torch.nn.functional.pad(x, around, value=2.0),
        [x],
        backend=backend,
    )
    check_gradients(lambda x: F.pad(x, around), [x], backend=backend)


def test_no_more_can_be_cut_off_than_there_is() -> None:
    with pytest.raises(ValueError, match=r"\(-3, -3\) cuts more off than shape \(4, 5\) has"):
        F.pad(images(4, 5), (-3, -3))


GROUPS = {
    "conv2d": ((6, 2, 3, 2), {"stride": (2, 1), "padding": 1}),
    "conv2d same": ((6, 2, 3, 2), {"padding": "same"}),
    "conv_transpose2d": ((4, 3, 3, 2), {"stride": 2, "output_padding": 1}),
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("batch", [(2,), ()])
@pytest.mark.parametrize("name", GROUPS)
def test_groups_are_torch_s(backend: Backend, name: str, batch: tuple[int, ...]) -> None:
    shape, options = GROUPS[name]
    function = name.split()[0]
    random = np.random.default_rng(1)
    arrays = [random.normal(size=(*batch, 4, 3, 4)), random.normal(size=shape), np.arange(6.0)]

    def ours(x: Any, w: Any, b: Any) -> Any:
        return getattr(F, function)(x, w, b, groups=2, **options)

    def theirs(x: Any, w: Any, b: Any) -> Any:
        return getattr(torch.nn.functional, function)(x, w, b, groups=2, **options)

    assert_matches_torch(ours, theirs, arrays, backend=backend)
    assert_keeps_float32(ours, arrays, backend=backend)


def test_groups_keep_the_channels_last(backend: Backend) -> None:
    host = np.random.default_rng(1).normal(size=(2, 3, 4, 4)).transpose(0, 3, 1, 2)
    x = Tensor(host, requires_grad=True, backend=backend)
    w = Tensor(np.ones((4, 1, 3, 3)), backend=backend)
    y = F.conv2d(x, w, padding=1, groups=4)  # each channel by itself
    (gx,) = grad(y, x, y.detach())
    assert y.array.transpose(0, 2, 3, 1).flags.c_contiguous
    assert gx.shape == x.shape


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_no_images(backend: Backend, name: str) -> None:
    arrays = [np.zeros((0, 4, 5, 6)), np.random.default_rng(1).normal(size=(4, 4, 3, 2))]
    arrays.append(np.ones(4))
    functions = getattr(F, name), getattr(torch.nn.functional, name)
    assert_matches_torch(*functions, arrays, backend=backend)
