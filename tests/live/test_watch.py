"""A run folder on the page: what is there is shown, what changes is noticed, nothing is touched."""

import pytest
from schema import conforms

from minigan.data.mnist import mnist
from minigan.errors import UserError
from minigan.gans.gan import MLPGAN, Recipe
from minigan.live.watch import Watch
from minigan.training import RunOptions, run
from minigan.training.command import loader_for


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "small"
    recipe = Recipe(generator_widths=(8,), discriminator_widths=(8,), epochs=1, batch_size=16)
    gan = MLPGAN(recipe)
    run(gan, loader_for(gan, mnist("test").first(64), seed=0), RunOptions(out=path, log_every=1))
    return path


def ask(watch, ask, **fields):
    answer = conforms(watch.answer({"protocol": 1, "id": 1, "ask": ask, **fields}), ask)
    assert answer["ok"], answer
    return answer


def contents(folder):
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_finished_run_is_shown_and_not_touched(folder):
    before = contents(folder)
    watch = Watch(folder)
    hello = ask(watch, "hello")
    assert hello["where"] == "watch" and hello["source"][0]["function"] == "MLPGAN.step"
    frame = ask(watch, "frame", wants=["samples", "gradients", "field"])
    assert frame["round"] == frame["newest"] == 4
    assert frame["curves"]["names"] == ["D loss", "G loss", "D(x)", "D(G(z))"]
    assert [row[0] for row in frame["curves"]["rows"]] == [1, 2, 3, 4]
    assert frame["samples"]["pixels"]["shape"] == [50, 1, 28, 28]
    assert ask(watch, "look", what="latent", x=0, y=1)["image"]["shape"] == [1, 28, 28]
    assert ask(watch, "frame", after=watch.serial)["unchanged"]
    for command in ("step", "play", "change", "new", "go"):
        answer = watch.answer({"protocol": 1, "ask": command})
        assert (
            conforms(answer, command)["error"]
            == f"this is a run to look at: {command} would change it"
        )
    assert contents(folder) == before


def test_a_run_under_way_is_followed(folder, tmp_path):
    for name in ("config.json", "metrics.csv"):
        text = (folder / name).read_bytes()
        (tmp_path / name).write_bytes(text if name == "config.json" else text[: len(text) // 2])
    watch = Watch(tmp_path)
    frame = ask(watch, "frame", wants=["samples"])
    assert frame["samples"] is None and "is not there yet" in frame["note"]
    assert len(frame["curves"]["rows"]) < 4
    (tmp_path / "metrics.csv").write_bytes((folder / "metrics.csv").read_bytes())
    (tmp_path / "checkpoint.safetensors").write_bytes(b"half of it")
    frame = ask(watch, "frame", after=frame["serial"])
    assert len(frame["curves"]["rows"]) == 4 and "not a checkpoint" in frame["note"]
    whole = (folder / "checkpoint.safetensors").read_bytes()
    (tmp_path / "checkpoint.safetensors").write_bytes(whole)
    frame = ask(watch, "frame", wants=["samples"])
    assert frame["samples"] is not None and frame["note"] is None and frame["round"] == 4


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError):
        Watch(tmp_path)
