"""What a fitted model takes and what it gives: enough to refuse data that it was not fitted for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mlops_nb.record import Record
from mlops_nb.tracking.values import Value, plain_value

Gives = Literal["class", "number", "cluster", "outlier", "columns", ""]
"""What comes out: one of some classes, a number, the number of a cluster, inlier or outlier, other columns."""

MOST_COLUMNS = 1_000
MOST_CLASSES = 100
"""So many columns and classes are named; `width` and `classes_count` count all of them."""


@dataclass(frozen=True, slots=True)
class Column(Record):
    """An input: a column of a frame by name, or all of an array, with an empty name.

    What was seen in it, where somebody looked: smallest and largest number or time, or the categories, at most a
    hundred of `categories_count`; whether a value was missing.
    """

    name: str
    type: str
    minimum: float | str | None = field(default=None, repr=False)
    maximum: float | str | None = field(default=None, repr=False)
    categories: tuple[Value, ...] = field(default=(), repr=False)
    categories_count: int = field(default=0, repr=False)
    has_missing: bool | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Signature(Record):
    """The inputs and outputs of a fitted model.

    `width` and `output_width` are numbers of columns, None where there is no such number (texts, say, or what
    only a prediction would tell); `classes` in the model's own order.
    """

    inputs: tuple[Column, ...] = ()
    width: int | None = None
    gives: Gives = ""
    output_type: str = ""
    output_width: int | None = None
    classes: tuple[Value, ...] = ()
    classes_count: int = 0


def signature_of(
    data: object,
    target: object = None,
    *,
    gives: Gives = "",
    width: int | None = None,
    classes: Iterable[object] = (),
    output: object = None,
) -> Signature:
    """The signature of a model that was fitted on `data` and `target`.

    Args:
        data: a frame, an array, a sparse matrix or a list, as `fit` was given it.
        target: what it learned to predict, if anything.
        gives: what comes out.
        width: how many columns the model says that it takes.
        classes: a classifier's classes.
        output: something the model gave, where the fit gave it.

    >>> import numpy
    >>> found = signature_of(numpy.zeros((3, 2)), numpy.array([0, 1, 1]), gives="class", classes=[0, 1])
    >>> found.inputs, found.width, found.output_type, found.classes
    ((Column(name='', type='float64'),), 2, 'int64', (0, 1))
    """
    known = list(classes)
    answer = target if target is not None else output
    return Signature(
        inputs=columns_of(data),
        width=_width(data) if width is None else width,
        gives=gives,
        output_type=_type_of(answer),
        output_width=_width(answer, flat=1 if answer is not None and gives != "columns" else None),
        classes=tuple(plain_value(each) for each in known[:MOST_CLASSES]),
        classes_count=len(known),
    )


def signature_from(fields: Mapping[str, Any]) -> Signature:
    """The signature whose `to_dict()` this is, read back from JSON."""
    return Signature(
        **{
            **fields,
            "inputs": tuple(
                Column(**{**each, "categories": tuple(each.get("categories", ()))}) for each in fields["inputs"]
            ),
            "classes": tuple(fields["classes"]),
        }
    )


def with_ranges(signature: Signature, data: Any) -> Signature:
    """The signature with what is seen in a frame: ranges, categories, gaps; of anything else, as it is.

    >>> import pandas
    >>> frame = pandas.DataFrame({"a": [1, 3], "b": ["x", None]})
    >>> first, second = with_ranges(signature_of(frame), frame).inputs
    >>> (first.minimum, first.maximum, first.has_missing), (second.categories, second.has_missing)
    ((1.0, 3.0, False), (('x',), True))
    """
    names = getattr(data, "columns", None)
    if names is None or [column.name for column in signature.inputs] != [str(name) for name in names][:MOST_COLUMNS]:
        return signature
    pairs = zip(signature.inputs, _columns(data), strict=False)
    return replace(signature, inputs=tuple(_seen(column, values) for column, values in pairs))


def _columns(data: Any) -> Iterator[Any]:
    """The columns of a frame one by one, those of one name, too."""
    if hasattr(data, "iloc"):
        return (data.iloc[:, place] for place in range(min(data.shape[1], MOST_COLUMNS)))
    return iter(data)


def _seen(column: Column, values: Any) -> Column:
    missing = None
    with suppress(Exception):  # a column may hold any object of the user's
        missing = bool(values.isna().any()) if hasattr(values, "isna") else bool(values.null_count())
        if is_numeric(column.type):
            low, high = float(values.min()), float(values.max())
            return replace(column, minimum=low, maximum=high, has_missing=missing) if low <= high else column
        if "date" in column.type.lower():
            low, high = values.min().isoformat(), values.max().isoformat()
            return replace(column, minimum=low, maximum=high, has_missing=missing)
        known = [each for each in values.unique() if each is not None and each == each]
        kept = tuple(sorted(map(plain_value, known), key=str)[:MOST_CLASSES])
        return replace(column, categories=kept, categories_count=len(known), has_missing=missing)
    return replace(column, has_missing=missing)


def is_numeric(kind: str) -> bool:
    """Whether a column's type is one of numbers.

    >>> is_numeric("float64"), is_numeric("UInt8"), is_numeric("str"), is_numeric("bool"), is_numeric("interval")
    (True, True, False, False, False)
    """
    return re.fullmatch(r"(u?int|float)\d*", kind.lower()) is not None


def columns_of(data: object) -> tuple[Column, ...]:
    """The columns of a frame, at most a thousand; one without a name for anything else.

    >>> columns_of(["a text", "another"])
    (Column(name='', type='text'),)
    """
    if data is None:
        return ()
    names = getattr(data, "columns", None)
    types = getattr(data, "dtypes", None)
    if names is not None and types is not None:
        kinds = list(getattr(types, "values", types))[:MOST_COLUMNS]
        words = {id(kind): kind for kind in kinds}
        words = {number: str(kind) for number, kind in words.items()}
        return tuple(Column(str(name), words[id(kind)]) for name, kind in zip(names, kinds, strict=False))
    return (Column("", _type_of(data)),)


def _type_of(data: object) -> str:
    if data is None:
        return ""
    kind = getattr(data, "dtype", None)
    if kind is not None:
        return str(kind)
    if (kinds := getattr(data, "dtypes", None)) is not None:
        found = list(dict.fromkeys(str(each) for each in list(kinds)))
        return found[0] if len(found) == 1 else "mixed"
    if isinstance(data, list | tuple) and data:
        first = data[0]
        return "text" if isinstance(first, str) else f"list of {type(first).__name__}"
    return type(data).__name__


def _width(data: object, flat: int | None = None) -> int | None:
    shape = getattr(data, "shape", None)
    if isinstance(shape, tuple) and shape:
        return int(shape[1]) if len(shape) > 1 else flat
    if isinstance(data, list | tuple) and data and isinstance(data[0], list | tuple):
        return len(data[0])
    return flat
