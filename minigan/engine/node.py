"""A node of the graph: an array, and the op that made it.

    x = Tensor([3.0], requires_grad=True)    # array [3.], made by nothing: a leaf
    y = x * x                                # array [9.], made by a Multiply, whose inputs are x, x

Every result points at the op that made it, and an op at its inputs. These pointers *are* the graph
(the *computational graph*: what was computed from what); nothing else keeps it, and it is gone as
soon as nobody holds its result.

Next: recording.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from minigan.engine.op import Op
    from minigan.tensor import Tensor

Array: TypeAlias = Any  # a numpy.ndarray or a cupy.ndarray
Scalar: TypeAlias = float | int | bool
Shape: TypeAlias = tuple[int, ...]

_clock = itertools.count()  # next() on it is atomic: tensors of all threads share one order


class Node:
    """An array, and the op that made it: all that the engine knows of a Tensor.

    tensor.py puts torch's names on it, operators among them: what an op is given, and what its
    derivatives are written with, is always a Tensor.
    """

    __slots__ = ("array", "requires_grad", "grad", "op", "order", "hooks", "_version")

    array: Array
    requires_grad: bool
    grad: Tensor | None  # dL/d(this), for leaves that require it
    op: Op | None  # what made it; None for a leaf
    order: int  # its place in the order of creation
    hooks: tuple[Callable[..., Any], ...]  # who is shown the gradient, and may replace it
    _version: list[int]  # how often it was written in place; shared with its detached twins

    def _start(self) -> None:
        self.requires_grad = False
        self.grad = None
        self.op = None
        self.order = next(_clock)
        self.hooks = ()
        self._version = [0]

    def like(self, array: Array) -> Tensor:
        """A node of the same kind for an array that an op has computed."""
        raise NotImplementedError


def owner(array: Array) -> Array:
    """The array whose memory this one is, or is a view of."""
    while isinstance(array.base, type(array)):  # else it is None, or memory from elsewhere
        array = array.base
    return array


def shapes(inputs: Iterable[Any]) -> str:
    """The shapes of an op's inputs, for messages."""
    return " and ".join(str(tuple(x.shape)) if hasattr(x, "shape") else repr(x) for x in inputs)
