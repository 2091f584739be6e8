"""What torch and minigan have in common: their names. Layers and operations, written once for both.

Next: torch_eager.py and minigan_.py, which fill in what differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from contenders import Work
from contenders.cases import Layer, Operation


class Names(NamedTuple):
    """Where a library keeps what the operations below need."""

    nn: Any
    functional: Any
    grad: Callable[..., Any]  # grad(outputs, inputs, grad_outputs, retain_graph=True)
    place: Callable[[np.ndarray], Any]  # an array as a tensor, in the layout the library likes
    to_layout: Callable[[Any], Any]  # the same for the weights of a layer
    adam: Callable[[list[Any]], Any]  # an optimizer for these parameters
    copy: Callable[[Any, Any], object]  # copy(target, source), with all threads


def make_layer(nn: Any, layer: Layer) -> Any:
    """nn.Linear(100, 128) for ("linear", 100, 128), and so on."""
    kind, *numbers = layer
    if kind in ("conv", "conv_transpose"):
        *window, bias = numbers
        return (nn.Conv2d if kind == "conv" else nn.ConvTranspose2d)(*window, bias=bias)
    if kind == "unflatten":
        return nn.Unflatten(1, tuple(numbers))
    names = {
        "linear": "Linear",
        "batch_norm1d": "BatchNorm1d",
        "batch_norm2d": "BatchNorm2d",
        "leaky_relu": "LeakyReLU",
        "relu": "ReLU",
        "tanh": "Tanh",
        "sigmoid": "Sigmoid",
        "dropout": "Dropout",
        "flatten": "Flatten",
    }
    return getattr(nn, names[kind])(*numbers)


def make_operation(names: Names, case: Operation) -> dict[str, Work]:
    """The parts of a single operation: "forward", "input gradient", …"""
    kind, *numbers = case.layer
    random = np.random.default_rng(0)

    def fresh(*shape: int) -> Any:
        return names.place(random.standard_normal(shape).astype(np.float32))

    if kind == "matmul":
        a, b = fresh(*case.shape), fresh(*case.shape)
        return {"forward": lambda: a @ b}
    if kind == "adam":
        params = [fresh(*size).requires_grad_() for size in numbers]
        optimizer = names.adam(params)
        for p in params:
            p.grad = fresh(*p.shape)
        return {"step": optimizer.step}
    if kind == "copy":
        target, source = fresh(numbers[0]), fresh(numbers[0])
        return {"copy": lambda: names.copy(target, source)}
    if kind == "chain":
        of, length = numbers
        return _chain(names, of, length, fresh)
    if kind == "bce":
        loss, ones = names.nn.BCELoss(), names.place(np.ones(case.shape, np.float32))
        p = names.place(random.random(case.shape, np.float32))
        return _parts(names, lambda x: loss(x, ones), p, [])
    layer = names.to_layout(make_layer(names.nn, case.layer))
    return _parts(names, layer, fresh(*case.shape), list(layer.parameters()))


def _parts(
    names: Names, layer: Callable[[Any], Any], x: Any, weights: list[Any]
) -> dict[str, Work]:
    """Forward, and the gradients: all at once, or for a product with weights one by one.

    One by one, each graph needs no gradient but its own.
    """
    y_of_weights = layer(x)  # x does not require a gradient yet
    g = _like(names, y_of_weights)
    x.requires_grad_()
    y = layer(x)
    parts: dict[str, Work] = {"forward": lambda: layer(x)}
    if not weights or weights[0].ndim == 1:
        parts["backward"] = lambda: names.grad(y, [x, *weights], g, retain_graph=True)
        return parts
    for w in weights:
        w.requires_grad_(False)
    y_of_x = layer(x)
    for w in weights:
        w.requires_grad_()
    parts["input gradient"] = lambda: names.grad(y_of_x, [x], g, retain_graph=True)
    parts["weight gradient"] = lambda: names.grad(y_of_weights, weights, g, retain_graph=True)
    return parts


def _like(names: Names, y: Any) -> Any:
    """Random numbers of y's shape, in y's own layout."""
    random = np.random.default_rng(1)
    g = y.detach() * 0
    return g + names.place(random.standard_normal(tuple(y.shape)).astype(np.float32))


def _chain(names: Names, of: str, length: int, fresh: Callable[..., Any]) -> dict[str, Work]:
    """`length` operations on tensors so small that only the engine's own work is left."""
    functional = names.functional
    apply: Callable[[Any, Any], Any] = {
        "add": lambda y, a: y + a,
        "multiply": lambda y, a: y * a,
        "leaky_relu": lambda y, a: functional.leaky_relu(y, 0.2),
        "linear": lambda y, a: functional.linear(y, a),
    }[of]
    x = fresh(4, 4).requires_grad_()
    others = [(fresh(4, 4) * 0.5).detach().requires_grad_() for _ in range(length)]
    inputs = [x] if of == "leaky_relu" else [x, *others]

    def forward() -> Any:
        y = x
        for a in others:
            y = apply(y, a)
        return y

    y, g = forward(), fresh(4, 4)
    return {
        "forward": forward,
        "backward": lambda: names.grad(y, inputs, g, retain_graph=True),
    }
