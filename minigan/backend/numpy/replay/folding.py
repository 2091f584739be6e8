"""What is the same at each replay is done once: and what nobody needs is not done at all.

A weight stays where it is, and so does its transposed view. A gradient of ones stays what it is,
and so does what is made of it and of nothing else.

Next: fusion.py.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.backend.numpy.replay.notes import Call, Notes, Place, replaced
from minigan.backend.numpy.replay.program import needed

VIEWS = {"transpose", "reshape", "ravel", "squeeze", "swapaxes"}


def fold(notes: Notes, results: Sequence[int]) -> None:
    """Do once what is the same at each replay: views of arrays that stay where they are, and ones,
    and what is made of nothing but them."""
    notes.calls = needed(notes.calls, results)
    _give_places(notes)
    written = {notes.owners[n] for call in notes.calls for n in call.writes}
    stays = dict(notes.given)  # arrays, at whose numbers nobody looks here
    known: dict[int, Any] = {}  # arrays whose numbers are always the same
    kept = []
    for call in notes.calls:
        function: Any = call.function
        reads = list(call.reads())
        if call.writes or len(call.results) != 1:
            kept.append(call)
            continue
        (made,) = call.results
        changes = notes.owners[made] in written
        if function in (np.ones_like, np.zeros_like) and not call.options and not changes:
            value = 1 if function is np.ones_like else 0
            known[made] = np.full(notes.shapes[made], value, notes.dtypes[made])
        elif is_view(notes, call) and all(n in stays for n in reads):
            stays[made] = _called(call, stays)
        elif reads and all(n in known for n in reads) and not changes and _is_pure(function):
            known[made] = _called(call, known)
        else:
            kept.append(call)
    notes.calls = needed(kept, results)
    used = {n for call in notes.calls for n in call.reads()}.union(results)
    notes.given = {n: value for n, value in (stays | known).items() if n in used}


def _is_pure(function: Any) -> bool:
    return isinstance(function, np.ufunc) or function in VIEWS or function is np.broadcast_to


def _called(call: Call, arrays: dict[int, Any]) -> Any:
    """What the call makes of these arrays."""
    given, named = replaced((call.inputs, call.options), Place, lambda p: arrays[p.number])
    if isinstance(call.function, str):
        return getattr(given[0], call.function)(*given[1:], **named)
    return call.function(*given, **named)


def is_view(notes: Notes, call: Call) -> bool:
    """Whether a call only looks at an array in another way."""
    if call.writes or len(call.results) != 1 or notes.owners[call.results[0]] == call.results[0]:
        return False
    return call.function in VIEWS or call.function in (operator.getitem, np.broadcast_to)


def _give_places(notes: Notes) -> None:
    """Let arrays that nobody watched, such as a loss's targets, have places of their own."""
    found: dict[int, int] = {}

    def place(array: np.ndarray) -> Place:
        if id(array) not in found:
            number = found[id(array)] = notes.place(array)
            notes.given[number] = array
        return Place(found[id(array)])

    for call in notes.calls:
        call.inputs = replaced(call.inputs, np.ndarray, place)
