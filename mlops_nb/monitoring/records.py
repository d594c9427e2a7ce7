"""What a comparison of two data sets says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_nb.monitoring.decision import Verdict
from mlops_nb.record import Record, json_value

if TYPE_CHECKING:
    import pandas as pd

MISSING, OTHER_TYPE = "the column is missing in the current data", "its type changed from "


@dataclass(frozen=True, slots=True)
class Part(Record):
    """One thing that was compared of a column: its values, how many are missing, or the weekday.

    `effect` is measured as `measure` says, from 0 to 1; `low` to `high` is its 95 % interval; from `threshold` on it
    matters; `p_value` of `test` is not corrected.
    """

    name: str
    measure: str
    effect: float
    low: float
    high: float
    threshold: float
    test: str
    p_value: float
    verdict: Verdict = "stable"


@dataclass(frozen=True, slots=True)
class Bins(Record):
    """How many rows of both are in each bin: between `edges` (the outer bins are open), or else by label."""

    reference: tuple[int, ...]
    current: tuple[int, ...]
    labels: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnDrift(Record):
    """A column of both data sets beside each other.

    `effect`, `low`, `high`, `threshold`, `measure` and `test` are those of the part that decides; `p_value` is
    corrected for the parts of the column and for all columns. `statistics` holds every figure by name. `notes` say in
    words what else is different; `reason` why a column was not compared.
    """

    name: str
    kind: str
    types: tuple[str, str]
    verdict: Verdict
    rows: tuple[int, int] = (0, 0)
    missing: tuple[int, int] = (0, 0)
    effect: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    threshold: float = float("nan")
    measure: str = ""
    test: str = ""
    p_value: float = float("nan")
    decided_by: str = ""
    statistics: dict[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    bins: Bins | None = None
    notes: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether it is missing in the current data, or of another type."""
        return self.reason == MISSING or self.reason.startswith(OTHER_TYPE)

    def missing_shares(self) -> tuple[float, float]:
        """The shares of missing values."""
        (one, other), (rows, others) = self.missing, self.rows
        return one / rows if rows else 0.0, other / others if others else 0.0


@dataclass(frozen=True, slots=True)
class DriftReport(Record):
    """All columns of a current data set beside those of its reference; columns that matter most come first."""

    reference: str
    current: str
    rows: tuple[int, int]
    columns: tuple[ColumnDrift, ...]
    alpha: float
    correction: str
    thresholds: dict[str, float]
    made: float = 0.0
    warnings: tuple[str, ...] = ()

    def of(self, verdict: Verdict) -> tuple[ColumnDrift, ...]:
        """The columns with that verdict."""
        return tuple(each for each in self.columns if each.verdict == verdict)

    @property
    def compared(self) -> int:
        """How many columns were compared."""
        return sum(each.verdict != "skipped" for each in self.columns)

    @property
    def share(self) -> float:
        """The share of compared columns that drifted."""
        return len(self.of("drifted")) / self.compared if self.compared else 0.0

    @property
    def broken(self) -> tuple[ColumnDrift, ...]:
        """The columns that are missing in the current data, or of another type."""
        return tuple(each for each in self.columns if each.is_broken)

    @property
    def is_alarming(self) -> bool:
        """Whether any column drifted, is missing or has another type."""
        return bool(self.of("drifted") or self.broken)

    def to_frame(self) -> pd.DataFrame:
        """A row for each column: its verdict, effect, interval, p-value and every statistic."""
        import pandas as pd

        named = ("name", "kind", "verdict", "effect", "low", "high", "threshold", "measure", "p_value", "decided_by")
        rows = [
            {
                **{field: getattr(each, field) for field in named},
                **dict(zip(("missing", "missing_current"), each.missing_shares(), strict=True)),
                **each.statistics,
                "notes": "; ".join(each.notes),
                "reason": each.reason,
            }
            for each in self.columns
        ]
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """All of it as JSON."""
        return json.dumps(json_value(self.to_dict()), ensure_ascii=False)
