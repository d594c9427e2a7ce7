"""A column made ready for comparison: its kind, how much of it is missing, and its numbers or counts by label."""

from __future__ import annotations

import datetime
import decimal
import math
import numbers as abstract
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from mlops_nb.monitoring.records import OTHER_TYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["number", "category", "boolean", "text", "time", "duration"]

LOOKED_AT = 2_000
"""Values of a column of objects or texts by which its kind is told."""

MANY_WORDS = 4
"""Texts of so many words on average, most of them different, are compared as texts and not as categories."""

NEARLY_ALL = 0.95
"""Texts of which so many are different are names of rows; there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Column:
    """The values of a column that are there, by its kind.

    `numbers` are those of a number, or seconds of a time (since 1970, UTC) or duration; `labels` and `counts` those of
    a category; `texts` those of a text. `reason` says why there is nothing to compare.
    """

    name: str
    type: str
    rows: int
    missing: int
    kind: Kind | None
    numbers: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    labels: pd.Index[Any] = field(default_factory=lambda: pd.Index([]))
    counts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    texts: pd.Series[Any] | None = None
    reason: str = ""

    @property
    def present(self) -> int:
        """How many values are there."""
        return self.rows - self.missing


def column(name: str, values: pd.Series[Any], like: Column | None = None) -> Column:
    """The column of a frame; a current one is read as its reference `like` was."""
    about: dict[str, Any] = {"name": name, "type": str(values.dtype), "rows": len(values)}
    try:
        kind, values, reason = _kind(values) if like is None else _as(values, like)
        missing = int(values.isna().sum())
        if reason or kind is None or missing == len(values):
            return Column(**about, missing=missing, kind=kind, reason=reason or _nothing(len(values)))
        return Column(**about, missing=missing, kind=kind, **_content(kind, values, missing))
    except (TypeError, ValueError, OverflowError) as error:  # an object of the user's does not compare or hash
        return Column(**about, missing=0, kind=None, reason=f"its values cannot be compared ({type(error).__name__})")


def _nothing(rows: int) -> str:
    return "every value is missing" if rows else "there are no rows"


def _kind(values: pd.Series[Any]) -> tuple[Kind | None, pd.Series[Any], str]:
    """The kind, the values in a form of that kind, and why they cannot be compared."""
    if simple := _simple_kind(values.dtype):
        return simple, values, ""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "category", values, ""
    if isinstance(values.dtype, pd.StringDtype) or _is_arrow_text(values.dtype):
        return _kind_of_texts(values)
    if pd.api.types.is_complex_dtype(values.dtype):
        return None, values, "complex numbers have no order and are not compared"
    if isinstance(values.dtype, pd.PeriodDtype):
        return "time", values.dt.to_timestamp(), ""
    if isinstance(values.dtype, pd.IntervalDtype):
        return "category", values.astype(str).where(values.notna()), ""
    return _kind_of_objects(values)


def _simple_kind(dtype: Any) -> Kind | None:
    """The kind of a column whose type says all."""
    types = pd.api.types
    if types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return "boolean"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype) or str(dtype).startswith(("timestamp[", "date32", "date64")):
        return "time"
    if types.is_timedelta64_dtype(dtype) or str(dtype).startswith("duration["):
        return "duration"
    return None


def _is_arrow_text(dtype: object) -> bool:
    return str(dtype) in ("string[pyarrow]", "large_string[pyarrow]")


def _kind_of_texts(values: pd.Series[Any]) -> tuple[Kind | None, pd.Series[Any], str]:
    there = _some(values)
    if not len(there):
        return "category", values, ""
    different = there.nunique() / len(there)
    if different > 0.5 and there.str.count(r"\S+").mean() >= MANY_WORDS:
        return "text", values, ""
    if different > NEARLY_ALL and len(there) >= 100:
        return None, values, "nearly every value is different: it names the rows"
    return "category", values, ""


def _some(values: pd.Series[Any]) -> pd.Series[Any]:
    """Some of the values that are there: all of a short column, else drawn from a generator of our own."""
    return (values if len(values) <= LOOKED_AT else _drawn(values)).dropna()


def _drawn(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.iloc[np.sort(np.random.default_rng(0).choice(len(values), LOOKED_AT, replace=False))]


def _kind_of_objects(values: pd.Series[Any]) -> tuple[Kind | None, pd.Series[Any], str]:
    there = _some(values)
    kinds = {type(each) for each in there}
    if not kinds:
        return "category", values, ""
    if kinds <= {bool, np.bool_}:
        return "boolean", values, ""
    if all(issubclass(each, abstract.Real | decimal.Decimal) for each in kinds):
        return "number", pd.to_numeric(values.map(float, na_action="ignore")), ""
    if kinds == {str}:
        return _kind_of_texts(values)
    if all(issubclass(each, datetime.date) for each in kinds):
        return "time", pd.to_datetime(values, utc=True), ""
    if all(issubclass(each, datetime.timedelta) for each in kinds):
        return "duration", pd.to_timedelta(values), ""
    if any(getattr(each, "__hash__", None) is None for each in kinds):
        names = ", ".join(sorted(each.__name__ for each in kinds if getattr(each, "__hash__", None) is None))
        return None, values, f"values of type {names} are not compared: make a column of what matters in them"
    return "category", values.map(_labelled, na_action="ignore"), ""


def _labelled(value: object) -> str:
    """One of mixed values as a label: 1 and "1" are different ones."""
    return value if isinstance(value, str) else f"{value!r} ({type(value).__name__})"


def _as(values: pd.Series[Any], like: Column) -> tuple[Kind | None, pd.Series[Any], str]:
    """The values in the form of the reference's kind; a reason where they have another."""
    kind, read, reason = _kind(values)
    if like.kind is None or not read.notna().any():
        return like.kind, read, reason
    if kind == like.kind:
        return kind, read, ""
    texts = {"category", "text"}
    if {kind or "category", like.kind} <= texts:
        return like.kind, values, ""
    if like.kind == "category" and kind == "number" and _is_number(like.labels):
        return "category", values, ""
    if like.kind == "number" and kind == "boolean":
        return "number", read.astype(float), ""
    said = f"{OTHER_TYPE}{like.kind} ({like.type}) to {kind or 'another'} ({values.dtype})"
    return None, values, said


def _is_number(labels: pd.Index[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(labels.dtype))


def _content(kind: Kind, values: pd.Series[Any], missing: int) -> dict[str, Any]:
    if kind in ("category", "boolean"):
        labels, counts = _counted(values)
        return {"labels": labels, "counts": counts}
    if kind == "text":
        return {"texts": values.dropna() if missing else values}
    return {"numbers": _seconds(values, missing) if kind in ("time", "duration") else _floats(values, missing)}


def _counted(values: pd.Series[Any]) -> tuple[pd.Index[Any], NDArray[np.int64]]:
    found = values.value_counts(sort=False, dropna=True)
    counts = np.asarray(found, dtype=np.int64)
    index = found.index
    if isinstance(index, pd.CategoricalIndex):
        index = pd.Index(index.categories)[index.codes]
    there = counts > 0
    return pd.Index(index[there]), counts[there]


def _floats(values: pd.Series[Any], missing: int) -> NDArray[np.float64]:
    plain: NDArray[np.float64] = np.asarray(
        values.to_numpy(dtype=np.float64, na_value=math.nan) if missing else values.to_numpy(dtype=np.float64)
    )
    return plain[~np.isnan(plain)] if missing else plain


def _seconds(values: pd.Series[Any], missing: int) -> NDArray[np.float64]:
    """Times as seconds since 1970 in UTC (a time without a zone as if it were), durations as seconds."""
    there = values.dropna() if missing else values
    if pd.api.types.is_timedelta64_dtype(there.dtype) or str(there.dtype).startswith("duration["):
        return np.asarray(there.astype("timedelta64[ns]").dt.total_seconds(), dtype=np.float64)
    if str(there.dtype).startswith("date"):
        there = pd.to_datetime(there)
    index = pd.DatetimeIndex(there)
    index = index.tz_convert("UTC").tz_localize(None) if index.tz is not None else index
    return np.asarray(index.as_unit("us").asi8 / 1e6)


def duplicates_told_apart(names: list[object]) -> list[str]:
    """The names of columns as texts, those that stand there twice numbered.

    >>> duplicates_told_apart(["a", "b", "a", 1])
    ['a', 'b', 'a#2', '1']
    """
    times: dict[str, int] = {}
    found = []
    for name in map(str, names):
        times[name] = times.get(name, 0) + 1
        found.append(name if times[name] == 1 else f"{name}#{times[name]}")
    return found
