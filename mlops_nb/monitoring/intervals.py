"""How sure a figure of a model's performance is: intervals of shares, means and areas, and of their differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Codes = NDArray[np.int64]

Z = 1.959963984540054
"""How many standard errors a 95 % interval reaches to each side."""

GROUPS = 1_000
"""Rows of neighbouring scores are resampled together, in at most so many groups."""

RESAMPLES = 500


class Interval(NamedTuple):
    """A value and where it is likely to be."""

    value: float
    low: float
    high: float


UNKNOWN = Interval(math.nan, math.nan, math.nan)


def standard_errors(together: int) -> float:
    """How many standard errors a fall must be from 0 to be certain, one of so many that are looked at together.

    At least as many as a 95 % interval reaches; by Bonferroni's division one fall or more of all is taken for certain
    in at most 5 % of cases where nothing fell.

    >>> round(standard_errors(1), 3), round(standard_errors(9), 3)
    (1.96, 2.539)
    """
    from scipy.special import ndtri

    return max(Z, float(-ndtri(0.05 / max(1, together))))


def wilson(successes: float, rows: float, z: float = Z) -> Interval:
    """A share with Wilson's score interval (1927), which is right for small samples and never leaves 0 to 1.

    >>> [round(each, 4) for each in wilson(81, 263)]
    [0.308, 0.2553, 0.3662]
    """
    if not rows:
        return UNKNOWN
    share, square = successes / rows, z * z / rows
    middle = (share + square / 2) / (1 + square)
    reach = z / (1 + square) * math.sqrt(share * (1 - share) / rows + square / (4 * rows))
    return Interval(share, max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach)))


def of_mean(value: float, each: Numbers, z: float = Z) -> Interval:
    """A mean of one number a row, with the normal interval: mean +- z sd / sqrt(n). A single row says nothing of it."""
    if len(each) < 2:
        return Interval(value, math.nan, math.nan)
    reach = z * float(np.std(each, ddof=1)) / math.sqrt(len(each))
    return Interval(value, value - reach, value + reach)


def of_average(parts: Sequence[Interval]) -> Interval:
    """The mean of independent figures, their intervals combined (MOVER; Zou and Donner 2008).

    low = mean - sqrt(sum of (value - low)^2) / k, and so upwards.

    >>> of_average([Interval(0.5, 0.2, 0.8), Interval(0.7, 0.3, 0.9)])
    Interval(value=0.6, low=0.35, high=0.7802775637731995)
    """
    known = [each for each in parts if not math.isnan(each.value)]
    if not known:
        return UNKNOWN
    value = math.fsum(each.value for each in known) / len(known)
    below = math.sqrt(math.fsum((each.value - each.low) ** 2 for each in known)) / len(known)
    above = math.sqrt(math.fsum((each.high - each.value) ** 2 for each in known)) / len(known)
    return Interval(value, value - below, value + above)


def of_difference(reference: Interval, current: Interval, stretch: float = 1.0) -> Interval:
    """Current minus reference, two independent samples (MOVER; for shares it is Newcombe's method 10 of 1998).

    low = d - sqrt((current - its low)^2 + (reference's high - reference)^2), and so upwards; both reaches are stretched
    by that factor.

    >>> [round(each, 4) for each in of_difference(wilson(48, 80), wilson(56, 70))]
    [0.2, 0.0524, 0.3339]
    """
    value = current.value - reference.value
    below = math.hypot(current.value - current.low, reference.high - reference.value)
    above = math.hypot(current.high - current.value, reference.value - reference.low)
    return Interval(value, value - stretch * below, value + stretch * above)


def of_f1(true_positives: float, errors: float, z: float = Z) -> Interval:
    """F1 of one class: 2 J / (1 + J) of the share J = TP / (TP + FP + FN), so the ends are those of Wilson for J.

    `errors` are false positives and false negatives together.

    >>> [round(each, 4) for each in of_f1(90, 20)]
    [0.9, 0.8478, 0.9357]
    """
    share, low, high = wilson(true_positives, true_positives + errors, z)
    return Interval(*(2 * each / (1 + each) for each in (share, low, high)))


def of_area(value: float, labels: Codes, scores: Numbers, z: float = Z) -> Interval:
    """An area under the ROC curve with the interval of DeLong et al. (1988) on the logit scale (Pepe 2003).

    Args:
        value: the area, averaged over classes where there are several.
        labels: the class of each row, from 0.
        scores: shape (rows, classes), or (rows,) where classes are 0 and 1.
    """
    if math.isnan(value):
        return UNKNOWN
    wide = scores[:, None] if scores.ndim == 1 else scores
    sides = [labels == (1 if scores.ndim == 1 else place) for place in range(wide.shape[1])]
    there = [place for place, side in enumerate(sides) if 0 < np.count_nonzero(side) < len(side)]
    each = np.sum([_area_influence(sides[place], wide[:, place]) for place in there], axis=0) / len(there)
    error = math.sqrt(float((each**2).sum()))
    fewest = min(int(np.count_nonzero(side)) for place in there for side in (sides[place], ~sides[place]))
    if not 0 < value < 1 or not error:  # all pairs in order: the spread of the area is unknown, not 0
        _, low, high = wilson(value * fewest, fewest, z)
        return Interval(value, low, high)
    middle, reach = math.log(value / (1 - value)), z * error / (value * (1 - value))
    return Interval(value, *(1 / (1 + math.exp(-end)) for end in (middle - reach, middle + reach)))


def _area_influence(positive: NDArray[np.bool_], scores: Numbers) -> Numbers:
    """What each row adds to the error of an area; the sum of squares is DeLong's variance."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    found = np.zeros(len(scores))
    for side, sign in ((positive, 1.0), (~positive, -1.0)):
        size = int(np.count_nonzero(side))
        placements = sign * (ranks[side] - rankdata(scores[side])) / (len(scores) - size)
        found[side] = (placements - placements.mean()) / math.sqrt(size * max(1, size - 1))
    return found


def of_average_precision(
    value: float, labels: NDArray[np.bool_], scores: Numbers, rng: np.random.Generator, z: float = Z
) -> Interval:
    """An average precision with the interval of a bootstrap on rows, on the logit scale.

    The rows are resampled as counts of both labels in up to 1,000 groups of neighbouring scores, which is the same
    where there are no more distinct scores. Where all draws agree, as for scores that err nowhere, Wilson's interval
    of the positives.
    """
    positives = int(np.count_nonzero(labels))
    if math.isnan(value) or not positives:
        return UNKNOWN
    _, groups = np.unique(-scores, return_inverse=True)
    count = int(groups.max()) + 1
    if count > GROUPS:
        groups = _even(groups, count)
        count = int(groups.max()) + 1
    table = np.bincount(groups * 2 + labels, minlength=2 * count)
    drawn = rng.multinomial(len(labels), table / len(labels), size=RESAMPLES).reshape(RESAMPLES, count, 2)
    found = drawn.cumsum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.nan_to_num(found[:, :, 1] / found.sum(axis=2))
        areas = (precision * drawn[:, :, 1]).sum(axis=1) / found[:, -1, 1]
    areas = areas[(areas > 0) & (areas < 1)]
    if not 0 < value < 1 or len(areas) < RESAMPLES // 2:
        _, low, high = wilson(value * positives, positives, z)
        return Interval(value, low, high)
    error = float(np.std(np.log(areas / (1 - areas)), ddof=1))
    middle = math.log(value / (1 - value))
    return Interval(value, *(1 / (1 + math.exp(-end)) for end in (middle - z * error, middle + z * error)))


def _even(groups: Any, count: int) -> Codes:
    """Groups of neighbours with about as many rows each; equal scores stay together."""
    before = np.bincount(groups, minlength=count).cumsum()
    places = (before - 1) * GROUPS // before[-1]
    return np.asarray(places[groups])
