"""Pictures: every pixel of a grid, every frame of a film, and nothing changed around them."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from minigan import plots
from minigan.errors import UserError

rng = np.random.default_rng(0)


class Hosted:
    """Something with .numpy(), as a Tensor has."""

    def __init__(self, array):
        self.array = array

    def numpy(self):
        return self.array


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


# -- grids ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 7),
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    columns=st.integers(1, 9),
    padding=st.integers(0, 3),
    scale=st.integers(1, 3),
    background=st.sampled_from([0, 77, 255]),
)
def test_every_pixel(count, channels, height, width, columns, padding, scale, background):
    images = rng.integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    grid = plots.image_grid(images, columns, padding=padding, scale=scale, background=background)
    columns = min(columns, count)
    rows = -(-count // columns)
    expected = np.full(
        (
            rows * (height * scale + padding) + padding,
            columns * (width * scale + padding) + padding,
            channels,
        ),
        background,
        dtype=np.uint8,
    )
    for n in range(count):
        for y in range(height * scale):
            for x in range(width * scale):
                top = padding + n // columns * (height * scale + padding)
                left = padding + n % columns * (width * scale + padding)
                expected[top + y, left + x] = images[n, :, y // scale, x // scale]
    assert grid.dtype == np.uint8
    np.testing.assert_array_equal(grid, expected if channels == 3 else expected[:, :, 0])


def test_the_range_is_fixed():
    values = np.array([-2, -1, 0, 0.5, 1, 7, np.nan, np.inf, -np.inf], np.float32)
    grid = plots.image_grid(values.reshape(1, 1, 1, -1), padding=0)
    assert grid.tolist() == [[0, 0, 128, 191, 255, 255, 0, 255, 0]]
    grid = plots.image_grid(values.reshape(1, 1, 1, -1), padding=0, value_range=(0, 1))
    assert grid.tolist() == [[0, 0, 0, 128, 255, 255, 0, 255, 0]]


def test_scaling_to_floats_and_back_changes_no_byte():
    stored = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    scaled = stored.astype(np.float32) / np.float32(127.5) - 1
    np.testing.assert_array_equal(plots.image_grid(scaled, padding=0), stored[0, 0])


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (3, 2), (25, 5), (64, 8), (10, 4)])
def test_about_as_many_columns_as_rows(count, columns):
    assert plots.image_grid(np.zeros((count, 1, 4, 4)), padding=0).shape[1] == 4 * columns


def test_tensors_are_welcome():
    images = rng.normal(size=(4, 1, 3, 3))
    np.testing.assert_array_equal(plots.image_grid(Hosted(images)), plots.image_grid(images))


def test_labels_leave_the_images_alone_and_stand_below_them():
    images = rng.integers(0, 256, (3, 1, 28, 28), dtype=np.uint8)
    for background in (0, 255):
        grid = plots.image_grid(images, 3, labels=[7, "eight", 9], background=background)
        for n in range(3):
            left = 2 + 30 * n
            np.testing.assert_array_equal(grid[2:30, left : left + 28], images[n, 0])
            assert (grid[30:-2, left : left + 28] != background).any()  # the label
        assert (grid[-2:] == background).all()
    with pytest.raises(UserError, match="3 images and 2 labels"):
        plots.image_grid(images, labels=[1, 2])


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (np.zeros((4, 784)), r"not \(4, 784\)"),
        (np.zeros((4, 2, 8, 8)), r"1 or 3 channels.*not \(4, 2, 8, 8\)"),
        (np.zeros((0, 1, 8, 8)), r"not \(0, 1, 8, 8\)"),
        (np.zeros((1, 1, 8, 8), np.int64), "not int64"),
    ],
)
def test_what_cannot_be_shown(images, match):
    with pytest.raises(UserError, match=match):
        plots.image_grid(images)


@pytest.mark.parametrize("options", [{"columns": 0}, {"scale": 0}, {"columns": -3, "scale": None}])
def test_columns_and_scale_are_at_least_one(options):
    with pytest.raises(UserError, match="at least 1"):
        plots.image_grid(np.zeros((4, 1, 4, 4)), **options)


def test_saved_grids_are_the_grids(tmp_path):
    for channels, mode in ((1, "L"), (3, "RGB")):
        images = rng.integers(0, 256, (5, channels, 6, 6), dtype=np.uint8)
        plots.save_grid(tmp_path / "new" / "grid.png", images, 3, scale=2, padding=1)
        with Image.open(tmp_path / "new" / "grid.png") as image:
            assert image.format == "PNG" and image.mode == mode
            expected = plots.image_grid(images, 3, scale=2, padding=1)
            np.testing.assert_array_equal(np.asarray(image), expected)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["grid.png"]


def test_digits_are_enlarged_and_large_grids_are_not(tmp_path):
    plots.save_grid(tmp_path / "digits.png", np.zeros((25, 1, 28, 28)))
    plots.save_grid(tmp_path / "faces.png", np.zeros((64, 3, 64, 64)))
    assert pixels_of(tmp_path / "digits.png").shape == (572, 572)  # 5 · (4·28 + 2) + 2
    assert pixels_of(tmp_path / "faces.png").shape == (530, 530, 3)


def test_names_and_pictures_are_checked(tmp_path):
    picture = plots.image_grid(np.zeros((1, 1, 4, 4)))
    with pytest.raises(UserError, match=r"grid\.jpg must end in \.png"):
        plots.save_picture(tmp_path / "grid.jpg", picture)
    with pytest.raises(UserError, match=r"film\.png must end in \.gif"):
        plots.save_animation(tmp_path / "film.png", [picture])
    with pytest.raises(UserError, match="image_grid makes one"):
        plots.save_picture(tmp_path / "grid.png", np.zeros((1, 1, 4, 4)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("channels", [1, 3])
def test_real_beside_fake(tmp_path, channels):
    real, fake = rng.integers(0, 256, (2, 6, channels, 20, 20), dtype=np.uint8)
    plots.real_beside_fake(tmp_path / "both.png", real, fake[:4], columns=2, scale=3)
    page = pixels_of(tmp_path / "both.png")
    for images, left in ((real, 16), (fake[:4], 16 + 126 + 16)):
        grid = plots.image_grid(images, 2, scale=3)
        expected = grid if channels == 3 else np.stack([grid] * 3, axis=2)
        height, width = grid.shape[:2]
        np.testing.assert_array_equal(page[40 : 40 + height, left : left + width], expected)
        assert (page[:40, left : left + width] < 128).any()  # its title
    assert (page[40 + 126 :, 16 + 126 + 16 :] == 255).all()  # the shorter grid ends earlier


def test_filters_are_gray_in_the_middle():
    weights = rng.normal(size=(4, 3, 2, 2))
    weights[1] = 0
    weights[2] *= 1000  # each filter has its own scale
    grid = plots.filter_grid(weights, columns=4, scale=1)
    for n in range(4):
        shown = grid[3:5, 3 + 5 * n : 5 + 5 * n].transpose(2, 0, 1)  # (3, 2, 2)
        largest = np.abs(weights[n]).max() or 1
        np.testing.assert_allclose(shown / 127.5 - 1, weights[n] / largest, atol=0.5 / 127)


def test_filters_of_other_widths_are_gray_tiles():
    weights = rng.normal(size=(5, 8, 4, 4))
    assert plots.filter_grid(weights, scale=1).shape == (5 * 7 + 3, 8 * 7 + 3)
    assert plots.filter_grid(weights[:4, :1], scale=1).shape == (2 * 7 + 3, 2 * 7 + 3)
    with pytest.raises(UserError, match=r"not \(5, 8\)"):
        plots.filter_grid(weights[:, :, 0, 0])


def test_activations_grow_brighter():
    maps = np.stack([np.arange(12.0).reshape(3, 4), np.full((3, 4), 5.0), -np.ones((3, 4))])
    maps[2, 1, 2] = np.nan  # counts as 0, the largest
    grid = plots.activation_grid(maps, columns=3, scale=1).astype(int)
    light = grid.sum(axis=2)
    shown = [light[2:5, 2 + 6 * n : 6 + 6 * n] for n in range(3)]
    assert (np.diff(shown[0].ravel()) > 0).all()
    assert (shown[1] == shown[0].min()).all()  # constant: dark
    assert shown[2].argmax() == 6 and shown[2].max() == shown[0].max()
    np.testing.assert_array_equal(plots.activation_grid(maps[None], columns=3, scale=1), grid)
    with pytest.raises(UserError, match="of one image"):
        plots.activation_grid(np.zeros((2, 3, 4, 4)))


# -- films ------------------------------------------------------------------------------------


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


def test_a_film_of_saved_samples(tmp_path):
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
    (tmp_path / "half.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match=r"half\.png cannot be read as a picture"):
        plots.save_animation(path, [tmp_path / "half.png"])
    assert not path.exists()


# -- curves -----------------------------------------------------------------------------------


def colored(path, color):
    """How many pixels of a picture have nearly this color."""
    target = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels_of(path)[:, :, :3].astype(int) - target).max(axis=2) < 12).sum())


def metrics(rows, **more):
    iteration = np.arange(1, rows + 1)
    losses = {"G loss": 1 + rng.random(rows), "D loss": rng.random(rows)}
    return {"iteration": iteration, "epoch": iteration // 10, **losses, **more}


BLUE, ORANGE = plots.COLORS[:2]


def test_both_losses_are_drawn(tmp_path):
    plots.save_losses(tmp_path / "losses.png", metrics(300))
    for color in (BLUE, ORANGE):
        assert colored(tmp_path / "losses.png", color) > 1000
    upper, lower = (
        np.mean(np.nonzero(np.all(pixels_of(tmp_path / "losses.png")[:, :, :3] == rgb, axis=2))[0])
        for rgb in ([0xE0, 0x7B, 0x28], [0x2F, 0x6D, 0xB3])
    )
    assert upper < lower  # G's loss, the larger, is orange, whatever the order of the columns


def test_from_a_file_as_from_columns(tmp_path):
    columns = metrics(50)
    lines = [",".join(columns)] + [
        ",".join(map(str, row)) for row in zip(*columns.values(), strict=True)
    ]
    (tmp_path / "metrics.csv").write_text("\n".join(lines) + "\n")
    plots.save_losses(tmp_path / "a.png", tmp_path / "metrics.csv")
    plots.save_losses(tmp_path / "b.png", columns)
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.png"), pixels_of(tmp_path / "b.png"))


def test_a_critics_distance_is_drawn_with_the_losses(tmp_path):
    plots.save_losses(tmp_path / "two.png", metrics(100))
    plots.save_losses(tmp_path / "three.png", metrics(100, distance=3 + rng.random(100)))
    third = plots.COLORS[2]
    assert colored(tmp_path / "three.png", third) > 1000 > colored(tmp_path / "two.png", third)


def test_a_second_panel_for_what_d_believes(tmp_path):
    beliefs = {"D(x)": rng.random(100), "D(G(z))": rng.random(100)}
    plots.save_losses(tmp_path / "one.png", metrics(100))
    plots.save_losses(tmp_path / "two.png", metrics(100, **beliefs))
    assert pixels_of(tmp_path / "two.png").shape[0] > pixels_of(tmp_path / "one.png").shape[0]


@pytest.mark.parametrize("rows", [1, 2, 3, 60])
def test_few_rows_are_seen(tmp_path, rows):
    plots.save_losses(tmp_path / "losses.png", metrics(rows))
    assert colored(tmp_path / "losses.png", BLUE) > 100  # more than the legend's short line


def test_rows_that_are_not_finite_are_gaps(tmp_path):
    columns = metrics(200)
    columns["D loss"][50:150] = np.nan
    columns["G loss"][20] = np.inf
    plots.save_losses(tmp_path / "gap.png", columns)
    columns["D loss"][50:150] = 0.5
    plots.save_losses(tmp_path / "whole.png", columns)
    assert colored(tmp_path / "gap.png", BLUE) < 0.9 * colored(tmp_path / "whole.png", BLUE)
    columns["D loss"][:] = columns["G loss"][:] = np.nan
    plots.save_losses(tmp_path / "none.png", columns)


def test_a_wild_batch_does_not_press_the_curves_flat(tmp_path):
    columns = metrics(1000)
    plots.save_losses(tmp_path / "calm.png", columns)
    columns["G loss"][500] = 1e6
    plots.save_losses(tmp_path / "wild.png", columns)
    assert colored(tmp_path / "wild.png", BLUE) > 0.5 * colored(tmp_path / "calm.png", BLUE)


@pytest.mark.parametrize("columns", [{}, {"iteration": [1], "epoch": [1]}, {"D loss": [0.5]}])
def test_no_loss_to_plot(tmp_path, columns):
    with pytest.raises(UserError, match="no loss to plot"):
        plots.save_losses(tmp_path / "losses.png", columns)


@given(
    values=hnp.arrays(
        np.float64, st.integers(1, 30), elements=st.floats(-100, 100) | st.just(np.nan)
    ),
    window=st.integers(0, 12),
)
def test_the_moving_average(values, window):
    half = window // 2
    for i, mean in enumerate(plots._moving_average(values, window)):
        near = values[max(0, i - half) : i + half + 1]
        if np.isnan(values[i]):
            assert np.isnan(mean)
        else:
            assert mean == pytest.approx(np.mean(near[~np.isnan(near)]), abs=1e-9)


def test_nothing_around_is_changed(tmp_path):
    script = """
import sys
import numpy as np
import matplotlib
matplotlib.use("svg")
settings = dict(matplotlib.rcParams)
from minigan import plots
columns = {"iteration": [1, 2], "D loss": [0.5, 0.4], "G loss": [1, 2]}
plots.save_losses(sys.argv[1], columns)
plots.activation_grid(np.zeros((1, 4, 4)))
assert "matplotlib.pyplot" not in sys.modules
assert dict(matplotlib.rcParams) == settings and matplotlib.get_backend() == "svg"
"""
    command = [sys.executable, "-c", script, str(tmp_path / "losses.png")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# -- latent walks -----------------------------------------------------------------------------


@settings(deadline=None)
@given(
    shape=st.sampled_from([(1,), (7,), (100, 1, 1)]),
    seed=st.integers(0, 10**6),
    steps=st.integers(2, 9),
    dtype=st.sampled_from([np.float32, np.float64]),
    spherical=st.booleans(),
)
def test_walks_start_and_end_where_they_should(shape, seed, steps, dtype, spherical):
    start, end = np.random.default_rng(seed).normal(size=(2, *shape)).astype(dtype)
    walk = plots.latent_walk(start, Hosted(end), steps, spherical=spherical)
    assert walk.shape == (steps, *shape) and walk.dtype == dtype
    tolerance = 10 * np.finfo(dtype).eps
    np.testing.assert_allclose(walk[0], start, rtol=tolerance)
    np.testing.assert_allclose(walk[-1], end, rtol=tolerance)
    if not spherical:
        step = np.broadcast_to((end - start) / (steps - 1), (steps - 1, *shape))
        np.testing.assert_allclose(np.diff(walk, axis=0), step, atol=1e-6)


def test_the_great_circle_is_walked_at_an_even_pace():
    start, end = rng.normal(size=(2, 50))
    start, end = 3 * start / np.linalg.norm(start), 3 * end / np.linalg.norm(end)
    walk = plots.latent_walk(start, end, 11)
    np.testing.assert_allclose(np.linalg.norm(walk, axis=1), 3)
    angles = [np.arccos(np.clip(a @ b / 9, -1, 1)) for a, b in zip(walk, walk[1:], strict=False)]
    np.testing.assert_allclose(angles, np.arccos(start @ end / 9) / 10, rtol=1e-6)
    straight = plots.latent_walk(start, end, 11, spherical=False)
    assert np.linalg.norm(straight[5]) < 2.9  # through the inside


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, 0.0, 1 + 1e-12])
def test_parallel_vectors_are_walked_straight(factor):
    start = rng.normal(size=20)
    walk = plots.latent_walk(start, factor * start, 5)
    np.testing.assert_allclose(walk, np.linspace(1, factor, 5)[:, None] * start, atol=1e-12)


def test_nearly_parallel_vectors_keep_their_digits():
    start = rng.normal(size=20)
    step = 1e-5 * rng.normal(size=20)
    walk = plots.latent_walk(start, start + step, 5)
    np.testing.assert_allclose(walk - start, np.linspace(0, 1, 5)[:, None] * step, atol=1e-9)


def test_walks_that_cannot_be():
    with pytest.raises(UserError, match=r"not \(3,\) and \(4,\)"):
        plots.latent_walk(np.zeros(3), np.zeros(4), 5)
    with pytest.raises(UserError, match="at least 2 steps, not 1"):
        plots.latent_walk(np.zeros(3), np.zeros(3), 1)
