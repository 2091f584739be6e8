"""From notes to a program: the text of a Python function that does what the step did.

    def step(x1):
        r40 = transpose(a7)
        r41 = matmul(x1, r40)
        add(r41, a8, out=r41)
        …
        return r97, r102

a are arrays that were there before the step (the weights), x what a step is given anew (the batch),
r what it makes. Nothing is left of tensors, layers and graphs. A result is let go where the step
itself could let go of it, or sooner, so memory is what it was. All of it can be read:
python -m minigan --recorded gan

Next: folding.py.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from minigan.backend.numpy.replay.notes import Call, Notes, Place, places

SAID = (int, bool, str, type(None), type(...))  # plain values that a text can hold as they are


class Program:
    """The text, and the function that it says."""

    def __init__(self, notes: Notes, inputs: Sequence[int], results: Sequence[int]) -> None:
        self.notes, self.inputs = notes, inputs
        self.names: dict[str, Any] = {}  # what the text takes from outside
        self._name_of: dict[int, str] = {}  # by id of what is named
        for number, array in notes.given.items():
            self.names[f"a{number}"] = array
        usual = np.geterr()
        lines = [f"def step({', '.join(map(self._place, inputs))}):"]
        calls, last = needed(notes.calls, results), {}
        for at, call in enumerate(calls):
            last.update(dict.fromkeys([*call.reads(), *call.results], at))
        kept = {*results, *notes.given}
        for at, call in enumerate(calls):
            text = self._line(call)
            if call.errors != usual:
                text = f"with {self._named(np.errstate)}(**{call.errors}): {text}"
            done = sorted({n for n in (*call.reads(), *call.results) if last[n] == at} - kept)
            lines += [text, f"del {', '.join(map(self._place, done))}"] if done else [text]
        lines.append(f"return [{', '.join(map(self._place, results))}]")
        self.text = "\n    ".join(lines) + "\n"
        exec(compile(self.text, "<recorded step>", "exec"), self.names)
        self.run: Callable[..., list[Any]] = self.names["step"]

    def __str__(self) -> str:
        """The text, with what it takes from outside: arrays, numbers and joined calls."""
        lines, formulas = [], []
        for name, thing in self.names.items():
            if isinstance(thing, np.ndarray):
                lines.append(f"# {name}: {thing.dtype} of shape {thing.shape}")
            elif isinstance(thing, np.generic):
                lines.append(f"{name} = {thing.item()!r}  # {thing.dtype}")
            elif id(thing) in self.notes.formulas:
                text = self.notes.formulas[id(thing)]
                formulas.append(text.replace("def joined", f"def {name}", 1))
        return "\n\n".join(["\n".join(lines), *formulas, self.text])

    def _place(self, number: int) -> str:
        if number in self.notes.given:
            return f"a{number}"
        return f"x{number}" if number in self.inputs else f"r{number}"

    def _line(self, call: Call) -> str:
        inputs = [self._text(value) for value in call.inputs]
        if call.function is operator.setitem:
            return f"{inputs[0]}[{inputs[1]}] = {inputs[2]}"
        if call.function is operator.getitem:
            text = f"{inputs[0]}[{inputs[1]}]"
        else:
            given = [f"{name}={self._text(value)}" for name, value in call.options.items()]
            if isinstance(call.function, str):
                text = f"{inputs[0]}.{call.function}({', '.join([*inputs[1:], *given])})"
            else:
                text = f"{self._named(call.function)}({', '.join([*inputs, *given])})"
        made = ", ".join(["_" if n in self.notes.given else self._place(n) for n in call.results])
        return f"{made} = {text}" if made else text

    def _text(self, value: Any) -> str:
        if type(value) is Place:
            return self._place(value.number)
        if type(value) in SAID or (type(value) is float and np.isfinite(value)):
            return "..." if value is ... else repr(value)
        if type(value) is list:
            return f"[{', '.join(map(self._text, value))}]"
        if type(value) is tuple:
            return f"({''.join(self._text(item) + ', ' for item in value)})"
        if type(value) is slice and not any(True for _ in places([value.start, value.stop])):
            return repr(value)
        return self._named(value)

    def _named(self, thing: Any) -> str:
        """A name that the text can call this thing by."""
        if id(thing) not in self._name_of:
            name = getattr(thing, "__name__", type(thing).__name__)
            if isinstance(thing, np.dtype | np.generic):
                name = thing.name if isinstance(thing, np.dtype) else f"{thing.dtype}_number"
            if id(thing) in self.notes.formulas:
                name = "joined"
            name = name if name.isidentifier() else "formula"
            if name in self.names or name == "step":
                name = f"{name}_{len(self.names)}"
            self._name_of[id(thing)] = name
            self.names[name] = thing
        return self._name_of[id(thing)]


def needed(calls: Sequence[Call], results: Iterable[int]) -> list[Call]:
    """The calls without those whose results nobody reads, and which write nothing."""
    used, kept = set(results), []
    for call in reversed(calls):
        if call.writes or not call.results or used.intersection(call.results):
            used.update(call.reads())
            kept.append(call)
    return kept[::-1]
