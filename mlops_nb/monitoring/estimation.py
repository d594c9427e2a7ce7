"""How well a model answers before the truth is known: what its scores, or its past errors, lead to expect."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_nb.monitoring import intervals
from mlops_nb.monitoring.boosting import boosted
from mlops_nb.monitoring.calibration import beta_forms, chances, curve, reliability
from mlops_nb.monitoring.performance import Answered, Figure, Predicted
from mlops_nb.record import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Codes = NDArray[np.int64]

DRAWS = 200
"""Times that labels are drawn as the scores say they fall, for the intervals."""

GROUPS = 500
"""Rows of neighbouring scores are drawn together, in about so many groups."""

MOST_RESAMPLED = 20_000
"""Rows of the reference that are resampled for a calibration; its spread is scaled to all."""

MOST_DRAWN = 2_000
"""Rows of a model of many classes for which labels are drawn; the spread is scaled to all."""

LEAST_ROWS, LEAST_OF_A_CLASS = 200, 20
"""With fewer labelled rows of the reference, or of one of its classes, an estimate is not to be trusted."""

FOLDS, STRATA = 5, 10

Way = Literal["none", "beta calibration", "isotonic regression"]
"""How scores are made probabilities."""

OUTSIDE = 0.02
"""Share of current rows beyond what the reference has, from which on an estimate is not to be trusted."""

BLIND = "it holds only while equal rows have equal labels as before: a changed concept is not seen without labels"


@dataclass(frozen=True, slots=True)
class Estimate(Record):
    """Metrics as they are expected without labels.

    `doubts` say why the figures are not to be trusted; without any they hold under the `condition`, which nothing but
    labels can test. `confusion`: how many rows of each label (down) are expected to be predicted as what (across).
    """

    method: str
    figures: tuple[Figure, ...]
    doubts: tuple[str, ...] = ()
    condition: str = BLIND
    recalibrated: str = ""
    confusion: tuple[tuple[float, ...], ...] = ()

    @property
    def is_trusted(self) -> bool:
        """Whether nothing that can be seen speaks against it."""
        return not self.doubts


def expected_confusion(probabilities: Numbers, predictions: Codes) -> Numbers:
    """The confusion matrix to expect of calibrated probabilities: the sum, over rows, of each label's chance.

    >>> expected_confusion(np.array([[0.1, 0.9], [0.6, 0.4]]), np.array([1, 0])).tolist()
    [[0.6, 0.1], [0.4, 0.9]]
    """
    count = probabilities.shape[1]
    return np.column_stack([probabilities[predictions == place].sum(axis=0) for place in range(count)])


def expected_figures(probabilities: Numbers, predictions: Codes, scores: Numbers) -> dict[str, float]:
    """Accuracy, precision, recall, F1 and ROC AUC to expect of calibrated probabilities, by scikit-learn.

    Every row is taken once for each label it can have, with the chance of that label as its weight (confidence-based
    performance estimation; Garg et al. 2022, NannyML's CBPE).
    """
    from sklearn import metrics

    rows, count = probabilities.shape
    labels = np.repeat(np.arange(count), rows)
    said, weights = np.tile(predictions, count), probabilities.T.ravel()
    kind: dict[str, Any] = {"average": "binary"} if count == 2 else {"average": "macro"}
    how = {**kind, "sample_weight": weights, "zero_division": 0.0}
    of_class = range(1, 2) if count == 2 else range(count)
    areas = [
        metrics.roc_auc_score(labels == place, np.tile(scores[:, place], count), sample_weight=weights)
        for place in of_class
        if 0 < probabilities[:, place].sum() < rows
    ]
    return {
        "accuracy": float(metrics.accuracy_score(labels, said, sample_weight=weights)),
        "precision": float(metrics.precision_score(labels, said, **how)),
        "recall": float(metrics.recall_score(labels, said, **how)),
        "f1": float(metrics.f1_score(labels, said, **how)),
        "roc_auc": float(np.mean(areas)) if areas else math.nan,
    }


def estimated_classification(reference: Answered, current: Answered, rng: np.random.Generator) -> Estimate:
    """What a classifier's metrics are to expect on current data whose labels are not known (CBPE).

    Scores are recalibrated on the reference, by beta calibration or isotonic regression, where that lowers the Brier
    score of rows it has not seen. The interval is where 95 % of the realised figures lie when labels are drawn by the
    calibrated scores, the calibration itself drawn anew each time from the reference; of many classes the latter is
    taken as large as the sizes of both data sets say.

    Args:
        reference: labelled rows with scores.
        current: rows with scores; their labels are not looked at.
        rng: chance.
    """
    wide, others = _wide(reference), _wide(current)
    way, probable = calibrated(reference, current)
    values = expected_figures(probable, current.predictions, others)
    if current.is_binary:
        spread = _drawn_binary(reference, current, way, rng)
    else:
        spread = _drawn_of_many(probable, current, len(reference.labels), rng)
    figures = tuple(_with_draws(name, value, spread[name]) for name, value in values.items())
    doubts = tuple(_doubts_of_scores(reference, current, wide, others, way))
    table = expected_confusion(probable, current.predictions)
    return Estimate(
        "CBPE",
        figures,
        doubts,
        recalibrated="" if way == "none" else way,
        confusion=tuple(tuple(map(float, row)) for row in table),
    )


def calibrated(reference: Answered, current: Answered) -> tuple[Way, Numbers]:
    """How the current scores are made probabilities, and these, shape (rows, classes)."""
    wide = _wide(reference)
    way = recalibration(reference.labels, wide)
    return way, _recalibrated(way, reference.labels, wide, _wide(current))


def _wide(rows: Answered) -> Numbers:
    scores = np.asarray(rows.scores)
    return np.column_stack((1 - scores, scores)) if scores.ndim == 1 else scores


def _with_draws(name: str, value: float, drawn: Numbers) -> Figure:
    drawn = drawn[~np.isnan(drawn)]
    if math.isnan(value) or len(drawn) < DRAWS / 2:
        return Figure(name, reason="it is not defined: all rows are expected to be of one kind")
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Figure(name, value, float(min(low, value)), float(max(high, value)), "drawn labels")


def _recalibrated(way: Way, labels: Codes, scores: Numbers, others: Numbers) -> Numbers:
    """Other scores as the labels of these say, class by class, made to add up to 1."""
    if way == "none":
        return others
    found = others.copy()
    for place in range(1 if scores.shape[1] == 2 else 0, scores.shape[1]):
        found[:, place] = _WAYS[way](labels == place, scores[:, place], others[:, place])
    if scores.shape[1] == 2:
        found[:, 0] = 1 - found[:, 1]
        return found
    total = found.sum(axis=1, keepdims=True)
    return np.where(total > 0, found / np.where(total > 0, total, 1.0), others)


def _isotonic(positive: NDArray[np.bool_], scores: Numbers, others: Numbers) -> Numbers:
    """Isotonic regression, a line between the middles of its steps (Oron and Flournoy 2017).

    Within a step the order of the scores still says something; a step would have it say nothing.
    """
    from sklearn.isotonic import IsotonicRegression

    heights = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(scores, positive)
    steps, places = np.unique(heights, return_inverse=True)
    return np.asarray(np.interp(others, np.bincount(places, scores) / np.bincount(places), steps))


def _beta(positive: NDArray[np.bool_], scores: Numbers, others: Numbers) -> Numbers:
    found = curve(positive, beta_forms(scores))
    return others if found is None else chances(found.weights, beta_forms(others))


_WAYS: dict[Way, Callable[..., Numbers]] = {"beta calibration": _beta, "isotonic regression": _isotonic}


def recalibration(labels: Codes, scores: Numbers) -> Way:
    """How the scores are best made probabilities: not at all unless a way lowers the Brier score of held-out rows.

    Scores as they are stay unless one is better beyond noise.
    """
    if len(labels) < LEAST_ROWS:
        return "none"
    truth = np.eye(scores.shape[1])[labels]
    raw = ((scores - truth) ** 2).sum(axis=1)
    losses = {way: ((_held_out(way, labels, scores) - truth) ** 2).sum(axis=1) for way in _WAYS}
    best = min(_WAYS, key=lambda way: float(losses[way].mean()))
    gains = raw - losses[best]
    return best if float(gains.mean()) > intervals.Z * float(gains.std()) / math.sqrt(len(gains)) else "none"


def _held_out(way: Way, labels: Codes, scores: Numbers) -> Numbers:
    found, fold = scores.copy(), np.arange(len(labels)) % FOLDS
    for place in range(FOLDS):
        held = fold == place
        found[held] = _recalibrated(way, labels[~held], scores[~held], scores[held])
    return found


def _drawn_binary(reference: Answered, current: Answered, way: Way, rng: np.random.Generator) -> dict[str, Numbers]:
    """Realised figures when labels are drawn, with a calibration of resampled reference rows each time."""
    scores = np.asarray(current.scores)
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, GROUPS + 1)[1:-1]))
    groups = np.searchsorted(edges, scores, side="right")
    table = np.bincount(groups * 2 + current.predictions, minlength=2 * (len(edges) + 1)).reshape(-1, 2)
    rows = table.sum(axis=1)
    sums = np.bincount(groups, scores, minlength=len(rows))
    middles = np.divide(sums, rows, out=np.zeros(len(rows)), where=rows > 0)
    probable = _drawn_chances(reference, middles, way, rng)
    positives = rng.binomial(table[None], probable[:, :, None])
    return _figures_of_tables(positives, table - positives)


def _drawn_chances(reference: Answered, scores: Numbers, way: Way, rng: np.random.Generator) -> Numbers:
    """The chance of a positive label at each score, as calibrations say that the reference would allow, too."""
    positive, known = reference.labels == 1, np.asarray(reference.scores)
    if way == "isotonic regression":
        size = min(len(known), MOST_RESAMPLED)
        picks = (rng.integers(len(known), size=size) for _ in range(DRAWS))
        drawn = np.stack([_isotonic(positive[rows], known[rows], scores) for rows in picks])
        whole = _isotonic(positive, known, scores)
        return np.clip(whole + (drawn - whole) * math.sqrt(size / len(known)), 0.0, 1.0)
    found = curve(positive, beta_forms(known))
    if found is None:
        return np.broadcast_to(np.clip(scores, 0.0, 1.0), (DRAWS, len(scores)))
    middle = found.weights if way == "beta calibration" else np.array([0.0, 1.0, 1.0])
    return chances(rng.multivariate_normal(middle, found.covariance, size=DRAWS), beta_forms(scores))


def _figures_of_tables(positives: Codes, negatives: Codes) -> dict[str, Numbers]:
    """Figures of counts by draw, group of scores (upwards) and prediction."""
    tp, fp = positives[:, :, 1].sum(axis=1), negatives[:, :, 1].sum(axis=1)
    fn, tn = positives[:, :, 0].sum(axis=1), negatives[:, :, 0].sum(axis=1)
    up, down = positives.sum(axis=2).astype(float), negatives.sum(axis=2).astype(float)
    below = down.cumsum(axis=1) - down / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": (tp + tn) / (tp + fp + fn + tn),
            "precision": np.where(tp + fp, tp / (tp + fp), 0.0),
            "recall": np.where(tp + fn, tp / (tp + fn), np.nan),
            "f1": np.where(tp + fp + fn, 2 * tp / (2 * tp + fp + fn), np.nan),
            "roc_auc": (up * below).sum(axis=1) / (up.sum(axis=1) * down.sum(axis=1)),
        }


def _drawn_of_many(probable: Numbers, current: Answered, known: int, rng: np.random.Generator) -> dict[str, Numbers]:
    """Realised figures when labels are drawn, their spread scaled to all rows and to how many calibrated the scores."""
    from sklearn import metrics

    rows, wide = len(probable), _wide(current)
    picked = rng.choice(rows, MOST_DRAWN, replace=False) if rows > MOST_DRAWN else np.arange(rows)
    steps, said, scores = probable[picked].cumsum(axis=1), current.predictions[picked], wide[picked]
    count = probable.shape[1]
    draws: dict[str, list[float]] = {name: [] for name in ("accuracy", "precision", "recall", "f1", "roc_auc")}
    for _ in range(DRAWS):
        labels = (rng.random(len(picked))[:, None] > steps).sum(axis=1).clip(0, count - 1)
        table = np.bincount(labels * count + said, minlength=count**2).reshape(count, count)
        right, of_label, of_said = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
        draws["accuracy"].append(float(right.sum() / len(picked)))
        draws["precision"].append(float((right / np.maximum(of_said, 1)).mean()))
        draws["recall"].append(float((right / np.maximum(of_label, 1)).mean()))
        draws["f1"].append(float((2 * right / np.maximum(of_label + of_said, 1)).mean()))
        sides = [(labels == place, scores[:, place]) for place in range(count) if 0 < of_label[place] < len(picked)]
        draws["roc_auc"].append(float(np.mean([metrics.roc_auc_score(*side) for side in sides])))
    wider = math.sqrt(len(picked) / rows * (1 + rows / known))
    return {name: float(np.mean(found)) + wider * (np.asarray(found) - np.mean(found)) for name, found in draws.items()}


def _doubts_of_scores(
    reference: Answered, current: Answered, scores: Numbers, others: Numbers, way: Way
) -> Iterator[str]:
    rows = len(reference.labels)
    fewest = int(np.bincount(reference.labels, minlength=len(reference.classes)).min())
    if rows < LEAST_ROWS or fewest < LEAST_OF_A_CLASS:
        yield (
            f"the reference has {rows:,} labelled rows, {fewest:,} of its rarest label: too few to calibrate scores "
            f"(at least {LEAST_ROWS} and {LEAST_OF_A_CLASS})"
        )
    low, high = np.quantile(scores, (0.0005, 0.9995), axis=0)
    outside = float(((others < low) | (others > high)).any(axis=1).mean())
    if outside > OUTSIDE:
        share = f"{outside:.1%} of the current scores"
        yield f"{share} lie outside those of the reference, where nothing says how right they are"
    if way == "none" and rows >= LEAST_ROWS and reference.is_binary:
        yield from _miscalibrated(reference)


def _miscalibrated(reference: Answered) -> Iterator[str]:
    """Scores that are no probabilities though isotonic regression does not help."""
    points = reliability(reference.labels == 1, np.asarray(reference.scores))
    off = sum(each.rows for each in points if not each.low <= each.score <= each.high)
    if off > len(reference.labels) / 2:
        yield "the scores are no probabilities on the reference, and recalibration does not make them so"


def estimated_regression(
    reference: Predicted, features: Numbers, currents: Numbers, categorical: NDArray[np.bool_]
) -> Estimate:
    """What a regression's errors are to expect on current data whose labels are not known (direct loss estimation).

    Gradient boosted trees learn the loss of the reference from the features, on four fifths of it; the losses of the
    last fifth, in strata of what the trees say of them, correct what they say of the current rows; that five times,
    averaged. The interval is normal: the spread of losses within strata, over the rows of both data sets.

    Args:
        reference: labelled rows.
        features: what the loss may depend on, the prediction among it; shape (rows, features), NaN where missing.
        currents: the same of the current rows.
        categorical: which features are codes.
    """
    errors = reference.predictions - reference.labels
    mae = _expected_loss(np.abs(errors), features, currents, categorical)
    mse = _expected_loss(errors**2, features, currents, categorical)
    rmse = intervals.Interval(*(math.sqrt(max(0.0, each)) for each in mse))
    figures = tuple(Figure(name, *found, "strata of losses") for name, found in (("mae", mae), ("rmse", rmse)))
    return Estimate("direct loss estimation", figures, tuple(_doubts_of_features(features, currents, categorical)))


def _expected_loss(
    losses: Numbers, features: Numbers, currents: Numbers, categorical: NDArray[np.bool_]
) -> intervals.Interval:
    values, errors, noises = [], [], []
    for held, (here, there) in boosted(losses, features, currents, categorical, FOLDS):
        value, error, noise = _stratified(losses[held], here, there)
        values.append(value)
        errors.append(error)
        noises.append(noise)
    value = float(np.mean(values))
    reach = intervals.Z * math.sqrt(float(np.sum(errors)) / FOLDS**2 + float(np.mean(noises)))
    return intervals.Interval(value, max(0.0, value - reach), value + reach)


def _stratified(losses: Numbers, said: Numbers, said_there: Numbers) -> tuple[float, float, float]:
    """What is said of the current rows, corrected; the variance of the correction, and of the realised mean."""
    edges = np.unique(np.quantile(said, np.arange(1, STRATA) / STRATA))
    here, there = (np.searchsorted(edges, each, side="right") for each in (said, said_there))
    count = len(edges) + 1
    rows, others = np.bincount(here, minlength=count), np.bincount(there, minlength=count)
    residuals = losses - said
    means = np.bincount(here, residuals, minlength=count) / np.maximum(rows, 1)
    spreads = np.bincount(here, (residuals - means[here]) ** 2, minlength=count) / np.maximum(rows - 1, 1)
    shares = others / others.sum()
    value = float(said_there.mean() + shares @ means)
    return value, float(shares**2 @ (spreads / np.maximum(rows, 1))), float(shares @ spreads / others.sum())


def _doubts_of_features(features: Numbers, currents: Numbers, categorical: NDArray[np.bool_]) -> Iterator[str]:
    if len(features) < LEAST_ROWS:
        yield f"the reference has {len(features):,} labelled rows: too few to learn the loss (at least {LEAST_ROWS})"
        return
    low, high = (np.nanquantile(features[:, ~categorical], end, axis=0) for end in (0.0005, 0.9995))
    numbers = currents[:, ~categorical]
    outside = float(((numbers < low) | (numbers > high)).mean(axis=0).max(initial=0.0))
    if outside > OUTSIDE:
        share = f"{outside:.1%} of the current rows"
        yield f"{share} have a feature beyond the reference, where nothing says how large errors are"
