"""Measure training steps on a GPU beside torch: python examples/gpu_check.py

The same two networks, batches and Adam; milliseconds a step, medians over several turns, with the
GPU waited for at the start and at the end of each. docs/results/gpu.md says what is hoped for.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.backend import get_backend
from minigan.errors import UserError
from minigan.gans.dcgan import DCGAN
from minigan.gans.dcgan import Recipe as DCGANRecipe
from minigan.gans.gan import MLPGAN, Recipe
from minigan.tensor import Tensor
from minigan.training.command import positive, run_command

Play = Callable[[], object]


def systems(quick: bool) -> dict[str, tuple[Any, int]]:
    """What is played: a class and its settings, and the images in a batch."""
    if quick:
        small = Recipe(8, (1, 4, 4), generator_widths=(8, 8), discriminator_widths=(8,))
        return {"MLP GAN, tiny": ((MLPGAN, small), 4)}
    return {
        "MLP GAN, batch 64": ((MLPGAN, Recipe()), 64),
        "DCGAN 64 x 64, batch 128": ((DCGAN, DCGANRecipe()), 128),
    }


def minigan_steps(made: Any, batch: int) -> dict[str, Play]:
    make, settings = made
    backend = get_backend("cupy")
    plays: dict[str, Play] = {}
    for name in ("minigan, recorded", "minigan, step by step"):
        system = make(settings, backend=backend)
        system.train()
        shape = tuple(system.sample(system.sample_noise(1)).shape[1:])
        pixels = np.random.default_rng(0).uniform(-1, 1, (batch, *shape)).astype(np.float32)
        real = Tensor(backend.asarray(pixels))
        step = system.step if "by" in name else backend.compiled(system.step)
        plays[name] = lambda step=step, real=real: step(real)
    return plays


def torch_steps(made: Any, batch: int) -> dict[str, Play]:
    """The same game in torch: networks of the same shapes, the tutorial's order of updates."""
    import torch
    from torch import nn

    torch.set_default_device("cuda")

    def translated(layer: Any) -> nn.Module:
        kind, options = type(layer).__name__, vars(layer)
        if kind == "Linear":
            return nn.Linear(*reversed(layer.weight.shape))
        if kind.startswith("Conv"):
            names = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
            return getattr(nn, kind)(*[options[name] for name in names], bias=False)
        if kind.startswith("BatchNorm"):
            return getattr(nn, kind)(layer.num_features, layer.eps)
        return nn.LeakyReLU(0.2) if kind == "LeakyReLU" else getattr(nn, kind)()

    make, settings = made
    system = make(settings)
    convolutional = make is DCGAN
    noise = tuple(system.sample_noise(batch).shape)
    plays: dict[str, Play] = {}
    for name in ("torch, eager", "torch.compile"):
        inner = "main" if convolutional else "model"
        g, d = (
            nn.Sequential(*[translated(layer) for layer in getattr(network, inner)])
            for network in (system.generator, system.discriminator)
        )
        optimizers = [torch.optim.Adam(n.parameters(), 2e-4, (0.5, 0.999)) for n in (g, d)]
        if name == "torch.compile":
            g, d = (torch.compile(n, mode="reduce-overhead") for n in (g, d))
        with torch.no_grad():
            real = torch.empty_like(g(torch.randn(noise))).uniform_(-1, 1)
        plays[name] = lambda g=g, d=d, o=optimizers, real=real: torch_step(g, d, *o, real, noise)
    return plays


def torch_step(g: Any, d: Any, g_optimizer: Any, d_optimizer: Any, real: Any, noise: Any) -> None:
    import torch

    bce = torch.nn.functional.binary_cross_entropy
    fake = g(torch.randn(noise))
    d.requires_grad_(False)
    score = d(fake)
    g_optimizer.zero_grad()
    bce(score, torch.ones_like(score)).backward()
    g_optimizer.step()
    d.requires_grad_(True)
    real_score, fake_score = d(real), d(fake.detach())
    d_optimizer.zero_grad()
    real_loss = bce(real_score, torch.ones_like(real_score))
    (real_loss + bce(fake_score, torch.zeros_like(fake_score))).backward()
    d_optimizer.step()


def measure(plays: dict[str, Play], wait: Play, rounds: int, steps: int) -> dict[str, list[float]]:
    """Milliseconds a step in each round. All take turns, so that a disturbance meets all alike."""
    times: dict[str, list[float]] = {}
    for name, play in plays.items():
        try:
            for _ in range(5):  # kernels are compiled, steps recorded
                play()
            times[name] = []
        except RuntimeError as error:
            print(f"  {name} fails: {str(error).splitlines()[0]}")
    for _ in range(rounds):
        for name in times:
            play = plays[name]
            wait()
            start = time.perf_counter()
            for _ in range(steps):
                play()
            wait()
            times[name].append((time.perf_counter() - start) / steps * 1e3)
    return times


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure training steps on a GPU beside torch.")
    add = parser.add_argument
    add("--rounds", type=positive, default=9, help="turns that each gets")
    add("--steps", type=positive, default=200, help="steps in a turn")
    add("--only", choices=["minigan", "torch"], help="one library, for a profiler")
    add("--quick", action="store_true", help="tiny networks: does it run at all?")
    options = parser.parse_args(arguments)
    backend: Any = get_backend("cupy")
    versions = [f"python {platform.python_version()}", f"cupy {backend.xp.__version__}"]
    runtime = backend.xp.cuda.runtime
    versions += [f"CUDA {runtime.runtimeGetVersion()}", f"driver CUDA {runtime.driverGetVersion()}"]
    print(f"{backend.gpu}; {', '.join(versions)}; {time.strftime('%Y-%m-%d')}")

    def wait() -> None:
        runtime.deviceSynchronize()

    for title, (made, batch) in systems(options.quick).items():
        plays = {} if options.only == "torch" else minigan_steps(made, batch)
        if options.only != "minigan":
            try:
                plays |= torch_steps(made, batch)
            except (ImportError, AssertionError, RuntimeError) as error:
                print(f"without torch: {str(error).splitlines()[0]}")
        if not plays:
            raise UserError("there is nothing to measure: torch does not run on this GPU")
        print(f"\n{title}: milliseconds a step, median (least to most of {options.rounds} turns)")
        for name, found in measure(plays, wait, options.rounds, options.steps).items():
            low, middle, high = min(found), statistics.median(found), max(found)
            print(f"  {name:24}{middle:10.4f}  ({low:.4f} to {high:.4f})")
    return 0


if __name__ == "__main__":
    run_command(main)
