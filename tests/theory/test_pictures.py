"""Each picture is written whole, in color, and a film has one frame for each moment."""

import numpy as np
import pytest
from PIL import Image

from minigan.theory import figure1, line, pictures, ring


def colors(path):
    """How many different colors a picture has: a blank page has one."""
    return len(np.unique(np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3), axis=0))


def test_pictures_of_the_line(tmp_path):
    path = tmp_path / "picture.png"
    pictures.draw_optimal(path, line.optimal_discriminator(steps=3))
    assert colors(path) > 50
    pictures.draw_criterion(path, line.criterion(steps=1, samples=100))
    assert colors(path) > 50
    pictures.draw_gradients(path, line.gradients(steps=4), line.race(steps=4))
    assert colors(path) > 50


def test_figure1_moves_and_its_axes_do_not(tmp_path):
    moments = figure1.moments(steps=9, frames=4)
    pictures.draw_figure1(tmp_path / "figure1.png", moments)
    assert colors(tmp_path / "figure1.png") > 50
    pictures.save_figure1_animation(tmp_path / "figure1.gif", moments)
    with Image.open(tmp_path / "figure1.gif") as film:
        assert film.n_frames == 4 and film.size == (576, 432)
        frames = []
        for index in range(4):
            film.seek(index)
            frames.append(np.asarray(film.convert("L")).astype(int))
    first, last = frames[0], frames[-1]
    assert np.abs(first - last).max() > 100
    np.testing.assert_array_equal(first[80:, :45], last[80:, :45])  # ticks and labels at the left


@pytest.mark.parametrize("seeds", [(0,), (0, 4)])
@pytest.mark.parametrize("count", [1, 3])
def test_the_ring_has_a_row_for_each_objective_and_a_block_for_each_seed(tmp_path, count, seeds):
    points = np.zeros((10, 2))
    snapshots = [ring.Snapshot(step, points, 0, 0.0) for step in (1, 2, 3, 4, 5)]
    found = {f"objective, {i}": dict.fromkeys(seeds, snapshots) for i in range(count)}
    pictures.draw_ring(tmp_path / "ring.png", found)
    width, height = Image.open(tmp_path / "ring.png").size
    columns = 3 if len(seeds) == 1 else 6.12
    assert height / width == pytest.approx((0.6 + 2.35 * count) / (2.2 * columns), rel=0.05)
