"""Op: a formula and its derivatives. Elementwise: one that may be broadcast.

An op is a formula and its derivatives, on one screen. `forward` sees arrays and returns an array.
The derivative with respect to the input that `forward` calls `a` is the method `da`: it sees
tensors and returns a tensor, so a gradient is made of ops like everything else and can be
differentiated again: every higher order comes for free.

Next: hooks.py; then walk.py, which calls the rules in the right order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from minigan.backend import backend_of
from minigan.engine.node import Array, Node, Shape, owner, shapes
from minigan.engine.recording import check_finite, this_thread

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Gradients: TypeAlias = "Sequence[Tensor | None]"


class Op:
    """One function of tensors. An instance is one use of it: `Multiply()(a, b)`.

    A subclass writes
        forward(a, b) -> array
        da(g, y, a, b) -> dL/da, and db(g, y, a, b) -> dL/db
    where g = dL/dy and y is the output. Each is called only if somebody asks for that gradient, so
    an input that needs none costs nothing. An op whose derivatives share work, or which takes any
    number of inputs, writes instead
        backward(g, y, needs) -> one gradient per input, or None for an input that needs none
    and finds the inputs in `self.inputs`. Numbers that are not differentiated (a slope, an axis)
    are arguments of the constructor.

    Four words: an op is *applied* to arrays; an input is *tracked* if it required a gradient when
    that happened; a walk *needs* the gradients of some of these; and what a rule returns is made to
    *fit* the input that it belongs to.
    """

    inputs: tuple[Any, ...] = ()  # empty before use, and again once the graph is freed
    freed: bool = False
    tracked: tuple[bool, ...] = ()  # which inputs required a gradient when the op ran
    versions: tuple[int, ...] = ()  # of the inputs and of the output, at that time

    derivatives: tuple[str, ...] = ()  # the names of its methods: "da", "db" for forward(a, b)

    def __init_subclass__(cls) -> None:
        """Every kind of op learns the names of its derivatives from its own `forward`."""
        cls.derivatives = tuple(f"d{name}" for name in _arguments(cls.forward))
        if len(_arguments(cls.backward)) == 2:  # an op of version 0.1
            cls.backward = _without_needs(cls.backward)  # type: ignore[method-assign]

    @property
    def name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return f"{self.name} of {shapes(self.inputs)}" if self.inputs else self.name

    def forward(self, *arrays: Array) -> Array:
        raise NotImplementedError(f"{self.name} has no forward formula")

    def backward(self, g: Tensor, y: Tensor, needs: Sequence[bool] | None = None) -> Gradients:
        """dL/d(each input), by the method of its name, where it is needed.

        A walk says where. By hand, `y.op.backward(g, y)` finds what every walk could ask for, as
        long as the graph has not been freed.
        """
        needs = needs or self.all_needs(y)
        gradients: list[Tensor | None] = []
        for name, need in zip(self.derivatives, needs, strict=False):  # some may be left out
            if not need:
                gradients.append(None)
                continue
            try:
                derivative = getattr(self, name)
            except AttributeError:
                raise NotImplementedError(
                    f"{self.name} has no derivative by {name[1:]}: {name}(g, y, …) is missing"
                ) from None
            gradients.append(derivative(g, y, *self.inputs))
        return gradients

    @property
    def needs(self) -> tuple[bool, ...]:
        """For ops of version 0.1: at least those that are asked for."""
        return self.tracked

    def all_needs(self, y: Tensor) -> Sequence[bool]:
        """The needs of a rule that is called by hand, if it can still be called."""
        self.check_unchanged(y)
        return self.tracked

    def apply(self, *arrays: Array) -> Array:
        """Run `forward`; the kinds of ops differ in how."""
        return self.forward(*arrays)

    def fit(self, g: Tensor, x: Tensor) -> Tensor:
        """Accept g as the gradient of x: its shape must be x's, or the rule is wrong."""
        if g.shape != x.shape:
            raise AssertionError(
                f"{self.name} returned a gradient of shape {g.shape} "
                f"for an input of shape {x.shape}"
            )
        return g if g.dtype == x.dtype else g.to(x.dtype)

    def __call__(self, *inputs: Any) -> Tensor:
        arrays = [x.array if isinstance(x, Node) else x for x in inputs]
        try:
            array = self.apply(*arrays)
        except ValueError as error:
            raise self._explained(error, inputs) from error
        first = inputs[0]
        if isinstance(first, Node):
            y = first.like(array)
            if owner(y.array) is owner(first.array):
                y._version = first._version  # a view: who writes to one writes to both
        else:
            y = self._a_tensor_of(inputs).like(array)
        if this_thread.recording:
            tracked = tuple([isinstance(x, Node) and x.requires_grad for x in inputs])
            if True in tracked:
                self.inputs = inputs
                self.tracked = tracked
                self.versions = tuple(
                    [x._version[0] if isinstance(x, Node) else 0 for x in (*inputs, y)]
                )
                y.op = self
                y.requires_grad = True
        if this_thread.detect_anomaly:
            check_finite(y, f"the result of {self.name} on shapes {shapes(inputs)}")
        return y

    def _a_tensor_of(self, inputs: Sequence[Any]) -> Node:
        """One of the inputs that is a tensor: what comes out is of its kind."""
        for x in inputs:
            if isinstance(x, Node):
                return x
        raise TypeError(f"{self.name} is a function of tensors, not of {shapes(inputs)}")

    def _explained(self, error: ValueError, inputs: Sequence[Any]) -> ValueError:
        message = f"{self.name}: {error}"
        if len(inputs) > 1 and str(shapes(inputs)) not in message:
            message = f"{self.name} of shapes {shapes(inputs)}: {error}"
        return type(error)(message) if type(error) is ValueError else error

    def check_unchanged(self, y: Tensor) -> None:
        """A rule uses the inputs as they were; refuse if somebody has overwritten them since."""
        if self.freed:
            raise RuntimeError(
                f"the graph behind this {self.name} was freed by an earlier backward; "
                "pass retain_graph=True to the first one to go through it twice"
            )
        for x, version in zip((*self.inputs, y), self.versions, strict=True):
            if isinstance(x, Node) and x._version[0] != version:
                raise RuntimeError(
                    f"a tensor of shape {x.array.shape} that {self.name} needs for its gradient "
                    "was overwritten in place after it was used; the usual cause is an optimizer "
                    "step between the forward and the backward pass"
                )


def _arguments(method: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a method's arguments: ("a", "b") for `forward(self, a, b)`."""
    _, *arguments = inspect.signature(method).parameters
    return tuple(arguments)


def _without_needs(backward: Callable[..., Any]) -> Callable[..., Gradients]:
    """A rule of version 0.1, which computed all gradients and might return a single one bare."""

    def rule(self: Op, g: Tensor, y: Tensor, needs: Sequence[bool] = ()) -> Gradients:
        found = backward(self, g, y)
        return found if isinstance(found, tuple | list) else (found,)

    return rule


class Elementwise(Op):
    """An op that works on each element alone, after broadcasting its inputs to one shape.

    A broadcast input was read several times, so its gradient is the sum over those readings.
    """

    def apply(self, *arrays: Array) -> Array:
        array = next((a for a in arrays if hasattr(a, "shape")), None)
        if array is None:
            raise TypeError(f"{self.name} is a function of tensors, not of {shapes(arrays)}")
        return backend_of(array).elementwise(self.forward, arrays)

    def fit(self, g: Tensor, x: Tensor) -> Tensor:
        return super().fit(g if g.shape == x.shape else summed_to(g, x.shape), x)


def summed_to(g: Tensor, shape: Shape) -> Tensor:
    """g summed over the axes along which an array of this shape was repeated to g's shape.

    (3, 2) -> (2,) and (3, 1): what was read three times gets the sum of three gradients. Whoever
    broadcasts an input calls this; every other op returns exact shapes.
    """
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    stretched = [
        i for i, n in enumerate(g.shape) if i < extra or (shape[i - extra] == 1 and n != 1)
    ]
    return g.sum(stretched).reshape(shape)
