"""What does a formula do? It is called with symbols instead of arrays, and they take notes.

    formula: lambda g, x: g * ((x > 0) * 0.8 + 0.2)

    0  input     float32                    g
    1  input     float32                    x
    2  constant  float32  0.0
    3  greater   bool     of 1, 2
    4  cast      float32  of 3
    ...

A symbol is asked what an array is asked: to be multiplied, compared, given to np.maximum. Instead
of numbers it answers with a new symbol, and the question becomes a step of the notes. NumPy itself
says of which type the answer would have been, so a step rounds where NumPy would have rounded.

A formula may also write in place: `y += b` and `np.sqrt(v, out=y)` make y stand for another step.
So what was written to be fast on NumPy, with memory for what comes in between, is traced as well.

Next: loop.py, which makes a loop of the notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

BOOL = np.dtype(bool)
FLOATS = (np.dtype("float32"), np.dtype("float64"))
ORDERS = {"maximum", "minimum", "less", "less_equal", "greater", "greater_equal"}
# What IEEE 754 rounds in one way only, or what does not round: here LLVM and NumPy cannot differ.
# Exponentials and logarithms are not among them: two libraries differ in the last bit.
KNOWN = {
    *("add", "subtract", "multiply", "divide", "negative", "sqrt", "absolute"),
    *ORDERS,
    *("equal", "not_equal", "logical_and", "logical_or", "logical_not"),
    *("bitwise_and", "bitwise_or", "invert"),
}


class UntraceableError(Exception):
    """The formula does something that symbols cannot follow; NumPy runs it as it stands."""


class Step(NamedTuple):
    """One line of the notes: what is done, to which earlier steps, and the type of the result."""

    name: str  # "input", "memory", "constant", "cast", "where" or a ufunc's name
    dtype: np.dtype[Any]
    of: tuple[int, ...] = ()
    value: float = 0.0  # of a constant

    def __str__(self) -> str:
        what = str(self.value) if self.name == "constant" else ""
        if self.of:
            what = "of " + ", ".join(map(str, self.of))
        return f"{self.name:<10}{self.dtype!s:<9}{what}".rstrip()


class Notes:
    """What a formula does, step by step, and which steps are its results."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.results: list[int] = []

    def add(self, step: Step) -> int:
        """Write a step down, unless the same one stands there already; its number."""
        if step.of and step in self.steps:
            return self.steps.index(step)
        self.steps.append(step)
        return len(self.steps) - 1

    def cast(self, number: int, dtype: np.dtype[Any]) -> int:
        """That step's result in another type."""
        step = self.steps[number]
        if step.name == "memory":
            raise UntraceableError("memory is read before anything is written there")
        if step.dtype == dtype:
            return number
        if step.name == "constant":
            return self.add(Step("constant", dtype, value=float(dtype.type(step.value))))
        return self.add(Step("cast", dtype, (number,)))

    def without_detours(self) -> Notes:
        """The notes without steps that lead to no result; raises UntraceableError for an input.

        (An input that is not used may still stretch the result, by broadcasting.)
        """
        used = set(self.results)
        for number in reversed(range(len(self.steps))):
            step = self.steps[number]
            if number in used:
                used.update(step.of)
            elif step.name == "input":
                raise UntraceableError("an input that no result depends on")
        kept = Notes()
        places: dict[int, int] = {}
        for number, step in enumerate(self.steps):
            if number in used:
                places[number] = len(kept.steps)
                kept.steps.append(step._replace(of=tuple([places[i] for i in step.of])))
        kept.results = [places[number] for number in self.results]
        return kept

    @property
    def operations(self) -> int:
        """How many passes NumPy would make."""
        return sum(bool(step.of) for step in self.steps)

    @property
    def compares(self) -> bool:
        """Whether numbers are put in order."""
        return any(step.name in ORDERS for step in self.steps)

    def __str__(self) -> str:
        lines = [f"{number:>3}  {step}" for number, step in enumerate(self.steps)]
        return "\n".join([*lines, f"     results: {', '.join(map(str, self.results))}"])


class Symbol(NDArrayOperatorsMixin):
    """Stands for an array while a formula is called: for the result of a step of the notes."""

    def __init__(self, notes: Notes, number: int) -> None:
        self.notes, self.number = notes, number

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.notes.steps[self.number].dtype

    def astype(self, dtype: Any) -> Symbol:
        return Symbol(self.notes, self.notes.cast(self.number, np.dtype(dtype)))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Symbol:
        out = options.pop("out", None)
        options.pop("casting", None)
        if method != "__call__" or options or ufunc.__name__ not in KNOWN:
            raise UntraceableError(f"np.{ufunc.__name__} is not compiled")
        types = ufunc.resolve_dtypes((*map(_type, inputs), None))
        of = tuple(self._cast(x, dtype) for x, dtype in zip(inputs, types, strict=False))
        _refuse_whole_numbers(ufunc.__name__, types[0])
        number = self.notes.add(Step(ufunc.__name__, types[-1], of))
        if out is None:
            return Symbol(self.notes, number)
        (written,) = out
        dtype = written.dtype
        written.number = self.notes.cast(number, dtype)
        return written

    def __array_function__(
        self, function: Any, types: Any, inputs: Sequence[Any], options: dict[str, Any]
    ) -> Symbol:
        if function is not np.where or options or len(inputs) != 3:
            raise UntraceableError(f"np.{function.__name__}")
        condition, *choices = inputs
        dtype = np.result_type(*[x.dtype if isinstance(x, Symbol) else x for x in choices])
        of = [self._cast(condition, np.dtype(bool)), *[self._cast(x, dtype) for x in choices]]
        return Symbol(self.notes, self.notes.add(Step("where", dtype, tuple(of))))

    def _cast(self, x: Any, dtype: np.dtype[Any]) -> int:
        """The number of the step that has x in this type."""
        if isinstance(x, Symbol):
            return self.notes.cast(x.number, dtype)
        return self.notes.add(Step("constant", dtype, value=float(dtype.type(x))))

    def __bool__(self) -> bool:
        raise UntraceableError("a branch that depends on the numbers")


def trace(
    function: Callable[..., Any], dtypes: Sequence[np.dtype[Any]], *, memory: int = 0
) -> Notes:
    """The notes on function(*symbols), a symbol of each type. What it returns are the results.

    The first `memory` symbols stand for arrays that are only there to be written into.
    Raises UntraceableError.
    """
    notes = Notes()
    symbols = [
        Symbol(notes, notes.add(Step("memory" if i < memory else "input", dtype)))
        for i, dtype in enumerate(dtypes)
    ]
    try:
        found = function(*symbols)
    except (AttributeError, TypeError, ValueError) as error:
        raise UntraceableError(str(error)) from error
    for symbol in found if isinstance(found, tuple | list) else (found,):
        if not isinstance(symbol, Symbol):
            raise UntraceableError(f"its result is a {type(symbol).__name__}")
        notes.results.append(symbol.number)
    return notes.without_detours()


def _type(x: Any) -> Any:
    """How NumPy weighs x when it looks for a common type: a plain number gives way to arrays."""
    if isinstance(x, Symbol):
        return x.dtype
    if isinstance(x, np.generic):
        return x.dtype
    if type(x) in (int, float):
        return type(x)
    if isinstance(x, bool):
        return np.dtype(bool)
    raise UntraceableError(f"a {type(x).__name__} within a formula")


def _refuse_whole_numbers(name: str, dtype: np.dtype[Any]) -> None:
    if dtype not in FLOATS and dtype != BOOL:
        raise UntraceableError(f"np.{name} of {dtype}")
