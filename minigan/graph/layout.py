"""Layout: where the boxes of a graph stand, from the leaves at the top to the result at the bottom.

Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures",
1981, in four steps:

    1. rows       a box stands one row above the highest of those that were made from it
    2. bends      an arrow across several rows gets a bend in each that it crosses
    3. order      in a row, boxes are sorted by the mean place of their neighbors in the last row
    4. places     each comes as near to the mean of its neighbors as its own row allows

What was made weighs more than a leaf in these means: the way of the data is straight, and weights
and constants stand beside it.

Next: pictures.py, which draws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GAP, BETWEEN_ROWS, BEND = 22.0, 38.0, 14.0  # pixels: between boxes, between rows, a bend's width
SWEEPS = 8  # down and up: more change nothing that one could see
HEAVY = 20.0  # how much more than a leaf weighs what was made, or a bend of an arrow
MOST = 300  # boxes

Size = tuple[float, float]  # width and height, in pixels
Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Where everything is, in pixels from the upper left corner."""

    size: Size
    centers: list[Point]  # of the boxes
    bends: list[list[Point]]  # of each arrow, between its ends


def layout(sizes: Sequence[Size], arrows: Sequence[tuple[int, int]]) -> Layout:
    """Place boxes of these sizes; an arrow leads from a box to a later one of the list.

    Raises ValueError if there are too many to be seen.
    """
    if len(sizes) > MOST:
        raise ValueError(
            f"draw: {len(sizes)} boxes are more than a picture can show, {MOST}; give `names`, by "
            "which layers are folded, or draw a tensor that was made earlier"
        )
    rows, paths = _rows_and_bends(len(sizes), arrows)
    widths = [width for width, _ in sizes] + [BEND] * (sum(map(len, rows)) - len(sizes))
    neighbors = _neighbors(paths, len(widths))
    _sort(rows, neighbors)
    made = {target for _, target in arrows}
    weights = np.array([HEAVY if i in made or i >= len(sizes) else 1.0 for i in range(len(widths))])
    x = _places(rows, neighbors, np.array(widths), weights)
    heights = [max(sizes[i][1] if i < len(sizes) else 0 for i in row) for row in rows]
    tops = np.cumsum([0.0] + [height + BETWEEN_ROWS for height in heights])
    y = np.zeros(len(widths))
    for row, top, height in zip(rows, tops, heights, strict=False):
        y[row] = top + height / 2
    left = min(x[i] - widths[i] / 2 for i in range(len(x)))
    points = [(float(x[i] - left), float(y[i])) for i in range(len(x))]
    width = max(points[i][0] + widths[i] / 2 for i in range(len(x)))
    return Layout(
        (width, float(tops[-1] - BETWEEN_ROWS)),
        points[: len(sizes)],
        [[points[i] for i in path[1:-1]] for path in paths],
    )


def _rows_and_bends(
    count: int, arrows: Sequence[tuple[int, int]]
) -> tuple[list[list[int]], list[list[int]]]:
    """The rows, from the top, and the path of each arrow, one place in each row that it crosses."""
    row = [0] * count  # counted from the bottom
    for source, target in sorted(arrows, key=lambda arrow: -arrow[1]):  # users before what they use
        row[source] = max(row[source], row[target] + 1)
    rows: list[list[int]] = [[] for _ in range(max(row) + 1)]
    for box in range(count):
        rows[row[box]].append(box)
    paths = []
    for source, target in arrows:
        path = [source]
        for between in range(row[source] - 1, row[target], -1):
            rows[between].append(count)
            path.append(count)
            count += 1
        paths.append([*path, target])
    return rows[::-1], paths


def _neighbors(paths: Sequence[Sequence[int]], count: int) -> tuple[list[list[int]], ...]:
    """Of each box and bend, those in the row above that lead to it, and those below."""
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for path in paths:
        for upper, lower in zip(path, path[1:], strict=False):
            above[lower].append(upper)
            below[upper].append(lower)
    return above, below


def _sort(rows: list[list[int]], neighbors: tuple[list[list[int]], ...]) -> None:
    """Sort each row by the mean place of the neighbors above, then below, and so on."""
    above, below = neighbors
    for sweep in range(SWEEPS):
        side = above if sweep % 2 == 0 else below
        place: dict[int, float] = {}
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            means = {
                i: sum(place[j] for j in side[i]) / len(side[i]) if side[i] else at / len(row)
                for at, i in enumerate(row)
            }
            row.sort(key=means.__getitem__)
            place |= {i: (at + 0.5) / len(row) for at, i in enumerate(row)}


def _places(
    rows: list[list[int]],
    neighbors: tuple[list[list[int]], ...],
    widths: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """The x of each center: near the mean of its neighbors', in the row's order, side by side."""
    x = np.zeros(len(widths))
    above, below = neighbors
    both = [up + down for up, down in zip(above, below, strict=True)]
    for sweep in range(3 * SWEEPS):
        side = both if sweep >= 2 * SWEEPS else below if sweep % 2 else above
        for row in rows[::-1] if sweep % 2 else rows:
            near = [side[i] or [i] for i in row]
            wanted = np.array([np.average(x[those], weights=weights[those]) for those in near])
            x[row] = _apart(wanted, widths[row], weights[row])
    return x


def _apart(wanted: np.ndarray, widths: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The places nearest to the wanted ones, in squares, at which neighbors do not touch.

    Measured from where each would stand if all stood close together, places must not fall; and the
    nearest sequence that does not fall averages what does (pool adjacent violators).
    """
    half = widths / 2
    close = np.concatenate([[0.0], np.cumsum(half[:-1] + half[1:] + GAP)])
    pools: list[tuple[float, float, int]] = []  # mean, weight and number of those averaged so far
    for mean, weight in zip(wanted - close, weights, strict=True):
        count = 1
        while pools and pools[-1][0] > mean:
            other, heavy, number = pools.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + number
        pools.append((mean, weight, count))
    return close + np.repeat([mean for mean, _, _ in pools], [count for _, _, count in pools])
