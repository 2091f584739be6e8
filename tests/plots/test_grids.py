"""Grids: every pixel of them, and what filters and feature maps look like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"value_range": (0, 0)}, "two different numbers, .* such as .-1, 1., not .0, 0."),
        ({"value_range": (0, float("nan"))}, "two different numbers"),
        ({"value_range": (0, float("inf"))}, "two different numbers"),
        ({"value_range": 1}, "two different numbers.*not 1"),
        ({"value_range": (0, 1, 2)}, "two different numbers"),
        ({"value_range": None}, "two different numbers"),
        ({"padding": -1}, "padding must be a whole number of at least 0, not -1"),
        ({"padding": 1.5}, "padding must be a whole number of at least 0, not 1.5"),
        ({"background": 300}, "background must be a whole number from 0 to 255, not 300"),
        ({"background": -1}, "background must be a whole number from 0 to 255, not -1"),
        ({"background": "white"}, "from 0 to 255, not 'white'"),
        ({"columns": 2.5}, "columns must be a whole number of at least 1, not 2.5"),
        ({"scale": 0.5}, "scale must be a whole number of at least 1, not 0.5"),
        ({"scale": "2"}, "scale must be a whole number"),
        ({"labels": range(3)}, "4 images and 3 labels"),
    ],
)
def test_arguments_that_make_no_picture(options, said):
    with pytest.raises(UserError, match=said):
        plots.image_grid(np.zeros((4, 1, 8, 8), np.float32), **options)


def test_labels_may_be_any_row_and_a_range_may_be_turned_round():
    images = np.linspace(0, 1, 64, dtype=np.float32).reshape(4, 1, 4, 4)
    words = ["a", "b", "c", "d"]
    listed, dealt = (plots.image_grid(images, labels=row) for row in (words, iter(words)))
    np.testing.assert_array_equal(listed, dealt)
    turned = plots.image_grid(images, value_range=(1, 0), padding=0)
    np.testing.assert_array_equal(
        turned, 255 - plots.image_grid(images, None, padding=0, value_range=(0, 1))
    )


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: plots.filter_grid(np.zeros((0, 1, 3, 3))), "none of them 0, not .0, 1, 3, 3."),
        (lambda: plots.filter_grid(np.zeros((2, 3))), "Filters must be .out"),
        (lambda: plots.filter_grid(np.zeros((2, 1, 3, 3)), columns=-1), "columns must be"),
        (lambda: plots.filter_grid(np.full((2, 1, 3, 3), "x")), "must be numbers"),
        (lambda: plots.activation_grid(np.zeros((0, 4, 4))), "none 0, not .0, 4, 4."),
        (lambda: plots.activation_grid(np.zeros((2, 3, 4, 4))), "Feature maps must be of one"),
        (lambda: plots.activation_grid(np.zeros((2, 4, 4)), scale=0), "scale must be"),
    ],
)
def test_filters_and_maps_that_make_no_picture(draw, said):
    with pytest.raises(UserError, match=said):
        draw()


def test_saved_grids_are_the_grids(tmp_path):
    for channels, mode in ((1, "L"), (3, "RGB")):
        images = rng.integers(0, 256, (5, channels, 6, 6), dtype=np.uint8)
        plots.save_grid(tmp_path / "new" / "grid.png", images, 3, scale=2, padding=1)
        with Image.open(tmp_path / "new" / "grid.png") as image:
            assert image.format == "PNG" and image.mode == mode
            expected = plots.image_grid(images, 3, scale=2, padding=1)
            np.testing.assert_array_equal(np.asarray(image), expected)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["grid.png"]


def test_digits_are_enlarged_and_large_grids_are_not(tmp_path, pixels_of):
    plots.save_grid(tmp_path / "digits.png", np.zeros((25, 1, 28, 28)))
    plots.save_grid(tmp_path / "faces.png", np.zeros((64, 3, 64, 64)))
    assert pixels_of(tmp_path / "digits.png").shape == (572, 572)  # 5 · (4·28 + 2) + 2
    assert pixels_of(tmp_path / "faces.png").shape == (530, 530, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_real_beside_fake(tmp_path, channels, pixels_of):
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


@pytest.mark.parametrize("channels", [1, 3])
def test_a_caption_leaves_the_picture_alone_and_stands_below_it(channels):
    images = rng.integers(0, 256, (4, channels, 28, 28), dtype=np.uint8)
    bare = plots.image_grid(images, scale=3)
    grid = plots.image_grid(images, scale=3, caption="iteration 500, seed 0")
    np.testing.assert_array_equal(grid[: len(bare)], bare)
    strip = grid[len(bare) :]
    assert strip.shape[0] == 22 and strip.dtype == np.uint8
    assert strip[[0, -1]].min() == 255 and (strip < 128).any()  # text on white


def test_a_caption_shrinks_to_the_width_of_the_picture():
    picture = np.zeros((10, 120), np.uint8)
    strip = plots.captioned(picture, "iteration 23,450, seed 0")[10:]
    assert strip[:, [0, -1]].min() == 255  # nothing is cut off
