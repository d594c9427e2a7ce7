"""What is wrong with rows: copies of others, keys that are there twice, foreign keys that are not found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.monitoring.columns import duplicates_told_apart
from mlops_nb.monitoring.findings import MUCH, Finding, Severity, count_of, is_more, percent, shown
from mlops_nb.tracking.values import safe_repr

if TYPE_CHECKING:
    from numpy.typing import NDArray


def places_of(frame: pd.DataFrame) -> dict[str, int]:
    """Where each column stands; those of one name are told apart."""
    return {name: place for place, name in enumerate(duplicates_told_apart(list(frame.columns)))}


def row_findings(reference: pd.DataFrame | None, current: pd.DataFrame) -> Iterator[Finding]:
    """Rows that are copies of an earlier one."""
    copies = _copies(current)
    if not copies:
        return
    share = copies / len(current)
    said = f"{count_of(copies, 'row')} {'is a copy' if copies == 1 else 'are copies'} of an earlier one"
    if reference is None:
        yield Finding("", "duplicate rows", "note", f"{said} ({percent(share)})", share, None, copies)
        return
    before = _copies(reference) / len(reference) if len(reference) else 0.0
    if is_more(copies, len(current), before, len(reference)):
        severity: Severity = "alert" if share - before > MUCH else "note"
        words = f"{said} ({percent(share)}, in the reference {percent(before)})"
        yield Finding("", "duplicate rows", severity, words, share, before, copies)


def _copies(frame: pd.DataFrame) -> int:
    """How many rows are equal to an earlier one, missing values being equal to each other."""
    if not len(frame) or not len(frame.columns):
        return 0
    marks = _marks([frame.iloc[:, place] for place in range(len(frame.columns))], len(frame))
    alike = pd.Series(marks).duplicated(keep=False).to_numpy()
    if not alike.any():
        return 0
    try:
        return int(frame.loc[alike].set_axis(range(len(frame.columns)), axis=1).duplicated().sum())
    except TypeError:  # values without a hash; their marks are of what they look like
        return int(pd.Series(marks[alike]).duplicated().sum())


def _marks(columns: Sequence[pd.Series[Any]], rows: int) -> NDArray[np.uint64]:
    """A number for each row; equal rows have equal ones, others very seldom."""
    marks = np.full(rows, 0x9E3779B97F4A7C15, dtype=np.uint64)
    for values in columns:
        marks ^= _codes(values)
        marks *= np.uint64(0xBF58476D1CE4E5B9)
        marks ^= marks >> np.uint64(29)
    return marks


def _codes(values: pd.Series[Any]) -> NDArray[np.uint64]:
    """A number for each value, equal where the values are."""
    kind = values.dtype.kind if isinstance(values.dtype, np.dtype) else "O"
    if values.dtype == np.float64:
        plain = values.to_numpy() + 0.0  # so that -0.0 is 0.0
        return np.where(np.isnan(plain), np.nan, plain).view(np.uint64)
    if kind in "iub":
        return values.to_numpy().astype(np.uint64)
    if kind in "mM":
        return values.to_numpy().view(np.uint64)
    try:
        return pd.factorize(values)[0].astype(np.uint64)
    except (TypeError, ValueError, NotImplementedError):
        return pd.factorize(values.map(lambda each: safe_repr(each, 10_000)))[0].astype(np.uint64)


def key_findings(reference: pd.DataFrame | None, current: pd.DataFrame, key: tuple[str, ...]) -> Iterator[Finding]:
    """Rows without a key, or with one that was there: the key told, and those that name the reference's rows."""
    here = places_of(current)
    if key:
        for name in key:
            _known(name, here, "key")
        yield from _of_a_key(current, [here[name] for name in key], ", ".join(key), "alert")
    if reference is None or not len(current):
        return
    for name in keys_of(reference):
        if name in here and (name,) != key:
            severity: Severity = "alert" if _is_called_a_key(name) else "note"
            yield from _of_a_key(current, [here[name]], name, severity, " (in the reference each is there once)")


def keys_of(reference: pd.DataFrame | None) -> tuple[str, ...]:
    """The columns of a reference that name its rows."""
    if reference is None:
        return ()
    return tuple(name for name, place in places_of(reference).items() if _names_rows(name, reference.iloc[:, place]))


def _known(name: str, here: Mapping[str, int], option: str) -> None:
    if name not in here:
        near = nearest(name, here)
        raise BadArgument(f"{option}: the data has no column {name[:60]!r}", f"{option}={near!r}" if near else "")


def _of_a_key(
    frame: pd.DataFrame, places: Sequence[int], name: str, severity: Severity, also: str = ""
) -> Iterator[Finding]:
    columns = [frame.iloc[:, place] for place in places]
    gaps = np.logical_or.reduce([each.isna().to_numpy(dtype=bool) for each in columns])
    if gaps.any():
        many = int(gaps.sum())
        yield Finding(name, "key", severity, f"{count_of(many, 'row')} without the key{also}", many, 0, many)
    marks = pd.Series(_marks(columns, len(frame)))[~gaps]
    again = marks.duplicated().to_numpy()
    if again.any():
        many = int(again.sum())
        first = int(np.flatnonzero(~gaps)[int(np.argmax(again))])
        value = ", ".join(shown(each.iloc[first]) for each in columns)
        words = f"{count_of(many, 'row')} with a key that was there before, first {value} in row {first:,}{also}"
        yield Finding(name, "key", severity, words, many, 0, many)


def _names_rows(name: str, values: pd.Series[Any]) -> bool:
    """Whether whole numbers or texts are all there and all different: at least fifty, or of a column called a key."""
    types = pd.api.types
    is_key = types.is_integer_dtype(values.dtype) or types.is_string_dtype(values.dtype)
    if not is_key or isinstance(values.dtype, pd.CategoricalDtype):
        return False
    if len(values) < (2 if _is_called_a_key(name) else 50):
        return False
    try:
        return bool(values.iloc[:2_000].is_unique and values.notna().all() and values.is_unique)
    except TypeError:
        return False


def _is_called_a_key(name: str) -> bool:
    """Whether a column is called as keys are.

    >>> [_is_called_a_key(name) for name in ("id", "customer_id", "orderId", "uuid", "paid", "rides")]
    [True, True, True, True, False, False]
    """
    low = name.lower()
    return (
        low in ("id", "key", "uuid", "guid", "index")
        or low.endswith(("_id", " id", "_key", "uuid"))
        or name.endswith("Id")
    )


def foreign_key_findings(current: pd.DataFrame, foreign: Mapping[str, pd.Series[Any]]) -> Iterator[Finding]:
    """Values that are not found where their column says they are."""
    here = places_of(current)
    for name, known in foreign.items():
        _known(name, here, "foreign")
        values = current.iloc[:, here[name]].dropna()
        lost = values[~values.isin(known.dropna())]
        if len(lost):
            words = f"{count_of(len(lost), 'value')} not found where the key belongs, first {shown(lost.iloc[0])}"
            yield Finding(name, "foreign key", "alert", words, len(lost), 0, len(lost))
