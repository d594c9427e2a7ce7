"""What can be seen of an artifact at a glance: a picture, the first rows, the beginning of a text. Nothing runs."""

from __future__ import annotations

import base64
import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from mlops_nb.record import Record
from mlops_nb.tracking.artifacts.formats import read_value
from mlops_nb.tracking.artifacts.names import ConfusionMatrix
from mlops_nb.tracking.runs import Artifact
from mlops_nb.tracking.values import bounded_text, safe_repr

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

ROWS, COLUMNS, TEXT = 10, 12, 4_000
"""Rows and columns of a table, and characters of a text, that are shown."""

PICTURE_BYTES = 90_000
"""A larger picture is not shown in place: a saved notebook must stay small."""

PictureType = Literal["png", "jpeg", "gif", "svg+xml"]


@dataclass(frozen=True, slots=True)
class TextPreview(Record):
    """The beginning of a text; `is_cut` when there is more."""

    text: str
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class TablePreview(Record):
    """The first rows and columns of a table as text; how many there are in all, where that is known.

    The first `index` columns are the frame's index; `total_columns` counts the others.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total_rows: int | None = None
    total_columns: int | None = None
    index: int = 0


@dataclass(frozen=True, slots=True)
class PicturePreview(Record):
    """A picture as base64."""

    type: PictureType
    base64: str


@dataclass(frozen=True, slots=True)
class NoPreview(Record):
    """Why nothing is shown, or all there is to say."""

    why: str


Preview = TextPreview | TablePreview | PicturePreview | ConfusionMatrix | NoPreview


@dataclass(frozen=True, slots=True)
class ArtifactView(Record):
    """An artifact and what can be seen of it; None where nobody looked."""

    artifact: Artifact
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class ArtifactList(Record):
    """The artifacts of a run that were asked for; `saved` are the files they were copied to."""

    run: int
    name: str
    artifacts: tuple[ArtifactView, ...]
    saved: tuple[str, ...] = ()


def preview(artifact: Artifact, file: BinaryIO) -> Preview:
    """What can be seen of an artifact; whatever is wrong with its content is said in place of it."""
    try:
        return _preview(artifact, file)
    except Exception as error:  # the content may be anything, and so may what its reader raises
        return NoPreview(f"cannot be shown: {type(error).__name__}: {safe_repr(str(error), 200)}")


def _preview(one: Artifact, file: BinaryIO) -> Preview:
    match one.kind:
        case "model" | "object":
            return NoPreview(_words_of_model(one))
        case "confusion matrix":
            return cast("ConfusionMatrix", read_value(one, file))
        case "table":
            return _table(one, file, str(one.details.get("format")))
        case "array":
            return _array(file)
        case "figure" if one.details.get("format") == "plotly":
            return NoPreview("a Plotly figure: plotly.graph_objects.Figure(load_artifact(RUN, NAME)) draws it")
    ending = one.path.lower().rpartition(".")[2]
    if picture := _picture_type(file.read(512), ending):
        return _picture(one, file, picture)
    file.seek(0)
    if ending == "parquet":
        return _table(one, file, "parquet")
    if ending in ("csv", "tsv"):
        return _csv(one, file, "\t" if ending == "tsv" else ",")
    return _text(file)


def _words_of_model(one: Artifact) -> str:
    libraries = cast("dict[str, str]", one.details.get("libraries") or {})
    words = f"{one.details.get('class')}, kept as {one.details.get('format')}"
    if libraries:
        words += f", made with {', '.join(f'{name} {version}' for name, version in libraries.items())}"
    if untrusted := cast("Sequence[str]", one.details.get("untrusted") or ()):
        words += f"; loads only with trust={list(untrusted)}"
    return words


_BEGINNINGS: tuple[tuple[bytes, PictureType], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


def _picture_type(head: bytes, ending: str) -> PictureType | None:
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    return "svg+xml" if ending == "svg" and (b"<svg" in head or b"<?xml" in head) else None


def _picture(one: Artifact, file: BinaryIO, kind: PictureType) -> Preview:
    if one.size_bytes > PICTURE_BYTES:
        return NoPreview(f"a picture of {one.size_bytes:,} bytes, too large to be shown here")
    file.seek(0)
    return PicturePreview(kind, base64.b64encode(file.read()).decode("ascii"))


def _text(file: BinaryIO) -> Preview:
    head = file.read(4 * TEXT + 1)
    try:
        text = head.decode("utf-8") if b"\0" not in head else None
    except UnicodeDecodeError as error:
        text = head[: error.start].decode("utf-8") if error.start > len(head) - 4 else None
    if text is None:
        return NoPreview("not a text")
    return TextPreview(text[:TEXT], len(text) > TEXT or len(head) > 4 * TEXT)


def _array(file: BinaryIO) -> Preview:
    import numpy

    array = numpy.load(file.name, mmap_mode="r", allow_pickle=False)
    return TextPreview(numpy.array2string(array, threshold=100, edgeitems=3)[:TEXT])


def _table(one: Artifact, file: BinaryIO, form: str) -> Preview:
    if form == "csv":
        return _csv(one, file, ",")
    with suppress(ImportError):
        from pyarrow.parquet import ParquetFile

        source = ParquetFile(file)
        names = list(source.schema_arrow.names)
        index = _index_of(source.schema_arrow, names)
        names = [*index, *(name for name in names if name not in index)]
        batch = next(source.iter_batches(ROWS, columns=names[:COLUMNS]), None)
        columns = [] if batch is None else _in_order(batch, names)
        titles = [re.sub(r"^__index_level_\d+__$", "index", name) for name in names]
        return replace(
            _rows(titles, zip(*columns, strict=True), source.metadata.num_rows),
            total_columns=len(names) - len(index),
            index=len(index),
        )
    with suppress(ImportError):
        import polars

        frame = polars.read_parquet(file, n_rows=ROWS)
        return _rows(frame.columns, frame.rows(), _length(one))
    return NoPreview("a Parquet file: pip install 'mlops-nb[parquet]' to see it")


def _index_of(schema: Schema, names: Sequence[str]) -> list[str]:
    """The columns in which pandas keeps an index; one that only counts is in none."""
    try:
        known = (schema.pandas_metadata or {}).get("index_columns", [])
    except ValueError:  # metadata that is no JSON
        return []
    return [name for name in known if isinstance(name, str) and names.count(name) == 1]


def _in_order(batch: RecordBatch, names: Sequence[str]) -> list[list[object]]:
    """The columns in the order of these names; a batch has them in the order of the file."""
    there = batch.schema.names
    return [
        batch.columns[place].to_pylist() for place in sorted(range(len(there)), key=lambda n: names.index(there[n]))
    ]


def _csv(one: Artifact, file: BinaryIO, separator: str) -> Preview:
    head = file.read(1 << 16).decode("utf-8", "replace")
    whole = head if len(head) < 1 << 16 else head.rpartition("\n")[0]
    names, *rows = list(csv.reader(io.StringIO(whole), delimiter=separator))[: ROWS + 1] or [[]]
    return _rows(names, rows, _length(one))


def _length(one: Artifact) -> int | None:
    shape = cast("Sequence[int]", one.details.get("shape") or ())
    return shape[0] if shape else None


def _rows(names: Sequence[str], rows: Iterable[Sequence[object]], total: int | None) -> TablePreview:
    shown = tuple(tuple(_cell(value) for value in row[:COLUMNS]) for row in rows)
    return TablePreview(tuple(bounded_text(str(name), 60) for name in names[:COLUMNS]), shown, total, len(names))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}"
    return bounded_text(value, 60) if isinstance(value, str) else safe_repr(value, 60)
