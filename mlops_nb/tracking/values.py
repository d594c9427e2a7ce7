"""Parameter values to and from what SQLite can hold."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
"""What a parameter's value may be."""

MAX_TEXT = 10_000
"""Characters of a parameter's text that are kept; what is longer ends in an ellipsis and its length."""

MAX_ITEMS = 1_000
"""Lists and dicts of more items are described by the first of them."""

MAX_BITS = 10_000
"""Integers longer than this are described, not kept (Python refuses to print much longer ones)."""

Stored = tuple[str, int | float | str | None]


def encode_value(value: object) -> Stored:
    """The type's word and the SQLite value of anything a parameter may hold; never raises.

    Numbers of NumPy become Python's; lists, tuples, sets and dicts JSON; anything else its bounded `repr`.

    >>> encode_value(True), encode_value(float("nan")), encode_value(2**70)
    (('bool', 1), ('float', None), ('int', '1180591620717411303424'))
    """
    value = plain_value(value)
    match value:
        case None:
            return "none", None
        case bool():
            return "bool", int(value)
        case int():
            return "int", value if -(2**63) <= value < 2**63 else str(value)
        case float():
            return "float", None if math.isnan(value) else value
        case str():
            return "str", bounded_text(value)
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
    return ("json", text) if len(text) <= MAX_TEXT else ("str", bounded_text(text))


def decode_value(kind: str, stored: int | float | str | None) -> Value:
    """The value that `encode_value` was given, as far as it could be kept."""
    match kind:
        case "none":
            return None
        case "bool":
            return bool(stored)
        case "int":
            return int(stored or 0)
        case "float":
            return math.nan if stored is None else float(stored)
        case "json":
            decoded: Value = json.loads(str(stored))
            return decoded
    return str(stored)


def plain_value(value: object, depth: int = 4) -> Value:
    """The value as plain Python; what has no plain form becomes its bounded `repr`."""
    if value is None or type(value) in (bool, float, str):
        return value  # type: ignore[return-value]
    if type(value) is int:
        return value if value.bit_length() <= MAX_BITS else f"an integer of {value.bit_length():,} bits"
    try:
        if isinstance(value, bool | int | float | str):
            return plain_value(next(base(value) for base in (int, float, str) if isinstance(value, base)))
        if depth and isinstance(value, Mapping | list | tuple | set | frozenset | range) and len(value) > MAX_ITEMS:
            return f"{type(value).__name__} of {len(value):,} items, the first: {safe_repr(list(islice(value, 20)))}"
        if depth and isinstance(value, Mapping):
            return {bounded_text(str(key), 200): plain_value(item, depth - 1) for key, item in value.items()}
        if depth and isinstance(value, list | tuple | set | frozenset | range):
            return [plain_value(item, depth - 1) for item in value]
        if callable(item := getattr(value, "item", None)) and getattr(value, "ndim", None) == 0:
            return plain_value(item(), 0)
    except Exception:  # a user's object may raise anything from any method
        return safe_repr(value)
    return safe_repr(value)


def flat_params(values: Mapping[str, object], prefix: str = "", inside: tuple[int, ...] = ()) -> dict[str, object]:
    """Nested dicts as one level, names joined with dots; a dict inside itself stays as it is.

    >>> flat_params({"model": {"depth": 3, "opt": {"lr": 0.1}}, "seed": 7})
    {'model.depth': 3, 'model.opt.lr': 0.1, 'seed': 7}
    """
    flat: dict[str, object] = {}
    for name, value in values.items():
        inner = None
        if issubclass(type(value), dict) and id(value) not in inside and len(prefix) < 200:
            with suppress(Exception):  # a user's dict may raise anything from any method
                inner = flat_params(value, f"{prefix}{safe_text(name)}.", (*inside, id(value)))  # type: ignore[arg-type]
        flat |= inner or {f"{prefix}{safe_text(name)}": value}
    return flat


def is_number(value: object) -> bool:
    """Whether a value can be a metric: a real number of Python or NumPy, or a one-element array of them."""
    return metric_number(value) is not None


def metric_number(value: object) -> float | None:
    """The value as a float, or None when it is not one real number.

    >>> metric_number(True), metric_number("0.9"), metric_number(3)
    (1.0, None, 3.0)
    """
    if type(value) is float:
        return value
    try:
        if isinstance(value, str | bytes | complex) or value is None:
            return None
        if getattr(value, "size", None) == 1 and getattr(value, "ndim", 0):
            value = value.item()  # type: ignore[attr-defined]
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]
    except Exception:  # a user's object may raise anything from any method
        return None


_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def text_number(text: str) -> int | float | None:
    """The number that all of a text reads as, or None; whole numbers beyond 64 bits as floats.

    >>> text_number("5"), text_number("-1e3"), text_number("5 trees"), text_number("nan")
    (5, -1000.0, None, None)
    """
    if not _NUMBER.fullmatch(text):
        return None
    if len(text) < 20 and text.lstrip("+-").isdigit() and -(2**63) <= (whole := int(text)) < 2**63:
        return whole
    return float(text)


def safe_text(value: object) -> str:
    """The value as text, or the type's name where `str` raises."""
    try:
        return str(value)
    except Exception:  # a user's __str__ may raise anything
        return safe_repr(value)


def safe_repr(value: object, limit: int = MAX_TEXT) -> str:
    """The bounded `repr`, or the type's name where `repr` raises."""
    try:
        return bounded_text(repr(value), limit)
    except Exception:  # a user's __repr__ may raise anything
        return f"<{type(value).__module__}.{type(value).__qualname__}, whose repr raises>"


def bounded_text(text: str, limit: int = MAX_TEXT) -> str:
    """The text, or its beginning and how long it was; lone surrogates become question marks.

    >>> bounded_text("abcdef", 3)
    'abc… (6 characters)'
    """
    if len(text) > limit:
        text = f"{text[:limit]}… ({len(text)} characters)"
    return text.encode("utf-8", "replace").decode("utf-8")
