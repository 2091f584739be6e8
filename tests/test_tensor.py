"""Tests of the tensor and its arithmetic: torch's numbers, float32 kept, memory order kept."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigan as mg
from minigan.testing import assert_keeps_float32, assert_matches_torch, check_gradients
from minigan.testing.strategies import (
    array_pairs,
    broadcastable_pairs,
    laid_out,
    layouts,
    numbers,
    seeds,
    shapes,
)


def positive(seed, *shape):
    return numbers(seed, *shape, low=0.25)


# Functions of one tensor, written once for both libraries, and the numbers they are made for. First
# those that work on each element by itself:
ELEMENTWISE = {
    "negate": (lambda x: -x, numbers),
    "exp": (lambda x: x.exp(), numbers),
    "log": (lambda x: x.log(), positive),
    "sqrt": (lambda x: x.sqrt(), positive),
    "abs": (lambda x: abs(x), numbers),
    "square": (lambda x: x**2, numbers),
    "cube": (lambda x: x**3, numbers),
    "power 1": (lambda x: x**1, numbers),
    "power 0": (lambda x: x**0, numbers),
    "power -1": (lambda x: x**-1, numbers),
    "power 0.5": (lambda x: x**0.5, positive),
    "power -1.5": (lambda x: x**-1.5, positive),
    "clamp": (lambda x: x.clamp(-0.5, 0.75), numbers),
    "clamp from below": (lambda x: x.clamp(min=0.25), numbers),
    "clamp from above": (lambda x: x.clamp(max=-0.25), numbers),
    "x + 2": (lambda x: x + 2, numbers),
    "2 + x": (lambda x: 2 + x, numbers),
    "x - 2": (lambda x: x - 2.5, numbers),
    "2 - x": (lambda x: 2.5 - x, numbers),
    "x * 2": (lambda x: x * 2, numbers),
    "2 * x": (lambda x: 2.5 * x, numbers),
    "x / 2": (lambda x: x / 2.5, numbers),
    "2 / x": (lambda x: 2 / x, numbers),
    "True * x": (lambda x: True * x, numbers),
    "x with NumPy's numbers": (lambda x: np.float64(1.5) * x + np.int64(2) - np.sqrt(2), numbers),
    "two uses": (lambda x: x * x + x, numbers),
    "clone": (lambda x: x.clone() * x, numbers),
    "where x > 0": (lambda x: library(x).where(x > 0, x * x, -x), numbers),
}
UNARY = ELEMENTWISE | {
    "sum": (lambda x: x.sum(), numbers),
    "mean": (lambda x: x.mean(), numbers),
    "flatten": (lambda x: x.flatten() ** 2, numbers),
    "t": (lambda x: x.permute(tuple(range(x.ndim))[::-1]) ** 2, numbers),
    "reshape": (lambda x: x.reshape(-1, 1) ** 2, numbers),
    "unsqueeze": (lambda x: x.unsqueeze(-1) ** 2, numbers),
    "squeeze": (lambda x: x.squeeze() ** 2, numbers),
    "expand": (lambda x: x.expand(3, *x.shape) ** 2, numbers),
    "norm": (lambda x: x.norm() + x.norm(1), numbers),
    "norm 3": (lambda x: x.norm(3), numbers),
    "pow": (lambda x: x.pow(3), numbers),
    "largest and smallest": (lambda x: x.max() - 2 * x.min(), numbers),
}

# Functions of two tensors that are broadcast against each other.
BINARY = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b,
    "maximum": lambda a, b: library(a).maximum(a, b),
    "minimum": lambda a, b: library(a).minimum(a, b),
    "where": lambda a, b: library(a).where(a > b, a * b, b),
    "a / (a + b²)": lambda a, b: a / (b * b + a * a + 1),
}


def library(x):
    return torch if isinstance(x, torch.Tensor) else mg


@pytest.mark.parametrize("name", UNARY)
@given(seed=seeds(), shape=shapes(), layout=layouts())
def test_function_of_one_tensor_is_torch_s(backend, name, seed, shape, layout):
    function, draw = UNARY[name]
    x = laid_out(draw(seed, *shape), layout)
    assert_matches_torch(function, function, [x], backend=backend)


@pytest.mark.parametrize("name", UNARY)
def test_derivatives_of_function_of_one_tensor(backend, name):
    function, draw = UNARY[name]
    check_gradients(function, [draw(1, 2, 3)], backend=backend)
    assert_keeps_float32(function, [draw(1, 2, 3)], backend=backend)


@pytest.mark.parametrize("name", BINARY)
@given(pair=array_pairs())
def test_function_of_two_tensors_is_torch_s(backend, name, pair):
    a, b = pair
    assert_matches_torch(BINARY[name], BINARY[name], [a, b], backend=backend)
    assert_matches_torch(BINARY[name], BINARY[name], [b, a], backend=backend)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("shapes", [((2, 3), (2, 3)), ((2, 1, 3), (4, 1)), ((), (3,))])
def test_derivatives_of_function_of_two_tensors(backend, name, shapes):
    a, b = numbers(1, *shapes[0]), numbers(2, *shapes[1], second=True)
    check_gradients(BINARY[name], [a, b], backend=backend)
    assert_keeps_float32(BINARY[name], [a, b], backend=backend)


def test_third_derivative(backend):
    check_gradients(lambda a, b: a.exp() / b, [numbers(1, 2), positive(2, 2)], 3, backend=backend)


@pytest.mark.parametrize("name", ["a + b", "a - b", "a * b", "a / b"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_on_either_side(backend, name, dtype):
    """NumPy must not take over `array * tensor` and return an array of tensors."""
    host_a, host_b = numbers(1, 2, 3).astype(dtype), numbers(2, 3, second=True).astype(dtype)
    a, b = backend.asarray(host_a), backend.asarray(host_b)
    expected = BINARY[name](host_a, host_b)
    x, y = mg.Tensor(a, requires_grad=True), mg.Tensor(b, requires_grad=True)
    for result in (BINARY[name](x, b), BINARY[name](a, y)):
        assert isinstance(result, mg.Tensor) and result.requires_grad
        assert result.dtype == dtype
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)


def test_matrix_product_with_array(backend):
    a, b = numbers(1, 2, 3), numbers(2, 3, 4)
    x = mg.Tensor(a, backend=backend)
    np.testing.assert_allclose((x @ backend.asarray(b)).numpy(), a @ b, rtol=1e-12)
    y = mg.Tensor(b, backend=backend)
    np.testing.assert_allclose((backend.asarray(a) @ y).numpy(), a @ b, rtol=1e-12)


@pytest.mark.parametrize("operand", [None, "2", object(), [1.0, 2.0, 3.0], 1j])
def test_operand_that_is_no_number(backend, operand):
    x = mg.Tensor(np.ones(3, np.float32), backend=backend)
    with pytest.raises(TypeError, match=type(operand).__name__):
        x * operand
    with pytest.raises(TypeError, match=type(operand).__name__):
        operand - x


@given(seed=seeds(), leading=broadcastable_pairs(max_dims=2, max_side=3))
def test_matrix_product_is_torch_s(backend, seed, leading):
    a, b = numbers(seed, *leading[0], 2, 3), numbers(seed + 1, *leading[1], 3, 4)
    assert_matches_torch(lambda a, b: a @ b, lambda a, b: a @ b, [a, b], backend=backend)


def test_derivatives_of_matrix_product(backend):
    def product(a, b):
        return a @ b.transpose(-1, -2)

    a, b = numbers(1, 2, 1, 2, 3), numbers(2, 3, 2, 3)
    check_gradients(product, [a, b], backend=backend)
    assert_keeps_float32(product, [a, b], backend=backend)


@pytest.mark.parametrize("shapes", [((2, 3), (4, 2)), ((3,), (2, 3)), ((2, 3), (2,)), ((3,), ())])
def test_matrix_product_of_shapes_that_do_not_fit(backend, shapes):
    a, b = (mg.Tensor(np.ones(shape), backend=backend) for shape in shapes)
    with pytest.raises(ValueError, match="MatMul") as error:
        a @ b
    assert all(str(shape) in str(error.value) for shape in shapes)


# ---- sums ---------------------------------------------------------------------------------------

REDUCTIONS = {
    "sum": lambda x, dim, keepdim: x.sum(dim, keepdim=keepdim),
    "mean": lambda x, dim, keepdim: x.mean(dim, keepdim=keepdim),
    "var": lambda x, dim, keepdim: x.var(dim, keepdim=keepdim),
    "biased var": lambda x, dim, keepdim: x.var(dim, correction=0, keepdim=keepdim),
    "std": lambda x, dim, keepdim: x.std(dim, keepdim=keepdim),
    "amax": lambda x, dim, keepdim: x.amax(dim, keepdim=keepdim),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@given(data=st.data(), seed=seeds(), shape=shapes(min_dims=1, min_side=2))
def test_sum_over_dimensions_is_torch_s(backend, name, data, seed, shape):
    dims = data.draw(hnp.valid_tuple_axes(len(shape), min_size=1))
    keepdim = data.draw(st.booleans())
    x = np.random.default_rng(seed).normal(size=shape)  # no two alike: amax has one largest

    def reduce(x):
        return REDUCTIONS[name](x, dims, keepdim)

    # Where the variance is tiny, std's derivatives are huge: torch's own rounding shows.
    assert_matches_torch(reduce, reduce, [x], tolerance=1e-9, backend=backend)


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [None, -1, (0, 2)])
def test_derivatives_of_sum_over_dimensions(backend, name, keepdim, dim):
    def reduce(x):
        return REDUCTIONS[name](x, dim, keepdim)

    x = np.random.default_rng(1).normal(size=(2, 3, 4))
    check_gradients(reduce, [x], backend=backend)
    assert_keeps_float32(reduce, [x], backend=backend)


def test_equal_largest_elements_share_the_gradient(backend):
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    for dim in (1, (0, 1)):
        assert_matches_torch(
            lambda x, d=dim: x.amax(d), lambda x, d=dim: x.amax(d), [x], backend=backend
        )


def test_sums_of_whole_numbers_and_of_booleans_count(backend):
    x = mg.Tensor(np.array([3, -1, 2], np.int32), backend=backend)
    assert (x > 0).sum().item() == 2
    assert mg.Tensor(np.full(3, 200, np.uint8), backend=backend).sum().item() == 600
    assert x.sum().dtype == np.int64


@pytest.mark.parametrize("dim", [2, -3, (0, 5)])
def test_dimension_that_does_not_exist(backend, dim):
    with pytest.raises(IndexError, match="does not exist in a tensor of 2 dimensions"):
        mg.zeros(2, 3, backend=backend).sum(dim)


WRONG_DIMENSIONS = {
    "unsqueeze": lambda x: x.unsqueeze(5),
    "squeeze": lambda x: x.squeeze(2),
    "flatten": lambda x: x.flatten(2),
    "flatten to": lambda x: x.flatten(0, 5),
    "flatten backwards": lambda x: x.flatten(1, 0),
    "permute": lambda x: x.permute(0, 5),
    "permute to fewer": lambda x: x.permute(0),
    "permute twice": lambda x: x.permute(1, 1),
    "transpose": lambda x: x.transpose(0, 5),
    "expand": lambda x: x.expand(3),
    "amax": lambda x: x.amax(-3),
    "sum twice": lambda x: x.sum((1, 1)),
    "norm": lambda x: x.norm(2, 7),
    "reshape to fractions": lambda x: x.reshape(2.0, 3),
}


@pytest.mark.parametrize("name", WRONG_DIMENSIONS)
def test_wrong_dimensions_are_refused_here_and_in_torch(backend, name):
    with pytest.raises((IndexError, ValueError, TypeError)) as ours:
        WRONG_DIMENSIONS[name](mg.zeros(2, 3, backend=backend))
    assert "modulo by zero" not in str(ours.value)
    with pytest.raises((IndexError, RuntimeError, TypeError)):
        WRONG_DIMENSIONS[name](torch.zeros(2, 3))


def test_a_tensor_without_dimensions_has_one_to_speak_of(backend):
    for x in (mg.Tensor(2.0, backend=backend), torch.tensor(2.0)):
        assert x.squeeze(0).shape == x.transpose(0, -1).shape == ()
        assert x.flatten(0, -1).shape == x.unsqueeze(-1).shape == (1,)


def test_deviation_and_norm_are_flat_where_all_are_equal(backend):
    """Where a root is infinitely steep, torch takes a slope of 0."""
    for function in (lambda x: x.std(0).sum(), lambda x: (x * 0).norm(2, 1).sum()):
        gradients = []
        for x in (mg.ones(4, 3, backend=backend), torch.ones(4, 3)):
            y = function(x.requires_grad_())
            assert y.item() == 0
            y.backward()
            gradients.append(x.grad.tolist())
        assert gradients[0] == gradients[1] == [[0.0] * 3] * 4


def test_a_deviation_of_nan_is_nan(backend):
    assert np.isnan(mg.Tensor([np.nan, 1.0], backend=backend).std().item())


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, "fro", np.inf, -np.inf, -1])
def test_a_norm_beside_zeros_is_torch_s(backend, p):
    """Where an element is 0, the slope of |x|ᵖ may be infinite, and torch says 0."""
    data = np.array([[0.0, 3.0, -4.0], [0.0, 0.0, 0.0]])
    ours = mg.Tensor(data, requires_grad=True, backend=backend)
    theirs = torch.tensor(data, requires_grad=True)
    y, their_y = ours.norm(p, 1), theirs.norm(p, 1)
    y.sum().backward()
    their_y.sum().backward()
    np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), rtol=1e-12)
    expected = torch.zeros(2, 3) if theirs.grad is None else theirs.grad
    np.testing.assert_allclose(ours.grad.numpy(), expected.numpy(), rtol=1e-12)


def test_a_norm_has_a_number_for_its_power(backend):
    with pytest.raises(ValueError, match="or \"fro\"; not 'nuc'"):
        mg.ones(3, 3, backend=backend).norm("nuc")


def test_float32_sum_of_many_is_float32(backend):
    x = mg.ones(1000, 301, backend=backend)
    assert x.sum().dtype == np.float32 and x.sum().item() == 301000


# ---- shape --------------------------------------------------------------------------------------


@given(data=st.data(), seed=seeds(), shape=shapes(min_dims=1))
def test_permute_is_torch_s(backend, data, seed, shape):
    order = data.draw(st.permutations(range(len(shape))))
    dims = data.draw(st.sampled_from([order, [d - len(shape) for d in order]]))
    x = numbers(seed, *shape)
    assert_matches_torch(
        lambda x: x.permute(*dims) ** 2, lambda x: x.permute(*dims) ** 2, [x], backend=backend
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.flatten(1),
        lambda x: x.flatten(1, 2),
        lambda x: x.flatten(-3, -2),
        lambda x: x.view(2, -1),
        lambda x: x.reshape((3, 2, 1, 4)),
        lambda x: x.squeeze(2),
        lambda x: x.squeeze(0),
        lambda x: x.unsqueeze(-2),
        lambda x: x.transpose(0, -1),
        lambda x: x.transpose(-1, 1),
        lambda x: x.expand(-1, 3, 5, -1),
        lambda x: x.expand(6, 2, 3, 5, 4),
        lambda x: x.T if hasattr(x, "op") else x.permute(3, 2, 1, 0),
    ],
)
def test_shapes_are_torch_s(backend, change):
    def squared(x):
        return change(x) ** 2

    x = numbers(1, 2, 3, 1, 4)
    assert_matches_torch(squared, squared, [x], backend=backend)
    check_gradients(squared, [x], backend=backend)
    assert_keeps_float32(squared, [x], backend=backend)


@pytest.mark.parametrize("change", [lambda x: x.flatten(1), lambda x: x.flatten()])
def test_flatten_of_nothing(backend, change):
    ours = change(mg.zeros(0, 3, 4, backend=backend))
    assert ours.shape == tuple(change(torch.zeros(0, 3, 4)).shape)


def test_reshape_that_does_not_fit(backend):
    with pytest.raises(ValueError, match=r"Reshape: .*size 6"):
        mg.zeros(2, 3, backend=backend).reshape(4, 2)


# An index array names row 1 twice: its gradient must add up.
INDICES = {
    "number": lambda x: x[1],
    "negative number": lambda x: x[-1, 2],
    "slice": lambda x: x[:, 1:3],
    "steps": lambda x: x[::2, ::3],
    "ellipsis": lambda x: x[..., 0],
    "new axis": lambda x: x[:, None, 1],
    "rows": lambda x: x[indices(x, [1, 2, 1])],
    "rows in a list": lambda x: x[[1, 2, 1]],
    "pairs": lambda x: x[indices(x, [1, 2, 1]), indices(x, [3, 0, 3])],
    "a table of rows": lambda x: x[indices(x, [[1, 2], [1, 0]])],
    "mask": lambda x: x[x > 0],
    "mask of rows": lambda x: x[x[:, 0] > 0],
    "rows and a slice": lambda x: x[indices(x, [1, 1]), 1:],
    "columns in a tuple, one of them twice": lambda x: x[:, (0, 0, 2)],
    "pairs in tuples, one of them twice": lambda x: x[(0, 1, 1), (2, 0, 0)],
}


def indices(x, values):
    return torch.tensor(values) if isinstance(x, torch.Tensor) else mg.Tensor(values).to(x.backend)


@pytest.mark.parametrize("name", INDICES)
def test_indexing_is_torch_s(backend, name):
    def picked(x):
        return INDICES[name](x) ** 2

    x = numbers(3, 3, 4)
    assert (x[:, 0] > 0).any()
    assert_matches_torch(picked, picked, [x], backend=backend)
    check_gradients(picked, [x], backend=backend)
    assert_keeps_float32(picked, [x], backend=backend)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cat_and_stack_are_torch_s(backend, dim):
    a, b = numbers(1, 2, 3), numbers(2, 2, 3)
    longer = numbers(3, *((5, 3) if dim == 0 else (2, 5)))
    for function, inputs in (
        (lambda *parts: library(parts[0]).cat(parts, dim) ** 2, [a, longer, b]),
        (lambda *parts: library(parts[0]).stack(parts, dim) ** 2, [a, b]),
    ):
        assert_matches_torch(function, function, inputs, backend=backend)
        check_gradients(function, inputs, backend=backend)
        assert_keeps_float32(function, inputs, backend=backend)


def test_cat_of_shapes_that_do_not_fit(backend):
    with pytest.raises(ValueError, match=r"Concatenate of shapes \(2, 3\) and \(2, 4\)"):
        mg.cat([mg.zeros(2, 3, backend=backend), mg.zeros(2, 4, backend=backend)])


def test_iterating_yields_rows(backend):
    x = mg.Tensor(numbers(1, 3, 2), requires_grad=True, backend=backend)
    rows = list(x)
    assert len(x) == len(rows) == 3
    (rows[0] * rows[2]).sum().backward()
    expected = [x.numpy()[2], [0, 0], x.numpy()[0]]
    np.testing.assert_array_equal(x.grad.numpy(), expected)


# ---- where two functions meet, or a bound is hit ------------------------------------------------


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_equal_elements_share_the_gradient(backend, name):
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 3.0])
    assert_matches_torch(BINARY[name], BINARY[name], [a, b], backend=backend)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_maximum_with_a_plain_number_keeps_all_its_digits(backend, name):
    x = mg.Tensor(np.array([0.1, 0.2, -1.0]), requires_grad=True, backend=backend)
    y = getattr(mg, name)(x, 0.1)
    y.sum().backward()
    assert 0.1 in y.numpy()  # 0.1 rounded to float32 is another number
    assert x.grad.numpy()[0] == 0.5
    assert getattr(mg, name)(x.float(), 0.1).dtype == np.float32


def test_clamp_at_its_bounds(backend):
    x = np.array([-1.0, -0.5, 0.0, 2.0, 3.0])
    for bounds in ((-0.5, 2.0), (None, 2.0), (-0.5, None)):
        assert_matches_torch(
            lambda x, b=bounds: x.clamp(*b), lambda x, b=bounds: x.clamp(*b), [x], backend=backend
        )
    with pytest.raises(ValueError, match="a minimum, a maximum or both"):
        mg.zeros(2, backend=backend).clamp()


def test_abs_is_flat_at_0(backend):
    assert_matches_torch(mg.abs, torch.abs, [np.array([-1.0, 0.0, 2.0])], backend=backend)


def test_power_0_at_0(backend):
    assert_matches_torch(lambda x: x**0, lambda x: x**0, [np.zeros(3)], backend=backend)


def test_where_with_numbers_and_arrays(backend):
    x = mg.Tensor(np.array([1, -2, 3], np.float32), requires_grad=True, backend=backend)
    for y in (mg.where(x > 0, x, 0.0), mg.where((x > 0).array, x, 0), mg.where(x <= 0, 0.0, x)):
        assert y.dtype == np.float32
        assert y.tolist() == [1, 0, 3]
        (g,) = mg.grad(y.sum(), x)
        assert g.tolist() == [1, 0, 1]


@pytest.mark.parametrize("condition", [[2.0, 0.0], [3, 0]])
def test_where_takes_true_and_false_only(backend, condition):
    with pytest.raises(TypeError, match="true or false, not (float32|int64)"):
        mg.where(mg.Tensor(condition, backend=backend), 1.0, 2.0)


# Each for minigan or torch, on a float32, an int64 and a bool tensor of shape (3,).
MIXED = {
    "float * int": lambda lib, x, n, b: x * n,
    "int - float": lambda lib, x, n, b: n - x,
    "float + bool": lambda lib, x, n, b: x + b,
    "int + bool": lambda lib, x, n, b: n + b,
    "int * number": lambda lib, x, n, b: n * 0.5,
    "int * whole number": lambda lib, x, n, b: n * 2,
    "number / int": lambda lib, x, n, b: 1 / (n + 1),
    "int / int": lambda lib, x, n, b: n / (n + 1),
    "float / count": lambda lib, x, n, b: x / b.sum(),
    "int ** number": lambda lib, x, n, b: n**0.5,
    "a float64 without dimensions": lambda lib, x, n, b: x * x.sum().to(lib.float64),
    "float64": lambda lib, x, n, b: x * n.to(lib.float64),
    "maximum": lambda lib, x, n, b: lib.maximum(x, n.to(lib.float32)),
    "where with numbers": lambda lib, x, n, b: lib.where(b, 1.0, 0.0),
    "where with a number": lambda lib, x, n, b: lib.where(b, x, 0.5),
    "where with ints": lambda lib, x, n, b: lib.where(b, x, n),
    "cat": lambda lib, x, n, b: lib.cat([n, x, n]),
    "cat of float64": lambda lib, x, n, b: lib.cat([x, x.to(lib.float64)]),
    "mean of a comparison": lambda lib, x, n, b: (x > 0).float().mean(),
}


@pytest.mark.parametrize("name", MIXED)
def test_unlike_types_meet_as_in_torch(backend, name):
    results = []
    for lib, more in ((mg, {"backend": backend}), (torch, {})):
        x, n = lib.ones(3, **more) * 0.5, lib.arange(3, **more)
        y = MIXED[name](lib, x, n, n > 0)
        results.append((str(y.dtype).split(".")[-1], y.tolist()))
    assert results[0][0] == results[1][0]
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-6)


def test_whole_numbers_pass_no_gradient_on(backend):
    x = mg.Tensor([1.5, 2.5], requires_grad=True, backend=backend)
    assert not x.long().float().requires_grad
    (x * x.long()).sum().backward()
    assert x.grad.tolist() == [1, 2]


@pytest.mark.parametrize("data", [None, "text", [None, 1], [1j]])
def test_a_tensor_holds_numbers(backend, data):
    with pytest.raises(
        (TypeError, ValueError), match="a tensor holds numbers|[Uu]nsupported dtype"
    ):
        mg.Tensor(data, backend=backend)


def test_functions_of_no_tensor_say_so():
    with pytest.raises(TypeError, match="exp is a function of a Tensor, not of a float"):
        mg.exp(1.0)
    with pytest.raises(ValueError, match="nothing to join"):
        mg.cat([])


def test_numbers_are_formatted(backend):
    for one in (mg.ones((), backend=backend), torch.ones(())):
        assert f"{one / 3:.3f}" == "0.333"
    two = mg.ones(2, backend=backend)
    assert f"{two}" == str(two)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.5])
def test_powers_of_tensors_are_torch_s(backend, exponent):
    def power(a, b):
        return a**b

    inputs = [np.array([0.5, 1.5]), np.array([[exponent], [2.0]])]
    assert_matches_torch(power, power, inputs, tolerance=1e-12, backend=backend)
    if exponent:  # at 0, as in torch, the slope is taken to be 0 for every b
        check_gradients(power, inputs, backend=backend)
    assert (mg.ones(2, backend=backend) ** np.float64(0.5)).dtype == np.float32


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.5])
def test_powers_of_0_are_torch_s(backend, exponent):
    grads = []
    for of in (lambda x: mg.tensor(x, requires_grad=True, backend=backend), torch.tensor):
        a, b = of(np.zeros(2)), of(np.array([exponent, 2.0]))
        (a.requires_grad_() ** b.requires_grad_()).sum().backward()
        grads.append([a.grad.tolist(), b.grad.tolist()])
    assert grads[0] == grads[1]


def test_functions_are_the_methods(backend):
    x = mg.Tensor(positive(1, 3), backend=backend)
    for name in ("exp", "log", "sqrt", "abs"):
        assert getattr(mg, name)(x).tolist() == getattr(x, name)().tolist()
    assert mg.clamp(x, 0.5, 1).tolist() == x.clamp(0.5, 1).tolist()


# ---- memory -------------------------------------------------------------------------------------


def channels_last(array):
    """(N, C, H, W) with the channels last in memory."""
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def layout(x):
    """The axes from the slowest to the fastest in memory."""
    strides = (x.array if isinstance(x, mg.Tensor) else x).strides
    return sorted(range(len(strides)), key=lambda axis: -strides[axis])


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (7, 3, 16, 31)])  # plain, and cut into pieces
def test_channels_last_stays(backend, small_pieces, name, shape):
    function, draw = ELEMENTWISE[name]
    array = channels_last(draw(1, *shape).astype(np.float32))
    x = mg.Tensor(array, requires_grad=True, backend=backend)
    assert layout(x) == [0, 2, 3, 1]
    y = function(x)
    assert layout(y) == layout(x)
    g = mg.Tensor(channels_last(numbers(2, *shape).astype(np.float32)), backend=backend)
    (gx,) = mg.grad(y, x, g)
    assert layout(gx) == layout(x)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("ordered", ["C", "F", "every second column, from the last"])
def test_many_elements_and_any_strides(backend, small_pieces, name, ordered):
    """Large dense arrays are cut into pieces, on threads; other arrays are not. torch agrees."""
    function, draw = ELEMENTWISE[name]
    array = draw(1, 73, 89)
    assert array.size > 10 * small_pieces
    if ordered == "F":
        array = np.asfortranarray(array)
    elif ordered != "C":
        array = array[:, ::-2]
    x = mg.Tensor(array, requires_grad=True, backend=backend)
    their_x = torch.tensor(array.copy(), requires_grad=True)
    y, their_y = function(x), function(their_x)
    np.testing.assert_allclose(y.numpy(), their_y.detach().numpy(), rtol=1e-12, atol=1e-12)
    g = numbers(2, *array.shape)
    (gx,) = mg.grad(y, x, mg.Tensor(g, backend=backend))
    (their_gx,) = torch.autograd.grad(their_y, their_x, torch.tensor(g), allow_unused=True)
    np.testing.assert_allclose(gx.numpy(), their_gx.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("shape", [(73, 89), (1, 89), (73, 1), ()])
def test_many_elements_against_any_shape(backend, small_pieces, name, shape):
    a, b = numbers(1, 73, 89), numbers(2, *shape, second=True)
    for first, second in ((a, b), (b, np.asfortranarray(a))):
        assert_matches_torch(BINARY[name], BINARY[name], [first, second], 1, backend=backend)


def test_clone_has_memory_of_its_own(backend):
    x = mg.Tensor(np.arange(6.0).reshape(2, 3).T, backend=backend)
    y = x.clone()
    y[0, 0] = 7
    assert x[0, 0].item() == 0
    assert layout(y) == layout(x)


# ---- in and out ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([1.5, 2], "float32"),
        ([[1, 2], [3, 4]], "int64"),
        (3, "int64"),
        (True, "bool"),
        (np.ones(2), "float64"),
        (np.float64(1.5), "float64"),
        (np.float32(1.5), "float32"),
        (np.arange(3, dtype=np.uint8), "uint8"),
        (torch.ones(2, dtype=torch.float64), "float64"),
        (mg.Tensor([1.0, 2.0]), "float32"),
    ],
)
def test_python_floats_become_float32_and_arrays_keep_their_type(backend, data, dtype):
    for where in (None, backend):
        x = mg.Tensor(data, backend=where)
        assert x.dtype == dtype
        assert x.shape == np.shape(data)
        assert type(x.array) is type(x.backend.xp.zeros(1))
    x[...] = 0  # and can be written to


def test_dtype_asked_for(backend):
    assert mg.Tensor([1, 2], dtype="float64", backend=backend).dtype == np.float64


def test_only_floats_have_gradients(backend):
    with pytest.raises(TypeError, match="this one is int64"):
        mg.Tensor([1, 2], requires_grad=True, backend=backend)


def test_what_a_tensor_says_of_itself(backend):
    x = mg.Tensor(np.zeros((2, 3), np.float32), backend=backend)
    assert x.shape == x.size() == (2, 3)
    assert (x.size(0), x.size(-1), x.ndim, x.dim(), x.numel(), len(x)) == (2, 3, 2, 2, 6, 2)
    assert x.is_leaf and not (mg.Tensor([1.0], requires_grad=True) * 2).is_leaf
    assert repr(mg.Tensor([1.0])) == "Tensor([1.], dtype=float32)"
    assert "requires_grad=True" in repr(mg.Tensor([1.0], requires_grad=True))
    assert "made by Multiply" in repr(mg.Tensor([1.0], requires_grad=True) * 2)
    with pytest.raises(TypeError, match="without dimensions"):
        len(mg.Tensor(1.0))


def test_a_large_tensor_is_printed_shortly_and_with_its_shape(backend):
    batch = mg.zeros(64, 1, 28, 28, backend=backend)
    assert len(repr(batch).splitlines()) <= 12
    assert repr(batch).endswith(", shape=(64, 1, 28, 28), dtype=float32)")
    matrix = mg.zeros(60, 70, backend=backend)
    assert len(repr(matrix).splitlines()) == 7 and "shape=(60, 70)" in repr(matrix)
    assert "shape" not in repr(mg.zeros(5, 10, backend=backend))
    assert repr(mg.zeros(0, 3, backend=backend)) == "Tensor([], shape=(0, 3), dtype=float32)"
    assert repr(mg.zeros(0, backend=backend)) == "Tensor([], dtype=float32)"
    row = mg.zeros(51, requires_grad=True, backend=backend)
    assert repr(row).endswith("shape=(51,), dtype=float32, requires_grad=True)")
    assert repr(row + 1).endswith("shape=(51,), dtype=float32, made by Add)")


def test_one_number(backend):
    x = mg.Tensor([[2.5]], backend=backend)
    assert x.item() == float(x) == 2.5
    assert int(x) == 2
    assert bool(x)
    with pytest.raises(ValueError, match=r"one element, this has shape \(2,\)"):
        mg.zeros(2, backend=backend).item()


def test_comparisons_give_booleans(backend):
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    x, y = mg.Tensor(a, backend=backend), mg.Tensor(b, backend=backend)
    for ours, theirs in (
        (x < y, a < b),
        (x <= y, a <= b),
        (x > 2, a > 2),
        (x >= 2.0, a >= 2),
        (x == y.array, a == b),
        (x != y, a != b),
    ):
        assert ours.dtype == np.bool_
        assert ours.tolist() == theirs.tolist()
    assert {x: 1}[x] == 1  # tensors are told apart as objects, so they can be keys


def test_types(backend):
    x = mg.Tensor([1.5, 2.5], requires_grad=True, backend=backend)
    assert x.float() is x
    assert x.double().dtype == np.float64
    assert x.long().tolist() == [1, 2]
    assert x.to("float64").dtype == x.to(np.float64).dtype == mg.float64
    (x.double() ** 2).sum().backward()
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [3, 5]


def test_moving_between_backends(backend):
    x = mg.Tensor([1.5, 2.5], requires_grad=True)
    y = (x.to(backend) * 2).to("numpy") * 3
    y.sum().backward()
    assert x.grad.tolist() == [6, 6]


def test_numpy_s_memory_is_shared():
    array = np.zeros(3)
    x = mg.from_numpy(array)
    x[1] = 5
    assert array.tolist() == [0, 5, 0]
    assert x.numpy() is array
    assert np.asarray(x) is array or np.shares_memory(np.asarray(x), array)
    assert not np.shares_memory(np.array(x, copy=True), array)
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    with pytest.raises(TypeError, match="not a list"):
        mg.from_numpy([1, 2])


def test_torch_s_memory_is_shared_both_ways():
    theirs = torch.zeros(3)
    ours = mg.from_dlpack(theirs)
    ours[1] = 5
    assert theirs.tolist() == [0, 5, 0]
    again = torch.from_dlpack(ours)
    again[2] = 7
    assert ours.tolist() == [0, 5, 7]


def test_new_tensors(backend):
    assert mg.zeros(2, 3, backend=backend).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert mg.ones((2,), dtype="float64", backend=backend).dtype == np.float64
    assert mg.full((2,), 7.5, backend=backend).tolist() == [7.5, 7.5]
    x = mg.ones(2, requires_grad=True, backend=backend)
    assert x.requires_grad and x.dtype == np.float32 and x.backend is backend
    assert mg.zeros_like(x).tolist() == [0, 0] and mg.ones_like(x.double()).dtype == np.float64
    assert mg.arange(3, backend=backend).tolist() == [0, 1, 2]
    assert mg.arange(1, 6, 2, backend=backend).dtype == np.int64
    assert mg.arange(0, 1, 0.25, backend=backend).tolist() == [0, 0.25, 0.5, 0.75]
    assert mg.arange(0, 1, 0.25, backend=backend).dtype == np.float32


def test_random_tensors_follow_the_seed(backend):
    def draw():
        return mg.randn(2, 3, backend=backend).tolist(), mg.rand(4, backend=backend).tolist()

    mg.manual_seed(7)
    first = draw()
    assert first != draw()
    mg.manual_seed(7)
    assert first == draw()
    own = mg.Generator(7, backend=backend)
    assert mg.randn(3, generator=own, dtype="float64", backend=backend).dtype == np.float64
    assert mg.rand(3, generator=own, requires_grad=True, backend=backend).requires_grad


# ---- copies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("remake", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copy_is_a_tensor_of_its_own(remake):
    """A copy must not be taken for its original in one graph, as an averaged network's would."""
    x = mg.nn.Parameter(np.array([1.0, 2.0]))
    twin = remake(x)
    assert type(twin) is mg.nn.Parameter and twin.requires_grad and twin.dtype == np.float64
    gx, g_twin = mg.grad((3 * x + 5 * twin).sum(), [x, twin])
    assert (gx.tolist(), g_twin.tolist()) == ([3, 3], [5, 5])
    twin.detach()[0] = 9
    assert x.tolist() == [1, 2]


def test_data_is_a_detached_tensor_in_the_same_memory():
    """The ways in which scripts for torch use `.data`, here and there."""
    for lib in (mg, torch):
        w = lib.tensor([1.0, -2.0, 3.0], requires_grad=True)
        w.data.clamp_(-1, 1)
        assert w.tolist() == [1, -1, 1] and not w.data.requires_grad
        w.data[0] = 5
        w.data *= 2
        assert w.tolist() == [10, -2, 2]
        assert w.data.size(0) == 3 and (w.data + 1).op is None if lib is mg else True
        w.data = lib.tensor([1.0, 2.0])
        (w * w).sum().backward()
        assert w.grad.tolist() == [2, 4]


def test_the_data_of_a_result_and_plain_arrays_are_refused():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="data is a tensor, not a ndarray; the array .* is .array"):
        x.data = np.ones(2)
    with pytest.raises(
        RuntimeError, match="data of a tensor that Multiply made cannot be replaced"
    ):
        (x * 2).data = x


def test_what_torch_reduces_over_no_dimension_is_reduced_over_all():
    for lib in (mg, torch):
        x = lib.tensor([[1.0, 2.0], [3.0, 4.0]])
        assert [x.sum(()).item(), x.mean(()).item(), x.amax(()).item()] == [10, 2.5, 4]


def test_a_number_to_the_power_of_a_tensor():
    x = np.random.default_rng(3).normal(size=(2, 3))
    assert_matches_torch(lambda x: 2**x + 0.5**x, lambda x: 2**x + 0.5**x, [x])
    check_gradients(lambda x: 3**x, [x])
    for lib in (mg, torch):
        x = lib.tensor([0.0, 1.0, 2.0], requires_grad=True)
        y = 0.0**x
        y.sum().backward()
        assert y.tolist() == [1, 0, 0] and x.grad.tolist() == [0, 0, 0]


def test_a_whole_number_counts_and_indexes():
    for lib in (mg, torch):
        n = lib.tensor(3)
        assert list(range(n)) == [0, 1, 2] and "abcd"[n] == "d"
    with pytest.raises(TypeError):
        range(mg.tensor(3.0))


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
def test_bytes_are_a_mask():
    for lib in (mg, torch):
        x, mask = lib.tensor([5.0, 6.0, 7.0]), lib.tensor([1, 0, 1], dtype=lib.uint8)
        assert x[mask].tolist() == [5, 7]
    labels = mg.tensor([2, 0], dtype=mg.uint8)
    rows = mg.functional.embedding(labels, mg.tensor([[1.0], [2.0], [3.0]]))
    assert rows.tolist() == [[3], [1]]  # here they are places: an embedding takes no mask


def test_a_copied_tensor_keeps_its_gradient():
    for lib in (mg, torch):
        x = lib.ones(2, requires_grad=True)
        (x * 2).sum().backward()
        twin = copy.deepcopy(x)
        assert twin.grad.tolist() == [2, 2]
        twin.grad.zero_()
        assert x.grad.tolist() == [2, 2]


def test_nothing_was_repeated_no_times():
    """Gradients through shapes with a 0: what was repeated no times at all has a gradient of 0."""
    for lib in (mg, torch):
        b = lib.ones(4, 1, requires_grad=True)
        (lib.zeros(4, 0) + b).sum().backward()
        x = lib.ones(1, 4, requires_grad=True)
        x.expand(0, 4).sum().backward()
        assert b.grad.tolist() == [[0]] * 4 and x.grad.tolist() == [[0] * 4]


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_half_precision_is_refused(dtype):
    """torch adds half numbers up in float32; NumPy's own sum of 70,000 ones overflows."""
    x = np.ones(70_000, dtype)
    for make in (
        lambda: mg.Tensor(x),
        lambda: mg.tensor(1.0, dtype=dtype),
        lambda: mg.ones(2).to(dtype),
        lambda: mg.zeros(2, dtype=dtype),
        lambda: mg.from_numpy(x),
    ):
        with pytest.raises(TypeError, match="minigan has no float.* take float32 or float64"):
            make()
    assert mg.Tensor(x, dtype=np.float32).sum().item() == 70_000


@pytest.mark.parametrize("name", ["max", "min"])
def test_of_equal_elements_the_first_is_chosen(backend, name):
    """Over a dimension the gradient goes to the place that is named, as in torch."""
    data = np.array([[1.0, 3.0, 3.0], [1.0, 1.0, 4.0], [np.nan, 2.0, np.nan]])
    ours = mg.Tensor(data, requires_grad=True, backend=backend)
    theirs = torch.tensor(data, requires_grad=True)
    found, expected = getattr(ours, name)(1), getattr(theirs, name)(1)
    assert found.indices.tolist() == expected.indices.tolist()
    np.testing.assert_array_equal(found.values.numpy(), expected.values.detach().numpy())
    found.values.sum().backward()
    expected.values.sum().backward()
    np.testing.assert_array_equal(ours.grad.numpy(), theirs.grad.numpy())


def test_smallest_of_bytes_and_truth_values(backend):
    """−x would wrap around."""
    x = mg.tensor(np.array([[0, 1, 255], [2, 3, 4]], np.uint8), backend=backend)
    assert x.amin().item() == 0 and x.amin(1).tolist() == [0, 2]
    assert x.min().dtype == np.uint8 and x.argmin(1).tolist() == [0, 0]
    assert (x > 1).amin(1).tolist() == [False, True]


def test_bounds_of_clamp_may_be_tensors(backend):
    def clamped(x, low, high):
        return x.clamp(low, high)

    random = np.random.default_rng(0)
    inputs = [random.normal(size=shape) for shape in [(4, 5), (5,), (4, 1)]]
    assert_matches_torch(clamped, clamped, inputs, tolerance=1e-12, backend=backend)
    check_gradients(clamped, inputs, backend=backend)


IN_PLACE = {
    "add_": lambda x, y: x.add_(y, alpha=2),
    "sub_": lambda x, y: x.sub_(y, alpha=3),
    "mul_": lambda x, y: x.mul_(y),
    "div_": lambda x, y: x.div_(y),
    "clamp_": lambda x, y: x.clamp_(-0.5, 0.5),
    "fill_": lambda x, y: x.fill_(2),
    "copy_": lambda x, y: x.copy_(y),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_what_is_written_in_place_is_torch_s(backend, name):
    x, y = numbers(0, 3, 4), numbers(1, 4)
    ours, theirs = mg.tensor(x, backend=backend), torch.tensor(x)
    array = ours.array
    assert IN_PLACE[name](ours, mg.tensor(y, backend=backend)) is ours and ours.array is array
    IN_PLACE[name](theirs, torch.tensor(y))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)
    weight = mg.tensor(x, requires_grad=True, backend=backend)
    with pytest.raises(RuntimeError, match="cannot be written in place"):
        IN_PLACE[name](weight, mg.tensor(y, backend=backend))
    assert IN_PLACE[name](weight.data, mg.tensor(y, backend=backend)).tolist() == weight.tolist()


def test_chance_in_place(backend):
    x = mg.zeros(100, 100, backend=backend)
    mg.manual_seed(3)
    assert x.normal_(1, 0.02) is x
    mg.manual_seed(3)
    np.testing.assert_allclose(
        x.numpy(), mg.randn(100, 100, backend=backend).numpy() * 0.02 + 1, rtol=1e-6
    )
    x.uniform_(-2, 3, generator=mg.Generator(1, backend=backend))
    assert x.dtype == np.float32 and -2 <= x.amin().item() < -1.9 < 2.9 < x.amax().item() <= 3
    with pytest.raises(ValueError, match="std of at least 0"):
        x.normal_(0, -1)
    with pytest.raises(ValueError, match="from a number to a larger one, not 1 to 0"):
        x.uniform_(1, 0)


def test_repeat_and_its_derivatives(backend):
    def repeated(x):
        return x.repeat(2, 1, 3) * 2

    assert_matches_torch(repeated, repeated, [numbers(0, 2, 3)], tolerance=1e-12, backend=backend)
    check_gradients(lambda x: repeated(x) ** 2, [numbers(0, 2, 3)], backend=backend)
    with pytest.raises(ValueError, match=r"repeat needs 2 numbers for shape \(2, 3\)"):
        mg.ones(2, 3, backend=backend).repeat(2)


def test_contiguous_copies_only_if_it_must(backend):
    x = mg.ones(2, 3, backend=backend)
    assert x.contiguous() is x
    y = x.T.contiguous()
    assert y.array.flags.c_contiguous and y.tolist() == x.T.tolist()
    y.fill_(2)
    assert x.amax().item() == 1


def test_as_another(backend):
    x, y = mg.ones(6, backend=backend), mg.zeros(2, 3, dtype=np.float64, backend=backend)
    assert x.view_as(y).shape == (2, 3) and x.type_as(y).dtype == np.float64
    assert mg.ones(1, 3, backend=backend).expand_as(y).shape == (2, 3)
    assert x.cpu().backend.name == "numpy"


@pytest.mark.parametrize("name", ["mean", "add", "max", "reshape", "exp", "squeeze"])
def test_a_function_of_an_array_says_that_it_takes_tensors(name):
    with pytest.raises(TypeError, match=f"{name} is a function of a Tensor, not of a ndarray"):
        getattr(mg, name)(np.ones(3))
    assert mg.sum(input=mg.ones(3)).item() == 3  # torch's name for it


def test_a_number_has_one_place(backend):
    x = mg.tensor(3.0, backend=backend)
    assert [x.argmax(0).item(), x.argmin(-1).item(), x.argmax(0, keepdim=True).item()] == [0, 0, 0]
    assert x.max(0).values.item() == 3 and x.min(0).indices.item() == 0
    with pytest.raises(IndexError):
        x.argmax(1)
