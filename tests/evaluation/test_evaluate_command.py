"""examples/evaluate.py: what it prints and writes, and what it says where it cannot."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan.data import mnist, read_images
from minigan.evaluation.evaluate import Reference, draw
from minigan.gans.conditional_gan import ConditionalGAN
from minigan.gans.conditional_gan import Recipe as ConditionalRecipe
from minigan.gans.gan import MLPGAN, Recipe
from minigan.training.checkpoint import save_checkpoint
from minigan.training.command import run_command

COMMAND = Path(__file__).parents[2] / "examples" / "evaluate.py"
SMALL = {"generator_widths": (8,), "discriminator_widths": (8,), "latent_dim": 4}
FEW = ["--count", "150"]


@pytest.fixture(scope="module")
def small_reference():
    whole = mnist("test")

    def part(start, stop):
        return replace(whole, images=whole.images[start:stop], labels=whole.labels[start:stop])

    return Reference(part(0, 300), part(300, 600))


@pytest.fixture
def command(monkeypatch, small_reference):
    """The command, with 300 images of MNIST for its reference; returns the exit code."""
    spec = importlib.util.spec_from_file_location("evaluate_command", COMMAND)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.Reference, "mnist", lambda directory, *, backend: small_reference)

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            run_command(lambda _: module.main([str(argument) for argument in arguments]))
        return end.value.code

    return call


def save(gan, folder, **changes):
    arrays, plain = gan.state()
    path = folder / "checkpoint.safetensors"
    save_checkpoint(path, arrays, plain | {"data": "MNIST", "iteration": 12} | changes)
    return path


def test_the_results_lie_beside_the_checkpoint(command, tmp_path, capsys):
    gan = MLPGAN(Recipe(**SMALL))
    gan.keep_average(0.9)
    gan.generator.model[0].weight.array[...] += 1
    path = save(gan, tmp_path)
    assert command(path, *FEW) == 0
    out = capsys.readouterr().out
    assert "Fréchet distance" in out and "label agreement" not in out
    results = json.loads((tmp_path / "evaluation.json").read_text())
    assert results["system"] == "gan" and results["iteration"] == 12 and results["count"] == 150
    asked = results["circumstances"]["command"]
    assert asked.startswith(f"python examples/evaluate.py {path}")
    assert results["circumstances"]["versions"]["numpy"] == np.__version__
    assert list(results["columns"]) == ["generator", "average"]
    one, other = (results["columns"][name]["scores"] for name in ("generator", "average"))
    assert one["frechet_distance"] != other["frechet_distance"]
    for name in ("generator", "average"):
        for kind in ("", "_nearest"):
            with Image.open(tmp_path / f"evaluation_{name}{kind}.png") as picture:
                assert min(picture.size) > 100

    # A run folder does as well, the results are the same, and another seed gives others.
    elsewhere = tmp_path / "elsewhere"
    assert command(tmp_path, *FEW, "--out", elsewhere) == 0
    again = json.loads((elsewhere / "evaluation.json").read_text())
    assert again["columns"]["generator"]["scores"] == one
    assert command(tmp_path, *FEW, "--out", elsewhere, "--seed", "1") == 0
    again = json.loads((elsewhere / "evaluation.json").read_text())
    assert again["columns"]["generator"]["scores"] != one


def test_an_average_is_also_scored_with_statistics_of_its_own(command, tmp_path):
    gan = MLPGAN(Recipe(**SMALL | {"generator_widths": (8, 8)}))  # the second has batch norm
    gan.keep_average(0.9)
    gan.averaged_generator.model[3].running_var.array[...] = 7
    path = save(gan, tmp_path)
    assert command(path, *FEW, "--measure-statistics") == 0
    columns = json.loads((tmp_path / "evaluation.json").read_text())["columns"]
    assert list(columns) == ["generator", "average", "average, statistics anew"]
    copied, anew = (columns[name]["scores"] for name in list(columns)[1:])
    assert copied["frechet_distance"] != anew["frechet_distance"]


def test_a_conditional_system_is_also_fitted(command, small_reference, tmp_path, capsys):
    gan = ConditionalGAN(ConditionalRecipe(**SMALL))
    path = save(gan, tmp_path)
    assert command(path, *FEW, "--fit", "200") == 0
    out = capsys.readouterr().out
    assert "label agreement" in out and "1-NN fitted on 200 drawn images" in out
    results = json.loads((tmp_path / "evaluation.json").read_text())
    assert 0.5 < results["fitted_error"]["error"] <= 1  # it has learned nothing
    images, labels = draw(gan, 200)
    rows = images.reshape(200, 1, 784) - small_reference.test_images.reshape(300, 784)
    guesses = labels[(rows**2).sum(axis=2).argmin(axis=0)]
    error = np.mean(guesses != small_reference.test.labels)
    assert results["fitted_error"] == {"fit": 200, "averaged": False, "error": error}


def test_references_alone(command, tmp_path, monkeypatch):
    monkeypatch.setattr("minigan.evaluation.references.VALIDATION", 100)
    assert command("--references", *FEW, "--out", tmp_path) == 0
    columns = json.loads((tmp_path / "references.json").read_text())["columns"]
    names = ["real images", "noise of 0.1", "noise of 0.3", "only ones", "fifty images"]
    assert list(columns) == names
    distances = [columns[name]["scores"]["frechet_distance"] for name in names]
    assert distances[0] < min(distances[1:3]) and max(distances) == distances[3]


def test_another_data_set_is_noted(command, tmp_path, capsys):
    assert command(save(MLPGAN(Recipe(**SMALL)), tmp_path, data="Fashion"), *FEW) == 0
    assert "note: it learned from Fashion, and is compared with MNIST" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "none.safetensors", "there is no checkpoint"),
        (lambda folder: save(MLPGAN(Recipe(image_shape=(3, 8, 8), **SMALL)), folder), "--count"),
        (lambda folder: save(MLPGAN(Recipe(**SMALL)), folder, system="vae"), "no system"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line_and_exit_code_2(
    command, tmp_path, capsys, make, message
):
    assert command(make(tmp_path), *FEW) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and message in err and err.count("\n") == 1


def test_a_checkpoint_without_a_generator(command, tmp_path, capsys):
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, {"weight": np.zeros(3)}, {"system": "gan"})
    assert command(path) == 2
    assert capsys.readouterr().err == f"error: {path} holds no generator\n"


def test_too_few_samples_and_no_labels_to_fit(command, tmp_path, capsys):
    path = save(MLPGAN(Recipe(**SMALL)), tmp_path)
    assert command(path, "--count", "100") == 2
    assert "takes at least 129" in capsys.readouterr().err
    assert command(path, *FEW, "--fit", "200") == 2
    assert "--fit needs labels" in capsys.readouterr().err
    assert command() == 2


@pytest.fixture
def own_run(tmp_path):
    """A run of pictures of one's own in two folders, of which it learned from forty."""
    for name, digit in (("ones", 1), ("eights", 8)):
        (tmp_path / "own" / name).mkdir(parents=True)
        digits = mnist("test")
        for number, image in enumerate(digits.images[digits.labels == digit][:25, 0]):
            Image.fromarray(image).save(tmp_path / "own" / name / f"{number}.png")
    cache = tmp_path / "run" / "images.npy"
    whole = read_images(tmp_path / "own", 28, 1, cache=cache)
    assert whole.class_names == ("eights", "ones")
    gan = MLPGAN(Recipe(**SMALL))
    gan.keep_average(0.9)
    return save(gan, tmp_path / "run", data="own", images=40).parent


def test_a_run_of_own_pictures_is_compared_with_those(command, own_run, capsys):
    assert command(own_run) == 0
    printed = capsys.readouterr().out
    assert "kernel distance" in printed and "near copies" in printed
    assert "20 drawn pictures beside 20 of 40 real ones" in printed and "10 held out" in printed
    results = json.loads((own_run / "evaluation.json").read_text())
    assert [*results["columns"]] == [
        *("generator", "average", "real half", "noise of 0.1", "noise of 0.3", "blurred"),
        *("one class", "10 pictures"),
    ]
    real, drawn = (results["columns"][name]["scores"] for name in ("real half", "generator"))
    assert drawn["kernel_distance"] > 10 * abs(real["kernel_distance"])  # it has not learned
    with Image.open(own_run / "evaluation_average_nearest.png") as page:
        assert page.width > 12 * 56
    assert "evaluation_generator.png" in {path.name for path in own_run.iterdir()}


def test_pictures_that_an_overwritten_run_left_are_not_taken(command, own_run, capsys):
    assert command(save(MLPGAN(Recipe(**SMALL)), own_run), *FEW) == 0
    assert "classifier score" in capsys.readouterr().out  # the digits' table


def test_own_pictures_that_are_gone_are_asked_for(command, own_run, tmp_path, capsys):
    (own_run / "images.npy").unlink()
    gan = MLPGAN(Recipe(image_shape=(3, 8, 8), **SMALL))
    path = save(gan, own_run, data="own", images=40)
    assert command(path) == 2
    assert "does not hold those pictures: name them with --data" in capsys.readouterr().err
    assert command(path, "--data", tmp_path / "own") == 0
    assert command(path, "--data", tmp_path / "own", "--fit", "100") == 2
    assert "are for gray digits" in capsys.readouterr().err
