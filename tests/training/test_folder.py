"""Run folders: nothing of anybody's is lost, and a resumed run leaves the files of a whole one."""

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import nullcontext, suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigan.errors import UserError
from minigan.training.folder import RunFolder, note_drawn, read_config
from minigan.training.metrics import read_metrics

CONFIG = {"latent_dim": 100, "lr": 2e-4, "epochs": 5, "betas": [0.5, 0.999]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "mnist"


def contents(folder):
    """Every file under a folder and the bytes in it."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def row(iteration):
    return {
        "iteration": iteration,
        "epoch": 1 + iteration // 10,
        "D loss": np.float32(1 / iteration),
        "D(x), mean": 0.1 * iteration,
    }


def run(folder, start, stop):
    """A pretended run: a row each iteration, a sample each fifth, a checkpoint each tenth."""
    for iteration in range(start, stop):
        folder.append_metrics(row(iteration))
        if iteration % 5 == 0:
            folder.sample_path(iteration).parent.mkdir(exist_ok=True)
            folder.sample_path(iteration).write_text(f"picture {iteration}")
        if iteration % 10 == 0:
            folder.save_checkpoint({"w": np.full(3, iteration)}, {"iteration": iteration})


def refused(path, match, config=CONFIG, **options):
    """Opening raises one line, and the folder is left as it was."""
    before = contents(path)
    with pytest.raises(UserError, match=match) as caught:
        RunFolder.open(path, config, **options)
    assert "\n" not in str(caught.value)
    assert contents(path) == before


# -- opening ----------------------------------------------------------------------------------


def test_a_new_run(path):
    with RunFolder.open(path, CONFIG) as folder:
        assert set(os.listdir(path)) == {"config.json", ".lock"}
        assert folder.load_checkpoint() is None and folder.note is None
        run(folder, 1, 21)
        assert folder.load_checkpoint().metadata == {"iteration": 20}
        assert [p.name for p in folder.sample_paths()] == [
            f"iteration_{number:08d}.png" for number in (5, 10, 15, 20)
        ]
    assert ".lock" not in os.listdir(path)
    assert read_config(path) == CONFIG == json.loads(json.dumps(folder.config))


def test_each_start_is_kept_and_compared_with_nothing(path):
    for number in range(2):
        with RunFolder.open(path, CONFIG, resume=True, start={"command": number}) as folder:
            run(folder, 1, 1 if number else 11)
    assert read_config(path) == {**CONFIG, "starts": [{"command": 0}, {"command": 1}]}
    RunFolder.open(path, CONFIG, overwrite=True, start={"command": 2}).close()
    assert read_config(path)["starts"] == [{"command": 2}]
    (path / "config.json").write_text('{"minigan_run": 1, "starts": "many"}')
    refused(path, "config.json.*starts", config={}, resume=True)


def test_a_folder_that_holds_a_run(path):
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 12)
    refused(path, "--resume.*--overwrite")
    refused(path, "choose one", resume=True, overwrite=True)


def test_settings_alone_are_no_run(path):
    """A run that was refused at its start has left config.json and nothing that could be lost."""
    RunFolder.open(path, CONFIG).close()
    changed = {**CONFIG, "latent_dim": 64}
    RunFolder.open(path, changed).close()
    assert read_config(path) == changed


def test_a_file_in_the_way(path):
    path.parent.mkdir()
    path.write_text("notes")
    with pytest.raises(UserError, match="is a file"):
        RunFolder.open(path, CONFIG)
    assert path.read_text() == "notes"


def test_a_place_that_cannot_be_written_to():
    with pytest.raises(UserError, match="Cannot write /proc/run"):
        RunFolder.open("/proc/run", CONFIG)


@pytest.mark.parametrize("name", ["metrics.csv", "losses.png", "samples/iteration_00000005.png"])
@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
def test_somebody_elses_files_are_never_touched(path, name, options):
    (path / name).parent.mkdir(parents=True)
    (path / name).write_text("precious")
    refused(path, "not the config.json of a run", **options)


@pytest.mark.parametrize("text", ["{", "[1]", '{"compilerOptions": {}}', "[" * 100_000, "\xff"])
@pytest.mark.parametrize("options", [{}, {"resume": True}, {"overwrite": True}])
def test_somebody_elses_config_is_never_touched(path, text, options):
    path.mkdir(parents=True)
    (path / "config.json").write_text(text, encoding="latin-1")
    refused(path, r"config\.json", **options)


def test_overwrite_removes_what_a_run_makes_and_nothing_else(path):
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 32)
        for made in (folder.losses_path, folder.animation_path, path / "faces.png"):
            made.write_text("made by the run")
    (path / "notes.txt").write_text("mine")
    (path / "samples" / "favorite.png").write_text("mine")
    changed = {**CONFIG, "latent_dim": 64}
    with RunFolder.open(path, changed, overwrite=True, also_made=["faces*.png"]) as folder:
        assert folder.load_checkpoint() is None and folder.sample_paths() == []
    assert set(contents(path)) == {"config.json", "notes.txt", "samples/favorite.png"}
    assert read_config(path) == changed


def test_overwrite_removes_what_was_noted_and_nothing_outside(path):
    note_drawn(path.parent, ["a.png"])  # no run is there: nothing is noted
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 3)
    for name in ("a.png", "b.png", "mine.png", "../outside.png"):
        (path / name).write_text("picture")
    note_drawn(path, ["a.png"])
    note_drawn(path, ["b.png", "a.png", "never_drawn.png"])
    noted = path / ".drawn_here"
    assert noted.read_text() == "a.png\nb.png\nnever_drawn.png\n"
    hostile = f"../outside.png\n{path.parent / 'outside.png'}\n..\n.\n\nconfig.json\nsamples\n"
    noted.write_text(noted.read_text() + hostile)
    RunFolder.open(path, CONFIG, overwrite=True).close()
    assert set(contents(path)) == {"config.json", "mine.png"}
    assert (path.parent / "outside.png").exists()


def test_a_folder_with_other_files_can_hold_a_run(path):
    path.mkdir(parents=True)
    (path / "notes.txt").write_text("mine")
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 3)
    assert (path / "notes.txt").read_text() == "mine"


def test_leftovers_of_a_crash_are_removed(path):
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 12)
    leftovers = [".checkpoint.safetensors.tmp", ".checkpoint.safetensors.old", ".config.json.tmp"]
    leftovers += ["samples/.iteration_00000015.png.tmp"]
    for name in leftovers:
        (path / name).write_text("half")
    with RunFolder.open(path, CONFIG, resume=True):
        assert not set(leftovers) & set(contents(path))


def test_config_that_json_would_change_is_refused(path):
    with pytest.raises(TypeError, match=r"config\['seed'\] is a int64"):
        RunFolder.open(path, {"seed": np.int64(3)})
    assert not path.exists()


# -- resuming ---------------------------------------------------------------------------------


def resumed(path, **options):
    folder = RunFolder.open(path, CONFIG, resume=True, **options)
    checkpoint = folder.load_checkpoint()
    iteration = checkpoint.metadata["iteration"] if checkpoint else None
    folder.cut_back_to(iteration)
    return folder, (iteration or 0) + 1


@pytest.mark.parametrize("torn", [b"", b"2", b'27,3,0.037,"2', b"not,numbers,at,all\n"])
@pytest.mark.parametrize("reached", [3, 10, 26])
def test_an_interrupted_run_leaves_the_files_of_a_whole_one(tmp_path, reached, torn):
    for name in ("whole", "interrupted"):
        with RunFolder.open(tmp_path / name, CONFIG) as folder:
            run(folder, 1, 41 if name == "whole" else reached + 1)
    with open(tmp_path / "interrupted" / "metrics.csv", "ab") as file:
        file.write(torn)
    folder, start = resumed(tmp_path / "interrupted")
    with folder:
        assert start == reached // 10 * 10 + 1
        run(folder, start, 41)
    assert contents(tmp_path / "interrupted") == contents(tmp_path / "whole")


def test_resuming_from_the_checkpoint_before_a_damaged_one(path):
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 26)
    whole = contents(path)
    (path / "checkpoint.safetensors").write_bytes(b"damaged")
    folder, start = resumed(path)
    with folder:
        assert start == 11 and "before it" in folder.load_checkpoint().note
        assert [p.name[-6:-4] for p in folder.sample_paths()] == ["05", "10"]
        run(folder, start, 26)
    # The damaged one was put aside, so that no save could make it the previous one.
    assert contents(path) == {**whole, "checkpoint.safetensors.damaged": b"damaged"}
    RunFolder.open(path, CONFIG, overwrite=True).close()
    assert set(contents(path)) == {"config.json"}


def test_nothing_to_resume_is_said(path):
    folder, start = resumed(path)
    with folder:
        assert start == 1 and "starts at the beginning" in folder.note
        run(folder, start, 3)
    folder, start = resumed(path)  # there are rows, and no checkpoint yet
    with folder:
        assert start == 1 and not folder.metrics_path.exists()


def test_resuming_with_other_settings(path):
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 12)
    other = {**CONFIG, "latent_dim": 64, "epochs": 9, "recipe": "tutorial"}
    refused(
        path,
        r"other settings: latent_dim was 100 and is now 64; recipe was absent and is now tutorial",
        config=other,
        resume=True,
        may_differ=["epochs"],
    )
    del other["recipe"]
    refused(path, "epochs was 5 and is now 9", config=other, resume=True, may_differ=["latent_dim"])
    with RunFolder.open(path, other, resume=True, may_differ=["epochs", "latent_dim"]):
        assert read_config(path) == other


def test_settings_inside_settings_are_named(path):
    config = {"settings": {"latent_dim": 100, "hidden": [128, 256], "extra": {}}, "run": {"x": 1}}
    RunFolder.open(path, config).close()
    other = {"settings": {"latent_dim": 64, "hidden": [128, 256], "extra": {}}, "run": {"x": 2}}
    refused(
        path,
        r"other settings: settings\.latent_dim was 100 and is now 64\. ",
        config=other,
        resume=True,
        may_differ=["run"],
    )


def test_settings_that_an_older_version_did_not_write(path):
    RunFolder.open(path, {"settings": {"lr": 0.1}, "seed": 0}).close()
    now = {"settings": {"lr": 0.1, "average": 0.9}, "seed": 0}
    refused(path, "settings.average was absent and is now 0.9", config=now, resume=True)
    options = {"resume": True, "may_lack": ["settings.average"]}
    RunFolder.open(path, now, **options).close()
    now["settings"]["average"] = 0.8
    refused(path, "settings.average was 0.9 and is now 0.8", config=now, **options)
    RunFolder.open(path, now, may_differ=["settings.average"], resume=True).close()


@pytest.mark.parametrize("due", [True, False])
def test_the_sample_of_the_end_stays_only_where_one_is_due(path, due):
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 11)
        folder.cut_back_to(10, sample_was_due=due)
        assert len(folder.sample_paths()) == (2 if due else 1)


def test_appending_before_the_cut_is_refused(path):
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 3)
    with RunFolder.open(path, CONFIG, resume=True) as folder, pytest.raises(UserError):
        folder.append_metrics(row(3))


# -- strangers' files ------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(garbage=st.binary(max_size=200))
def test_any_bytes_are_metrics_or_a_user_error(tmp_path_factory, garbage):
    path = tmp_path_factory.mktemp("fuzz")
    (path / "metrics.csv").write_bytes(garbage)
    try:
        read_metrics(path / "metrics.csv")
    except UserError as error:
        assert "metrics.csv" in str(error)
    (path / "config.json").write_bytes(garbage)
    with pytest.raises(UserError):
        read_config(path)
    (path / "config.json").write_text('{"minigan_run": 1}')
    with RunFolder.open(path, {}, resume=True) as folder, suppress(UserError):
        folder.cut_back_to(5)


@pytest.mark.parametrize("name", ["config.json", "metrics.csv", ".lock"])
def test_a_pipe_in_place_of_a_file_does_not_block(path, name):
    RunFolder.open(path, CONFIG).close()
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)
    with pytest.raises(UserError) if name != ".lock" else nullcontext():
        with RunFolder.open(path, CONFIG, resume=True) as folder:
            folder.cut_back_to(5)
    if name != ".lock":
        with pytest.raises(UserError, match="not a plain file"):
            read_config(path) if name == "config.json" else read_metrics(path / name)


def test_a_full_disk_leaves_whole_rows(path):
    with RunFolder.open(path, CONFIG) as folder:
        run(folder, 1, 12)
        before = contents(path)
        size = len(before["metrics.csv"])
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5, old[1]))  # room for half a row
        try:
            with pytest.raises(UserError, match=r"Cannot write .*metrics\.csv"):
                folder.append_metrics(row(12))
            with pytest.raises(UserError, match=r"Cannot write .*checkpoint"):
                folder.save_checkpoint({"w": np.zeros(10_000)}, {"iteration": 11})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
        assert contents(path) == before
        run(folder, 12, 15)  # there is room again
        assert read_metrics(folder.metrics_path)["iteration"].tolist() == list(range(1, 15))


# -- the lock ---------------------------------------------------------------------------------


HOLDER = """
import sys, time
from minigan.training.folder import RunFolder
RunFolder.open(sys.argv[1], {}, resume=True)
print("open", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_killed(path):
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        try:
            assert first.stdout.readline() == "open\n"
            refused(path, f"in use by process {first.pid}\\.", config={}, resume=True)
            refused(path, f"in use by process {first.pid}\\.", config={}, overwrite=True)
        finally:
            first.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)  # ended, and still a zombie
        RunFolder.open(path, {}, resume=True).close()


def test_a_second_time_in_one_process_is_refused(path):
    with RunFolder.open(path, CONFIG) as folder:
        refused(path, f"in use by process {os.getpid()}\\.", resume=True)
    again = RunFolder.open(path, CONFIG, resume=True)
    folder.close()  # a second time, and not the owner any more
    refused(path, "in use by process", resume=True)
    again.close()


def test_a_folder_removed_meanwhile_can_be_closed(path):
    folder = RunFolder.open(path, CONFIG)
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
    folder.close()


def test_opening_that_fails_lets_go(path, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "_prepare", fail)
        with pytest.raises(KeyboardInterrupt):
            RunFolder.open(path, CONFIG)
    assert os.listdir(path) == []
