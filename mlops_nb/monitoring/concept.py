"""What changed about a model's world, by name: its answers, the labels, or what the features say of the labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from mlops_nb.monitoring import boosting, categories, decision, intervals, numbers
from mlops_nb.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Codes = NDArray[np.int64]
    Mask = NDArray[np.bool_]

Kind = Literal["prediction drift", "label drift", "concept drift"]
"""The fourth kind, data drift, is of features: a comparison of data sets says it."""

KINDS: dict[Kind, tuple[str, str]] = {
    "prediction drift": (
        "the model gives other answers than before, right or wrong",
        "its features moved (data drift), or another version of the model is at work",
    ),
    "label drift": (
        "the labels are spread differently than before",
        "another season, market or mix of customers; or what is labelled, and how, has changed",
    ),
    "concept drift": (
        "rows with the same features have other errors than before",
        "what the features mean for the label has changed: behaviour, rules, prices, a unit; retraining is needed",
    ),
}
"""What each kind means, and its usual cause."""

ALPHA = 0.01
"""How often a kind that is not there may be found; data is compared again and again."""

THRESHOLD = 0.1
"""The effect from which on drift matters: a Kolmogorov-Smirnov distance, a share moved, a correlation of errors."""

CONCEPT_THRESHOLD = 0.05
MOST_ROWS = 10_000
"""Rows of each data set by which concept drift is looked for."""

LEAST_ROWS = 100
MOST_FEATURES = 20
DRAWS = 4_000
STEPS = 500


@dataclass(frozen=True, slots=True)
class DriftKind(Record):
    """One kind of drift: whether it is there, by which effect and test, and what that usually comes from.

    `verdict` is drifted, changed (too little to matter), stable, unsure or skipped; `reason` why it was skipped;
    `detail` what else there is to say, the labels' new shares say.
    """

    kind: Kind
    verdict: decision.Verdict
    meaning: str
    cause: str
    measure: str = ""
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    test: str = ""
    p_value: float = math.nan
    detail: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Priors(Record):
    """How labels are spread in the reference and, as estimated, in current data; the ends of 95 % intervals."""

    classes: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    method: str
    p_value: float = math.nan


def skipped(kind: Kind, reason: str) -> DriftKind:
    """A kind that cannot be looked for."""
    return DriftKind(kind, "skipped", *KINDS[kind], reason=reason)


def moved_numbers(kind: Kind, reference: Numbers, current: Numbers) -> DriftKind:
    """Whether numbers (predictions, labels) are spread differently: Kolmogorov-Smirnov, distance and test."""
    one, other = numbers.pair(reference, current)
    found = numbers.kolmogorov_smirnov(one, other)
    n, m = one.size, other.size
    low, high = decision.distance_interval(found.distance, found.reference_share, found.current_share, n, m)
    p_value = (
        decision.exact_distance_p_value(found.distance, reference, current)
        if n * m <= decision.EXACT
        else float(decision.distance_p_values([found.distance], [n], [m])[0])
    )
    verdict = decision.verdict(found.distance, high, p_value, THRESHOLD, ALPHA)
    detail = f"their median went from {np.median(reference):.4g} to {np.median(current):.4g}"
    return DriftKind(
        kind, verdict, *KINDS[kind], "KS distance", found.distance, low, high, "Kolmogorov-Smirnov", p_value, detail
    )


def moved_classes(
    kind: Kind, reference: Codes, current: Codes, classes: Sequence[str], rng: np.random.Generator
) -> DriftKind:
    """Whether classes (predictions, labels) are spread differently: the largest change of a share, chi-squared test."""
    before, after = (np.bincount(each, minlength=len(classes)) for each in (reference, current))
    here, there = categories.shares(before), categories.shares(after)
    place = int(np.argmax(np.abs(there - here)))
    change = intervals.of_difference(
        intervals.wilson(int(before[place]), int(before.sum())), intervals.wilson(int(after[place]), int(after.sum()))
    )
    low, high = (change.low, change.high) if change.value >= 0 else (-change.high, -change.low)
    test = categories.chi_squared(before, after, rng)
    effect = abs(change.value)
    verdict = decision.verdict(effect, high, test.p_value, THRESHOLD, ALPHA)
    detail = f"{classes[place]} went from {here[place]:.1%} to {there[place]:.1%}"
    return DriftKind(
        kind, verdict, *KINDS[kind], "share moved", effect, max(0.0, low), high, "chi-squared", test.p_value, detail
    )


def priors_by_scores(probabilities: Numbers, reference: Numbers, classes: Sequence[str]) -> Priors:
    """How the labels of unlabelled rows are spread, where only that has changed (Saerens et al. 2002).

    Expectation-maximisation: the likeliest priors q given the ratios of calibrated probabilities to the reference's
    priors; intervals by Fisher's information, the p-value of the likelihood-ratio test that nothing changed.

    Args:
        probabilities: calibrated ones of the current rows, shape (rows, classes).
        reference: the priors they were calibrated with.
        classes: their names.
    """
    from scipy.special import chdtrc

    ratios = probabilities / np.maximum(reference, 1e-12)
    q = reference.copy()
    for _ in range(STEPS):
        weighted = q * ratios
        new = (weighted / np.maximum(weighted.sum(axis=1, keepdims=True), 1e-300)).mean(axis=0)
        done, q = float(np.abs(new - q).max()) < 1e-9, new
        if done:
            break
    likelihood = np.maximum(ratios @ q, 1e-300)
    gain = 2 * float(np.log(likelihood).sum() - np.log(np.maximum(ratios @ reference, 1e-300)).sum())
    slopes = (ratios[:, :-1] - ratios[:, -1:]) / likelihood[:, None]
    covariance = np.linalg.pinv(slopes.T @ slopes)
    errors = np.sqrt(np.append(covariance.diagonal(), covariance.sum()))
    p_value = float(chdtrc(len(classes) - 1, max(0.0, gain)))
    return _priors(classes, reference, q, errors, "EM", p_value)


def priors_by_predictions(confusion: Codes, predicted: Codes, classes: Sequence[str]) -> Priors:
    """The same, where there are no scores: by the reference's confusion matrix (BBSE; Lipton et al. 2018).

    Solves shares predicted = C q, with C the chance of each prediction given each label; the errors are those of both
    counts, by the delta method. NaN where the predictions do not tell the labels apart.

    Args:
        confusion: of the reference, labels down, predictions across.
        predicted: how many current rows were predicted as each class.
        classes: their names.
    """
    of_label = confusion.sum(axis=1)
    reference = of_label / of_label.sum()
    given = (confusion / np.maximum(of_label, 1)[:, None]).T
    shares, rows = predicted / predicted.sum(), predicted.sum()
    if np.linalg.cond(given) > 1e3:
        nothing = np.full(len(classes), np.nan)
        return _priors(classes, reference, nothing, nothing, "BBSE", math.nan)
    inverse = np.linalg.inv(given)
    q = inverse @ shares
    spread = (np.diag(shares) - np.outer(shares, shares)) / rows
    for place, count in enumerate(of_label):
        column = given[:, place]
        spread = spread + q[place] ** 2 * (np.diag(column) - np.outer(column, column)) / max(count, 1)
    errors = np.sqrt(np.maximum((inverse @ spread @ inverse.T).diagonal(), 0.0))
    return _priors(classes, reference, np.clip(q, 0.0, 1.0), errors, "BBSE", math.nan)


def _priors(
    classes: Sequence[str], reference: Numbers, current: Numbers, errors: Numbers, method: str, p_value: float
) -> Priors:
    low, high = np.clip((current - intervals.Z * errors, current + intervals.Z * errors), 0.0, 1.0)
    was, now, least, most = (tuple(map(float, each)) for each in (reference, current, low, high))
    return Priors(tuple(classes), was, now, least, most, method, p_value)


def shifted_priors(found: Priors) -> DriftKind:
    """Label drift as estimated without labels."""
    moved = np.abs(np.array(found.current) - np.array(found.reference))
    if np.isnan(moved).any():
        return skipped("label drift", "the predictions do not tell the labels apart on the reference")
    place = int(moved.argmax())
    base, now = found.reference[place], found.current[place]
    ends = sorted((found.low[place] - base, found.high[place] - base), key=lambda end: abs(end))
    is_certain = found.low[place] > base or found.high[place] < base
    p_value = found.p_value if not math.isnan(found.p_value) else 0.0 if is_certain else 1.0
    verdict = decision.verdict(float(moved[place]), abs(ends[1]), p_value, THRESHOLD, ALPHA)
    detail = (
        f"{found.classes[place]} is estimated at {now:.1%} ({found.low[place]:.1%} to {found.high[place]:.1%}), "
        f"{base:.1%} before; that holds where nothing but the labels' shares has changed"
    )
    test = "likelihood ratio" if found.method == "EM" else "95 % interval"
    low = abs(ends[0]) if is_certain else 0.0
    shown = found.p_value
    return DriftKind(
        "label drift",
        verdict,
        *KINDS["label drift"],
        f"share moved ({found.method})",
        float(moved[place]),
        low,
        abs(ends[1]),
        test,
        shown,
        detail,
    )


def changed_concept(
    errors: tuple[Numbers, Numbers],
    features: tuple[Numbers, Numbers],
    categorical: Mask,
    names: Sequence[str],
    rng: np.random.Generator,
) -> DriftKind:
    """Whether the error given the features depends on the period: the generalised covariance measure.

    Models that have not seen a row say from its features what its error is and how likely it is a current one;
    where the period adds nothing, the two residuals have covariance 0, whatever happened to the features (Shah and
    Peters 2020). Looked at over all rows and weighted by the side of each feature's median (Scheidegger et al. 2022);
    the p-value is that of the largest, by draws of its normal limit. The effect is the correlation of the residuals.

    Args:
        errors: of reference and current rows: prediction or score minus label; 1 where wrong for many classes.
        features: of the same rows, shape (rows, features), NaN where missing.
        categorical: which features are codes.
        names: of the features.
        rng: chance, for which rows are taken where there are many, and for the draws.
    """
    picked = [_some(len(each), rng) for each in errors]
    sizes = [len(each) for each in picked]
    if min(sizes) < LEAST_ROWS:
        return skipped("concept drift", f"it takes at least {LEAST_ROWS} labelled rows of each, here are {min(sizes)}")
    error = np.concatenate([each[rows] for each, rows in zip(errors, picked, strict=True)])
    table = np.concatenate([each[rows] for each, rows in zip(features, picked, strict=True)])
    period = np.repeat([0.0, 1.0], sizes)
    residual = period - boosting.held_out(period, table, categorical)
    left = error - boosting.held_out(error, table, categorical)
    weights, where = _weights(table, names)
    products = weights * (left * residual)[:, None]
    statistics = math.sqrt(len(error)) * products.mean(axis=0) / np.maximum(products.std(axis=0), 1e-300)
    place = int(np.abs(statistics).argmax())
    together = np.nan_to_num(np.corrcoef(products, rowvar=False), nan=0.0).reshape(len(statistics), -1)
    np.fill_diagonal(together, 1.0)
    drawn = np.abs(rng.multivariate_normal(np.zeros(len(statistics)), together, size=DRAWS, check_valid="ignore"))
    p_value = (1 + int(np.count_nonzero(drawn.max(axis=1) >= abs(statistics[place])))) / (DRAWS + 1)
    scale = max(float(left.std() * residual.std()), 1e-300)
    effect = abs(float(products[:, place].mean())) / scale
    reach = intervals.Z * float(products[:, place].std()) / math.sqrt(len(error)) / scale
    verdict = decision.verdict(effect, effect + reach, p_value, CONCEPT_THRESHOLD, ALPHA)
    return DriftKind(
        "concept drift",
        verdict,
        *KINDS["concept drift"],
        "correlation of error and period, given the features",
        effect,
        max(0.0, effect - reach),
        min(1.0, effect + reach),
        "generalised covariance measure",
        p_value,
        where[place],
    )


def _some(rows: int, rng: np.random.Generator) -> Codes:
    return rng.choice(rows, MOST_ROWS, replace=False) if rows > MOST_ROWS else np.arange(rows)


def _weights(table: Numbers, names: Sequence[str]) -> tuple[Numbers, list[str]]:
    """1 for all rows, and for each feature 1 above its median, -1 elsewhere."""
    columns, where = [np.ones(len(table))], ["over all rows"]
    for place, name in enumerate(names[:MOST_FEATURES]):
        known = table[:, place][~np.isnan(table[:, place])]
        side = np.where(table[:, place] > np.median(known), 1.0, -1.0) if len(known) else columns[0]
        if 0 < np.count_nonzero(side > 0) < len(side):
            columns.append(side)
            where.append(f"most where {name} is large or small")
    return np.column_stack(columns), where
