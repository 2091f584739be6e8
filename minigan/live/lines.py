"""The lines of the real source, one by one, as they run: what each of them left in its variables.

Python itself tells (`sys.settrace`): of each line of the functions that play a round, and of
nothing else. No copy of the source is interpreted here; what runs is what always runs, more slowly.

Next: session.py.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

from minigan.tensor import Tensor

MOST_LINES = 2000  # of one move; the rest runs unseen
PACKAGE = Path(__file__).parents[1]

Look = Callable[[], Any]


class Lines:
    """Watches some functions, and notes each line that they have run.

    `look` is asked after each line at which `moved` has changed: after an optimizer's step.
    """

    def __init__(self, functions: list[Any], moved: Callable[[], Any], look: Look | None) -> None:
        self.codes = {function.__code__: function for function in functions}
        self.moved, self.look = moved, look
        self.noted: list[dict[str, Any]] = []
        self._running: dict[FrameType, int] = {}  # the line that each function is in
        self._known: dict[FrameType, dict[str, Any]] = {}
        self._before: Any = None

    @contextmanager
    def watching(self) -> Iterator[list[dict[str, Any]]]:
        """Inside, each line is noted."""
        self._before, outer = self.moved(), sys.gettrace()
        sys.settrace(self._called)
        try:
            yield self.noted
        finally:
            sys.settrace(outer)
            self._running.clear()  # frames hold on to all that is in them
            self._known.clear()

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code not in self.codes or len(self.noted) >= MOST_LINES:
            return None
        self._known[frame] = {}
        return self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Python says this *before* a line runs, and before a function returns: note the one that
        has just run."""
        if event == "exception":
            return self._line
        done = self._running.pop(frame, None)
        if done is not None and len(self.noted) < MOST_LINES:
            self._note(frame, done, event)
        if event == "line":
            self._running[frame] = frame.f_lineno
        return self._line

    def _note(self, frame: FrameType, line: int, event: str) -> None:
        known = self._known[frame]
        now = {name: value for name, value in frame.f_locals.items() if name != "self"}
        new = [name for name, value in now.items() if known.get(name) is not value]
        self._known[frame] = now
        note: dict[str, Any] = {
            "file": file_of(frame.f_code),
            "line": line,
            "function": frame.f_code.co_qualname,
            "event": event,
            "names": [seen for name in new for seen in described(name, now[name])],
        }
        after = self.moved()
        if after != self._before and self.look is not None:
            note["look"] = self.look()
        self._before = after
        self.noted.append(note)


def described(name: str, value: Any) -> Iterator[dict[str, Any]]:
    """What there is to say of a variable: shape, type and range, and the number if it is one."""
    if isinstance(value, tuple | list):
        for i, part in enumerate(value[:8]):
            yield from described(f"{name}[{i}]", part)
    elif isinstance(value, Tensor | np.ndarray):
        numbers = value.detach().numpy() if isinstance(value, Tensor) else value
        said: dict[str, Any] = {
            "name": name,
            "shape": list(numbers.shape),
            "dtype": str(numbers.dtype),
        }
        if numbers.size:
            said |= {"low": float(numbers.min()), "high": float(numbers.max())}
        if numbers.size == 1:
            said["value"] = float(numbers.reshape(-1)[0])
        yield said
    elif isinstance(value, bool | int | float):
        number = float(value)
        yield {
            "name": name,
            "shape": [],
            "dtype": type(value).__name__,
            "low": number,
            "high": number,
            "value": number,
        }


@cache
def file_of(code: CodeType) -> str:
    """The file below minigan's folder, such as minigan/theory/game.py; else its bare name."""
    path = Path(code.co_filename)
    if path.is_relative_to(PACKAGE):
        return path.relative_to(PACKAGE.parent).as_posix()
    return path.name


def sources(functions: list[Any]) -> list[dict[str, Any]]:
    """The source of these functions as it stands in its file, each once."""
    found = []
    for function in dict.fromkeys(functions):
        lines, first = inspect.getsourcelines(function)
        found.append(
            {
                "file": file_of(function.__code__),
                "function": function.__qualname__,
                "first": first,
                "text": "".join(lines),
            }
        )
    return found
