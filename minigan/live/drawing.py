"""What there is to see of a system of gans/: its images, what D says of them, a plane of its noise.

Next: images.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minigan import nn
from minigan.errors import UserError
from minigan.gans.base import GAN
from minigan.live.play import Play
from minigan.live.protocol import array, number, whole
from minigan.optim import Optimizer
from minigan.plots.grids import as_pixels
from minigan.tensor import Array, Tensor, no_grad

SHOWN = 50  # images of the generator; of a system with classes, in columns
JUDGED = 200  # images behind a histogram of scores
EDGE = 2.0  # the plane of z is shown from -EDGE to EDGE


class Drawing(Play):
    """A system that is looked at; images.py lets it play, and watch.py reads it from a run."""

    name = kind = "images"
    label = "images"
    help = (
        "The generator draws images from noise, and the discriminator says which of two piles an "
        "image came from. The step is the paper's, as it stands in gans/."
    )
    parts: tuple[str, ...] = ("samples", "gradients")
    sights: tuple[str, ...] = ("latent",)

    gan: GAN
    views: Noises

    def players(self) -> dict[str, tuple[nn.Module, Optimizer]]:
        gan = self.gan
        return {
            "D": (gan.discriminator, gan.discriminator_optimizer),
            "G": (gan.generator, gan.generator_optimizer),
        }

    def drawn(self, z: Tensor, labels: Array | None) -> Tensor:
        """Images (N, C, H, W) of this noise."""
        return self.gan.sample(z, None if labels is None else Tensor(labels))

    @no_grad()
    def judged(self, images: Tensor, labels: Array | None) -> Array:
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

    @property
    def says(self) -> str:
        """Whether D ends in a sigmoid, and so says probabilities: "probability" or "score"."""
        *_, last = self.gan.discriminator.modules()
        return "probability" if isinstance(last, nn.Sigmoid) else "score"

    def samples(self) -> dict[str, Any]:
        """Images of the same noise every time, and what D says of each."""
        labels = None if self.views.labels is None else self.views.labels[:SHOWN]
        return self.shown(self.drawn(self.views.z[:SHOWN], labels), labels)

    def shown(self, images: Tensor, labels: Array | None) -> dict[str, Any]:
        """Images for the page."""
        return {
            "pixels": array(as_pixels(images, self.gan.value_range), "uint8"),
            "labels": None if labels is None else array(labels, "int32"),
            "scores": array(self.judged(images, labels)),
            "kind": self.says,
            "averaged": self.gan.averaged_generator is not None,
        }

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
        if self.views.classes is not None:
            label = whole(request, "label", 0)
            if label >= self.views.classes:
                raise UserError(f"label is a class from 0 to {self.views.classes - 1}, not {label}")
            labels = np.array([label])
        image = as_pixels(self.drawn(z, labels), self.gan.value_range)[0]
        return {"image": array(image, "uint8"), "edge": EDGE}


class Noises:
    """What a system is looked at with: always the same noise, so that one sees G learn."""

    def __init__(self, gan: GAN) -> None:
        self.classes: int | None = getattr(gan.settings, "classes", None)
        self.z = gan.sample_noise(JUDGED)
        self.corners = gan.sample_noise(3, seed=1)
        # Which classes the samples are asked for: all in turn.
        self.labels = None if self.classes is None else np.arange(JUDGED) % self.classes
