"""A sweep: which combination is the best, how the metric goes with the parameters, every trial."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Picture, Span, Table, Words, as_html
from mlops_nb.panels.runs_plot import main_kind, picture
from mlops_nb.panels.runs_view import PAGE, Search, main_param, most_common
from mlops_nb.panels.theme import Panel, framed, number_span, status_span
from mlops_nb.panels.wording import count, duration, number, numbers, one_line, setting
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import RunSummary, RunTable
from mlops_nb.tracking.sweeps.combinations import Sweep

METRICS = 3
"""Metrics that have a column: the one that judges, and those most trials have."""


def sweep_panel(sweep: Sweep, *, search: Search | None = None) -> Panel:
    """The best combination, a picture, and the trials from best to worst.

    Args:
        sweep: the sweep.
        search: gives its trials to a live panel, to be sorted, filtered, opened and compared.
    """
    if search is None or not sweep.trials:
        return Panel(_blocks(sweep))

    def live() -> object:
        from mlops_nb.panels.runs_live import live_runs

        head = framed(as_html(_head(sweep)))
        way = "" if lower_is_better(sweep.metric) else "-"
        sort = f"{way}metrics.{sweep.metric}" if sweep.metric else ""
        return live_runs(search.table(), search.apart(), head=head, sort=sort, metric=sweep.metric)

    return Panel(_blocks(sweep), live=live)


def _head(sweep: Sweep) -> Iterator[Block]:
    yield Line(_sentence(sweep), "sentence")
    finished = sum(trial.status == "FINISHED" for trial in sweep.trials)
    if sweep.status != "FINISHED" and finished < sweep.planned:
        yield Line(("To go on where it stopped, add ", Span("--resume", "code"), " to the cell's first line."))
    for note in sweep.notes:
        yield Line(f"Note: {one_line(note, 200)}", "small")


def _blocks(sweep: Sweep) -> Iterator[Block]:
    yield from _head(sweep)
    if not sweep.trials:
        return
    if sweep.metric:
        table = RunTable(sweep.trials, len(sweep.trials), 0.0, "")
        axis = main_param(table, sweep.metric)
        axis = axis if axis in sweep.axes else sweep.axes[0]
        svg, words = picture(sweep.trials, sweep.metric, axis, main_kind(sweep.trials, sweep.metric))
        if svg:
            yield Picture(svg, words)
    yield _trials(sweep)
    parent = f"%mlops show {sweep.id}"
    yield Line(("All of it: ", Span(parent, "code"), f"; a trial: %mlops show {_best_first(sweep)[0].id}"), "small")


def _sentence(sweep: Sweep) -> Words:
    finished = sum(trial.status == "FINISHED" for trial in sweep.trials)
    tried = (
        f"{count(finished, 'combination')} tried"
        if finished == sweep.planned
        else f"{finished:,} of {count(sweep.planned, 'combination')} tried"
    )
    shape, word = status_span(sweep.status)
    state = "" if sweep.status == "FINISHED" else f"{word} · "
    return (shape, f" {one_line(sweep.name, 60)}: {state}", f"{tried}", _best(sweep))


def _best(sweep: Sweep) -> str:
    best = next((trial for trial in sweep.trials if trial.id == sweep.best), None)
    if best is None:
        return "; no metric to judge them by." if sweep.trials else "."
    way = "lowest" if lower_is_better(sweep.metric) else "highest"
    value = number(float(best.metrics[sweep.metric]))
    having = ", ".join(f"{one_line(name, 30)}={setting(best.params.get(name), 30)}" for name in sweep.axes)
    return f". {one_line(sweep.metric, 40)} is {way}, {value}, with {having} (run {best.id})."


def _best_first(sweep: Sweep) -> list[RunSummary]:
    sign = 1 if lower_is_better(sweep.metric) else -1

    def place(trial: RunSummary) -> tuple[bool, float, int]:
        value = trial.metrics.get(sweep.metric)
        lacks = value is None or value != value or trial.status != "FINISHED"
        return lacks, 0.0 if lacks or value is None else sign * value, -trial.id

    return sorted(sweep.trials, key=place)


def _trials(sweep: Sweep) -> Table:
    others = [name for name in most_common([trial.metrics for trial in sweep.trials], METRICS) if name != sweep.metric]
    metrics = [*filter(None, [sweep.metric]), *others][:METRICS]
    columns = ("run", *(one_line(name, 24) for name in (*metrics, *sweep.axes)), "status", "took")
    shown = _best_first(sweep)[:PAGE]
    figures = {name: numbers([trial.metrics.get(name) for trial in shown]) for name in metrics}
    rows = tuple(
        (
            str(trial.id),
            *(number_span(trial.metrics[name], figures[name][n]) if name in trial.metrics else "" for name in metrics),
            *(setting(trial.params.get(name), 24) for name in sweep.axes),
            status_span(trial.status),
            duration(trial.duration),
        )
        for n, trial in enumerate(shown)
    )
    right = frozenset((*range(1, len(metrics) + len(sweep.axes) + 1), len(columns) - 1))
    hidden = len(sweep.trials) - PAGE
    return Table("Trials, best first", columns, rows, right, f"+{hidden:,} more" if hidden > 0 else "")
