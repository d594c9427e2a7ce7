"""Whether scores are probabilities: of the rows that score 0.8, eight in ten should be right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlops_nb.monitoring import intervals
from mlops_nb.monitoring.intervals import UNKNOWN, Interval
from mlops_nb.record import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Mask = NDArray[np.bool_]

BINS = 10

LEAST = 1e-6
"""Scores nearer to 0 or 1 count as this far away from it where a logit is needed."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin(Record):
    """Rows of neighbouring scores: how many, their mean score, which share was positive, with Wilson's interval."""

    rows: int
    score: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration(Record):
    """How far scores are from probabilities.

    `error` is the expected calibration error (ECE): the mean distance between score and share over `bins` of equally
    many rows; of perfect probabilities it would be `noise` on average. `slope` 1 and `intercept` 0 are right; a slope
    below 1 means that scores are too extreme.
    """

    error: float
    noise: float
    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    intercept_low: float
    intercept_high: float
    bins: tuple[ReliabilityBin, ...] = ()


class Curve(NamedTuple):
    """logit P(positive) = weights of 1 and each form of the score, with their covariance."""

    weights: Numbers
    covariance: Numbers


def calibration(positive: Mask, scores: Numbers, bins: int = BINS) -> Calibration:
    """The calibration of scores (ECE: Naeini et al. 2015, Guo et al. 2017; slope and intercept: Cox 1958).

    NaN where there are no rows; slope and intercept also where all labels are one, or all scores.
    """
    found = reliability(positive, scores, bins)
    rows = sum(each.rows for each in found)
    error = math.fsum(each.rows * abs(each.share - each.score) for each in found) / rows if rows else math.nan
    slope, intercept = _line(positive, scores)
    return Calibration(error, _noise(scores, found), *slope, *intercept, found)


def reliability(positive: Mask, scores: Numbers, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """The points of the reliability curve, over bins of about as many rows each; equal scores are never parted."""
    if not len(scores):
        return ()
    edges = np.unique(np.quantile(scores, np.arange(1, bins) / bins))
    places = np.searchsorted(edges, scores, side="right")
    sums = [np.bincount(places, weights, minlength=bins) for weights in (None, scores, positive.astype(float))]
    return tuple(
        ReliabilityBin(int(rows), float(score / rows), *map(float, intervals.wilson(share, rows)))
        for rows, score, share in zip(*sums, strict=True)
        if rows
    )


def _noise(scores: Numbers, bins: tuple[ReliabilityBin, ...]) -> float:
    """What the error is on average where every score is the truth: the mean of |N(0, s)| is s sqrt(2 / pi)."""
    rows = sum(each.rows for each in bins)
    spreads = (each.rows * math.sqrt(each.score * max(0.0, 1 - each.score) / each.rows) for each in bins)
    return math.fsum(spreads) * math.sqrt(2 / math.pi) / rows if rows else math.nan


def logits(scores: Numbers) -> Numbers:
    """ln(p / (1 - p)), finite for 0 and 1."""
    near = np.clip(scores, LEAST, 1 - LEAST)
    return np.asarray(np.log(near / (1 - near)))


def beta_forms(scores: Numbers) -> Numbers:
    """ln p and -ln(1 - p), shape (rows, 2): what beta calibration weighs (Kull et al. 2017); both by 1 is the logit."""
    near = np.clip(scores, LEAST, 1 - LEAST)
    return np.column_stack((np.log(near), -np.log(1 - near)))


def curve(positive: Mask, forms: Numbers) -> Curve | None:
    """A logistic regression on forms of the score, by scikit-learn; None where there is none to be found.

    There is none where labels or scores are all one, or no slope is steep enough to part the labels.
    """
    from sklearn.linear_model import LogisticRegression

    if positive.all() or not positive.any():
        return None
    model = LogisticRegression(C=1e9, max_iter=1000, tol=1e-8).fit(forms, positive)
    weights = np.concatenate((model.intercept_, model.coef_[0]))
    chance = chances(weights, forms)
    x = np.column_stack((np.ones(len(forms)), forms))
    information = (x * (chance * (1 - chance))[:, None]).T @ x
    if np.linalg.cond(information) > 1e12:
        return None
    return Curve(weights, np.linalg.inv(information).astype(np.float64))


def chances(weights: Numbers, forms: Numbers) -> Numbers:
    """The chance of a positive label; weights may have shape (draws, 1 + forms), and give a row for each draw."""
    wide = np.atleast_2d(weights)
    found = 1 / (1 + np.exp(-np.clip(wide[:, :1] + wide[:, 1:] @ forms.T, -500, 500)))
    return np.asarray(found[0] if weights.ndim == 1 else found)


def _line(positive: Mask, scores: Numbers) -> tuple[Interval, Interval]:
    """Slope and intercept with Wald's intervals."""
    found = curve(positive, logits(scores)[:, None])
    if found is None:
        return UNKNOWN, UNKNOWN
    (intercept, slope), reach = found.weights.tolist(), (intervals.Z * np.sqrt(found.covariance.diagonal())).tolist()
    return (
        Interval(slope, slope - reach[1], slope + reach[1]),
        Interval(intercept, intercept - reach[0], intercept + reach[0]),
    )
