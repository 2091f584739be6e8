"""minigan on NumPy: the systems of minigan.gans, played as their examples play them.

minigan is imported before anything that loads NumPy, so that it can say how soon OpenBLAS's idle
threads fall asleep: OpenBLAS asks only once, when NumPy is loaded.
"""

from __future__ import annotations

import minigan  # isort: skip

from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from contenders import Game, Work
from contenders.cases import Operation, Step
from contenders.torch_names import Names, make_operation
from minigan.gans import dcgan, gan, wgan_gp
from minigan.gans.base import GAN
from minigan.tensor import Tensor


class Contender:
    """minigan, in steps and in operations."""

    def __init__(self, threads: int) -> None:
        minigan.backend.prepare_process()  # as the examples do
        minigan.set_num_threads(threads)
        minigan.manual_seed(0)
        self.threads, self.pool = threads, ThreadPoolExecutor(threads)

    def versions(self) -> dict[str, str]:
        return versions()

    def operation(self, case: Operation) -> dict[str, Work]:
        names = Names(
            minigan.nn,
            minigan.functional,
            minigan.grad,
            _place,
            lambda layer: layer,
            lambda params: minigan.optim.Adam(params, 2e-4, (0.5, 0.999)),
            self.copy,
        )
        return make_operation(names, case)

    def copy(self, target: Tensor, source: Tensor) -> None:
        """A share for each thread: what the memory can do, whatever the library."""
        targets, sources = [np.array_split(t.array, self.threads) for t in (target, source)]
        list(self.pool.map(np.copyto, targets, sources))

    def step(self, case: Step, arrays: dict[str, Any]) -> Game:
        return MiniganGame(case, arrays)


def versions() -> dict[str, str]:
    """minigan, NumPy, and the library that multiplies matrices."""
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {
        "minigan": minigan.__version__,
        "numpy": np.__version__,
        "BLAS": ", ".join(f"{b['internal_api']} {b['version']}" for b in blas),
        "BLAS kernel": ", ".join(str(b.get("architecture")) for b in blas),
        "threads": ", ".join(str(b["num_threads"]) for b in blas),
    }


def _place(array: np.ndarray) -> Tensor:
    """Images lie in memory with their channels last, as they do inside of a network."""
    if array.ndim == 4:
        array = np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return minigan.from_numpy(array)


def _make(case: Step) -> GAN:
    if case.game == "gan":
        return gan.MLPGAN(gan.Recipe(**case.settings))
    if case.game == "dcgan":
        return dcgan.DCGAN(dcgan.Recipe(**case.settings))
    return wgan_gp.WGANGP(wgan_gp.Recipe(**case.settings))


class MiniganGame:
    """A system of minigan.gans with the given weights; its step is compiled as in training."""

    def __init__(self, case: Step, arrays: dict[str, Any]) -> None:
        self.gan = _make(case)
        for name in ("generator", "discriminator"):
            network = getattr(self.gan, name)
            # The same order, but other names: "model.0.weight" here is "0.weight" there.
            keys = [key for key in network.state_dict() if "num_batches" not in key]
            given = dict(zip(keys, arrays[name].values(), strict=True))
            network.load_state_dict(given, strict=False)
        self.gan.train()
        self.play_round = self.gan.backend.compiled(self.gan.play_round)
        images = arrays["images"]
        batches = np.split(images, len(images) // case.images)
        self.first, self.batches = batches[0], cycle([minigan.from_numpy(b) for b in batches])

    def play(self) -> object:
        return self.play_round(next(self.batches))

    def check(self, draws: list[np.ndarray]) -> dict[str, float]:
        """The step draws its own noise, so for this round another source is put in."""
        own, self.gan.random = self.gan.random, _Given(draws)  # type: ignore[assignment]
        losses = self.gan.play_round(minigan.from_numpy(self.first))
        self.gan.random = own
        return {name: losses[name].item() for name in ("D loss", "G loss")}


class _Given:
    """Random numbers that somebody else has drawn, in order."""

    def __init__(self, draws: list[np.ndarray]) -> None:
        self.draws = iter(draws)

    def normal(self, shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
        return next(self.draws).reshape(shape).astype(dtype, copy=False)

    uniform = normal
