"""A console that lacks letters, is full or has gone does not end what speaks to it."""

import io
import os
import subprocess
import sys

import pytest

from minigan.training.console import Console, patient_console
from minigan.training.progress import ProgressBar

# Speaks before, during and after its work, and says by a file that the work was done.
PROGRAM = """
import sys
from pathlib import Path
from minigan.training.command import run_command
from minigan.training.progress import ProgressBar

def main(arguments):
    print("Fréchet 12 × 12 −1 → 한글", flush=True)
    with ProgressBar(2, epochs=2) as bar:
        for epoch in (1, 2):
            bar.update(epoch, {"é": 0.5}, images=3, epoch=epoch)
            bar.end_epoch(epoch)
            print("é" * 10_000, flush=True)
    Path(sys.argv[1]).write_text("done")
    print("the end")
    return 3

run_command(main)
"""


def speak(path, encoding="utf-8", **options):
    command = [sys.executable, "-c", PROGRAM, str(path)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(command, env=environment, timeout=120, **options)


ENCODINGS = ["ascii", "cp437", "cp949", "cp932", "gbk", "cp1252", "latin-1", "utf-8"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_letters_that_a_console_lacks(tmp_path, encoding):
    done = speak(tmp_path / "a", encoding, capture_output=True)
    assert done.returncode == 3, done.stderr
    assert (tmp_path / "a").read_text() == "done"
    said = done.stdout.decode(encoding)
    assert "chet 12" in said and said.rstrip().endswith("the end")
    assert ("é" in said) is ("é".encode(encoding, "ignore") != b"")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("lost", ["stdout", "stderr", "both"])
@pytest.mark.parametrize("how", ["full", "pipe", "closed"])
def test_a_listener_that_is_full_or_gone(tmp_path, encoding, lost, how):
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if how == "full":
        nowhere = os.open("/dev/full", os.O_WRONLY)
    else:
        read, nowhere = os.pipe()
        os.close(read)
    names = ["stdout", "stderr"] if lost == "both" else [lost]
    numbers = [1 if name == "stdout" else 2 for name in names]
    options |= dict.fromkeys(names, nowhere)
    if how == "closed":
        options["preexec_fn"] = lambda: [os.close(number) for number in numbers]
    done = speak(tmp_path / "a", encoding, **options)
    os.close(nowhere)
    assert (tmp_path / "a").read_text() == "done"
    assert done.returncode == 3


def test_the_streams_are_put_back_and_one_may_be_missing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    before = sys.stdout
    with pytest.raises(KeyError), patient_console():
        assert isinstance(sys.stdout, Console)
        print("unheard", file=sys.stderr)
        ProgressBar(1).write("unheard")
        raise KeyError
    ProgressBar(1).write("unheard")
    assert sys.stderr is None and sys.stdout is before
    assert capsys.readouterr().out == ""


def test_it_is_the_stream_that_it_stands_for():
    stream = io.StringIO()
    console = Console(stream)
    assert console.write("é") == 1 and stream.getvalue() == "é"
    assert console.isatty() is False and console.closed is False
    stream.close()
    assert console.write("more") == 4
    console.flush()
    assert console.isatty() is False
