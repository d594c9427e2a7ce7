"""The runs panel while a kernel lives: ipywidgets around a table and a picture of our own, which follow the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets

from mlops_nb.errors import BadQuery
from mlops_nb.panels import comparison, run
from mlops_nb.panels.blocks import Block, Line, Pre, as_html
from mlops_nb.panels.curves import COLOURS
from mlops_nb.panels.live import LivePanel
from mlops_nb.panels.runs_plot import PLOTTED, drawn_words, main_kind, picture
from mlops_nb.panels.runs_view import (
    PAGE,
    cell_texts,
    columns_of,
    how_many_shown,
    main_metric,
    main_param,
    most_common,
    none_words,
    sentence,
)
from mlops_nb.panels.theme import framed
from mlops_nb.panels.wording import count, listed, many_lines, one_line
from mlops_nb.tracking.runs import Run, RunTable

if TYPE_CHECKING:
    from mlops_nb.panels.runs_view import Search


def live_runs(table: RunTable, search: Search, *, head: str = "", sort: str = "", metric: str = "") -> object:
    """The widget of a live runs panel that follows the store from now on; arguments as for `LiveRuns`."""
    return LiveRuns(table, search, head=head, sort=sort, metric=metric).follow()


class LiveRuns(LivePanel):
    """The state of a live runs panel, and the widgets that show it.

    Args:
        table: the first of the runs that were asked for; columns and choices are its.
        search: gives what is shown and drawn, the table anew, and runs whole.
        head: HTML that stands above instead of a sentence about the runs.
        sort: the key of the column that is sorted by at first.
        metric: what is drawn at first, instead of the metric that most runs have.
    """

    def __init__(self, table: RunTable, search: Search, *, head: str = "", sort: str = "", metric: str = "") -> None:
        super().__init__(search, "mlops-runs")
        self._all, self._search, self._head = table, search, head
        self._text = self._left_some = ""
        self._total = table.total
        self.sort, self.page = sort, 0
        self._main = metric or main_metric(table)
        self.ticked: list[int] = []
        self.open: int | None = None
        self.compared: tuple[int, ...] = ()
        self.watched: int | None = None
        self._looked_at = ""
        self._settled: tuple[str, ...] = ()
        self._is_filling = False
        self.head = ipywidgets.HTML()
        self.filter = ipywidgets.Text(description="Filter", placeholder="words, or metrics.accuracy > 0.9")
        self.filter.layout.width = "320px"
        self.metric = ipywidgets.Dropdown(description="Plot")
        self.param = ipywidgets.Dropdown(description="against")
        for field in (self.filter, self.metric, self.param):
            field.style.description_width = "initial"
        self.kind = ipywidgets.ToggleButtons(
            options=[("Scatter", "scatter"), ("Parallel coordinates", "parallel")],
            value=main_kind(table.rows, self._main),
            tooltips=["One parameter against the metric", "All parameters to the metric"],
        )
        self.kind.style.button_width = "auto"
        self.again = ipywidgets.Button(description="Refresh", tooltip="Read the runs again")
        self.log = ipywidgets.Checkbox(description="Log scale", indent=False)
        self.log.layout.display = "none"
        self.growing = ipywidgets.HTML()
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        self._parts = (
            self.head,
            ipywidgets.HBox([self.metric, self.param, self.kind], layout=wrap),
            self.picture,
            ipywidgets.HBox([self.filter, self.again], layout=wrap),
            self.mistake,
            self.table,
            self.log,
            self.growing,
            self.detail,
        )
        self._choices()
        self.show()
        self._plot()
        self.listen(table=self.table, picture=self.picture)
        self.filter.observe(lambda _: self.guard(self._filtered), "value")
        for choice in (self.metric, self.param, self.kind):
            choice.observe(lambda _: self.guard(self._plot), "value")
        self.metric.observe(lambda _: self.guard(self._say_again), "value")
        self.log.observe(lambda _: self.guard(self._draw_again), "value")
        self.again.on_click(lambda _: self.guard(self.read_again))

    def fail(self, error: Exception) -> None:
        """Say what went wrong with what a person did."""
        self.growing.value = ""
        super().fail(error)

    def _choices(self) -> None:
        """The metrics and parameters to pick from; what was picked stays where it can."""
        metrics = most_common([row.metrics for row in self._all.rows], 100)
        params = most_common([row.params for row in self._all.rows], 100)
        metric, param = self.metric.value, self.param.value
        _offer(self.metric, [(one_line(name, 40), name) for name in metrics] or [("no metric yet", "")])
        _offer(self.param, [("run number", "run"), *((one_line(name, 40), name) for name in params)])
        likely = self._main if self._main in metrics else main_metric(self._all)
        self.metric.value = metric if metric in metrics else likely
        self.param.value = param if param in params else main_param(self._all, self.metric.value)

    def _say_again(self) -> None:
        """Another metric is drawn: the sentence is about that one."""
        if not self._is_filling:
            self.show()

    def _page(self) -> RunTable:
        """The rows of the page; the last page where there are no longer so many."""
        found = self._search.page(self._text, self.sort, self.page * PAGE, PAGE)
        last = max(0, -(-found.total // PAGE) - 1)
        if not 0 <= self.page <= last:
            self.page = min(max(self.page, 0), last)
            found = self._search.page(self._text, self.sort, self.page * PAGE, PAGE)
        return found

    def show(self) -> None:
        """Show the page of rows, and the sentence above it."""
        found = self._page()
        self._total = found.total
        columns = columns_of(self._all)
        texts = cell_texts(found.rows, columns, found.now)
        metric = self.metric.value
        best = self._search.best(metric) if metric else None
        said = (
            sentence(self._all, how_many_shown(self._all, self._search.limit), best, metric)
            if self._all.total
            else none_words(self._search)
        )
        self.head.value = self._head or framed(as_html([Line(said, "sentence")]))
        parts = self._parts if self._all.total else self._parts[:1]  # nothing to plot, filter or sort yet
        if self.box.children != parts:
            self.box.children = parts
        self.table.view = {
            "caption": "Runs",
            "ticks": "compare",
            "reveals": "mlops-detail",
            "opened": self.opened,
            "hint": "Click a row to open it, tick two or more to compare them, click a heading to sort."
            " Keys on a row: Enter opens, Space ticks, arrows move.",
            "columns": [{"key": one.key, "label": one.label, "right": one.right} for one in columns],
            "rows": [
                {"id": row.id, "cells": [text for text, _ in cells], "hover": [hover for _, hover in cells]}
                for row, cells in zip(found.rows, texts, strict=True)
            ],
            "sort": self.sort,
            "page": self.page,
            "pages": max(1, -(-found.total // PAGE)),
            "ticked": list(self.ticked),
            "open": self.open,
            "said": "; ".join(filter(None, (self._counted(len(found.rows), found.total), self._below()))),
        }

    def _counted(self, shown: int, having: int) -> str:
        if not shown:
            return "no run matches the filter"
        first = self.page * PAGE + 1
        matching = " that match the filter" if self._text.strip() else ""
        return f"{first:,} to {first + shown - 1:,} of {count(having, 'run')}{matching}"

    def _below(self) -> str:
        if self.compared:
            return f"runs {listed(map(str, self.compared), len(COLOURS))} are compared below"
        if self.watched is not None:
            return f"run {self.watched}, the newest that logs a series, is drawn below"
        return f"run {self.open} is open below" if self.open is not None else ""

    def _plot(self) -> None:
        if self._is_filling:
            return
        metric, kind = self.metric.value, self.kind.value
        if not metric:
            self.picture.draw("", "No run has a metric yet: %%mlops run NAME --metric accuracy")
            return
        drawn = self._search.drawn(self._text, metric, self.param.value if kind == "scatter" else "run", PLOTTED[kind])
        svg, _ = picture(drawn.rows, metric, self.param.value, kind, self._search.best(metric))
        if svg:
            self.picture.draw(svg, drawn_words(len(drawn.rows), drawn.total, self._total, metric, kind))
        else:
            self.picture.draw(
                "", f"Nothing to draw: {'only one' if drawn.rows else 'none'} of these runs has a value there."
            )

    def _filtered(self) -> None:
        """Show what the filter leaves; while it cannot be read, the last it left any by, and the mistake.

        A query that is being typed is words at first, which leave nothing.
        """
        self._text, self.page = self.filter.value, 0
        try:
            self.show()
        except BadQuery as error:
            self._text = self._left_some
            self.show()
            self._plot()
            what, _, place = error.what.partition("\n")
            blocks = as_html([Line(one_line(what, 300), "error"), Pre("", many_lines(place))])
            self.mistake.value = framed(f'<div aria-live="polite">{blocks}</div>')
            return
        self.mistake.value = ""
        if self._total:
            self._left_some = self._text
        self._plot()

    def carry_out(self, said: dict[str, Any]) -> None:
        """Sort, turn the page, open a run, or tick one to compare."""
        match said:
            case {"do": "sort", "key": str(key)} if key in {one.key for one in columns_of(self._all)}:
                self.sort = f"-{key}" if self.sort == key else key if self.sort == f"-{key}" else _first_way(key)
                self.page = 0
            case {"do": "page", "page": int(page)}:
                self.page = page
            case {"do": "open", "id": int(run)}:
                self._open(run)
            case {"do": "tick", "id": int(run), "on": bool(on)}:
                self._tick(run, on)

    def _tick(self, run: int, on: bool) -> None:
        self.ticked = [one for one in self.ticked if one != run] + ([run] if on else [])
        self.ticked = self.ticked[-len(COLOURS) :]
        runs = tuple(sorted(self.ticked)) if len(self.ticked) > 1 else ()
        if runs != self.compared and (runs or self.compared):
            self._show_below(None, runs)

    def _open(self, run: int) -> None:
        """Show a run; the second click of two finds it open."""
        if run != self.open:
            self._show_below(run, ())

    def _show_below(self, opened: int | None, compared: tuple[int, ...]) -> None:
        """Open a run, compare some, or neither; after an error nothing is open."""
        self.open, self.compared, self.watched, self._settled = None, (), None, ()
        self.opened += 1
        if opened is None and not compared:
            self.growing.value = self.detail.value = ""
            self.log.layout.display = "none"
            return
        self._draw_below(opened, compared)
        self.open, self.compared = opened, compared

    def _draw_below(self, opened: int | None, compared: tuple[int, ...]) -> None:
        """Draw a run or a comparison: what can still change, and the rest where a run began or ended since."""
        if opened is not None:
            whole = self._search.load(opened)
            self._draw_growing([whole], run.growing_blocks(whole, is_log=self.log.value))
            self._draw_settled([whole], lambda: run.settled_blocks(whole))
        elif compared:
            found = self._search.compare(compared)
            self._draw_growing(found.runs, comparison.growing_blocks(found, is_log=self.log.value))
            self._draw_settled(found.runs, lambda: comparison.settled_blocks(found))

    def _draw_growing(self, runs: Sequence[Run], blocks: Iterable[Block]) -> None:
        self._looked_at = repr(self._search.summaries([one.id for one in runs]))
        self.growing.value = framed(as_html(blocks), style="")
        self.log.layout.display = "" if any(one.curves for one in runs) else "none"

    def _draw_settled(self, runs: Sequence[Run], blocks: Callable[[], Iterable[Block]]) -> None:
        state = tuple(f"{one.id} {one.status}" for one in runs)
        if state != self._settled:
            self.detail.value = framed(as_html(blocks()))
            self._settled = state

    def _draw_again(self) -> None:
        if self.watched is not None:
            whole = self._search.load(self.watched)
            self._draw_growing([whole], run.growing_blocks(whole, is_log=self.log.value))
        else:
            self._draw_below(self.open, self.compared)

    def _grow(self) -> None:
        """Draw what is below anew if it has changed; while nothing is open, the newest run that logs a series.

        The kernel may be too busy with it to hear of a click.
        """
        if self.open is None and not self.compared:
            going = [row.id for row in self._all.rows if row.status == "RUNNING" and row.metrics]
            newest = max(going, default=self.watched)
            if newest is not None and newest != self.watched and self._search.load(newest).curves:
                self.watched = newest
        runs = [one for one in (self.open, self.watched) if one is not None] or list(self.compared)
        if runs and repr(self._search.summaries(runs)) != self._looked_at:
            self._draw_again()

    def read_again(self) -> None:
        """Show the runs as they are now."""
        self._all = self._search.table()
        self._is_filling = True
        try:
            self._choices()
        finally:
            self._is_filling = False
        self._grow()
        self.show()
        self._plot()


def _offer(field: ipywidgets.Dropdown, options: list[tuple[str, str]]) -> None:
    """Give a field its choices; one that is open in the browser stays as it is while they do."""
    if list(field.options) != options:
        field.options = options


def _first_way(key: str) -> str:
    """Numbers are first sorted downwards, words upwards."""
    return key if key in ("name", "status") else f"-{key}"
