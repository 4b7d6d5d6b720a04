"""Fisher's exact test for counts up to millions, without SciPy.

R. A. Fisher, Statistical Methods for Research Workers, 5th ed. (1934), 21.02. Two-sided as R's `fisher.test` is: the
probability of all tables with the same margins that are no more likely than the one observed. The hypergeometric
distribution has one peak, so these tables are two tails; each is summed from its largest term outward, which takes
a number of steps that grows with the root of the counts only.
"""

from bisect import bisect_right
from math import exp, fsum, isqrt, lgamma
from typing import Final

import numpy as np

__all__ = ["fisher_exact", "log_probability"]

TIE: Final = 1e-7
"""Two tables whose probabilities differ by less than this, relatively, are equally likely (R's relErr is the same);
lgamma of a few millions is right to some 1e-8."""
STEPS_PER_ROOT: Final = 10
"""The standard deviation is at most sqrt(n) / 4, so 10 sqrt(n) steps are 40 of them: what follows is below 1e-100
of the first term (Hoeffding's bound)."""
FEWEST_STEPS: Final = 64
"""Summing so many costs nothing, and small tables are then summed to their very end."""


def fisher_exact(a: int, b: int, c: int, d: int) -> float:
    """Two-sided p-value of the table [[a, b], [c, d]] of counts; 0.0 where it is below the smallest float.

    >>> round(fisher_exact(20, 0, 0, 6), 9)
    4.343e-06
    """
    if a < _peak(a, b, c, d):
        a, b, c, d = b, a, d, c  # mirrored, so that the observed table lies at the peak or above
    limit = log_probability(a, b, c, d) + TIE
    lowest, peak = max(0, a - d), _peak(a, b, c, d)
    below = range(lowest, peak + 1)
    as_unlikely = bisect_right(
        below, limit, key=lambda k: log_probability(k, b + a - k, c + a - k, d - a + k)
    )
    far = lowest + as_unlikely - 1
    near_tail = _upper_tail(a, b, c, d)
    far_tail = _upper_tail(b + a - far, far, d - a + far, c + a - far) if as_unlikely else 0.0
    return min(1.0, near_tail + far_tail)


def log_probability(a: int, b: int, c: int, d: int) -> float:
    """Natural logarithm of the hypergeometric probability of this very table; no p-value of it is smaller."""
    margins, counts = (a + b, c + d, a + c, b + d), (a, b, c, d, a + b + c + d)
    # fsum: the terms are millions, their sum is small, and two tables are compared by it.
    return fsum((*map(_log_factorial, margins), *(-_log_factorial(count) for count in counts)))


def _log_factorial(n: int) -> float:
    return lgamma(n + 1)


def _peak(a: int, b: int, c: int, d: int) -> int:
    """The most likely first count, given the margins."""
    return (a + b + 1) * (a + c + 1) // (a + b + c + d + 2)


def _upper_tail(a: int, b: int, c: int, d: int) -> float:
    """Probability of a first count of `a` or more, for an `a` at or above the peak."""
    steps = min(b, c, FEWEST_STEPS + STEPS_PER_ROOT * isqrt(a + b + c + d))
    i = np.arange(steps, dtype=np.float64)
    ratios = (b - i) * (c - i) / ((a + 1 + i) * (d + 1 + i))
    return exp(log_probability(a, b, c, d)) * (1.0 + float(np.cumprod(ratios).sum()))
