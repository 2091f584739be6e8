"""The game of images: any system of gans/, its own step, its own recipes, on a data set in memory.

Next: games.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from minigan import nn
from minigan.data.loader import DataLoader, ImageDataset
from minigan.errors import UserError
from minigan.evaluation.neighbors import nearest_in_parts
from minigan.gans import SYSTEMS, conditional_gan, gan
from minigan.gans.base import GAN
from minigan.live.play import Play, Row
from minigan.live.protocol import array, number, shown, whole
from minigan.live.settings import Settings
from minigan.optim import Optimizer
from minigan.plots.grids import as_pixels
from minigan.tensor import Array, Tensor, no_grad

SHOWN = 50  # images of the generator, and as many real ones; of a system with classes, in columns
JUDGED = 200  # images behind each histogram of scores
BINS = 24
PART = 5000  # training images that are searched at once
EDGE = 2.0  # the plane of z is shown from -EDGE to EDGE

# Perceptrons that learn digits in a browser: about 12 ms a round there. In thousands of rounds on
# small batches, dropout in D and an average of G's weights tell more than width does.
SMALL = gan.Recipe(
    generator_widths=(64, 128),
    discriminator_widths=(128,),
    norm_eps=1e-5,
    dropout=0.3,
    lr=1e-3,
    batch_size=32,
    average=0.995,
)
SMALL_WITH_LABELS = conditional_gan.Recipe(
    generator_widths=(64, 128),
    discriminator_widths=(128,),
    norm_eps=1e-5,
    dropout=0.3,
    lr=1e-3,
    beta1=0.5,
    batch_size=32,
    average=0.995,
)


def recipes() -> dict[str, tuple[type[GAN], Any]]:
    """All there is to play: the small ones, then every recipe of every system."""
    found: dict[str, tuple[type[GAN], Any]] = {
        "small, any digit": (SYSTEMS["gan"], SMALL),
        "small, a digit of your choice": (SYSTEMS["conditional_gan"], SMALL_WITH_LABELS),
    }
    for name, system in SYSTEMS.items():
        for word, recipe in sys.modules[system.__module__].RECIPES.items():
            found[f"{name}: {word}"] = (system, recipe)
    return found


class ImagesGame(Play):
    """A system of gans/ and a data set."""

    name = kind = "images"
    label = "images"
    help = (
        "The generator draws images from noise, and the discriminator says which of two piles an "
        "image came from. The step is the paper's, as it stands in gans/."
    )
    parts = ("samples", "real", "scores", "gradients")
    sights = ("latent", "nearest")
    curves: tuple[str, ...] = ("D loss", "G loss")

    def __init__(self, values: Settings, dataset: ImageDataset) -> None:
        self.values = values
        system, recipe = recipes()[values["recipe"]]
        self.gan = system(_fitted(recipe, dataset), seed=values["seed"])
        self.gan.class_names = dataset.class_names
        if recipe.average is not None:
            self.gan.keep_average(recipe.average)
        self.views = Views(self.gan, dataset, values["seed"])
        self.rates = [optimizer.lr for _, optimizer in self.players().values()]
        self.epoch = self.place = 0  # where in the data set the game stands
        self._use(values)

    def change(self, values: Settings) -> None:
        self._use(values)
        self.values = values

    def _use(self, values: Settings) -> None:
        """Rates are told as multiples of the recipe's; a batch of 0 is the recipe's."""
        factors = (values["discriminator_rate"], values["generator_rate"])
        players = self.players().values()
        if self.gan.name == "original_gan" and factors != (1.0, 1.0):
            raise UserError("the rates of original_gan follow its authors' schedule; leave them at 1")
        count = len(self.views.dataset)
        size = values["batch_size"] or self.gan.settings.batch_size
        if size * self.gan.parts > count:
            raise UserError(
                f"a round takes {self.gan.parts} × {size} images, and {self.views.dataset.name} has "
                f"{count:,}; choose a smaller batch_size"
            )
        if size == 1 and self.gan.has_batch_norm():
            raise UserError("batch norm needs at least two images: choose batch_size 2 or more")
        self.batch_size = size
        for (_, optimizer), rate, factor in zip(players, self.rates, factors, strict=True):
            optimizer.lr = rate * factor

    def players(self) -> dict[str, tuple[nn.Module, Optimizer]]:
        gan = self.gan
        return {
            "D": (gan.discriminator, gan.discriminator_optimizer),
            "G": (gan.generator, gan.generator_optimizer),
        }

    # ---- how it moves -------------------------------------------------------------------------

    def can_move(self, player: str) -> None:
        if player != "both":
            raise UserError(f"a round of {self.gan.name} is one piece: step both players")

    def move(self, player: str) -> Row:
        losses = self.gan.play_round(*self.views.loader.batch(self._deal()))
        self.round += 1
        row: Row = {name: loss.item() for name, loss in losses.items()}
        self.curves = tuple(row)
        return row

    def _deal(self) -> Array:
        """The numbers of the next images; an epoch's last ones, if they are too few, are left out.

        Not the loader's own bookmark: where the game stands in the data is two numbers of the
        game, so that a copy of it goes on from there.
        """
        count = self.batch_size * self.gan.parts
        if self.place + count > len(self.views.dataset):
            self.epoch, self.place = self.epoch + 1, 0
        start, self.place = self.place, self.place + count
        return self.views.order(self.epoch)[start : self.place]

    def acts(self) -> list[Any]:
        return _methods_of(type(self.gan), "step")

    # ---- what one sees ------------------------------------------------------------------------

    def _drawn(self, z: Tensor, labels: Array | None) -> Tensor:
        return self.gan.sample(z, None if labels is None else Tensor(labels))

    @no_grad()
    def _judged(self, images: Tensor, labels: Array | None) -> Array:
        """What D says of images (N, C, H, W), in eval mode: (N,)."""
        d = self.gan.discriminator
        was_training = d.training
        d.eval()
        try:
            if self.views.classes is None or labels is None:
                return d(images).numpy().reshape(-1)
            return d(images, Tensor(labels)).numpy().reshape(-1)
        finally:
            d.train(was_training)

    def _pixels(self, images: Tensor) -> dict[str, Any]:
        return array(as_pixels(images, self.gan.value_range), "uint8")

    @property
    def _kind(self) -> str:
        """Whether D ends in a sigmoid, and so says probabilities."""
        *_, last = self.gan.discriminator.modules()
        return "probability" if isinstance(last, nn.Sigmoid) else "score"

    def samples(self) -> dict[str, Any]:
        """Images of the same noise every time, and what D says of each."""
        labels = self.views.labels[:SHOWN] if self.views.classes else None
        images = self._drawn(self.views.z[:SHOWN], labels)
        return self._shown(images, labels, labels)

    def real(self) -> dict[str, Any]:
        """Some of the data, and what D says of each."""
        images, labels = self.views.real
        some = None if labels is None else labels[:SHOWN]
        return self._shown(images[:SHOWN], some, some)

    def _shown(self, images: Tensor, asked: Array | None, labels: Array | None) -> dict[str, Any]:
        return {
            "pixels": self._pixels(images),
            "labels": None if labels is None else array(labels, "int32"),
            "scores": array(self._judged(images, asked)),
            "kind": self._kind,
            "averaged": self.gan.averaged_generator is not None,
        }

    def scores(self) -> dict[str, Any]:
        """How D's answers are spread, over real and over drawn images."""
        real, fake = (
            self._judged(images[:JUDGED], None if labels is None else labels[:JUDGED])
            for images, labels in (
                self.views.real,
                (self._drawn(self.views.z, self.views.labels), self.views.labels),
            )
        )
        low, high = 0.0, 1.0
        if self._kind == "score":
            both = np.concatenate([real, fake])
            both = both[np.isfinite(both)]
            low, high = (float(both.min()), float(both.max())) if both.size else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        return {
            "edges": array(edges),
            "real": array(np.histogram(real, edges)[0], "int32"),
            "fake": array(np.histogram(fake, edges)[0], "int32"),
            "kind": self._kind,
        }

    # ---- what is looked at on demand ----------------------------------------------------------

    def look_latent(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What G draws at a point of a plane of z.

            z(x, y) = (x·a + y·b + c) / √(x² + y² + 1)

        a, b and c are three noises. However they are mixed, each number of z keeps the variance 1
        that G has learned with, as it would not on a flat plane.
        """
        x, y = (float(np.clip(number(request, name, 0.0), -EDGE, EDGE)) for name in "xy")
        a, b, c = (self.views.corners[i : i + 1] for i in range(3))
        z = (x * a + y * b + c) / (x * x + y * y + 1) ** 0.5
        labels = None
        if self.views.classes:
            label = whole(request, "label", 0)
            if label >= self.views.classes:
                raise UserError(f"label is a class from 0 to {self.views.classes - 1}, not {label}")
            labels = np.array([label])
        return {"image": self._one(self._drawn(z, labels)), "edge": EDGE}

    def look_nearest(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The training image that is nearest to one of the samples: pixels from 0 to 1, Euclidean.

        Is it much nearer than training images are to each other, it was learned by heart.
        """
        index = whole(request, "index", 0)
        if index >= SHOWN:
            raise UserError(f"index is one of the samples, 0 to {SHOWN - 1}, not {shown(index)}")
        one = slice(index, index + 1)
        image = self._drawn(self.views.z[one], self.views.labels[one] if self.views.classes else None)
        pixels = as_pixels(image, self.gan.value_range)
        images = self.views.dataset.images
        query = pixels.reshape(1, -1) / 255
        parts = (
            images[start : start + PART].reshape(-1, query.shape[1]) / 255
            for start in range(0, len(images), PART)
        )
        (nearest,), (distance,) = nearest_in_parts(query, parts)
        labels = self.views.dataset.labels
        return {
            "shown": array(pixels[0], "uint8"),
            "image": array(images[nearest], "uint8"),
            "distance": float(distance),
            "index": int(nearest),
            "label": None if labels is None else int(labels[nearest]),
            "of": len(images),
        }

    def _one(self, images: Tensor) -> dict[str, Any]:
        return array(as_pixels(images, self.gan.value_range)[0], "uint8")


class Views:
    """The data, and what is looked at with: always the same noise, so that one sees G learn."""

    def __init__(self, gan: GAN, dataset: ImageDataset, seed: int) -> None:
        self.dataset = dataset
        self.classes: int | None = getattr(gan.settings, "classes", None)
        if self.classes is not None and dataset.labels is None:
            raise UserError(f"a {gan.name} learns from labels, and {dataset.name} has no classes")
        self.loader = DataLoader(dataset, 1, shuffle=True, seed=seed, scale=gan.value_range)
        self.z = gan.sample_noise(max(SHOWN, JUDGED))
        self.corners = gan.sample_noise(3, seed=1)
        self._ordered: tuple[int, Array] = (0, self.loader.order(0))

    def order(self, epoch: int) -> Array:
        """The numbers of all images as this epoch deals them; the last one is kept at hand."""
        if self._ordered[0] != epoch:
            self._ordered = epoch, self.loader.order(epoch)
        return self._ordered[1]

    @cached_property
    def labels(self) -> Array | None:
        """Which classes the samples are asked for: all in turn."""
        return None if self.classes is None else np.arange(len(self.z)) % self.classes

    @cached_property
    def real(self) -> tuple[Tensor, Array | None]:
        """JUDGED images of the data, evenly spread over it, and their labels."""
        numbers = np.arange(JUDGED) * len(self.dataset) // JUDGED
        images, labels = self.loader.batch(numbers)
        return images, None if labels is None else labels.numpy()


def _fitted(recipe: Any, dataset: ImageDataset) -> Any:
    """The recipe, for images of this size and for these classes."""
    shape = dataset.images.shape[1:]
    classes = 0 if dataset.labels is None else int(dataset.labels.max()) + 1
    wanted = {"image_shape": shape, "image_size": shape[1], "channels": shape[0]}
    wanted |= {"classes": classes} if classes else {}
    own = {field.name for field in fields(recipe)}
    return replace(recipe, **{name: value for name, value in wanted.items() if name in own})


def _methods_of(system: type[GAN], name: str) -> list[FunctionType]:
    """A method of a system and, of those it calls, the system's own ones."""
    method = vars(system)[name]
    inner = [
        each
        for word in method.__code__.co_names
        if word != name and isinstance(vars(system).get(word), FunctionType)
        for each in _methods_of(system, word)
    ]
    return list(dict.fromkeys([method, *inner]))
