"""What is wrong with data in itself, and against a reference: gaps, schema, ranges, outliers, units, keys, copies.

Each fault is a finding, an alert or a note, with what was observed and what was expected. Every column gets a line that
says what was looked at, or why it was not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from mlops_nb.errors import nearest
from mlops_nb.monitoring.column_checks import column_findings
from mlops_nb.monitoring.columns import Column, Kind, column, duplicates_told_apart
from mlops_nb.monitoring.findings import ColumnQuality, Finding, in_order, share_missing
from mlops_nb.monitoring.row_checks import foreign_key_findings, key_findings, keys_of, places_of, row_findings
from mlops_nb.tracking.values import safe_repr


def examined(
    reference: pd.DataFrame | None,
    current: pd.DataFrame,
    *,
    missing: float = 0.05,
    key: Sequence[str] = (),
    foreign: Mapping[str, pd.Series[Any]] | None = None,
) -> tuple[tuple[ColumnQuality, ...], tuple[Finding, ...]]:
    """What is said of each column, and the findings, alerts first.

    Args:
        reference: what the data should be like; None to look at it alone.
        current: the data.
        missing: the share of missing values from which on they are an alert, unless the reference has as many.
        key: columns that together name a row, so that each combination may be there once.
        foreign: by column, where each of its values must be found.

    Raises:
        BadArgument: a key or foreign key is no column of the data.

    >>> import numpy as np
    >>> before = pd.DataFrame({"km": np.arange(1.0, 101.0)})
    >>> columns, findings = examined(before, before * 1000)
    >>> [(one.column, one.what, one.words) for one in findings]
    [('km', 'unit', 'looks multiplied by 1,000: a median of 50.5 became 5.05e+04')]
    """
    pairs = list(_pairs(reference, current))
    findings = list(_schema_findings(reference, current))
    names = keys_of(reference)
    columns = []
    for one, other in pairs:
        if other is None:
            columns.append(_absent(one))
            continue
        is_key = reference is not None and one is not None and one.name in names
        found = list(column_findings(one, other, missing, is_key=is_key)) if len(current) else []
        findings += found
        columns.append(_account(one, other, found, is_key=is_key))
    findings += row_findings(reference, current)
    findings += key_findings(reference, current, tuple(key))
    findings += foreign_key_findings(current, foreign or {})
    return tuple(columns), in_order(findings)


def _pairs(reference: pd.DataFrame | None, current: pd.DataFrame) -> Iterator[tuple[Column | None, Column | None]]:
    """The columns of the data in order, each with that of the reference, then those that are missing."""
    names = duplicates_told_apart(list(current.columns))
    there = {} if reference is None else places_of(reference)
    for place, name in enumerate(names):
        one = column(name, reference.iloc[:, there[name]]) if reference is not None and name in there else None
        yield one, column(name, current.iloc[:, place], one)
    for name in [name for name in there if name not in set(names)]:
        assert reference is not None
        yield column(name, reference.iloc[:, there[name]]), None


_LOOKED_AT: dict[Kind | None, tuple[str, ...]] = {
    "number": ("infinite values", "range", "outliers", "constant", "unit"),
    "duration": ("range", "outliers", "constant", "unit"),
    "time": ("constant",),
    "category": ("constant", "new categories"),
    "boolean": ("constant", "new categories"),
    "text": (),
    None: (),
}
_WITHOUT_REFERENCE = ("range", "unit", "new categories", "type")


def _account(one: Column | None, other: Column, found: Sequence[Finding], *, is_key: bool) -> ColumnQuality:
    kinds = () if other.reason or not other.present else _LOOKED_AT[other.kind]
    if one is None:
        kinds = tuple(each for each in kinds if each not in _WITHOUT_REFERENCE)
    elif not one.present:
        kinds = tuple(each for each in kinds if each not in ("range", "unit", "new categories"))
    reason = other.reason
    if not reason and not other.present:
        reason = "every value is missing" if other.rows else "there are no rows"
    if other.kind == "text" and not reason:
        reason = "of texts nothing else is looked at"
    if is_key and other.kind == "number":
        kinds, reason = ("key",), "in the reference each is there once: it names the rows"
    if any(each.what == "unit" for each in found):
        kinds, reason = ("unit",), "range and outliers are not compared over another unit"
    return ColumnQuality(
        other.name,
        other.type,
        one.type if one is not None else None,
        share_missing(other),
        share_missing(one) if one is not None else None,
        ("missing values", *(("type",) if one is not None else ()), *kinds),
        reason,
    )


def _absent(one: Column | None) -> ColumnQuality:
    assert one is not None
    return ColumnQuality(one.name, "", one.type, math.nan, share_missing(one), (), "the column is missing")


def _schema_findings(reference: pd.DataFrame | None, current: pd.DataFrame) -> Iterator[Finding]:
    if not len(current):
        yield Finding("", "rows", "alert", "there are no rows", 0, "at least 1", 0)
    names = list(map(str, current.columns))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        said = ", ".join(safe_repr(name, 40) for name in twice[:5])
        before = reference is not None and set(twice) <= _twice(reference)
        yield Finding("", "column names", "note" if before else "alert", f"columns of one name: {said}", len(names))
    if reference is None:
        return
    there, here = places_of(reference), places_of(current)
    for name in there:
        if name not in here:
            near = nearest(name, [each for each in here if each not in there])
            also = f"; {near} is new" if near else ""
            yield Finding(
                name, "missing column", "alert", f"the column is missing{also}", None, _type(reference, there[name])
            )
    for name in here:
        if name not in there:
            yield Finding(
                name, "added column", "alert", "the reference has no such column", _type(current, here[name]), None
            )


def _twice(frame: pd.DataFrame) -> set[str]:
    names = pd.Index(map(str, frame.columns))
    return set(names[names.duplicated()])


def _type(frame: pd.DataFrame, place: int) -> str:
    return str(frame.dtypes.iloc[place])
