"""Shape and content hash of frames, series and arrays, without a copy and without importing their libraries."""

from __future__ import annotations

import math
from typing import Any

from mlops_nb.reproducibility.records import DataFingerprint

BUDGET_BYTES = 64 << 20
"""Content up to this size is hashed whole; of what is larger, a fixed sample of rows."""

_SAMPLE_ROWS = 4096
_TEXT_COST = 100
"""A value that is a Python object takes as long to hash as so many bytes of a buffer."""

_KINDS = {
    ("pandas", "DataFrame"): "DataFrame",
    ("pandas", "Series"): "Series",
    ("polars", "DataFrame"): "polars DataFrame",
    ("polars", "Series"): "polars Series",
    ("numpy", "ndarray"): "array",
}


def data_kind(value: object) -> str:
    """What kind of data a value is, or an empty string when it is none that can be fingerprinted."""
    kind = type(value)
    return _KINDS.get((kind.__module__.partition(".")[0], kind.__name__), "")


def fingerprint(name: str, value: Any, budget_bytes: int = BUDGET_BYTES) -> DataFingerprint | None:
    """The shape, types and XXH3-128 content hash of a frame or array; None for anything else.

    Equal content gives an equal hash in every process. Above `budget_bytes` a strided sample of 4,096 rows
    is hashed instead, and `exact` is False.

    >>> import numpy
    >>> fingerprint("a", numpy.arange(6).reshape(2, 3)).shape
    (2, 3)
    """
    kind = data_kind(value)
    if not kind:
        return None
    from xxhash import xxh3_128

    shape = tuple(int(length) for length in value.shape)
    columns = _columns(kind, value)
    types = {label: str(getattr(column, "dtype", type(column).__name__)) for label, column in columns}
    size = sum(_bytes_of(column) for _, column in columns)
    exact = size <= budget_bytes
    step = 1 if exact or not shape else max(1, math.ceil(shape[0] / _SAMPLE_ROWS))
    digest = xxh3_128(repr((kind, shape, types)).encode("utf-8", "replace"))
    for _, column in columns:
        digest.update(_content(column if step == 1 else column[::step]))
    if kind in ("DataFrame", "Series"):
        digest.update(_content(value.index if step == 1 else value.index[::step]))
    return DataFingerprint(name, kind, shape, types, digest.hexdigest(), exact)


def _columns(kind: str, value: Any) -> list[tuple[str, Any]]:
    if kind == "DataFrame":
        return [(str(label), value.iloc[:, position]) for position, label in enumerate(value.columns)]
    if kind == "polars DataFrame":
        return [(str(column.name), column) for column in value]
    return [(str(getattr(value, "name", "") or ""), value)]


def _bytes_of(column: Any) -> int:
    if _is_text(column):
        return len(column) * _TEXT_COST
    size = getattr(column, "nbytes", None)
    if size is None and callable(estimate := getattr(column, "estimated_size", None)):
        size = estimate()
    return int(size or 0)


def _is_text(column: Any) -> bool:
    dtype = str(getattr(column, "dtype", ""))
    return dtype in ("object", "str", "category", "String") or dtype.startswith(("string", "interval", "period"))


def _content(column: Any) -> bytes | memoryview:
    """The bytes of a column's content: its own buffer where it has one, else its values as text."""
    values = column
    if not _is_text(column):
        values = values.to_numpy() if hasattr(values, "to_numpy") else values
        if getattr(values, "dtype", None) is not None and not values.dtype.hasobject:
            import numpy

            return numpy.ascontiguousarray(values).reshape(-1).view("u1").data
    return "\x1f".join(_texts(values)).encode("utf-8", "surrogatepass")


def _texts(values: Any) -> list[str]:
    flat = values.ravel().tolist() if hasattr(values, "ravel") and type(values).__name__ == "ndarray" else list(values)
    return [value if type(value) is str else f"\x1e{type(value).__name__}:{_text(value)}" for value in flat]


def _text(value: object) -> str:
    if isinstance(value, int | float | str | bytes | bool | tuple | list | dict) or value is None:
        return repr(value)
    text = str(value)
    return "" if " at 0x" in text else text
