"""What is wrong with the values of a column, in itself and against the same column of a reference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from mlops_nb.monitoring.columns import Column
from mlops_nb.monitoring.findings import MUCH, Finding, Severity, count_of, is_more, percent, share_missing, shown
from mlops_nb.monitoring.units import FEW, drawn, unit_change

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FENCE = 3.0
"""A value lies far out more than so many interquartile ranges beyond the quartiles (Tukey 1977)."""

NEARLY_CONSTANT = 0.995


def column_findings(one: Column | None, other: Column, missing: float, *, is_key: bool = False) -> Iterator[Finding]:
    """What is wrong with a column; `missing` is the share of missing values from which on they are an alert.

    Numbers that name the rows are not looked at as numbers.
    """
    yield from _of_missing(one, other, missing)
    if one is not None:
        yield from _of_type(one, other)
    if other.reason or not other.present:
        return
    yield from _of_constant(one, other)
    if one is not None and not one.present:
        one = None
    if other.kind in ("category", "boolean") and one is not None:
        yield from _of_categories(one, other)
    if other.kind in ("number", "duration") and not is_key:
        yield from _of_numbers(one, other)


def _of_missing(one: Column | None, other: Column, limit: float) -> Iterator[Finding]:
    share = share_missing(other)
    before = share_missing(one) if one is not None and one.rows else None
    if not other.missing:
        return
    said = f"{percent(share)} missing"
    if before is None:
        if share > limit:
            yield Finding(
                other.name,
                "missing values",
                "alert",
                f"{said}, more than {percent(limit)}",
                share,
                limit,
                other.missing,
            )
        return
    assert one is not None
    grew = is_more(other.missing, other.rows, before, one.rows)
    words = f"{said}, in the reference {percent(before)}"
    if share > limit and (grew or before <= limit):
        yield Finding(other.name, "missing values", "alert", words, share, max(limit, before), other.missing)
    elif grew or share > limit:
        yield Finding(other.name, "missing values", "note", words, share, before, other.missing)


def _of_type(one: Column, other: Column) -> Iterator[Finding]:
    if other.reason.startswith("its type changed") or (other.kind != one.kind and other.present and one.present):
        words = f"{one.type} became {other.type}"
        yield Finding(other.name, "type", "alert", words, other.type, one.type, other.rows)
        return
    before, now = _family(one.type), _family(other.type)
    if before == now or not other.present:
        return
    words = f"{one.type} became {other.type}"
    if (before, now) == ("int", "float"):
        broken = other.numbers[other.numbers != np.rint(other.numbers)]
        words += f", {count_of(len(broken), 'value')} not whole" if len(broken) else ", all values whole"
        severity: Severity = "alert" if len(broken) else "note"
    else:
        loose = (
            {before, now} <= {"text", "category", "object"}
            or {before, now} == {"int", "float"}
            or "object" in (before, now)
        )
        severity = "note" if loose else "alert"
    yield Finding(other.name, "type", severity, words, other.type, one.type, other.rows)


def _family(type: str) -> str:
    """What a type is, whatever its width, library and unit.

    >>> [_family(each) for each in ("int64", "UInt32", "double[pyarrow]", "datetime64[ns]", "datetime64[us, UTC]")]
    ['int', 'int', 'float', 'time', 'time in a zone']
    """
    low = type.lower()
    if low.startswith(("datetime", "timestamp")):
        return "time in a zone" if "," in low or "tz=" in low else "time"
    families = {
        "int": ("int", "uint"), "float": ("float", "double", "halffloat", "decimal"), "bool": ("bool",),
        "duration": ("timedelta", "duration"), "text": ("str", "string", "large_string"), "category": ("category",),
    }  # fmt: skip
    return next((name for name, starts in families.items() if low.startswith(starts)), low)


def _of_constant(one: Column | None, other: Column) -> Iterator[Finding]:
    if other.present < FEW or other.kind in ("text", None):
        return
    share, value = _most(other)
    before = _most(one)[0] if one is not None and one.present else None
    said = f"is {value}" if other.kind != "time" else "is one and the same time"
    if share == 1.0 and (before is None or before < 1.0):
        severity: Severity = "note" if before is None else "alert"
        words = f"every value {said}" + ("" if before is None else ", in the reference they differ")
        yield Finding(other.name, "constant", severity, words, share, before, other.present)
    elif NEARLY_CONSTANT <= share < 1.0 and (before is None or before < 0.98):
        words = f"{percent(share)} of the values {said.replace('is', 'are', 1)}"
        words += "" if before is None else f", in the reference the most frequent one has {percent(before)}"
        yield Finding(other.name, "constant", "note", words, share, before, round(share * other.present))


def _most(one: Column) -> tuple[float, str]:
    """The share of the most frequent value, and the value; of numbers only where it is nearly all."""
    if one.kind in ("category", "boolean"):
        place = int(np.argmax(one.counts))
        return float(one.counts[place] / one.present), shown(one.labels[place])
    numbers = one.numbers
    first = numbers[len(numbers) // 2]
    if not np.any(drawn(numbers, 500) != first):
        return float((numbers == first).mean()), f"{first:g}"
    low, middle, high = np.quantile(drawn(numbers), (0.0025, 0.5, 0.9975), method="nearest")
    return (float((numbers == middle).mean()), f"{middle:g}") if low == high else (0.0, "")


def _of_categories(one: Column, other: Column) -> Iterator[Finding]:
    """Values that the reference has not, unless so many of its own are seen once that others were to be expected.

    The share that was never seen is about the share of values seen once (Good 1953).
    """
    is_new = ~other.labels.isin(one.labels)
    if not is_new.any():
        return
    many = int(other.counts[is_new].sum())
    share, expected = many / other.present, int((one.counts == 1).sum()) / one.present
    if share <= 2 * expected:
        return
    order = np.argsort(-other.counts[is_new], kind="stable")
    named = [shown(other.labels[is_new][place]) for place in order[:5]]
    more = f" and {len(order) - 5:,} more" if len(order) > 5 else ""
    words = (
        f"{count_of(len(order), 'new value')} in {count_of(many, 'row')} ({percent(share)}): {', '.join(named)}{more}"
    )
    severity: Severity = "alert" if share > MUCH + 3 * expected else "note"
    yield Finding(other.name, "new categories", severity, words, share, expected, many)


def _of_numbers(one: Column | None, other: Column) -> Iterator[Finding]:
    finite = np.isfinite(other.numbers)
    numbers = other.numbers if finite.all() else other.numbers[finite]
    before = None if one is None else one.numbers[np.isfinite(one.numbers)]
    infinite = len(other.numbers) - len(numbers)
    if infinite:
        had = one is not None and before is not None and len(before) < len(one.numbers)
        severity: Severity = "note" if had else "alert"
        yield Finding(
            other.name, "infinite values", severity, count_of(infinite, "infinite value"), infinite, 0, infinite
        )
    if not len(numbers):
        return
    if before is None or not len(before):
        yield from _of_outliers(other.name, None, numbers)
        return
    unit = unit_change(before, numbers)
    if unit:
        middle, was = _middle(numbers), _middle(before)
        words = f"looks {unit}: a median of {was:.4g} became {middle:.4g}"
        yield Finding(other.name, "unit", "alert", words, middle, was, len(numbers))
        return
    yield from _of_range(other.name, before, numbers)
    yield from _of_outliers(other.name, before, numbers)


def _middle(numbers: Numbers) -> float:
    return float(np.median(drawn(numbers)))


def _of_range(name: str, reference: Numbers, current: Numbers) -> Iterator[Finding]:
    """Values below the reference's lowest or above its highest, if there are more than chance puts there or far away.

    Of n values from one population about 2 in n + 1 of any other lie outside, and more than 10 in n once in a thousand.
    """
    low, high, lowest, highest = (
        float(each) for each in (reference.min(), reference.max(), current.min(), current.max())
    )
    if lowest >= low and highest <= high:
        return
    many = int((current < low).sum() + (current > high).sum())
    share, width = many / len(current), high - low
    is_far = max(low - lowest, highest - high) > width
    is_negative = low >= 0 > lowest and len(reference) >= 100
    is_often = many > 10 + 10 * len(current) / len(reference)
    if not (is_far or is_negative or is_often):
        return
    severity: Severity = "alert" if is_often and share > MUCH else "note"
    inside = f"{low:.6g} to {high:.6g}"
    negative = ", negative ones that the reference has not" if is_negative else ""
    found = f"{lowest:.6g} to {highest:.6g}"
    words = f"{count_of(many, 'value')} ({percent(share)}) outside the reference's {inside}{negative}: {found}"
    yield Finding(name, "range", severity, words, found, inside, many)


def _of_outliers(name: str, reference: Numbers | None, current: Numbers) -> Iterator[Finding]:
    """Values beyond Tukey's outer fences, of the reference or else of the data itself."""
    low, high = fences(current if reference is None else reference)
    if not low < high:
        return
    many = int((current < low).sum() + (current > high).sum())
    share, where = many / len(current), f"{low:.6g} to {high:.6g}"
    if reference is None:
        if many:
            words = (
                f"{count_of(many, 'value')} ({percent(share)}) far out: beyond {where}, {FENCE:g} interquartile ranges"
            )
            yield Finding(name, "outliers", "note", words, share, None, many)
        return
    before = float(((reference < low) | (reference > high)).mean())
    if is_more(many, len(current), before, len(reference)):
        severity: Severity = "alert" if share - before > MUCH else "note"
        words = (
            f"{count_of(many, 'value')} ({percent(share)}) far out, beyond {where}; in the reference {percent(before)}"
        )
        yield Finding(name, "outliers", severity, words, share, before, many)


def fences(numbers: Numbers) -> tuple[float, float]:
    """Tukey's outer fences: three interquartile ranges beyond the quartiles, NaN where half of the values are equal.

    >>> fences(np.arange(101.0))
    (-125.0, 225.0)
    """
    low, high = (float(each) for each in np.quantile(drawn(numbers), (0.25, 0.75)))
    width = high - low
    return (low - FENCE * width, high + FENCE * width) if width > 0 else (math.nan, math.nan)
