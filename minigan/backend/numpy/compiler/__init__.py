"""From the textbook's line to machine code: a formula of many passes becomes a single loop.

    trace.py      what does a formula do? It is called with symbols, and they take notes
    loop.py       the notes become a loop, in LLVM's language
    machine.py    the loop becomes machine code, and a function that NumPy calls as its own

NumPy runs g * ((x > 0) * 0.8 + 0.2) as five passes over memory, each of which writes an array that
the next one reads. Compiled it is one pass. What is computed stays the same to the last bit: the
same operations in the same order, each rounded once, where NumPy rounds. All the way of one formula
can be read: python -m minigan --machine-code LeakyReLU

The compiler is LLVM's, by llvmlite: `pip install "minigan[fast]"`. Without it NumPy runs the
formulas as they stand, and MINIGAN_COMPILE=0 asks for that.

Next: trace.py.
"""

from __future__ import annotations

import inspect
import os
import textwrap
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.backend.formula import identity, name_of, twin
from minigan.backend.numpy.compiler import loop
from minigan.backend.numpy.compiler.trace import UntraceableError, trace
from minigan.errors import UserError

Formula = Callable[..., Any]

VARIANTS = 32  # of one formula: a number in it that changes all the time is not compiled each time


class Compiler:
    """Formulas that were made into machine code, by what they are and the types they are given."""

    def __init__(self) -> None:
        self.on = os.environ.get("MINIGAN_COMPILE", "1") != "0"
        self._machine: Any = None
        self._made: dict[Any, Any] = {}
        self._variants: Counter[Any] = Counter()
        self._lock = threading.Lock()

    def each(self, function: Formula, arrays: Sequence[Any], *, memory: int = 0) -> Any:
        """A ufunc of function(*memory, *arrays), element by element; None if there is none.

        The types of the arrays are those of these; a plain number has the type of the first array.
        The function's first `memory` arguments are arrays for what comes in between.
        """
        return self._find(function, arrays, memory, rows=0)

    def columns(self, function: Formula, arrays: Sequence[Any], *, rows: int) -> Any:
        """A ufunc of function(*arrays), summed over rows; None if there is none.

        The first `rows` arrays are (M, C), the others (C,); the result is (C,).
        """
        return self._find(function, arrays, memory=0, rows=rows)

    def _find(self, function: Formula, arrays: Sequence[Any], memory: int, rows: int) -> Any:
        if not self.on:
            return None
        known = identity(function)
        if known is None:
            return None
        types = tuple([getattr(a, "dtype", None) for a in arrays])
        key = known, types, memory, rows
        try:
            return self._made[key]
        except KeyError:
            with self._lock:
                if key not in self._made and self._variants[known[:2]] < VARIANTS:
                    self._variants[known[:2]] += 1
                    self._made[key] = self._make(function, types, memory, rows)
            return self._made.get(key)

    def _make(
        self, function: Formula, types: Sequence[np.dtype[Any] | None], memory: int, rows: int
    ) -> Any:
        first = next(dtype for dtype in types if dtype is not None)
        given = [dtype or first for dtype in types]
        try:
            notes = trace(twin(function), [*[first] * memory, *given], memory=memory)
            if notes.operations < 2 and not rows:
                return None  # one pass is what NumPy makes of it, too
            if rows:
                text = loop.columns(notes, rows)
                signature = loop.signature(len(types), rows, len(notes.results))
            else:
                numbers = sum([dtype is None for dtype in types])  # NumPy: float64 == None
                text, signature = loop.each(notes, numbers=numbers), ""
            kinds, results = loop.operand_types(notes), len(notes.results)
            made = self._llvm().ufunc(text, kinds, results, name_of(function), signature)
            return _quiet(made) if notes.compares else made
        except UntraceableError:
            return None
        except ImportError:  # the extra is not installed
            self.on = False
        except (OSError, RuntimeError, AttributeError) as error:
            self.on = False
            warnings.warn(f"formulas run uncompiled, because LLVM fails: {error}", stacklevel=2)
        return None

    def _llvm(self) -> Any:
        """This processor's compiler. Raises ImportError without llvmlite."""
        if self._machine is None:
            from minigan.backend.numpy.compiler.machine import Machine  # here: it is an extra

            self._machine = Machine()
        return self._machine

    def explain(self, function: Formula, types: Sequence[np.dtype[Any]]) -> str:
        """The way of one formula, as text: its line, the notes, the loop and the machine code.

        Raises UserError if llvmlite is not installed.
        """
        try:
            machine = self._llvm()
        except ImportError:
            raise UserError('compiling needs llvmlite: pip install "minigan[fast]"') from None
        source = textwrap.dedent(inspect.getsource(function))
        try:
            notes = trace(twin(function), types)
        except UntraceableError as error:
            return f"---- the formula, which NumPy runs as it stands: {error}\n\n{source}"
        text = loop.each(notes)
        parts = {
            "the formula": source,
            "what it does, step by step": str(notes),
            "the loop, in LLVM's language": text,
            f"the machine code, for this processor ({machine.processor})": machine.assembly(text),
        }
        return "\n".join(f"---- {name}\n\n{part.rstrip()}\n" for name, part in parts.items())


def _quiet(ufunc: Formula) -> Formula:
    """The same without a warning at NaN: NumPy compares it in silence, and the processor does not.

    (Where numbers are compared, a warning of ∞ − ∞ is lost with it.)
    """

    def compiled(*arrays: Any, **options: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return ufunc(*arrays, **options)

    return compiled
