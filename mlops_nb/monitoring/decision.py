"""From an effect and its certainty to a verdict: p-values, intervals, corrections for many columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from mlops_nb.errors import BadArgument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

Verdict = Literal["drifted", "changed", "stable", "unsure", "skipped"]
"""Drifted; changed, but too little to matter; no change that matters; not enough data to say; not compared."""

Correction = Literal["bh", "holm", "none"]

EXACT = 10_000
"""Up to this product of both sizes a Kolmogorov-Smirnov p-value is exact, ties included."""

LARGE = 1_000
"""From this N on a limit is as good as the distribution itself, and a hundred times as fast."""

CONFIDENCE = 0.95


def distance_p_values(distances: ArrayLike, sizes: ArrayLike, others: ArrayLike) -> Array:
    """How likely Kolmogorov-Smirnov distances as large are where nothing changed, for samples without ties.

    P(D_N >= d) of the one-sample statistic with N = n m / (n + m), rounded (as scipy's `ks_2samp`, method asymp); with
    ties it is too large. From N = 1,000 on Kolmogorov's limit with the correction of Vrbik (2018), off by at most
    0.00002. 1 where a sample is empty.

    Args:
        distances: D of each pair, shape (pairs,).
        sizes: n of each reference.
        others: m of each current.

    >>> distance_p_values([0.1, 0.0], [500, 500], [499, 500]).round(9).tolist()
    [0.012520345, 1.0]
    """
    from scipy.special import kolmogorov
    from scipy.stats import kstwo

    distance, n, m = (np.asarray(each, dtype=float) for each in (distances, sizes, others))
    with np.errstate(invalid="ignore", divide="ignore"):
        effective = np.maximum(np.round(n * m / (n + m)), 1)
        large = effective >= LARGE
        scaled = np.sqrt(effective) * distance
        found = kolmogorov(scaled + 1 / (6 * np.sqrt(effective)) + (scaled - 1) / (4 * effective))
        found[~large] = kstwo.sf(distance[~large], effective[~large])
    return np.where(np.isnan(found) | np.isnan(distance), 1.0, np.clip(found, 0.0, 1.0))


def exact_distance_p_value(distance: float, reference: Array, current: Array) -> float:
    """The same, exact, given the values that both samples have together: ties are allowed for.

    The share of the ways to split the pooled values in two samples of these sizes that give as large a distance;
    counted along a lattice that is looked at only after each group of equal values (Schroeer and Trenkler 1995).

    >>> x, y = np.array([1.0, 1, 2, 2, 2, 3, 3, 4]), np.array([1.0, 2, 3, 3, 4, 4, 4, 5])
    >>> round(exact_distance_p_value(0.375, x, y), 12)
    0.5337995338
    """
    n, m = len(reference), len(current)
    ends = np.flatnonzero(np.diff(np.append(np.sort(np.concatenate((reference, current))), np.inf)) > 0) + 1
    least = distance * (1 - 1e-9)
    within = np.zeros(n + 1)  # the chance of having taken i of the reference, and of staying within the distance so far
    within[0] = 1.0
    looked_at = set(ends.tolist())
    taken = np.arange(n + 1)
    for step in range(1, n + m + 1):
        others = step - 1 - taken
        left = n + m - step + 1
        stay = np.where((others >= 0) & (others < m), within * np.clip(m - others, 0, m) / left, 0.0)
        go = np.where(others >= 0, within * (n - taken) / left, 0.0)
        within = stay
        within[1:] += go[:-1]
        if step in looked_at:
            within = np.where(np.abs(taken / n - (step - taken) / m) >= least, 0.0, within)
    return float(min(1.0, max(0.0, 1.0 - within.sum())))


def distance_interval(distance: float, here: float, there: float, n: int, m: int) -> tuple[float, float]:
    """A 95 % interval for a Kolmogorov-Smirnov distance, by the normal error of both shares where it was found.

    >>> [round(float(each), 3) for each in distance_interval(0.2, 0.6, 0.4, 500, 500)]
    [0.139, 0.261]
    """
    if not n or not m:
        return math.nan, math.nan
    error = 1.959964 * math.sqrt(here * (1 - here) / n + there * (1 - there) / m)
    return max(0.0, distance - error), min(1.0, distance + error)


def divergence_interval(divergence: float, cells: int, n: int, m: int) -> tuple[float, float, float]:
    """A Jensen-Shannon divergence in bits without what chance adds to it, and its 95 % interval.

    8 ln 2 JS n m / (n + m) follows to the second order a noncentral chi-squared distribution of cells - 1 degrees of
    freedom; its noncentrality is what the population adds (the way of Smithson 2003, for Cramer's V). The estimate is
    JS - (cells - 1) / (8 ln 2) (1/n + 1/m), at least 0.

    Returns:
        Estimate, low, high.

    >>> [round(each, 4) for each in divergence_interval(0.02, 5, 1000, 1000)]
    [0.0186, 0.0099, 0.0307]
    """
    if cells < 2 or not n or not m:
        return (0.0, 0.0, 0.0) if n and m else (math.nan, math.nan, math.nan)
    from scipy.special import chndtr, chndtrinc

    unit = 8 * math.log(2) * n * m / (n + m)
    found, freedom, tail = divergence * unit, cells - 1, (1 - CONFIDENCE) / 2
    low, high = (
        float(chndtrinc(found, freedom, share)) if chndtr(found, freedom, 0.0) > share else 0.0
        for share in (1 - tail, tail)
    )
    high = 1.0 if math.isnan(high) else min(1.0, high / unit)
    return max(0.0, (found - freedom) / unit), min(max(0.0, low / unit), high), high


def corrected(p_values: ArrayLike, correction: Correction = "bh") -> Array:
    """P-values that allow for how many were looked at, never smaller than they were.

    bh: Benjamini and Hochberg (1995), of all found to differ at most alpha are expected not to; holm: Holm (1979), the
    chance that any is found in error is at most alpha.

    Raises:
        BadArgument: the correction is unknown.

    >>> corrected([0.01, 0.04, 0.03]).round(9).tolist(), corrected([0.01, 0.04, 0.03], "holm").round(9).tolist()
    ([0.03, 0.04, 0.04], [0.03, 0.06, 0.06])
    """
    values = np.asarray(p_values, dtype=float)
    if correction == "none" or not len(values):
        return values
    count, order = len(values), np.argsort(values, kind="stable")
    ranks = np.arange(1, count + 1)
    if correction == "bh":
        found = np.minimum.accumulate((values[order] * count / ranks)[::-1])[::-1]
    elif correction == "holm":
        found = np.maximum.accumulate(values[order] * (count - ranks + 1))
    else:
        raise BadArgument(
            f"correction == {correction!r}, must be bh, holm or none", 'mlops_nb.drift(a, b, correction="bh")'
        )
    back = np.empty(count)
    back[order] = np.minimum(found, 1.0)
    return back


def verdict(effect: float, high: float, p_value: float, threshold: float, alpha: float) -> Verdict:
    """What an effect, the upper end of its interval and a corrected p-value say together.

    A change that is certain is drift from the threshold on, and too small to matter below it. One that is not certain
    may still be as large as the threshold: then there is not enough data to say.

    >>> [verdict(0.2, 0.3, 0.001, 0.1, 0.05), verdict(0.02, 0.03, 0.001, 0.1, 0.05)]
    ['drifted', 'changed']
    >>> [verdict(0.09, 0.2, 0.4, 0.1, 0.05), verdict(0.01, 0.02, 0.4, 0.1, 0.05), verdict(0.2, 0.3, 0.2, 0.1, 0.05)]
    ['unsure', 'stable', 'unsure']
    """
    if math.isnan(effect) or math.isnan(p_value):
        return "skipped"
    if p_value < alpha:
        return "drifted" if effect >= threshold else "changed"
    return "unsure" if max(effect, high) >= threshold else "stable"
