"""Whole training steps on a GPU, minigan's and torch's: the same networks, batches and updates.

The networks are described in ../contenders/cases.py, and torch plays the games of
../contenders/torch_eager.py, with everything on the GPU.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from contenders import UnsupportedError
from contenders.cases import Step
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


def minigan_games(case: Step, arrays: dict[str, Any], backend: Backend) -> dict[str, Play]:
    """The step as the training loop plays it, and operation by operation."""
    plays: dict[str, Play] = {}
    for name in ("minigan, recorded", "minigan, operation by operation"):
        system = minigan_system(case, backend)
        batches = np.split(arrays["images"], len(arrays["images"]) // case.images)
        dealt = cycle([Tensor(backend.asarray(batch)) for batch in batches])
        recorded = name.endswith("recorded")
        step = backend.compiled(system.play_round) if recorded else system.play_round
        plays[name] = functools.partial(_play_next, step, dealt)
    return plays


def _play_next(step: Callable[[Tensor], object], dealt: Iterator[Tensor]) -> object:
    return step(next(dealt))


def torch_games(
    case: Step, arrays: dict[str, Any], *, device: str = "cuda", compiled: bool = True
) -> dict[str, Play]:
    """The tutorial's loop as it is written; with the switches that help it; and compiled.

    `tuned`: the discriminator is frozen in the generator's step, and Adam is one fused kernel.

    Raises ImportError, AssertionError or RuntimeError if torch cannot run there.
    """
    import torch
    from contenders import torch_eager

    torch.set_default_device(device)

    class OnDevice(torch_eager.Contender):
        def place(self, array: np.ndarray) -> torch.Tensor:
            return super().place(array).to(device)

    def compiled_play(game: Any) -> Play:
        for name in ("generator", "discriminator"):
            network = torch.compile(getattr(game, name), mode="reduce-overhead")
            setattr(game, name, network)

        def play() -> object:
            torch.compiler.cudagraph_mark_step_begin()
            return game.play()

        return play

    plays: dict[str, Play] = {}
    for name, options in {
        "torch, eager": {},
        "torch, eager, tuned": {"tuned": True},
        "torch, eager, tuned, channels last": {"tuned": True, "channels_last": True},
    }.items():
        try:
            plays[name] = OnDevice(1, **options).step(case, arrays).play
        except UnsupportedError:  # channels last, without images
            continue
    if compiled:
        plays['torch.compile, "reduce-overhead", tuned'] = compiled_play(
            OnDevice(1, tuned=True).step(case, arrays)
        )
    return plays
