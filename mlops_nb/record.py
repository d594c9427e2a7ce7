"""The base of every result."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class Record:
    """A frozen, slotted dataclass; every rendering derives from `to_dict`."""

    __slots__ = ()

    def to_dict(self) -> dict[str, object]:
        """The fields as plain Python values, nested records included."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]


def json_value(value: object) -> Any:
    """The value as JSON can hold it; NaN and infinite numbers as text that `float` reads.

    >>> json_value({"a": (1, float("nan"))})
    {'a': [1, 'nan']}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): json_value(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(each) for each in value]
    return str(value)


def read(kind: Any, plain: object) -> Any:
    """What `to_dict` gave, as JSON brought it, made a value of that type again; every field is checked.

    Args:
        kind: the type that is wanted: a record's class, or any type a record's field may have.
        plain: dicts, lists, texts and numbers, from anywhere.

    Raises:
        ValueError: it does not fit.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, plain)
    if origin is tuple and isinstance(plain, list):
        kinds = [inner[0]] * len(plain) if ... in inner else inner
        return tuple(read(kind, each) for kind, each in zip(kinds, plain, strict=True))
    if kind is object or "ForwardRef" in str(kind):  # what may be anything that JSON holds
        return plain
    if origin in (Union, UnionType):
        return _read_first(inner, plain)
    if origin is Literal and plain in inner:
        return plain
    if origin in (dict, Mapping) and isinstance(plain, dict):
        return {read(inner[0], name): read(inner[1], each) for name, each in plain.items()}
    if kind is float and type(plain) in (int, float, str):
        return float(plain)  # type: ignore[arg-type]
    if isinstance(kind, type) and type(plain) is kind:
        return plain
    raise ValueError(f"{str(plain)[:60]!r} is no {kind}")


_hints = cache(get_type_hints)


def _read_record(kind: Any, plain: object) -> Any:
    if not isinstance(plain, dict):
        raise ValueError(f"{str(plain)[:60]!r} is no {kind.__name__}")
    hints = _hints(kind)
    try:
        return kind(**{name: read(hints[name], each) for name, each in plain.items() if name in hints})
    except TypeError as error:
        raise ValueError(f"not a whole {kind.__name__}: {error}") from None


def _read_first(kinds: Sequence[Any], plain: object) -> Any:
    for kind in kinds:
        with suppress(ValueError):
            return read(kind, plain)
    raise ValueError(f"{str(plain)[:60]!r} is none of {kinds}")
