"""Whole training steps on a GPU, minigan's and torch's: the same networks, batches and updates.

The networks are described in ../contenders/cases.py, and torch plays the games of
../contenders/torch_eager.py, with everything on the GPU.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from contenders.cases import Layers, Step
from contenders.data import write_arrays

from minigan.backend import Backend
from minigan.gans import SYSTEMS
from minigan.gans.base import GAN
from minigan.tensor import Tensor

Play = Callable[[], object]


def arrays_of(case: Step) -> dict[str, Any]:
    """Initial weights of both networks and some batches of digits, for whoever plays."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        write_arrays(case, path)
        arrays: dict[str, Any] = {"generator": {}, "discriminator": {}}
        with np.load(path) as file:
            for key in file.files:
                network, _, name = key.partition("/")
                if network in arrays:
                    arrays[network][name] = file[key]
            arrays["images"] = file["images"]
        return arrays


def minigan_system(case: Step, backend: Backend) -> GAN:
    make = SYSTEMS[case.game]
    system = make(type(make.settings)(**case.settings), backend=backend)
    system.train()
    return system


def minigan_games(
    case: Step, arrays: dict[str, Any], backend: Backend
) -> dict[str, Callable[[], Play]]:
    """The step as the training loop plays it, and operation by operation; made when asked for."""

    def made(recorded: bool) -> Play:
        system = minigan_system(case, backend)
        batches = np.split(arrays["images"], len(arrays["images"]) // case.images)
        dealt = cycle([Tensor(backend.asarray(batch)) for batch in batches])
        step = backend.compiled(system.play_round) if recorded else system.play_round
        return lambda: step(next(dealt))

    return {
        "minigan, recorded": lambda: made(recorded=True),
        "minigan, operation by operation": lambda: made(recorded=False),
    }


def torch_games(
    case: Step, arrays: dict[str, Any], *, device: str = "cuda", compiled: bool = True
) -> dict[str, Callable[[], Play]]:
    """The tutorial's loop as it is written; with the switches that help it; and compiled.

    Each is made when it is asked for. `tuned`: the discriminator is frozen in the generator's step,
    and Adam is one fused kernel.

    Raises ImportError, AssertionError or RuntimeError if torch cannot run there.
    """
    import torch
    from contenders import torch_eager

    torch.empty(0, device=device)
    # The games make tensors without naming a device. With torch.set_default_device every call of
    # torch goes through Python once more, and a small step takes 1.4 times as long.
    makers = ("ones", "zeros", "rand", "randn")
    there = {name: functools.partial(getattr(torch, name), device=device) for name in makers}
    vars(torch_eager)["torch"] = SimpleNamespace(**vars(torch) | there)

    class OnDevice(torch_eager.Contender):
        def place(self, array: np.ndarray) -> torch.Tensor:
            return super().place(array).to(device)

        def network(self, layers: Layers, weights: dict[str, np.ndarray]) -> torch.nn.Module:
            return super().network(layers, weights).to(device)

    def made(**options: bool) -> Any:
        return OnDevice(1, **options).step(case, arrays)

    def compiled_play() -> Play:
        game = made(tuned=True)
        for name in ("generator", "discriminator"):
            network = torch.compile(getattr(game, name), mode="reduce-overhead")
            setattr(game, name, network)

        def play() -> object:
            torch.compiler.cudagraph_mark_step_begin()
            return game.play()

        return play

    games: dict[str, Callable[[], Play]] = {
        "torch, eager": lambda: made().play,
        "torch, eager, tuned": lambda: made(tuned=True).play,
    }
    if not case.flat_images:
        games["torch, eager, tuned, channels last"] = lambda: (
            made(tuned=True, channels_last=True).play
        )
    if compiled:
        games['torch.compile, "reduce-overhead", tuned'] = compiled_play
    return games
