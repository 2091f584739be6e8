"""Neighbors become one call: calls that work element by element are joined into a compiled loop.

    add(r3, b, out=r3)                        def joined(r3, b):
    r4 = multiply(r3, 0.2)          →             add(r3, b, out=r3)
    r5 = maximum(r3, r4)                          r4 = multiply(r3, 0.2)
                                                  return r3, maximum(r3, r4)

                                              r3, r5 = joined(r3, b, out=(r3, None))

What is joined is the text of a formula, and ../compiler/ makes a loop of it as of any other: one
pass over memory instead of three, and r4 is never written. The order of operations stays, and with
it every bit. Calls in between that only make views go before the joined one.

Next: reuse.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigan.backend.numpy.compiler import Compiler
from minigan.backend.numpy.compiler.trace import KNOWN
from minigan.backend.numpy.replay.folding import fold, is_view
from minigan.backend.numpy.replay.notes import Call, Notes, Place

NAMES = {name: getattr(np, name) for name in KNOWN} | {"where": np.where}

NUMBERS = {"float32": np.float32, "float64": np.float64, "inf": np.inf, "nan": np.nan}


def fuse(notes: Notes, results: Sequence[int], compiler: Compiler) -> None:
    """Join what can be joined, in the notes; `results` are the places that the step returns.

    Two groups grow at a time. The numbers of a layer's running statistics, say, come in between
    two calls on its whole batch, and touch neither: they go before both.
    """
    fold(notes, results)
    calls, last = notes.calls, _last_readings(notes, notes.calls, results)
    notes.calls = []
    group, before = Group(notes), Group(notes)
    for at, call in enumerate(calls):
        if group.takes(call):
            group.calls.append(call)
        elif before.takes(call) and group.is_apart_from(call):
            before.calls.append(call)
        elif is_view(notes, call) and group.is_apart_from(call) and before.is_apart_from(call):
            notes.calls.append(call)
        else:
            notes.calls += before.as_one(at, last, compiler) + group.as_one(at, last, compiler)
            group, before = Group(notes), Group(notes)
            if group.takes(call):
                group.calls.append(call)
            else:
                notes.calls.append(call)
    end = len(calls)
    notes.calls += before.as_one(end, last, compiler) + group.as_one(end, last, compiler)


class Group:
    """Neighboring calls on elements of one shape."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.calls: list[Call] = []

    def takes(self, call: Call) -> bool:
        """Whether the call may be one of them."""
        notes, function = self.notes, call.function
        if getattr(function, "__name__", "") not in NAMES or set(call.options) - {"out"}:
            return False
        if NAMES[function.__name__] is not function:  # type: ignore[union-attr]
            return False
        (made,) = call.writes or call.results
        shape = notes.shapes[made]
        for number in call.reads():
            whole = notes.shapes[number] == shape
            if notes.dtypes[number].kind not in "fb" or whole and not notes.in_c_order[number]:
                return False
        if not self.calls:
            return True
        first = self.calls[0]
        (other,) = first.writes or first.results
        written = {n for each in self.calls for n in each.writes}
        owners = {notes.owners[n] for n in written}
        # A view of what the group has written would be read before the loop has written it.
        seen = all(n in written or notes.owners[n] not in owners for n in call.reads())
        return seen and notes.shapes[other] == shape and first.errors == call.errors

    def is_apart_from(self, call: Call) -> bool:
        """Whether the call reads nothing that the group makes, and writes nothing it reads."""
        owners = self.notes.owners
        made = {owners[n] for each in self.calls for n in (*each.results, *each.writes)}
        read = {owners[n] for each in self.calls for n in each.reads()}
        written = {owners[n] for n in call.writes}
        return not (made.intersection(owners[n] for n in call.reads()) or read & written)

    def as_one(self, at: int, last: dict[int, int], compiler: Compiler) -> list[Call]:
        """The group as one call, or as it is. `last` says when a place is read the last time, and
        `at` when what follows the group begins."""
        notes = self.notes
        if len(self.calls) < 2:
            return self.calls
        made = {n for call in self.calls for n in call.results}
        inputs = list(dict.fromkeys(n for call in self.calls for n in call.reads()
                                    if n not in made))  # fmt: skip
        touched = dict.fromkeys(n for call in self.calls for n in (*call.writes, *call.results))
        wanted = [n for n in touched if last.get(notes.owners[n] if n not in made else n, -1) >= at]
        shapes = [notes.shapes[n] for n in inputs]
        if not wanted or np.broadcast_shapes(*shapes) != notes.shapes[wanted[0]]:
            return self.calls
        text = self._formula(inputs, wanted)
        names: dict[str, Any] = {**NAMES, **NUMBERS}
        exec(compile(text, "<joined>", "exec"), names)
        loop = compiler.each(names["joined"], [np.empty(0, notes.dtypes[n]) for n in inputs])
        if loop is None:
            return self.calls
        notes.formulas[id(loop)] = text
        out = tuple([Place(n) if n not in made else None for n in wanted])
        given, options = tuple(map(Place, inputs)), {"out": out} if any(out) else {}
        writes = tuple([n for n in wanted if n not in made])
        return [Call(loop, given, options, tuple(wanted), self.calls[0].errors, writes)]

    def _formula(self, inputs: Sequence[int], wanted: Sequence[int]) -> str:
        """The calls as a function, of places numbered anew: two alike groups have one text."""
        names = {number: f"x{i}" for i, number in enumerate(inputs)}
        lines = []
        for call in self.calls:
            given = list(_said(call.inputs, names))
            for number in call.results:
                names[number] = f"y{len(names)}"
            if call.writes:
                given.append(f"out={names[call.writes[0]]}")
            target = "".join(f"{names[number]} = " for number in call.results)
            lines.append(f"{target}{call.function.__name__}({', '.join(given)})")  # type: ignore[union-attr]
        lines.append(f"return {', '.join(names[n] for n in wanted)}")
        head = f"def joined({', '.join(names[n] for n in inputs)}):"
        return "\n    ".join([head, *lines]) + "\n"


def _last_readings(notes: Notes, calls: Sequence[Call], results: Sequence[int]) -> dict[int, int]:
    """Which call is the last to read a place, or an array whose memory others look at."""
    last: dict[int, int] = {}
    for at, call in enumerate(calls):
        for n in call.reads():
            last[n] = last[notes.owners[n]] = at
    for n in (*results, *notes.given):
        last[n] = last[notes.owners[n]] = len(calls)
    return last


def _said(inputs: Sequence[Any], names: dict[int, str]) -> Iterator[str]:
    """What the calls are given, as text: a value is part of it, so that the code tells it."""
    for value in inputs:
        if type(value) is Place:
            yield names[value.number]
        elif isinstance(value, np.generic):
            yield f"{value.dtype.name}({value.item()!r})"
        else:
            yield repr(value)
