"""Whether data fits what a model takes: its columns, their types, what was seen in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from mlops_nb.record import Record
from mlops_nb.registry.signature import Column, Signature, columns_of, is_numeric, with_ranges
from mlops_nb.tracking.values import safe_repr

What = Literal["missing", "unexpected", "order", "names", "width", "type", "gaps", "range", "categories"]

SHOWN = 3
"""Values that were never seen and are named."""


@dataclass(frozen=True, slots=True)
class Misfit(Record):
    """Where data is not as the signature says: which column, what was expected, what came.

    `is_fault`: the model cannot take it. Otherwise it can, and has seen nothing like it.
    """

    column: str
    what: What
    expected: str
    came: str
    is_fault: bool


@dataclass(frozen=True, slots=True)
class SignatureCheck(Record):
    """Data beside the signature of a version; `has_ranges`: whether that knows what was seen in the columns."""

    version: str
    rows: int
    misfits: tuple[Misfit, ...]
    has_ranges: bool = False

    @property
    def is_fit(self) -> bool:
        """Whether the model can take it."""
        return not any(one.is_fault for one in self.misfits)

    def to_dict(self) -> dict[str, object]:
        """The fields as plain Python values."""
        return {**super(SignatureCheck, self).to_dict(), "is_fit": self.is_fit}


def has_ranges(signature: Signature) -> bool:
    """Whether a signature knows what was seen: that of an array, or of a fit that autolog saw, does not."""
    return any(column.minimum is not None or column.categories_count for column in signature.inputs)


def misfits(signature: Signature, data: Any) -> tuple[Misfit, ...]:
    """Where data is not as a signature says, what the model cannot take first.

    >>> import pandas
    >>> taken = Signature((Column("a", "float64", 0.0, 1.0), Column("b", "str")), 2)
    >>> [(one.column, one.what, one.came) for one in misfits(taken, pandas.DataFrame({"a": [2.0], "c": [1]}))]
    [('b', 'missing', 'no such column'), ('c', 'unexpected', 'int64'), ('a', 'range', '2 to 2')]
    """
    found = list(_by_name(signature, data) if _has_names(signature) else _by_width(signature, data))
    return tuple(sorted(found, key=lambda one: not one.is_fault))


def _has_names(signature: Signature) -> bool:
    return bool(signature.inputs) and bool(signature.inputs[0].name)


def _by_width(signature: Signature, data: Any) -> Iterator[Misfit]:
    came = columns_of(data)
    width = len(came) if len(came) > 1 else _width(data)
    if signature.width is not None and width is not None and width != signature.width:
        yield Misfit("", "width", f"{signature.width:,} columns", f"{width:,} columns", True)
    if signature.inputs and came and _group(came[0].type) != _group(signature.inputs[0].type):
        yield Misfit("", "type", signature.inputs[0].type, came[0].type, True)


def _width(data: Any) -> int | None:
    shape = getattr(data, "shape", None)
    if isinstance(shape, tuple) and len(shape) == 2:
        return int(shape[1])
    return len(data[0]) if isinstance(data, list) and data and isinstance(data[0], list | tuple) else None


def _by_name(signature: Signature, data: Any) -> Iterator[Misfit]:
    if getattr(data, "columns", None) is None:
        yield from _by_width(Signature(width=signature.width), data)
        yield Misfit("", "names", "columns by name", f"a {type(data).__name__} without names", False)
        return
    came = with_ranges(Signature(columns_of(data)), data).inputs
    taken, there = {one.name: one for one in signature.inputs}, {one.name: one for one in came}
    for name, column in taken.items():
        if name not in there:
            yield Misfit(name, "missing", column.type, "no such column", True)
        else:
            yield from _beside(column, there[name])
    if signature.width in (None, len(taken)):  # of a very wide one not all columns are known
        for name, column in there.items():
            if name not in taken:
                yield Misfit(name, "unexpected", "no such column", column.type, True)
    if there.keys() == taken.keys() and list(there) != list(taken):
        yield _moved(list(taken), list(there))


def _moved(taken: list[str], there: list[str]) -> Misfit:
    name = next(new for old, new in zip(taken, there, strict=True) if old != new)
    return Misfit(name, "order", f"at place {taken.index(name) + 1}", f"at place {there.index(name) + 1}", True)


def _beside(taken: Column, came: Column) -> Iterator[Misfit]:
    """A column beside what was seen in it."""
    if not _fits(_group(taken.type), _group(came.type)):
        yield Misfit(taken.name, "type", taken.type, came.type, True)
        return
    if taken.has_missing is False and came.has_missing:
        yield Misfit(taken.name, "gaps", "no missing value", "missing values", False)
    if _is_outside(taken, came):
        yield Misfit(taken.name, "range", _range(taken), _range(came), False)
    if taken.categories_count and taken.categories_count == len(taken.categories):
        new = [each for each in came.categories if each not in taken.categories]
        if new:
            more = f" and {len(new) - SHOWN:,} more" if len(new) > SHOWN else ""
            shown = ", ".join(safe_repr(each, 40) for each in new[:SHOWN])
            yield Misfit(taken.name, "categories", f"one of {taken.categories_count:,} seen", f"{shown}{more}", False)


def _is_outside(taken: Column, came: Column) -> bool:
    low, high, least, most = taken.minimum, taken.maximum, came.minimum, came.maximum
    with suppress(TypeError):  # a time beside a number
        if low is not None and high is not None and least is not None and most is not None:
            return bool(least < low or most > high)  # type: ignore[operator]
    return False


def _range(column: Column) -> str:
    return f"{_shown(column.minimum)} to {_shown(column.maximum)}"


def _shown(value: float | str | None) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _group(kind: str) -> str:
    """Types that a model takes one for the other."""
    low = kind.lower()
    if is_numeric(kind):
        return "number"
    if low in ("bool", "boolean"):
        return "bool"
    return "time" if "date" in low else "text"


def _fits(taken: str, came: str) -> bool:
    return taken == came or (taken, came) == ("number", "bool")
