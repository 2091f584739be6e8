"""The pictures of the theory's experiments: what each of them found, for the eye.

One function for each experiment; data are black, the generator orange, the discriminator blue.
Curves are drawn without pyplot, so nothing here touches the figures of the program around it.

Next: ../training/loop.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from minigan.files import atomic_write
from minigan.plots import COLORS, PathLike, Picture, get_ready, save_animation
from minigan.theory.figure1 import ARROWS, DATA, Moment
from minigan.theory.line import LOSSES, Criterion, Discrimination, Gradients, Race, slopes
from minigan.theory.ring import RING, Snapshot
from minigan.theory.toys import GRID

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#222222", "#999999"
BLUE, ORANGE, GREEN = COLORS[:3]


# ---------------------------------------------------------------------------------------------
# Proposition 1


def draw_optimal(path: PathLike, found: Mapping[str, Discrimination]) -> None:
    """Each pair of densities with D* and the trained D; below, how the error went down."""
    figure = _figure(4 * len(found), 6.6)
    top, bottom = figure.subplots(2, len(found), squeeze=False, height_ratios=(2, 1))
    for curves, errors, (name, result) in zip(top, bottom, found.items(), strict=True):
        _draw_discrimination(curves, result)
        curves.set_title(f"{name}:  max |D - D*| = {result.errors[-1]:.3f}", fontsize=11)
        errors.loglog(result.steps[1:], result.errors[1:], color=BLUE, marker=".")
        errors.set_ylim(1e-3, 1)
        errors.set_xlabel("steps of D")
        _tidy(errors)
    top[0].set_ylabel("density, probability")
    bottom[0].set_ylabel("max |D - D*|\nin the white part")
    _shared_legend(figure, top[0], columns=6)
    _save(figure, path)


def _draw_discrimination(axes: Axes, result: Discrimination) -> None:
    axes.fill_between(GRID, result.data, color=INK, alpha=0.15, linewidth=0)
    axes.plot(GRID, result.data, color=INK, linewidth=1.2, label="data p")
    axes.fill_between(GRID, result.generated, color=ORANGE, alpha=0.15, linewidth=0)
    axes.plot(GRID, result.generated, color=ORANGE, linewidth=1.2, label="generator q")
    middle = len(result.trained) // 3  # on the way, when it has understood little
    early = f"D after {result.steps[middle]} batches"
    axes.plot(GRID, result.trained[middle], color=BLUE, linewidth=1, alpha=0.4, label=early)
    axes.plot(GRID, result.trained[-1], color=BLUE, linewidth=2.5, label="D, trained")
    axes.plot(
        GRID, result.optimal, color="black", linewidth=1.2, linestyle=(0, (4, 2)), label="p / (p+q)"
    )
    unseen = ~result.seen
    axes.fill_between(
        GRID, 0, 1, where=unseen, color="#f0f0f0", linewidth=0, zorder=0, label="hardly a sample"
    )
    axes.set_xlim(-6, 6)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("x")
    _tidy(axes)


# ---------------------------------------------------------------------------------------------
# Theorem 1


def draw_criterion(path: PathLike, found: Criterion) -> None:
    """C(G) against the distance, by its closed form and measured, and how far the measured are off;
    beside it, three distances between two distributions."""
    figure = _figure(11, 5.6)
    places = figure.add_gridspec(2, 2, height_ratios=(3, 1))
    left, strip = figure.add_subplot(places[0, 0]), figure.add_subplot(places[1, 0])
    right = figure.add_subplot(places[:, 1])
    distances, closed = np.array(found.distances), np.array(found.closed_form)
    measured: tuple[tuple[np.ndarray, str, dict[str, Any]], ...] = (
        (np.array(found.with_optimal), "V(D*, G)", {"mfc": "none", "ms": 8, "color": INK}),
        (np.array(found.with_trained), "V(D trained, G)", {"ms": 4, "color": BLUE}),
    )
    left.plot(distances, closed, color=FAINT, linewidth=4, label="-log 4 + 2·JSD")
    strip.axhline(0, color=FAINT, linewidth=4)
    for values, label, style in measured:
        left.plot(distances, values, "o", label=label, **style)
        strip.plot(distances, 1000 * (values - closed), "o", **style)
    for height, text in ((0.0, "0: D makes no mistake"), (-np.log(4), "-log 4: D knows nothing")):
        left.axhline(height, color=INK, linewidth=0.8, linestyle=":")
        left.text(3, height + 0.02, text, ha="center", va="bottom", fontsize=9, color=INK)
    left.set_ylim(-1.5, 0.12)
    left.set_ylabel("C(G), in nats")
    left.legend(frameon=False, loc="center left")
    strip.set_ylabel("measured - line,\nthousandths")
    _draw_distances(right, distances, np.array(found.kl), (closed + np.log(4)) / 2)
    for axes in (left, strip, right):
        axes.set_xlim(6.15, -0.15)  # towards the data
        _tidy(axes)
    left.tick_params(labelbottom=False)
    for axes in (strip, right):
        axes.set_xlabel("distance between the means of data and generator")
    _save(figure, path)


def _draw_distances(axes: Axes, distances: np.ndarray, kl: np.ndarray, jsd: np.ndarray) -> None:
    """KL, the earth mover's distance, which is that of the means here, and JSD under its roof."""
    apart = distances > 0
    for values, color, name in (
        (kl, GREEN, "KL, nats"),
        (distances, ORANGE, "earth mover's (Wasserstein-1)"),
        (jsd, FAINT, "JSD, nats"),
    ):
        axes.semilogy(distances[apart], values[apart], ".-", color=color, ms=9, label=name)
    axes.axhline(np.log(2), color=INK, linewidth=0.8, linestyle=":")
    axes.text(0.7, np.log(2) * 1.1, "log 2", fontsize=9, va="bottom", color=INK)
    note = "at 0 all three are 0,\nwhich has no place here"
    axes.text(0.02, 0.03, note, transform=axes.transAxes, fontsize=9, color=INK)
    axes.set_ylabel("how far data and generator are apart")
    axes.legend(frameon=False, loc="upper right")


# ---------------------------------------------------------------------------------------------
# Figure 1

HEIGHT = 0.75  # of the density axis; a generator that is nearly a point goes beyond it
SPREAD = 4.0  # how long the line of z is drawn, in units of x


def save_figure1_animation(path: PathLike, moments: Sequence[Moment]) -> None:
    """The whole game as a GIF; the axes stay as they are."""
    save_animation(path, [_frame(moment) for moment in moments], milliseconds=90)


def draw_figure1(path: PathLike, moments: Sequence[Moment]) -> None:
    """Four moments side by side: the start, two on the way (by their divergence), the end."""
    start, end = moments[0].jsd, moments[-1].jsd
    goals = [end + share * (start - end) for share in (0.1, 0.03)]
    on_the_way = [next(moment for moment in moments if moment.jsd <= goal) for goal in goals]
    figure = _figure(13, 4.2, layout="none")
    chosen = [moments[0], *on_the_way, moments[-1]]
    for i, (moment, letter) in enumerate(zip(chosen, "abcd", strict=True)):
        left = 0.035 + 0.234 * i
        curves = figure.add_axes((left, 0.36, 0.215, 0.47))
        arrows = figure.add_axes((left, 0.06, 0.215, 0.25))
        _draw_moment(curves, arrows, moment, scales=(i == 0, i == len(chosen) - 1))
        curves.set_title(f"({letter})  {_caption(moment)}", fontsize=10)
    handles, labels = curves.get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=3, frameon=False)
    _save(figure, path)


def _frame(moment: Moment) -> Picture:
    figure = _figure(6.4, 4.8, layout="none")  # 576 x 432 pixels
    curves = figure.add_axes((0.08, 0.4, 0.82, 0.46))
    _draw_moment(curves, figure.add_axes((0.08, 0.06, 0.82, 0.28)), moment)
    curves.set_title(_caption(moment), fontsize=11, loc="left", pad=24)
    curves.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=10)
    return _drawn(figure)


def _caption(moment: Moment) -> str:
    return f"step {moment.step:,}      JSD {moment.jsd:.3f} nats"


def _draw_moment(
    curves: Axes, arrows: Axes, moment: Moment, *, scales: tuple[bool, bool] = (True, True)
) -> None:
    """The densities and D above; below, a line from each z to its x.

    `scales` says whether the left one, of D, and the right one, of the densities, get numbers.
    """
    data = DATA.density(GRID)
    curves.fill_between(GRID, data, color=INK, alpha=0.12, linewidth=0)
    curves.plot(GRID, data, color=INK, linewidth=1.5, linestyle=(0, (1, 1)), label="data")
    curves.fill_between(GRID, moment.generated, color=ORANGE, alpha=0.2, linewidth=0)
    curves.plot(GRID, moment.generated, color=ORANGE, linewidth=1.8, label="generator")
    curves.plot(
        GRID, HEIGHT * moment.discriminator, color=BLUE, linewidth=1.8, label="discriminator"
    )
    curves.axhline(HEIGHT / 2, color=BLUE, linewidth=0.6, linestyle=":")
    if (peak := moment.generated.max()) > HEIGHT:
        top = GRID[moment.generated.argmax()] + 0.35
        curves.text(top, 0.94 * HEIGHT, f"up to {peak:.1f} ↑", color=ORANGE, fontsize=9)
    curves.set_ylim(0, HEIGHT)
    curves.set_yticks([HEIGHT / 2, HEIGHT], ["½", "1"], color=BLUE)
    curves.tick_params(axis="y", labelleft=scales[0])
    if scales[0]:
        curves.set_ylabel("D(x)", color=BLUE)
    if scales[1]:
        densities = curves.secondary_yaxis("right")  # the curves' own unit; D is stretched to fit
        densities.set_yticks([0, 0.2, 0.4, 0.6])
        densities.tick_params(labelsize=8)
        densities.set_ylabel("density", fontsize=9)
    curves.set_xticks([-4, -2, 0, 2, 4])
    curves.tick_params(axis="x", length=2, labelsize=8, pad=1)
    curves.spines[["top", "right"]].set_visible(False)

    from matplotlib import colormaps

    shades = colormaps["viridis"](np.linspace(0, 0.9, len(ARROWS)))
    for z, x, shade in zip(ARROWS, moment.arrows, shades, strict=True):
        arrows.plot([SPREAD * z, x], [0, 1], color=shade, linewidth=0.9)
    arrows.set_ylim(0, 1)
    arrows.set_yticks([0, 1], ["z", "x"])
    arrows.set_xticks([-SPREAD, 0, SPREAD], ["-1", "0", "1"])  # of z
    arrows.tick_params(axis="both", length=0, labelsize=8)
    arrows.spines[["left", "right", "top"]].set_visible(False)
    for axes in (curves, arrows):
        axes.set_xlim(-4.5, 4.5)


# ---------------------------------------------------------------------------------------------
# Two losses for the generator


def draw_gradients(path: PathLike, found: Gradients, races: Race) -> None:
    """The pull on one sample; G's gradient as D learns; and where the two losses lead G."""
    figure = _figure(15, 4.6)
    pull, norms, way = figure.subplots(1, 3)
    colors = dict(zip(LOSSES, (GREEN, ORANGE), strict=True))
    scores = np.linspace(-8, 4, 241)
    for name, loss in LOSSES.items():
        pull.plot(scores, slopes(loss, scores), color=colors[name], linewidth=2, label=name)
        norms.loglog(
            found.steps[1:], found.norms[name][1:], color=colors[name], linewidth=2, label=name
        )
    norms.loglog(
        found.steps[1:],
        found.belief[1:],
        color=BLUE,
        linewidth=1.2,
        linestyle="--",
        label="mean D(G(z))",
    )
    for label, distances in races.distances.items():
        name, optimizer = label.split(", ")
        style = "-" if optimizer == "SGD" else "--"
        way.plot(races.steps, distances, style, color=colors[name], linewidth=2, label=label)
    pull.set_title("pull on a sample that D scores s", fontsize=11)
    pull.set_xlabel("s;   D = σ(s)   (left: surely a fake)")
    pull.set_ylabel("|dL / ds|")
    norms.set_title("G's gradient while D learns and G waits", fontsize=11)
    norms.set_xlabel("steps of D")
    norms.set_ylabel("‖dL / dθ‖")
    way.set_title(f"then both learn (D was {2 * races.steps[-1]:,} steps ahead)", fontsize=11)
    way.set_xlabel("steps of G")
    way.set_ylabel("distance from the data (Wasserstein-1)")
    way.set_ylim(0, None)
    for axes in (pull, norms, way):
        axes.legend(frameon=False, fontsize=9)
        _tidy(axes)
    way.legend(frameon=False, fontsize=9, loc="upper right", bbox_to_anchor=(1, 0.93))
    _save(figure, path)


# ---------------------------------------------------------------------------------------------
# Eight Gaussians


RING_LOOKS = (0, 2, -1)  # which of a run's snapshots are drawn: an early one, the middle, the last


def draw_ring(
    path: PathLike,
    found: Mapping[str, Mapping[int, Sequence[Snapshot]]],
    *,
    title: str = "eight Gaussians",
) -> None:
    """A row for each objective: the run of one seed beside that of another, the worst and the best.

    `found` has the snapshots of a run by its objective and its seed; of one seed alone, one run is
    drawn. A panel shows 2,000 samples, and where they are good.
    """
    looks, runs = len(RING_LOOKS), max(len(seeds) for seeds in found.values())
    widths = [1.0] * looks + [0.12, *[1.0] * looks] * (runs - 1)  # a gap between two runs
    figure = _figure(2.2 * sum(widths), 0.6 + 2.35 * len(found))
    limit = 1.5 * RING.radius
    figure.suptitle(
        f"{title}: a row for each objective; its worst run, and beside it its best\n"
        f"points: samples; circles: 3 standard deviations around the {RING.modes} modes of the "
        f"data, where a sample is good (both axes: -{limit:g} to {limit:g})",
        fontsize=10,
    )
    panels = figure.subplots(len(found), len(widths), squeeze=False, width_ratios=widths)
    for row, (name, seeds) in zip(panels, found.items(), strict=True):
        for axes in row:
            axes.set_axis_off()
        for i, (seed, snapshots) in enumerate(seeds.items()):
            block = row[i * (looks + 1) :]
            for axes, look in zip(block, RING_LOOKS, strict=False):
                axes.set_axis_on()
                _draw_snapshot(axes, snapshots[look])
            label = [*name.split(", "), f"seed {seed}"] if i == 0 else [f"seed {seed}"]
            block[0].set_ylabel("\n".join(label), fontsize=9)
    _save(figure, path)


def _draw_snapshot(axes: Axes, snapshot: Snapshot) -> None:
    from matplotlib.patches import Circle

    for center in RING.centers():
        axes.add_patch(Circle(center, 3 * RING.deviation, fill=False, color=FAINT, linewidth=0.8))
    points = snapshot.points[:2000]
    axes.scatter(points[:, 0], points[:, 1], s=2, color=ORANGE, alpha=0.35, linewidths=0)
    axes.set_title(
        f"step {snapshot.step:,}:  {snapshot.modes}/{RING.modes} modes, {snapshot.good:.0%} good",
        fontsize=8,
    )
    limit = 1.5 * RING.radius
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])


# ---------------------------------------------------------------------------------------------
# Helpers


def _figure(width: float, height: float, layout: Any = "constrained") -> Figure:
    get_ready()  # it takes half a second; who only computes need not wait
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=90, layout=layout)


def _drawn(figure: Figure) -> Picture:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy().view(Picture)  # (H, W, 4) -> (H, W, 3)


def _save(figure: Figure, path: PathLike) -> None:
    """As a PNG of 64 colors: they show no difference, and take a quarter of the space."""
    image = Image.fromarray(_drawn(figure)).quantize(64, dither=Image.Dither.NONE)
    with atomic_write(path, picture=True) as temporary:
        image.save(temporary, format="PNG", optimize=True)


def _tidy(axes: Axes) -> None:
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _shared_legend(figure: Figure, axes: Axes, *, columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False)
