"""How far two rows of counts lie apart: of categories or of bins of numbers, in the reference and in the current."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Shares = NDArray[np.float64]

FEW_EXPECTED = 5
"""Where fewer than so many are expected in a cell of the table, its test does not rely on large numbers."""

TABLES = 999
"""Random tables with the same margins that such a test is made with."""

DOUBTFUL = (1e-5, 0.6)
"""They are made only where the asymptotic p-value is between these: beyond, no table would change what it says."""

MOST_TESTED = 1_000
"""Of more categories than this the rarest are tested as one."""


class Test(NamedTuple):
    """A statistic, its degrees of freedom, and how likely one as large is where nothing changed.

    `method` is "asymptotic", or "random tables" where counts are small.
    """

    statistic: float
    freedom: int
    p_value: float
    method: str = "asymptotic"


def shares(counts: Counts) -> Shares:
    """Counts as shares of their sum; all 0 where there are none.

    >>> shares(np.array([1, 3])).tolist()
    [0.25, 0.75]
    """
    total = counts.sum()
    return counts / total if total else np.zeros(len(counts))


def smoothed(counts: Counts) -> Shares:
    """Shares in which an empty cell counts as half a row, so that no logarithm is infinite.

    >>> smoothed(np.array([0, 1, 1])).tolist()
    [0.2, 0.4, 0.4]
    """
    return shares(np.where(counts == 0, 0.5, counts)) if counts.sum() else np.full(len(counts), 1 / max(1, len(counts)))


def population_stability(reference: Shares, current: Shares) -> float:
    """The population stability index of two rows of shares, none of them 0.

    PSI = sum of (q - p) ln(q / p), the symmetric divergence of Jeffreys (1946). Credit scoring calls 0.1 a change to
    look at and 0.2 (or 0.25) one to act on (Siddiqi 2006).

    >>> round(population_stability(np.array([0.2, 0.8]), np.array([0.4, 0.6])), 12)
    0.196165850602
    """
    return float(((current - reference) * np.log(current / reference)).sum())


def stability_bias(cells: int, reference: int, current: int) -> float:
    """The PSI of two samples of one population on average: (cells - 1) (1/n + 1/m), to first order (Yurdakul 2018).

    >>> stability_bias(10, 200, 200)
    0.09
    """
    return (max(1, cells) - 1) * (1 / reference + 1 / current) if reference and current else float("nan")


def jensen_shannon(reference: Shares, current: Shares) -> float:
    """The Jensen-Shannon divergence in bits, from 0 for equal shares to 1 for shares with nothing in common.

    JS = (KL(p, m) + KL(q, m)) / 2 with m = (p + q) / 2 (Lin 1991). Empty cells need no smoothing. The distance that is
    a metric is its square root (Endres and Schindelin 2003).

    >>> round(jensen_shannon(np.array([0.5, 0.5, 0, 0]), np.array([0, 0.25, 0.25, 0.5])), 11)
    0.65563906223
    """
    middle = (reference + current) / 2
    return max(0.0, (_divergence(reference, middle) + _divergence(current, middle)) / 2 / math.log(2))


def kullback_leibler(reference: Shares, current: Shares) -> float:
    """KL(p, q) = sum of p ln(p / q), in nats; infinite where q is 0 and p is not (Kullback and Leibler 1951).

    >>> round(kullback_leibler(np.array([0.25] * 4), np.array([0.85, 0.05, 0.05, 0.05])), 5)
    0.90113
    """
    with np.errstate(divide="ignore"):
        return _divergence(reference, current)


def _divergence(one: Shares, other: Shares) -> float:
    there = one > 0
    return float((one[there] * np.log(one[there] / other[there])).sum())


def hellinger(reference: Shares, current: Shares) -> float:
    """The Hellinger distance: sqrt(sum of (sqrt(p) - sqrt(q))^2 / 2), from 0 to 1 (Hellinger 1909).

    >>> hellinger(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    return min(1.0, math.sqrt(float(((np.sqrt(reference) - np.sqrt(current)) ** 2).sum()) / 2))


def largest_change(reference: Shares, current: Shares) -> float:
    """The largest change of one cell's share (the L-infinity distance).

    >>> round(largest_change(np.array([0.9, 0.1]), np.array([0.7, 0.3])), 9)
    0.2
    """
    return float(np.abs(reference - current).max()) if len(reference) else 0.0


def cramers_v(reference: Counts, current: Counts) -> float:
    """Cramer's V of the two-row table: sqrt(chi-squared / rows), from 0 to 1 (Cramer 1946).

    It depends on how many rows each sample has: with a tenth of the rows in one, it can reach 1 no less, but the same
    change of shares gives less.

    >>> round(cramers_v(np.array([200, 800]), np.array([400, 600])), 4)
    0.2182
    """
    rows = int(reference.sum() + current.sum())
    return math.sqrt(_chi_squared(*_occupied(reference, current)) / rows) if rows else 0.0


def chi_squared(reference: Counts, current: Counts, rng: np.random.Generator) -> Test:
    """Pearson's test whether both rows of counts come from one population (1900); neither is the truth.

    X = sum of (observed - expected)^2 / expected, over the cells of both rows. p is 1 where nothing can differ.
    Where a cell expects fewer than 5, p is the share of random tables with the same margins whose X is as large
    (Patefield 1981), the table itself counted among them.

    Args:
        reference: counts, shape (cells,).
        current: counts of the same cells.
        rng: for the random tables.

    >>> counts = np.array([16, 18, 16, 14, 12, 12]), np.array([16, 16, 16, 16, 16, 8])
    >>> test = chi_squared(*counts, np.random.default_rng(0))
    >>> round(test.statistic, 9), test.freedom, round(test.p_value, 9)
    (1.622408964, 5, 0.898526239)
    """
    return _tested(reference, current, rng, _chi_squared)


def g_test(reference: Counts, current: Counts, rng: np.random.Generator) -> Test:
    """The likelihood-ratio test of the same: G = 2 sum of observed ln(observed / expected) (Wilks 1935)."""
    return _tested(reference, current, rng, _likelihood_ratio)


def _tested(
    reference: Counts, current: Counts, rng: np.random.Generator, statistic: Callable[[Counts, Counts], Shares]
) -> Test:
    reference, current = rare_together(*_occupied(reference, current))
    n, m = int(reference.sum()), int(current.sum())
    if len(reference) < 2 or not n or not m:
        return Test(0.0, 0, 1.0)
    from scipy.special import chdtrc

    found, freedom = float(statistic(reference, current)), len(reference) - 1
    p_value, together = float(chdtrc(freedom, found)), reference + current
    is_large = together.min() * min(n, m) / (n + m) >= FEW_EXPECTED
    if is_large or not DOUBTFUL[0] < p_value < DOUBTFUL[1]:
        return Test(found, freedom, p_value)
    made = random_tables(together, n, rng)
    as_large = np.count_nonzero(statistic(made, together - made) >= found * (1 - 1e-12))
    return Test(found, freedom, (1 + int(as_large)) / (TABLES + 1), "random tables")


def random_tables(together: Counts, size: int, rng: np.random.Generator) -> Counts:
    """First rows of random tables of two rows: `size` of all rows drawn without regard to their cell.

    Returns:
        Counts, shape (TABLES, cells).
    """
    method: Literal["count", "marginals"] = "count" if together.sum() < 40 * len(together) else "marginals"
    return rng.multivariate_hypergeometric(together, size, size=TABLES, method=method)


def _occupied(reference: Counts, current: Counts) -> tuple[Counts, Counts]:
    there = (reference + current) > 0
    return reference[there], current[there]


def rare_together(reference: Counts, current: Counts, most: int = MOST_TESTED) -> tuple[Counts, Counts]:
    """The counts with the rarest cells added up to one where there are more than `most`.

    >>> [counts.tolist() for counts in rare_together(np.array([5, 1, 0, 9]), np.array([5, 0, 1, 9]), 3)]
    [[9, 5, 1], [9, 5, 1]]
    """
    if len(reference) <= most:
        return reference, current
    order = np.argsort(-(reference + current), kind="stable")
    kept, rest = order[: most - 1], order[most - 1 :]
    return np.append(reference[kept], reference[rest].sum()), np.append(current[kept], current[rest].sum())


def _expected(reference: Counts, current: Counts) -> tuple[Shares, Shares]:
    n, m = reference.sum(axis=-1, keepdims=True), current.sum(axis=-1, keepdims=True)
    together = (reference + current) / (n + m)
    return together * n, together * m


def _chi_squared(reference: Counts, current: Counts) -> Shares:
    found = sum(
        ((counts - expected) ** 2 / expected).sum(axis=-1)
        for counts, expected in zip((reference, current), _expected(reference, current), strict=True)
    )
    return np.asarray(found)


def _likelihood_ratio(reference: Counts, current: Counts) -> Shares:
    found = np.zeros(())
    for counts, expected in zip((reference, current), _expected(reference, current), strict=True):
        logs = np.log(np.where(counts > 0, counts / expected, 1.0))
        found = found + 2 * (counts * logs).sum(axis=-1)
    return np.asarray(found)
