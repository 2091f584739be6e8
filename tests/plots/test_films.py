"""Films: every frame of them, and the one palette that all share."""

import numpy as np
import pytest
from PIL import Image

from minigan import plots
from minigan.errors import UserError

rng = np.random.default_rng(0)


def frames_of(path):
    with Image.open(path) as film:
        for number in range(film.n_frames):
            film.seek(number)
            yield np.asarray(film.convert("RGB")).astype(int), film.info["duration"]


def test_a_gray_film(tmp_path):
    frames = [rng.integers(0, 256, (20, 30), dtype=np.uint8) for _ in range(7)]
    plots.save_animation(tmp_path / "film.gif", frames, milliseconds=90, last_milliseconds=1500)
    back = list(frames_of(tmp_path / "film.gif"))
    assert [duration for _, duration in back] == [90] * 6 + [1500]
    for frame, (shown, _) in zip(frames, back, strict=True):
        assert (shown == shown[:, :, :1]).all()  # gray stays gray
        assert np.abs(shown[:, :, 0] - frame).max() <= 5  # 32 levels: at most half of 255/31 off
    with Image.open(tmp_path / "film.gif") as film:
        assert film.info["loop"] == 0  # without end


def test_a_color_film(tmp_path):
    colors = rng.integers(0, 256, (100, 3), dtype=np.uint8)
    frames = [colors[rng.integers(0, 100, (20, 30))] for _ in range(5)]
    plots.save_animation(tmp_path / "film.gif", frames)
    back = list(frames_of(tmp_path / "film.gif"))
    assert len(back) == 5
    for frame, (shown, _) in zip(frames, back, strict=True):
        assert np.abs(shown - frame).mean() < 3


@pytest.mark.parametrize("channels", [1, 3])
def test_a_film_has_one_palette(tmp_path, channels):
    frames = [plots.image_grid(rng.normal(size=(4, channels, 8, 8)), padding=0) for _ in range(6)]
    plots.save_animation(tmp_path / "film.gif", frames)
    data = (tmp_path / "film.gif").read_bytes()
    assert data[10] & 0x80  # the palette that all frames share
    assert local_palettes(data) == [False] * 6


def local_palettes(data):
    """Whether each frame of a GIF brings its own palette (GIF89a, sections 18 to 26)."""
    at, found = 13 + 3 * 2 ** ((data[10] & 7) + 1), []
    while data[at] != 0x3B:  # the trailer
        if data[at] == 0x21:  # an extension: two bytes, then blocks
            at += 2
        else:  # a frame: its place and flags, then a byte, then blocks
            flags = data[at + 9]
            found.append(bool(flags & 0x80))
            at += 11 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
        while data[at]:
            at += 1 + data[at]
        at += 1
    return found


def test_a_film_of_saved_samples(tmp_path, pixels_of):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        plots.save_grid(path, rng.normal(size=(4, 1, 8, 8)), scale=2)
    plots.save_animation(tmp_path / "film.gif", paths)
    for path, (shown, _) in zip(paths, frames_of(tmp_path / "film.gif"), strict=True):
        assert np.abs(shown[:, :, 0] - pixels_of(path)).max() <= 5


def test_of_many_frames_some_are_taken(tmp_path):
    frames = [np.full((4, 4), number, np.uint8) for number in range(0, 250, 10)]
    plots.save_animation(tmp_path / "film.gif", frames, most=6)
    shown = [int(frame[0, 0, 0]) for frame, _ in frames_of(tmp_path / "film.gif")]
    assert len(shown) == 6 and shown == sorted(shown)
    assert abs(shown[0] - 0) <= 5 and abs(shown[-1] - 240) <= 5
    plots.save_animation(tmp_path / "film.gif", frames, most=1)
    (only,) = frames_of(tmp_path / "film.gif")
    assert abs(int(only[0][0, 0, 0]) - 240) <= 5


def test_films_that_cannot_be(tmp_path):
    path = tmp_path / "film.gif"
    with pytest.raises(UserError, match="no frames"):
        plots.save_animation(path, [])
    with pytest.raises(UserError, match="one size and kind"):
        plots.save_animation(path, [np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)])
    for wrong in (
        {"most": 0},
        {"most": 1.5},
        {"milliseconds": -1},
        {"milliseconds": 700_000},
        {"last_milliseconds": float("nan")},
    ):
        with pytest.raises(UserError, match=f"{next(iter(wrong))} must be a whole number"):
            plots.save_animation(path, [np.zeros((4, 4), np.uint8)], **wrong)
    (tmp_path / "half.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match=r"half\.png cannot be read as a picture"):
        plots.save_animation(path, [tmp_path / "half.png"])
    assert not path.exists()
