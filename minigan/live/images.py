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

from minigan.data.loader import DataLoader, ImageDataset
from minigan.errors import UserError
from minigan.evaluation.neighbors import nearest_in_parts
from minigan.gans import SYSTEMS, conditional_gan, gan
from minigan.gans.base import GAN
from minigan.live.drawing import JUDGED, SHOWN, Drawing, Noises
from minigan.live.play import Row
from minigan.live.protocol import array, shown, whole
from minigan.live.settings import Settings
from minigan.plots.grids import as_pixels
from minigan.tensor import Array, Tensor

BINS = 24
PART = 5000  # training images that are searched at once

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


class ImagesGame(Drawing):
    """A system of gans/ and a data set."""

    parts = ("samples", "real", "scores", "gradients")
    sights = ("latent", "nearest")
    curves: tuple[str, ...] = ("D loss", "G loss")
    views: Views

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
            raise UserError("original_gan follows its authors' schedule of rates; leave them at 1")
        data, parts = self.views.dataset, self.gan.parts
        size = values["batch_size"] or self.gan.settings.batch_size
        if size * parts > len(data):
            raise UserError(
                f"a round takes {parts} × {size} images, and {data.name} has {len(data):,}; choose "
                "a smaller batch_size"
            )
        if size == 1 and self.gan.has_batch_norm():
            raise UserError("batch norm needs at least two images: choose batch_size 2 or more")
        self.batch_size = size
        for (_, optimizer), rate, factor in zip(players, self.rates, factors, strict=True):
            optimizer.lr = rate * factor

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

    def real(self) -> dict[str, Any]:
        """Some of the data, and what D says of each."""
        images, labels = self.views.real
        return self.shown(images[:SHOWN], None if labels is None else labels[:SHOWN])

    def scores(self) -> dict[str, Any]:
        """How D's answers are spread, over real and over drawn images."""
        views = self.views
        real = self.judged(*views.real)
        fake = self.judged(self.drawn(views.z, views.labels), views.labels)
        low, high = 0.0, 1.0
        if self.says == "score":
            both = np.concatenate([real, fake])
            both = both[np.isfinite(both)]
            low, high = (float(both.min()), float(both.max())) if both.size else (0.0, 1.0)
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        return {
            "edges": array(edges),
            "real": array(np.histogram(real, edges)[0], "int32"),
            "fake": array(np.histogram(fake, edges)[0], "int32"),
            "kind": self.says,
        }

    def look_nearest(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The training image that is nearest to one of the samples: pixels from 0 to 1, Euclidean.

        Is it much nearer than training images are to each other, it was learned by heart.
        """
        index = whole(request, "index", 0)
        if index >= SHOWN:
            raise UserError(f"index is one of the samples, 0 to {SHOWN - 1}, not {shown(index)}")
        one = slice(index, index + 1)
        labels = None if self.views.labels is None else self.views.labels[one]
        image = self.drawn(self.views.z[one], labels)
        pixels = as_pixels(image, self.gan.value_range)
        images = self.views.dataset.images
        query = pixels.reshape(1, -1) / 255
        parts = (
            images[start : start + PART].reshape(-1, query.shape[1]) / 255
            for start in range(0, len(images), PART)
        )
        (nearest,), (distance,) = nearest_in_parts(query, parts)
        classes = self.views.dataset.labels
        return {
            "shown": array(pixels[0], "uint8"),
            "image": array(images[nearest], "uint8"),
            "distance": float(distance),
            "index": int(nearest),
            "label": None if classes is None else int(classes[nearest]),
            "of": len(images),
        }


class Views(Noises):
    """The data, too."""

    def __init__(self, gan: GAN, dataset: ImageDataset, seed: int) -> None:
        super().__init__(gan)
        self.dataset = dataset
        if self.classes is not None and dataset.labels is None:
            raise UserError(f"a {gan.name} learns from labels, and {dataset.name} has no classes")
        self.loader = DataLoader(dataset, 1, shuffle=True, seed=seed, scale=gan.value_range)
        self._ordered: tuple[int, Array] = (0, self.loader.order(0))

    def order(self, epoch: int) -> Array:
        """The numbers of all images as this epoch deals them; the last one is kept at hand."""
        if self._ordered[0] != epoch:
            self._ordered = epoch, self.loader.order(epoch)
        return self._ordered[1]

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
