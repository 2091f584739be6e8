"""The same seed gives the same bytes, however closely a run is watched: the real command."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

from minigan.training.checkpoint import load_checkpoint

ROOT = Path(__file__).parents[2]
RUN = ["--train-count", "64", "--batch-size", "24", "--max-steps", "7", "--threads", "1"]
WATCHED = {
    "rarely": ["--sample-every", "100", "--checkpoint-every", "100", "--log-every", "100"],
    "closely": ["--sample-every", "1", "--checkpoint-every", "2", "--log-every", "1"],
    "for TensorBoard": ["--sample-every", "3", "--log-every", "2", "--tensorboard"],
    "for gradients": ["--watch-gradients", "--log-every", "1", "--tensorboard"],
    "for anomalies": ["--detect-anomaly"],
}


def weights(folder):
    return (folder / "checkpoint.safetensors").read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What a run leaves that nobody watches: no terminal, no bar."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    command = [sys.executable, "examples/mnist_gan.py", *RUN, "--out", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("how", WATCHED)
def test_a_watched_run_ends_with_the_same_bytes(how, plain, run_example):
    if "--tensorboard" in WATCHED[how]:
        pytest.importorskip("tensorboardX")
    code, folder = run_example("mnist_gan", *RUN, *WATCHED[how])
    assert code == 0 and weights(folder) == weights(plain)


def test_a_progress_bar_changes_nothing(plain, tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    shown = []

    def read():
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # Linux says so when the other side is closed
                part = b""
            if not part:
                return
            shown.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, "examples/mnist_gan.py", *RUN, "--out", str(tmp_path / "run")]
    subprocess.run(command, cwd=ROOT, check=True, stdout=theirs, stderr=theirs)
    os.close(theirs)
    reader.join()
    os.close(ours)
    assert b"%" in b"".join(shown)  # there was a bar
    assert weights(tmp_path / "run") == weights(plain)


def test_another_seed_gives_other_bytes(plain, run_example):
    _, folder = run_example("mnist_gan", *RUN, "--seed", "1")
    ours, theirs = (load_checkpoint(f / "checkpoint.safetensors").tensors for f in (folder, plain))
    assert all((ours[name] != theirs[name]).any() for name in ours if name.endswith("weight"))
