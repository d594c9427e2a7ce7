"""Compares data sets: reads them, compares them column by column, and keeps the report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.monitoring.records import MISSING, DriftReport
from mlops_nb.monitoring.sources import frame, label

if TYPE_CHECKING:
    import pandas as pd

    from mlops_nb.monitoring.columns import Column
    from mlops_nb.monitoring.decision import Correction


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
