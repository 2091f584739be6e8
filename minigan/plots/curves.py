"""Curves: every loss of a run against the iteration, and what D believed meanwhile.

They are drawn without pyplot, so nothing here touches the figures or the settings of the program
around it. Next: ../theory/toys.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.errors import UserError
from minigan.files import atomic_write, read_table
from minigan.plots.picture import PathLike, checked_name, on_host
from minigan.plots.ready import get_ready

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#2f6db3", "#e07b28", "#3c9d72", "#8c5fb5")  # blue for D, orange for G, then others


def save_losses(
    path: PathLike, metrics: PathLike | Mapping[str, Any], *, unit: str = "nats"
) -> None:
    """Save a PNG of every loss against the iteration; of a critic's distance, and of D(x) and
    D(G(z)), too, where recorded.

    `metrics` is the path of a metrics.csv or its columns, such as {"iteration": …, "D loss": …}.
    `unit` is the losses' (nats for a cross entropy). The faint line is what was recorded; the
    strong one its moving average over a fiftieth of the rows. Rows that are not finite are gaps.
    """
    path = checked_name(path, ".png")
    columns = metrics if isinstance(metrics, Mapping) else read_table(metrics)
    values = {name: _checked(name, column) for name, column in columns.items()}
    losses = sorted(name for name in values if "loss" in name.lower())  # D before G
    losses += [name for name in values if name == "distance"]
    beliefs = [name for name in values if name.startswith("D(")]
    if not losses or "iteration" not in values:
        raise UserError(f"There is no loss to plot: the columns are {', '.join(values) or 'none'}")
    _refuse_uneven({name: values[name] for name in ("iteration", *losses, *beliefs)})
    get_ready(path.parent)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7 if beliefs else 4.5), dpi=110, layout="constrained")
    panels = figure.subplots(2 if beliefs else 1, squeeze=False, sharex=True)[:, 0]
    _draw(panels[0], values, losses, f"loss ({unit})")
    if beliefs:
        panels[1].axhline(0.5, color="#999999", linewidth=1, linestyle=":")
        _draw(panels[1], values, beliefs, "D's output (probability of real)")
        panels[1].set_ylim(0, 1)
    panels[-1].set_xlabel("iteration (batches)")
    with atomic_write(path, picture=True) as temporary:
        figure.savefig(temporary, format="png")


def _checked(name: str, column: Any) -> np.ndarray:
    """A column as numbers, float64 (rows,)."""
    try:
        values = np.asarray(on_host(column), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"The column {name!r} does not hold numbers: {error}") from error
    if values.ndim != 1:
        raise UserError(f"The column {name!r} must be a list of numbers, not {values.shape}")
    return values


def _refuse_uneven(columns: Mapping[str, np.ndarray]) -> None:
    rows = {name: len(column) for name, column in columns.items()}
    if len({*rows.values()}) > 1 or not all(rows.values()):
        said = ", ".join(f"{name} {count}" for name, count in rows.items())
        raise UserError(f"Columns must have equally many rows, at least one. These have: {said}.")


def _draw(axes: Axes, values: dict[str, np.ndarray], names: list[str], label: str) -> None:
    iterations = values["iteration"]
    limits: list[float] = []
    for name, color in zip(names, itertools.cycle(COLORS), strict=False):
        recorded = np.where(np.isfinite(values[name]), values[name], np.nan)
        smooth = _moving_average(recorded, len(recorded) // 50)
        marker = "o" if len(recorded) < 3 else None  # a single row makes no line
        axes.plot(iterations, recorded, color=color, alpha=0.25, linewidth=0.8, zorder=2)
        axes.plot(
            iterations, smooth, color=color, linewidth=1.8, marker=marker, label=name, zorder=3
        )
        if np.isfinite(recorded).any():
            limits += list(np.nanpercentile(recorded, [0.5, 99.5]))
    if limits:  # percentiles, for a few wild batches should not press the curves flat
        margin = 0.05 * (max(limits) - min(limits) or 1)
        axes.set_ylim(min(limits) - margin, max(limits) + margin)
    else:
        axes.text(0.5, 0.5, "no finite value was recorded", transform=axes.transAxes, ha="center")
    if iterations[-1:] > iterations[:1]:
        axes.set_xlim(iterations[0], iterations[-1])
    axes.set_ylabel(label)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=len(names), loc="lower right", bbox_to_anchor=(1, 1))


def _moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """The mean of the known values within half a window of each; unknown (NaN) stays unknown."""
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])  # (rows + 1,)
    counts = np.concatenate([[0], np.cumsum(known)])
    row = np.arange(len(values))
    start, stop = np.maximum(row - window // 2, 0), np.minimum(row + window // 2 + 1, len(values))
    means = (sums[stop] - sums[start]) / np.maximum(counts[stop] - counts[start], 1)
    return np.where(known, means, np.nan)
