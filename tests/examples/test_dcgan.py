"""The DCGAN's command: what a run leaves, and what it says. Tiny networks, a few steps."""

from __future__ import annotations

import csv
import importlib
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from minigan import plots
from minigan.data import DataLoader, ImageDataset, read
from minigan.errors import UserError
from minigan.gans import dcgan
from minigan.training.checkpoint import load_checkpoint

Example = Callable[[str], ModuleType]
STRIP = 22  # pixels, for a caption
NAMES = ["iteration", "epoch", "D loss", "G loss", "D(x)", "D(G(z1))", "D(G(z2))"]


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.size


def test_a_run_leaves_every_picture_of_the_tutorial(trained: Path) -> None:
    made = {str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()}
    assert made >= {
        "checkpoint.safetensors",
        "config.json",
        "discriminator_filters.png",
        "discriminator_layer_1.png",
        "discriminator_layer_2.png",
        "discriminator_strongest.png",
        "images.npy",
        "losses.png",
        "metrics.csv",
        "progress.gif",
        "real_beside_fake.png",
        "samples/iteration_00000000.png",
        "samples/iteration_00000002.png",
        "samples/iteration_00000004.png",
        "training_images.png",
    }
    with open(trained / "metrics.csv", newline="") as file:
        names, *rows = csv.reader(file)
    assert names == NAMES
    assert [row[:2] for row in rows] == [["1", "1"], ["2", "1"], ["3", "1"], ["4", "2"]]
    # 10 real images and 64 samples of 28 pixels, eight in a row; below them, a line of text
    assert size_of(trained / "training_images.png") == (2 + 8 * 58, 2 + 2 * 58 + STRIP)
    with Image.open(trained / "samples" / "iteration_00000004.png") as page:
        assert page.size == (2 + 8 * 58, 2 + 8 * 58 + STRIP) and page.mode == "RGB"
    with Image.open(trained / "progress.gif") as film:
        assert film.n_frames == 4  # 0, 1, 2, 4


def test_the_samples_are_those_of_the_checkpoint(trained: Path) -> None:
    checkpoint = load_checkpoint(trained / "checkpoint.safetensors")
    gan = dcgan.DCGAN(dcgan.Recipe(**checkpoint.metadata["settings"]))
    gan.load_state(checkpoint.tensors, checkpoint.metadata)
    images = gan.sample(gan.sample_noise(64)).numpy()
    expected = plots.image_grid(images, 8, scale=2)
    with Image.open(trained / "samples" / "iteration_00000004.png") as page:
        np.testing.assert_array_equal(np.asarray(page)[:-STRIP], expected)


def test_the_real_images_are_a_fair_draw(example: Example, tmp_path: Path) -> None:
    """Of a folder whose first pictures are all black, some white ones are shown, too."""
    images = np.zeros((600, 1, 28, 28), np.uint8)
    images[300:] = 255
    gan = dcgan.DCGAN(dcgan.Recipe(image_size=28, channels=1, ngf=2, ndf=2, latent_dim=3))
    loader, shown = DataLoader(ImageDataset(images), 4), []
    for seed in ("0", "0", "1"):
        options = example("dcgan").parse(["--seed", seed, "--out", str(tmp_path)])
        example("dcgan").draw_pictures(gan, loader, options)
        with Image.open(tmp_path / "training_images.png") as page:
            shown.append(np.asarray(page)[30:460:58, 30:460:58])  # the middle of each image
    assert 16 < (shown[0] == 255).sum() < 48
    assert (shown[0] == shown[1]).all() and (shown[0] != shown[2]).any()


def test_a_resumed_run_ends_as_an_uninterrupted_one(
    example: Example,
    pictures: Path,
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tiny: list[str],
) -> None:
    main, out = example("dcgan").main, tmp_path / "run"
    same = ["--data", str(pictures), *tiny, "--out", str(out)]
    main([*same, "--max-steps", "2"])
    read = (out / "images.npy").stat().st_mtime_ns
    main([*same, "--max-steps", "4", "--resume"])
    for name in ("metrics.csv", "checkpoint.safetensors", "real_beside_fake.png"):
        assert (out / name).read_bytes() == (trained / name).read_bytes()
    assert (out / "images.npy").stat().st_mtime_ns == read  # the pictures were not read again
    capsys.readouterr()
    with pytest.raises(UserError, match="holds a run.*--resume, --overwrite or --out"):
        main(same)
    with pytest.raises(UserError, match="loss"):
        main([*same, "--resume", "--loss", "logits"])
    assert main([*same, "--overwrite", "--loss", "logits", "--max-steps", "1"]) == 0


def test_it_prints_the_tutorials_line(
    example: Example,
    pictures: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    tiny: list[str],
) -> None:
    out = tmp_path / "run"
    arguments = ["--data", pictures, *tiny, "--epochs", "2", "--out", out]
    example("dcgan").main([str(a) for a in arguments])
    number = r"\d+\.\d{4}"
    line = (
        rf"\[(\d+)/2\]\[(\d+)/3\]\tLoss_D: {number}\tLoss_G: {number}\t"
        rf"D\(x\): {number}\tD\(G\(z\)\): {number} / {number}\n"
    )
    found = re.findall(line, capsys.readouterr().err)
    due = [("0", "0"), ("0", "1"), ("1", "0"), ("1", "2")]
    assert found == due  # iterations 1, 2, 4 and 6


def test_a_zip_file_in_gray(
    example: Example, pictures: Path, tmp_path: Path, tiny: list[str]
) -> None:
    archive = tmp_path / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(pictures.glob("*.png")):
            file.write(path, path.name)
    out = tmp_path / "gray"
    arguments = ["--data", archive, "--channels", "1", *tiny, "--max-steps", "1", "--out", out]
    example("dcgan").main([str(a) for a in arguments])
    with Image.open(out / "training_images.png") as page:
        assert page.mode == "L"


@pytest.mark.parametrize("channels", [1, 3])
def test_without_data_it_learns_digits_with_a_border(
    example: Example, channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = example("dcgan")
    few = ImageDataset(np.full((6, 1, 28, 28), 200, np.uint8), name="MNIST")
    monkeypatch.setattr(read, "mnist", lambda split, directory: few)
    out = tmp_path / "digits"
    arguments = ["--channels", str(channels)] if channels == 3 else []
    arguments += ["--ngf", "2", "--ndf", "2", "--batch-size", "3", "--max-steps", "1"]
    module.main([*arguments, "--out", str(out)])
    checkpoint = load_checkpoint(out / "checkpoint.safetensors")
    assert checkpoint.metadata["settings"]["image_size"] == 32
    assert checkpoint.metadata["settings"]["channels"] == channels
    with Image.open(out / "training_images.png") as page:
        pixels = np.asarray(page.convert("L"))[2:66, 2:66]  # the first image, twice as large
    assert not pixels[:4].any() and (pixels[4:60, 4:60] == 200).all()


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of CIFAR-10's binary files, each of two images instead of 10,000."""
    monkeypatch.setattr(importlib.import_module("minigan.data.cifar10"), "IMAGES_PER_FILE", 2)
    random = np.random.default_rng(0)
    folder = tmp_path / "cifar"
    folder.mkdir()
    for number in range(1, 6):
        records = random.integers(0, 256, (2, 1 + 3072), np.uint8)
        records[:, 0] %= 10
        (folder / f"data_batch_{number}.bin").write_bytes(records.tobytes())
    return folder


@pytest.mark.parametrize("size", [None, 28])
def test_it_learns_the_photographs_of_cifar10(
    example: Example, photographs: Path, tmp_path: Path, size: int | None
) -> None:
    out = tmp_path / "run"
    flags = ["--ngf", "2", "--ndf", "2", "--batch-size", "4", "--max-steps", "1", "--out", str(out)]
    flags += ["--data", f"cifar10:{photographs}", *(["--image-size", "28"] if size else [])]
    assert example("dcgan").main(flags) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["data"] == "CIFAR-10" and config["settings"]["channels"] == 3
    assert config["settings"]["image_size"] == (size or 32)
    assert config["settings"]["epochs"] == 25 and config["settings"]["batch_size"] == 4
    with Image.open(out / "training_images.png") as page:
        assert page.mode == "RGB"
    with pytest.raises(UserError, match="photographs of CIFAR-10 have 3 channels"):
        example("dcgan").main([*flags, "--overwrite", "--channels", "1"])


def test_overwrite_removes_the_pictures_of_the_end(
    example: Example, pictures: Path, tmp_path: Path, tiny: list[str]
) -> None:
    main, out = example("dcgan").main, tmp_path / "run"
    arguments = ["--data", str(pictures), *tiny, "--max-steps", "1", "--out", str(out)]
    main(arguments)
    example("latent_walk").main([str(out), "--walks", "1", "--steps", "2", "--frames", "2"])
    (out / "walk_in_the_park.png").write_bytes((out / "walk_linear.png").read_bytes())
    before = {path.name for path in out.iterdir()}
    main([*arguments, "--overwrite", "--ngf", "3"])
    left = {path.name for path in out.iterdir()}
    gone = {"walk_linear.png", "walk_linear.gif", "walk_spherical.png", "walk_spherical.gif"}
    assert before - left == gone | {"choices.png"}
    assert "walk_in_the_park.png" in left and "discriminator_filters.png" in left


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--image-size", "30"], "images of 30 × 30 pixels.*such as 28, 32"),
        (["--data", "nowhere"], "nowhere is neither a folder nor a file"),
        (["--augment", "colour"], "one or several of color, translation, cutout"),
        (["--data", "."], "holds no images"),
    ],
)
def test_a_mistake_is_one_sentence(
    example: Example,
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words) as caught:
        example("dcgan").main([*arguments, "--out", "run"])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "config.json").exists()


def test_the_smallest_networks_are_drawn_too(example: Example, tmp_path: Path) -> None:
    few = ["--batch-size", "4", "--train-count", "8", "--max-steps", "1", "--out", str(tmp_path)]
    assert example("dcgan").main(["--image-size", "8", "--ngf", "2", "--ndf", "2", *few]) == 0
    assert (tmp_path / "discriminator_strongest.png").exists()
