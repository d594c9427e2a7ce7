"""What a look at a model's performance says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_nb.monitoring.calibration import Calibration
from mlops_nb.monitoring.concept import DriftKind, Priors
from mlops_nb.monitoring.estimation import Estimate
from mlops_nb.monitoring.performance import MetricChange, leader
from mlops_nb.record import Record

Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True)
class Segment(Record):
    """Rows of one value, or range, of a column: the metric that speaks for the others; `reason` why there is none."""

    value: str
    rows: tuple[int, int]
    metric: MetricChange | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PerformanceReport(Record):
    """A model on current data beside the reference.

    `rows` and `labelled` are those of the reference and of the current data. `metrics` are measured on labelled rows,
    or, where `estimate` is there, expected without labels. `notes` say what was left out or looks odd.
    """

    reference: str
    current: str
    task: Task
    target: str
    prediction: str
    rows: tuple[int, int]
    labelled: tuple[int, int]
    threshold: float
    metrics: tuple[MetricChange, ...]
    kinds: tuple[DriftKind, ...]
    by: str = ""
    segments: tuple[Segment, ...] = ()
    estimate: Estimate | None = None
    calibration: tuple[Calibration, Calibration] | None = None
    priors: Priors | None = None
    positive: str = ""
    awaits_labels: int = 0
    made: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def degraded(self) -> tuple[MetricChange, ...]:
        """The metrics that got worse, the one that speaks for all first, then the worst."""
        found = [each for each in self.metrics if each.verdict == "degraded"]
        first = leader(self.metrics)
        return tuple(sorted(found, key=lambda each: (each is not first, -each.degradation)))

    @property
    def worse_segments(self) -> tuple[Segment, ...]:
        """The segments in which the model got worse."""
        return tuple(each for each in self.segments if each.metric and each.metric.verdict == "degraded")

    @property
    def is_alarming(self) -> bool:
        """Whether a metric got worse, over all rows or in a segment; an estimate that is doubted alarms nobody."""
        is_trusted = self.estimate is None or self.estimate.is_trusted
        return is_trusted and bool(self.degraded or self.worse_segments)

    def to_dict(self) -> dict[str, object]:
        """The fields as plain Python values."""
        return {**super(PerformanceReport, self).to_dict(), "is_alarming": self.is_alarming}
