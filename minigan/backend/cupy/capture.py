"""A training step that the GPU repeats without Python: recorded once, replayed ever after.

A step of the small GAN is some two hundred kernels of a microsecond or two, and Python needs five
to ask for each. CUDA can note down what a program asks for, as a *graph*, and do it again when told
to once. What is replayed is the very same work on the very same memory. To the rules that any
recorded step obeys (../recorded.py) that adds three:

* A recorded step reads its batch from arrays of its own. Each batch is copied there.
* It has a memory pool of its own, in which nothing is made after the recording. In a shared pool
  later arrays would lie where the step keeps its intermediates, and be overwritten.
* Nothing may be read by the host within it.

The second batch of a shape is played with the memory and on the stream of a recording to be, which
prepares whatever is prepared on first use. The third is recorded and replayed, all later ones are
replayed. All of them are true steps: there is no warm-up whose effect must be undone.

    batch      what happens                                         memory       stream
    1st        the step, operation by operation                     the usual    the usual
    2nd        the same; what is prepared on first use, is          its own      its own
    3rd        noted down, and nothing computed;                    its own      its own
               then replayed, as all that follow:
    4th, …     copied in, one launch, results copied out            its own      the usual

training/loop.py plays such steps and does not know it.
Next: ../../distributed/__init__.py.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import numpy as np

from minigan.backend.cupy.cublas import WORKSPACE, Blas
from minigan.backend.cupy.launch import cupy
from minigan.backend.cupy.memory import concatenated, private_memory
from minigan.backend.cupy.start import reason
from minigan.backend.recorded import RecordedStep, is_tensor, mapped


class Recorder(Protocol):
    """What a recording needs of the backend that it is made for: CupyBackend, in arrays.py."""

    @property
    def tf32(self) -> str: ...
    def synchronize(self) -> None: ...
    def multiplying_with(self, blas: Blas) -> AbstractContextManager[None]: ...


class CompiledStep(RecordedStep):
    """What CuPy's `compiled(step, owner)` returns."""

    array_type = cupy.ndarray

    def settings(self) -> list[Any]:
        return [self.backend.tf32]

    def place(self, array: Any) -> int:
        return array.data.ptr

    def begin(self) -> Recording:
        return Recording(self.backend, self.step)

    def before_forgetting(self) -> None:
        self.backend.synchronize()  # the GPU may be replaying one at this moment


class Recording:
    """One graph, for batches of one shape."""

    def __init__(self, backend: Recorder, step: Callable[..., Any]) -> None:
        self.backend, self.step = backend, step
        self.stream = cupy.cuda.Stream(non_blocking=True)  # the usual stream cannot be recorded
        self.pool = cupy.cuda.MemoryPool()  # lives as long as the graph
        self.graph: Any = None
        self.inputs: list[Any] | None = None  # the tensors that it reads a batch from
        self.failure: str | None = None
        # The step's intermediates will lie in that pool. The memory of earlier ones is kept by the
        # usual pool for others, who may never need it.
        cupy.get_default_memory_pool().free_all_blocks()
        with private_memory(self.pool):
            self.blas = Blas(self.stream, cupy.empty(WORKSPACE, np.uint8))

    @property
    def ready(self) -> bool:
        return self.graph is not None

    def play(self, arguments: tuple[Any, ...], tensors: list[Any]) -> Any:
        if self.inputs is None:
            return self._prepare(arguments)
        if self.graph is None:
            try:
                self._record(tensors)
            except Exception as error:  # whatever it is, the step itself will show it, or work
                self.failure = reason(error)
                return self.step(*arguments)
        return self._replay(arguments)

    def _prepare(self, arguments: tuple[Any, ...]) -> Any:
        """The step itself, with the memory and on the stream of the recording to come."""
        with self._own():
            inputs = [_static(argument) for argument in arguments]
            results = Results(self.step(*inputs))
        self.inputs = inputs
        return results.copy()

    def _record(self, tensors: list[Any]) -> None:
        """Note down the step. Nothing is computed.

        `tensors` are those that it may overwrite: whoever still needs their old numbers for a
        gradient is told so by their version, which each replay raises.
        """
        assert self.inputs is not None
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

    def _replay(self, arguments: tuple[Any, ...]) -> Any:
        """Do it, on the current stream: in order with all that came before and will follow."""
        assert self.inputs is not None
        for own, argument in zip(self.inputs, arguments, strict=True):
            if is_tensor(own):
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
        mapped(outputs, lambda t: lines.setdefault(t.dtype, []).append(t.array.reshape(-1)))
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

        return mapped(self.outputs, next_part)


def _static(argument: Any) -> Any:
    """A tensor like this one with memory that stays."""
    if not is_tensor(argument):
        return argument
    tensor = argument.detach().clone()
    return tensor.requires_grad_(argument.requires_grad)


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
