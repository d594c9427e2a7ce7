"""The artifacts of a run: a list, and in place what can be seen of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape

from mlops_nb.panels.blocks import Block, Fold, Image, Line, Picture, Pre, Span, Table, Words, as_html, paged
from mlops_nb.panels.theme import BLUE, Panel
from mlops_nb.panels.wording import count, listed, many_lines, number, one_line, size
from mlops_nb.tracking.artifacts.names import ConfusionMatrix
from mlops_nb.tracking.artifacts.previews import (
    ArtifactList,
    ArtifactView,
    NoPreview,
    PicturePreview,
    Preview,
    TablePreview,
    TextPreview,
)
from mlops_nb.tracking.runs import Artifact

HTML_LIMIT = 150_000
"""Bytes of all previews together; a saved notebook must stay small."""

ROWS = 40
OPEN = 3
"""So many artifacts are seen at once; of more, each preview is behind its name."""

MOST_LABELS = 15

ARTIFACT_COLUMNS = ("artifact", "what it is", "size", "SHA-256")


def artifacts_panel(found: ArtifactList) -> Panel:
    """The artifacts of a run and their previews: those of a few open, those of many folded."""
    return Panel(_blocks(found))


def _blocks(found: ArtifactList) -> Iterator[Block]:
    name = f"{one_line(found.name, 60)} (run {found.run})"
    if not found.artifacts:
        yield Line(f"{name} has no artifacts.", "sentence")
        yield Line('To keep one: mlops_nb.log_artifact(what, "name") inside the run')
        return
    kinds = Counter(one.artifact.kind for one in found.artifacts)
    total = sum(one.artifact.size_bytes for one in found.artifacts)
    words = listed([count(many, *_NOUNS.get(kind, (kind, ""))) for kind, many in kinds.most_common()], 6)
    yield Line(f"{count(len(found.artifacts), 'artifact')} of {name}, {size(total)}: {words}.", "sentence")
    if found.saved:
        yield Line(f"Copied to {one_line(found.saved[0], 200)}" + _and_more(len(found.saved)))
    rows = tuple(artifact_row(one.artifact) for one in found.artifacts[:ROWS])
    hidden = len(found.artifacts) - ROWS
    more = f"+{hidden:,} more: mlops_nb.show({found.run}).artifacts" if hidden > 0 else ""
    yield from paged(Table("Artifacts", ARTIFACT_COLUMNS, rows, frozenset({2}), more))
    yield from _previews(found)
    if loaded := [one.artifact.path for one in found.artifacts if one.artifact.details.get("format") != "pickle"]:
        code = f'mlops_nb.load_artifact({found.run}, "{one_line(loaded[0], 80)}")'
        yield Line(("In Python: ", Span(code, "code")), "small")


_NOUNS = {
    "bytes": ("binary file", "binary files"),
    "json": ("JSON file", "JSON files"),
    "confusion matrix": ("confusion matrix", "confusion matrices"),
}


def _and_more(length: int) -> str:
    return f" and {count(length - 1, 'more file')} beside it" if length > 1 else ""


def artifact_row(one: Artifact) -> tuple[Words, ...]:
    """An artifact's line in a table: path, what it is, size, and the beginning of its hash."""
    return one_line(one.path, 80), what_it_is(one), size(one.size_bytes), one_line(one.sha256[:12])


def what_it_is(one: Artifact) -> str:
    """The kind with its class, shape and format."""
    details = one.details
    shape = details.get("shape")
    facts = (
        details.get("class"),
        " x ".join(f"{each:,}" for each in shape) if isinstance(shape, list | tuple) else None,
        details.get("format"),
        f"{details['labels']} labels" if "labels" in details else None,
    )
    known = ", ".join(str(fact) for fact in facts if fact)
    kind = _NOUNS.get(one.kind, (one.kind, ""))[0]
    return one_line(f"{kind}: {known}" if known and known != one.kind else kind, 100)


def _previews(found: ArtifactList) -> Iterator[Block]:
    seen = [one for one in found.artifacts if one.preview is not None]
    room = HTML_LIMIT
    for place, one in enumerate(seen):
        blocks = tuple(_preview(one.preview, one))
        length = len(as_html(blocks).encode())
        if length > room:
            left = count(len(seen) - place, "more preview")
            yield Line(f"{left}: %mlops artifacts {found.run} NAME", "small")
            return
        room -= length
        title = one_line(one.artifact.path, 80)
        if len(found.artifacts) > OPEN:
            yield Fold(title, blocks)
        else:
            yield from (Line(Span(title, "strong")), *blocks) if len(found.artifacts) > 1 else blocks
    hidden = len(found.artifacts) - len(seen)
    if hidden:
        yield Line(f"{count(hidden, 'more')} to look at by name: %mlops artifacts {found.run} NAME", "small")


def _preview(seen: Preview | None, one: ArtifactView) -> Iterator[Block]:
    match seen:
        case NoPreview(why):
            yield Line(one_line(why, 300))
        case TextPreview(text, is_cut):
            yield Pre("", many_lines(text) + ("\n…" if is_cut else ""))
        case PicturePreview(kind, content):
            yield Image(kind, content, f"the picture {one_line(one.artifact.path, 60)}")
        case TablePreview():
            yield _table(seen)
        case ConfusionMatrix():
            yield from confusion_blocks(seen)


def _table(seen: TablePreview) -> Table:
    parts = [] if seen.total_rows is None else [f"{len(seen.rows):,} of {count(seen.total_rows, 'row')}"]
    if seen.total_columns is not None and seen.total_columns > len(seen.columns) - seen.index:
        parts.append(f"{len(seen.columns) - seen.index:,} of {seen.total_columns:,} columns")
    columns = tuple(one_line(name, 40) for name in seen.columns) or ("(no column)",)
    width = len(columns)
    rows = tuple(tuple(one_line(cell, 60) for cell in (*row, *[""] * width)[:width]) for row in seen.rows)
    right = frozenset(place for place in range(1, width) if _are_numbers(row[place] for row in rows))
    return Table("First rows", columns, rows, right, ", ".join(parts))


def _are_numbers(cells: Iterable[str]) -> bool:
    return all(_NUMBER.fullmatch(cell) for cell in cells)


_NUMBER = re.compile(r"-?[\d,.]+(e[-+]?\d+)?|NaN|nan|")
"""A number as a table's cell shows it; nothing where there is none."""


def confusion_blocks(matrix: ConfusionMatrix) -> Iterator[Block]:
    """A confusion matrix: what it comes to in a sentence, the picture, and what is confused most."""
    words = _confusion_words(matrix)
    if 0 < len(matrix.labels) <= MOST_LABELS:
        yield Picture(_confusion_svg(matrix, words), "")
    yield Line(words)
    mistakes = _mistakes(matrix)
    if mistakes:
        rows = tuple(
            (one_line(str(true), 40), one_line(str(predicted), 40), f"{many:,}", f"{number(100 * many / total)} %")
            for many, true, predicted, total in mistakes[:10]
        )
        more = f"+{len(mistakes) - 10:,} more" if len(mistakes) > 10 else ""
        yield Table("Confused most", ("true", "predicted", "rows", "of its true ones"), rows, frozenset({2, 3}), more)


def _mistakes(matrix: ConfusionMatrix) -> list[tuple[int, object, object, int]]:
    found = [
        (many, true, predicted, sum(row))
        for true, row in zip(matrix.labels, matrix.counts, strict=True)
        for predicted, many in zip(matrix.labels, row, strict=True)
        if many and true != predicted
    ]
    return sorted(found, key=lambda each: -each[0])


def _confusion_words(matrix: ConfusionMatrix) -> str:
    total = sum(map(sum, matrix.counts))
    right = sum(row[place] for place, row in enumerate(matrix.counts))
    if not total:
        return "No row was counted."
    return f"{right:,} of {count(total, 'row')} right ({number(100 * right / total)} %), {len(matrix.labels)} labels."


_CELL, _LEFT, _TOP = 48, 110, 40


def _confusion_svg(matrix: ConfusionMatrix, words: str) -> str:
    side = _CELL * len(matrix.labels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + side + 4} {_TOP + side + 4}" role="img" '
        f'style="max-width:{_LEFT + side + 4}px" font-size="11" fill="currentColor"><title>{escape(words)}</title>',
        f'<text x="{_LEFT - 6}" y="{_TOP - 24}" text-anchor="end">true ↓ predicted →</text>',
    ]
    for place, label in enumerate(matrix.labels):
        shown = escape(one_line(str(label), 14))
        middle = place * _CELL + _CELL // 2
        short = escape(one_line(str(label), 7))
        parts.append(f'<text x="{_LEFT - 6}" y="{_TOP + middle + 4}" text-anchor="end">{shown}</text>')
        parts.append(f'<text x="{_LEFT + middle}" y="{_TOP - 6}" text-anchor="middle">{short}</text>')
    for down, row in enumerate(matrix.counts):
        for across, many in enumerate(row):
            share = many / sum(row) if many else 0.0
            x, y = _LEFT + across * _CELL, _TOP + down * _CELL
            parts.append(
                f'<rect x="{x + 1}" y="{y + 1}" width="{_CELL - 2}" height="{_CELL - 2}" fill="{BLUE}" '
                f'fill-opacity="{0.04 + 0.5 * share:.2f}"/>'
                f'<text x="{x + _CELL // 2}" y="{y + _CELL // 2 + 4}" text-anchor="middle">{_short(many)}</text>'
            )
    return "".join(parts) + "</svg>"


def _short(many: int) -> str:
    return f"{many:,}" if many < 100_000 else f"{many / 1000:,.0f}k" if many < 10**8 else f"{many / 1e6:,.0f}M"
