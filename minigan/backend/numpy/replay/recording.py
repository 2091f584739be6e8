"""A recording: watched once, tried once, then replayed.

    batch      what happens
    1st        the step, operation by operation
    2nd        the same, with arrays that take notes; the notes become a program
    3rd        the program, then back to where it began; the step itself; both must have left the
               same bytes, in the arrays that the owner holds and in what is returned
    4th, …     the program

So a recording is never trusted because its notes look complete. A step that keeps something where
nobody looks (numbers in an array of its own, random numbers that the owner does not know) does not
do the same twice, and is played as it is from then on.

training/loop.py plays such steps and does not know it.
Next: ../process.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from minigan.backend.numpy.random import NumpyStream
from minigan.backend.numpy.replay.before import Before, TooLargeError
from minigan.backend.numpy.replay.exchange import Exchange
from minigan.backend.numpy.replay.fusion import fuse
from minigan.backend.numpy.replay.notes import Notes
from minigan.backend.numpy.replay.program import Program
from minigan.backend.numpy.replay.reuse import reuse
from minigan.backend.numpy.replay.watched import Watched
from minigan.backend.recorded import RecordedStep, is_tensor, mapped


class NumpyStep(RecordedStep):
    """What NumPy's `compiled(step, owner)` returns."""

    array_type, moving = np.ndarray, NumpyStream

    def __call__(self, *arguments: Any) -> Any:
        with self.backend.threads.single_threaded_products():  # said once, not at each product
            if not self.backend.compiler.on:
                return self.step(*arguments)
            return super().__call__(*arguments)

    def settings(self) -> list[Any]:
        return [self.backend.threads.count, self.backend.compiler.on]

    def place(self, array: Any) -> int:
        return id(array)  # an array that is part of a recording is kept by it, and so is its id

    def begin(self) -> Recording:
        return Recording(self.backend, self.step, self.owner)


class Recording:
    """A program for batches of one shape."""

    def __init__(self, backend: Any, step: Callable[..., Any], owner: Any) -> None:
        self.backend, self.step, self.owner = backend, step, owner
        self.program: Program | None = None
        self.failure: str | None = None
        self.ready = False  # the program has been seen to do what the step does

    def play(self, arguments: tuple[Any, ...], tensors: list[Any]) -> Any:
        if self.ready:
            return self._replay(arguments)
        if self.program is None:
            return self._watch(arguments, tensors)
        return self._try(arguments)

    # ---- the 2nd batch ---------------------------------------------------------------------------

    def _watch(self, arguments: tuple[Any, ...], tensors: list[Any]) -> Any:
        notes = Notes()
        versions = [tensor.version for tensor in tensors]
        inputs = [_watched(notes, argument) for argument in arguments]
        self.exchange = Exchange(notes, self.backend)
        self.exchange.watch(self.owner)
        try:
            before = Before(self.exchange)
            with redirect_stdout(Heard(sys.stdout, notes)):
                outputs = self.step(*inputs)
        except TooLargeError as error:
            self.exchange.give_back(self.owner)
            self.failure = str(error)
            return self.step(*arguments)
        except BaseException as error:  # an error of the step's own will come again
            self.exchange.give_back(self.owner)
            before.restore()
            if not isinstance(error, Exception):  # Ctrl-C
                raise
            outputs = self.step(*arguments)
            self.failure = f"{type(error).__name__} when it is watched: {error}"
            return outputs
        del before
        gradients = self.exchange.give_back(self.owner)
        self.with_gradient = [tensor for tensor, _ in gradients]
        self.overwritten = [
            tensor for tensor, old in zip(tensors, versions, strict=True) if tensor.version != old
        ]
        returned = _arrays(outputs)
        if not all([isinstance(array, Watched) for array in returned]):
            notes.fail("it returns a tensor that no operation has made")
        if notes.failure is None:
            made = [array.number for array in (*returned, *[array for _, array in gradients])]
            # Whoever keeps what is returned must not see it change with the array that it lies in.
            self.to_copy = [notes.is_view(number) for number in made[: len(returned)]]
            fuse(notes, made, self.backend.compiler)
            reuse(notes, made)
            self.program = Program(notes, [x.array.number for x in inputs if is_tensor(x)], made)
        self.failure = notes.failure
        self.outputs = mapped(outputs, _unwatched)
        return mapped(self.outputs, lambda tensor: tensor.clone())

    # ---- the 3rd ---------------------------------------------------------------------------------

    def _try(self, arguments: tuple[Any, ...]) -> Any:
        before, found = Before(self.exchange), None
        try:
            found = before.changed(self._run(arguments))
        except Exception as error:  # whatever it is, the step itself will show it, or work
            self.failure = f"{type(error).__name__} at the first replay: {error}"
        finally:
            before.restore()
        outputs = self.step(*arguments)
        made = [*_arrays(outputs), *[tensor.grad.array for tensor in self.with_gradient]]
        if self.failure is None and found != before.changed(made):
            self.failure = "a replay does not leave what the step leaves"
        self.ready = self.failure is None
        del self.exchange
        return outputs

    # ---- and all that follow ---------------------------------------------------------------------

    def _run(self, arguments: tuple[Any, ...]) -> list[np.ndarray]:
        assert self.program is not None
        made = self.program.run(*[x.array for x in arguments if is_tensor(x)])
        return [np.asarray(array) for array in made]  # of a sum, NumPy makes a bare number

    def _replay(self, arguments: tuple[Any, ...]) -> Any:
        arrays, to_copy = iter(self._run(arguments)), iter(self.to_copy)

        def twin(tensor: Any) -> Any:
            array = next(arrays)
            return tensor.like(array.copy(order="K") if next(to_copy) else array)

        results = mapped(self.outputs, twin)
        for tensor, array in zip(self.with_gradient, arrays, strict=True):
            tensor.grad = tensor.like(array)
        for tensor in self.overwritten:
            tensor.mark_changed()
        return results


class Heard:
    """A program's output, passed on. A step that prints wants to be heard at each batch, and so it
    cannot be recorded."""

    def __init__(self, output: Any, notes: Notes) -> None:
        self.output, self.notes = output, notes

    def write(self, text: str) -> int:
        self.notes.fail("it prints")
        return self.output.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)


def _arrays(outputs: Any) -> list[Any]:
    """Those of the tensors that a step returned."""
    found: list[Any] = []
    mapped(outputs, lambda tensor: found.append(tensor.array))
    return found


def _watched(notes: Notes, argument: Any) -> Any:
    """A tensor like this one, with a watched array."""
    if not is_tensor(argument):
        return argument
    tensor = argument.detach()
    tensor.array = Watched(notes, argument.array)
    return tensor.requires_grad_(argument.requires_grad)


def _unwatched(tensor: Any) -> Any:
    """The same numbers in a tensor that nobody watches."""
    array = tensor.array.array if isinstance(tensor.array, Watched) else tensor.array
    return tensor.like(np.asarray(array))
