"""The command line: numbers in range, flags of the recipe and of the run, errors as one line."""

import warnings
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from minigan.data import ImageDataset
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.gans.conditional_gan import Recipe as ConditionalRecipe
from minigan.gans.gan import Recipe
from minigan.training import RunOptions, command
from minigan.training.command import (
    loader_for,
    run_command,
    run_options,
    training_parser,
    with_flags,
)


def test_flags_of_the_recipe_reach_the_recipe(capsys):
    recipe = Recipe(lr=0.5, epochs=7)
    parser = training_parser("", out="run", data="")
    assert with_flags(recipe, parser.parse_args([])) == recipe
    line = "--epochs 3 --batch-size 5 --lr 0.25 --beta1 0 --latent-dim 9 --average 0"
    flags = parser.parse_args(line.split())
    expected = {"epochs": 3, "batch_size": 5, "lr": 0.25, "beta1": 0, "latent_dim": 9, "average": 0}
    assert with_flags(recipe, flags) == replace(recipe, **expected)
    averaged = replace(recipe, average=0.9)
    assert with_flags(averaged, parser.parse_args([])) == averaged
    assert with_flags(averaged, parser.parse_args(["--average", "none"])) == recipe
    shape = (1, 4, 4)
    assert with_flags(recipe, flags, image_shape=shape, lr=1.0).lr == 1.0  # said by the program
    assert with_flags(recipe, flags, image_shape=shape).image_shape == shape


def test_flags_of_the_run_reach_the_run():
    """The parser's defaults are those of the dataclass, and each of its fields has a flag."""
    parser = training_parser("", out="run", data="")
    assert run_options(parser.parse_args([])) == RunOptions(Path("run"))
    line = "--out a --seed 3 --max-steps 4 --sample-every 5 --checkpoint-every 6 --log-every 7"
    line += " --evaluate-every 8 --threads 9 --resume --overwrite --tensorboard --detect-anomaly"
    line += " --augment color,cutout"
    line += " --watch-gradients"
    options = run_options(parser.parse_args(line.split()))
    for field in fields(RunOptions):
        assert getattr(options, field.name) != getattr(RunOptions(Path("run")), field.name)


def test_a_round_with_several_updates_gets_as_many_batches():
    recipe = ConditionalRecipe(
        image_shape=(1, 2, 2),
        generator_widths=(4,),
        discriminator_widths=(4,),
        batch_size=3,
        drop_last=True,
    )
    images = ImageDataset(np.zeros((20, 1, 2, 2), np.uint8), name="black")
    loader = loader_for(ConditionalGAN(recipe), images, seed=4, updates=2)
    assert [len(batch) for batch, _ in loader] == [6, 6, 6]


@pytest.mark.parametrize(
    ("flag", "value", "least"), [("--seed", "-1", 0), ("--epochs", "0", 1), ("--seed", "x", 0)]
)
def test_numbers_out_of_range_name_the_least(flag, value, least, capsys):
    with pytest.raises(SystemExit):
        training_parser("", out="run", data="").parse_args([flag, value])
    assert f"a whole number of at least {least}, not '{value}'" in capsys.readouterr().err


def test_our_warnings_are_sentences(capsys, monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    others = []
    monkeypatch.setattr(command, "_show_with_place", lambda *place: others.append(place))

    def main(arguments):
        warnings.warn("two pictures could not be read", stacklevel=1)
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)

    with pytest.raises(SystemExit) as end, warnings.catch_warnings():
        warnings.simplefilter("always")
        run_command(main)
    assert end.value.code == 0
    assert capsys.readouterr().err == "warning: two pictures could not be read\n"
    ((message, category, path, *_),) = others
    assert (str(message), category, path) == ("overflow", RuntimeWarning, __file__)


def test_home_is_meant_behind_an_equals_sign_too(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    parser = training_parser("Train.", out="run", data="nothing")
    flags = parser.parse_args(["--out=~/runs/a", "--data=~"])
    assert flags.out == tmp_path / "runs" / "a" and flags.data == tmp_path
    for name in ("runs/~", "~nobody-here/a", "./~/a", "a~"):  # names like any other
        assert parser.parse_args([f"--out={name}"]).out == Path(name)


@pytest.mark.parametrize("error", [MemoryError(), MemoryError("4 TiB")])
def test_no_memory_is_one_line(capsys, error, monkeypatch):
    def main(arguments):
        raise error

    monkeypatch.setattr(command, "prepare_process", lambda: None)
    with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
        run_command(main)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: there is not enough memory for this") and said.count("\n") == 1
    assert not str(error) or "(4 TiB)" in said


def test_numpys_own_warning_does_not_come_before_ours(capsys, monkeypatch):
    def main(arguments):
        np.float32(1e30) * np.float32(1e30)
        np.zeros(1) / np.zeros(1)

    monkeypatch.setattr(command, "prepare_process", lambda: None)
    with warnings.catch_warnings(), pytest.raises(SystemExit) as ended:
        run_command(main)
    assert ended.value.code == 0 and capsys.readouterr().err == ""
