"""Series as curves: one small picture a metric, the runs over each other in it, each with its name at its end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_nb.panels.blocks import Block, Line, Picture
from mlops_nb.panels.runs_plot import svg_of, text_at
from mlops_nb.panels.theme import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from mlops_nb.panels.wording import count, listed, number, one_line
from mlops_nb.tracking.runs import Run
from mlops_nb.tracking.series import Curve

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION)
"""Of the first run, the reference, and of those against it."""

METRICS = 4
"""Metrics that are drawn; the names of the others are said."""

POINTS = 1_200
"""Points of all curves together: a picture stays small enough to be sent again while it grows."""

Drawn = tuple[str, Curve]
"""What stands at the end of a curve, and the curve."""


def curve_blocks(runs: Sequence[Run], *, is_log: bool = False) -> Iterator[Block]:
    """The series of some runs: a picture, how many values are drawn by how many, and what is left out.

    Args:
        runs: the reference first.
        is_log: whether the values stand on a logarithmic axis, where all of them are above 0.
    """
    runs = runs[: len(COLOURS)]
    by_metric: dict[str, list[tuple[int, Drawn]]] = {}
    for place, run in enumerate(runs):
        for curve in run.curves:
            label = f"run {run.id}" if len(runs) > 1 else ""
            by_metric.setdefault(curve.metric, []).append((place, (label, curve)))
    if not by_metric:
        return
    shown = dict(sorted(by_metric.items(), key=lambda pair: -len(pair[1]))[:METRICS])
    most = POINTS // (2 * sum(map(len, shown.values())))
    thin = {
        name: [(place, (label, curve.thinned(most))) for place, (label, curve) in drawn]
        for name, drawn in shown.items()
    }
    words = "; ".join(_words(name, [one for _, one in drawn]) for name, drawn in thin.items())
    is_thinned = any(curve.count > len(curve.buckets) for drawn in thin.values() for _, (_, curve) in drawn)
    names = listed([one_line(name, 40) for name in shown], METRICS)
    yield Picture(
        _charts(thin, words, is_log), f"{'Curve' if len(shown) == 1 else 'Curves'} of {names}." if is_thinned else words
    )
    if is_thinned:
        each = [_counted(curve) for drawn in thin.values() for _, (_, curve) in drawn]
        are_alike = len(each) > 1 and len(set(each)) == 1
        yield Line(f"Each curve: {each[0]}." if are_alike else f"{words}.", "small")
    if hidden := [name for name in by_metric if name not in shown]:
        yield Line(f"Not drawn: {listed([one_line(name, 40) for name in hidden], 6)}.", "small")


def _words(name: str, drawn: Sequence[Drawn]) -> str:
    """The metric, how many values it has in each run, and by how many they are drawn."""
    return f"{one_line(name, 40)}: {'; '.join(f'{label} {_counted(curve)}'.strip() for label, curve in drawn)}"


def _counted(curve: Curve) -> str:
    values = count(curve.count, "value")
    dots = sum(point is not None for point in curve.points(by_step=False))
    return f"{values}, drawn by {dots:,}" if curve.count > len(curve.buckets) else values


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a chart stands in the picture."""

    left: float
    right: float
    top: float
    bottom: float


def _charts(drawn: dict[str, list[tuple[int, Drawn]]], words: str, is_log: bool) -> str:
    """One chart over the whole width, or two a row."""
    is_alone = len(drawn) == 1
    tall = 150.0 if is_alone else 110.0
    inside = ""
    for place, (name, those) in enumerate(drawn.items()):
        top = 18 + (place // 2) * (tall + 46)
        left = 46.0 if is_alone or place % 2 == 0 else 362.0
        right = 536.0 if is_alone else left + 156
        inside += _chart(name, those, _Place(left, right, top, top + tall), is_log)
    return svg_of(inside, words, -(-len(drawn) // 2) * (tall + 46) + 6)


def _chart(name: str, drawn: Sequence[tuple[int, Drawn]], at: _Place, is_log: bool) -> str:
    by_step = all(curve.has_steps for _, (_, curve) in drawn)
    lines = [(place, label, curve.points(by_step=by_step)) for place, (label, curve) in drawn]
    known = [point for _, _, points in lines for point in points if point is not None]
    title = text_at(at.left - 4, at.top - 7, one_line(name, 40), "start")
    if not known:
        return title + text_at((at.left + at.right) / 2, (at.top + at.bottom) / 2, "no finite value", "middle")
    is_log = is_log and min(y for _, y in known) > 0
    scale = math.log10 if is_log else float
    low_x, high_x = span_of([x for x, _ in known])
    low, high = min(y for _, y in known), max(y for _, y in known)
    low_y, high_y = span_of([scale(low), scale(high)])

    def placed(point: tuple[float, float]) -> tuple[float, float]:
        x = at.left + (at.right - at.left) * ((point[0] - low_x) / (high_x - low_x))
        return x, at.bottom - (at.bottom - at.top) * (scale(point[1]) / (high_y - low_y) - low_y / (high_y - low_y))

    curves = "".join(
        path_of([None if point is None else placed(point) for point in points], COLOURS[place])
        for place, _, points in lines
    )
    ends = [
        (placed(last)[1], f"{label} {number(last[1])}".strip(), COLOURS[place])
        for place, label, points in lines
        if (last := next((point for point in reversed(points) if point is not None), None)) is not None
    ]
    labels = "".join(
        text_at(at.right + 5, y + 4, said, "start", dot=colour if len(ends) > 1 else "")
        for y, said, colour in _apart(ends, at.bottom)
    )
    axis = f"{'step' if by_step else 'in the order logged'}{', log scale' if is_log else ''}"
    texts = (
        text_at(at.left - 6, at.top + 4, number(high), "end")
        + (text_at(at.left - 6, at.bottom + 2, number(low), "end") if high > low else "")
        + text_at(at.left, at.bottom + 15, number(int(low_x)), "start")
        + text_at(at.right, at.bottom + 15, number(int(high_x)), "end")
        + text_at((at.left + at.right) / 2, at.bottom + 15, axis, "middle")
    )
    frame = (
        f'<path d="M{at.left:.0f} {at.top:.0f}V{at.bottom + 2:.0f}H{at.right:.0f}" fill="none" stroke="currentColor" '
        'stroke-opacity=".4"/>'
    )
    return f"{title}{frame}{curves}{labels}{texts}"


def path_of(points: Sequence[tuple[float, float] | None], colour: str) -> str:
    """A line with its gaps; a value between two gaps is a dot."""
    pieces: list[str] = []
    was_gap = True
    for point in points:
        if point is not None:
            pieces.append(f"{'M' if was_gap else 'L'}{point[0]:.1f} {point[1]:.1f}{'h0' if was_gap else ''}")
        was_gap = point is None
    return (
        f'<path d="{"".join(pieces)}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linecap="round" '
        'stroke-linejoin="round"/>'
    )


def _apart(ends: Sequence[tuple[float, str, str]], bottom: float) -> list[tuple[float, str, str]]:
    """Labels at the ends, from top to bottom, none over another and none below the chart."""
    found: list[tuple[float, str, str]] = []
    for y, said, colour in sorted(ends):
        found.append((max(y, found[-1][0] + 12) if found else y, said, colour))
    lowest = [bottom - 12 * (len(found) - 1 - place) for place in range(len(found))]
    return [(min(y, most), said, colour) for (y, said, colour), most in zip(found, lowest, strict=True)]


def span_of(values: Sequence[float]) -> tuple[float, float]:
    """From the lowest to the highest value; around a single one where there is no other."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - max(0.5, abs(low) / 10), high + max(0.5, abs(high) / 10))


def sparkline(curve: Curve) -> str:
    """A series in a line of a table."""
    points = curve.thinned(40).points(by_step=False)
    known = [point for point in points if point is not None]
    if len(known) < 2:
        return ""
    (low_x, high_x), (low_y, high_y) = span_of([x for x, _ in known]), span_of([y for _, y in known])
    placed = [
        None
        if point is None
        else (
            2 + 92 * (point[0] - low_x) / (high_x - low_x),
            14 - 12 * (point[1] / (high_y - low_y) - low_y / (high_y - low_y)),
        )
        for point in points
    ]
    return (
        f'<svg viewBox="0 0 96 16" width="96" height="16" xmlns="http://www.w3.org/2000/svg" role="img">'
        f"<title>{count(curve.count, 'value')}, from {number(known[0][1])} to {number(known[-1][1])}</title>"
        f"{path_of(placed, BLUE)}</svg>"
    )
