"""How well a model answers where the truth is known: metrics with intervals, beside those of a baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_nb.monitoring import intervals
from mlops_nb.monitoring.intervals import UNKNOWN, Interval
from mlops_nb.record import Record
from mlops_nb.tracking.metrics import lower_is_better

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Codes = NDArray[np.int64]

Change = Literal["degraded", "slipped", "stable", "improved", "unsure", "skipped"]

CHANGES: dict[Change, str] = {
    "degraded": "worse",
    "slipped": "worse, but too little to matter",
    "stable": "as good as before",
    "improved": "better",
    "unsure": "not enough data to say",
    "skipped": "not compared",
}

THRESHOLD = 0.05
"""The relative degradation from which on a change matters."""

ONE_CLASS = "all rows have one label"


@dataclass(frozen=True, slots=True)
class Figure(Record):
    """A metric with its 95 % interval; `method` says how that was found, `reason` why there is no value."""

    name: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    method: str = ""
    reason: str = ""

    @property
    def interval(self) -> Interval:
        """Value and ends."""
        return Interval(self.value, self.low, self.high)


@dataclass(frozen=True, slots=True)
class MetricChange(Record):
    """A metric of the current data beside that of the reference.

    `change` is current minus reference, `low` to `high` its interval; `degradation` how much worse it is, as a share of
    the reference (of its RMSE for the bias), negative where it is better, and `least` to `most` that interval's ends.
    """

    name: str
    reference: Figure
    current: Figure
    change: float
    low: float
    high: float
    degradation: float
    least: float
    most: float
    verdict: Change


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows of a classifier: labels and predictions as codes of `classes`, and the scores, or None.

    Scores have shape (rows,) for two classes, of which the second is the positive one, else (rows, classes).
    """

    labels: Codes
    predictions: Codes
    scores: Numbers | None
    classes: tuple[str, ...]

    @property
    def is_binary(self) -> bool:
        """Whether there are two classes."""
        return len(self.classes) == 2

    def where(self, rows: NDArray[np.bool_]) -> Answered:
        """Some of the rows."""
        scores = None if self.scores is None else self.scores[rows]
        return Answered(self.labels[rows], self.predictions[rows], scores, self.classes)


@dataclass(frozen=True, slots=True)
class Predicted:
    """Rows of a regression: what was true, what was predicted."""

    labels: Numbers
    predictions: Numbers

    def where(self, rows: NDArray[np.bool_]) -> Predicted:
        """Some of the rows."""
        return Predicted(self.labels[rows], self.predictions[rows])


def classification(rows: Answered, rng: np.random.Generator, z: float = intervals.Z) -> tuple[Figure, ...]:
    """Accuracy, balanced accuracy, precision, recall, F1; with scores ROC AUC, PR AUC, log loss and Brier score, too.

    Precision, recall and F1 are those of the positive class where there are two classes, else averaged over the classes
    that have a label; the figures are scikit-learn's. Intervals: Wilson for shares and, for averages over classes,
    combined (MOVER); a bootstrap of the confusion matrix for F1 of many classes; DeLong for ROC AUC; a bootstrap of
    rows for PR AUC; the normal one for means of losses.
    """
    if not len(rows.labels):
        return ()
    return (*_of_predictions(rows, rng, z), *(() if rows.scores is None else _of_scores(rows, rng, z)))


def confusion(rows: Answered) -> Codes:
    """How many rows of each label (down) were predicted as what (across)."""
    count = len(rows.classes)
    return np.bincount(rows.labels * count + rows.predictions, minlength=count**2).reshape(count, count)


def _of_predictions(rows: Answered, rng: np.random.Generator, z: float) -> Iterator[Figure]:
    from sklearn import metrics

    table = confusion(rows)
    labels, predictions = rows.labels, rows.predictions
    right, of_label, of_prediction = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
    there = np.flatnonzero(of_label)
    recalls = [intervals.wilson(right[k], of_label[k], z) for k in there]
    precisions = [
        intervals.wilson(right[k], of_prediction[k], z) if of_prediction[k] else Interval(0.0, 0.0, 1.0) for k in there
    ]
    kind: dict[str, Any] = {"average": "binary"} if rows.is_binary else {"labels": there, "average": "macro"}
    how = {**kind, "zero_division": 0.0}
    yield _figure("accuracy", metrics.accuracy_score(labels, predictions), _share(right.sum(), len(labels), z))
    balanced = float(
        np.mean([each.value for each in recalls])
    )  # scikit-learn's, without its warning of new predictions
    yield _figure("balanced_accuracy", balanced, (intervals.of_average(recalls), "Wilson, combined"))
    if not rows.is_binary:
        yield _figure("precision", metrics.precision_score(labels, predictions, **how), _mean(precisions))
        yield _figure("recall", metrics.recall_score(labels, predictions, **how), _mean(recalls))
        many = _f1_of_many(table, there, rng, z)
        yield _figure("f1", metrics.f1_score(labels, predictions, **how), (many, "bootstrap"))
        return
    none = "no row is predicted as positive" if not of_prediction[1] else ""
    no_label = "no row has the positive label" if not of_label[1] else ""
    precision = metrics.precision_score(labels, predictions, **how)
    yield _figure("precision", precision, _share(right[1], of_prediction[1], z), none)
    yield _figure(
        "recall", metrics.recall_score(labels, predictions, **how), _share(right[1], of_label[1], z), no_label
    )
    errors = of_label[1] + of_prediction[1] - 2 * right[1]
    f1 = intervals.of_f1(right[1], errors, z) if right[1] + errors else UNKNOWN
    yield _figure("f1", metrics.f1_score(labels, predictions, **how), (f1, "Wilson"), no_label)


def _figure(name: str, value: float, found: tuple[Interval, str], reason: str = "") -> Figure:
    interval, method = found
    if reason:
        return Figure(name, reason=reason)
    return Figure(name, float(value), float(interval.low), float(interval.high), method)


def _share(successes: float, rows: float, z: float) -> tuple[Interval, str]:
    return intervals.wilson(float(successes), float(rows), z), "Wilson"


def _mean(parts: Sequence[Interval]) -> tuple[Interval, str]:
    return intervals.of_average(parts), "Wilson, combined"


def _f1_of_many(table: Codes, there: Codes, rng: np.random.Generator, z: float) -> Interval:
    """The macro F1 with the interval of resampled confusion matrices, which is that of resampled rows."""
    rows = int(table.sum())
    drawn = rng.multinomial(rows, table.ravel() / rows, size=intervals.RESAMPLES).reshape(-1, *table.shape)
    found, value = _macro_f1(drawn, there), float(_macro_f1(table[None], there)[0])
    reach = z * float(np.std(found, ddof=1))
    return Interval(value, max(0.0, value - reach), min(1.0, value + reach))


def _macro_f1(tables: Codes, there: Codes) -> Numbers:
    right = tables.diagonal(axis1=1, axis2=2)[:, there]
    all_of = (tables.sum(axis=1) + tables.sum(axis=2))[:, there]
    with np.errstate(invalid="ignore"):
        return np.asarray(np.mean(np.nan_to_num(2 * right / all_of), axis=1))


def _of_scores(rows: Answered, rng: np.random.Generator, z: float) -> Iterator[Figure]:
    from sklearn import metrics

    labels, scores = rows.labels, np.asarray(rows.scores)
    wide = np.column_stack((1 - scores, scores)) if scores.ndim == 1 else scores
    sides = [(labels == place, wide[:, place]) for place in range(wide.shape[1])]
    there = [side for side in sides if 0 < np.count_nonzero(side[0]) < len(labels)]
    if there:
        used = sides[1:] if rows.is_binary else there
        area = float(np.mean([metrics.roc_auc_score(*side) for side in used]))
        yield _figure("roc_auc", area, (intervals.of_area(area, labels, scores, z), "DeLong"))
        each = [intervals.of_average_precision(metrics.average_precision_score(*one), *one, rng, z) for one in used]
        average = intervals.of_average(each) if len(each) > 1 else each[0]
        yield _figure("pr_auc", average.value, (average, "bootstrap"))
    else:
        yield Figure("roc_auc", reason=ONE_CLASS)
        yield Figure("pr_auc", reason=ONE_CLASS)
    losses = _log_losses(labels, wide)
    value = metrics.log_loss(labels, wide, labels=np.arange(wide.shape[1]))
    yield _figure("log_loss", value, (intervals.of_mean(value, losses, z), "normal"))
    squares = _squares(labels, wide) / (2 if rows.is_binary else 1)
    value = metrics.brier_score_loss(labels, scores, pos_label=1) if rows.is_binary else float(squares.mean())
    yield _figure("brier", value, (intervals.of_mean(value, squares, z), "normal"))


def _log_losses(labels: Codes, wide: Numbers) -> Numbers:
    least = np.finfo(wide.dtype).eps
    return -np.log(np.clip(wide[np.arange(len(labels)), labels], least, 1.0))


def _squares(labels: Codes, wide: Numbers) -> Numbers:
    return np.asarray(((wide - np.eye(wide.shape[1])[labels]) ** 2).sum(axis=1))


def regression(rows: Predicted, z: float = intervals.Z, *, relative: str = "mape") -> tuple[Figure, ...]:
    """MAE, RMSE, MAPE or sMAPE, R2 and bias (prediction minus label, on average).

    The figures are scikit-learn's; sMAPE is the mean of 2 |error| / (|label| + |prediction|). Intervals are normal:
    of means of losses; RMSE's ends are roots of those of the mean square; R2's by its influence function.

    Args:
        rows: labels and predictions.
        z: how many standard errors the intervals reach.
        relative: mape or smape; which one suits labels near 0, `relative_error` says.
    """
    from sklearn import metrics

    labels, predictions = rows.labels, rows.predictions
    if not len(labels):
        return ()
    errors = predictions - labels
    squares, sizes = errors**2, np.abs(errors)
    mae = metrics.mean_absolute_error(labels, predictions)
    mean = intervals.of_mean(metrics.mean_squared_error(labels, predictions), squares, z)
    root = Interval(*(math.sqrt(max(0.0, each)) for each in mean))
    bias = float(errors.mean())
    return (
        _figure("mae", mae, (intervals.of_mean(mae, sizes, z), "normal")),
        _figure("rmse", metrics.root_mean_squared_error(labels, predictions), (root, "normal")),
        _relative(rows, sizes, relative, z),
        _r2(labels, squares, metrics.r2_score(labels, predictions) if len(labels) > 1 else math.nan, z),
        _figure("bias", bias, (intervals.of_mean(bias, errors, z), "normal")),
    )


def relative_error(labels: Numbers) -> str:
    """mape, or smape where a label is 0 or so near it that a single row would decide the mean.

    >>> relative_error(np.array([1.0, 2.0, 3.0])), relative_error(np.array([0.0, 2.0, 3.0]))
    ('mape', 'smape')
    """
    sizes = np.abs(labels)
    return "mape" if len(sizes) and sizes.min() > np.median(sizes) / 100 else "smape"


def _relative(rows: Predicted, sizes: Numbers, name: str, z: float) -> Figure:
    from sklearn import metrics

    base = np.abs(rows.labels) if name == "mape" else (np.abs(rows.labels) + np.abs(rows.predictions)) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(sizes > 0, sizes / base, 0.0)
    mape = name == "mape"
    value = metrics.mean_absolute_percentage_error(rows.labels, rows.predictions) if mape else float(each.mean())
    return _figure(name, value, (intervals.of_mean(value, each, z), "normal"))


def _r2(labels: Numbers, squares: Numbers, value: float, z: float) -> Figure:
    spread = (labels - labels.mean()) ** 2
    if not spread.sum():
        return Figure("r2", reason="all labels are equal")
    influence = ((1 - value) * spread - squares) / spread.mean()
    return _figure("r2", value, (intervals.of_mean(value, influence, z), "normal"))


def changes(
    reference: Sequence[Figure], current: Sequence[Figure], threshold: float = THRESHOLD, *, together: int = 0
) -> tuple[MetricChange, ...]:
    """Each metric beside that of the reference, with the verdict.

    A metric degraded where it is at least the threshold worse, relatively, and the interval of the difference excludes
    0, so stretched that all that are looked at `together` (default: these metrics) give at most 5 % false alarms.
    """
    before = {each.name: each for each in reference}
    pairs = [(before[each.name], each) for each in current if each.name in before]
    stretch = intervals.standard_errors(together or len(pairs)) / intervals.Z
    rmse = before["rmse"].value if "rmse" in before else math.nan
    return tuple(_change(one, other, threshold, stretch, rmse) for one, other in pairs)


def _change(one: Figure, other: Figure, threshold: float, stretch: float, rmse: float) -> MetricChange:
    if math.isnan(one.value) or math.isnan(other.value):
        nothing = math.nan
        return MetricChange(one.name, one, other, nothing, nothing, nothing, nothing, nothing, nothing, "skipped")
    found = intervals.of_difference(one.interval, other.interval)
    certain = intervals.of_difference(one.interval, other.interval, stretch)
    is_bias = one.name == "bias"  # it is worse the farther it is from 0
    base = rmse if is_bias else abs(one.value)
    farther = max(one.value, other.value, key=abs)
    sign = math.copysign(1.0, farther) if is_bias else 1 if lower_is_better(one.name) else -1
    worse = _over(abs(other.value) - abs(one.value), base) if is_bias else _over(sign * found.value, base)
    least, most = sorted(_over(sign * end, base) for end in (found.low, found.high))
    ends = sorted(_over(sign * end, base) for end in (certain.low, certain.high))
    return MetricChange(one.name, one, other, *found, worse, least, most, judged(worse, ends, threshold))


def _over(change: float, base: float) -> float:
    return change / base if base else math.copysign(math.inf, change) if change else 0.0


def judged(worse: float, ends: Sequence[float], threshold: float = THRESHOLD) -> Change:
    """The verdict on a degradation, given the ends of its interval.

    >>> [judged(0.08, (0.02, 0.14)), judged(0.03, (0.01, 0.05)), judged(0.03, (-0.04, 0.1)), judged(0.0, (-0.01, 0.01))]
    ['degraded', 'slipped', 'unsure', 'stable']
    >>> judged(-0.08, (-0.14, -0.02))
    'improved'
    """
    low, high = ends
    if math.isnan(low) or math.isnan(high):
        return "unsure"
    if low > 0:
        return "degraded" if worse >= threshold else "slipped"
    if high < 0:
        return "improved"
    return "unsure" if high >= threshold else "stable"


def leader(found: Sequence[MetricChange]) -> MetricChange | None:
    """The metric that speaks for the others: ROC AUC, else accuracy; RMSE; where it did not get worse, the one that did
    most."""
    known = {each.name: each for each in found if each.verdict != "skipped"}
    first = next((known[name] for name in ("roc_auc", "accuracy", "rmse") if name in known), None)
    worse = [each for each in known.values() if each.verdict == "degraded"]
    if first is None or first.verdict == "degraded" or not worse:
        return first
    plain = [each for each in worse if each.name in ("accuracy", "f1", "mae")]
    return max(plain or worse, key=lambda each: each.degradation)
