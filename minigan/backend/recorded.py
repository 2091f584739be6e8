"""A training step that is recorded once and replayed ever after: the rules, on whatever backend.

Python is slow at asking for things. A step that plays the same game on batches of the same shape
asks for the same operations each time; so a backend may note them down and repeat them without
Python. From that follow the rules:

* Python does not run. What a step keeps in arrays (weights, moments, the optimizer's count) and the
  random generator's position move on at each replay; what it keeps in Python is frozen. So all
  plain values that the step's owner holds, such as learning rates, and its arrays are looked at
  before each replay. When one has changed, the step is recorded anew.
* Nothing may depend on a number that Python has read from an array within it.
* What the step returns is a copy: a loss that was handed out stays what it was.

A batch of a new shape is played as usual, since it may never come back. From the second of that
shape on it is a recording's affair, and a recording takes its time: cupy/capture.py and
numpy/replay/ say how many batches pass until it is ready. All of them are true steps.

With a plain value changed, or an array moved, all shapes begin again at the 1st. If a step cannot
be recorded the reason is printed once, and it runs operation by operation from then on.

training/loop.py plays such steps and does not know it.

Next: formula.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any, Protocol

import numpy as np

KEPT = 8  # recordings of one step, for batches of as many shapes
PLAIN = {bool, int, float, str, type(None), FunctionType}


class Recording(Protocol):
    """What a backend makes of a step, for batches of one shape."""

    failure: str | None  # why it will never be ready

    @property
    def ready(self) -> bool:
        """Whether all that follow are replayed."""

    def play(self, arguments: tuple[Any, ...], tensors: list[Any]) -> Any:
        """The step on this batch: played, noted down or replayed. It returns what the step returns.

        `tensors` are those that the owner holds.
        """


class RecordedStep:
    """What `compiled(step, owner)` returns; called like the step itself.

    Its arguments are tensors and plain values. It returns what the step returns: a tensor, or a
    dict, list or tuple of them. A backend's own kind says what a recording is, where an array lies,
    and what else is taken for granted.
    """

    array_type: type  # of the backend's arrays
    # Of objects whose state a replay moves on: only which they are counts.
    moving: type | None = None

    def __init__(self, backend: Any, step: Callable[..., Any], owner: Any = None) -> None:
        self.backend, self.step = backend, step
        self.owner = getattr(step, "__self__", None) if owner is None else owner
        self.taken_for_granted: Any = None
        # By the shapes of their batches. None stands for a shape that was met once.
        self.recordings: dict[Any, Recording | None] = {}
        self.failed = False

    def settings(self) -> list[Any]:
        """What a recording depends on besides its owner."""
        return []

    def place(self, array: Any) -> int:
        """A number by which an array's memory is known."""
        raise NotImplementedError

    def begin(self) -> Recording:
        """A new recording of the step."""
        raise NotImplementedError

    def before_forgetting(self) -> None:
        """Called before recordings are let go."""

    def __call__(self, *arguments: Any) -> Any:
        if self.failed:
            return self.step(*arguments)
        values, tensors = self.held()
        granted = [*self.settings(), *values]
        if granted != self.taken_for_granted:
            self._forget(list(self.recordings))
            self.taken_for_granted = granted
        shapes = tuple([description(argument) for argument in arguments])
        if shapes not in self.recordings:
            self._forget(list(self.recordings)[: 1 - KEPT])  # make room: let the oldest go
            self.recordings[shapes] = None
            return self.step(*arguments)
        recording = self.recordings[shapes]
        if recording is None:
            recording = self.recordings[shapes] = self.begin()
        try:
            return recording.play(arguments, tensors)
        finally:
            if recording.failure is not None:
                self._give_up(recording.failure)

    def _give_up(self, reason: str) -> None:
        self.failed = True
        self._forget(list(self.recordings))
        print(
            f"the training step cannot be recorded ({reason}): "
            "it runs operation by operation, and slower",
            file=sys.stderr,
        )

    def _forget(self, shapes: list[Any]) -> None:
        """Let recordings go, with their memory."""
        if shapes:
            self.before_forgetting()
        for each in shapes:
            del self.recordings[each]

    def held(self) -> tuple[list[Any], list[Any]]:
        """What a recording takes for granted of the step's owner: all plain values that can be
        reached through its attributes, and where its arrays lie. And all tensors among them.

        What it does not see: a function is compared as an object, and neither the variables that it
        closes over, nor a global, nor an attribute of a class are looked into. A step that depends
        on one of those keeps the value of the recording. Sets and slots are not looked into,
        either.

        Nobody has to list them, so no list can be incomplete. It runs before each replay, hence the
        exact types: a look into a dict instead of several questions to each object.
        """
        found: list[Any] = []
        tensors: list[Any] = []
        seen = {id(self.backend)}  # objects may refer to each other in circles; it keeps caches
        left: list[Any] = [self.owner]
        while left:
            thing = left.pop()
            kind = type(thing)
            if kind in PLAIN:
                found.append(thing)
                continue
            if kind is self.array_type:
                found.append(self.place(thing))
                continue
            what = KINDS.get(kind) or kind_of(thing)
            if what == "tensor":
                found += [self.place(thing.array), thing.requires_grad]
                tensors.append(thing)
            elif what == "value":
                found.append(thing)
            elif kind is self.moving:
                found.append(id(thing))
            elif id(thing) not in seen:
                seen.add(id(thing))
                if what == "list":
                    left += thing
                elif what == "dict":
                    left += thing.values()
                elif what == "object":
                    parts = thing.__dict__
                    renewed = parts.get("renewed", ())  # of a module: see nn/spectral_norm.py
                    if renewed:
                        left += [part for name, part in parts.items() if name not in renewed]
                    else:
                        left += parts.values()
        return found, tensors


# What is done with an object, by its type; kind_of() fills it in.
KINDS: dict[type, str] = {}


def kind_of(thing: Any) -> str:
    """What `held` does with a thing of this type: "nothing" if it cannot be looked into."""
    if is_tensor(thing):
        kind = "tensor"
    elif isinstance(thing, np.generic | np.dtype):
        kind = "value"
    elif isinstance(thing, list | tuple):
        kind = "list"
    elif isinstance(thing, dict):
        kind = "dict"
    else:
        kind = "object" if hasattr(thing, "__dict__") else "nothing"
    KINDS[type(thing)] = kind
    return kind


def is_tensor(thing: Any) -> bool:
    return hasattr(thing, "requires_grad")


def description(argument: Any) -> Any:
    """The shape, type and memory order of a tensor; a plain value itself."""
    if is_tensor(argument):
        a = argument.array
        return a.shape, a.dtype, a.strides, argument.requires_grad
    return argument


def mapped(value: Any, function: Callable[[Any], Any]) -> Any:
    """The same dict, list or tuple with function(tensor) in place of each tensor."""
    if isinstance(value, dict):
        return {name: mapped(item, function) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(mapped(item, function) for item in value)
    return function(value) if is_tensor(value) else value
