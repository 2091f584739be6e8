"""The game on a plane: points that are drawn, points that should be learned, and all that is known.

The data's density is known exactly (theory/plane.py). So beside what D says there can stand what
the best D would say, and beside the losses how far apart data and generator really are.

Next: line.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np

from minigan import nn
from minigan.errors import UserError
from minigan.evaluation.divergences import js_divergence, kl_divergence
from minigan.live.perceptrons import Perceptrons
from minigan.live.protocol import array, number
from minigan.live.settings import Settings
from minigan.random import Random
from minigan.tensor import Array, Tensor, grad
from minigan.theory.plane import PLANES, Spots, histogram

EXTENT = 3.0  # the plane is shown, and its cells are counted, from -EXTENT to EXTENT
CELLS = 40  # on each side
EDGES = np.linspace(-EXTENT, EXTENT, CELLS + 1)
CENTERS = (EDGES[:-1] + EDGES[1:]) / 2

SHOWN = 450  # points of the data and of the generator
ARROWS = 60
LATTICE = 21  # lines of z in each direction
THREAD = 101  # points of z where it is one number
COUNTED = 10_000  # samples behind a divergence
HARDLY = 0.5 / COUNTED  # of what has a smaller share, not one of COUNTED samples is expected
ADDED = 0.1  # samples in each cell, for KL: of those tried, its floor was lowest with so many
DRAWN_SIZE = 0.12  # the deviation around each point of a drawing


class PlaneGame(Perceptrons):
    """Two perceptrons on a plane."""

    name = kind = "plane"
    label = "points on a plane"
    help = (
        "The generator bends a square of noise until its points lie as the data's do; the "
        "discriminator colors the plane by how likely a point there is real."
    )
    parts = ("samples", "field", "best", "manifold", "arrows", "divergences", "gradients")
    sights = ("point", "latent", "eigenvalues")
    points = 2

    def new_views(self) -> Views:
        return Views(self.values)

    def real(self, count: int) -> Tensor:
        return self.views.data.sample(self.random, count)

    def noise(self, count: int) -> Tensor:
        return self.views.noise(self.random, count)

    def samples(self) -> dict[str, Any]:
        return {
            "real": array(self.views.shown),
            "fake": array(self.drawn(self.views.z[:SHOWN])),
        }

    def field(self) -> dict[str, Any]:
        """D at the centers of all cells: rows are y, from low to high."""
        return {
            "values": array(self.judged(self.views.grid).reshape(CELLS, CELLS)),
            "kind": "probability" if self.is_probability else "score",
            "extent": [-EXTENT, EXTENT, -EXTENT, EXTENT],
        }

    def _counts(self) -> Array:
        """How many of COUNTED samples of the generator fall into each cell."""
        return histogram(self.drawn(self.views.z), EDGES)

    def best(self) -> dict[str, Any] | None:
        """D* = p / (p + q) in each cell; NaN where hardly a sample falls."""
        if not self.has_best:
            return None
        p, q = self.views.p, self._counts() / COUNTED
        seen = p + q > HARDLY
        return array(np.where(seen, p / np.where(seen, p + q, 1), np.nan))

    def manifold(self) -> dict[str, Any]:
        """Where a lattice of z goes: between neighboring lines lies the same share of all z."""
        lattice = self.views.lattice
        shape = (LATTICE, LATTICE) if self.values["noise_dim"] == 2 else (THREAD,)
        return array(self.drawn(lattice).reshape(*shape, 2))

    def arrows(self) -> dict[str, Any]:
        """-∂(its loss)/∂x at some fakes x: where D's slope would have each of them go."""
        at = self.drawn(self.views.z[:ARROWS])
        x = Tensor(at, requires_grad=True)
        with nn.frozen(self.game.discriminator):
            loss = self.game.objective.generator_loss(self.game.discriminator(x)) * len(at)
        (slope,) = grad(loss, x)
        assert slope is not None
        return {"at": array(at), "by": array(-slope.numpy())}

    def divergences(self) -> dict[str, Any]:
        """How far data and generator are apart, in nats, over the cells and the rest of the plane.

        KL takes a tenth of a sample more in each cell, because a histogram cannot tell what is
        never drawn from what is drawn seldom, and of what is never drawn KL is infinite.
        """
        counts, p = self._counts().ravel(), self.views.p.ravel()
        q = counts / COUNTED
        js = js_divergence(_with_rest(p), _with_rest(q))
        return {
            "kl": kl_divergence(_with_rest(p), _smoothed(counts)),
            "js": js,
            **self.views.floor,
            "value": self.value(self.views.real, self.views.z),
            "bound": -np.log(4) + 2 * js,
            "sum_p": p.sum(),
            "sum_q": q.sum(),
            "samples": COUNTED,
            "round": self.round,
        }

    # ---- what is looked at on demand ----------------------------------------------------------

    def look_point(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """D, D*, p and q at one point: the shares are those of its cell."""
        x, y = _pair(request)
        column, row = (int((each + EXTENT) / (2 * EXTENT) * CELLS) for each in (x, y))
        p, q = self.views.p[row, column], self._counts()[row, column] / COUNTED
        return {
            "D": self.judged(np.array([[x, y]]))[0],
            "best": p / (p + q) if p + q > HARDLY else None,
            "p": p,
            "q": q,
        }

    def look_latent(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Where z = (x, y) goes; with one number in z, where x goes."""
        z = np.array([[number(request, name, 0.0) for name in "xy"]], np.float32)
        return {"point": self.drawn(z[:, : self.noise_dim])[0].tolist()}


class Views:
    """What is looked at with: always the same points, noise and cells, so that only what has
    learned is seen to move. Of a stream of its own, so that looking changes nothing."""

    def __init__(self, values: Settings) -> None:
        self.dim, self.normal = values["noise_dim"], values["noise"] == "normal"
        self.random = Random(values["seed"]).fork("looking")
        if values["data"] == "drawn":
            self.data = Spots(np.array(values["points"]), DRAWN_SIZE)
        else:
            self.data = PLANES[values["data"]]

    def noise(self, random: Random, count: int) -> Tensor:
        """z (count, dim): of N(0, 1), or of U(-1, 1)."""
        if self.normal:
            return Tensor(random.normal((count, self.dim)))
        return Tensor(2 * random.uniform((count, self.dim)) - 1)

    @cached_property
    def real(self) -> Array:
        return self.data.sample(self.random.fork("real"), COUNTED).numpy()

    @property
    def shown(self) -> Array:
        return self.real[:SHOWN]

    @cached_property
    def z(self) -> Array:
        return self.noise(self.random.fork("z"), COUNTED).numpy()

    @cached_property
    def grid(self) -> Array:
        """The centers of all cells: (CELLS², 2), x runs fastest."""
        x, y = np.meshgrid(CENTERS, CENTERS)
        return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)

    @cached_property
    def lattice(self) -> Array:
        """Lines of z between which lie equal shares of it: (LATTICE², 2), or (THREAD, 1)."""
        lines = LATTICE if self.dim == 2 else THREAD
        shares = (np.arange(lines) + 0.5) / lines
        if self.normal:
            levels = np.array([NormalDist().inv_cdf(share) for share in shares])
        else:
            levels = 2 * shares - 1
        axes = np.meshgrid(*[levels] * self.dim)
        return np.stack([axis.ravel() for axis in axes], axis=1).astype(np.float32)

    @cached_property
    def p(self) -> Array:
        """The data's share of each cell, exactly."""
        return self.data.cells(EDGES)

    @cached_property
    def floor(self) -> dict[str, float]:
        """KL and JS of the data and as many samples of the data itself: nobody gets below."""
        counts, p = histogram(self.real, EDGES).ravel(), _with_rest(self.p.ravel())
        return {
            "kl_floor": kl_divergence(p, _smoothed(counts)),
            "js_floor": js_divergence(p, _with_rest(counts / COUNTED)),
        }


def _with_rest(shares: Array) -> Array:
    """The shares of all cells, and that of the rest of the plane."""
    return np.append(shares, max(0.0, 1 - shares.sum()))


def _smoothed(counts: Array) -> Array:
    """Counts (cells,) of COUNTED samples as shares, with a bit of a sample more in each cell and
    in the rest of the plane: (cells + 1,)."""
    filled = np.append(counts, COUNTED - counts.sum()) + ADDED
    return filled / filled.sum()


def _pair(request: Mapping[str, Any]) -> tuple[float, float]:
    x = request.get("x")
    if not isinstance(x, list | tuple) or len(x) != 2:
        raise UserError("x is a point [x, y]")
    pair = (number({"x": x[0]}, "x"), number({"x": x[1]}, "x"))
    if not all(abs(each) < EXTENT for each in pair):
        raise UserError(f"x is a point [x, y] between {-EXTENT:g} and {EXTENT:g}, not {list(x)}")
    return pair
