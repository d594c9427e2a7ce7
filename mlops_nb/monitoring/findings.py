"""What was found wrong with data: the records, and how shares and counts in them are compared and said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from mlops_nb.record import Record
from mlops_nb.tracking.values import plain_value, safe_repr

if TYPE_CHECKING:
    import pandas as pd

    from mlops_nb.monitoring.columns import Column

What = (
    Literal["rows", "missing column", "type", "unit", "key", "foreign key", "schema", "missing values"]
    | Literal["infinite values", "constant", "range", "new categories", "outliers", "duplicate rows"]
    | Literal["added column", "column names"]
)
"""What a finding is of, in the order in which they are told."""
Severity = Literal["alert", "note"]

MUCH = 0.01
"""A share of a column's values from which on a finding is an alert and not a note."""


@dataclass(frozen=True, slots=True)
class Finding(Record):
    """One fault: of a column (an empty name: of the frame), in words, with how many rows have it.

    An alert is to be acted on; a note is to be known.
    """

    column: str
    what: What
    severity: Severity
    words: str
    observed: float | str | None = None
    expected: float | str | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnQuality(Record):
    """A column that was looked at: its types and missing shares there (None without a reference) and here.

    `looked_at` says what for, `reason` why for nothing more.
    """

    name: str
    type: str
    reference_type: str | None
    missing: float
    reference_missing: float | None
    looked_at: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Quality(Record):
    """The quality of data: findings, alerts first, and every column that was looked at.

    `reference` is None, and so is `reference_rows`, where the data was looked at alone.
    """

    reference: str | None
    current: str
    reference_rows: int | None
    rows: int
    columns: tuple[ColumnQuality, ...]
    findings: tuple[Finding, ...]
    thresholds: Mapping[str, float] = field(default_factory=dict)
    made: float = 0.0
    schema_file: str | None = None

    @property
    def alerts(self) -> tuple[Finding, ...]:
        """The findings that are to be acted on."""
        return tuple(one for one in self.findings if one.severity == "alert")

    def to_frame(self) -> pd.DataFrame:
        """The findings as a pandas frame."""
        import pandas as pd

        return pd.DataFrame([one.to_dict() for one in self.findings], columns=list(Finding.__dataclass_fields__))


def is_more(many: int, of: int, before: float, of_before: int) -> bool:
    """Whether a share is larger than the reference's by four standard errors of a difference, which chance is not."""
    share = many / of
    pooled = (many + before * of_before) / (of + of_before)
    error = math.sqrt(max(pooled * (1 - pooled), 0.0) * (1 / of + 1 / max(1, of_before)))
    return share > before and share - before > 4 * error


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Alerts first, and of those what breaks most first."""
    kinds = [kind for some in get_args(What) for kind in get_args(some)]
    return tuple(sorted(findings, key=lambda one: (one.severity, kinds.index(one.what))))


def shown(value: object) -> str:
    """A value of the data, in words."""
    return safe_repr(plain_value(value), 40)


def count_of(number: int, noun: str) -> str:
    """How many, with the noun in its number."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share as people read it.

    >>> [percent(each) for each in (0, 0.00004, 0.0123, 0.5, 0.99999, 1)]
    ['0 %', '<0.01 %', '1.2 %', '50 %', '>99.9 %', '100 %']
    """
    if 0 < share < 0.0001:
        return "<0.01 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.3g} %"


def share_missing(one: Column) -> float:
    """The share of a column's values that are missing; NaN where it has no rows."""
    return one.missing / one.rows if one.rows else math.nan
