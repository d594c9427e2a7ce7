"""Looks at a model's performance: reads the data, joins late labels, measures or estimates, and says what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import BadArgument, MissingExtra
from mlops_nb.monitoring.sources import frame, label

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_nb.monitoring.concept import DriftKind, Priors
    from mlops_nb.monitoring.estimation import Estimate
    from mlops_nb.monitoring.model_records import PerformanceReport, Segment, Task
    from mlops_nb.monitoring.model_rows import Features, Said
    from mlops_nb.monitoring.performance import Answered, Figure, Predicted

    Rows = Answered | Predicted

LEAST_LABELLED, LEAST_OF_A_SEGMENT = 30, 30
"""With fewer current labels metrics are estimated; a smaller segment is not judged."""

SEED = 0

_FIX = "%mlops performance REFERENCE CURRENT --target y --prediction p"


def performance(
    reference: object,
    current: object,
    *,
    target: str,
    prediction: str,
    score: str | Mapping[str, str] | None = None,
    by: str | None = None,
    labels: object = None,
    id: str | None = None,
    positive: str | None = None,
    task: Task | None = None,
    threshold: float = 0.05,
    namespace: Mapping[str, object] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> PerformanceReport:
    """How well a model answers on current data, beside the reference, and what of its world has changed.

    With labels, metrics are measured, each with its interval; a metric is an alert where it is at least `threshold`
    worse, relatively, and outside noise. Without (or with fewer than 30), they are estimated: of a classifier from its
    scores, of a regression from what its past errors depended on.

    Args:
        reference: labelled data: a frame, a file, a pattern of files, or SQL.
        current: the same; it need not have labels.
        target: the column of labels.
        prediction: the column of predictions.
        score: the column of the positive label's probability; a dict of label to column where there are many.
        by: a column whose values (or quarters) are looked at one by one, too.
        labels: labels that came later, with the column `id` and the target.
        id: the column by which they are joined.
        positive: the positive label of two; the last one in order by default.
        task: classification or regression; told from the data by default.
        threshold: the relative degradation from which on a change matters.
        namespace: where a text is looked up as a variable first.
        progress: told what is done.

    Raises:
        BadArgument: data cannot be read, a column is not there or cannot be what it is said to be.
        MissingExtra: scipy or scikit-learn is missing.
    """
    _need_libraries()
    if not 0 < threshold < 1:
        raise BadArgument(f"threshold == {threshold!r}, must lie between 0 and 1", f"{_FIX} --threshold 0.05")
    if (labels is None) != (id is None):
        raise BadArgument("late labels are joined by an id: both must be given", f"{_FIX} --labels FRAME --id ID")
    from mlops_nb.monitoring.model_rows import Said

    scores = {"": score} if isinstance(score, str) else dict(score or {})
    both = _Both.read(reference, current, Said(target, prediction, scores), namespace, labels, id)
    work = _Work.of(both, task, positive or "", threshold, progress, id or "")
    return work.report(label(reference), label(current), by or "")


def _need_libraries() -> None:
    from importlib.util import find_spec

    for library in ("scipy", "sklearn"):
        if find_spec(library) is None:
            raise MissingExtra(f"performance needs {library}", "pip install 'mlops-nb[monitoring]'")


@dataclass
class _Both:
    """Both frames without the rows that have no prediction, and the labels of each row, missing ones missing."""

    said: Said
    reference: pd.DataFrame
    current: pd.DataFrame
    labels: tuple[pd.Series[Any], pd.Series[Any]]
    notes: list[str]

    @classmethod
    def read(
        cls,
        reference: object,
        current: object,
        said: Said,
        namespace: Mapping[str, object] | None,
        labels: object,
        key: str | None,
    ) -> _Both:
        import pandas as pd

        from mlops_nb.monitoring.model_rows import column_of, with_late_labels

        one, other, notes = frame(reference, namespace), frame(current, namespace), list[str]()
        options = {said.target: "target", said.prediction: "prediction"}
        for name in said.columns:
            column_of(one, name, options.get(name, "score"), "reference")
            if name != said.target:
                column_of(other, name, options.get(name, "score"), "current data")
        if key is not None:
            late, notes = with_late_labels(other, said.target, frame(labels, namespace), key)
        elif said.target in other.columns:
            late = column_of(other, said.target, "target", "current data")
        else:
            late = pd.Series([None] * len(other), index=other.index, name=said.target, dtype=object)
        kept = []
        for data, truth, where in ((one, one[said.target], "reference"), (other, late, "current data")):
            there = data[said.prediction].notna().to_numpy()
            if gone := int((~there).sum()):
                notes.append(f"{gone:,} rows of the {where} have no prediction and are left out")
            if not there.any():
                raise BadArgument(f"the {where} has no row with a prediction", _FIX)
            kept.append((data[there], truth[there]))
        (one, first), (other, second) = kept
        if not first.notna().any():
            raise BadArgument(f"the reference has no labels in {said.target[:60]!r}", "take a labelled reference")
        return cls(said, one, other, (first, second), notes)


@dataclass
class _Work:
    """Rows of both as numbers, and how to measure them."""

    both: _Both
    task: Task
    threshold: float
    progress: Callable[[str], None]
    rows: tuple[Rows, Rows]
    known: tuple[np.ndarray[Any, np.dtype[np.bool_]], np.ndarray[Any, np.dtype[np.bool_]]]
    rng: np.random.Generator
    features: Features
    relative: str

    @classmethod
    def of(
        cls, both: _Both, task: Task | None, positive: str, threshold: float, progress: Callable[[str], None], key: str
    ) -> _Work:
        import numpy as np

        from mlops_nb.monitoring import model_rows
        from mlops_nb.monitoring.performance import relative_error

        said = both.said
        if task == "regression" and said.scores:
            raise BadArgument("scores are for classification, not a regression", f"{_FIX} --task regression")
        predictions = both.reference[said.prediction], both.current[said.prediction]
        task = task or model_rows.task_of(both.labels[0], predictions[0], has_scores=bool(said.scores))
        if predictions[0].nunique() < 2:
            only = str(predictions[0].iloc[0])[:60]
            raise BadArgument(
                f"all predictions of the reference are {only}: there is nothing to compare with",
                "take a reference in which the model answers differently",
            )
        if predictions[1].nunique() < 2 and len(predictions[1]) > 1:
            both.notes.append(f"all current predictions are {str(predictions[1].iloc[0])[:60]}")
        rows = _classified(both, positive) if task == "classification" else _predicted(both)
        known = tuple(each.notna().to_numpy() for each in both.labels)
        found, apart = model_rows.features(both.reference, both.current, (said.target, key))
        if apart:
            both.notes.append(f"left out as features, they tell the period by themselves: {', '.join(apart[:5])}")
        relative = "" if task == "classification" else relative_error(rows[0].labels[known[0]].astype(float))
        return cls(both, task, threshold, progress, rows, known, np.random.default_rng(SEED), found, relative)  # type: ignore[arg-type]

    def figures(self, rows: Rows) -> tuple[Figure, ...]:
        """The metrics of labelled rows."""
        from mlops_nb.monitoring.performance import Answered, classification, regression

        if isinstance(rows, Answered):
            return classification(rows, self.rng)
        return regression(rows, relative=self.relative)

    def labelled(self, place: int) -> Rows:
        """The labelled rows of the reference (0) or the current data (1)."""
        return self.rows[place].where(self.known[place])

    @property
    def is_measured(self) -> bool:
        """Whether there are enough current labels."""
        return int(self.known[1].sum()) >= LEAST_LABELLED

    def report(self, reference: str, current: str, by: str) -> PerformanceReport:
        """Everything there is to say."""
        from mlops_nb.monitoring.model_records import PerformanceReport
        from mlops_nb.monitoring.performance import Answered, changes, leader

        said, (one, other) = self.both.said, self.rows
        self.progress("measuring" if self.is_measured else "estimating, since labels are missing")
        before = self.figures(self.labelled(0))
        estimate = None if self.is_measured else self.estimate(self.known[1] | True)
        after = self.figures(self.labelled(1)) if estimate is None else estimate.figures
        metrics = changes(before, after, self.threshold)
        leading = leader(metrics)
        segments = tuple(self.segments(by, leading.name)) if by and leading else ()
        kinds, priors = self.kinds()
        is_binary = isinstance(one, Answered) and one.is_binary
        missing = int((~self.known[1]).sum())
        return PerformanceReport(
            reference=reference,
            current=current,
            task=self.task,
            target=said.target,
            prediction=said.prediction,
            rows=(len(one.labels), len(other.labels)),
            labelled=(int(self.known[0].sum()), int(self.known[1].sum())),
            threshold=self.threshold,
            metrics=metrics,
            kinds=kinds,
            by=by,
            segments=segments,
            estimate=estimate,
            calibration=self.calibration(),
            priors=priors,
            positive=one.classes[1] if is_binary and isinstance(one, Answered) else "",
            awaits_labels=missing,
            made=time.time(),
            notes=tuple(self.both.notes),
        )

    def estimate(self, rows: np.ndarray[Any, np.dtype[np.bool_]]) -> Estimate:
        """What is to expect of some current rows."""
        from mlops_nb.monitoring import estimation
        from mlops_nb.monitoring.performance import Answered, Predicted

        reference, current = self.labelled(0), self.rows[1].where(rows)
        if isinstance(reference, Answered) and isinstance(current, Answered):
            if reference.scores is None:
                labelled = int(self.known[1].sum())
                raise BadArgument(
                    f"{labelled} current rows have labels, fewer than {LEAST_LABELLED}; without labels a classifier is "
                    "estimated by its scores, and none are given",
                    f"{_FIX} --score COLUMN",
                )
            return estimation.estimated_classification(reference, current, self.rng)
        assert isinstance(reference, Predicted)
        table = self.features
        return estimation.estimated_regression(
            reference, table.reference[self.known[0]], table.current[rows], table.categorical
        )

    def segments(self, by: str, name: str) -> Iterator[Segment]:
        """Each segment by the metric of that name."""
        from mlops_nb.monitoring.model_records import Segment
        from mlops_nb.monitoring.model_rows import column_of, segments
        from mlops_nb.monitoring.performance import changes

        columns = (
            column_of(self.both.reference, by, "by", "reference"),
            column_of(self.both.current, by, "by", "current data"),
        )
        found = list(segments(*columns))
        for value, here, there in found:
            here = here & self.known[0]
            there = there & self.known[1] if self.is_measured else there
            sizes = int(here.sum()), int(there.sum())
            if min(sizes) < LEAST_OF_A_SEGMENT:
                yield Segment(value, sizes, reason=f"fewer than {LEAST_OF_A_SEGMENT} labelled rows")
                continue
            self.progress(f"{by} {value}")
            before = self.figures(self.rows[0].where(here))
            after = self.figures(self.rows[1].where(there)) if self.is_measured else self.estimate(there).figures
            all_of = changes(before, after, self.threshold, together=len(found))
            metric = next((each for each in all_of if each.name == name and each.verdict != "skipped"), None)
            yield Segment(value, sizes, metric, "" if metric else f"{name} is not defined there")

    def calibration(self) -> Any:
        """The calibration of the scores of both where labels are known."""
        from mlops_nb.monitoring.calibration import calibration
        from mlops_nb.monitoring.performance import Answered

        one, other = self.labelled(0), self.labelled(1)
        if not (self.is_measured and isinstance(one, Answered) and isinstance(other, Answered)):
            return None
        if one.scores is None or other.scores is None:
            return None
        if one.is_binary:
            return tuple(calibration(each.labels == 1, each.scores) for each in (one, other) if each.scores is not None)
        return tuple(
            calibration(each.scores.argmax(axis=1) == each.labels, each.scores.max(axis=1))
            for each in (one, other)
            if each.scores is not None
        )

    def kinds(self) -> tuple[tuple[DriftKind, ...], Priors | None]:
        """Prediction drift, label drift, concept drift; the labels' shares where they are estimated."""
        from mlops_nb.monitoring import concept
        from mlops_nb.monitoring.performance import Answered

        one, other = self.rows
        truths = self.labelled(0), self.labelled(1)
        priors = None
        if not (isinstance(one, Answered) and isinstance(other, Answered)):
            moved = concept.moved_numbers(
                "prediction drift", one.predictions.astype(float), other.predictions.astype(float)
            )
            labels = concept.skipped("label drift", "there are too few labels")
            if self.is_measured:
                labels = concept.moved_numbers("label drift", *(each.labels.astype(float) for each in truths))
            return (moved, labels, self.concept(truths)), priors
        classes = one.classes
        if one.is_binary and one.scores is not None and other.scores is not None:
            moved = concept.moved_numbers("prediction drift", one.scores, other.scores)
        else:
            moved = concept.moved_classes("prediction drift", one.predictions, other.predictions, classes, self.rng)
        if self.is_measured:
            before, after = (each.labels.astype(int) for each in truths)
            labels = concept.moved_classes("label drift", before, after, classes, self.rng)
        else:
            priors = self.priors(one, other)
            labels = concept.shifted_priors(priors)
        return (moved, labels, self.concept(truths)), priors

    def priors(self, one: Answered, other: Answered) -> Priors:
        """The labels' shares as they are estimated."""
        import numpy as np

        from mlops_nb.monitoring import concept, estimation
        from mlops_nb.monitoring.performance import confusion

        known = one.where(self.known[0])
        counts = np.bincount(known.labels, minlength=len(one.classes))
        if known.scores is None:
            said = np.bincount(other.predictions, minlength=len(one.classes))
            return concept.priors_by_predictions(confusion(known), said, one.classes)
        _, probable = estimation.calibrated(known, other)
        return concept.priors_by_scores(probable, counts / counts.sum(), one.classes)

    def concept(self, truths: tuple[Rows, Rows]) -> DriftKind:
        """Whether errors changed for equal features."""
        from mlops_nb.monitoring import concept

        if not self.is_measured:
            return concept.skipped("concept drift", "without labels it cannot be seen")
        self.progress("looking for concept drift")
        table = self.features
        sides = table.reference[self.known[0]], table.current[self.known[1]]
        errors = _errors(truths[0]), _errors(truths[1])
        return concept.changed_concept(errors, sides, table.categorical, table.names, self.rng)


def _errors(rows: Rows) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Prediction, or score, minus label; of many classes 1 where the prediction is wrong."""
    import numpy as np

    from mlops_nb.monitoring.performance import Predicted

    if isinstance(rows, Predicted):
        return rows.predictions - rows.labels
    if not rows.is_binary:
        return np.not_equal(rows.predictions, rows.labels).astype(np.float64)
    said = rows.predictions.astype(np.float64) if rows.scores is None else rows.scores
    found: np.ndarray[Any, np.dtype[np.float64]] = said - rows.labels
    return found


def _classified(both: _Both, positive: str) -> tuple[Answered, Answered]:
    import pandas as pd

    from mlops_nb.monitoring.model_rows import answered, classes_of, named

    said = both.said
    predictions = both.reference[said.prediction], both.current[said.prediction]
    given = [each for each in (*both.labels, *predictions) if each.notna().any()]
    as_numbers = all(pd.api.types.is_numeric_dtype(each.dtype) for each in given)
    labels = [named(each, as_numbers=as_numbers and bool(each.notna().any())) for each in both.labels]
    said_names = [named(each, as_numbers=as_numbers) for each in predictions]
    classes = classes_of(labels, said_names, positive)
    return (
        answered(both.reference, labels[0], said, classes, "reference"),
        answered(both.current, labels[1], said, classes, "current data"),
    )


def _predicted(both: _Both) -> tuple[Predicted, Predicted]:
    from mlops_nb.monitoring.model_rows import predicted

    return (
        predicted(both.reference, both.labels[0], both.said, "reference"),
        predicted(both.current, both.labels[1], both.said, "current data"),
    )
