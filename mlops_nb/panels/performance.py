"""A model's performance beside that of the reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from mlops_nb.monitoring.calibration import Calibration, ReliabilityBin
from mlops_nb.monitoring.concept import DriftKind
from mlops_nb.monitoring.decision import Verdict
from mlops_nb.monitoring.estimation import Estimate
from mlops_nb.monitoring.model_records import PerformanceReport, Segment
from mlops_nb.monitoring.performance import CHANGES, Change, Figure, MetricChange, leader
from mlops_nb.panels.blocks import Block, Fold, Line, Picture, Span, Table, Words, paged
from mlops_nb.panels.theme import BLUE, GREEN, GREY, ORANGE, VERMILLION, Panel
from mlops_nb.panels.wording import change, count, listed, number, numbers, one_line

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "mae": "MAE",
    "rmse": "RMSE",
    "mape": "MAPE",
    "smape": "sMAPE",
    "r2": "R²",
    "bias": "bias",
}
"""Metrics as people write them."""

SHAPES: dict[Change, tuple[str, str]] = {
    "degraded": ("✗", "mp-bad"),
    "slipped": ("▼", ""),
    "stable": ("=", ""),
    "improved": ("▲", "mp-good"),
    "unsure": ("?", ""),
    "skipped": ("–", ""),
}

_COLOURS: dict[Change, str] = {
    "degraded": VERMILLION,
    "improved": GREEN,
    "unsure": GREY,
    "stable": BLUE,
    "slipped": ORANGE,
}

_DRIFT_WORDS: dict[Verdict, str] = {
    "drifted": "drifted",
    "changed": "changed, but too little to matter",
    "stable": "no change that matters",
    "unsure": "not enough data to say",
    "skipped": "not looked for",
}

_DRIFT_SHAPES = {"drifted": "✗", "changed": "▼", "stable": "=", "unsure": "?", "skipped": "–"}

_LEFT, _WIDE, _ROW, _RIGHT = 130, 420, 22, 150
_LETTERS = 20


def performance_panel(found: PerformanceReport) -> Panel:
    """Whether the model got worse, in which metric and where, and what of its world changed."""
    return Panel(_blocks(found))


def _blocks(found: PerformanceReport) -> Iterator[Block]:
    yield Line(_sentence(found), "sentence")
    if found.estimate is not None:
        yield from _estimated(found, found.estimate)
    for note in found.notes:
        yield Line(f"! {one_line(note, 400)}.")
    svg, words = forest_svg(found.metrics, found.threshold)
    if svg:
        yield Picture(svg, words)
    yield from paged(_metrics(found.metrics, is_estimated=found.estimate is not None))
    if found.segments:
        yield from paged(_segments(found))
    yield _kinds(found.kinds)
    for kind in found.kinds:
        if kind.verdict == "drifted":
            detail = f" ({one_line(kind.detail, 200)})" if kind.detail else ""
            yield Line(f"{kind.kind.capitalize()}: {kind.meaning}{detail}. Usual cause: {kind.cause}.")
    if found.calibration is not None:
        yield from _calibrated(*found.calibration)
    yield Line(_small(found), "small")


def _sentence(found: PerformanceReport) -> str:
    verb = "is expected to be" if found.estimate is not None else "is"
    if found.estimate is not None and found.estimate.doubts:
        return "? How good the model is cannot be said: there are no labels, and an estimate is not to be trusted."
    one = leader(found.metrics)
    if one is None:
        return "? How good the model is cannot be said: no metric is defined on this data."
    worse = found.degraded
    if worse:
        others = f", and {count(len(worse) - 1, 'other metric')}" if len(worse) > 1 else ""
        return f"✗ The model {verb} worse than on the reference: {_moved(one)}{others}."
    if found.worse_segments:
        where = listed([one_line(each.value, 40) for each in found.worse_segments], 3)
        return f"✗ The model {verb} worse where {one_line(found.by, 40)} is {where}; over all rows {_moved(one)}."
    if one.verdict == "unsure":
        return f"? Not enough data to say whether the model got worse: {_moved(one)} ({_span(one)})."
    said = "better than" if one.verdict == "improved" else "as good as"
    little = ", a little worse" if one.verdict == "slipped" else ""
    return f"✓ The model {verb} {said} on the reference{little}: {_moved(one)}."


def _moved(one: MetricChange) -> str:
    before, after = numbers([one.reference.value, one.current.value])
    percent = "" if one.name == "bias" or math.isinf(one.degradation) else f", {_percent(one)}"
    return f"{NAMES[one.name]} {after}, {before} before{percent}"


def _percent(one: MetricChange) -> str:
    base = abs(one.reference.value)
    return f"{100 * one.change / base:+.1f} %" if base else ""


def _span(one: MetricChange) -> str:
    return f"{100 * one.least:+.1f} to {100 * one.most:+.1f} % worse"


def _estimated(found: PerformanceReport, estimate: Estimate) -> Iterator[Block]:
    missing = f"{count(found.awaits_labels, 'current row')} of {found.rows[1]:,}"
    verb = "has" if found.awaits_labels == 1 else "have"
    how = f"; scores recalibrated by {estimate.recalibrated}" if estimate.recalibrated else ""
    yield Line(
        f"{missing} {verb} no label yet, so metrics are estimated ({estimate.method}{how}): {estimate.condition}."
    )
    for doubt in estimate.doubts:
        yield Line(f"! Not to be trusted: {one_line(doubt, 300)}.")


def _metrics(found: Sequence[MetricChange], *, is_estimated: bool) -> Table:
    now = "expected" if is_estimated else "current"
    columns = ("metric", "verdict", f"{now} (95 %)", "reference (95 %)", "change (95 %)", "worse by")
    order: dict[Change, int] = {"degraded": 0, "unsure": 1, "slipped": 2, "improved": 3, "stable": 4, "skipped": 5}
    rows = tuple(_row(each) for each in sorted(found, key=lambda each: order[each.verdict]))
    return Table("Metrics", columns, rows, frozenset({2, 3, 4, 5}))


def _row(one: MetricChange) -> tuple[Words, ...]:
    if one.verdict == "skipped":
        reason = one.current.reason or one.reference.reason
        return NAMES[one.name], f"– {one_line(reason, 80)}", _figure(one.current), _figure(one.reference), "", ""
    return NAMES[one.name], _verdict(one), _figure(one.current), _figure(one.reference), _change(one), _worse(one)


def _verdict(one: MetricChange) -> Words:
    shape, css = SHAPES[one.verdict]
    return (Span(shape, css=css), f" {CHANGES[one.verdict]}")


def _figure(one: Figure) -> str:
    if math.isnan(one.value):
        return ""
    if math.isnan(one.low):
        return number(one.value)
    value, low, high = numbers([one.value, one.low, one.high], more=0)
    return f"{value} ({low} to {high})"


def _change(one: MetricChange) -> str:
    value = change(one.current.value, one.reference.value) or "0"
    if math.isnan(one.low):
        return value
    low, high = numbers([one.low, one.high], more=0)
    return f"{value} ({low} to {high})"


def _worse(one: MetricChange) -> str:
    return "" if math.isinf(one.degradation) else f"{100 * one.degradation:+.1f} %"


def _segments(found: PerformanceReport) -> Table:
    named = next((each.metric.name for each in found.segments if each.metric), "")
    columns = (one_line(found.by, 40), "verdict", "current (95 %)", "reference (95 %)", "worse by", "rows", "before")
    order = sorted(found.segments, key=lambda each: -each.metric.degradation if each.metric else math.inf)
    caption = f"{NAMES.get(named, 'Metric')} by {one_line(found.by, 40)}"
    return Table(caption, columns, tuple(map(_segment, order)), frozenset({2, 3, 4, 5, 6}))


def _segment(one: Segment) -> tuple[Words, ...]:
    value, sizes = one_line(one.value, 60), (f"{one.rows[1]:,}", f"{one.rows[0]:,}")
    if one.metric is None:
        return value, f"– {one_line(one.reason, 80)}", "", "", "", *sizes
    metric = one.metric
    return value, _verdict(metric), _figure(metric.current), _figure(metric.reference), _worse(metric), *sizes


def _kinds(kinds: Sequence[DriftKind]) -> Table:
    columns = ("what changed", "verdict", "effect (95 %)", "measured as", "p")
    return Table("What changed around the model", columns, tuple(map(_kind, kinds)), frozenset({2, 4}))


def _kind(one: DriftKind) -> tuple[Words, ...]:
    shape = _DRIFT_SHAPES[one.verdict]
    if one.verdict == "skipped":
        return one.kind, f"– {one_line(one.reason, 120)}", "", "", ""
    value, low, high = numbers([one.effect, one.low, one.high], more=0)
    words: Words = (Span(shape, css="mp-bad" if one.verdict == "drifted" else ""), f" {_DRIFT_WORDS[one.verdict]}")
    p_value = "" if math.isnan(one.p_value) else "<0.001" if one.p_value < 0.001 else f"{one.p_value:.3f}"
    return one.kind, words, f"{value} ({low} to {high})", one.measure, p_value


def forest_svg(found: Sequence[MetricChange], threshold: float) -> tuple[str, str]:
    """How much worse each metric is, as a bar from end to end of its interval, and the sentence that says the same."""
    drawn = [
        each for each in found if each.verdict != "skipped" and math.isfinite(each.most) and math.isfinite(each.least)
    ]
    if not drawn:
        return "", ""
    low = max(-1.0, min(-2 * threshold, *(each.least for each in drawn)))
    high = min(1.0, max(2 * threshold, *(each.most for each in drawn)))
    scale = _WIDE / (high - low)

    def x(value: float) -> float:
        return _LEFT + (min(high, max(low, value)) - low) * scale

    bottom = _ROW * len(drawn) + 4
    rows = "".join(_bar(each, x, _ROW * place + 15) for place, each in enumerate(drawn))
    marks = "".join(
        f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="2" y2="{bottom}" stroke="currentColor" {style}/>'
        f'<text x="{x(at):.1f}" y="{bottom + 14}" text-anchor="{anchor}">{said}</text>'
        for at, style, anchor, said in (
            (0.0, 'stroke-opacity=".6"', "end", "as before"),
            (threshold, 'stroke-opacity=".6" stroke-dasharray="3 3"', "start", f"{100 * threshold:g} % worse"),
        )
    )
    worst = max(drawn, key=lambda each: each.degradation)
    words = f"How much worse each metric is: {NAMES[worst.name]} most, by {_worse(worst)} ({_span(worst)})"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDE + _RIGHT} {bottom + 20}" role="img" '
        f'font-size="11" font-family="system-ui,sans-serif" fill="currentColor"><title>{escape(words)}</title>'
        f"{marks}{rows}</svg>"
    )
    return svg, words


def _bar(one: MetricChange, x: Callable[[float], float], y: int) -> str:
    colour = _COLOURS[one.verdict]
    shape, _ = SHAPES[one.verdict]
    return (
        f'<text x="{_LEFT - 8}" y="{y}" text-anchor="end">{NAMES[one.name]}</text>'
        f'<line x1="{x(one.least):.1f}" x2="{x(one.most):.1f}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" '
        f'stroke-width="4" stroke-opacity=".45"><title>{_span(one)}</title></line>'
        f'<circle cx="{x(one.degradation):.1f}" cy="{y - 4}" r="4" fill="{colour}"/>'
        f'<text x="{_LEFT + _WIDE + 10}" y="{y}">{shape} {CHANGES[one.verdict]}</text>'
    )


def _calibrated(reference: Calibration, current: Calibration) -> Iterator[Block]:
    if math.isnan(current.error):
        return
    words = (
        f"Scores are off by {number(current.error)} on average (ECE; {number(current.noise)} would be noise), "
        f"{number(reference.error)} on the reference"
    )
    slope = (
        "" if math.isnan(current.slope) else f"; slope {number(current.slope)}, intercept {number(current.intercept)}"
    )
    svg = reliability_svg(reference.bins, current.bins, words)
    rows = tuple(_point(each) for each in current.bins)
    table = Table("Current scores", ("score", "share of positives (95 %)", "rows"), rows, frozenset({0, 1, 2}))
    yield Fold(f"Calibration: {words}{slope}", (Picture(svg, words), table))


def _point(one: ReliabilityBin) -> tuple[Words, ...]:
    return number(one.score), f"{one.share:.3f} ({one.low:.3f} to {one.high:.3f})", f"{one.rows:,}"


def reliability_svg(reference: Sequence[ReliabilityBin], current: Sequence[ReliabilityBin], words: str) -> str:
    """Share of positives over score: the reference's line, the current one's with intervals, where both are equal."""
    side, left, top = 220, 40, 10

    def at(score: float, share: float) -> tuple[float, float]:
        return left + score * side, top + (1 - share) * side

    def line(bins: Sequence[ReliabilityBin], colour: str) -> str:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(each.score, each.share) for each in bins))
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'

    bars = "".join(
        f'<line x1="{left + each.score * side:.1f}" x2="{left + each.score * side:.1f}" '
        f'y1="{top + (1 - each.low) * side:.1f}" y2="{top + (1 - each.high) * side:.1f}" stroke="{ORANGE}"/>'
        for each in current
    )
    bottom, right = top + side, left + side
    labels = (
        f'<text x="{left}" y="{bottom + 14}">0</text><text x="{right}" y="{bottom + 14}" text-anchor="end">1</text>'
        f'<text x="{left + side / 2}" y="{bottom + 14}" text-anchor="middle">score</text>'
        f'<text x="{left - 6}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="{left - 6}" y="{top + 10}" text-anchor="end">1</text>'
        f'<text x="{right + 12}" y="{top + 14}" fill="{BLUE}">reference</text>'
        f'<text x="{right + 12}" y="{top + 30}" fill="{ORANGE}">current</text>'
        f'<text x="{right + 12}" y="{top + 46}" opacity=".75">dashed: scores that are probabilities</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 {bottom + 20}" role="img" font-size="11" '
        f'font-family="system-ui,sans-serif" fill="currentColor"><title>{escape(words)}</title>'
        f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="currentColor" '
        f'stroke-opacity=".3"/><line x1="{left}" y1="{bottom}" x2="{right}" y2="{top}" stroke="currentColor" '
        f'stroke-dasharray="3 3" stroke-opacity=".6"/>{line(reference, BLUE)}{bars}'
        f"{line(current, ORANGE)}{labels}</svg>"
    )


def _small(found: PerformanceReport) -> str:
    methods = sorted({each.current.method for each in found.metrics if each.current.method})
    label = f"; positive label {one_line(found.positive, 40)}" if found.positive else ""
    waiting = f", {found.awaits_labels:,} await their label" if found.awaits_labels else ""
    return (
        f"{one_line(found.target, 40)} and {one_line(found.prediction, 40)} ({found.task}{label}); reference "
        f"{one_line(found.reference, 80)}, {count(found.labelled[0], 'labelled row')}; current "
        f"{one_line(found.current, 80)}, {count(found.rows[1], 'row')}{waiting}. "
        f"Intervals: {'; '.join(methods) or 'none'}; of differences: MOVER. "
        f"Worse is what is at least {100 * found.threshold:g} % worse (a bias: of the RMSE) and "
        "certain enough that at most 5 % of reports without a change would say so."
    )
