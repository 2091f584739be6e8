"""A training step that the GPU repeats without Python: recorded once, replayed ever after.

A step of the small GAN is some two hundred kernels of a microsecond or two, and Python needs five
to ask for each. CUDA can note down what a program asks for, as a *graph*, and do it again when told
to once. What is replayed is the very same work on the very same memory. From that follow the rules:

* A recorded step reads its batch from arrays of its own. Each batch is copied there.
* It has a memory pool of its own, in which nothing is made after the recording. In a shared pool
  later arrays would lie where the step keeps its intermediates, and be overwritten.
* Python does not run. What a step keeps on the GPU (weights, moments, the optimizer's count, the
  random generator's position) moves on at each replay; what it keeps in Python is frozen. So all
  plain values that the step's owner holds, such as learning rates, and the addresses of its arrays
  are looked at before each replay. When one has changed, the step is recorded anew.
* Nothing may be read by the host within it.

A batch of a new shape is played as usual, since it may never come back. The second of that shape
is played with the memory and on the stream of a recording to be, which prepares whatever is
prepared on first use. The third is recorded and replayed, all later ones are replayed. All of them
are true steps: there is no warm-up whose effect must be undone.

    batch      what happens                                         memory       stream
    1st        the step, operation by operation                     the usual    the usual
    2nd        the same; what is prepared on first use, is          its own      its own
    3rd        noted down, and nothing computed;                    its own      its own
               then replayed, as all that follow:
    4th, …     copied in, one launch, results copied out            its own      the usual

With a plain value changed, or an array moved, all shapes begin again at the 1st.

What the step returns is copied after each replay: a loss that was handed out stays what it was.

training/loop.py plays such steps and does not know it.
Next: ../../distributed/__init__.py.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FunctionType
from typing import Any, Protocol

import numpy as np

from minigan.backend.cupy.cublas import WORKSPACE, Blas
from minigan.backend.cupy.launch import cupy
from minigan.backend.cupy.memory import concatenated, private_memory
from minigan.backend.cupy.start import reason

KEPT = 8  # recordings of one step, for batches of as many shapes
PLAIN = {bool, int, float, str, type(None), FunctionType}


class Recorder(Protocol):
    """What a recording needs of the backend that it is made for: CupyBackend, in arrays.py."""

    @property
    def tf32(self) -> str: ...
    def synchronize(self) -> None: ...
    def multiplying_with(self, blas: Blas) -> AbstractContextManager[None]: ...


class CompiledStep:
    """What `compiled(step, owner)` returns; called like the step itself.

    Its arguments are tensors and plain values. It returns what the step returns: a tensor, or a
    dict, list or tuple of them. If recording fails, the reason is printed once, and the step runs
    operation by operation from then on.
    """

    def __init__(self, backend: Recorder, step: Callable[..., Any], owner: Any = None) -> None:
        self.backend, self.step = backend, step
        self.owner = getattr(step, "__self__", None) if owner is None else owner
        self.taken_for_granted: Any = None
        # By the shapes of their batches. None stands for a shape that was met once.
        self.recordings: dict[Any, Recording | None] = {}
        self.failed = False

    def __call__(self, *arguments: Any) -> Any:
        if self.failed:
            return self.step(*arguments)
        values, tensors = held_by(self.owner, self.backend)
        granted = [self.backend.tf32, *values]
        if granted != self.taken_for_granted:
            self._forget(list(self.recordings))
            self.taken_for_granted = granted
        shapes = tuple(_description(argument) for argument in arguments)
        if shapes not in self.recordings:
            self._forget(list(self.recordings)[: 1 - KEPT])  # make room: let the oldest go
            self.recordings[shapes] = None
            return self.step(*arguments)
        recording = self.recordings[shapes]
        if recording is None:
            recording = self.recordings[shapes] = Recording(self.backend, self.step)
            return recording.play(arguments)
        if recording.graph is None:
            try:
                recording.record(tensors)
            except Exception as error:  # whatever it is, the step itself will show it, or work
                self.failed = True
                self._forget(list(self.recordings))
                print(
                    f"the training step cannot be recorded ({reason(error)}): "
                    "it runs operation by operation, and slower",
                    file=sys.stderr,
                )
                return self.step(*arguments)
        return recording.replay(arguments)

    def _forget(self, shapes: list[Any]) -> None:
        """Let recordings go, with their memory; the GPU may be replaying one at this moment."""
        if shapes:
            self.backend.synchronize()
        for each in shapes:
            del self.recordings[each]


def held_by(owner: Any, backend: Recorder) -> tuple[list[Any], list[Any]]:
    """What a recording of a step takes for granted of the object that the step belongs to: all
    plain values that can be reached through its attributes, and where its arrays lie. And all
    tensors among them.

    What it does not see: a function is compared as an object, and neither the variables that it
    closes over, nor a global, nor an attribute of a class are looked into. A step that depends on
    one of those keeps the value of the recording. Sets and slots are not looked into, either.

    Nobody has to list them, so no list can be incomplete. It runs before each replay, hence the
    exact types: a look into a set instead of a question to each class.
    """
    found: list[Any] = []
    tensors: list[Any] = []
    seen = {id(backend)}  # objects may refer to each other in circles; the backend keeps caches
    left = [owner]
    while left:
        thing = left.pop()
        kind = type(thing)
        if kind in PLAIN:
            found.append(thing)
        elif kind is cupy.ndarray:
            found.append(thing.data.ptr)
        elif _is_tensor(thing):
            found += [thing.array.data.ptr, thing.requires_grad]
            tensors.append(thing)
        elif isinstance(thing, np.generic | np.dtype):
            found.append(thing)
        elif id(thing) not in seen:
            seen.add(id(thing))
            if isinstance(thing, list | tuple):
                left += thing
            elif isinstance(thing, dict):
                left += thing.values()
            else:
                parts = getattr(thing, "__dict__", {})
                renewed = parts.get("renewed", ())  # of a module: see nn/spectral_norm.py
                left += [part for name, part in parts.items() if name not in renewed]
    return found, tensors


class Recording:
    """One graph, for batches of one shape."""

    def __init__(self, backend: Recorder, step: Callable[..., Any]) -> None:
        self.backend, self.step = backend, step
        self.stream = cupy.cuda.Stream(non_blocking=True)  # the usual stream cannot be recorded
        self.pool = cupy.cuda.MemoryPool()  # lives as long as the graph
        self.graph: Any = None
        # The step's intermediates will lie in that pool. The memory of earlier ones is kept by the
        # usual pool for others, who may never need it.
        cupy.get_default_memory_pool().free_all_blocks()
        with private_memory(self.pool):
            self.blas = Blas(self.stream, cupy.empty(WORKSPACE, np.uint8))

    def play(self, arguments: tuple[Any, ...]) -> Any:
        """The step itself, with the memory and on the stream of the recording to come."""
        with self._own():
            self.inputs = [_static(argument) for argument in arguments]
            results = Results(self.step(*self.inputs))
        return results.copy()

    def record(self, tensors: list[Any]) -> None:
        """Note down the step. Nothing is computed.

        `tensors` are those that it may overwrite: whoever still needs their old numbers for a
        gradient is told so by their version, which each replay raises.
        """
        versions = [tensor.version for tensor in tensors]
        with self._own(), _no_garbage_collection(), _gradients_are_the_steps_own(tensors):
            self.stream.begin_capture()
            try:
                self.results = Results(self.step(*self.inputs))
            except BaseException:
                _give_up(self.stream)
                raise
            self.graph = self.stream.end_capture()
        self.overwritten = [
            tensor for tensor, old in zip(tensors, versions, strict=True) if tensor.version != old
        ]

    def replay(self, arguments: tuple[Any, ...]) -> Any:
        """Do it, on the current stream: in order with all that came before and will follow."""
        for own, argument in zip(self.inputs, arguments, strict=True):
            if _is_tensor(own):
                own.array[...] = argument.array
        self.graph.launch(cupy.cuda.get_current_stream())
        for tensor in self.overwritten:
            tensor.mark_changed()
        return self.results.copy()

    @contextmanager
    def _own(self) -> Iterator[None]:
        """On the recording's stream and in its memory, after all work so far, before all later."""
        outer = cupy.cuda.get_current_stream()
        self.stream.wait_event(outer.record())
        try:
            with (
                self.stream,
                private_memory(self.pool),
                self.backend.multiplying_with(self.blas),
            ):
                yield
        finally:
            outer.wait_event(self.stream.record())


class Results:
    """What a step returned, its tensors brought together: however many losses, one copy."""

    def __init__(self, outputs: Any) -> None:
        self.outputs = outputs
        lines: dict[Any, list[Any]] = {}  # by type; the losses of a GAN have one
        _map(outputs, lambda t: lines.setdefault(t.dtype, []).append(t.array.reshape(-1)))
        self.joined = {dtype: concatenated(found) for dtype, found in lines.items()}

    def copy(self) -> Any:
        """The same dict, list or tuple, of tensors that the next replay does not touch."""
        copies = {dtype: line.copy() for dtype, line in self.joined.items()}
        used = dict.fromkeys(copies, 0)

        def next_part(tensor: Any) -> Any:
            start = used[tensor.dtype]
            end = used[tensor.dtype] = start + tensor.array.size
            twin = tensor.detach()
            twin.array = copies[tensor.dtype][start:end].reshape(tensor.shape)
            return twin

        return _map(self.outputs, next_part)


def _is_tensor(thing: Any) -> bool:
    return hasattr(thing, "requires_grad")


def _description(argument: Any) -> Any:
    """The shape, type and memory order of a tensor; a plain value itself."""
    if _is_tensor(argument):
        a = argument.array
        return a.shape, a.dtype, a.strides, argument.requires_grad
    return argument


def _static(argument: Any) -> Any:
    """A tensor like this one with memory that stays."""
    if not _is_tensor(argument):
        return argument
    tensor = argument.detach().clone()
    return tensor.requires_grad_(argument.requires_grad)


def _map(value: Any, function: Callable[[Any], Any]) -> Any:
    """The same dict, list or tuple with function(tensor) in place of each tensor."""
    if isinstance(value, dict):
        return {name: _map(item, function) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map(item, function) for item in value)
    return function(value) if _is_tensor(value) else value


class _EarlierGradient:
    """Stands for a gradient from before a recorded step, which the step may replace but not read.

    A replay would read the memory in which that gradient lay when the step was recorded.
    """

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("its gradients add up from one step to the next: zero_grad() first")

    __add__ = __getattr__


@contextmanager
def _gradients_are_the_steps_own(tensors: list[Any]) -> Iterator[None]:
    """Inside, `.grad` from before cannot be read; if an error leaves, all is as it was."""
    before = [(tensor, tensor.grad) for tensor in tensors if tensor.grad is not None]
    earlier: Any = _EarlierGradient()
    for tensor, _ in before:
        tensor.grad = earlier
    try:
        yield
    except BaseException:
        for tensor, gradient in before:
            tensor.grad = gradient
        raise
    for tensor, gradient in before:
        if tensor.grad is earlier:
            tensor.grad = gradient


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
