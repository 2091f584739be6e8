"""The progress bar: everything on a terminal, plain lines elsewhere, no thread left behind."""

import fcntl
import io
import os
import pty
import re
import struct
import termios

import pytest

from minigan.training import progress as module
from minigan.training.progress import ProgressBar

STATISTICS = {"D loss": 0.5312, "G loss": 1.0421, "D(x)": 0.71, "D(G(z))": 0.234}


class Clock:
    """time.monotonic that goes on by itself, a little at each look."""

    def __init__(self, step):
        self.now, self.step = 100.0, step

    def __call__(self):
        self.now += self.step
        return self.now


class Number:
    """A number that counts how often it is read, as one on a GPU would be waited for."""

    reads = 0

    def __float__(self):
        Number.reads += 1
        return 0.5


@pytest.fixture
def terminal():
    """Both ends of a pretended terminal of 120 columns: a stream to write to, and a reader."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    stream = open(slave, "w", encoding="utf-8")  # noqa: SIM115

    def shown():
        stream.close()
        text = b""
        try:
            while piece := os.read(master, 65536):
                text += piece
        except OSError:  # Linux's way to say that the other end is closed
            pass
        return re.split(r"[\r\n]+", text.decode())

    yield stream, shown
    os.close(master)


def drive(bar, start=1, stop=41, epoch_length=10):
    with bar:
        for iteration in range(start, stop):
            epoch = 1 + (iteration - 1) // epoch_length
            bar.update(iteration, STATISTICS, images=64, epoch=epoch)
            if iteration % epoch_length == 0:
                bar.end_epoch(epoch)


def test_plain_lines_without_a_terminal(monkeypatch):
    monkeypatch.setattr(module.time, "monotonic", Clock(0.5))
    stream = io.StringIO()
    drive(ProgressBar(40, epochs=4, stream=stream))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert re.fullmatch(
        r"\[Epoch 3/4\]  D loss: 0\.5312  G loss: 1\.0421  D\(x\): 0\.7100  D\(G\(z\)\): 0\.2340"
        r"  \(\d\.\d s\)",
        lines[2],
    )


def test_the_seconds_are_those_of_the_epoch(monkeypatch):
    clock = Clock(0)
    monkeypatch.setattr(module.time, "monotonic", clock)
    stream = io.StringIO()
    bar = ProgressBar(2, stream=stream)
    for epoch, seconds in ((1, 12.3), (2, 3.4)):
        clock.now += seconds
        bar.end_epoch(epoch)
    assert stream.getvalue().splitlines() == ["[Epoch 1]  (12.3 s)", "[Epoch 2]  (3.4 s)"]


def test_a_bar_on_a_terminal(monkeypatch, terminal):
    monkeypatch.setattr(module.time, "monotonic", Clock(0.2))
    stream, shown = terminal
    drive(ProgressBar(40, epochs=4, stream=stream))
    lines = shown()
    assert not any("[Epoch" in line for line in lines)
    last = [line for line in lines if "%" in line][-1]
    assert last.startswith("100% |") and len(last) <= 120
    for part in ("00:00 left", "epoch 4/4", "D loss 0.531", "D(x) 0.710", "D(G(z)) 0.234"):
        assert part in last
    assert re.search(r"  [\d,]+ images/s$", last)


def test_a_narrow_terminal_shows_the_same_in_short(monkeypatch, terminal):
    monkeypatch.setattr(module.time, "monotonic", Clock(0.2))
    stream, shown = terminal
    fcntl.ioctl(stream, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    drive(ProgressBar(40, epochs=4, stream=stream))
    last = [line for line in shown() if "%" in line][-1]
    assert len(last) <= 80
    assert re.search(r"epoch 4/4 D loss 0.53 G loss 1.04 D\(x\) 0.71 [\d,]+ img/s$", last)


def test_a_very_narrow_terminal_shows_no_half_numbers(monkeypatch, terminal):
    monkeypatch.setattr(module.time, "monotonic", Clock(0.2))
    stream, shown = terminal
    fcntl.ioctl(stream, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
    drive(ProgressBar(40, epochs=4, stream=stream))
    last = [line for line in shown() if "%" in line][-1]
    assert len(last) <= 60
    assert re.search(r"D loss 0.53 G loss 1.04 [\d,]+ img/s$", last)


def test_a_resumed_run_starts_where_it_stood(terminal):
    stream, shown = terminal
    with ProgressBar(40, initial=30, stream=stream):
        pass
    assert [line for line in shown() if "%" in line][0].startswith(" 75% |")


def test_images_a_second(monkeypatch):
    clock = Clock(0)
    monkeypatch.setattr(module.time, "monotonic", clock)
    speed = module._Speed()
    for _ in range(3):
        speed.add(64)
        assert not speed.is_due()
        clock.now += 0.03
    clock.now += 0.01
    assert speed.is_due() and speed.measure() == pytest.approx(192 / 0.1)
    clock.now += 0.1
    assert speed.measure() == pytest.approx(0.7 * 1920)  # slows down gently


def test_a_line_is_written_above_the_bar(terminal):
    stream, shown = terminal
    with ProgressBar(40, initial=10, stream=stream) as bar:
        bar.write("Saved a checkpoint.")
    lines = [line.strip() for line in shown() if line.strip()]
    assert "Saved a checkpoint." in lines
    assert lines[-1].startswith("25% |")  # the bar stands below it again


def test_a_line_without_a_terminal():
    stream = io.StringIO()
    ProgressBar(40, stream=stream).write("Saved a checkpoint.")
    assert stream.getvalue() == "Saved a checkpoint.\n"


def test_numbers_are_read_only_to_be_shown(monkeypatch, terminal):
    monkeypatch.setattr(module.time, "monotonic", Clock(0.001))
    stream, _ = terminal
    Number.reads = 0
    with ProgressBar(1000, stream=stream) as bar:
        for iteration in range(1, 1001):
            bar.update(iteration, {"D loss": Number()}, images=64)
    assert 5 < Number.reads < 15  # the clock has gone on by a second: ten times


def test_no_thread_watches_the_bar(terminal):
    with ProgressBar(10, stream=terminal[0]) as bar:
        bar.update(5, STATISTICS, images=64)
        assert vars(type(bar._bar)).get("monitor") is None


def test_a_bar_below_a_cell_of_a_notebook(monkeypatch):
    cell_stream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    stream = cell_stream()
    assert not stream.isatty()
    with ProgressBar(40, epochs=4, stream=stream) as bar:
        bar.update(10, STATISTICS, images=64, epoch=1)
        bar.write("a line above it")
        bar.end_epoch(1)
    shown = re.split(r"[\r\n]+", stream.getvalue())
    assert "a line above it" in shown and not any("[Epoch" in line for line in shown)
    bars = [line for line in shown if "%" in line]
    assert bars[-1].startswith(" 25% |") and max(map(len, bars)) <= 100
