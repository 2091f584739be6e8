"""Tests of the layout: boxes do not touch, arrows lead down, the way of the data is straight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigan.graph.layout import BETWEEN_ROWS, GAP, MOST, _apart, layout


def no_two_touch(where, sizes):
    for i, ((x, y), (width, height)) in enumerate(zip(where.centers, sizes, strict=True)):
        for (u, v), (wide, high) in list(zip(where.centers, sizes, strict=True))[:i]:
            if abs(x - u) < (width + wide) / 2 + GAP - 1e-6:
                if abs(y - v) < (height + high) / 2 + BETWEEN_ROWS - 1e-6:
                    return False
    return True


def all_inside(where, sizes):
    (across, down), points = where.size, zip(where.centers, sizes, strict=True)
    return all(
        width / 2 - 1e-6 <= x <= across - width / 2 + 1e-6
        and height / 2 - 1e-6 <= y <= down - height / 2 + 1e-6
        for (x, y), (width, height) in points
    )


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 9))
    arrows = [
        (draw(st.integers(0, target - 1)), target)
        for target in range(1, count)
        for _ in range(draw(st.integers(0, 3)))
    ]
    side = st.integers(10, 90)
    return [(draw(side), draw(side)) for _ in range(count)], arrows


@given(graphs())
def test_any_graph_is_laid_out(graph):
    sizes, arrows = graph
    where = layout(sizes, arrows)
    assert no_two_touch(where, sizes) and all_inside(where, sizes)
    for (source, target), bends in zip(arrows, where.bends, strict=True):
        heights = [where.centers[source][1], *[y for _, y in bends], where.centers[target][1]]
        assert heights == sorted(set(heights))  # down, from row to row
    assert layout(sizes, arrows) == where


def test_a_leaf_stands_right_above_its_first_user():
    where = layout([(50, 30)] * 5, [(0, 1), (1, 2), (3, 2), (2, 4)])
    assert [y for _, y in where.centers] == [15, 83, 151, 83, 219]


def test_an_arrow_past_a_row_bends_there_beside_the_boxes():
    where = layout([(50, 30)] * 3, [(0, 1), (1, 2), (0, 2)])
    ((x, y),) = where.bends[2]
    assert where.bends[:2] == [[], []] and y == where.centers[1][1]
    assert abs(x - where.centers[1][0]) > 25


def test_the_way_of_the_data_is_nearly_straight():
    """A chain of layers, each with a weight and a bias of its own."""
    sizes, arrows, last = [(80, 40)], [], 0
    for _ in range(10):
        at = len(sizes)
        sizes += [(120, 40), (90, 40), (70, 40)]
        arrows += [(last, at + 2), (at, at + 2), (at + 1, at + 2)]
        last = at + 2
    where = layout(sizes, arrows)
    way = [where.centers[i][0] for i in range(3, len(sizes), 3)]
    assert np.abs(np.diff(way)).max() < 20


def test_neighbors_are_put_where_they_want_to_be_as_near_as_they_may():
    apart = _apart(np.array([0.0, 200.0]), np.array([50.0, 50.0]), np.ones(2))
    assert apart.tolist() == [0, 200]
    apart = _apart(np.array([0.0, 0.0]), np.array([50.0, 50.0]), np.ones(2))
    assert apart.tolist() == [-(50 + GAP) / 2, (50 + GAP) / 2]
    light, heavy = _apart(np.array([0.0, 0.0]), np.array([50.0, 50.0]), np.array([1.0, 3.0]))
    assert (light, heavy) == (-(50 + GAP) * 3 / 4, (50 + GAP) / 4)


def test_too_many_boxes_are_refused():
    with pytest.raises(ValueError, match="draw: 301 boxes are more than a picture can show"):
        layout([(10, 10)] * (MOST + 1), [])
