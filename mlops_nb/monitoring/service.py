"""Reads data sets, compares them column by column, and looks at their quality."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.monitoring.records import MISSING, DriftReport
from mlops_nb.monitoring.sources import frame, label

if TYPE_CHECKING:
    import pandas as pd

    from mlops_nb.monitoring.columns import Column
    from mlops_nb.monitoring.decision import Correction
    from mlops_nb.monitoring.findings import Finding, Quality


def drift(
    reference: object,
    current: object,
    *,
    columns: Sequence[str] = (),
    threshold: float = 0.1,
    missing: float = 0.05,
    thresholds: Mapping[str, float] | None = None,
    alpha: float = 0.01,
    correction: Correction = "bh",
    namespace: Mapping[str, object] | None = None,
) -> DriftReport:
    """What is different in the current data, column by column, how much it matters and how sure it is.

    Numbers are judged by the Kolmogorov-Smirnov distance and its test, categories by the Jensen-Shannon distance
    without what chance adds to it and by a chi-squared test, times by their hour and weekday, texts by their length and
    unknown words; missing values apart, by the difference of their shares. A column has drifted where its corrected
    p-value is below `alpha` and its effect at least `threshold`; every other figure is there to be read.

    Args:
        reference: a frame, a file, a pattern of files, or SQL: see `mlops_nb.monitoring.sources.frame`.
        current: the same, of what is compared with it.
        columns: only these; all by default.
        threshold: the distance from which on a change matters, from 0 to 1.
        missing: the difference in the share of missing values from which on it matters.
        thresholds: other distances for columns by name.
        alpha: how often a column that did not change may be called drifted; data is compared again and again.
        correction: for many columns: bh (Benjamini-Hochberg), holm, or none.
        namespace: where a text is looked up as a variable first.

    Raises:
        BadArgument: data cannot be read, a column is not there, or a number is not one that makes sense.
    """
    import numpy as np

    from mlops_nb.monitoring.comparison import Rules, compared

    for name, value in (("threshold", threshold), ("missing", missing), ("alpha", alpha)):
        if not 0 < value < 1:
            raise BadArgument(f"{name} == {value!r}, must lie between 0 and 1", f"mlops_nb.drift(a, b, {name}=0.05)")
    one, other = frame(reference, namespace), frame(current, namespace)
    rules = Rules(alpha, correction, threshold, missing, dict(thresholds or {}))
    pairs, warnings = _pairs(one, other, columns)
    if unknown := [name for name in rules.thresholds if name not in {each.name for each, _ in pairs}]:
        raise BadArgument(f"thresholds has {unknown[0]!r}, which is not compared", f"{pairs[0][0].name!r}")
    return DriftReport(
        reference=label(reference),
        current=label(current),
        rows=(len(one), len(other)),
        columns=compared(pairs, rules, np.random.default_rng(0)),
        alpha=alpha,
        correction=correction,
        thresholds={"distance": threshold, "missing": missing, **rules.thresholds},
        made=time.time(),
        warnings=tuple(warnings),
    )


def _pairs(
    reference: pd.DataFrame, current: pd.DataFrame, wanted: Sequence[str]
) -> tuple[list[tuple[Column, Column]], list[str]]:
    """Each column of the reference with that of the current data; what is in one alone is a warning."""
    from dataclasses import replace

    from mlops_nb.monitoring.columns import column, duplicates_told_apart

    names, others = (duplicates_told_apart(list(each.columns)) for each in (reference, current))
    if not names:
        raise BadArgument("the reference has no columns", "mlops_nb.drift(reference, current)")
    for name in wanted:
        if name not in names:
            near = nearest(name, names)
            raise BadArgument(f"the reference has no column {name[:60]!r}", f"--column {near}" if near else "")
    places = {name: place for place, name in enumerate(others)}
    pairs = []
    for place, name in enumerate(names):
        if wanted and name not in wanted:
            continue
        one = column(name, reference.iloc[:, place])
        if name in places:
            other = column(name, current.iloc[:, places[name]], one)
        else:
            other = replace(one, type="missing", rows=0, missing=0, kind=None, reason=MISSING)
        pairs.append((one, other))
    added = [name for name in others if name not in set(names)] if not wanted else []
    named = ", ".join(added[:5]) + (f" and {len(added) - 5} more" if len(added) > 5 else "")
    return pairs, [f"only in the current data, not compared: {named}"] if added else []


def quality(
    reference: object,
    current: object = None,
    *,
    schema: object = None,
    key: str | Sequence[str] = (),
    foreign: Mapping[str, object] | None = None,
    missing: float = 0.05,
    namespace: Mapping[str, object] | None = None,
) -> Quality:
    """What is wrong with data: `quality(january, june, key="id")`, or `quality(june)` of it alone.

    Missing values, schema, ranges, outliers, constants, new categories, units that changed, keys, and copies of rows.
    What the reference has as well is no alert: outliers, copies and missing values are compared with its share of them.

    Args:
        reference: a frame, a file, a pattern of files, or SQL (see `mlops_nb.monitoring.sources.frame`): what the data
            should be like; or the data itself, where there is nothing else.
        current: the data.
        schema: what it must be in any case: rules as for `mlops_nb.expect`, a schema of pandera, or the file of one.
        key: the column, or columns together, that name a row.
        foreign: by column, the data in which its values must be found, as a column of the same name or the only one.
        missing: the share of missing values from which on they are an alert, unless the reference has as many.
        namespace: where a text is looked up as a variable first.

    Raises:
        BadArgument: data or the schema cannot be read, or a column is not there.
        MissingExtra: a schema of pandera is asked for, and pandera is not installed.

    >>> import pandas
    >>> found = quality(pandas.DataFrame({"id": [1, 2, 2], "km": [1.0, None, None]}), key="id")
    >>> [(one.column, one.words) for one in found.alerts]
    [('id', '1 row with a key that was there before, first 2 in row 2'), ('km', '67 % missing, more than 5 %')]
    """
    from mlops_nb.monitoring.findings import Quality, in_order
    from mlops_nb.monitoring.quality import examined

    if not 0 <= missing <= 1:
        raise BadArgument(f"missing == {missing!r}, must lie between 0 and 1", "mlops_nb.quality(a, b, missing=0.05)")
    before = None if current is None else frame(reference, namespace)
    data, called = (reference, "") if current is None else (current, label(reference))
    now = frame(data, namespace)
    tables = {name: _column_of(frame(each, namespace), name) for name, each in (foreign or {}).items()}
    names = (key,) if isinstance(key, str) else tuple(key)
    columns, findings = examined(before, now, missing=missing, key=names, foreign=tables)
    found = [*_schema_findings(now, schema), *findings]
    return Quality(
        called or None,
        label(data),
        None if before is None else len(before),
        len(now),
        columns,
        in_order(found),
        {"missing": missing},
        time.time(),
        str(schema) if isinstance(schema, str | Path) else None,
    )


def _column_of(table: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name in table.columns:
        return table[name]
    if len(table.columns) == 1:
        return table.iloc[:, 0]
    near = nearest(name, map(str, table.columns))
    raise BadArgument(f"foreign: there is no column {name[:60]!r} to look in", f"there is {near!r}" if near else "")


def _schema_findings(data: pd.DataFrame, schema: object) -> list[Finding]:
    if schema is None:
        return []
    from mlops_nb.gates import frame_verdict
    from mlops_nb.monitoring.findings import Finding
    from mlops_nb.monitoring.schemas import read_schema

    read = read_schema(schema) if isinstance(schema, str | Path) else schema
    checks = frame_verdict(data, read, "data").checks
    return [Finding(check.name, "schema", "alert", check.words) for check in checks if not check.passed]
