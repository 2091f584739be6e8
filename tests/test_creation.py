"""Tests of the functions that make tensors, and of torch's other names at the top level."""

import numpy as np
import pytest
import torch

import minigan

RANGES = [
    (3,),
    (np.int64(3),),
    (2, 9, 2),
    (5, 0, -2),
    (0, 1, 0.25),
    (2.5,),
    (100, 101, 0.001),  # steps that are added up in float32 end at 100.99845
    (0.0, 1e4, 0.1),
]


def assert_same(ours, theirs, tolerance=0.0):
    assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(force=True), rtol=tolerance)


@pytest.mark.parametrize("arguments", RANGES)
def test_arange_is_torch_s(backend, arguments):
    ours = minigan.arange(*arguments, backend=backend)
    assert_same(ours, torch.arange(*arguments), tolerance=2**-22)  # its last bit is rounding
    assert_same(ours, torch.arange(*arguments, dtype=torch.double).to(torch.arange(*arguments)))
    ours = minigan.arange(*arguments, dtype=minigan.double, requires_grad=True, backend=backend)
    assert ours.dtype == np.float64 and ours.requires_grad


@pytest.mark.parametrize("number", [7, True, 7.5, 2.0])
def test_full_takes_the_type_of_its_number(backend, number):
    assert_same(minigan.full((2, 1), number, backend=backend), torch.full((2, 1), number))
    ours = minigan.full((2,), number, dtype=minigan.float, backend=backend)
    assert_same(ours, torch.full((2,), number, dtype=torch.float))


@pytest.mark.parametrize("name", ["zeros_like", "ones_like"])
def test_one_like_another(backend, name):
    x = minigan.ones(2, 3, dtype=np.float64, backend=backend)
    for dtype in ("float64", "int64"):
        ours = getattr(minigan, name)(x, dtype=getattr(minigan, dtype))
        assert_same(ours, getattr(torch, name)(torch.ones(2, 3), dtype=getattr(torch, dtype)))
    assert getattr(minigan, name)(x, requires_grad=True).requires_grad
    assert getattr(minigan, name)(x.T).array.strides == x.T.array.strides


@pytest.mark.parametrize("name", ["randn", "rand"])
@pytest.mark.parametrize("shape", [(2, 3), ()])
def test_chance_like_another(backend, name, shape):
    x = minigan.zeros(shape, dtype=np.float64, backend=backend)
    minigan.manual_seed(3)
    like = getattr(minigan, f"{name}_like")(x, requires_grad=True)
    minigan.manual_seed(3)
    assert like.tolist() == getattr(minigan, name)(shape, dtype=x.dtype, backend=backend).tolist()
    assert like.backend is backend and like.dtype == x.dtype and like.requires_grad
    assert getattr(minigan, f"{name}_like")(x, dtype=minigan.float).dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((4, (300,)), {}),
        ((4,), {"size": (300,)}),
        ((), {"high": 4, "size": (300,)}),
        ((0, 4, (20, 15)), {}),
        ((-3, 2, [300]), {}),
        ((), {"low": -3, "high": 2, "size": (300,)}),
    ],
)
def test_randint_draws_what_torch_s_does(backend, arguments, options):
    ours = minigan.randint(*arguments, **options, backend=backend)
    theirs = torch.randint(*arguments, **options)
    assert ours.shape == tuple(theirs.shape) and ours.dtype == np.int64
    assert set(ours.numpy().ravel()) == set(theirs.numpy().ravel())


def test_randint_with_nothing_to_draw():
    assert minigan.randint(2, (3,), dtype=minigan.uint8).dtype == np.uint8
    with pytest.raises(ValueError, match="low < high and a size, got 3, 3"):
        minigan.randint(3, 3, (2,))
    with pytest.raises(ValueError, match="low < high and a size, got 0, 3 and None"):
        minigan.randint(3)


# ---- torch's other names ------------------------------------------------------------------------

TYPES = "float32 float64 float double uint8 int32 int64 int long bool".split()
CALLS = {
    "sum": [(), (1,), (0, True)],
    "mean": [(), (1,), (-1, True)],
    "var": [(), (1,)],
    "std": [(), (0,)],
    "norm": [(), (1,), (2, 1)],
    "max": [()],
    "min": [()],
    "amax": [(1,), (0, True)],
    "amin": [(1,)],
    "argmax": [(), (1,)],
    "reshape": [((3, 2),), ((-1,),)],
    "flatten": [(), (0, 1)],
    "squeeze": [(), (0,)],
    "unsqueeze": [(0,), (-1,)],
    "transpose": [(0, 1)],
    "permute": [((1, 0),)],
    "pow": [(3,)],
    "tanh": [()],
    "sigmoid": [()],
    "relu": [()],
    "softmax": [(1,)],
    "log_softmax": [(0,)],
}


@pytest.mark.parametrize("name", TYPES)
def test_number_types_are_torch_s(name):
    assert_same(
        minigan.ones(2, dtype=getattr(minigan, name)), torch.ones(2).to(getattr(torch, name))
    )


@pytest.mark.parametrize("name", CALLS)
def test_a_method_is_a_function_too(backend, name):
    x = np.random.default_rng(1).normal(size=(2, 3))
    for arguments in CALLS[name]:
        ours = getattr(minigan, name)(minigan.Tensor(x, backend=backend), *arguments)
        theirs = getattr(torch, name)(torch.tensor(x), *arguments)
        assert ours.shape == tuple(theirs.shape)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


def test_matmul_is_a_function_too(backend):
    x = np.random.default_rng(1).normal(size=(2, 3))
    ours = minigan.matmul(minigan.Tensor(x, backend=backend), minigan.Tensor(x.T, backend=backend))
    np.testing.assert_allclose(ours.numpy(), x @ x.T, rtol=1e-12)


def test_a_star_leaves_python_s_own_names_alone():
    assert set(minigan.__all__).isdisjoint({"bool", "float", "int", "max", "min", "pow", "sum"})
    assert all(hasattr(minigan, name) for name in minigan.__all__)


def test_tensor_has_memory_of_its_own_and_Tensor_shares(backend):  # noqa: N802
    source = np.ones(3, np.float32)
    own, shared = minigan.tensor(source), minigan.Tensor(source)
    source[:] = 7
    assert own.tolist() == [1, 1, 1] and shared.tolist() == [7, 7, 7]
    x = minigan.tensor([1.5, 2.0], requires_grad=True, backend=backend)
    twin = minigan.tensor(x)
    assert x.requires_grad and x.dtype == np.float32 and not twin.requires_grad
    x.detach().zero_()
    assert twin.tolist() == [1.5, 2.0]


def test_linspace_and_eye_are_torch_s(backend):
    ours = minigan.linspace(-1, 2, 7, requires_grad=True, backend=backend)
    assert_same(ours.detach(), torch.linspace(-1, 2, 7), tolerance=2**-22)
    assert ours.requires_grad
    assert_same(minigan.eye(2, 3, backend=backend), torch.eye(2, 3))
    assert_same(
        minigan.eye(2, dtype=minigan.int64, backend=backend), torch.eye(2, dtype=torch.long)
    )


@pytest.mark.parametrize("arguments", [(0, 5, 0), (5, 0, 1), (0, 5, -1)])
def test_arange_that_never_arrives(arguments):
    with pytest.raises(ValueError, match="never in steps of"):
        minigan.arange(*arguments)
    with pytest.raises(RuntimeError):
        torch.arange(*arguments)
    with pytest.raises(ValueError, match="whole numbers have whole steps"):
        minigan.arange(0, 2, 0.5, dtype=minigan.int64)
    with pytest.raises(ValueError, match="fractions, which int64 cannot hold"):
        minigan.linspace(0, 1, 3, dtype=minigan.int64)
