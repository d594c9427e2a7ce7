"""The runs: a table to sort and filter, a plot, a run to open, two to compare."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Picture, Table
from mlops_nb.panels.runs_plot import scatter_svg
from mlops_nb.panels.runs_view import (
    PAGE,
    Compare,
    Load,
    Refresh,
    cell_texts,
    columns_of,
    main_metric,
    main_param,
    sentence,
)
from mlops_nb.panels.theme import Panel
from mlops_nb.tracking.runs import RunTable

MOST = 50
"""The static form has at most so many rows, whatever is asked for."""


def runs_panel(
    table: RunTable,
    *,
    load: Load | None = None,
    compare: Compare | None = None,
    refresh: Refresh | None = None,
    limit: int | None = None,
) -> Panel:
    """The runs of a table, newest first as they come.

    Args:
        table: what is shown.
        load: gives a run whole, for a click on its row.
        compare: gives the comparison of two runs, when two are ticked.
        refresh: gives the table anew.
        limit: how many rows were asked for, which the static form then has; by default a page.
    """

    def live() -> object:
        from mlops_nb.panels.runs_live import LiveRuns

        return LiveRuns(table, load, compare, refresh).box

    return Panel(_blocks(table, min(limit or PAGE, MOST)), live=live if table.rows else None)


def _blocks(table: RunTable, limit: int) -> Iterator[Block]:
    if not table.rows:
        yield Line("No runs here yet. The first: %%mlops run NAME as a cell's first line.", "sentence")
        return
    yield Line(sentence(table), "sentence")
    metric = main_metric(table)
    if metric:
        svg, words = scatter_svg(table.rows, metric, main_param(table, metric))
        if svg:
            yield Picture(svg, words)
    columns = columns_of(table)
    rows = tuple(tuple(text for text, _ in cells) for cells in cell_texts(table.rows[:limit], columns))
    right = frozenset(place for place, column in enumerate(columns) if column.right)
    hidden, all_rows = len(table.rows) - limit, len(table.rows)
    how = f"--limit {min(all_rows, MOST)}" if limit < MOST else "mlops_nb.runs()"
    more = f"+{hidden:,} more: {how}" if hidden > 0 else ""
    labels = tuple("started (UTC)" if column.key == "started" else column.label for column in columns)
    yield Table("Runs", labels, rows, right, more)
