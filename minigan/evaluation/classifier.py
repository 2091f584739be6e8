"""The judge: a small convolutional network that minigan itself taught to read MNIST's digits.

Where others compare images by the features of a network trained on ImageNet, which has to be
downloaded and has never seen a digit, the scores here use this one. Its weights lie in the package.
`python examples/train_classifier.py` made them, and makes them again.

With a new judge all feature scores change: a Fréchet distance has the unit of the features squared.
So numbers may be compared only where the judge is the same. Next: evaluate.py, which asks it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan import nn
from minigan.backend import Backend, get_backend
from minigan.distributed.communicator import blocks_over_ranks
from minigan.errors import UserError
from minigan.functional import relu, softmax
from minigan.random import fork_rng
from minigan.tensor import Tensor, no_grad

WEIGHTS = Path(__file__).parent / "files" / "mnist_classifier.safetensors"

SIDE = 28  # pixels: the images that it reads are (1, 28, 28)
FEATURES = 128
CLASSES = 10
BATCH = 500  # images looked at together: their first layer's output takes 6 MB


class Classifier(nn.Module):
    """images (N, 1, 28, 28) in [-1, 1] -> logits (N, 10)"""

    def __init__(self) -> None:
        self.conv1 = nn.Conv2d(1, 16, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(16, 32, 5, stride=2, padding=2)
        self.fc1 = nn.Linear(32 * 7 * 7, FEATURES)
        self.fc2 = nn.Linear(FEATURES, CLASSES)

    def features(self, images: Tensor) -> Tensor:
        """What the scores compare: the last layer before the logits, (N, 1, 28, 28) -> (N, 128)."""
        x = relu(self.conv1(images))  # -> (N, 16, 14, 14)
        x = relu(self.conv2(x))  # -> (N, 32, 7, 7)
        return relu(self.fc1(x.flatten(1)))  # -> (N, 1568) -> (N, 128)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc2(self.features(images))


class Seen(NamedTuple):
    """What the judge sees in N images, as host arrays."""

    features: NDArray[np.float32]  # (N, 128), none below 0
    probabilities: NDArray[np.float32]  # (N, 10), of the digits


class Judge:
    """The classifier with the packaged weights, as an instrument."""

    def __init__(self, backend: str | Backend = "numpy") -> None:
        from safetensors import SafetensorError  # only here: all else of the scores does without it
        from safetensors.numpy import load_file

        self.backend = get_backend(backend)
        with fork_rng():  # the caller's random numbers are not for weights that are loaded over
            self.classifier = Classifier()
        try:
            self.classifier.load_state_dict(load_file(WEIGHTS))
        except (OSError, SafetensorError) as error:
            raise UserError(f"{WEIGHTS} cannot be read ({error}); install minigan again") from error
        self.classifier.to(self.backend).eval()

    @no_grad()
    def look(self, images: NDArray[np.float32]) -> Seen:
        """Look at images (N, 1, 28, 28) with pixels in [0, 1], a host array."""

        def look_at(rows: slice) -> Seen:
            pixels = self.backend.asarray(images[rows])
            seen = self.classifier.features(Tensor(pixels * 2 - 1))  # it learned from [-1, 1]
            return Seen(seen.numpy(), softmax(self.classifier.fc2(seen), 1).numpy())

        parts = blocks_over_ranks(len(images), BATCH, look_at)
        features, probabilities = zip(*parts, strict=True)
        return Seen(np.concatenate(features), np.concatenate(probabilities))
