"""The card under a captured cell: what ran, how it went, and whether it got better.

Static only, and drawn after every captured run: nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_nb.panels.blocks import Block, Fold, Line, Picture, Span, Table, Words
from mlops_nb.panels.parts import parts_table, quality_first, told_apart
from mlops_nb.panels.theme import Panel, after, change_span, change_spans, number_span, status_span
from mlops_nb.panels.wording import (
    count,
    duration,
    many_lines,
    movement,
    numbers,
    one_line,
    secrets_words,
    setting,
    size,
    usage_words,
)
from mlops_nb.tracking.runs import Metric, Param, Run, RunCard

MOST, PARTS = 8, 10
"""Parameters and metrics, and child runs, on a card; the rest is one command away."""


def run_card(card: RunCard) -> Panel:
    """The card of a run that has just ended."""
    return Panel(_blocks(card))


def _blocks(card: RunCard) -> Iterator[Block]:
    run = card.run
    yield Line(_headline(run), "sentence")
    if run.error:
        message = many_lines(run.error.message, 500).strip()
        yield Line((Span(one_line(run.error.type), "strong"), f": {message}" if message else ""), "error")
    if run.metrics:
        yield _metrics(card)
    if run.params:
        yield from _params(run)
    if run.parts:
        yield parts_table(run, PARTS)
    if run.artifacts:
        kept = f"{count(len(run.artifacts), 'artifact')}, {size(sum(one.size_bytes for one in run.artifacts))}"
        yield Line(f"{kept}: %mlops artifacts {run.id}", "small")
    if run.redacted:
        yield Line(secrets_words(run.redacted), "small")
    for warning in run.warnings[:MOST]:
        yield Line(f"Note: {one_line(warning, 200)}", "small")
    if len(run.warnings) > MOST:
        yield Line(_more(len(run.warnings), run), "small")
    if run.usage or run.seeds:
        yield Fold(_taken(run), tuple(_seeds(run)))
    if not (run.metrics or run.params or run.parts or run.artifacts or run.error):
        yield Line("No metric or parameter was named: %%mlops run NAME --metric accuracy --param seed", "small")


def _headline(run: Run) -> Words:
    time = f" {after(run.status)} {duration(run.duration)}" if run.duration is not None else ""
    return (
        *status_span(run.status)[:1],
        f" {one_line(run.name, 60)} ",
        f"{status_span(run.status)[1]}".strip(),
        time,
        Span(f" · run {run.id}", css="mp-muted"),
    )


def _taken(run: Run) -> str:
    """What the run took and seeded, in a few words."""
    seeds = f"{count(len(run.seeds), 'seed')} set" if run.seeds else ""
    return ", ".join(filter(None, (usage_words(run.usage) if run.usage else "", seeds)))


def _seeds(run: Run) -> Iterator[Line]:
    if run.seeds:
        words = ", ".join(f"{one_line(name, 60)} = {setting(value, 40)}" for name, value in run.seeds.items())
        yield Line(f"Seeds: {words}")
    yield Line(f"All of it: %mlops show {run.id}", "small")


def _metrics(card: RunCard) -> Table:
    shown = quality_first(card.run)[:MOST]
    values = [numbers([metric.value])[0] for metric in shown]
    columns = ["metric", "value"]
    if card.run.curves:
        columns.append("course")
    if card.previous:
        columns.append(f"vs run {card.previous_id}" if card.previous_id else "vs the one before")
    if card.best:
        columns.append("vs the best before")
    rows = (tuple(_metric_row(card, metric, value)) for metric, value in zip(shown, values, strict=True))
    hidden = _more(len(card.run.metrics), card.run)
    return Table("Metrics", tuple(columns), tuple(rows), frozenset({1}), hidden)


def _metric_row(card: RunCard, metric: Metric, value: str) -> Iterator[Words]:
    name = metric.name
    yield (one_line(name, 40), Span(" (inferred)", css="mp-muted")) if metric.inferred else one_line(name, 40)
    yield number_span(metric.value, value)
    if card.run.curves:
        yield _course(card, metric)
    if card.previous:
        yield _against(name, metric.value, card.previous.get(name))
    if card.best:
        yield _against_best(name, metric.value, card.best.get(name))


def _course(card: RunCard, metric: Metric) -> Words:
    """The values that a metric went through, where it was logged more than once."""
    curve = next((one for one in card.run.curves if one.metric == metric.name), None)
    if curve is None:
        return ""
    from mlops_nb.panels.curves import sparkline

    return Picture(sparkline(curve), count(curve.count, "value"))


def _against(name: str, value: float, previous: float | None) -> Words:
    return "not measured then" if previous is None else change_span(name, value, previous)


def _against_best(name: str, value: float, best: float | None) -> Words:
    if best is None:
        return "first of its kind"
    moved = movement(name, value, best)
    shape, words = change_spans(moved, best)
    if moved.verdict == "better":
        return "new best ", shape, words.replace(" better", "")
    return shape, words


def _params(run: Run) -> Iterator[Line]:
    given, defaults = told_apart(run)
    shown = tuple(param for param in given if param.name not in defaults)[:MOST]
    named = [param for param in shown if not param.inferred]
    inferred = [param for param in shown if param.inferred]
    more = _rest(len(run.params) - len(shown), len(defaults), run)
    for title, params in (("Parameters", named), ("Parameters (inferred)", inferred)):
        if params:
            yield Line((f"{title}: ", *_settings(params), f", {more}" if more and params[-1] is shown[-1] else ""))
    if not shown:
        yield Line(f"Parameters: {more}")


def _rest(hidden: int, defaults: int, run: Run) -> str:
    if not hidden:
        return ""
    what = "at their defaults" if hidden <= defaults else "more"
    return f"+{hidden} {what}: %mlops show {run.id}"


def _settings(params: Sequence[Param]) -> Iterator[str | Span]:
    for place, param in enumerate(params):
        yield ", " if place else ""
        yield Span(f"{one_line(param.name, 40)}={setting(param.value, 40)}", "code", hover=_whole(param))


def _whole(param: Param) -> str:
    whole = setting(param.value, 300)
    return "" if whole == setting(param.value, 40) else whole


def _more(length: int, run: Run) -> str:
    return f"+{length - MOST} more: %mlops show {run.id}" if length > MOST else ""
