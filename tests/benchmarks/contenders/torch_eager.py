"""torch, operation by operation: as a tutorial writes it, and with the switches that help it.

`tuned`: the discriminator's parameters need no gradient while the generator learns, and Adam runs
as one fused kernel. `channels_last`: images and kernels lie in memory with the channels last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import numpy as np
import torch
from torch import nn

from contenders import Game, UnsupportedError, Work
from contenders.cases import Layers, Operation, Step
from contenders.torch_names import Names, make_layer, make_operation


class Contender:
    """torch, in steps and in operations; `tuned` and `channels_last` as ENTRIES says."""

    def __init__(self, threads: int, *, tuned: bool = False, channels_last: bool = False) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.tuned = tuned
        self.channels_last = channels_last

    def versions(self) -> dict[str, str]:
        build = torch.__config__.show()
        mkl = next((line for line in build.splitlines() if "Math Kernel" in line), "no MKL")
        return {
            "torch": torch.__version__,
            "BLAS": mkl.strip(" -").split(" Product")[0].split("-Product")[0],
            "processor kernels": torch.backends.cpu.get_cpu_capability(),
            "threads": str(torch.get_num_threads()),
        }

    def operation(self, case: Operation) -> dict[str, Work]:
        images = len(case.shape) == 4
        if self.channels_last and not images:
            raise UnsupportedError("not an operation on images")
        names = Names(
            nn,
            nn.functional,
            torch.autograd.grad,
            self.place,
            lambda layer: self.in_layout(layer) if images else layer,
            lambda params: torch.optim.Adam(params, 2e-4, (0.5, 0.999), fused=self.tuned or None),
            lambda target, source: target.copy_(source),
        )
        return make_operation(names, case)

    def place(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        if self.channels_last and array.ndim == 4:
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def in_layout(self, module: Any) -> Any:
        return module.to(memory_format=torch.channels_last) if self.channels_last else module

    def network(self, layers: Layers, weights: dict[str, np.ndarray]) -> nn.Module:
        network: Any = nn.Sequential(*[make_layer(nn, layer) for layer in layers])
        own = network.state_dict()
        state = {name: torch.from_numpy(array) for name, array in weights.items()}
        state |= {name: own[name] for name in own if name.endswith("num_batches_tracked")}
        network.load_state_dict(state)
        images = any(layer[0].startswith("conv") for layer in layers)
        return self.in_layout(network) if images else network

    def step(self, case: Step, arrays: dict[str, Any]) -> Game:
        if self.channels_last and case.flat_images:
            raise UnsupportedError("no images in these networks")
        return TorchGame(self, case, arrays)


class TorchGame:
    """The training loop of the tutorials, with the same order of updates as minigan.gans."""

    def __init__(self, contender: Contender, case: Step, arrays: dict[str, Any]) -> None:
        self.case, self.tuned = case, contender.tuned
        self.generator: Any = contender.network(case.generator, arrays["generator"])
        self.discriminator: Any = contender.network(case.discriminator, arrays["discriminator"])
        fused = True if contender.tuned else None
        self.g_optimizer, self.d_optimizer = [
            torch.optim.Adam(network.parameters(), case.lr, case.betas, fused=fused)
            for network in (self.generator, self.discriminator)
        ]
        self.bce = nn.BCELoss()
        images = arrays["images"]
        if case.flat_images:
            images = images.reshape(len(images), -1)  # (N, C, H, W) -> (N, C·H·W)
        batches = [contender.place(batch) for batch in np.split(images, len(images) // case.images)]
        self.first, self.batches = batches[0], cycle(batches)
        self.round: Callable[..., tuple[torch.Tensor, torch.Tensor]] = {
            "gan": self.gan_round,
            "dcgan": self.dcgan_round,
            "wgan_gp": self.wgan_gp_round,
        }[case.game]

    def play(self) -> object:
        draws = [
            torch.randn(shape) if kind == "normal" else torch.rand(shape)
            for kind, shape in self.case.draws()
        ]
        return self.round(next(self.batches), iter(draws))

    def check(self, draws: list[np.ndarray]) -> dict[str, float]:
        d_loss, g_loss = self.round(self.first, iter([torch.from_numpy(draw) for draw in draws]))
        return {"D loss": d_loss.item(), "G loss": g_loss.item()}

    @contextmanager
    def frozen_discriminator(self) -> Iterator[None]:
        """No gradients of the discriminator's parameters inside, if tuned."""
        if self.tuned:
            self.discriminator.requires_grad_(False)
        yield
        if self.tuned:
            self.discriminator.requires_grad_(True)

    def gan_round(self, real: torch.Tensor, draws: Iterator[torch.Tensor]) -> Any:
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        self.g_optimizer.zero_grad()
        fake = self.generator(next(draws))
        with self.frozen_discriminator():
            g_loss = self.bce(self.discriminator(fake), ones)
            g_loss.backward()
        self.g_optimizer.step()

        self.d_optimizer.zero_grad()
        real_loss = self.bce(self.discriminator(real), ones)
        fake_loss = self.bce(self.discriminator(fake.detach()), zeros)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        self.d_optimizer.step()
        return d_loss.detach(), g_loss.detach()

    def dcgan_round(self, real: torch.Tensor, draws: Iterator[torch.Tensor]) -> Any:
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        self.d_optimizer.zero_grad()
        real_loss = self.bce(self.discriminator(real).view(-1), ones)
        real_loss.backward()
        fake = self.generator(next(draws))
        fake_loss = self.bce(self.discriminator(fake.detach()).view(-1), zeros)
        fake_loss.backward()
        self.d_optimizer.step()

        self.g_optimizer.zero_grad()
        with self.frozen_discriminator():
            g_loss = self.bce(self.discriminator(fake).view(-1), ones)
            g_loss.backward()
        self.g_optimizer.step()
        return (real_loss + fake_loss).detach(), g_loss.detach()

    def wgan_gp_round(self, real: torch.Tensor, draws: Iterator[torch.Tensor]) -> Any:
        for start in range(0, len(real), self.case.batch):
            images = real[start : start + self.case.batch]
            with torch.no_grad():
                fake = self.generator(next(draws))
            mix = next(draws)
            x = (mix * images + (1 - mix) * fake).requires_grad_()
            (g,) = torch.autograd.grad(self.discriminator(x).sum(), x, create_graph=True)
            norms = (g.flatten(1).square().sum(1) + 1e-12).sqrt()
            distance = self.discriminator(images).mean() - self.discriminator(fake).mean()
            d_loss = 10 * ((norms - 1) ** 2).mean() - distance
            self.d_optimizer.zero_grad()
            d_loss.backward()
            self.d_optimizer.step()

        self.g_optimizer.zero_grad()
        with self.frozen_discriminator():
            g_loss = -self.discriminator(self.generator(next(draws))).mean()
            g_loss.backward()
        self.g_optimizer.step()
        return d_loss.detach(), g_loss.detach()
