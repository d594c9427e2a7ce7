"""Values of steps: a hash of their content, and the file that each kind is kept in, exactly as it is.

Plain values are kept as JSON that gives back the very types; frames as Parquet, arrays as npy, models as skops where
that can; whatever would not come back as it was, and everything else, as pickle.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, BinaryIO, Protocol

from mlops_nb.errors import MlopsError
from mlops_nb.record import Record
from mlops_nb.registry import model_formats
from mlops_nb.reproducibility.fingerprints import data_kind, fingerprint
from mlops_nb.tracking.artifacts import formats
from mlops_nb.tracking.runs import Artifact

MOST_INLINE = 8_000
"""Characters of a plain value that are kept beside its row instead of in a file."""


@dataclass(frozen=True, slots=True)
class KeptValue(Record):
    """A value that is kept: the hash of its content, the file (by SHA-256) and its form, or the plain value itself.

    `form` is plain, table, array, model or pickle.
    """

    hash: str
    form: str
    sha256: str = ""
    size_bytes: int = 0
    details: Mapping[str, object] = field(default_factory=dict)


class NotKept(MlopsError):
    """A value that cannot be kept: it has no form, not even as a pickle."""


class File(Protocol):
    """A file that was written whole."""

    @property
    def sha256(self) -> str:
        """The hash of its content."""

    @property
    def size_bytes(self) -> int:
        """Its size."""


Write = Callable[[Callable[[BinaryIO], object]], File]
"""Makes a file of what a function writes."""

NO_FORM = object()


def encoded(value: object) -> object:
    """A plain value as JSON that `decoded` makes the same value of, types included; NO_FORM where there is none.

    >>> encoded((1, "a", {"b": None}))
    {'tuple': [1, 'a', {'dict': [['b', None]]}]}
    >>> encoded(object()) is NO_FORM
    True
    """
    if value is None or type(value) in (bool, int, float):
        return value
    if type(value) is str:
        return value if value.isascii() or _is_text(value) else NO_FORM
    kind = type(value).__name__
    if type(value) in (list, tuple, set, frozenset):
        items: Any = [encoded(each) for each in value]  # type: ignore[attr-defined]
        if type(value) in (set, frozenset):
            items = sorted(items, key=repr)
        return {kind: items} if NO_FORM not in items else NO_FORM
    if type(value) is dict:
        pairs = [[encoded(name), encoded(each)] for name, each in value.items()]
        return {kind: pairs} if not any(NO_FORM in pair for pair in pairs) else NO_FORM
    if _is_numpy_scalar(value):
        return {"numpy": [value.dtype.str, value.tobytes().hex()]}  # type: ignore[attr-defined]
    return NO_FORM


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_numpy_scalar(value: object) -> bool:
    kind = type(value)
    return (
        kind.__module__ == "numpy"
        and hasattr(value, "dtype")
        and not hasattr(value, "__len__")
        and (value.dtype.kind in "biufcMm")
    )


def decoded(plain: Any) -> Any:
    """The value that `encoded` was given.

    >>> decoded(encoded({(1, 2): [3.5, {"x"}]}))
    {(1, 2): [3.5, {'x'}]}
    """
    if not isinstance(plain, dict):
        return plain
    ((kind, items),) = plain.items()
    if kind == "numpy":
        import numpy

        return numpy.frombuffer(bytes.fromhex(items[1]), dtype=numpy.dtype(items[0]))[0]
    if kind == "dict":
        return {decoded(name): decoded(each) for name, each in items}
    return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](decoded(each) for each in items)


def content_hash(value: Any) -> str:
    """A hash of a value's content, the same in every process where it can be; empty where it has none.

    >>> content_hash(1) == content_hash(True), content_hash([1, 2]) == content_hash([1, 2])
    (False, True)
    """
    plain = encoded(value)
    if plain is not NO_FORM:
        return _digest("plain", json.dumps(plain).encode())
    if data_kind(value) and (found := _fingerprint(value)):
        return found
    try:
        return _digest("pickle", pickled(value, _ContentPickler))
    except NotKept:
        return ""


def _fingerprint(value: Any) -> str:
    """The hash of a frame's or array's content; empty where its cells hold what only a pickle tells apart."""
    try:
        if not all(_is_told_apart(column) for column in _object_columns(value)):
            return ""
        found = fingerprint("", value, budget_bytes=1 << 62)
    except Exception:  # a cell of a frame may hold any object of the user's
        return ""
    return f"data-{found.fingerprint}" if found else ""


_TOLD_APART = frozenset(
    "str int float bool bytes NoneType NAType NaTType Decimal date datetime Timestamp Timedelta timedelta time UUID "
    "Fraction complex".split()
)
"""Types of which two values with one text are equal."""


def _object_columns(value: Any) -> Iterator[Any]:
    if type(value).__module__.startswith("polars"):
        columns = value.iter_columns() if hasattr(value, "iter_columns") else [value]
        yield from (column for column in columns if str(column.dtype) == "Object")
    elif hasattr(value, "columns") and hasattr(value, "items"):
        yield from (column for _, column in value.items() if str(column.dtype) == "object")
    elif getattr(getattr(value, "dtype", None), "hasobject", False) or str(getattr(value, "dtype", "")) == "object":
        yield value
    if str(getattr(getattr(value, "index", None), "dtype", "")) == "object":
        yield value.index


def _is_told_apart(column: Any) -> bool:
    values = column.ravel().tolist() if type(column).__name__ == "ndarray" else list(column)
    return {type(each).__name__ for each in values} <= _TOLD_APART


def _digest(kind: str, content: bytes) -> str:
    from xxhash import xxh3_128_hexdigest

    return f"{kind}-{xxh3_128_hexdigest(content)}"


class _ContentPickler(pickle.Pickler):
    """Pickles an object without what it only remembers: looking at it must not make another of it.

    That is what a class computes when it is first asked for (cached properties, statsmodels' `_cache`), and how often
    scikit-learn's trees of neighbours were asked.
    """

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if kind.__module__.startswith("sklearn.neighbors._") and hasattr(kind, "get_arrays"):
            return tuple, (list(map(bytes, value.get_arrays())),)
        held = getattr(value, "__dict__", None)
        if type(held) is not dict or isinstance(value, type):
            return NotImplemented
        remembered = [name for name in held if name == "_cache" or _is_lazy(kind, name)]
        if not remembered:
            return NotImplemented
        reduced = value.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        if type(reduced) is not tuple or len(reduced) < 3 or type(reduced[2]) is not dict:
            return NotImplemented
        state = {name: each for name, each in reduced[2].items() if name not in remembered}
        return (*reduced[:2], state, *reduced[3:])


def _is_lazy(kind: type, name: str) -> bool:
    return type(getattr(kind, name, None)).__name__ in ("cached_property", "cache_readonly", "CachedProperty")


def pickled(value: object, pickler: type[pickle.Pickler] = pickle.Pickler) -> bytes:
    """The value as a pickle.

    Raises:
        NotKept: it cannot be pickled.
    """
    content = BytesIO()
    try:
        pickler(content, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
        return content.getvalue()
    except Exception as error:  # a user's object may raise anything
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        raise NotKept(f"{kind} cannot be kept: {type(error).__name__}: {str(error)[:200]}") from None


def is_small(value: object) -> bool:
    """Whether a value can only be replaced, never changed in place.

    >>> is_small(3), is_small("a"), is_small([3])
    (True, True, False)
    """
    return value is None or type(value) in (bool, int, float, str, bytes, complex) or _is_numpy_scalar(value)


def kept_value(value: Any, write: Write) -> KeptValue:
    """Keep a value; its file is made by `write`.

    Raises:
        NotKept: it cannot be kept in any form.
    """
    plain = encoded(value)
    if plain is not NO_FORM:
        text = json.dumps(plain)
        found = _digest("plain", text.encode())
        if len(text) <= MOST_INLINE:
            return KeptValue(found, "plain", details={"value": plain})
        return _in_file(found, "plain", write, lambda file: file.write(text.encode()), {})
    form = _form_of(value)
    if form is not None and (kept := _in_form(value, form, write)) is not None:
        return kept
    content = pickled(value)
    found = (data_kind(value) and _fingerprint(value)) or _digest("pickle", pickled(value, _ContentPickler))
    return _in_file(found, "pickle", write, lambda file: file.write(content), {})


def _in_file(
    found: str, form: str, write: Write, put: Callable[[BinaryIO], object], details: Mapping[str, object]
) -> KeptValue:
    file = write(put)
    return KeptValue(found, form, file.sha256, file.size_bytes, details)


def _form_of(value: Any) -> str | None:
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    if library in ("pandas", "polars") and kind.__name__ in ("DataFrame", "Series"):
        return "table"
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
        return None if value.dtype.hasobject else "array"
    return "model" if model_formats.is_model(value) else None


def _in_form(value: Any, form: str, write: Write) -> KeptValue | None:
    """The value in the form of its kind; None where it would not come back as it is."""
    content = BytesIO()
    try:
        made = formats.form_of(value, "it.parquet" if form == "table" else "it")
        details = dict(made.details) | dict(made.write(content) or {})
    except MlopsError:  # no library for it, or something in it has no such form
        return None
    if details.get("untrusted") or details.get("format") == "csv":
        return None
    if form == "table" and not _comes_back(value, details, content):
        return None
    found = (form != "model" and _fingerprint(value)) or _digest("pickle", pickled(value, _ContentPickler))
    plain = {name: each for name, each in details.items() if name in ("class", "format", "index")}
    return _in_file(found, form, write, lambda file: file.write(content.getbuffer()), plain)


def _comes_back(value: Any, details: Mapping[str, object], content: BytesIO) -> bool:
    """Whether a table that is read again is the same, down to what a fingerprint does not tell."""
    content.seek(0)
    try:
        again = formats.read_value(_artifact("table", details), content)
        found = _fingerprint(value)
        return bool(found) and found == _fingerprint(again) and _aside(value) == _aside(again)
    except Exception:  # whatever reads it back may stumble over anything in it
        return False


def _aside(value: Any) -> list[object]:
    index, columns = getattr(value, "index", None), getattr(value, "columns", None)
    found: list[object] = [type(index).__name__, str(getattr(index, "freq", None)), repr(getattr(value, "attrs", {}))]
    if columns is not None and not isinstance(columns, list):
        found += [type(columns).__name__, list(columns.names), [type(each).__name__ for each in columns]]
    return found


def _artifact(kind: Any, details: Mapping[str, object]) -> Artifact:
    return Artifact("a step's output", "", 0, kind, details)


def value_of(kept: KeptValue, file: BinaryIO | None) -> Any:
    """The value that was kept; its file's content must be known to be what was written, for a pickle runs code.

    Raises:
        MlopsError: it cannot be read.
    """
    if file is None:
        return decoded(kept.details["value"])
    if kept.form == "plain":
        return decoded(json.load(file))
    if kept.form == "pickle":
        return pickle.load(file)
    return formats.read_value(_artifact(kept.form, kept.details), file)


def is_split(result: Any, names: Sequence[str]) -> bool:
    """Whether a step returned a tuple of its several outputs."""
    return type(result) is tuple and len(result) == len(names) > 1


def named_outputs(result: Any, names: Sequence[str]) -> dict[str, Any] | None:
    """What a step gave by the names of its outputs; None where they do not fit.

    >>> named_outputs((1, 2), ("a", "b")), named_outputs(1, ("a", "b"))
    ({'a': 1, 'b': 2}, None)
    """
    if is_split(result, names):
        return dict(zip(names, result, strict=True))
    return {names[0]: result} if len(names) == 1 else None
