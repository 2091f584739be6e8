"""Walks through latent space: their ends, their arithmetic, and one digit all the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from minigan import plots
from minigan.errors import UserError
from minigan.gans import DCGAN, dcgan
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.tensor import Tensor
from minigan.training.checkpoint import load_checkpoint

Example = Callable[[str], ModuleType]


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.size


@pytest.mark.parametrize("flag", ["--steps", "--frames"])
def test_a_walk_has_two_ends(example: Example, flag: str, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{flag} must be at least 2"):
        example("latent_walk").main([str(trained), flag, "1", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_walks_go_from_one_sample_to_another(
    example: Example, trained: Path, tmp_path: Path
) -> None:
    module = example("latent_walk")
    few = ["--walks", "3", "--steps", "4", "--frames", "5"]
    module.main([str(trained), *few, "--out", str(tmp_path)])
    checkpoint = load_checkpoint(trained / "checkpoint.safetensors")
    gan = DCGAN(dcgan.Recipe(**checkpoint.metadata["settings"]))
    gan.load_state(checkpoint.tensors, checkpoint.metadata)
    ends = gan.sample(gan.sample_noise(6)).numpy()
    linear, spherical = (
        np.asarray(Image.open(tmp_path / f"walk_{name}.png")) for name in ("linear", "spherical")
    )
    for page in (linear, spherical):
        scale = (page.shape[1] - 2) // 4 - 2  # pixels of an image
        for row in range(3):
            for column, end in ((0, ends[2 * row]), (3, ends[2 * row + 1])):
                top, left = (2 + (scale + 2) * place for place in (row, column))
                tile = page[top : top + scale, left : left + scale].astype(int)
                expected = plots.image_grid(end[None], scale=scale // 28, padding=0)
                assert np.abs(tile - expected).max() <= 1
    assert (linear != spherical).any()
    for name in ("linear", "spherical"):
        with Image.open(tmp_path / f"walk_{name}.gif") as film:
            assert film.n_frames == 2 * 5 - 2  # there and back
    assert size_of(tmp_path / "choices.png")[0] > 8 * 28
    assert not (tmp_path / "arithmetic.png").exists()


def test_arithmetic_adds_and_subtracts_averages(
    example: Example, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = example("latent_walk")
    seen: list[np.ndarray] = []
    paint = module.Painter.__call__

    def watch(painter: object, vectors: np.ndarray) -> np.ndarray:
        seen.append(vectors)
        return paint(painter, vectors)

    monkeypatch.setattr(module.Painter, "__call__", watch)
    groups = ["--plus", "3", "17", "40", "--minus", "5", "21", "--plus", "2"]
    module.main([str(trained), "--walks", "1", "--out", str(tmp_path), *groups])
    choices, page = seen[-2], seen[-1]
    plus, minus, more = choices[[3, 17, 40]].mean(axis=0), choices[[5, 21]].mean(axis=0), choices[2]
    rows = page.reshape(4, 5, *choices.shape[1:])  # three groups and the result
    for row, average in zip(rows, (plus, more, minus), strict=False):
        np.testing.assert_allclose(row[-1], average, atol=1e-6)
    np.testing.assert_allclose(rows[3][0], plus - minus + more, atol=1e-5)
    around = np.abs(rows[3][1:] - rows[3][0])
    assert 0 < around.min() and around.max() <= module.SPREAD + 1e-6
    assert (tmp_path / "arithmetic.png").exists()
    with pytest.raises(UserError, match="no sample 64.* 0 to 63"):
        module.main([str(trained), "--plus", "64", "--out", str(tmp_path)])


def test_a_walk_of_a_conditional_system_keeps_to_one_digit(
    example: Example, conditional: Path, tmp_path: Path
) -> None:
    module = example("latent_walk")
    module.main([str(conditional), "--digit", "4", "--walks", "1", "--out", str(tmp_path)])
    gan = ConditionalGAN()
    ends = gan.sample(gan.sample_noise(2), Tensor(np.array([4, 4]))).numpy()
    with Image.open(tmp_path / "walk_linear.png") as page:
        pixels = np.asarray(page).astype(int)[:-22]  # below them stands a line of text
    side = pixels.shape[0] - 4
    expected = plots.image_grid(ends[:1], scale=side // 28, padding=0)
    assert np.abs(pixels[2:-2, 2 : 2 + side] - expected).max() <= 1
    with pytest.raises(UserError, match="needs a --digit from 0 to 9"):
        module.main([str(conditional), "--out", str(tmp_path)])
