"""Runs as a file that other tools read: CSV, JSON or Parquet."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.record import Record, json_value
from mlops_nb.tracking.artifacts.formats import required_pyarrow

if TYPE_CHECKING:
    import pandas as pd

    from mlops_nb.tracking.runs import RunTable


@dataclass(frozen=True, slots=True)
class RunsFile(Record):
    """A file with runs; `as_text` are the columns whose values are of several types, which Parquet does not have."""

    path: str
    runs: int
    columns: int
    size_bytes: int
    as_text: tuple[str, ...] = ()


def write_runs(table: RunTable, file: str | Path) -> RunsFile:
    """Write runs to a .csv, .json or .parquet file, whole or not at all; one that is there is replaced.

    Raises:
        BadArgument: the file has another ending, or cannot be written.
        MissingExtra: it is to be Parquet, and pyarrow is not installed.
    """
    path = Path(file).expanduser()
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        near = nearest(path.suffix, _WRITERS) or ".csv"
        raise BadArgument(
            f"runs cannot be written to {path.name!r}, its ending must be one of {', '.join(_WRITERS)}",
            f"%mlops runs -o {path.with_suffix(near) if path.name else 'runs.csv'}",
        )
    if path.suffix.lower() == ".parquet":
        required_pyarrow()
    frame = table.to_frame()
    try:
        handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".new")
        try:
            with os.fdopen(handle, "wb") as writer:
                as_text = write(table, frame, writer)
            Path(fresh).replace(path)
        finally:
            Path(fresh).unlink(missing_ok=True)
        size = path.stat().st_size
    except OSError as error:
        raise BadArgument(f"{path} cannot be written: {error.strerror}", "%mlops runs -o runs.csv") from None
    return RunsFile(str(path), len(frame), len(frame.columns), size, as_text)


def _write_csv(table: RunTable, frame: pd.DataFrame, file: BinaryIO) -> tuple[str, ...]:
    for name in _of_objects(frame):
        frame[name] = [_text(value) if isinstance(value, list | dict) else value for value in frame[name]]
    frame.to_csv(file)
    return ()


def _write_json(table: RunTable, frame: pd.DataFrame, file: BinaryIO) -> tuple[str, ...]:
    rows = [json_value(row.to_dict()) for row in table.rows]
    file.write(json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False).encode("utf-8", "replace"))
    return ()


def _write_parquet(table: RunTable, frame: pd.DataFrame, file: BinaryIO) -> tuple[str, ...]:
    import pyarrow

    as_text = []
    for name in _of_objects(frame):
        try:
            pyarrow.array(frame[name], from_pandas=True)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError, OverflowError):
            frame[name] = [None if value is None else _text(value) for value in frame[name]]
            as_text.append(name)
    frame.to_parquet(file, engine="pyarrow")
    return tuple(as_text)


def _of_objects(frame: pd.DataFrame) -> list[str]:
    """The columns that hold Python's objects, texts among them."""
    return [str(name) for name in frame.columns if frame[name].dtype.kind == "O"]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(json_value(value), ensure_ascii=False)


_WRITERS: Mapping[str, Callable[[RunTable, pd.DataFrame, BinaryIO], tuple[str, ...]]] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".parquet": _write_parquet,
}
