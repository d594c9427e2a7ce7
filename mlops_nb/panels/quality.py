"""The quality of data: what is wrong with it, and every column that was looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mlops_nb.monitoring.findings import ColumnQuality, Finding, Quality, percent
from mlops_nb.panels.blocks import Block, Fold, Line, Span, Table, Words, paged, without_empty
from mlops_nb.panels.theme import Panel, time_span
from mlops_nb.panels.wording import count, listed, one_line

MOST = 500
"""Findings and columns that a panel lists."""


def quality_panel(found: Quality) -> Panel:
    """The findings, alerts first, and what was looked at in each column."""
    return Panel(_blocks(found))


def _blocks(found: Quality) -> Iterator[Block]:
    yield Line(_sentence(found), "sentence")
    if found.findings:
        yield from paged(_findings(found))
    if found.columns:
        yield Fold(f"What was looked at in {count(len(found.columns), 'column')}", (_columns(found),))
    yield Line(_small(found), "small")


def _sentence(found: Quality) -> Words:
    alerts, notes = found.alerts, len(found.findings) - len(found.alerts)
    data = f"{one_line(found.current, 60)} ({count(found.rows, 'row')}, {count(len(found.columns), 'column')})"
    also = f" and {count(notes, 'note')}" if notes else ""
    if not alerts:
        like = "" if found.reference is None else f" beside {one_line(found.reference, 60)}"
        return (Span("✓", css="mp-good"), f" No alert{also} for {data}{like}.")
    names = Counter(one_line(one.column, 40) or "rows" for one in alerts)
    first = alerts[0]
    what = f"{one_line(first.column, 40)}: " if first.column else ""
    others = [name for name in names if name != (one_line(first.column, 40) or "rows")]
    more = f"; also {listed(others, 4)}" if others else ""
    said = f" {count(len(alerts), 'alert')}{also} for {data}: {what}{one_line(first.words, 200)}{more}."
    return (Span("✗", css="mp-bad"), said)


def _findings(found: Quality) -> Table:
    rows = tuple(map(_row, found.findings[:MOST]))
    hidden = len(found.findings) - MOST
    more = f"+{hidden:,} more: mlops_nb.quality(...).to_frame()" if hidden > 0 else ""
    return Table("Findings, alerts first", ("column", "what", "found"), rows, more=more)


def _row(one: Finding) -> tuple[Words, ...]:
    shape, css = ("✗", "mp-bad") if one.severity == "alert" else ("!", "")
    return (
        one_line(one.column, 60) or "(rows)",
        (Span(shape, css=css), f" {one.what}"),
        one_line(one.words, 400),
    )


def _columns(found: Quality) -> Table:
    has_reference = found.reference is not None
    rows = tuple(_column_row(one, found, has_reference) for one in found.columns[:MOST])
    hidden = len(found.columns) - MOST
    more = f"+{hidden:,} more: mlops_nb.quality(...).columns" if hidden > 0 else ""
    before = ("missing before",) if has_reference else ()
    columns = ("column", "type", "missing", *before, "findings", "looked at for", "not for the rest, because")
    right = frozenset(range(2, 4 + has_reference))
    return without_empty(Table("Columns", columns, rows, right, more))


def _column_row(one: ColumnQuality, found: Quality, has_reference: bool) -> tuple[Words, ...]:
    here = sum(finding.column == one.name for finding in found.findings)
    return (
        one_line(one.name, 60),
        one_line(one.type, 40),
        _percent(one.missing),
        *([_percent(one.reference_missing)] if has_reference else []),
        f"{here:,}" if here else "",
        ", ".join(one.looked_at),
        one_line(one.reason, 120),
    )


def _percent(share: float | None) -> str:
    return "" if share is None or share != share else percent(share)


def _small(found: Quality) -> Words:
    parts = ["alone, without a reference"]
    if found.reference is not None:
        parts = [f"reference: {one_line(found.reference, 80)}, {count(found.reference_rows or 0, 'row')}"]
    if found.schema_file:
        parts.append(f"schema: {one_line(found.schema_file, 80)}")
    parts.append(f"missing values are an alert above {percent(found.thresholds.get('missing', 0.0))}")
    parts.append("far out: 3 interquartile ranges beyond the quartiles (Tukey 1977)")
    words = "; ".join(parts)
    words = words[:1].upper() + words[1:]
    return (f"{words}; ", time_span(found.made)) if found.made else words
