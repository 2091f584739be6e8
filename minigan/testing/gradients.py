"""Is a gradient right?  Ask central differences, or ask torch.

`check_gradients` needs nothing but the function itself, `assert_matches_torch` sets it beside
torch's, and `assert_keeps_float32` looks for numbers that grew to float64 on the way. All three
take functions and modules of your own; docs/your_own_op.md shows them at work on a new op.
Next: strategies.py, which thinks of inputs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from minigan.backend import Backend, get_backend
from minigan.creation import zeros_like
from minigan.nn import Module
from minigan.tensor import Tensor, grad

# A function that has been given its inputs. They are leaves that it looks at whenever it is called,
# so whoever changes a leaf changes the result. The argument is `create_graph`.
Closed: TypeAlias = Callable[[bool], list[Any]]
Leaves: TypeAlias = dict[str, Any]


def check_gradients(
    function: Callable[..., Any],
    inputs: Sequence[Any] = (),
    order: int = 2,
    *,
    tolerance: float = 1e-6,
    step: float = 1e-5,
    seed: int = 0,
    backend: str | Backend | None = None,
) -> None:
    """Compare the gradients of `function(*inputs)` with (f(x + h) − f(x − h)) / 2h.

    The function takes and returns tensors, of any shapes. Inputs are tensors, of which those that
    require grad are checked, or arrays, of which all floating-point ones are. They are copied to
    float64, and to `backend` if one is named; the copy lies in memory as the input does, turned
    round or with gaps, where NumPy has it. If the function is a Module, its parameters are checked
    too, by name, on a copy of it.

    Order 1 weights the outputs y with random numbers v (a sum would be blind: batch norm's outputs
    add up to a constant) and compares d⟨y, v⟩/dx for each element of each input. Order 2 does the
    same to the gradient as a function of x *and of v*, which is what a chain of ops needs: so all
    mixed derivatives are checked as well. It also wants one gradient with and without
    `create_graph`. Higher orders go on in the same way.

    Two numbers agree if they differ by less than `tolerance` times the largest gradient of that
    input, plus what rounding can do to the difference. An AssertionError names the order, the
    input, the element and both numbers. Keep inputs more than `step` (times the input, where that
    is larger than 1) away from kinks, such as ReLU's at 0: there is no derivative to find there.
    """
    closed, leaves = _closed(function, inputs, backend)
    _check_function(closed)
    random = np.random.default_rng(seed)
    for level in range(1, order + 1):
        weights = _random_weights(closed, random, level)
        gradient = _gradient_of(closed, leaves, weights)
        what = f"gradient of order {level}"
        found = [g.numpy() for g in gradient(False)]
        # The last order is not differentiated again, so its rules need not be differentiable.
        again = [g.numpy() for g in gradient(True)] if level < order else found
        for (name, leaf), g, g_with_graph in zip(leaves.items(), found, again, strict=True):
            slopes, rounding = _central_differences(closed, weights, leaf, step)
            largest = max(abs(slopes).max(initial=0), abs(g).max(initial=0))
            allowed = tolerance * largest + rounding
            _compare(what, name, g, slopes, allowed, "central differences give")
            with_graph = f"{what} with create_graph"
            _compare(with_graph, name, g_with_graph, g, allowed, "without it the gradient is")
        closed, leaves = gradient, leaves | weights


def assert_matches_torch(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    inputs: Sequence[Any] = (),
    order: int = 2,
    *,
    tolerance: float = 1e-11,
    seed: int = 0,
    backend: str | Backend | None = None,
) -> None:
    """Compare a function of tensors, and its gradients up to `order`, with torch's, in float64.

    Inputs are as in `check_gradients`; `theirs` gets them as torch tensors, integers included. For
    a pair of modules, ours gives torch's its state, and their parameters are compared by name.
    Numbers agree if they differ by less than `tolerance` times the largest one (or 1).
    """
    closed, leaves = _closed(ours, inputs, backend)
    their_closed, their_leaves = _closed_torch(theirs, inputs, ours)
    assert list(leaves) == list(their_leaves), (
        f"what requires grad is {list(leaves)} here and {list(their_leaves)} in torch"
    )
    random = np.random.default_rng(seed)
    names = [f"output {i}" for i in range(len(closed(False)))]
    for level in range(order + 1):
        what = f"gradient of order {level}" if level else "result"
        expected = [y.numpy(force=True) for y in their_closed(True)]
        for create_graph in (False, True):
            found = [y.numpy() for y in closed(create_graph)]
            for name, y, their_y in zip(names, found, expected, strict=True):
                allowed = tolerance * max(1, abs(their_y).max(initial=0))
                _compare(what, name, y, their_y, allowed, "torch gives")
        names = list(leaves)
        weights = _random_weights(closed, random, level + 1)
        their_weights = {name: _torch_leaf(v.numpy(), True) for name, v in weights.items()}
        closed, leaves = _gradient_of(closed, leaves, weights), leaves | weights
        their_closed = _torch_gradient_of(their_closed, their_leaves, their_weights)
        their_leaves = their_leaves | their_weights


def assert_keeps_float32(
    function: Callable[..., Any],
    inputs: Sequence[Any] = (),
    *,
    backend: str | Backend | None = None,
) -> None:
    """Assert that float32 inputs give float32 results and gradients, of first and second order."""
    closed, leaves = _closed(function, inputs, backend, np.float32)
    random = np.random.default_rng(0)
    for level in range(3):
        what = f"gradient of order {level}" if level else "result"
        for create_graph in (False, True):
            for y in closed(create_graph):
                assert y.dtype == np.float32, f"the {what} of float32 numbers is {y.dtype}"
        weights = _random_weights(closed, random, level)
        closed, leaves = _gradient_of(closed, leaves, weights), leaves | weights


# ---------------------------------------------------------------------------------------------
# Functions with their inputs, and their gradients


def _closed(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    backend: str | Backend | None,
    dtype: Any = np.float64,
) -> tuple[Closed, Leaves]:
    """The function on copies of its inputs, and those of them that require grad, by name."""
    tensors = [_leaf(x, backend, dtype) for x in inputs]
    leaves: Leaves = {f"input {i}": x for i, x in enumerate(tensors) if x.requires_grad}
    if isinstance(function, Module):
        function = copy.deepcopy(function).to(dtype)
        if backend is not None:
            function.to(get_backend(backend))
        leaves |= {name: p for name, p in function.named_parameters() if p.requires_grad}
    if not leaves:
        raise ValueError("no input requires grad, so there is no gradient to check")
    return lambda create_graph: _listed(function(*tensors)), leaves


def _leaf(x: Any, backend: str | Backend | None, dtype: Any) -> Tensor:
    array = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind == "f":
        array = _copy(array, dtype)
    requires_grad = x.requires_grad if isinstance(x, Tensor) else array.dtype.kind == "f"
    if backend is None:
        backend = x.backend if isinstance(x, Tensor) else "numpy"
    return Tensor(array, requires_grad, backend=backend)


def _copy(x: np.ndarray, dtype: Any) -> np.ndarray:
    """The same numbers in memory of their own, in the same order there, turned round where x is,
    and with gaps if x has gaps. A rule may be wrong where memory does not lie as it usually does.
    """
    turned: tuple[Any, ...] = (
        ...,
        *[slice(None, None, -1 if stride < 0 else 1) for stride in x.strides],
    )
    forward = np.array(x[turned], dtype, order="K")
    if x.ndim and x.size and min(abs(stride) for stride in x.strides) > x.itemsize:
        forward = np.repeat(forward[..., None], 2, axis=-1)[..., 0]
    return forward[turned]


def _listed(y: Any) -> list[Any]:
    return list(y) if isinstance(y, tuple | list) else [y]


def _random_weights(closed: Closed, random: np.random.Generator, level: int) -> Leaves:
    """For each output, random numbers of its shape to weight it with: leaves themselves."""
    return {
        f"the weights of output {i} in order {level}": Tensor(
            random.normal(size=y.shape).astype(y.dtype), requires_grad=True, backend=y.backend
        )
        for i, y in enumerate(closed(False))
    }


def _gradient_of(closed: Closed, leaves: Leaves, weights: Leaves) -> Closed:
    """d(Σ y · weights)/d(leaf) for each leaf, as a function of the leaves and of the weights."""

    def gradient(create_graph: bool) -> list[Any]:
        pairs = zip(closed(True), weights.values(), strict=True)
        moving = [(y, v) for y, v in pairs if y.requires_grad]
        if not moving:
            return [zeros_like(x) for x in leaves.values()]
        ys, vs = zip(*moving, strict=True)
        wanted = list(leaves.values())
        given = leaves | weights
        before = [np.array(x.numpy()) for x in given.values()]
        found = grad(ys, wanted, vs, create_graph=create_graph, allow_unused=True)
        for (name, x), old in zip(given.items(), before, strict=True):
            what = "its incoming gradient" if name in weights else name
            assert np.array_equal(x.numpy(), old, equal_nan=True), (
                f"a backward rule overwrote {what}: others use it too, so return a new array"
            )
        return [zeros_like(x) if g is None else g for g, x in zip(found, wanted, strict=True)]

    return gradient


def _check_function(closed: Closed) -> None:
    for y, again in zip(closed(False), closed(False), strict=True):
        assert isinstance(y, Tensor), f"the function returned a {type(y).__name__}, not a Tensor"
        assert y.dtype == np.float64, f"float64 inputs gave a result of {y.dtype}"
        assert np.array_equal(y.numpy(), again.numpy(), equal_nan=True), (
            "two calls with the same inputs gave different results: make what is random in the "
            "function (dropout, noise) the same in each call"
        )


def _central_differences(
    closed: Closed, weights: Leaves, leaf: Tensor, step: float
) -> tuple[np.ndarray, float]:
    """(L(x + h) − L(x − h)) / 2h of L = Σ y · weights, for each element x of the leaf.

    The second number is how far rounding alone may move them.

    How large should h be? The quotient is wrong by h²/6 · L‴, since the slope of a chord is not
    that of the curve, and by about ε · L/h, since L has 16 digits only (ε = 2.2·10⁻¹⁶) and most of
    them cancel. The first wants a small h and the second a large one; together they are least near
    h = ∛(3ε), about 10⁻⁵, where some 10 digits are right. It is relative to x where x is large.
    """
    slopes, size = np.zeros(leaf.shape), 0.0

    def loss() -> float:
        nonlocal size
        terms = [
            y.numpy() * v.numpy() for y, v in zip(closed(False), weights.values(), strict=True)
        ]
        size = max(size, sum(float(abs(term).sum()) for term in terms))
        return sum(float(term.sum()) for term in terms)

    for at in np.ndindex(leaf.shape):
        x = float(leaf.array[at])
        above, below = x + step * max(1, abs(x)), x - step * max(1, abs(x))
        leaf.array[at] = above
        loss_above = loss()
        leaf.array[at] = below
        slopes[at] = (loss_above - loss()) / (above - below)
        leaf.array[at] = x
    return slopes, 100 * np.finfo(np.float64).eps * size / step


def _compare(
    what: str, name: str, found: np.ndarray, wanted: np.ndarray, allowed: float, source: str
) -> None:
    assert found.shape == wanted.shape, (
        f"{what}, {name}: the shape is {found.shape}, but {source} {wanted.shape}"
    )
    with np.errstate(invalid="ignore"):  # ∞ − ∞, where both are the same infinity
        agree = (abs(found - wanted) <= allowed) | (found == wanted)
    if agree.all():
        return
    distance = np.where(agree, 0, np.nan_to_num(abs(found - wanted), nan=np.inf))
    at = tuple(int(i) for i in np.unravel_index(distance.argmax(), distance.shape))
    raise AssertionError(
        f"{what}, {name}, element {list(at)}: {found[at]:.12g}, but {source} "
        f"{wanted[at]:.12g} ({np.count_nonzero(~agree)} of {agree.size} elements differ)"
    )


# ---------------------------------------------------------------------------------------------
# The same in torch


def _closed_torch(
    function: Callable[..., Any], inputs: Sequence[Any], ours: Callable[..., Any]
) -> tuple[Closed, Leaves]:
    import torch

    tensors = []
    for x in inputs:
        array = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
        requires_grad = x.requires_grad if isinstance(x, Tensor) else array.dtype.kind == "f"
        tensors.append(_torch_leaf(array, requires_grad))
    leaves: Leaves = {f"input {i}": x for i, x in enumerate(tensors) if x.requires_grad}
    if isinstance(function, torch.nn.Module):
        function = copy.deepcopy(function).double()
        if isinstance(ours, Module):
            function.load_state_dict(_torch_state(ours.state_dict()))
        leaves |= {name: p for name, p in function.named_parameters() if p.requires_grad}
    return lambda create_graph: _listed(function(*tensors)), leaves


def _torch_leaf(array: np.ndarray, requires_grad: bool) -> Any:
    import torch

    wide = array.astype(np.float64) if array.dtype.kind == "f" else array
    return torch.tensor(wide, requires_grad=requires_grad)


def _torch_state(state: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    return {name: torch.tensor(Tensor(array).numpy()) for name, array in state.items()}


def _torch_gradient_of(closed: Closed, leaves: Leaves, weights: Leaves) -> Closed:
    import torch

    def gradient(create_graph: bool) -> list[Any]:
        pairs = zip(closed(True), weights.values(), strict=True)
        moving = [(y, v) for y, v in pairs if y.requires_grad]
        if not moving:
            return [torch.zeros_like(x) for x in leaves.values()]
        ys, vs = zip(*moving, strict=True)
        wanted = list(leaves.values())
        found = torch.autograd.grad(ys, wanted, vs, create_graph=create_graph, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, wanted, strict=True)]

    return gradient
