"""A run that is asked to stop, that finds the disk full or its checkpoint damaged loses nothing."""

import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_run import contents, small_run

from minigan.errors import UserError
from minigan.training.checkpoint import load_checkpoint, save_checkpoint
from minigan.training.stopping import stop_when_asked

COMMAND = """
import sys
from pathlib import Path
from small_run import small_run
from minigan.training.command import run_command
run_command(lambda _: small_run(Path(sys.argv[1]), "--max-steps", "1000000"))
"""


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.01)


def start(folder):
    """A run in a process of its own, which has trained a little."""
    command = [sys.executable, "-c", COMMAND, str(folder)]
    process = subprocess.Popen(
        command, cwd=Path(__file__).parent, stderr=subprocess.PIPE, text=True
    )
    wait_for((folder / "checkpoint.safetensors.previous").exists)
    return process


def assert_same_as_undisturbed(folder, iteration, tmp_path):
    """Go on to `iteration`, and compare with a run that nobody disturbed."""
    assert small_run(folder, "--resume", "--max-steps", str(iteration)) == 0
    assert small_run(tmp_path / "undisturbed", "--max-steps", str(iteration)) == 0
    found, expected = contents(folder), contents(tmp_path / "undisturbed")
    # Stopping saved once more, so what was saved before the last time may differ.
    ignored = {"checkpoint.safetensors.previous"}
    assert found.keys() == expected.keys()
    assert [n for n in found if found[n] != expected[n] and n not in ignored] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_saves_first(number, tmp_path):
    folder = tmp_path / "run"
    with start(folder) as process:
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    iteration = load_checkpoint(folder / "checkpoint.safetensors").metadata["iteration"]
    assert f"stopped at iteration {iteration:,}; go on with --resume --out {folder}\n" in said
    rows = (folder / "metrics.csv").read_text().splitlines()
    assert rows[-1].startswith(f"{iteration},")  # not one iteration was lost
    assert not (folder / ".lock").exists() and (folder / "progress.gif").exists()
    assert_same_as_undisturbed(folder, iteration + 7, tmp_path)


def test_a_second_ctrl_c_does_not_wait():
    before = signal.getsignal(signal.SIGINT)  # of a background job, for instance, it is ignored
    with stop_when_asked() as asked:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked == [signal.SIGINT, signal.SIGTERM]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_closed_terminal_says_so_twice_and_takes_its_console_away(tmp_path):
    folder = tmp_path / "run"
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", COMMAND, str(folder)]
    process = subprocess.Popen(
        command, cwd=Path(__file__).parent, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    wait_for((folder / "checkpoint.safetensors.previous").exists)
    os.close(ours)  # whoever writes there now is told of an error
    for _ in range(2):  # by the system, and by the shell
        process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 130
    iteration = load_checkpoint(folder / "checkpoint.safetensors").metadata["iteration"]
    assert (folder / "metrics.csv").read_text().splitlines()[-1].startswith(f"{iteration},")
    assert (folder / "progress.gif").exists()


def test_nohup_is_heard(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_when_asked() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert asked == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_full_disk_ends_the_run_and_leaves_the_checkpoint(tmp_path):
    folder = tmp_path / "run"
    small_run(folder, "--max-steps", "10")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    too_little = (folder / "checkpoint.safetensors").stat().st_size - 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (too_little, limits[1]))
    try:
        with pytest.raises(UserError, match=r"Cannot write .*checkpoint.* \(File too large\)"):
            small_run(folder, "--resume", "--max-steps", "30")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_checkpoint(folder / "checkpoint.safetensors").metadata["iteration"] == 10
    assert_same_as_undisturbed(folder, 30, tmp_path)


def cut_short(content):
    return content[: len(content) // 2]


def flip_a_bit(content):
    return content[:-5] + bytes([content[-5] ^ 4]) + content[-4:]


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit])
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_it_used(damage, tmp_path, capsys):
    folder = tmp_path / "run"
    small_run(folder, "--max-steps", "14")
    checkpoint = folder / "checkpoint.safetensors"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    capsys.readouterr()
    assert_same_as_undisturbed(folder, 30, tmp_path)
    assert "Using the checkpoint before it" in capsys.readouterr().err


def test_two_damaged_checkpoints_end_in_one_sentence(tmp_path):
    small_run(tmp_path, "--max-steps", "14")
    for path in tmp_path.glob("checkpoint*"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="The one before it does not help"):
        small_run(tmp_path, "--resume", "--max-steps", "30")
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 15  # nothing was cut back
    assert not (tmp_path / ".lock").exists()


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    small_run(tmp_path / "a", "--max-steps", "4")
    small_run(tmp_path / "b", "--max-steps", "4")
    path = tmp_path / "b" / "checkpoint.safetensors"
    other = load_checkpoint(path)
    for change in ({"loader": None}, {"iteration": "4"}, {"generator_optimizer": []}):
        save_checkpoint(path, other.tensors, {**other.metadata, **change})
        with pytest.raises(UserError) as caught:
            small_run(tmp_path / "b", "--resume", "--max-steps", "8")
        assert "\n" not in str(caught.value)
