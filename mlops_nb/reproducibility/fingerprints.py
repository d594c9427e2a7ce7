"""Shape and content hash of frames, series and arrays, without a copy and without importing their libraries."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mlops_nb.reproducibility.records import DataFingerprint

BUDGET_BYTES = 256 << 20
"""Content up to this size is hashed whole; of what is larger, a fixed sample of rows."""

MOST_COLUMNS = 2_000
"""Of a frame with more columns than this the hashes of each are not kept."""

_SAMPLE_ROWS = 4096
_CHUNK_BYTES = 1 << 20
_TEXTS_AT_ONCE = 1 << 16
_HASH_DIGITS = 12
_TEXT_COST, _OBJECT_COST = 100, 400
"""A text, or another Python object, takes as long to hash as so many bytes of a buffer."""

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")

_SPARSE = {
    "csr": ("indptr", "indices", "data"),
    "csc": ("indptr", "indices", "data"),
    "bsr": ("indptr", "indices", "data"),
    "coo": ("coords", "data"),
    "dia": ("offsets", "data"),
}
"""The arrays that each form of sparse matrix is made of."""

_KINDS = {
    ("pandas", "DataFrame"): "DataFrame",
    ("pandas", "Series"): "Series",
    ("polars", "DataFrame"): "polars DataFrame",
    ("polars", "Series"): "polars Series",
    ("numpy", "ndarray"): "array",
    **{("scipy", f"{form}_{kind}"): f"{form} matrix" for form in _SPARSE for kind in ("matrix", "array")},
}


def data_kind(value: object) -> str:
    """What kind of data a value is, subclasses too; an empty string when it is none that can be fingerprinted."""
    places = ((kind.__module__.partition(".")[0], kind.__name__) for kind in type(value).__mro__)
    return next((_KINDS[place] for place in places if place in _KINDS), "")


def fingerprint(name: str, value: Any, budget_bytes: int = BUDGET_BYTES) -> DataFingerprint | None:
    """The shape, types and XXH3-128 content hash of a frame or array; None for anything else.

    Content that is equal bit for bit gives an equal hash in every process (`-0.0` is not `0.0`). Above
    `budget_bytes` a strided sample of 4,096 rows is hashed instead, and `exact` is False.

    >>> import numpy
    >>> fingerprint("a", numpy.arange(6).reshape(2, 3)).shape
    (2, 3)
    """
    kind = data_kind(value)
    if not kind:
        return None
    from xxhash import xxh3_128_hexdigest

    shape = tuple(int(length) for length in value.shape)
    columns = _columns(kind, value)
    exact = sum(_cost(column) for _, column in columns) <= budget_bytes
    step = 1 if exact or not shape else max(1, math.ceil(shape[0] / _SAMPLE_ROWS))
    hashes = [_hash(column, step) for _, column in columns]
    parts: list[object] = [kind, shape, [(_text(label), str(column.dtype)) for label, column in columns], hashes]
    if kind in ("DataFrame", "Series"):
        parts += [[_text(name) for name in value.index.names], _hash(value.index, step)]
    return DataFingerprint(
        name=name,
        kind=kind,
        shape=shape,
        types={str(label): str(column.dtype) for label, column in columns},
        fingerprint=xxh3_128_hexdigest(repr(parts).encode("utf-8", "replace")),
        exact=exact,
        columns=_by_name(columns, hashes) if kind.endswith("DataFrame") and len(columns) <= MOST_COLUMNS else {},
    )


def _hash(column: Any, step: int) -> str:
    """The XXH3-128 of every `step`-th value of a column."""
    from xxhash import xxh3_128

    digest = xxh3_128()
    values = column if step == 1 else column[::step]
    for part in _content(values):
        digest.update(part)
    if data_kind(values) == "array" and hasattr(values, "mask"):
        from numpy.ma import getmaskarray

        digest.update(getmaskarray(values).tobytes())
    return digest.hexdigest()


def _by_name(columns: list[tuple[object, Any]], hashes: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    times: dict[str, int] = {}
    for (label, _), digest in zip(columns, hashes, strict=True):
        name = str(label)
        times[name] = times.get(name, 0) + 1
        found[name if times[name] == 1 else f"{name}#{times[name]}"] = digest[:_HASH_DIGITS]
    return found


def _columns(kind: str, value: Any) -> list[tuple[object, Any]]:
    if kind == "DataFrame":
        return list(value.items())
    if kind == "polars DataFrame":
        return [(column.name, column) for column in value]
    if parts := _SPARSE.get(kind.removesuffix(" matrix")):
        return [(f"{part}{place or ''}", each) for part in parts for place, each in enumerate(_arrays(value, part))]
    return [("" if (name := getattr(value, "name", None)) is None else name, value)]


def _arrays(value: Any, part: str) -> tuple[Any, ...]:
    found = getattr(value, part)
    return found if isinstance(found, tuple) else (found,)


def _cost(column: Any) -> int:
    """About how many bytes of a buffer take as long to hash as the column."""
    if _is_of_bytes(column):
        size = getattr(column, "nbytes", None)
        return int(column.estimated_size() if size is None else size)
    if _is_arrow(column):
        return int(column.nbytes)
    is_text = str(column.dtype) in ("str", "string", "String", "category")
    return int(math.prod(column.shape)) * (_TEXT_COST if is_text else _OBJECT_COST)


def _is_of_bytes(column: Any) -> bool:
    """Whether the column's bytes are its content: a buffer of numbers or times, no objects, no padding."""
    dtype = column.dtype
    if type(dtype).__module__.startswith("polars"):
        return bool((dtype.is_numeric() and not dtype.is_decimal()) or dtype.is_temporal() or str(dtype) == "Boolean")
    if str(dtype).startswith("datetime64["):  # of a time zone or none
        return True
    return getattr(dtype, "fields", None) is None and getattr(dtype, "char", "O") not in "OgG" and dtype.itemsize > 0


def _content(column: Any) -> Iterator[bytes | memoryview]:
    """The bytes of a column's content: its own buffer where it has one, else its values as text."""
    if not _is_of_bytes(column):
        yield from _content_of_text(column)
        return
    import numpy

    values = column
    if type(column).__module__.startswith("polars"):
        values = column.to_physical()
        if values.null_count():
            yield numpy.packbits(values.is_null().to_numpy()).data
            values = values.fill_null(False if str(values.dtype) == "Boolean" else 0)
    elif getattr(column.dtype, "tz", None) is not None:
        values = getattr(column, "dt", column).tz_convert(None)
    values = values.to_numpy() if hasattr(values, "to_numpy") else values
    if values.flags.c_contiguous:
        yield numpy.ascontiguousarray(values).reshape(-1).view("u1").data
        return
    row = values.itemsize * math.prod(values.shape[1:])
    rows = max(1, _CHUNK_BYTES // max(1, row))  # what lies scattered is gathered a piece at a time
    for start in range(0, len(values), rows):
        yield numpy.ascontiguousarray(values[start : start + rows]).reshape(-1).view("u1").data


def _content_of_text(column: Any) -> Iterator[bytes | memoryview]:
    """Values that are no buffer of numbers: strings from the buffers that they lie in, anything else as text."""
    values = column
    if type(column).__module__.startswith("pandas") and str(column.dtype) == "category":
        import numpy

        codes, values = getattr(column, "cat", column).codes, getattr(column, "cat", column).categories
        yield numpy.ascontiguousarray(codes).view("u1").data
    if _are_strings(values):
        yield from _content_of_strings(values)
        return
    texts = [text.encode("utf-8", "surrogatepass") for text in _texts(values)]
    yield ",".join(str(len(text)) for text in texts).encode()
    yield b"".join(texts)


def _are_strings(column: Any) -> bool:
    kind = str(column.dtype)
    if type(column).__module__.startswith("polars"):
        return kind == "String"
    if not type(column).__module__.startswith("pandas"):
        return False
    from pandas.api.types import infer_dtype

    return kind in ("str", "string") or _is_arrow(column) or infer_dtype(column, skipna=False) == "string"


def _is_arrow(column: Any) -> bool:
    """Whether it is a pandas column of strings that lie in Arrow's buffers."""
    is_text = str(column.dtype) in ("str", "string", "string[pyarrow]")
    return is_text and type(getattr(column, "array", None)).__name__.startswith("Arrow")


def _content_of_strings(column: Any) -> Iterator[bytes | memoryview]:
    """Of each block of strings the length of each in bytes, -1 for one that is missing, then all of them in UTF-8.

    It does not tell how they are kept: in Arrow's buffers, whose chunks may end anywhere, or as Python's objects.
    """
    import numpy

    values = getattr(column, "array", column)
    for start in range(0, len(values), _TEXTS_AT_ONCE):
        pieces = list(_strings(values[start : start + _TEXTS_AT_ONCE]))
        yield numpy.concatenate([lengths for lengths, _ in pieces]).view("u1").data
        yield from (text for _, text in pieces)


def _strings(values: Any) -> Iterator[tuple[Any, bytes | memoryview]]:
    """The lengths and the text of strings, for each of the chunks that they lie in."""
    import numpy

    arrow = None
    with suppress(ImportError):  # polars asks for pyarrow
        if type(values).__name__.startswith("Arrow"):
            arrow = values.__arrow_array__()
        elif type(values).__module__.startswith("polars"):
            arrow = values.to_arrow()
    for chunk in () if arrow is None else getattr(arrow, "chunks", [arrow]):
        if len(chunk):
            yield _of_chunk(chunk)
    if arrow is None:
        texts = [value.encode("utf-8", "surrogatepass") if isinstance(value, str) else None for value in values]
        lengths = numpy.array([-1 if text is None else len(text) for text in texts], dtype="i8")
        yield lengths, b"".join(filter(None, texts))


def _of_chunk(chunk: Any) -> tuple[Any, memoryview]:
    import numpy

    missing = chunk.is_null().to_numpy(zero_copy_only=False) if chunk.null_count else None
    chunk = chunk if missing is None else chunk.fill_null("")
    _, offsets, text = chunk.buffers()
    ends = numpy.frombuffer(offsets, "i8" if str(chunk.type) == "large_string" else "i4")
    ends = ends[chunk.offset : chunk.offset + len(chunk) + 1]
    lengths = numpy.diff(ends).astype("i8")
    if missing is not None:
        lengths[missing] = -1
    return lengths, memoryview(text or b"")[ends[0] : ends[-1]]


def _texts(column: Any) -> list[str]:
    values = column.ravel().tolist() if type(column).__name__ == "ndarray" else list(column)
    return [
        value if type(value) is str and value[:1] != "\x1e" else f"\x1e{type(value).__name__}:{_text(value)}"
        for value in values
    ]


def _text(value: object) -> str:
    """A value as text that is the same in every process; of an object that has none, nothing."""
    if isinstance(value, set | frozenset):
        return f"{{{sorted(_text(each) for each in value)}}}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}{[_text(each) for each in value]}"
    if isinstance(value, dict):
        return f"dict{[(_text(key), _text(each)) for key, each in value.items()]}"
    try:
        text = repr(value) if isinstance(value, str | bytes | int | float | complex | None) else str(value)
    except Exception:  # an object's own method may raise anything
        return ""
    return _ADDRESS.sub("", text)
