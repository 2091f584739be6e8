"""Small games of every system, for the tests that compare N ranks with one."""

from typing import Any

import numpy as np

from minigan.data.loader import DataLoader, ImageDataset
from minigan.gans import SYSTEMS, conditional_gan, dcgan, gan, lsgan, original_gan, wgan_gp
from minigan.training.loop import train

SHAPE = (1, 8, 8)
WIDTHS: dict[str, Any] = {"generator_widths": (6, 8), "discriminator_widths": (8, 6)}
SMALL: dict[str, Any] = {
    "gan": gan.Recipe(latent_dim=5, image_shape=SHAPE, dropout=0.3, **WIDTHS),
    "dcgan": dcgan.Recipe(latent_dim=5, image_size=8, channels=1, ngf=4, ndf=4),
    "dcgan, logits": dcgan.Recipe(
        latent_dim=5, image_size=16, channels=3, ngf=4, ndf=4, loss="logits"
    ),
    "lsgan": lsgan.Recipe(latent_dim=5, image_shape=SHAPE, width=8),
    "lsgan, fixed": lsgan.Recipe(
        latent_dim=5, image_shape=SHAPE, width=8, norm_before_sigmoid=False
    ),
    "conditional_gan": conditional_gan.Recipe(latent_dim=5, image_shape=SHAPE, **WIDTHS),
    "original_gan": original_gan.Recipe(
        latent_dim=5, image_shape=SHAPE, generator_widths=(6, 8), maxout_units=(4, 4), pieces=2, k=2
    ),
    "wgan_gp": wgan_gp.Recipe(latent_dim=5, image_shape=SHAPE, n_critic=2, **WIDTHS),
    "wgan_gp, convolutions": wgan_gp.Recipe(
        latent_dim=5, image_shape=SHAPE, n_critic=2, convolutional=True, features=4
    ),
}


# A bias in front of batch norm is taken out again with the mean: its gradient is 0, and what is
# computed is a rounding error, which Adam divides by itself and by 1e-8. It reaches the running
# mean, from which it is taken out as well, and nothing else.
UNSEEN = {
    "lsgan": ("layer1.fc1.bias", "layer1.bn1.running_mean", "fc2.bias", "bn2.running_mean"),
    "lsgan, fixed": ("generator.layer1.fc1.bias", "generator.layer1.bn1.running_mean"),
}


def seen_of(name: str, result: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The names of what a game is played with, and of what no loss can see."""
    unseen = {key for key in result if key.endswith(UNSEEN.get(name, ()))}
    return result.keys() - unseen, unseen


def build(name: str, *, backend: Any = "numpy", dtype: str = "float64") -> Any:
    """The system, with an average of its weights."""
    system = SYSTEMS[name.split(",")[0]]
    game = system(SMALL[name], seed=7, backend=backend, dtype=dtype)
    game.keep_average(0.9)
    return game


def loader_of(game: Any, batch: int = 10, images: int = 42) -> DataLoader:
    """42 images in batches of 10: ten are cut unevenly by three and four ranks, and the last batch
    of two leaves some of them without a row."""
    source = np.random.default_rng(0)
    shape = getattr(game.settings, "image_shape", None)
    if shape is None:
        shape = (game.settings.channels, game.settings.image_size, game.settings.image_size)
    pixels = source.integers(0, 256, (images, *shape), np.uint8)
    dataset = ImageDataset(pixels, source.integers(0, 10, images), "noise")
    return DataLoader(
        dataset,
        batch * game.parts,
        shuffle=True,
        seed=3,
        backend=game.backend,
        dtype=game.dtype,
        scale=game.value_range,
    )


def played(name: str, rounds: int = 30, **options: Any) -> dict[str, np.ndarray]:
    """Everything that a game holds after some rounds, and the losses of all of them."""
    game = build(name, **options)
    reports = train(game, loader_of(game), epochs=1000, max_steps=rounds)
    losses = [[float(loss) for loss in report.losses.values()] for report in reports]
    arrays, plain = game.state()
    return {**arrays, "losses": np.array(losses), "random": np.array(plain["random"]["offset"])}


def farthest(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """The largest difference of two such results, relative where numbers are large."""
    assert one.keys() == other.keys()
    return max(
        [
            float(np.max(abs(one[key] - other[key]) / np.maximum(abs(other[key]), 1), initial=0))
            for key in one
        ],
        default=0.0,
    )
