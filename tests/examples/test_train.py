"""A system in a file of one's own: trained, resumed, and what its pictures are made to fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from minigan.errors import UserError

Example = Callable[[str], ModuleType]
FEW = ["--max-steps", "4", "--sample-every", "2", "--checkpoint-every", "2", "--log-every", "1"]
SETTINGS = """
    epochs: int = 2
    batch_size: int = 4
    drop_last: bool = True
    average: float | None = None
"""
MINE = (
    """
from dataclasses import dataclass

from minigan.gans import DCGAN, dcgan


@dataclass(frozen=True)
class Settings(dcgan.Recipe):
    image_size: int = 28
    channels: int = 1
    ngf: int = 2
    ndf: int = 2"""
    + SETTINGS
    + """

class Mine(DCGAN):
    name = "mine"
    settings = Settings()
"""
)
CONDITIONAL = (
    """
from dataclasses import dataclass

from minigan.gans import ConditionalGAN, conditional_gan


@dataclass(frozen=True)
class Settings(conditional_gan.Recipe):
    generator_widths: tuple[int, ...] = (8,)
    discriminator_widths: tuple[int, ...] = (8,)
    n_critic: int = 2"""
    + SETTINGS
    + """

class Mine(ConditionalGAN):
    name = "labelled"
    settings = Settings()
"""
)

GENERATE = """
    def generate(self, noise, labels=None):
        return super().generate(noise, labels)[:, :, :5, :5]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def train(example: Example, file: Path, *arguments: str) -> int:
    few = ["--train-count", "24"] if "--data" not in arguments else []
    return example("train").main(["--system", str(file), *few, *FEW, *arguments])


def test_it_trains_in_a_folder_of_its_name_and_goes_on_bit_for_bit(
    example: Example, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train(example, mine, "--average", "0.9") == 0
    out = ["--average", "0.9", "--out", "again"]
    train(example, mine, *out, "--max-steps", "2")
    train(example, mine, *out, "--resume")
    for name in ("checkpoint.safetensors", "metrics.csv"):
        whole = (tmp_path / "runs" / "mine" / name).read_bytes()
        assert (tmp_path / "again" / name).read_bytes() == whole
    config = json.loads((tmp_path / "again" / "config.json").read_text())
    assert config["system"] == "mine" and config["settings"]["average"] == 0.9
    example("sample").main(["again", "--system", str(mine), "--out", "page.png"])
    example("latent_walk").main(["again", "--system", str(mine), "--walks", "1"])
    for script in ("sample", "latent_walk", "evaluate"):
        with pytest.raises(
            UserError, match="holds a 'mine', which is no system of minigan; name i"
        ):
            example(script).main(["again"])


def settings_of(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "config.json").read_text())["settings"]
    return found


def test_pictures_are_made_to_fit_the_settings_or_the_flags(
    example: Example, mine: Path, pictures: Path, tmp_path: Path
) -> None:
    for flags, size, channels in (
        (["--data", str(pictures)], 28, 1),
        (["--data", str(pictures), "--channels", "3", "--image-size", "24"], 24, 3),
        (["--image-size", "32"], 32, 1),
    ):
        out = tmp_path / f"{size} {channels} {len(flags)}"
        train(example, mine, *flags, "--out", str(out))
        assert (settings_of(out)["image_size"], settings_of(out)["channels"]) == (size, channels)
        with Image.open(out / "samples" / "iteration_00000000.png") as page:
            assert page.mode == ("RGB" if channels == 3 else "L")


def test_a_system_with_classes_shows_them_in_turn(example: Example, tmp_path: Path) -> None:
    file = tmp_path / "labelled.py"
    file.write_text(CONDITIONAL)
    assert train(example, file, "--out", str(tmp_path / "run")) == 0
    flags = ["--system", str(file), "--digit", "7", "--out", str(tmp_path / "page.png")]
    example("sample").main([str(tmp_path / "run"), *flags])


def test_mistakes_are_found_before_the_training(
    example: Example, mine: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    fixed = tmp_path / "fixed.py"
    fixed.write_text(CONDITIONAL + GENERATE)
    with pytest.raises(UserError, match=r"draws images of shape \(1, 5, 5\), and .* \(1, 28, 28\)"):
        train(example, fixed, "--out", str(out))
    with pytest.raises(SystemExit):
        example("train").main([])
    assert "required: --system" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        example("train").main(["--help"])
    assert not out.exists()
