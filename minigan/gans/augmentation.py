"""What the discriminator sees: images changed at random, the real and the drawn ones alike.

With few pictures the discriminator soon knows each of them, and then tells the generator no more
than "not one of mine". DiffAugment (Zhao et al. 2020) lets it see nothing unchanged:

    D: max E[log D(T(x))] + E[log(1 − D(T(G(z))))]        G: max E[log D(T(G(z)))]

with T drawn anew for each image each time. As T stands before D wherever D is asked, it is a hook
before D's forward pass, and no system need know of it: the WGAN-GP's slope is then that of f∘T, and
a conditional system's labels pass by. The changes and their derivatives are in
functional/augment.py.

Next: gan.py, the first game.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.errors import UserError
from minigan.functional import augment
from minigan.nn import Module
from minigan.random import Random
from minigan.tensor import Tensor

SHIFTED = 0.125  # of an image's sides: the farthest that it is shifted
CUT = 0.5  # of its sides: the hole's


class Augmentation:
    """T, as a hook before the discriminator: kinds of changes, one after another.

    random: where they are drawn from. value_range: black and white in the images; what the paper
    says of images in [-1, 1] is meant relative to these.
    """

    def __init__(
        self, kinds: Sequence[str], random: Random, value_range: tuple[float, float]
    ) -> None:
        known = {"color": self._color, "translation": self._translation, "cutout": self._cutout}
        wrong = [kind for kind in kinds if kind not in known]
        if wrong or not kinds or len({*kinds}) < len(kinds):
            raise UserError(
                f"augmentation is one or several of {', '.join(known)}, each once, and not "
                f"{','.join(kinds) or 'nothing'!r}"
            )
        self.kinds, self.random = tuple(kinds), random
        self.gray = sum(value_range) / 2  # what stands where the image was shifted or cut away
        self.unit = (value_range[1] - value_range[0]) / 2  # half the way from black to white
        self._changes = [known[kind] for kind in self.kinds]

    def __call__(self, network: Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The inputs of a network in training, the first of them changed: images (N, C, H, W)."""
        if not network.training:
            return None
        images, *others = inputs
        for change in self._changes:
            images = change(images)
        return (images, *others)

    def _color(self, images: Tensor) -> Tensor:
        """Brightness by up to a quarter of the range, colors 0 to 2, contrast ½ to 1½ times."""
        images = augment.brightness(images, (self._uniform(images) - 0.5) * self.unit)
        images = augment.saturation(images, self._uniform(images) * 2)
        return augment.contrast(images, self._uniform(images) + 0.5)

    def _translation(self, images: Tensor) -> Tensor:
        down, right = (
            self.random.integers(2 * far + 1, len(images)) - far
            for far in (int(side * SHIFTED + 0.5) for side in images.shape[2:])
        )
        return augment.translation(images, down, right, fill=self.gray)

    def _cutout(self, images: Tensor) -> Tensor:
        height, width = (int(side * CUT + 0.5) for side in images.shape[2:])
        row, column = (
            self.random.integers(side + 1 - cut % 2, len(images))
            for side, cut in zip(images.shape[2:], (height, width), strict=True)
        )
        return augment.cutout(images, row, column, (height, width), fill=self.gray)

    def _uniform(self, images: Tensor) -> Tensor:
        """U[0, 1) for each image: (N, 1, 1, 1)."""
        return Tensor.of(self.random.uniform((len(images), 1, 1, 1), images.dtype))
