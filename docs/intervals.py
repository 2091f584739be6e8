"""How sure is a figure? Intervals that are right for few runs, without a library.

A standard deviation of three runs is itself known to a factor of ten, and two of them around a mean
are no 95 % interval. So a mean of n runs stands with Student's interval, which is 4.3 standard
errors wide on either side for n = 3 and 2.1 for n = 20; and a count, "5 of 20", with Wilson's,
which also knows what to say of 0 of 20.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from fractions import Fraction

# The 0.975 quantile of Student's t for 1, 2, … degrees of freedom
STUDENT = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
NORMAL = 1.959964  # that of the normal distribution, which Student's tends to


def student(count: int) -> float:
    """How many standard errors of a mean of `count` values reach to either end of the interval."""
    degrees = count - 1
    if degrees < 1:
        raise ValueError(f"an interval takes two values at least, not {count}")
    return STUDENT[degrees - 1] if degrees <= len(STUDENT) else NORMAL + 2.5 / degrees


def half_width(values: Sequence[float]) -> float:
    """Half of the 95 % interval of the mean of values (n,): t · s / √n, with n − 1 in s."""
    return student(len(values)) * statistics.stdev(values) / math.sqrt(len(values))


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `count` of `total` were seen (Wilson 1927).

    The shares p for which the seen one is within 1.96 standard errors √(p(1 − p)/n).
    """
    if not 0 <= count <= total or total < 1:
        raise ValueError(f"a count is from 0 to the total, 1 or more: {count} of {total}")
    square, share = NORMAL**2 / total, count / total
    middle = (share + square / 2) / (1 + square)
    reach = NORMAL / (1 + square) * math.sqrt(share * (1 - share) / total + square / (4 * total))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def fisher(a: int, of_a: int, b: int, of_b: int) -> float:
    """How probable a split of a + b at least as uneven as a of `of_a` against b of `of_b` is, if
    both come from one share: Fisher's exact test, two-sided."""

    def probability(k: int) -> Fraction:
        ways = math.comb(of_a, k) * math.comb(of_b, a + b - k)
        return Fraction(ways, math.comb(of_a + of_b, a + b))

    possible = range(max(0, a + b - of_b), min(of_a, a + b) + 1)
    seen = probability(a)
    return float(sum(p for k in possible if (p := probability(k)) <= seen))
