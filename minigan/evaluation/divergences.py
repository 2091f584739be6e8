"""How far apart are two distributions? Entropy, cross entropy, and the KL and JS divergences.

They are what the theory of GANs is written in: a generator that plays against a perfect
discriminator minimizes a Jensen-Shannon divergence, nothing else (docs/theory.md derives it).

Every function serves both kinds of distribution:

    discrete    probabilities of any shape that sum to 1; cell = 1, the default
    a density   its values p(x) at the points of a grid, with cell = the width of one grid cell, so
                that Σ p(x)·cell ≈ ∫ p(x) dx = 1. Cells of several widths: an array of p's shape.

Logarithms are natural and so the unit is the nat; divide by log 2 for bits. Where a probability is
0, it adds nothing: x·log x goes to 0 with x. Sums that miss 1 by less than 0.001, as those of
rounded numbers and of cut-off tails do, are brought to 1; anything else is a UserError.
Next: checks.py, then scores.py, for distributions that are known only by their samples.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.errors import UserError

Array = npt.NDArray[np.float64]
Cell = float | npt.NDArray[Any]

# By how much a sum of probabilities may miss 1.
TOLERANCE = 1e-3


def entropy(p: npt.ArrayLike, *, cell: Cell = 1.0) -> float:
    """The surprise that an outcome of p holds on average.

        H(p) = -Σ p log p                       for a density, h(p) = -∫ p log p dx

    Discrete: from 0 (one outcome is sure) to log K (K equal outcomes). A density has no such
    floor: h falls without end as p narrows.

    Source: Shannon 1948, sections 6 and 20. Raises UserError.
    """
    p = _distribution("entropy", "p", p, cell)
    return float(0.0 - np.sum(cell * p * _log(p)))  # a sure outcome's is 0, and not −0


def cross_entropy(p: npt.ArrayLike, q: npt.ArrayLike, *, cell: Cell = 1.0) -> float:
    """The surprise at outcomes of p, on average, of somebody who expects q.

        H(p, q) = -Σ p log q = H(p) + KL(p ‖ q)

    Infinite if q rules out (q = 0) what p holds possible. Both of one shape. Raises UserError.
    """
    p, q = _pair("cross_entropy", p, q, cell)
    if np.any((p > 0) & (q == 0)):
        return float("inf")
    return float(0.0 - np.sum(cell * p * _log(q)))


def kl_divergence(p: npt.ArrayLike, q: npt.ArrayLike, *, cell: Cell = 1.0) -> float:
    """The Kullback-Leibler divergence: what it costs to expect q where p is true.

        KL(p ‖ q) = Σ p log(p / q) = H(p, q) - H(p)

    0 if p = q, else positive; not symmetric; infinite if q rules out what p holds possible. Two
    densities that do not overlap are infinitely far apart, however near.

    Both of one shape. Source: Kullback and Leibler 1951. Raises UserError.
    """
    p, q = _pair("kl_divergence", p, q, cell)
    if np.any((p > 0) & (q == 0)):
        return float("inf")
    return _at_least_0(np.sum(cell * p * (_log(p) - _log(q))))


def js_divergence(p: npt.ArrayLike, q: npt.ArrayLike, *, cell: Cell = 1.0) -> float:
    """The Jensen-Shannon divergence: KL made symmetric, by way of the mean of the two.

        JSD(p ‖ q) = ½ KL(p ‖ m) + ½ KL(q ‖ m),        m = (p + q) / 2

    From 0 (p = q) to log 2 = 0.693 (no overlap). It is what one outcome says about the coin that
    chose between p and q. Its root is a distance (it obeys the triangle inequality).

    Both of one shape. Source: Lin 1991; in GANs, Goodfellow et al. 2014,
    equation 6. Raises UserError.
    """
    p, q = _pair("js_divergence", p, q, cell)
    log_m = _log(p + q) - np.log(2)  # half of the smallest p there is would be 0
    to_p = np.sum(cell * p * (_log(p) - log_m))
    to_q = np.sum(cell * q * (_log(q) - log_m))
    return _at_least_0((to_p + to_q) / 2)


# ---------------------------------------------------------------------------------------------
# Helpers


def _log(values: Array) -> Array:
    """The logarithm; 0 stands in for log 0, since it is only ever multiplied by a p of 0."""
    return np.log(np.where(values > 0, values, 1.0))


def _at_least_0(divergence: Any) -> float:
    """No divergence is negative; the rounding of one that is 0 may be, by 1e-16."""
    return max(float(divergence), 0.0)


def _distribution(function: str, name: str, values: npt.ArrayLike, cell: Cell) -> Array:
    """`values` as float64 that are a distribution, or UserError."""
    p = np.asarray(values, dtype=np.float64)
    if np.shape(cell) not in ((), p.shape):
        raise UserError(
            f"{function}: cell is one width or one for each point of {name}, whose shape is "
            f"{p.shape}, and it has the shape {np.shape(cell)}"
        )
    if p.size == 0 or not np.all(np.isfinite(p)) or p.min() < 0 or np.min(cell) <= 0:
        raise UserError(
            f"{function}: {name}, of shape {p.shape}, must hold at least one number, all finite "
            f"and none negative, on cells wider than 0"
        )
    total = float(np.sum(cell * p))
    if abs(total - 1) > TOLERANCE:
        raise UserError(
            f"{function}: {name} sums to {total:.6g}, not to 1; divide it by its sum, or give the "
            f"width of the grid's cells as cell if it is a density"
        )
    return p / total


def _pair(function: str, p: npt.ArrayLike, q: npt.ArrayLike, cell: Cell) -> tuple[Array, Array]:
    """Two distributions over the same outcomes."""
    checked = _distribution(function, "p", p, cell), _distribution(function, "q", q, cell)
    if checked[0].shape != checked[1].shape:
        raise UserError(
            f"{function}: p and q must be over the same outcomes, and their shapes are "
            f"{checked[0].shape} and {checked[1].shape}"
        )
    return checked
