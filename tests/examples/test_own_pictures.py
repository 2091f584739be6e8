"""Every example learns from pictures of one's own; a run is exact, and knows its classes."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from minigan.errors import UserError
from minigan.training import load_gan

Example = Callable[[str], ModuleType]

TINY = ["--max-steps", "2", "--log-every", "1", "--latent-dim", "4", "--batch-size", "4"]
AUGMENTED = ["--flip", "--augment", "color,translation,cutout"]


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen cats and eight dogs of 8 × 8 pixels."""
    folder = tmp_path_factory.mktemp("own") / "animals"
    random = np.random.default_rng(0)
    for name, count in (("cats", 16), ("dogs", 8)):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = random.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def config_of(run: Path) -> dict[str, object]:
    config: dict[str, object] = json.loads((run / "config.json").read_text())
    return config


@pytest.mark.parametrize(
    ("script", "flags"),
    [
        ("mnist_gan", []),
        ("lsgan", []),
        ("original_gan", []),
        ("wgan_gp", ["--n-critic", "2"]),
        ("wgan_gp", ["--n-critic", "2", "--recipe", "conv"]),
        ("conditional_gan", ["--class", "dogs"]),
        ("dcgan", ["--ngf", "2", "--ndf", "2"]),
    ],
)
def test_every_example_learns_from_them(
    example: Example, animals: Path, tmp_path: Path, script: str, flags: list[str]
) -> None:
    run = tmp_path / "run"
    given = ["--data", str(animals), "--image-size", "8", "--out", str(run), *TINY, *flags]
    assert example(script).main([*given, *AUGMENTED]) == 0
    gan = load_gan(run)
    assert gan.class_names == ("cats", "dogs") and gan.augmentation is not None
    assert config_of(run)["flip"] is True and config_of(run)["augment"] == AUGMENTED[-1].split(",")
    with Image.open(run / "samples" / "iteration_00000000.png") as page:
        assert page.mode == "RGB"
    assert (run / "class_dogs.png").exists() == (script == "conditional_gan")


def test_a_run_goes_on_exactly(example: Example, animals: Path, tmp_path: Path) -> None:
    def train(folder: str, *flags: str) -> int:
        given = ["--data", str(animals), "--image-size", "8", "--out", str(tmp_path / folder)]
        code: int = example("mnist_gan").main([*given, *TINY, *AUGMENTED, *flags])
        return code

    assert train("whole", "--max-steps", "20") == 0
    assert train("parts", "--max-steps", "9") == 0
    assert train("parts", "--max-steps", "20", "--resume") == 0
    whole, parts = ((tmp_path / name / "metrics.csv").read_bytes() for name in ("whole", "parts"))
    assert whole == parts
    with pytest.raises(UserError, match="flip was True and is now absent; augment was"):
        example("mnist_gan").main(
            ["--data", str(animals), "--image-size", "8", *TINY, "--resume"]
            + ["--out", str(tmp_path / "parts")]
        )


def test_a_class_is_asked_for_by_its_name(example: Example, animals: Path, tmp_path: Path) -> None:
    run, page = tmp_path / "run", tmp_path / "page.png"
    given = ["--data", str(animals), "--image-size", "8", "--out", str(run), *TINY]
    conditional, sample = example("conditional_gan").main, example("sample").main
    with pytest.raises(UserError, match="cows is none of the classes .* which are cats, dogs"):
        conditional([*given, "--class", "cows"])  # before training
    assert not (run / "config.json").exists()
    assert conditional(given) == 0
    assert conditional([*given, "--class", "cats"]) == 0  # draws, and trains no more
    assert (run / "class_cats.png").exists()
    pages = []
    for name in ("cats", "0", "dogs"):
        sample([str(run), "--class", name, "--out", str(page)])
        pages.append(page.read_bytes())
    assert pages[0] == pages[1] != pages[2]
    example("latent_walk").main([str(run), "--class", "dogs", "--out", str(tmp_path / "walk")])


def test_a_conditional_gan_needs_folders(example: Example, animals: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cats has no classes: put the pictures into folders"):
        example("conditional_gan").main(
            ["--data", str(animals / "cats"), "--image-size", "8", "--out", str(tmp_path), *TINY]
        )


def test_scores_during_a_run(example: Example, animals: Path, tmp_path: Path) -> None:
    given = ["--data", str(animals), "--image-size", "8", "--out", str(tmp_path), *TINY]
    given += ["--train-count", "16", "--max-steps", "8", "--evaluate-every", "1"]
    assert example("mnist_gan").main(given) == 0
    with open(tmp_path / "evaluation.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"kernel_distance", "averaged_copies"} < {*rows[0]}
    assert (tmp_path / "best.safetensors").exists()


@pytest.mark.parametrize(
    ("script", "flags", "words"),
    [
        ("wgan_gp", [], "animals has 24 images, and a round takes 320 .5 updates of 64.*size 4 or"),
        ("wgan_gp", ["--recipe", "conv", "--image-size", "10"], "sides must be multiples of 4"),
        ("dcgan", ["--image-size", "30"], "cannot make images of 30 × 30 pixels"),
        ("mnist_gan", ["--augment", "blur"], "one or several of color, translation, cutout"),
        ("mnist_gan", ["--train-count", "25"], "animals has 24 pictures; 25 cannot be drawn"),
    ],
)
def test_what_does_not_fit_is_one_line(
    example: Example, animals: Path, tmp_path: Path, script: str, flags: list[str], words: str
) -> None:
    run = tmp_path / "run"
    with pytest.raises(UserError, match=words) as caught:
        example(script).main(
            ["--data", str(animals), "--out", str(run), "--image-size", "8", *flags]
        )
    assert "\n" not in str(caught.value) and not (run / "metrics.csv").exists()
    shutil.rmtree(run, ignore_errors=True)
