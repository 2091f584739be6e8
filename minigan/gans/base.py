"""What every system of this package has: two networks, two optimizers and a source of noise.

A system's own file says what the networks are and how they play; this one only keeps them
together, samples from them, and can put their whole state into a checkpoint and take it out.

Next: average.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from minigan.backend import Backend, get_backend
from minigan.creation import ones, zeros
from minigan.errors import UserError
from minigan.gans.augmentation import Augmentation
from minigan.gans.average import Average, measure_statistics
from minigan.nn import BatchNorm1d, Dropout, Module
from minigan.nn.module import RemovableHandle
from minigan.optim import Optimizer
from minigan.random import Random, fork_rng, manual_seed
from minigan.tensor import Array, Tensor, no_grad

Losses = dict[str, Tensor]
SHOWN_NAMES = 20  # of classes, in an error


def cut(batch: Tensor, count: int) -> list[Tensor]:
    """Cut (N, …) into `count` equal batches: a round with several discriminator updates gets
    fresh images for each. What is left over is not used.

    Raises UserError if there is not one image for each batch.
    """
    size = len(batch) // count
    if size == 0:
        raise UserError(f"a batch of {len(batch)} images cannot be cut into {count} batches")
    return [batch[i * size : (i + 1) * size] for i in range(count)]


class Built(type):
    """The type of the systems' classes, which is asked to build one.

    It stands around the whole constructor, also around one that a subclass writes: what is drawn
    there for the initial weights, or fails, leaves the caller's random numbers alone.
    """

    @fork_rng()
    def __call__(cls, *args: Any, **options: Any) -> Any:
        return super().__call__(*args, **options)


class GAN(metaclass=Built):
    """A generator and a discriminator that learn from each other.

    A subclass sets `name`, says which `networks` play and which `optimizer` moves each of them,
    and writes `step`, and `parts` if that cuts a batch. Its `settings`, a frozen dataclass of plain
    values, is all that is needed to build it again: a checkpoint carries it. What the class itself
    has as `settings` is played where no others are given.

    A subclass with more to build writes its own `__init__`: after that of GAN it makes the two
    networks, hands them to `adopt`, and makes its two optimizers.
    """

    name: ClassVar[str]
    loss_unit: ClassVar[str] = "nats"  # of what `step` returns as losses, for the curves
    # What the losses are where D can tell nothing and says ½ of every image: lines in the curves.
    losses_at_rest: ClassVar[Mapping[str, float]] = {}
    value_range: tuple[float, float] = (-1.0, 1.0)  # black and white in the images it learns from

    settings: Any
    generator: Module
    discriminator: Module
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer

    average: float | None = None  # how much of the averaged weights stays at each round
    _average: Average | None = None
    augmentation: Augmentation | None = None  # what is done to images before D sees them
    _augmenting: RemovableHandle | None = None
    class_names: tuple[str, ...] = ()  # what label 0, 1, … means, if the data says; for people

    def __init__(
        self,
        settings: Any = None,
        *,
        seed: int = 0,
        backend: str | Backend = "numpy",
        dtype: Any = "float32",
    ) -> None:
        self.settings = self.settings if settings is None else settings
        self.backend = get_backend(backend)
        self.dtype = np.dtype(dtype)
        # Noise and dropout of training come from one stream, samples from another: to look at a
        # run does not change it.
        self.random = Random(seed, backend=self.backend).fork("training")
        self._samples = Random(seed, backend=self.backend).fork("samples")
        manual_seed(seed)  # the initial weights: the same on every backend
        networks = self.networks()
        if networks is not None:
            self.adopt(*networks)
            self.generator_optimizer = self.optimizer(self.generator)
            self.discriminator_optimizer = self.optimizer(self.discriminator)

    def networks(self) -> tuple[Module, Module] | None:
        """A new generator and a new discriminator; None from who makes them in `__init__`."""
        return None

    def optimizer(self, network: Module) -> Optimizer:
        """A new optimizer of one of the two networks."""
        raise NotImplementedError

    def adopt(self, generator: Module, discriminator: Module) -> None:
        """Take in the two networks: onto the backend, with the system's own randomness."""
        self.generator = generator.to(self.dtype).to(self.backend)
        self.discriminator = discriminator.to(self.dtype).to(self.backend)
        for network in (generator, discriminator):
            for module in network.modules():
                if isinstance(module, Dropout):
                    module.generator = self.random

    def play(self, generator: Module, discriminator: Module) -> None:
        """`adopt`, by the name that it had in version 0.1."""
        self.adopt(generator, discriminator)

    def step(self, real: Tensor, labels: Tensor | None = None) -> Losses:
        """One round of the game on real images (N, C, H, W): what it returns goes into the log."""
        raise NotImplementedError

    def play_round(self, real: Tensor, labels: Tensor | None = None) -> Losses:
        """`step`, and then the averaged generator, if there is one, follows."""
        losses = self.step(real, labels)
        if self.average is not None and self._average is not None:
            self._average.follow(self.average)
        return losses

    @property
    def parts(self) -> int:
        """Into how many batches a round cuts its images: one for each update of D."""
        return 1

    def has_batch_norm(self) -> bool:
        """Whether a network normalizes rows by their batch: one row alone has no variance."""
        modules = [*self.generator.modules(), *self.discriminator.modules()]
        return any(isinstance(module, BatchNorm1d) for module in modules)

    def label_of(self, name: str) -> int:
        """The label of a class, by its name where the data had names, or by its number.

        Raises UserError for a system without classes, and for a class that it does not have.
        """
        classes: int | None = getattr(self.settings, "classes", None)
        if classes is None:
            raise UserError(
                f"a {self.name} cannot be asked for a class: that takes a conditional GAN"
            )
        names = self.class_names or tuple(map(str, range(classes)))
        if name in names:
            return names.index(name)
        if name.isdecimal() and int(name) < classes:
            return int(name)
        listed = ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")
        raise UserError(f"{name} is none of the classes of this {self.name}, which are {listed}")

    # ---- what D sees --------------------------------------------------------------------

    def augment(self, *kinds: str) -> None:
        """From now on D sees real and drawn images only after random changes of these kinds:
        "color", "translation", "cutout". What they are good for is in augmentation.py.

        Raises UserError for no kind, another one, or one that comes twice.
        """
        augmentation = Augmentation(kinds, self.random, self.value_range)
        if self._augmenting is not None:
            self._augmenting.remove()
        self._augmenting = self.discriminator.register_forward_pre_hook(augmentation)
        self.augmentation = augmentation

    # ---- the average of the generator's weights --------------------------------------------------

    def keep_average(self, decay: float) -> None:
        """From now on also keep an average of the generator's weights over the last rounds.

            average ← decay · average + (1 − decay) · weights,        after each round

        It reaches back about 1/(1 − decay) rounds. What it is good for is in average.py.

        Raises UserError unless decay is at least 0 and below 1.
        """
        if not 0 <= decay < 1:
            raise UserError(f"the average's decay must lie in [0, 1), and it is {decay}")
        self.average = decay
        # Dropout layers share the system's random numbers, which must not be copied with them.
        self._average = Average(self.generator, shared=[self.random])

    def measure_statistics(self, batches: int = 100, *, batch_size: int = 100) -> None:
        """Give the averaged generator batch norm's statistics of its own, on fresh noise.

        As long as it follows, it has those of the latest weights. To be called before it draws,
        when training is over or has a pause: the next round copies the latest again. The noise has
        a stream of its own, and training does not notice. average.py says more.

        Raises UserError if no average is kept.
        """
        if self.averaged_generator is None:
            raise UserError("no average of the generator's weights was kept: train with --average")
        source = self._samples.fork("statistics")
        classes: int | None = getattr(self.settings, "classes", None)

        def batch() -> tuple[Tensor, ...]:
            noise = self.draw_noise(source, batch_size)
            if classes is None:
                return (noise,)
            return noise, Tensor(self.backend.asarray(np.arange(batch_size) % classes))

        measure_statistics(self.averaged_generator, (batch() for _ in range(batches)))

    @property
    def averaged_generator(self) -> Module | None:
        """The generator with the averaged weights, where `keep_average` keeps one."""
        return None if self._average is None else self._average.network

    @contextmanager
    def _averaged(self, averaged: bool | None) -> Iterator[None]:
        """Inside, the averaged generator stands in for the generator, where it is asked for."""
        if averaged is False or (averaged is None and self.averaged_generator is None):
            yield
            return
        if self.averaged_generator is None:
            raise UserError("no average of the generator's weights was kept: train with --average")
        current, self.generator = self.generator, self.averaged_generator
        try:
            yield
        finally:
            self.generator = current

    # ---- noise and labels of the two sides ----------------------------------------------------

    def noise(self, count: int) -> Tensor:
        """z (count, latent_dim), fresh from the training stream."""
        return self.draw_noise(self.random, count)

    def draw_noise(self, source: Random, count: int) -> Tensor:
        """z (count, latent_dim), standard normal; a system with other noise overrides this.

        What z is: the only thing in which one image differs from another, for G itself is a fixed
        function. Each of its numbers may become something that images differ in, a slant or a
        thickness, but nobody says which; so there should be more of them than such things. 100 is
        the DCGAN paper's number. That they are normal is custom, and convenient: no direction is
        preferred, so a walk may go anywhere (latent.py). The 2014 paper drew them evenly from a
        cube (original_gan.py). Only z must be easy to draw; its shape is G's to bend.
        """
        return Tensor.of(source.normal((count, self.settings.latent_dim), self.dtype))

    def ones(self, *shape: int) -> Tensor:
        return ones(*shape, dtype=self.dtype, backend=self.backend)

    def zeros(self, *shape: int) -> Tensor:
        return zeros(*shape, dtype=self.dtype, backend=self.backend)

    # ---- looking ----------------------------------------------------------------------

    def sample_noise(self, count: int, *, seed: int = 0) -> Tensor:
        """Noise for pictures: the same for the same seed, at any time, whatever was trained."""
        return self.draw_noise(self._samples.fork(seed), count)

    @no_grad()
    def sample(
        self, noise: Tensor, labels: Tensor | None = None, *, averaged: bool | None = None
    ) -> Tensor:
        """Images (N, C, H, W) of the generator in eval mode: each depends on its own noise alone.

        (In training mode batch norm would let the images of one batch see each other.) They are
        drawn with the average of its weights where `keep_average` keeps one; `averaged` says
        otherwise, or insists on it.
        """
        with self._averaged(averaged):
            was_training = self.generator.training
            self.generator.eval()
            try:
                return self.generate(noise, labels)
            finally:
                self.generator.train(was_training)

    def generate(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """The generator's answer; a conditional system also passes the labels on."""
        return self.generator(noise)

    def train(self, mode: bool = True) -> None:
        self.generator.train(mode)
        self.discriminator.train(mode)

    def __repr__(self) -> str:
        """Both networks, each with the number of its parameters."""
        lines = [f"{type(self).__name__}("]
        for name in ("generator", "discriminator"):
            network: Module | None = getattr(self, name, None)
            if network is None:  # not made yet
                continue
            count = sum(p.numel() for p in network.parameters())
            text = repr(network).replace("\n", "\n  ")
            lines.append(f"  ({name}, {count:,} parameters): {text}")
        return "\n".join([*lines, ")"])

    # ---- state --------------------------------------------------------------------------

    def _parts(self) -> dict[str, Any]:
        parts = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }
        if self.averaged_generator is not None:
            parts["averaged_generator"] = self.averaged_generator
        return parts

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything that the next step depends on: arrays by name, and plain values."""
        arrays: dict[str, Array] = {}
        plain: dict[str, Any] = {
            "system": self.name,
            "settings": dataclasses.asdict(self.settings),
            "random": self.random.state_dict(),
            "average": self.average,
        }
        if self.augmentation is not None:
            plain["augment"] = list(self.augmentation.kinds)
        if self.class_names:
            plain["class_names"] = list(self.class_names)
        for name, part in self._parts().items():
            state = part.state_dict()
            if isinstance(part, Module):
                arrays |= {f"{name}.{key}": tensor.array for key, tensor in state.items()}
                continue
            plain[name] = {"param_groups": state["param_groups"], "steps": {}}
            for index, moments in state["state"].items():
                plain[name]["steps"][str(index)] = moments.pop("step")
                arrays |= {f"{name}.{index}.{key}": array for key, array in moments.items()}
        return {name: self.backend.to_numpy(array) for name, array in arrays.items()}, plain

    def load_state(self, arrays: Mapping[str, np.ndarray], plain: Mapping[str, Any]) -> None:
        """Take over what `state` returned, on whichever backend that was."""
        if plain.get("system") != self.name:
            raise UserError(f"the checkpoint is of a {plain.get('system')}, not of a {self.name}")
        if plain.get("average") is not None:
            self.keep_average(plain["average"])
        if plain.get("augment"):
            self.augment(*plain["augment"])
        self.class_names = tuple(plain.get("class_names", self.class_names))
        for name, part in self._parts().items():
            start = f"{name}."
            own = {key[len(start) :]: a for key, a in arrays.items() if key.startswith(start)}
            if isinstance(part, Module):
                part.load_state_dict(own)
                continue
            state: dict[int, dict[str, Any]] = {
                int(index): {"step": step} for index, step in plain[name]["steps"].items()
            }
            for key, array in own.items():
                index, _, moment = key.partition(".")
                state[int(index)][moment] = array
            part.load_state_dict({"state": state, "param_groups": plain[name]["param_groups"]})
        self.random.load_state_dict(plain["random"])

    def not_finite(self) -> str | None:
        """The first parameter, buffer or moment that holds NaN or infinity, by name, or None."""
        for name in ("generator", "discriminator"):
            for key, tensor in self._parts()[name].state_dict().items():
                if not bool(self.backend.xp.isfinite(tensor.array).all()):
                    return f"{name}.{key}"
        return self.not_finite_parameter()

    def not_finite_parameter(self) -> str | None:
        """The same of the parameters and their moments alone, quickly: the optimizers know."""
        for name in ("generator", "discriminator"):
            if found := self._parts()[f"{name}_optimizer"].not_finite():
                index, moment = found
                parameters = list(self._parts()[name].named_parameters())
                where = f"{name}.{parameters[index][0]}"
                return f"{moment} of {where}" if moment else where
        return None
