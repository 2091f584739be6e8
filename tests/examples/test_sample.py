"""Pages of samples: what the seed fixes, and what a conditional system is asked for."""

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
from minigan.training import load_gan
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


def wanted(checkpoint: Path, count: int) -> np.ndarray:
    """What a generator draws, as other programs want it: uint8 (N, H, W, C)."""
    gan = load_gan(checkpoint)
    labels = None
    if isinstance(gan, ConditionalGAN):
        labels = Tensor(np.arange(count) % gan.settings.classes)
    images = gan.sample(gan.sample_noise(count), labels)
    return plots.as_pixels(images, gan.value_range).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("color", [True, False])
def test_single_pictures_and_an_array_of_them(
    example: Example,
    trained: Path,
    conditional: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    color: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = trained if color else conditional
    folder, file = tmp_path / "single", tmp_path / "all.npz"
    flags = ["--count", "12", "--each", str(folder), "--npz", str(file)]
    example("sample").main([str(checkpoint), *flags])
    images = wanted(checkpoint, 12)
    with np.load(file) as arrays:
        assert arrays.files == ["images"]
        np.testing.assert_array_equal(arrays["images"], images)
        assert arrays["images"].dtype == np.uint8 and arrays["images"].shape[3] == 1 + 2 * color
    assert [path.name for path in sorted(folder.iterdir())] == [f"{i:04}.png" for i in range(12)]
    for path, image in zip(sorted(folder.iterdir()), images, strict=True):
        with Image.open(path) as picture:
            np.testing.assert_array_equal(np.asarray(picture).reshape(image.shape), image)
    assert not (tmp_path / "grid.png").exists()  # a page only where one is asked for


def test_what_is_there_is_not_overwritten_unasked(
    example: Example, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = example("sample")
    folder, file = tmp_path / "single", tmp_path / "all.npz"
    to_folder, to_file = (["--each", str(folder)], ["--npz", str(file)])
    module.main([str(trained), "--count", "12", *to_folder, *to_file])
    before = {path: path.read_bytes() for path in (file, *folder.iterdir())}
    monkeypatch.setattr(module, "load_gan", None)  # it is refused before anything is drawn
    with pytest.raises(UserError, match=r"single holds 12 pictures already: .*\(--overwrite\)"):
        module.main([str(trained), *to_folder])
    with pytest.raises(UserError, match=r"all.npz is there already: .*\(--overwrite\)"):
        module.main([str(trained), *to_file])
    with pytest.raises(UserError, match="all.png must end in .npz"):
        module.main([str(trained), "--npz", str(tmp_path / "all.png")])
    with pytest.raises(UserError, match="holds something else, all.npz: name a folder of its own"):
        module.main([str(trained), "--overwrite", "--each", str(tmp_path)])
    assert {path: path.read_bytes() for path in (file, *folder.iterdir())} == before
    monkeypatch.undo()
    flags = ["--count", "3", "--seed", "1", "--overwrite"]
    module.main([str(trained), *flags, *to_folder, *to_file])
    assert len(list(folder.iterdir())) == 3  # none of the earlier twelve is left among them
    assert (folder / "0000.png").read_bytes() != before[folder / "0000.png"]
    with np.load(file) as arrays:
        assert len(arrays["images"]) == 3
