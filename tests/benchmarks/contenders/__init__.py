"""Who is measured: a file for each library, imported only in the process that is to run it.

Each contender turns the same plain descriptions (cases.py) into work of its own library. This file
says what it must offer; worker.py is the process around it, alternate.py lets processes take turns.

Nothing here imports NumPy: each library must find its process as fresh as a user's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from contenders.cases import Operation, Step

Work = Callable[[], object]  # one repetition; it returns when everything has been computed


class UnsupportedError(Exception):
    """The contender cannot run this case; the message says why."""


class Game(Protocol):
    """A GAN in training, on batches of images that it got beforehand."""

    def play(self) -> object:
        """One round, with noise of its own, on the next batch."""

    def check(self, draws: list[Any]) -> dict[str, float]:
        """One round on the first batch with the given noise; returns its losses."""


class Contender(Protocol):
    """A library that takes part; worker.py makes one, with the number of its threads."""

    def versions(self) -> dict[str, str]:
        """What ran: the library, and what multiplies its matrices."""

    def step(self, case: Step, arrays: dict[str, Any]) -> Game:
        """The case's two networks, with the weights in `arrays` (data.py), ready to play."""

    def operation(self, case: Operation) -> dict[str, Work]:
        """Each part of a single operation: "forward", "input gradient", …"""


class Entry(NamedTuple):
    """Where a contender is written, and how it plays."""

    module: str
    options: dict[str, bool]  # arguments of the module's class `Contender`, beside the threads
    note: str


ENTRIES = {
    "minigan": Entry("minigan_", {}, "the step of minigan.gans, as an example runs it"),
    "minigan-loop": Entry(
        "minigan_loop", {}, "torch-eager's own loop, word for word, with minigan for torch"
    ),
    "torch-eager": Entry("torch_eager", {}, "the training loop as a tutorial writes it"),
    "torch-tuned": Entry(
        "torch_eager",
        {"tuned": True},
        "the same, but the discriminator is frozen in the generator's step, and Adam is fused",
    ),
    "torch-channels-last": Entry(
        "torch_eager",
        {"tuned": True, "channels_last": True},
        "torch-tuned, with images and kernels in the channels-last layout",
    ),
    "torch-compile": Entry(
        "torch_compile", {"tuned": True}, "torch-tuned, with both networks through torch.compile"
    ),
    "jax-jit": Entry("jax_jit", {}, "the whole step in one jitted function, buffers donated"),
    "tinygrad": Entry("tinygrad", {}, "the whole step in one TinyJit, compiled by clang"),
    "dezero": Entry("dezero", {}, "eager, on NumPy"),
}
