"""What did a step do? Its calls to NumPy, one after another, and which array went where.

    y = x @ w.T + b             1  r1 = transpose(w)
                                2  r2 = matmul(x, r1)
                                3  r3 = add(r2, b)

An array that the step was given or that it made is a *place* of the notes: a number. What the notes
hold of a call are places, and plain values as they are. (Arrays that nobody watches, such as one of
ones that the step makes for itself, are plain values, too.)

Next: watched.py, the arrays that take these notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

# What these return is no array, and follows from shapes and types alone.
ABOUT_SHAPES = {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.broadcast_shapes}


class Place(NamedTuple):
    """An array among the notes."""

    number: int


@dataclass
class Call:
    """One line of the notes."""

    function: Callable[..., Any] | str  # or the name of an array's method
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    results: tuple[int, ...]  # places; none if it only writes into what it was given
    errors: dict[str, Any]  # what NumPy was told to do about a division by zero and the like
    writes: tuple[int, ...] = ()  # places that it writes into

    def reads(self) -> Iterator[int]:
        """The places that it is given, those to be written among them."""
        return places((self.inputs, self.options))


@dataclass
class Notes:
    """The calls of a step, and every array that was seen."""

    calls: list[Call] = field(default_factory=list)
    given: dict[int, Any] = field(default_factory=dict)  # arrays that were there before, by place
    shapes: list[tuple[int, ...]] = field(default_factory=list)  # of the array at each place
    dtypes: list[np.dtype[Any]] = field(default_factory=list)
    in_c_order: list[bool] = field(default_factory=list)
    strides: list[tuple[int, ...]] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)  # the place of the array that has the memory
    unusable: dict[int, str] = field(default_factory=dict)  # why a place must not be read
    formulas: dict[int, str] = field(default_factory=dict)  # of joined calls, by the loop's id
    failure: str | None = None

    def fail(self, reason: str) -> None:
        """The step does what cannot be repeated; the first reason is the one that is told."""
        self.failure = self.failure or reason

    def is_view(self, number: int) -> bool:
        """Whether the array at this place lies in another one's memory, or was there before."""
        return self.owners[number] != number or number in self.given

    def place(self, array: Any, owner: int | None = None) -> int:
        """A new place; `owner` is that of the array in whose memory it lies, if that is another."""
        number = len(self.shapes)
        self.shapes.append(np.shape(array))
        self.dtypes.append(array.dtype)
        self.in_c_order.append(array.flags.c_contiguous)
        self.strides.append(array.strides)
        self.owners.append(number if owner is None else owner)
        return number


def places(value: Any) -> Iterator[int]:
    """The places within a value, in lists, tuples and dicts of them."""
    if type(value) is Place:
        yield value.number
    elif isinstance(value, list | tuple):
        for item in value:
            yield from places(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from places(item)


def replaced(value: Any, kind: type, function: Callable[[Any], Any]) -> Any:
    """The same lists, tuples and dicts with function(item) for each item of a kind."""
    if type(value) is kind:
        return function(value)
    if type(value) in (list, tuple):
        return type(value)([replaced(item, kind, function) for item in value])
    if type(value) is dict:
        return {name: replaced(item, kind, function) for name, item in value.items()}
    return value
