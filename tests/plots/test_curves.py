"""Curves: that what was recorded can be seen, and nothing is changed around them."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigan import plots
from minigan.errors import UserError
from minigan.plots import curves

rng = np.random.default_rng(0)


@pytest.fixture
def colored(pixels_of):
    def count(path, color):
        """How many pixels of a picture have nearly this color."""
        target = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        return int((np.abs(pixels_of(path)[:, :, :3].astype(int) - target).max(axis=2) < 12).sum())

    return count


def metrics(rows, **more):
    iteration = np.arange(1, rows + 1)
    losses = {"G loss": 1 + rng.random(rows), "D loss": rng.random(rows)}
    return {"iteration": iteration, "epoch": iteration // 10, **losses, **more}


BLUE, ORANGE = plots.COLORS[:2]


def test_both_losses_are_drawn(tmp_path, pixels_of, colored):
    plots.save_losses(tmp_path / "losses.png", metrics(300))
    for color in (BLUE, ORANGE):
        assert colored(tmp_path / "losses.png", color) > 1000
    upper, lower = (
        np.mean(np.nonzero(np.all(pixels_of(tmp_path / "losses.png")[:, :, :3] == rgb, axis=2))[0])
        for rgb in ([0xE0, 0x7B, 0x28], [0x2F, 0x6D, 0xB3])
    )
    assert upper < lower  # G's loss, the larger, is orange, whatever the order of the columns


def test_from_a_file_as_from_columns(tmp_path, pixels_of):
    columns = metrics(50)
    lines = [",".join(columns)] + [
        ",".join(map(str, row)) for row in zip(*columns.values(), strict=True)
    ]
    (tmp_path / "metrics.csv").write_text("\n".join(lines) + "\n")
    plots.save_losses(tmp_path / "a.png", tmp_path / "metrics.csv")
    plots.save_losses(tmp_path / "b.png", columns)
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.png"), pixels_of(tmp_path / "b.png"))


def test_a_critics_distance_is_drawn_with_the_losses(tmp_path, colored):
    plots.save_losses(tmp_path / "two.png", metrics(100))
    plots.save_losses(tmp_path / "three.png", metrics(100, distance=3 + rng.random(100)))
    third = plots.COLORS[2]
    assert colored(tmp_path / "three.png", third) > 1000 > colored(tmp_path / "two.png", third)


def test_a_second_panel_for_what_d_believes(tmp_path, pixels_of):
    beliefs = {"D(x)": rng.random(100), "D(G(z))": rng.random(100)}
    plots.save_losses(tmp_path / "one.png", metrics(100))
    plots.save_losses(tmp_path / "two.png", metrics(100, **beliefs))
    assert pixels_of(tmp_path / "two.png").shape[0] > pixels_of(tmp_path / "one.png").shape[0]


@pytest.mark.parametrize("rows", [1, 2, 3, 60])
def test_few_rows_are_seen(tmp_path, rows, colored):
    plots.save_losses(tmp_path / "losses.png", metrics(rows))
    assert colored(tmp_path / "losses.png", BLUE) > 100  # more than the legend's short line


def test_rows_that_are_not_finite_are_gaps(tmp_path, colored):
    columns = metrics(200)
    columns["D loss"][50:150] = np.nan
    columns["G loss"][20] = np.inf
    plots.save_losses(tmp_path / "gap.png", columns)
    columns["D loss"][50:150] = 0.5
    plots.save_losses(tmp_path / "whole.png", columns)
    assert colored(tmp_path / "gap.png", BLUE) < 0.9 * colored(tmp_path / "whole.png", BLUE)
    columns["D loss"][:] = columns["G loss"][:] = np.nan
    plots.save_losses(tmp_path / "none.png", columns)


def test_a_wild_batch_does_not_press_the_curves_flat(tmp_path, colored):
    columns = metrics(1000)
    plots.save_losses(tmp_path / "calm.png", columns)
    columns["G loss"][500] = 1e6
    plots.save_losses(tmp_path / "wild.png", columns)
    assert colored(tmp_path / "wild.png", BLUE) > 0.5 * colored(tmp_path / "calm.png", BLUE)


@pytest.mark.parametrize("columns", [{}, {"iteration": [1], "epoch": [1]}, {"D loss": [0.5]}])
def test_no_loss_to_plot(tmp_path, columns):
    with pytest.raises(UserError, match="no loss to plot"):
        plots.save_losses(tmp_path / "losses.png", columns)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"iteration": [], "D loss": []}, "equally many rows, at least one.*D loss 0"),
        ({"iteration": [1, 2], "D loss": [1.0]}, "equally many rows.*iteration 2, D loss 1"),
        ({"iteration": [1], "D loss": [1.0], "D(x)": []}, r"D\(x\) 0"),
        ({"iteration": [1], "D loss": ["low"]}, "'D loss' does not hold numbers"),
        ({"iteration": [1], "D loss": [None, [1]]}, "'D loss' does not hold numbers"),
        ({"iteration": [1], "D loss": 1.0}, r"'D loss' must be a list of numbers, not \(\)"),
        ({"iteration": [1], "D loss": [[1.0]]}, r"list of numbers, not \(1, 1\)"),
    ],
)
def test_columns_that_cannot_be_drawn(tmp_path, columns, said):
    with pytest.raises(UserError, match=said):
        plots.save_losses(tmp_path / "losses.png", columns)
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_rows_cannot_be_drawn(tmp_path):
    (tmp_path / "metrics.csv").write_text("iteration,D loss\n")
    with pytest.raises(UserError, match="at least one"):
        plots.save_losses(tmp_path / "losses.png", tmp_path / "metrics.csv")


@given(
    values=hnp.arrays(
        np.float64, st.integers(1, 30), elements=st.floats(-100, 100) | st.just(np.nan)
    ),
    window=st.integers(0, 12),
)
def test_the_moving_average(values, window):
    half = window // 2
    for i, mean in enumerate(curves._moving_average(values, window)):
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


def test_where_a_game_rests_is_in_the_picture(tmp_path, pixels_of):
    """The line is drawn also where no loss comes near it, and a title makes room for itself."""
    columns = metrics(50)
    plots.save_losses(tmp_path / "bare.png", columns)
    plots.save_losses(tmp_path / "line.png", columns, at_rest={"here": columns["G loss"].mean()})
    plots.save_losses(tmp_path / "far.png", columns, at_rest={"far away": 70.0})
    plots.save_losses(tmp_path / "title.png", columns, title="gan on MNIST, seed 0")
    bare, line, far, title = (
        pixels_of(tmp_path / f"{name}.png")[:, :, 0].astype(int)
        for name in ("bare", "line", "far", "title")
    )
    changed = (bare != line).sum(axis=1)  # in each row of pixels
    assert changed.max() > 300  # a dotted line over the whole width
    assert (bare != far).mean() > 0.02  # the curves make room for it
    assert title[:40].min() < 100 < bare[:10].min()


def test_a_critics_slope_has_a_panel(tmp_path, pixels_of):
    plots.save_losses(tmp_path / "one.png", metrics(100))
    plots.save_losses(tmp_path / "two.png", metrics(100, slope=1 + rng.random(100)))
    assert pixels_of(tmp_path / "two.png").shape[0] > pixels_of(tmp_path / "one.png").shape[0]


def test_scores_of_the_generator_and_of_its_average(tmp_path, colored):
    green = plots.COLORS[2]
    table = {"epoch": [2, 4, 6], "precision": [0.1, 0.3, 0.4], "parzen_sigma": [1, 1, 1]}
    plots.save_scores(tmp_path / "one.png", table, {"precision": "precision\n1 is best"})
    assert colored(tmp_path / "one.png", ORANGE) > 100 > colored(tmp_path / "one.png", green)
    table["averaged_precision"] = [0.2, 0.5, 0.8]
    meanings = {"precision": "precision", "recall": "not recorded"}
    plots.save_scores(tmp_path / "two.png", table, meanings, title="a run")
    assert colored(tmp_path / "two.png", ORANGE) > 100 < colored(tmp_path / "two.png", green)
    for wrong in ({"epoch": [1]}, {"precision": [1]}):
        with pytest.raises(UserError, match="no score to plot"):
            plots.save_scores(tmp_path / "none.png", wrong, meanings)
