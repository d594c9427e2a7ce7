"""The runs panel while a kernel lives: ipywidgets around a small table of our own, a plotly figure by its MIME type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import traitlets

from mlops_nb.errors import BadQuery, MlopsError
from mlops_nb.panels.blocks import Line, Pre, as_html
from mlops_nb.panels.comparison import comparison_panel
from mlops_nb.panels.run import run_panel
from mlops_nb.panels.runs_plot import PLOTTED, drawn_words, figure
from mlops_nb.panels.runs_view import (
    PAGE,
    cell_texts,
    columns_of,
    how_many_shown,
    main_metric,
    main_param,
    most_common,
    sentence,
)
from mlops_nb.panels.theme import framed
from mlops_nb.panels.wording import count, many_lines, one_line
from mlops_nb.tracking.runs import RunTable

if TYPE_CHECKING:
    from mlops_nb.panels.runs_view import Compare, Load, Search

HERE = Path(__file__).parent


class RunsTable(anywidget.AnyWidget):
    """The table in the browser; `view` is all it shows, `picture` the plot in words, messages are all it says."""

    _esm = HERE / "runs_table.js"
    _css = HERE / "runs_table.css"
    view = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)


class LiveRuns:
    """The state of a live runs panel, and the widgets that show it.

    Args:
        table: the first of the runs that were asked for; columns and choices are its.
        search: gives what is shown and drawn, and the table anew.
        load: gives a run whole.
        compare: gives the comparison of two.
    """

    def __init__(self, table: RunTable, search: Search, load: Load | None, compare: Compare | None) -> None:
        self._all, self._search, self._load, self._compare = table, search, load, compare
        self._text, self._total = "", table.total
        self.sort, self.page = "", 0
        self.ticked: list[int] = []
        self.open: int | None = None
        self.compared: tuple[int, int] | None = None
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
            tooltips=["One parameter against the metric", "All parameters to the metric"],
        )
        self.kind.style.button_width = "auto"
        self.mistake = ipywidgets.HTML()
        self.again = ipywidgets.Button(description="Refresh", tooltip="Read the runs again")
        self.plot = ipywidgets.Output()
        self.plot.add_class("mlops-runs-plot")
        self.drawn = ipywidgets.HTML()
        self.table = RunsTable()
        self.detail = ipywidgets.HTML()
        self._choices()
        self._show()
        self._plot()
        self.table.on_msg(lambda _, said, __: self._guard(lambda: self._said(said)))
        self.filter.observe(lambda _: self._guard(self._filtered), "value")
        for choice in (self.metric, self.param, self.kind):
            choice.observe(lambda _: self._guard(self._plot), "value")
        self.again.on_click(lambda _: self._guard(self._read_again))
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        self.box = ipywidgets.VBox(
            [
                self.head,
                ipywidgets.HBox([self.metric, self.param, self.kind], layout=wrap),
                self.plot,
                self.drawn,
                ipywidgets.HBox([self.filter, self.again], layout=wrap),
                self.mistake,
                self.table,
                self.detail,
            ]
        )
        self.box.add_class("mlops-runs")

    def _guard(self, act: Callable[[], None]) -> None:
        """Do it, or say in the panel why not."""
        try:
            act()
        except MlopsError as error:
            self._say_error(f"{error.what}\nTry: {error.fix}" if error.fix else error.what)
        except Exception as error:  # a fault of ours must leave the panel usable
            self._say_error(f"{type(error).__name__}: {error}")

    def _say_error(self, text: str) -> None:
        error = as_html([Line(many_lines(text, 600), "error")])
        self.detail.value = framed(f'<div role="alert">{error}</div>')

    def _choices(self) -> None:
        """The metrics and parameters to pick from; what was picked stays where it can."""
        metrics = most_common([row.metrics for row in self._all.rows], 100)
        params = most_common([row.params for row in self._all.rows], 100)
        metric, param = self.metric.value, self.param.value
        self.metric.options = [(one_line(name, 40), name) for name in metrics] or [("no metric yet", "")]
        self.param.options = [("run number", "run"), *((one_line(name, 40), name) for name in params)]
        self.metric.value = metric if metric in metrics else main_metric(self._all)
        self.param.value = param if param in params else main_param(self._all, self.metric.value)

    def _page(self) -> RunTable:
        """The rows of the page; the last page where there are no longer so many."""
        found = self._search.page(self._text, self.sort, self.page * PAGE, PAGE)
        last = max(0, -(-found.total // PAGE) - 1)
        if not 0 <= self.page <= last:
            self.page = min(max(self.page, 0), last)
            found = self._search.page(self._text, self.sort, self.page * PAGE, PAGE)
        return found

    def _show(self) -> None:
        found = self._page()
        self._total = found.total
        columns = columns_of(self._all)
        texts = cell_texts(found.rows, columns, found.now)
        metric = main_metric(self._all)
        best = self._search.best(metric) if metric else None
        said = sentence(self._all, how_many_shown(self._all, self._search.limit), best, metric)
        self.head.value = framed(as_html([Line(said, "sentence")]))
        self.table.view = {
            "caption": "Runs",
            "hint": "Click a row to open it, tick two to compare them, click a heading to sort."
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
            return f"runs {self.compared[0]} and {self.compared[1]} are compared below"
        return f"run {self.open} is open below" if self.open is not None else ""

    def _plot(self) -> None:
        if self._is_filling:
            return
        metric = self.metric.value
        if not metric:
            self.plot.outputs, self.table.picture = (), "no plot yet"
            self.drawn.value = framed(as_html([Line("No run has a metric yet: %%mlops run NAME --metric accuracy")]))
            return
        kind = self.kind.value
        drawn = self._search.drawn(self._text, metric, self.param.value if kind == "scatter" else "run", PLOTTED[kind])
        if not drawn.rows:
            self.plot.outputs, self.table.picture = (), "nothing to draw"
            self.drawn.value = framed(
                as_html([Line("Nothing to draw: none of these runs has a value there.", "small")])
            )
            return
        spec = figure(drawn.rows, metric, self.param.value, kind, self._search.best(metric))
        words = drawn_words(len(drawn.rows), drawn.total, self._total, metric, kind)
        data = {
            "application/vnd.plotly.v1+json": {**spec, "config": {"displayModeBar": False, "responsive": True}},
            "text/plain": words,
        }
        against = self.param.label if self.kind.value == "scatter" else "the parameters"
        self.table.picture = f"{self.metric.label} by {against}: {words}"
        self.plot.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)
        self.drawn.value = framed(as_html([Line(words, "small")]))

    def _filtered(self) -> None:
        """Show what the filter leaves; while it cannot be read, what it left before, and the mistake."""
        before, self._text, self.page = self._text, self.filter.value, 0
        try:
            self._show()
        except BadQuery as error:
            self._text = before
            what, _, place = error.what.partition("\n")
            blocks = as_html([Line(one_line(what, 300), "error"), Pre("", many_lines(place))])
            self.mistake.value = framed(f'<div role="status">{blocks}</div>')
            return
        self.mistake.value = ""
        self._plot()

    def _said(self, said: dict[str, Any]) -> None:
        """Do what the table in the browser says, and show where that leaves it, also after an error."""
        try:
            self._carry_out(said)
        finally:
            self._show()

    def _carry_out(self, said: dict[str, Any]) -> None:
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
        self.ticked = self.ticked[-2:]
        if self._compare is None or set(self.ticked) == set(self.compared or ()):
            return
        if len(self.ticked) == 2:
            left, right = sorted(self.ticked)
            self.open, self.compared = None, None
            self.detail.value = comparison_panel(self._compare(left, right)).html()
            self.compared = left, right
        elif self.compared:
            self.compared, self.detail.value = None, ""

    def _open(self, run: int) -> None:
        """Show a run; the second click of two finds it open."""
        if self._load is None or run == self.open:
            return
        self.open, self.compared = None, None
        self.detail.value = run_panel(self._load(run)).html()
        self.open = run

    def _read_again(self) -> None:
        self._all = self._search.table()
        self._is_filling = True
        try:
            self._choices()
        finally:
            self._is_filling = False
        self._show()
        self._plot()


def _first_way(key: str) -> str:
    """Numbers are first sorted downwards, words upwards."""
    return key if key in ("name", "status") else f"-{key}"
