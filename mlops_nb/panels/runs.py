"""The runs: a table to sort and filter, a plot, a run to open, some to compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_nb.panels.blocks import Block, Line, Picture, Span, Table
from mlops_nb.panels.runs_plot import PLOTTED, main_kind, picture
from mlops_nb.panels.runs_view import (
    PAGE,
    Search,
    best_run,
    cell_texts,
    columns_of,
    how_many_shown,
    main_metric,
    main_param,
    none_words,
    sentence,
)
from mlops_nb.panels.theme import Panel
from mlops_nb.tracking.runs import RunSummary, RunTable

MOST = 50
"""The static form has at most so many rows, whatever is asked for."""


def runs_panel(table: RunTable, *, search: Search | None = None) -> Panel:
    """The runs of a table, newest first as they come.

    Args:
        table: the first of the runs that were asked for.
        search: gives the others, what is to be drawn of all, and a run or a comparison whole; without it the
            table is all there is.
    """
    if search is None:
        if not table.rows:
            return Panel([Line(none_words(search), "sentence")])
        return Panel(_blocks(table, len(table.rows), PAGE, best_run(table.rows, main_metric(table)), table.rows))
    found = search

    def live() -> object:
        from mlops_nb.panels.runs_live import live_runs

        return live_runs(table, found.apart())

    if not table.rows:
        return Panel([Line(none_words(search), "sentence")], live=live)
    metric = main_metric(table)
    param = main_param(table, metric) if main_kind(table.rows, metric) == "scatter" else "run"
    drawn = search.drawn("", metric, param, PLOTTED[main_kind(table.rows, metric)]).rows if metric else ()
    best = search.best(metric) if metric else None
    shown = how_many_shown(table, search.limit)
    return Panel(_blocks(table, shown, min(search.limit or PAGE, MOST), best, drawn), live=live)


def _blocks(
    table: RunTable, shown: int, limit: int, best: RunSummary | None, drawn: Sequence[RunSummary]
) -> Iterator[Block]:
    metric = main_metric(table)
    yield Line(sentence(table, shown, best, metric), "sentence")
    if metric:
        svg, words = picture(drawn, metric, main_param(table, metric), main_kind(table.rows, metric), best)
        if svg:
            yield Picture(svg, words)
    columns = columns_of(table)
    rows = tuple(
        tuple(
            Span(text, "time") if column.key == "started" else text
            for column, (text, _) in zip(columns, cells, strict=True)
        )
        for cells in cell_texts(table.rows[:limit], columns)
    )
    right = frozenset(place for place, column in enumerate(columns) if column.right)
    how = f"--limit {min(shown, MOST)}" if limit < MOST else "mlops_nb.runs()"
    more = f"+{shown - limit:,} more: {how}" if shown > limit else ""
    labels = tuple("started (UTC)" if column.key == "started" else column.label for column in columns)
    yield Table("Runs", labels, rows, right, more)
