"""Curves: every loss of a run against the iteration, what D believed meanwhile, and the scores.

They are drawn without pyplot, so nothing here touches the figures or the settings of the program
around it. Next: ../theory/toys.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.errors import UserError
from minigan.files import atomic_write, read_table
from minigan.plots.picture import PathLike, checked_name, on_host
from minigan.plots.ready import get_ready

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#2f6db3", "#e07b28", "#3c9d72", "#8c5fb5")  # blue for D, orange for G, then others
_, ORANGE, GREEN, _ = COLORS
GRAY = "#777777"


def save_losses(
    path: PathLike,
    metrics: PathLike | Mapping[str, Any],
    *,
    unit: str = "nats",
    title: str | None = None,
    at_rest: Mapping[str, float] | None = None,
) -> None:
    """Save a PNG of every loss against the iteration; of a critic's distance, of D(x) and D(G(z)),
    and of a critic's slope, too, where recorded.

    `metrics` is the path of a metrics.csv or its columns, such as {"iteration": …, "D loss": …}.
    `unit` is the losses' (nats for a cross entropy). The faint line is what was recorded; the
    strong one its moving average over a fiftieth of the rows. Rows that are not finite are gaps.
    `at_rest` names what the losses are where D can tell nothing; each is a dotted line.
    """
    path = checked_name(path, ".png")
    columns = metrics if isinstance(metrics, Mapping) else read_table(metrics)
    values = {name: _checked(name, column) for name, column in columns.items()}
    losses = sorted(name for name in values if "loss" in name.lower())  # D before G
    losses += [name for name in values if name == "distance"]
    beliefs = [name for name in values if name.startswith("D(")]
    if not losses or "iteration" not in values:
        raise UserError(f"There is no loss to plot: the columns are {', '.join(values) or 'none'}")
    slopes = [name for name in values if name == "slope"]
    _refuse_uneven({name: values[name] for name in ("iteration", *losses, *beliefs, *slopes)})
    get_ready(path.parent)
    from matplotlib.figure import Figure

    rows = 1 + bool(beliefs) + bool(slopes)
    figure = Figure(figsize=(9, 2 + 2.5 * rows), dpi=110, layout="constrained")
    panels = list(figure.subplots(rows, squeeze=False, sharex=True)[:, 0])
    panels[-1].set_xlabel("iteration (batches)")
    if title:
        figure.suptitle(title, fontsize=11)
    first = panels.pop(0)
    _draw(first, values, losses, f"loss ({unit})")
    for name, height in (at_rest or {}).items():
        low, high = first.get_ylim()
        first.set_ylim(min(low, height), max(high, height))
        _mark(first, height, name)
    if beliefs:
        panel = panels.pop(0)
        _draw(panel, values, beliefs, "D's output (probability of real)")
        _mark(panel, 0.5, "½: D cannot tell")
        panel.set_ylim(0, 1)
    if slopes:
        panel = panels.pop(0)
        _draw(panel, values, slopes, "slope of D (score per unit of x)")
        _mark(panel, 1, "1: what the penalty asks for")
    _write(figure, path)


def save_scores(
    path: PathLike,
    scores: PathLike | Mapping[str, Any],
    meanings: Mapping[str, str],
    *,
    title: str | None = None,
) -> None:
    """Save a PNG of scores against the epoch, a panel for each: how a generator got on, by number.

    `scores` is the path of an evaluation.csv or its columns: "epoch", and a column for each score,
    beside it, if there is one, "averaged_" and the same name for the averaged generator.
    `meanings` has the scores to draw and what stands above each: its name, unit, and what is best.
    """
    path = checked_name(path, ".png")
    columns = scores if isinstance(scores, Mapping) else read_table(scores)
    values = {name: _checked(name, column) for name, column in columns.items()}
    drawn = {name: meaning for name, meaning in meanings.items() if name in values}
    if not drawn or "epoch" not in values:
        raise UserError(f"There is no score to plot: the columns are {', '.join(values) or 'none'}")
    _refuse_uneven(values)
    get_ready(path.parent)
    from matplotlib.figure import Figure

    across = min(3, len(drawn))
    down = -(-len(drawn) // across)
    figure = Figure(figsize=(3.4 * across, 0.6 + 2.2 * down), dpi=110, layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    for panel, (name, meaning) in zip(panels, drawn.items(), strict=False):
        whose = ((name, ORANGE, "generator"), (f"averaged_{name}", GREEN, "its average"))
        for column, color, label in whose:
            if column in values:
                panel.plot(values["epoch"], values[column], ".-", color=color, label=label)
        panel.set_title(meaning, fontsize=9)
        panel.set_xlabel("epoch")
        _tidy(panel)
    panels[0].legend(frameon=False, fontsize=8)
    for panel in panels[len(drawn) :]:
        panel.remove()
    if title:
        figure.suptitle(title, fontsize=11)
    _write(figure, path)


def save_norms(
    path: PathLike,
    norms: PathLike | Mapping[str, Any],
    names: Sequence[str],
    *,
    title: str | None = None,
) -> None:
    """Save a PNG of how long gradients and weights are: a column for G and one for D, a line for
    each parameter, dark for those next to the input and bright for those next to the output.

    `norms` is the path of a gradients.csv or its columns: "iteration", "gradient of generator.…",
    "norm of generator.…". `names` has the parameters to draw. Above are the gradients' norms, below
    their ratio to the weights'; both axes are logarithmic, as what matters are orders of magnitude.
    """
    path = checked_name(path, ".png")
    columns = norms if isinstance(norms, Mapping) else read_table(norms)
    values = {name: _checked(name, column) for name, column in columns.items()}
    needed = [f"{what} of {name}" for name in names for what in ("gradient", "norm")]
    if missing := [name for name in ("iteration", *needed) if name not in values]:
        raise UserError(f"There are no norms to plot: no column is called {missing[0]!r}")
    get_ready(path.parent)
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), dpi=110, layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    known = [False, False]  # whether a row of panels shows anything above 0
    for column, player in zip(panels.T, ("generator", "discriminator"), strict=True):
        own = [name for name in names if name.startswith(f"{player}.")]
        colors = colormaps["viridis"](np.linspace(0, 0.9, max(len(own), 1)))
        for name, color in zip(own, colors, strict=False):
            gradient, norm = values[f"gradient of {name}"], values[f"norm of {name}"]
            ratio = np.divide(gradient, norm, out=np.full_like(norm, np.nan), where=norm > 0)
            label = name.removeprefix(f"{player}.")
            for row, (panel, line) in enumerate(zip(column, (gradient, ratio), strict=True)):
                known[row] |= bool((line > 0).any())
                panel.plot(values["iteration"], line, ".-", color=color, label=label, markersize=3)
        column[0].set_title(player, fontsize=10)
        column[1].set_xlabel("iteration (batches)")
        column[1].legend(frameon=False, fontsize=7, ncols=2)
        for panel in column:
            _tidy(panel)
    for row, has_logarithms in zip(panels, known, strict=True):
        if has_logarithms:
            row[0].set_yscale("log")
    panels[0, 0].set_ylabel("‖gradient‖ (loss per unit of weight)")
    panels[1, 0].set_ylabel("‖gradient‖ / ‖weights‖")
    if title:
        figure.suptitle(title, fontsize=11)
    _write(figure, path)


def _write(figure: Figure, path: Path) -> None:
    with atomic_write(path, picture=True) as temporary:
        figure.savefig(temporary, format="png")


def _mark(axes: Axes, height: float, text: str) -> None:
    """A dotted line at a height that means something, and what that is."""
    axes.axhline(height, color=GRAY, linewidth=1, linestyle=":")
    axes.annotate(
        text,
        (0, height),
        (3, 2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=8,
        color=GRAY,
    )


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
    _tidy(axes)
    axes.legend(frameon=False, ncols=len(names), loc="lower right", bbox_to_anchor=(1, 1))


def _tidy(axes: Axes) -> None:
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """The mean of the known values within half a window of each; unknown (NaN) stays unknown."""
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])  # (rows + 1,)
    counts = np.concatenate([[0], np.cumsum(known)])
    row = np.arange(len(values))
    start, stop = np.maximum(row - window // 2, 0), np.minimum(row + window // 2 + 1, len(values))
    means = (sums[stop] - sums[start]) / np.maximum(counts[stop] - counts[start], 1)
    return np.where(known, means, np.nan)
