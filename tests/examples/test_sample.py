"""Pages of samples: what the seed fixes, and what a conditional system is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from minigan import plots
from minigan.gans import DCGAN, dcgan
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.tensor import Tensor
from minigan.training.checkpoint import save_checkpoint

Example = Callable[[str], ModuleType]


def sampled(example: Example, trained: Path, out: Path, *arguments: str) -> np.ndarray:
    example("sample").main([str(trained), "--out", str(out), *arguments])
    with Image.open(out) as page:
        return np.asarray(page)


def test_sample_draws_a_page_that_the_seed_fixes(
    example: Example, trained: Path, tmp_path: Path
) -> None:
    page = sampled(example, trained, tmp_path / "a.png", "--count", "5", "--columns", "2")
    assert page.shape[0] / page.shape[1] == pytest.approx(3 / 2, abs=0.02)
    again = sampled(example, trained, tmp_path / "b.png", "--count", "5", "--columns", "2")
    other = sampled(
        example, trained, tmp_path / "c.png", "--count", "5", "--columns", "2", "--seed", "1"
    )
    np.testing.assert_array_equal(page, again)
    assert (page != other).any()


def test_a_page_of_many_is_drawn_in_batches(
    example: Example, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = example("sample")
    whole = sampled(example, trained, tmp_path / "whole.png", "--count", "7")
    monkeypatch.setattr(module, "BATCH", 3)
    module.main(
        [
            str(trained / "checkpoint.safetensors"),
            "--out",
            str(tmp_path / "cut.png"),
            "--count",
            "7",
        ]
    )  # noqa: E501
    with Image.open(tmp_path / "cut.png") as page:
        difference = np.asarray(page).astype(int) - whole
    assert np.abs(difference).max() <= 1  # a product of 3 rows may round otherwise


def test_sample_asks_a_conditional_system_for_digits(
    example: Example, conditional: Path, tmp_path: Path
) -> None:
    gan = ConditionalGAN()
    sevens, all_in_turn = (
        gan.sample(gan.sample_noise(12), Tensor(labels)).numpy()
        for labels in (np.full(12, 7), np.arange(12) % 10)
    )
    page = sampled(example, conditional, tmp_path / "7.png", "--count", "12", "--digit", "7")
    np.testing.assert_array_equal(page, plots.image_grid(sevens, scale=None))
    page = sampled(example, conditional, tmp_path / "all.png", "--count", "12")
    np.testing.assert_array_equal(page, plots.image_grid(all_in_turn, scale=None))


def test_sample_draws_with_the_average_unless_told_otherwise(
    example: Example, tmp_path: Path
) -> None:
    gan = DCGAN(dcgan.Recipe(image_size=28, channels=1, ngf=4, ndf=4))
    gan.keep_average(0.5)
    gan.generator.main[0].weight.detach().fill_(0.5)
    save_checkpoint(tmp_path / "checkpoint.safetensors", *gan.state())
    for averaged, flags in ((True, []), (False, ["--last"])):
        images = gan.sample(gan.sample_noise(4), averaged=averaged).numpy()
        page = sampled(example, tmp_path, tmp_path / "page.png", "--count", "4", *flags)
        np.testing.assert_array_equal(page, plots.image_grid(images, scale=None))
