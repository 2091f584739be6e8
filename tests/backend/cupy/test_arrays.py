"""Tests of the CuPy backend: each kernel against NumPy's, for drawn shapes, layouts and windows.

They run with --backend cupy-on-cpu (see ../../cupy_on_cpu/README.md) or, on a GPU, with --backend
cupy.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minigan
from minigan import nn
from minigan.backend import AdamStep, Backend, Window, get_backend
from minigan.errors import UserError
from minigan.functional import leaky_relu, sigmoid
from minigan.functional.activations import (
    LeakyRectifier,
    LeakyRectifierGradient,
    Logistic,
    SmoothRectifier,
)
from minigan.functional.losses import BinaryCrossEntropy, BinaryCrossEntropyWithLogits
from minigan.optim import Adam
from minigan.random import Random
from minigan.testing.strategies import dtypes, pairs, seeds

NUMPY = get_backend("numpy")
CLOSE = {"float32": 2e-5, "float64": 1e-12}


def numbers(seed: int, *shape: int, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def laid_out(array: np.ndarray, order: Any) -> np.ndarray:
    """The same numbers, with the axes in that order in memory."""
    back = np.argsort(order)
    return np.ascontiguousarray(array.transpose(order)).transpose(back)


def assert_same(found: Any, wanted: np.ndarray, gpu: Backend) -> None:
    host = gpu.to_numpy(found)
    assert host.dtype == wanted.dtype
    assert host.shape == wanted.shape
    scale = max(1.0, float(abs(wanted).max(initial=0)))
    np.testing.assert_allclose(host, wanted, rtol=0, atol=CLOSE[wanted.dtype.name] * scale)


# ---- arrays and their order in memory ------------------------------------------------------------


@given(order=st.permutations(range(4)), seed=seeds())
def test_arrays_keep_their_memory_order_on_the_way_there_and_back(
    gpu: Backend, order: list[int], seed: int
) -> None:
    a = laid_out(numbers(seed, 2, 3, 4, 5), order)
    there = gpu.asarray(a)
    assert there.strides == a.strides
    back = gpu.to_numpy(there)
    assert back.strides == a.strides
    np.testing.assert_array_equal(back, a)


def test_an_array_that_is_there_already_is_not_copied(gpu: Backend) -> None:
    a = gpu.xp.zeros(3)
    assert gpu.asarray(a) is a


# Few layouts and formulas: CuPy compiles a kernel for each combination that it meets.
ORDERS = st.sampled_from([(0, 1, 2, 3), (0, 2, 3, 1), (2, 3, 1, 0)])


@given(
    orders=st.tuples(ORDERS, ORDERS),
    shapes=st.lists(st.sampled_from(["full", "channel", "row", "number"]), min_size=2, max_size=2),
    dtype=st.just("float32"),
)
def test_elementwise_gives_numpys_numbers_in_any_layout(
    gpu: Backend, orders: Any, shapes: list[str], dtype: str
) -> None:
    assume("full" in shapes)
    sizes = {"full": (2, 3, 4, 5), "channel": (1, 3, 1, 1), "row": (5,), "number": ()}
    arrays: list[Any] = []
    for i, (order, kind) in enumerate(zip(orders, shapes, strict=True)):
        a = numbers(i, *sizes[kind], dtype=dtype)
        arrays.append(laid_out(a, order) if kind == "full" else 0.5 if kind == "number" else a)
    on_gpu = [gpu.asarray(a) if isinstance(a, np.ndarray) else a for a in arrays]

    def formula(a: Any, b: Any) -> Any:
        return a * b

    y = gpu.elementwise(formula, on_gpu)
    assert_same(y, formula(*arrays), gpu)
    first = next(a for a in arrays if getattr(a, "shape", ()) == sizes["full"])
    assert y.strides == first.strides


def test_a_channels_last_image_stays_one_through_activations(gpu: Backend) -> None:
    image = gpu.asarray(laid_out(numbers(0, 2, 3, 4, 5, dtype="float32"), (0, 2, 3, 1)))
    x = minigan.Tensor(image, requires_grad=True)
    y = sigmoid(leaky_relu(x, 0.2)) * x + 1
    assert y.array.strides == image.strides
    y.backward(minigan.ones_like(y))
    assert x.grad is not None and x.grad.array.strides == image.strides


def test_a_formula_of_several_steps_is_one_kernel(gpu: Backend, device: Any) -> None:
    x = gpu.asarray(numbers(0, 6, 5, dtype="float32"))
    for op, arguments in (
        (LeakyRectifier(0.2), [x]),
        (LeakyRectifierGradient(0.2), [x, x]),
        (Logistic(), [x]),
        (SmoothRectifier(1.0, 20.0), [x]),
        (BinaryCrossEntropy(), [x * x / (1 + x * x), x]),
        (BinaryCrossEntropyWithLogits(), [x, x]),
    ):
        gpu.elementwise(op.forward, arguments)
        with device.recording() as calls:
            y = gpu.elementwise(op.forward, arguments)
        assert [call.name for call in calls if call.kind == "launch"] == [f"minigan_{op.name}"]
        assert_same(y, op.forward(*[gpu.to_numpy(a) for a in arguments]), gpu)


def test_formulas_that_differ_by_a_number_are_told_apart(gpu: Backend) -> None:
    x = gpu.asarray(numbers(0, 7))
    for slope in (0.1, 0.3, 0.1):
        y = gpu.elementwise(LeakyRectifier(slope).forward, [x])
        assert_same(y, LeakyRectifier(slope).forward(gpu.to_numpy(x)), gpu)
    for shift in (1.0, 2.0):
        y = gpu.elementwise(lambda a, shift=shift: a + shift, [x])
        assert_same(y, gpu.to_numpy(x) + shift, gpu)

    def adder(amount: float) -> Any:
        return lambda a: a * 2 + amount

    for amount in (1.0, 2.0):
        assert_same(gpu.elementwise(adder(amount), [x]), gpu.to_numpy(x) * 2 + amount, gpu)


# ---- products ------------------------------------------------------------------------------------


def matrix(seed: int, rows: int, columns: int, how: str, dtype: str) -> tuple[np.ndarray, Any]:
    """A matrix of NumPy's, and a function that lays it out elsewhere in the same way."""
    wide = numbers(seed, 2 * rows + 1, 2 * columns + 1, dtype=dtype)
    views = {
        "rows": lambda m: m[:rows, :columns].copy(),
        "columns": lambda m: m[:columns, :rows].copy().T if m.shape[0] >= columns else m,
        "part": lambda m: m[1 : rows + 1, 1 : columns + 1],
        "strided": lambda m: m[: 2 * rows : 2, : 2 * columns : 2],
        "backwards": lambda m: m[:rows, :columns][::-1],
    }
    if how == "columns":
        wide = wide.T.copy()
    return wide, views[how]


HOW = st.sampled_from(["rows", "columns", "part", "strided", "backwards"])


@given(
    sizes=st.tuples(*[st.integers(0, 5)] * 3),
    hows=st.tuples(HOW, HOW),
    dtype=dtypes(),
    seed=seeds(),
)
def test_matmul_is_numpys_for_any_layout(
    gpu: Backend, sizes: tuple[int, ...], hows: tuple[str, str], dtype: str, seed: int
) -> None:
    n, k, m = sizes
    a, view_a = matrix(seed, n, k, hows[0], dtype)
    b, view_b = matrix(seed + 1, k, m, hows[1], dtype)
    found = gpu.matmul(view_a(gpu.asarray(a)), view_b(gpu.asarray(b)))
    assert_same(found, np.matmul(view_a(a), view_b(b)), gpu)


def test_a_transposed_factor_is_not_copied(gpu: Backend, device: Any) -> None:
    x, w = (gpu.asarray(numbers(i, 6, 4, dtype="float32")) for i in range(2))
    gpu.matmul(x, w.T)
    with device.recording() as calls:
        gpu.matmul(x, w.T)
        gpu.matmul(x.T, w)
        gpu.matmul(x[:, 1:3], w[1:4, 1:3].T)
    assert {call.kind for call in calls} <= {"gemm", "malloc"}


def test_batches_of_matrices_are_multiplied_too(gpu: Backend) -> None:
    a, b = numbers(0, 2, 3, 4), numbers(1, 4, 5)
    assert_same(gpu.matmul(gpu.asarray(a), gpu.asarray(b)), a @ b, gpu)


def test_tf32_is_for_convolutions_unless_told_otherwise(monkeypatch: Any, gpu: Any) -> None:
    used: list[bool] = []
    blas = type(gpu._blas())
    multiply = blas.multiply

    def spy(self: Any, a: Any, b: Any, out: Any, *, tf32: bool, add: bool = False) -> None:
        used.append(tf32)
        multiply(self, a, b, out, tf32=tf32, add=add)

    monkeypatch.setattr(blas, "multiply", spy)
    x, w = gpu.asarray(numbers(0, 1, 3, 3, 2)), gpu.asarray(numbers(1, 2, 2, 2, 3))
    for setting, wanted in (
        ("convolutions", [False, True]),
        ("all", [True, True]),
        ("none", [False, False]),
    ):
        monkeypatch.setattr(gpu, "tf32", setting)
        gpu.matmul(x[0, 0], x[0, 0].T)
        gpu.convolution(x, w, Window())
        assert used == wanted
        used.clear()
    with pytest.raises(UserError, match='"none", "convolutions" or "all", not "off"'):
        gpu.tf32 = "off"


# ---- sums ----------------------------------------------------------------------------------------


@given(
    shape=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    data=st.data(),
    dtype=dtypes(),
    keepdims=st.booleans(),
)
def test_sum_over_any_axes_in_any_layout(
    gpu: Backend, shape: list[int], data: st.DataObject, dtype: str, keepdims: bool
) -> None:
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, len(shape) - 1)))))
    order = data.draw(st.permutations(range(len(shape))))
    a = laid_out(numbers(1, *shape, dtype=dtype), order)
    wanted = np.asarray(a.sum(axis=axes, keepdims=keepdims))
    assert_same(gpu.sum(gpu.asarray(a), axes, keepdims), wanted, gpu)


@given(
    index=st.lists(st.integers(-4, 3), min_size=1, max_size=40),
    columns=st.lists(st.integers(1, 40), max_size=2),
    dtype=dtypes(),
    seed=seeds(),
)
def test_rows_are_added_in_the_order_of_the_index(
    gpu: Backend, index: list[int], columns: list[int], dtype: str, seed: int
) -> None:
    """As NumPy adds them, to the last bit."""
    table = numbers(seed, 4, *columns, dtype=dtype)
    values = numbers(seed + 1, len(index), *columns, dtype=dtype)
    theirs = gpu.asarray(table.copy())
    gpu.add_at(theirs, gpu.asarray(np.array(index)), gpu.asarray(values))
    NUMPY.add_at(table, np.array(index), values)
    np.testing.assert_array_equal(gpu.to_numpy(theirs), table)


ROWS = st.one_of(st.integers(1, 20), st.sampled_from([64, 65, 2048, 2049, 5000]))
COLUMNS = st.sampled_from([1, 2, 3, 31, 32, 33, 70])


@given(rows=ROWS, columns=COLUMNS, dtype=dtypes(), seed=seeds())
def test_column_sums_products_and_moments(
    gpu: Backend, rows: int, columns: int, dtype: str, seed: int
) -> None:
    a, b = (numbers(seed + i, rows, columns, dtype=dtype) + 3 for i in range(2))
    center = numbers(seed + 2, columns, dtype=dtype)
    x, y, c = (gpu.asarray(array) for array in (a, b, center))
    assert_same(gpu.column_sums(x), NUMPY.column_sums(a), gpu)
    assert_same(gpu.column_products(x, y, c), NUMPY.column_products(a, b, center), gpu)
    for found, wanted in zip(gpu.column_moments(x), NUMPY.column_moments(a), strict=True):
        assert_same(found, wanted, gpu)


def test_the_variance_survives_a_large_mean(gpu: Backend) -> None:
    a = numbers(0, 3000, 5, dtype="float32") + np.float32(10_000)
    _, variance = gpu.column_moments(gpu.asarray(a))
    np.testing.assert_allclose(gpu.to_numpy(variance), a.astype("float64").var(axis=0), rtol=1e-3)


@given(rows=st.integers(1, 40), columns=COLUMNS, terms=st.integers(1, 4), dtype=dtypes())
def test_column_affine(gpu: Backend, rows: int, columns: int, terms: int, dtype: str) -> None:
    pairs: list[np.ndarray] = []
    for i in range(terms):
        pairs += [numbers(i, rows, columns, dtype=dtype), numbers(i + 9, columns, dtype=dtype)]
    pairs.append(numbers(99, columns, dtype=dtype))
    found = gpu.column_affine(*[gpu.asarray(a) for a in pairs])
    assert_same(found, NUMPY.column_affine(*pairs), gpu)


# ---- convolution ---------------------------------------------------------------------------------


@st.composite
def geometries(draw: st.DrawFn) -> tuple[Window, tuple[int, int], tuple[int, int]]:
    """A window, a kernel's size and an image's size into which it fits."""
    window = Window(draw(pairs(1, 3)), draw(pairs(0, 2)), draw(pairs(1, 3)))
    kernel = draw(pairs(1, 3))
    least = [d * (k - 1) + 1 - 2 * p for k, p, d in zip(kernel, *window[1:], strict=True)]
    height, width = (max(1, n) + draw(st.integers(0, 4)) for n in least)
    return window, kernel, (height, width)


@settings(max_examples=60)
@given(
    geometry=geometries(),
    images=st.sampled_from([2, 1, 3, 0]),
    channels=st.sampled_from([1, 3, 4, 8]),
    out=st.integers(1, 5),
    dtype=dtypes(),
    few=st.booleans(),
)
def test_convolution_and_its_two_adjoints(
    gpu: Any,
    geometry: Any,
    images: int,
    channels: int,
    out: int,
    dtype: str,
    few: bool,
) -> None:
    from minigan.backend.cupy import convolution as cupy_convolution

    window, kernel, size = geometry
    x = numbers(1, images, *size, channels, dtype=dtype)
    w = numbers(2, *kernel, channels, out, dtype=dtype)
    g = numbers(3, images, *window.outputs(size, kernel), out, dtype=dtype)
    with pytest.MonkeyPatch.context() as patch:
        if few:  # one image at a time
            patch.setattr(cupy_convolution, "COLUMNS", 1)
        on_gpu = [gpu.asarray(a) for a in (x, w, g)]
        y = gpu.convolution(on_gpu[0], on_gpu[1], window)
        back = gpu.transposed_convolution(on_gpu[2], on_gpu[1], window, size)
        gw = gpu.kernel_gradient(on_gpu[2], on_gpu[0], window, kernel)
    assert_same(y, NUMPY.convolution(x, w, window), gpu)
    assert_same(back, NUMPY.transposed_convolution(g, w, window, size), gpu)
    assert_same(gw, NUMPY.kernel_gradient(g, x, window, kernel), gpu)


def test_an_output_padding_leaves_room_that_no_place_covers(gpu: Backend) -> None:
    window = Window((3, 3), (1, 1))
    g, w = numbers(0, 2, 2, 3, 4), numbers(1, 3, 3, 5, 4)
    for size in ((4, 7), (5, 8), (6, 9)):
        wanted = NUMPY.transposed_convolution(g, w, window, size)
        found = gpu.transposed_convolution(gpu.asarray(g), gpu.asarray(w), window, size)
        assert_same(found, wanted, gpu)


def test_four_channels_are_moved_at_once_where_memory_allows(gpu: Backend, device: Any) -> None:
    line = numbers(0, 2 * 4 * 4 * 8 + 1, dtype="float32")
    w = numbers(1, 3, 3, 8, 2, dtype="float32")
    for start, kernel in ((0, "columns_float32x4"), (1, "columns_float32")):
        pixels = slice(start, start + 2 * 4 * 4 * 8)
        x = gpu.asarray(line)[pixels].reshape(2, 4, 4, 8)
        with device.recording() as calls:
            y = gpu.convolution(x, gpu.asarray(w), Window())
        assert [call.name for call in calls if call.kind == "launch"] == [kernel]
        wanted = NUMPY.convolution(line[pixels].reshape(2, 4, 4, 8), w, Window())
        assert_same(y, wanted, gpu)


# ---- Adam ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["strided", "float64"])
def test_adam_takes_gradients_as_they_lie(gpu: Any, kind: str) -> None:
    weights = []
    for backend in (get_backend("numpy"), gpu):
        p = nn.Parameter(backend.asarray(np.ones(6, np.float32)))
        g = np.linspace(-1, 1, 12)[::2] if kind == "float64" else np.linspace(-1, 1, 6, dtype="f")
        wide = backend.asarray(np.repeat(g, 2))
        p.grad = minigan.Tensor(wide[::2])
        Adam([p], lr=0.1).step()
        weights.append(p.numpy())
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-6)


def test_products_of_nothing_are_zero_in_used_memory(gpu: Any) -> None:
    gpu.xp.full((3, 2), np.nan, np.float32)  # freed at once, and its memory given out again
    product = gpu.matmul(gpu.xp.empty((3, 0), np.float32), gpu.xp.empty((0, 2), np.float32))
    assert gpu.to_numpy(product).tolist() == [[0, 0]] * 3


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    dtype=dtypes(),
    decay=st.sampled_from([0.0, 0.1]),
    many=st.booleans(),
)
def test_adam_takes_numpys_steps(
    gpu: Any, sizes: list[int], dtype: str, decay: float, many: bool
) -> None:
    from minigan.backend.cupy import arrays as cupy_backend

    if many:
        sizes = sizes * (1 + cupy_backend.GRADIENTS // len(sizes))  # more than one launch takes
    total = sum(sizes)
    options = AdamStep(0.01, 0.5, 0.9, 1e-8, decay)
    state = [*np.zeros((2, total), dtype), np.zeros(1, np.int64)]
    parameters = [numbers(3 * i, n, dtype=dtype) for i, n in enumerate(sizes)]
    there = [gpu.asarray(a) for a in state]
    parameters_there = [gpu.asarray(p) for p in parameters]
    for step in range(3):
        gradients = [numbers(step + 10 * i, n, dtype=dtype) for i, n in enumerate(sizes)]
        NUMPY.adam(parameters, gradients, *state, options)
        gpu.adam(parameters_there, [gpu.asarray(g) for g in gradients], *there, options)
    found, wanted = [*parameters_there, *there[:2]], [*parameters, *state[:2]]
    for one, other in zip(found, wanted, strict=True):
        assert_same(one, other, gpu)
    assert int(there[2][0]) == 3


def test_adams_moments_lose_no_digits_in_float32(gpu: Any) -> None:
    """1 - 0.999 in float32 is wrong in the fifth digit, and so would be the second moment."""
    g, options = numbers(0, 9, dtype="float32"), AdamStep(0.01, 0.9, 0.999, 1e-8, 0.0)
    p, mean, square = (gpu.xp.zeros(9, np.float32) for _ in range(3))
    gpu.adam([p], [gpu.asarray(g)], mean, square, gpu.xp.zeros(1, np.int64), options)
    np.testing.assert_allclose(gpu.to_numpy(mean), 0.1 * g.astype("f8"), rtol=3e-7)
    np.testing.assert_allclose(gpu.to_numpy(square), 0.001 * g.astype("f8") ** 2, rtol=3e-7)


# ---- random numbers ------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**128 - 1),
    offset=st.integers(0, 2**62),
    count=st.one_of(st.integers(0, 20), st.sampled_from([1000, 30_001])),
    dtype=dtypes(),
)
def test_random_numbers_are_numpys_to_the_last_bit(
    gpu: Backend, seed: int, offset: int, count: int, dtype: str
) -> None:
    ours, theirs = Random(backend=gpu), Random()
    for generator in (ours, theirs):
        generator.load_state_dict({"seed": seed, "offset": offset})

    def draws(generator: Random) -> list[Any]:
        return [
            generator.uniform(count, dtype),
            generator.normal(count, dtype),
            generator.bernoulli(0.3, count, dtype, value=1 / 0.3),
            generator.integers(10, count),
        ]

    for found, wanted in zip(draws(ours), draws(theirs), strict=True):
        assert gpu.to_numpy(found).tobytes() == wanted.tobytes()
    assert ours.state_dict() == theirs.state_dict()
    np.testing.assert_array_equal(ours.permutation(9), theirs.permutation(9))


# ---- what is said when it cannot go on -----------------------------------------------------------


def test_a_first_kernel_that_fails_is_told(monkeypatch: Any, gpu: Any) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("libnvrtc.so not found\nand a long story")

    monkeypatch.setattr(type(gpu), "matmul", fail)
    with pytest.raises(UserError, match="the first kernel fails .*libnvrtc.so not found.; CuPy"):
        type(gpu)()


def test_a_gpu_that_others_have_filled_is_told(monkeypatch: Any, gpu: Any) -> None:
    class RuntimeFaultError(Exception):
        status = 2

    def fail(*_: Any) -> None:
        raise RuntimeFaultError("cudaErrorMemoryAllocation: out of memory")

    monkeypatch.setattr(type(gpu), "matmul", fail)
    with pytest.raises(UserError, match="out of memory.; end other programs on this GPU$"):
        type(gpu)()


def test_memory_that_is_used_up_is_told_with_a_way_out(gpu: Any) -> None:
    pool = gpu.xp.get_default_memory_pool()
    limit = pool.get_limit()
    pool.set_limit(size=pool.total_bytes() + (1 << 20))
    try:
        with pytest.raises(UserError, match="memory is used up: 1,024 MiB more .*--batch-size"):
            minigan.zeros(1 << 28, backend=gpu)
    finally:
        pool.set_limit(size=limit)
