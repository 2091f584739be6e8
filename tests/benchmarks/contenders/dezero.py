"""DeZero: eager, on NumPy as it comes: of OpenBLAS only the number of threads is set."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from itertools import cycle
from typing import Any

import numpy as np

from contenders import Game, UnsupportedError, Work
from contenders.cases import Layer, Layers, Operation, Step

np.int = int  # type: ignore[attr-defined]  # its release is older than NumPy 1.24, which dropped it

import dezero  # noqa: E402
import dezero.functions as F  # noqa: E402, N812
from dezero import Parameter, Variable  # noqa: E402
from dezero.optimizers import Adam  # noqa: E402


class Contender:
    """DeZero, in whole steps."""

    def __init__(self, threads: int) -> None:
        """NumPy takes as many threads as OPENBLAS_NUM_THREADS says: alternate.py sets it."""
        self.random = np.random.default_rng(0)

    def versions(self) -> dict[str, str]:
        return {"dezero": version("dezero"), "numpy": np.__version__}

    def operation(self, case: Operation) -> dict[str, Work]:
        raise UnsupportedError("takes part in whole steps only")

    def step(self, case: Step, arrays: dict[str, Any]) -> Game:
        return DezeroGame(case, arrays)


class Network(dezero.Layer):
    """Parameters are attributes, "w0", "b0", …, so that an optimizer finds them."""

    def __init__(self, layers: Layers, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.steps: list[Callable[[Variable], Variable]] = []
        for i, layer in enumerate(layers):
            own = {
                name.partition(".")[2]: array
                for name, array in weights.items()
                if name.startswith(f"{i}.")
            }
            if "weight" in own:
                array = own["weight"]
                if layer[0] == "linear":
                    array = np.ascontiguousarray(array.T)  # (O, I) -> (I, O)
                setattr(self, f"w{i}", Parameter(array))
            if "bias" in own:
                setattr(self, f"b{i}", Parameter(own["bias"]))
            w, b = getattr(self, f"w{i}", None), getattr(self, f"b{i}", None)
            self.steps.append(_make_step(layer, w, b, own))

    def forward(self, x: Variable) -> Variable:
        for step in self.steps:
            x = step(x)
        return x


def _make_step(
    layer: Layer, w: Any, b: Any, own: dict[str, np.ndarray]
) -> Callable[[Variable], Variable]:
    kind, *numbers = layer
    if kind == "linear":
        return lambda x: F.linear(x, w, b)
    if kind in ("conv", "conv_transpose"):
        _, _, _, stride, padding, _ = numbers
        function = F.conv2d if kind == "conv" else F.deconv2d
        return lambda x: function(x, w, b, stride=stride, pad=padding)
    if kind.startswith("batch_norm"):
        mean, var = own["running_mean"], own["running_var"]
        return lambda x: F.batch_nrom(x, w, b, mean, var, 0.9, numbers[1])
    if kind == "leaky_relu":
        return lambda x: F.leaky_relu(x, numbers[0])
    return {"relu": F.relu, "tanh": F.tanh, "sigmoid": F.sigmoid}[kind]


class DezeroGame:
    """Both networks and their optimizers; a case's rounds are the methods of its name."""

    def __init__(self, case: Step, arrays: dict[str, Any]) -> None:
        rounds = {"gan": self.gan_round, "dcgan": self.dcgan_round}
        if case.game not in rounds:
            raise UnsupportedError(f"no {case.game} was written for it")
        self.case, self.round = case, rounds[case.game]
        self.random = np.random.default_rng(0)
        self.generator = Network(case.generator, arrays["generator"])
        self.discriminator = Network(case.discriminator, arrays["discriminator"])
        self.g_optimizer, self.d_optimizer = [
            Adam(case.lr, *case.betas).setup(network)
            for network in (self.generator, self.discriminator)
        ]
        images = arrays["images"]
        if case.flat_images:
            images = images.reshape(len(images), -1)  # (N, C, H, W) -> (N, C·H·W)
        batches = [Variable(batch) for batch in np.split(images, len(images) // case.images)]
        self.first, self.batches = batches[0], cycle(batches)

    def play(self) -> object:
        ((_, shape),) = self.case.draws()
        return self.round(next(self.batches), self.random.standard_normal(shape, np.float32))

    def check(self, draws: list[np.ndarray]) -> dict[str, float]:
        d_loss, g_loss = self.round(self.first, *draws)
        return {"D loss": float(d_loss.data), "G loss": float(g_loss.data)}

    def gan_round(self, real: Variable, noise: np.ndarray) -> tuple[Variable, Variable]:
        self.generator.cleargrads()
        fake = self.generator(Variable(noise))
        g_loss = _real(self.discriminator(fake))
        g_loss.backward()
        self.g_optimizer.update()

        self.discriminator.cleargrads()
        real_loss = _real(self.discriminator(real))
        fake_loss = _fake(self.discriminator(Variable(fake.data)))
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        self.d_optimizer.update()
        return d_loss, g_loss

    def dcgan_round(self, real: Variable, noise: np.ndarray) -> tuple[Variable, Variable]:
        self.discriminator.cleargrads()
        real_loss = _real(self.discriminator(real))
        real_loss.backward()
        fake = self.generator(Variable(noise))
        fake_loss = _fake(self.discriminator(Variable(fake.data)))
        fake_loss.backward()
        self.d_optimizer.update()

        self.generator.cleargrads()
        g_loss = _real(self.discriminator(fake))
        g_loss.backward()
        self.g_optimizer.update()
        return real_loss + fake_loss, g_loss


def _real(p: Variable) -> Variable:
    """Cross entropy of probabilities against the label 1. DeZero's own cuts p off at 0.999."""
    return -F.sum(F.log(p)) / len(p)


def _fake(p: Variable) -> Variable:
    return -F.sum(F.log(1 - p)) / len(p)
