"""tinygrad: one TinyJit holds noise, both networks' gradients and both Adam updates."""

from __future__ import annotations

from importlib.metadata import version
from itertools import cycle
from typing import Any

import numpy as np
from tinygrad import Device, Tensor, TinyJit, nn
from tinygrad.helpers import TRAINING

from contenders import Game, UnsupportedError, Work
from contenders.cases import Layer, Layers, Operation, Step


class Contender:
    """tinygrad, in whole steps."""

    def __init__(self, threads: int) -> None:
        """tinygrad takes as many threads as the process has processors: worker.py limits those."""
        TRAINING.value = 1

    def versions(self) -> dict[str, str]:
        return {"tinygrad": version("tinygrad"), "device": Device.DEFAULT}

    def operation(self, case: Operation) -> dict[str, Work]:
        raise UnsupportedError("it is lazy: an operation by itself is not how it works")

    def step(self, case: Step, arrays: dict[str, Any]) -> Game:
        return TinygradGame(case, arrays)


class Network:
    """The layers, and torch's names for their weights, which tinygrad shares."""

    def __init__(self, layers: Layers, weights: dict[str, np.ndarray]) -> None:
        self.layers = [_make_layer(layer) for layer in layers]
        for name, array in weights.items():
            i, _, key = name.partition(".")
            getattr(self.layers[int(i)], key).assign(Tensor(array)).realize()

    def __call__(self, x: Tensor) -> Tensor:
        return x.sequential(self.layers)

    def parameters(self) -> list[Tensor]:
        found = [getattr(layer, name, None) for layer in self.layers for name in ("weight", "bias")]
        return [tensor for tensor in found if isinstance(tensor, Tensor)]


def _make_layer(layer: Layer) -> Any:
    kind, *numbers = layer
    if kind == "linear":
        return nn.Linear(*numbers)
    if kind in ("conv", "conv_transpose"):
        *window, bias = numbers
        return (nn.Conv2d if kind == "conv" else nn.ConvTranspose2d)(*window, bias=bias)
    if kind.startswith("batch_norm"):
        return nn.BatchNorm(*numbers)
    if kind == "leaky_relu":
        return lambda x: x.leaky_relu(numbers[0])
    return {"relu": Tensor.relu, "tanh": Tensor.tanh, "sigmoid": Tensor.sigmoid}[kind]


class TinygradGame:
    """Both networks and their optimizers; a case's rounds are the methods of its name."""

    def __init__(self, case: Step, arrays: dict[str, Any]) -> None:
        rounds = {"gan": self.gan_round, "dcgan": self.dcgan_round}
        if case.game not in rounds:
            raise UnsupportedError(f"no {case.game} was written for it")
        self.case, self.round = case, rounds[case.game]
        self.generator = Network(case.generator, arrays["generator"])
        self.discriminator = Network(case.discriminator, arrays["discriminator"])
        self.g_optimizer, self.d_optimizer = [
            nn.optim.Adam(network.parameters(), case.lr, *case.betas)
            for network in (self.generator, self.discriminator)
        ]
        images = arrays["images"]
        if case.flat_images:
            images = images.reshape(len(images), -1)  # (N, C, H, W) -> (N, C·H·W)
        batches = [Tensor(b).realize() for b in np.split(images, len(images) // case.images)]
        self.first, self.batches = batches[0], cycle(batches)
        self.jitted = TinyJit(self.own_round)

    def own_round(self, real: Tensor) -> Any:
        draws = [
            (Tensor.randn if kind == "normal" else Tensor.rand)(*shape).realize()
            for kind, shape in self.case.draws()
        ]
        return self.round(real, draws)

    def play(self) -> object:
        return [loss.numpy() for loss in self.jitted(next(self.batches))]

    def check(self, draws: list[np.ndarray]) -> dict[str, float]:
        d_loss, g_loss = self.round(self.first, [Tensor(draw) for draw in draws])
        return {"D loss": d_loss.item(), "G loss": g_loss.item()}

    # Nothing is computed until it is realized, and then with the weights of that moment: so losses
    # and fakes are realized together with the update that follows them.

    def gan_round(self, real: Tensor, draws: list[Tensor]) -> tuple[Tensor, Tensor]:
        self.g_optimizer.zero_grad()
        fake = self.generator(draws[0])
        g_loss = _real(self.discriminator(fake))
        g_loss.backward()
        Tensor.realize(g_loss, fake, *self.g_optimizer.schedule_step())

        self.d_optimizer.zero_grad()
        real_loss = _real(self.discriminator(real))
        fake_loss = _fake(self.discriminator(fake.detach()))
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        Tensor.realize(d_loss, *self.d_optimizer.schedule_step())
        return d_loss, g_loss

    def dcgan_round(self, real: Tensor, draws: list[Tensor]) -> tuple[Tensor, Tensor]:
        self.d_optimizer.zero_grad()
        fake = self.generator(draws[0])
        real_loss = _real(self.discriminator(real))
        fake_loss = _fake(self.discriminator(fake.detach()))
        d_loss = real_loss + fake_loss
        d_loss.backward()
        Tensor.realize(d_loss, fake, *self.d_optimizer.schedule_step())

        # What is realized forgets how it was made, so the generator has to run once more.
        self.g_optimizer.zero_grad()
        g_loss = _real(self.discriminator(self.generator(draws[0])))
        g_loss.backward()
        Tensor.realize(g_loss, *self.g_optimizer.schedule_step())
        return d_loss, g_loss


def _real(p: Tensor) -> Tensor:
    """Cross entropy of probabilities against the label 1; torch's limit on the logarithm."""
    return -p.log().maximum(-100).mean()


def _fake(p: Tensor) -> Tensor:
    return -(1 - p).log().maximum(-100).mean()
