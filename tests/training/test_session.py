"""What a run says and refuses; what it computes is tested in reliability/ and with the systems."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image

from minigan.backend.numpy.arrays import NumpyBackend
from minigan.data import ImageDataset
from minigan.data.loader import DataLoader
from minigan.errors import UserError
from minigan.gans.gan import MLPGAN, Recipe
from minigan.training import session
from minigan.training.command import run_options, training_parser, with_flags
from minigan.training.folder import RunFolder, note_drawn, read_config
from minigan.training.session import Session, run

RECIPE = Recipe(
    latent_dim=3, image_shape=(1, 4, 4), generator_widths=(8, 8), discriminator_widths=(8,)
)


@pytest.fixture
def train(tmp_path):
    def train(*arguments, count=12, batch_size=4, recipe=RECIPE, **options):
        parser = training_parser("A small run.", out=str(tmp_path / "run"), data="nothing")
        images = np.random.default_rng(0).integers(0, 256, (count, 1, 4, 4), np.uint8)
        loader = DataLoader(ImageDataset(images, name="noise"), batch_size)
        flags = parser.parse_args(arguments)
        return run(MLPGAN(with_flags(recipe, flags)), loader, run_options(flags), **options)

    return train


def test_it_says_where_everything_is_and_when_nothing_is_left(train, tmp_path, capsys):
    assert train("--epochs", "2") == 0
    said = capsys.readouterr().err
    assert f"saved in {tmp_path / 'run'}: samples, progress.gif\n" in said
    assert train("--epochs", "2", "--resume") == 0
    said = capsys.readouterr().err.splitlines()  # one line: no bar that is full, no networks
    assert len(said) == 1 and "nothing left to do" in said[0] and "6 iterations" in said[0]
    assert train("--epochs", "3", "--resume") == 0
    assert "saved in" in capsys.readouterr().err


def test_it_says_what_learns_from_what_before_it_begins(train, tmp_path, capsys):
    train("--epochs", "2", "--max-steps", "5", "--seed", "7")
    said = capsys.readouterr().err.splitlines()
    backend = "on numpy with"
    assert said[:2] == [
        "gan learns from noise: 12 images of 1 × 4 × 4",
        "2 epochs of 3 iterations, 4 images in each, until iteration 5",
    ]
    assert said[2].startswith(f"in {tmp_path / 'run'}, {backend}") and said[2].endswith("seed 7")
    first = [line.split()[0] for line in said[3:]]
    assert first.index("generator") < first.index("discriminator") < first.index("[Epoch")
    assert "  model.0 (Linear)       (N, 8)                          32" in said
    train("--epochs", "2", "--resume", "--seed", "7")
    assert capsys.readouterr().err.splitlines()[1].endswith(": 6 iterations, of which 5 are played")


def test_a_new_run_in_place_of_one_to_go_on_with_is_said(train, tmp_path, capsys):
    train("--epochs", "1", "--out", str(tmp_path / "mnist"))
    capsys.readouterr()
    train("--epochs", "1", "--resume", "--out", str(tmp_path / "mnits"))
    said = capsys.readouterr().err
    assert "mnits holds no checkpoint: this run starts at the beginning (beside it lie runs" in said
    assert "that could go on: mnist)\n" in said


def test_a_first_round_that_fails_leaves_no_hooks(train, monkeypatch):
    seen = []

    def play_round(gan, *batch):
        seen.append(gan)
        raise ZeroDivisionError

    monkeypatch.setattr(MLPGAN, "play_round", play_round)
    with pytest.raises(ZeroDivisionError):
        train("--epochs", "1")
    modules = [*seen[0].generator.modules(), *seen[0].discriminator.modules()]
    assert not any(module._forward_hooks for module in modules)


def samples(folder):
    return {path.name[-7:-4]: path.read_bytes() for path in (folder / "samples").iterdir()}


def test_the_end_is_drawn_and_the_film_ends_with_it(train, tmp_path):
    train("--epochs", "2", "--sample-every", "4")
    assert sorted(samples(tmp_path / "run")) == ["000", "001", "002", "004", "006"]
    with Image.open(tmp_path / "run" / "progress.gif") as film:
        assert film.n_frames == 5


def test_early_pictures_come_close_together():
    early = [iteration for iteration in range(1, 1200) if session.is_early(iteration)]
    assert early == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


def test_a_film_of_a_run_that_began_without_captions(train, tmp_path):
    flags = ["--epochs", "2", "--sample-every", "4"]
    train(*flags, "--max-steps", "4")
    for path in (tmp_path / "run" / "samples").iterdir():
        with Image.open(path) as picture:
            bare = picture.crop((0, 0, picture.width, picture.height - 22))
        bare.save(path)
    assert train(*flags, "--resume") == 0
    with Image.open(tmp_path / "run" / "progress.gif") as film:
        assert film.n_frames == 1


@pytest.mark.parametrize("stop", ["3", "4", "5"])  # before, at and after a picture that is due
def test_pictures_of_stops_go_when_the_run_goes_on(train, tmp_path, stop):
    flags = ["--epochs", "3", "--sample-every", "4"]
    train(*flags, "--out", str(tmp_path / "whole"))
    assert sorted(samples(tmp_path / "whole")) == ["000", "001", "002", "004", "008", "009"]
    train(*flags, "--max-steps", stop)
    assert f"00{stop}" in samples(tmp_path / "run")
    train(*flags, "--max-steps", stop, "--resume")  # nothing left to do: the picture is there
    assert f"00{stop}" in samples(tmp_path / "run")
    train(*flags, "--resume")
    assert samples(tmp_path / "run") == samples(tmp_path / "whole")
    films = [(tmp_path / name / "progress.gif").read_bytes() for name in ("run", "whole")]
    assert films[0] == films[1]


def test_config_says_the_whole_recipe(train, tmp_path):
    train("--epochs", "2", "--average", "0.5", "--batch-size", "4")
    config = read_config(tmp_path / "run")
    recipe = replace(RECIPE, epochs=2, average=0.5, batch_size=4)
    assert config["settings"] == json.loads(json.dumps(asdict(recipe)))
    (start,) = config["starts"]
    assert start["versions"]["numpy"] == np.__version__ and "pytest" in start["command"]
    assert start["date"] and start["threads"]
    with pytest.raises(UserError, match="settings.average was 0.5 and is now 0.6"):
        train("--epochs", "2", "--average", "0.6", "--batch-size", "4", "--resume")
    train("--epochs", "3", "--average", "0.5", "--batch-size", "4", "--resume")
    config = read_config(tmp_path / "run")
    assert config["settings"]["epochs"] == 3 and len(config["starts"]) == 2


def test_evaluations_need_something_to_compare_with(train, tmp_path):
    with pytest.raises(UserError, match="needs real images to compare with"):
        train("--epochs", "1", "--evaluate-every", "1")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("count", "batch_size"), [(13, 4), (12, 1)])
def test_a_batch_of_one_image_is_refused_before_training(train, tmp_path, count, batch_size):
    with pytest.raises(UserError, match=rf"{count} images in batches of {batch_size} .*batch norm"):
        train("--epochs", "1", count=count, batch_size=batch_size)
    assert not (tmp_path / "run").exists()
    without = Recipe(**{**vars(RECIPE), "norm_eps": None})
    assert train("--epochs", "1", count=count, batch_size=batch_size, recipe=without) == 0


def test_overwrite_removes_what_was_drawn_for_the_run_before(train, tmp_path):
    train("--epochs", "1")
    for name in ("walk_linear.png", "faces_3.png", "walk_in_the_park.png"):
        (tmp_path / "run" / name).write_text("a picture")
    note_drawn(tmp_path / "run", ["walk_linear.png"])
    note_drawn(tmp_path / "run", ["faces_3.png"])
    train("--epochs", "1", "--overwrite")
    left = {path.name for path in (tmp_path / "run").glob("*.png")}
    assert left == {"walk_in_the_park.png"}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, [40, 80, 100]), (1, [31, 40, 80, 100]), (20, [2, 18, 34, 40, 56, 72, 80, 96, 100])],
)
def test_a_checkpoint_by_the_clock(train, tmp_path, monkeypatch, seconds, expected):
    """Iterations of so many seconds, a checkpoint due every 40: at the latest after 30 s, and then
    every 300."""
    now = [0.0]

    def play_round(*batch):
        now[0] += seconds
        return {}

    saved = []
    monkeypatch.setattr(MLPGAN, "play_round", lambda gan, *batch: play_round(*batch))
    monkeypatch.setattr(NumpyBackend, "compiled", lambda backend, step, owner=None: step)
    monkeypatch.setattr(session.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(
        RunFolder, "save_checkpoint", lambda self, a, plain: saved.append(plain["iteration"])
    )
    monkeypatch.setattr(Session, "_finish", lambda self: None)
    train("--epochs", "100", "--max-steps", "100", "--checkpoint-every", "40", "--log-every", "999")
    assert saved == expected
