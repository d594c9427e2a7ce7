"""The runs: a table to sort and filter, a plot, a run to open, two to compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mlops_nb.panels.blocks import Block, Line, Picture, Span, Table
from mlops_nb.panels.runs_view import PAGE, cell_text, columns_of, is_drawable, most_common, scatter_svg, value_of
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, number, one_line
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import Run, RunSummary, RunTable

if TYPE_CHECKING:
    from mlops_nb.tracking.compare import Comparison

Load = Callable[[int], Run]
Compare = Callable[[int, int], "Comparison"]
Refresh = Callable[[], RunTable]


def runs_panel(
    table: RunTable, *, load: Load | None = None, compare: Compare | None = None, refresh: Refresh | None = None
) -> Panel:
    """The runs of a table, newest first as they come.

    Args:
        table: what is shown.
        load: gives a run whole, for a click on its row.
        compare: gives the comparison of two runs, when two are ticked.
        refresh: gives the table anew.
    """

    def live() -> object:
        from mlops_nb.panels.runs_live import LiveRuns

        return LiveRuns(table, load, compare, refresh).box

    return Panel(_blocks(table), live=live if table.rows else None)


def sentence(table: RunTable) -> tuple[str | Span, ...]:
    """How many runs, and which is the best by the commonest metric."""
    shown = len(table.rows)
    total = count(table.total, "run") if shown == table.total else f"{shown:,} of {count(table.total, 'run')}"
    metric = main_metric(table)
    best = best_run(table, metric) if metric else None
    if best is None:
        return (f"{total}.",)
    value = number(float(best.metrics[metric]))
    way = "lowest" if lower_is_better(metric) else "highest"
    said = f" {one_line(best.name, 40)} (run {best.id}) has the {way} {one_line(metric, 40)}: {value}."
    return (f"{total}.", said)


def main_metric(table: RunTable) -> str:
    """The metric that most runs have."""
    return next(iter(most_common([row.metrics for row in table.rows], 1)), "")


def best_run(table: RunTable, metric: str) -> RunSummary | None:
    """The run with the best finite value of a metric; the newest of equals."""
    having = [row for row in table.rows if is_drawable(row.metrics.get(metric))]
    if not having:
        return None
    sign = -1 if lower_is_better(metric) else 1
    return max(having, key=lambda row: (sign * row.metrics[metric], row.id))


def main_param(table: RunTable, metric: str) -> str:
    """The numeric parameter that varies among the runs with the metric and most of them have, or `run`."""
    having = [row for row in table.rows if metric in row.metrics]
    numeric = [{name: value for name, value in row.params.items() if type(value) in (int, float)} for row in having]
    varying = [
        name
        for name in most_common(numeric, 12)
        if len({str(value_of(row, f"params.{name}")) for row in having if name in row.params}) > 1
        and sum(name in row.params for row in having) * 2 > len(having)
    ]
    return varying[0] if varying else "run"


def _blocks(table: RunTable) -> Iterator[Block]:
    if not table.rows:
        yield Line(("No runs here yet.", " The first: %%mlops run NAME as a cell's first line."), "sentence")
        return
    yield Line(sentence(table), "sentence")
    metric = main_metric(table)
    if metric:
        svg, words = scatter_svg(table.rows, metric, main_param(table, metric))
        if svg:
            yield Picture(svg, words)
    columns = columns_of(table)
    rows = tuple(tuple(cell_text(row, column.key)[0] for column in columns) for row in table.rows[:PAGE])
    right = frozenset(place for place, column in enumerate(columns) if column.right)
    more = f"+{len(table.rows) - PAGE:,} more" if len(table.rows) > PAGE else ""
    labels = tuple("started (UTC)" if column.key == "started" else column.label for column in columns)
    yield Table("Runs", labels, rows, right, more)
