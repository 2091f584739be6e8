"""The commands around the DCGAN: train, sample, walk. Tiny networks, a few steps."""

from __future__ import annotations

import csv
import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from minigan import plots
from minigan.data import ImageDataset
from minigan.errors import UserError
from minigan.gans import DCGAN, dcgan
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.tensor import Tensor
from minigan.training.checkpoint import load_checkpoint, save_checkpoint

EXAMPLES = Path(__file__).parents[1] / "examples"
TINY = ["--image-size", "28", "--ngf", "2", "--ndf", "3", "--latent-dim", "5", "--batch-size", "4"]
OFTEN = ["--sample-every", "2", "--checkpoint-every", "2", "--log-every", "1"]
NAMES = ["iteration", "epoch", "D loss", "G loss", "D(x)", "D(G(z1))", "D(G(z2))"]


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of ten pictures in color, one of them in a folder of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "more").mkdir()
    random = np.random.default_rng(0)
    for i in range(10):
        image = Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8))
        image.save(folder / ("more" if i == 9 else ".") / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of four steps in color: an epoch has three."""
    out = tmp_path_factory.mktemp("runs") / "color"
    arguments = ["--data", pictures, *TINY, *OFTEN, "--max-steps", 4, "--out", out]
    assert example("dcgan").main([str(a) for a in arguments]) == 0
    return out


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.size


# --- dcgan.py -------------------------------------------------------------------------------------


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
    # 10 real images and 64 samples of 28 pixels, eight in a row
    assert size_of(trained / "training_images.png") == (2 + 8 * 58, 2 + 2 * 58)
    with Image.open(trained / "samples" / "iteration_00000004.png") as page:
        assert page.size == (2 + 8 * 58, 2 + 8 * 58) and page.mode == "RGB"
    with Image.open(trained / "progress.gif") as film:
        assert film.n_frames == 3


def test_the_samples_are_those_of_the_checkpoint(trained: Path) -> None:
    checkpoint = load_checkpoint(trained / "checkpoint.safetensors")
    gan = dcgan.DCGAN(dcgan.Recipe(**checkpoint.metadata["settings"]))
    gan.load_state(checkpoint.tensors, checkpoint.metadata)
    images = gan.sample(gan.sample_noise(64)).numpy()
    expected = plots.image_grid(images, 8, scale=2)
    with Image.open(trained / "samples" / "iteration_00000004.png") as page:
        np.testing.assert_array_equal(np.asarray(page), expected)


def test_a_resumed_run_ends_as_an_uninterrupted_one(
    pictures: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main, out = example("dcgan").main, tmp_path / "run"
    same = ["--data", str(pictures), *TINY, *OFTEN, "--out", str(out)]
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
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    arguments = ["--data", pictures, *TINY, *OFTEN, "--epochs", "2", "--out", out]
    example("dcgan").main([str(a) for a in arguments])
    number = r"\d+\.\d{4}"
    line = (
        rf"\[(\d+)/2\]\[(\d+)/3\]\tLoss_D: {number}\tLoss_G: {number}\t"
        rf"D\(x\): {number}\tD\(G\(z\)\): {number} / {number}\n"
    )
    found = re.findall(line, capsys.readouterr().err)
    assert found == [("0", "1"), ("1", "0"), ("1", "2")]  # iterations 2, 4 and 6


def test_a_zip_file_in_gray(pictures: Path, tmp_path: Path) -> None:
    archive = tmp_path / "pictures.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(pictures.glob("*.png")):
            file.write(path, path.name)
    out = tmp_path / "gray"
    arguments = ["--data", archive, "--channels", "1", *TINY, "--max-steps", "1", "--out", out]
    example("dcgan").main([str(a) for a in arguments])
    with Image.open(out / "training_images.png") as page:
        assert page.mode == "L"


@pytest.mark.parametrize("channels", [1, 3])
def test_without_data_it_learns_digits_with_a_border(
    channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = example("dcgan")
    few = ImageDataset(np.full((6, 1, 28, 28), 200, np.uint8), name="MNIST")
    monkeypatch.setattr(module, "mnist", lambda split: few)
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--image-size", "30"], "images of 30 × 30 pixels.*such as 28, 32"),
        (["--data", "nowhere"], "nowhere is neither a folder nor a file"),
        (["--data", "nowhere", "--evaluate-every", "1"], "compares with MNIST"),
        (["--data", "."], "holds no images"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words) as caught:
        example("dcgan").main([*arguments, "--out", "run"])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize(
    "command", [["dcgan.py", "--data", "nowhere"], ["sample.py", "x"], ["latent_walk.py", "x"]]
)
def test_and_one_line_with_exit_code_2(command: list[str], tmp_path: Path) -> None:
    script, *arguments = command
    done = subprocess.run(
        [sys.executable, EXAMPLES / script, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


# --- sample.py ------------------------------------------------------------------------------------


def sampled(trained: Path, out: Path, *arguments: str) -> np.ndarray:
    example("sample").main([str(trained), "--out", str(out), *arguments])
    with Image.open(out) as page:
        return np.asarray(page)


def test_sample_draws_a_page_that_the_seed_fixes(trained: Path, tmp_path: Path) -> None:
    page = sampled(trained, tmp_path / "a.png", "--count", "5", "--columns", "2")
    assert page.shape[0] / page.shape[1] == pytest.approx(3 / 2, abs=0.02)
    again = sampled(trained, tmp_path / "b.png", "--count", "5", "--columns", "2")
    other = sampled(trained, tmp_path / "c.png", "--count", "5", "--columns", "2", "--seed", "1")
    np.testing.assert_array_equal(page, again)
    assert (page != other).any()


def test_a_page_of_many_is_drawn_in_batches(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = example("sample")
    whole = sampled(trained, tmp_path / "whole.png", "--count", "7")
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


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of an untrained conditional system."""
    path = tmp_path_factory.mktemp("conditional") / "checkpoint.safetensors"
    save_checkpoint(path, *ConditionalGAN().state())
    return path


def test_sample_asks_a_conditional_system_for_digits(conditional: Path, tmp_path: Path) -> None:
    gan = ConditionalGAN()
    sevens, all_in_turn = (
        gan.sample(gan.sample_noise(12), Tensor(labels)).numpy()
        for labels in (np.full(12, 7), np.arange(12) % 10)
    )
    page = sampled(conditional, tmp_path / "7.png", "--count", "12", "--digit", "7")
    np.testing.assert_array_equal(page, plots.image_grid(sevens, scale=None))
    page = sampled(conditional, tmp_path / "all.png", "--count", "12")
    np.testing.assert_array_equal(page, plots.image_grid(all_in_turn, scale=None))


def test_a_digit_is_asked_of_a_conditional_system_only(trained: Path) -> None:
    with pytest.raises(UserError, match="holds a dcgan, which cannot be asked for a digit"):
        example("conditional_gan").main(["--digit", "7", "--out", str(trained)])


def test_the_smallest_networks_are_drawn_too(tmp_path: Path) -> None:
    few = ["--batch-size", "4", "--train-count", "8", "--max-steps", "1", "--out", str(tmp_path)]
    assert example("dcgan").main(["--image-size", "8", "--ngf", "2", "--ndf", "2", *few]) == 0
    assert (tmp_path / "discriminator_strongest.png").exists()


@pytest.mark.parametrize("flag", ["--steps", "--frames"])
def test_a_walk_has_two_ends(flag: str, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{flag} must be at least 2"):
        example("latent_walk").main([str(trained), flag, "1", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", ["sample", "latent_walk"])
def test_wrong_checkpoints_and_digits_are_named(
    script: str, trained: Path, conditional: Path, tmp_path: Path
) -> None:
    main = example(script).main
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, {"a": np.zeros(3)}, {"system": "toaster"})
    for path, arguments, words in (
        (tmp_path / "none.safetensors", [], "none.safetensors"),
        (other, [], "no system of minigan.*toaster"),
        (trained, ["--digit", "3"], "needs a conditional system, and this is a dcgan"),
        (conditional, ["--digit", "10"], "0 to 9"),
    ):
        with pytest.raises(UserError, match=words):
            main([str(path), *arguments, "--out", str(tmp_path / "page.png")])


def test_sample_draws_with_the_average_unless_told_otherwise(tmp_path: Path) -> None:
    gan = DCGAN(dcgan.Recipe(image_size=28, channels=1, ngf=4, ndf=4))
    gan.keep_average(0.5)
    gan.generator.main[0].weight.detach().fill_(0.5)
    save_checkpoint(tmp_path / "checkpoint.safetensors", *gan.state())
    for averaged, flags in ((True, []), (False, ["--last"])):
        images = gan.sample(gan.sample_noise(4), averaged=averaged).numpy()
        page = sampled(tmp_path, tmp_path / "page.png", "--count", "4", *flags)
        np.testing.assert_array_equal(page, plots.image_grid(images, scale=None))


# --- latent_walk.py -------------------------------------------------------------------------------


def test_walks_go_from_one_sample_to_another(trained: Path, tmp_path: Path) -> None:
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
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    conditional: Path, tmp_path: Path
) -> None:
    module = example("latent_walk")
    module.main([str(conditional), "--digit", "4", "--walks", "1", "--out", str(tmp_path)])
    gan = ConditionalGAN()
    ends = gan.sample(gan.sample_noise(2), Tensor(np.array([4, 4]))).numpy()
    with Image.open(tmp_path / "walk_linear.png") as page:
        pixels = np.asarray(page).astype(int)
    side = pixels.shape[0] - 4
    expected = plots.image_grid(ends[:1], scale=side // 28, padding=0)
    assert np.abs(pixels[2:-2, 2 : 2 + side] - expected).max() <= 1
    with pytest.raises(UserError, match="needs a --digit from 0 to 9"):
        module.main([str(conditional), "--out", str(tmp_path)])
