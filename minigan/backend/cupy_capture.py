"""A training step that the GPU repeats without Python: recorded once, replayed ever after.

A step of the small GAN is some two hundred kernels of a microsecond or two, and Python needs five
to ask for each. CUDA can note down what a program asks for, as a *graph*, and do it again when told
to once. What is replayed is the very same work on the very same memory. From that follow the rules:

* A recorded step reads its batch from arrays of its own. Each batch is copied there.
* It has a memory pool of its own, in which nothing is made after the recording. In a shared pool
  later arrays would lie where the step keeps its intermediates, and be overwritten.
* Python does not run. What a step keeps on the GPU (weights, moments, the optimizer's count, the
  random generator's position) moves on at each replay; what it keeps in Python does not. Plain
  numbers that it reads, such as a learning rate, are frozen. If the step is a method of an object
  that has `frozen_values()`, then a change of what that returns makes the step be recorded anew.
* Nothing may be read by the host within it.

The first batch of a shape is played as usual: that is a true step, and it prepares whatever is
prepared on first use (kernels, cuBLAS, memory). The second is recorded and then replayed, the
third and all later ones are replayed. So there is no warm-up whose effect must be undone.

What the step returns is copied out after each replay: a loss that was handed out stays what it was.

Next: ../training/loop.py, which plays such steps and does not know it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from minigan.backend.cupy_kernels import cupy
from minigan.backend.cupy_memory import private_memory
from minigan.backend.cupy_start import reason

if TYPE_CHECKING:
    from minigan.backend.cupy_backend import CupyBackend

KEPT = 8  # recordings of one step, for batches of as many shapes


class CompiledStep:
    """What `compiled(step)` returns; called like the step itself.

    Its arguments are tensors and plain values. It returns what the step returns: a tensor, or a
    dict, list or tuple of them. If recording fails, the reason is printed once, and the step runs
    operation by operation from then on.
    """

    def __init__(self, backend: CupyBackend, step: Callable[..., Any]) -> None:
        self.backend, self.step = backend, step
        self.recordings: dict[Any, Recording] = {}
        self.failed = False

    def __call__(self, *arguments: Any) -> Any:
        if self.failed:
            return self.step(*arguments)
        key = self._key(arguments)
        recording = self.recordings.get(key)
        if recording is None:
            if len(self.recordings) == KEPT:  # make room: let the oldest go
                del self.recordings[next(iter(self.recordings))]
            recording = self.recordings[key] = Recording(self.backend, self.step)
            return recording.play(arguments)
        if recording.graph is None:
            try:
                recording.record(arguments)
            except Exception as error:  # whatever it is, the step itself will show it, or work
                self.failed = True
                self.recordings.clear()
                print(
                    f"the training step cannot be recorded ({reason(error)}): "
                    "it runs operation by operation, and slower",
                    file=sys.stderr,
                )
                return self.step(*arguments)
        return recording.replay(arguments)

    def _key(self, arguments: tuple[Any, ...]) -> Any:
        """All that a recording was made for: the shapes of the batch, and values in Python."""
        owner: Any = getattr(self.step, "__self__", None)
        frozen = owner.frozen_values() if hasattr(owner, "frozen_values") else ()
        return self.backend.tf32, frozen, *[_description(argument) for argument in arguments]


class Recording:
    """One graph, for batches of one shape."""

    def __init__(self, backend: CupyBackend, step: Callable[..., Any]) -> None:
        self.backend, self.step = backend, step
        self.stream = cupy.cuda.Stream(non_blocking=True)  # the usual stream cannot be recorded
        self.pool = cupy.cuda.MemoryPool()  # lives as long as the graph
        self.graph: Any = None

    def play(self, arguments: tuple[Any, ...]) -> Any:
        """The step itself, with the memory and on the stream of the recording to come."""
        with self._own():
            self.inputs = [_static(argument) for argument in arguments]
            outputs = self.step(*self.inputs)
        return _map(outputs, _copy)

    def record(self, arguments: tuple[Any, ...]) -> None:
        """Note down the step. Nothing is computed."""
        with self._own(), _no_garbage_collection():
            self.stream.begin_capture()
            try:
                self.outputs = self.step(*self.inputs)
            except BaseException:
                _give_up(self.stream)
                raise
            self.graph = self.stream.end_capture()
        self.blas = self.backend.release_blas(self.stream.ptr)  # the graph uses its memory

    def replay(self, arguments: tuple[Any, ...]) -> Any:
        """Do it, on the current stream: in order with all that came before and will follow."""
        for own, argument in zip(self.inputs, arguments, strict=True):
            if hasattr(own, "requires_grad"):
                own.data[...] = argument.data
        self.graph.launch(cupy.cuda.get_current_stream())
        return _map(self.outputs, _copy)

    @contextmanager
    def _own(self) -> Iterator[None]:
        """On the recording's stream and in its memory, after all work so far, before all later."""
        outer = cupy.cuda.get_current_stream()
        self.stream.wait_event(outer.record())
        try:
            with self.stream, private_memory(self.pool):
                yield
        finally:
            outer.wait_event(self.stream.record())


def _description(argument: Any) -> Any:
    """The shape, type and memory order of a tensor; a plain value itself."""
    if hasattr(argument, "requires_grad"):
        a = argument.data
        return a.shape, a.dtype, a.strides, argument.requires_grad
    return argument


def _static(argument: Any) -> Any:
    """A tensor like this one with memory that stays."""
    if not hasattr(argument, "requires_grad"):
        return argument
    tensor = argument.detach().clone()
    return tensor.requires_grad_(argument.requires_grad)


def _copy(tensor: Any) -> Any:
    return tensor.detach().clone()


def _map(value: Any, function: Callable[[Any], Any]) -> Any:
    """The same dict, list or tuple with function(tensor) in place of each tensor."""
    if isinstance(value, dict):
        return {name: _map(item, function) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map(item, function) for item in value)
    return function(value) if hasattr(value, "requires_grad") else value


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A collection may free memory, or a graph, at any moment: not while recording."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _give_up(stream: Any) -> None:
    """End a recording that went wrong, which is an error in itself."""
    try:
        stream.end_capture()
    except Exception:  # the first error tells more
        pass
