"""Memory for a result: that of an array which is read here for the last time.

    r9 = add(r7, r8)          →          r9 = add(r7, r8, out=(r7,))

Element by element, a number is read before another one is written in its place. So the sum of two
gradients needs no third array, which would first have to be fetched into the cache.

Next: recording.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigan.backend.numpy.replay.notes import Notes, Place

WORTH_IT = 1 << 12  # numbers: a smaller array costs no more than to say where it shall lie


def reuse(notes: Notes, results: Sequence[int]) -> None:
    """Let calls that work element by element write where they read; `results` are to be kept."""
    last: dict[int, int] = {}  # when the memory of a place, or a view of it, is used the last time
    for at, call in enumerate(notes.calls):
        last.update({notes.owners[n]: at for n in (*call.reads(), *call.results)})
    kept = {notes.owners[n] for n in results}
    own: set[int] = set()  # places whose memory the step itself has made so far
    for at, call in enumerate(notes.calls):
        each = isinstance(call.function, np.ufunc) or id(call.function) in notes.formulas
        if each and not call.options:
            read = {n for n in call.reads() if notes.owners[n] in own - kept}
            free = [n for n in sorted(read) if last[notes.owners[n]] == at]
            out = tuple([_taken(notes, free, made) for made in call.results])
            call.options = {"out": out} if any(out) else {}
        own.update([n for n in call.results if notes.owners[n] == n])


def _taken(notes: Notes, free: list[int], made: int) -> Place | None:
    """One of the free places that lies in memory as the one to be made does; it is free no more."""
    size = math.prod(notes.shapes[made])
    if size < WORTH_IT:
        return None
    for number in free:
        owner = notes.owners[number]
        alike = [of[number] == of[made] for of in (notes.shapes, notes.dtypes, notes.strides)]
        if all(alike) and math.prod(notes.shapes[owner]) == size:
            free[:] = [n for n in free if notes.owners[n] != owner]
            return Place(number)
    return None
