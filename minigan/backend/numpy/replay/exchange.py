"""For the time of one step, watched arrays stand in for those that the step's owner holds.

Everything is looked through that can be reached through attributes, lists, tuples and dicts: for an
array comes a watched one, and for a stream of random numbers a watched one. Afterwards each goes
back to its place. The gradients that are there by then are results of the step.

Next: before.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.backend.numpy.random import NumpyStream
from minigan.backend.numpy.replay.kernels import WatchedStream
from minigan.backend.numpy.replay.notes import Notes
from minigan.backend.numpy.replay.watched import Watched, memory_of
from minigan.backend.recorded import is_tensor

EARLIER = "its gradients add up from one step to the next: zero_grad() first"


class Exchange:
    """Watched arrays in the place of an owner's, and back."""

    def __init__(self, notes: Notes, backend: Any) -> None:
        self.notes, self.backend = notes, backend
        self.instead: dict[int, Any] = {}  # the watched one of each array and stream, by its id
        self.lying_in: dict[int, Watched] = {}  # the first that lies in some memory, by its id
        self.streams: list[NumpyStream] = []
        self.arrays: list[np.ndarray] = []  # those that a step may change

    def watch(self, owner: Any) -> None:
        """Put them there."""
        _Walk(self.backend, self._watched).through(owner)

    def give_back(self, owner: Any) -> list[tuple[Any, Watched]]:
        """Take them away. Returns the tensors that have a new gradient, each with it.

        (A new array may also be in the place of a tensor, or of its array. Then the next step finds
        another owner than this one, or one that makes it anew each time: see ../../recorded.py.)
        """
        results: list[tuple[Any, Watched]] = []
        ours = {id(watched) for watched in self.instead.values()}

        def plain(thing: Any, tensor: Any, name: str) -> Any:
            if isinstance(thing, WatchedStream):
                return thing.stream
            if not isinstance(thing, Watched):
                return thing
            if id(thing) not in ours and name == "grad":
                results.append((tensor, thing))
            return thing.array

        _Walk(self.backend, plain).through(owner)
        return results

    def _watched(self, thing: Any, tensor: Any, name: str) -> Any:
        if id(thing) in self.instead:
            return self.instead[id(thing)]
        if isinstance(thing, NumpyStream):
            self.streams.append(thing)
            self.instead[id(thing)] = WatchedStream(self.notes, thing)
        elif isinstance(thing, np.ndarray):
            whole = memory_of(thing)
            watched = Watched(self.notes, thing, self.lying_in.get(id(whole)))
            self.lying_in.setdefault(id(whole), watched)
            self.instead[id(thing)] = watched
            self.notes.given[watched.number] = thing
            if name == "grad":
                self.notes.unusable[watched.number] = EARLIER
            else:
                self.arrays.append(thing)
        else:
            return thing
        return self.instead[id(thing)]


class _Walk:
    """Through all that an object holds, with something to put in the place of each part."""

    def __init__(self, backend: Any, function: Any) -> None:
        self.function = function
        self.seen = {id(backend)}
        self.kept: list[Any] = []  # what is seen must live, or another may come by its id

    def through(self, thing: Any) -> Any:
        """What shall stand in the place of this."""
        if is_tensor(thing) and id(thing) not in self.seen:
            self._note(thing)
            thing.array = self.function(thing.array, thing, "array")
            if thing.grad is not None:
                thing.grad.array = self.function(thing.grad.array, thing, "grad")
            return thing
        if isinstance(thing, tuple) and thing:
            parts = [self.through(part) for part in thing]
            if all(new is old for new, old in zip(parts, thing, strict=True)):
                return thing
            return type(thing)(*parts) if hasattr(thing, "_fields") else tuple(parts)
        if id(thing) in self.seen or isinstance(thing, type):
            return thing
        new = self.function(thing, None, "")
        if new is not thing:
            return new
        self._note(thing)
        if isinstance(thing, list):
            thing[:] = [self.through(part) for part in thing]
        elif isinstance(thing, dict):
            for name, part in thing.items():
                self._put(part, thing, name)
        else:
            for name, part in list(getattr(thing, "__dict__", {}).items()):
                self._put(part, thing.__dict__, name)
        return thing

    def _put(self, part: Any, home: dict[Any, Any], name: Any) -> None:
        new = self.through(part)
        if new is not part:
            home[name] = new

    def _note(self, thing: Any) -> None:
        self.seen.add(id(thing))
        self.kept.append(thing)
