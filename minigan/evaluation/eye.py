"""The eye: what pictures of any kind are compared by, where no judge has been taught to read them.

A convolutional network with random weights, of a fixed seed, and the principal components of what
it makes of the pictures themselves. Nothing is downloaded, and nothing but those components is
learned, in a second, from three hundred pictures or from ten thousand.

Why trust it? A layer of random filters and a nonlinearity already tells edges, colors and textures
apart (Jarrett et al. 2009; Saxe et al. 2011), and it treats all pictures alike. A network that was
trained on the pictures knows them by heart if they are few: then new ones differ from them whatever
they show. docs/your_own_pictures.md measures this eye, pixels, and two trained networks by sets of
pictures whose faults are known.

Next: pictures.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from minigan.backend import Backend, get_backend
from minigan.evaluation.evaluate import as_unit, spread
from minigan.functional import avg_pool2d, conv2d, interpolate, leaky_relu
from minigan.random import Random
from minigan.tensor import Tensor, cat, no_grad

Features = NDArray[np.float64]  # (N, D)

SIDE = 32  # pixels: pictures of another size are looked at in this one
MAPS = (16, 32, 32)  # of the three layers, each of which halves the sides
PLACES = 4  # each map is averaged over 4 × 4 fields: what is where, but not to the pixel
COMPONENTS = 64  # at most: the features that are compared
BATCH = 250  # pictures looked at together
FITTED = 1_000  # pictures, evenly spread, whose components are found


class Eye:
    """Random filters, and the principal components of pictures (N, C, H, W) of bytes."""

    def __init__(
        self,
        pictures: NDArray[np.uint8],
        components: int = COMPONENTS,
        *,
        backend: str | Backend = "numpy",
    ) -> None:
        self.backend = get_backend(backend)
        random = Random(0, backend=self.backend)
        self.weights: list[Tensor] = []
        channels = pictures.shape[1]
        for maps in MAPS:
            # Gaussian, of a size that keeps the numbers' from layer to layer (He et al. 2015)
            weight = random.normal((maps, channels, 4, 4)) * (2 / (channels * 16)) ** 0.5
            self.weights.append(Tensor(weight.astype("float32")))
            channels = maps
        some = pictures[spread(min(FITTED, len(pictures)), len(pictures))]
        seen = self._all_responses(as_unit(some))  # (N, R)
        self.mean = seen.mean(axis=0)  # (R,)
        _, sizes, axes = np.linalg.svd(seen - self.mean, full_matrices=False)
        self.axes = axes[:components].T  # (R, D)
        # One scale for all, so that the first components stay what they are: the largest.
        squares = sizes[:components] ** 2
        self.scale = float(np.sqrt(squares.sum() / max(1, len(seen) * len(squares)))) or 1.0

    def look(self, images: NDArray[np.float32]) -> Features:
        """The features (N, D) of images (N, C, H, W) with pixels in [0, 1], a host array."""
        return (self._all_responses(images) - self.mean) @ self.axes / self.scale

    def _all_responses(self, images: NDArray[np.float32]) -> Features:
        starts = range(0, len(images), BATCH)
        return np.concatenate([self._responses(images[i : i + BATCH]) for i in starts])

    @no_grad()
    def _responses(self, images: NDArray[np.float32]) -> Features:
        """(N, R): the mean response of each map in each of its fields, of all layers."""
        x = Tensor(self.backend.asarray(images * 2 - 1))
        while min(x.shape[2:]) >= 2 * SIDE:
            x = avg_pool2d(x, 2)
        if x.shape[2:] != (SIDE, SIDE):
            x = interpolate(x, (SIDE, SIDE), mode="bilinear")
        found = []
        for weight in self.weights:
            x = leaky_relu(conv2d(x, weight, stride=2, padding=1), 0.2)  # half the sides
            found.append(avg_pool2d(x, x.shape[2] // PLACES).flatten(1))  # (N, maps · 4 · 4)
        return cat(found, 1).numpy().astype(np.float64)
