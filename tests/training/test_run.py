"""What a run says and refuses; what it computes is tested in reliability/ and with the systems."""

import warnings

import numpy as np
import pytest

from minigan.data import ImageDataset
from minigan.data.loader import DataLoader
from minigan.errors import UserError
from minigan.gans.gan import MLPGAN, Recipe
from minigan.training import command
from minigan.training.command import run_command, training_parser
from minigan.training.run import run

RECIPE = Recipe(
    latent_dim=3, image_shape=(1, 4, 4), generator_widths=(8, 8), discriminator_widths=(8,)
)


@pytest.fixture
def train(tmp_path):
    def train(*arguments, count=12, batch_size=4, recipe=RECIPE, **options):
        parser = training_parser("A small run.", out=str(tmp_path / "run"), data="nothing")
        images = np.random.default_rng(0).integers(0, 256, (count, 1, 4, 4), np.uint8)
        loader = DataLoader(ImageDataset(images, name="noise"), batch_size)
        return run(MLPGAN(recipe), loader, parser.parse_args(arguments), **options)

    return train


def test_it_says_where_everything_is_and_when_nothing_is_left(train, tmp_path, capsys):
    assert train("--epochs", "2") == 0
    assert capsys.readouterr().err.endswith(f"saved in {tmp_path / 'run'}\n")
    assert train("--epochs", "2", "--resume") == 0
    assert "nothing left to do" in (said := capsys.readouterr().err) and "6 iterations" in said
    assert train("--epochs", "3", "--resume") == 0
    assert "saved in" in capsys.readouterr().err


@pytest.mark.parametrize(("count", "batch_size"), [(13, 4), (12, 1)])
def test_a_batch_of_one_image_is_refused_before_training(train, tmp_path, count, batch_size):
    with pytest.raises(UserError, match=rf"{count} images in batches of {batch_size} .*batch norm"):
        train("--epochs", "1", count=count, batch_size=batch_size)
    assert not (tmp_path / "run").exists()
    without = Recipe(**{**vars(RECIPE), "norm_eps": None})
    assert train("--epochs", "1", count=count, batch_size=batch_size, recipe=without) == 0


def test_overwrite_removes_what_was_drawn_for_the_run_before(train, tmp_path):
    train("--epochs", "1", also_made=["faces_*.png"])
    for name in ("walk_linear.png", "faces_3.png", "walk_in_the_park.png"):
        (tmp_path / "run" / name).write_text("a picture")
    train("--epochs", "1", "--overwrite", also_made=["faces_*.png"])
    left = {path.name for path in (tmp_path / "run").glob("*.png")}
    assert left == {"walk_in_the_park.png"}


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
