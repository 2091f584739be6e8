"""The arrays of a training step: real digits, initial weights, and the noise of the check.

They are made once and written to a file, so that every contender starts from the same numbers.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from contenders.cases import Layers, Step
from minigan.data import ImageDataset, mnist

BATCHES = 4  # different ones, dealt in turn
CHECKED = 2  # rounds whose losses are compared: the second also depends on the first one's updates


def write_arrays(case: Step, path: Path) -> None:
    """Keys: images; generator/0.weight, …; discriminator/0.weight, …; draw/0/0 (round, draw)."""
    random = np.random.default_rng(0)
    arrays: dict[str, Any] = {"images": _images(case)}
    for network in ("generator", "discriminator"):
        weights = _weights(getattr(case, network), case.spread, random)
        arrays |= {f"{network}/{name}": array for name, array in weights.items()}
    for round_number in range(CHECKED):
        for i, (kind, shape) in enumerate(case.draws()):
            values = random.random(shape) if kind == "uniform" else random.standard_normal(shape)
            arrays[f"draw/{round_number}/{i}"] = values.astype(np.float32)
    np.savez(path, **arrays)


def _images(case: Step) -> np.ndarray:
    """MNIST at the case's size, in [-1, 1]; (BATCHES · case.images, C, H, W)."""
    channels, size, _ = case.image
    digits = mnist("train").images[: BATCHES * case.images]
    pixels = ImageDataset(digits).resized(size).images.repeat(channels, axis=1)
    return pixels.astype(np.float32) / 127.5 - 1


def _weights(
    layers: Layers, spread: float | None, random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Initial weights under torch's names in a Sequential: "0.weight", "3.running_mean", …"""
    weights: dict[str, Any] = {}
    for i, (kind, *numbers) in enumerate(layers):
        if kind in ("linear", "conv", "conv_transpose"):
            inputs, outputs, *window = numbers
            kernel = (window[0], window[0]) if window else ()
            turned = kind == "conv_transpose"
            shape = (inputs, outputs, *kernel) if turned else (outputs, inputs, *kernel)
            bound = 1 / math.sqrt(shape[1] * math.prod(kernel))  # torch's default: U(±1/√fan_in)
            if spread is None:
                weights[f"{i}.weight"] = random.uniform(-bound, bound, shape)
            else:
                weights[f"{i}.weight"] = random.normal(0, spread, shape)
            if kind == "linear" or window[-1]:
                weights[f"{i}.bias"] = random.uniform(-bound, bound, outputs)
        elif kind.startswith("batch_norm"):
            count = numbers[0]
            weights[f"{i}.weight"] = random.normal(1, spread or 0, count)
            weights[f"{i}.bias"] = np.zeros(count)
            weights[f"{i}.running_mean"] = np.zeros(count)
            weights[f"{i}.running_var"] = np.ones(count)
    return {name: array.astype(np.float32) for name, array in weights.items()}
