"""The base of every result."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


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
