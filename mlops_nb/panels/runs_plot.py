"""The picture of the runs: a plotly figure as its plain JSON form while a kernel lives, an SVG in the static form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from mlops_nb.panels.runs_view import best_run, is_drawable, most_common, ordered
from mlops_nb.panels.theme import BLUE, GREY, ORANGE
from mlops_nb.panels.wording import count, number, one_line, setting
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import RunSummary
from mlops_nb.tracking.values import Value

CATEGORIES = 12
"""Values that are not numbers have at most so many places on an axis."""

PLOTTED = {"scatter": 500, "parallel": 200}
"""At most so many runs are drawn as dots, as lines; more cannot be told apart."""


def drawable_rows(rows: Sequence[RunSummary], metric: str, param: str = "run") -> list[RunSummary]:
    """The rows that have a number for the metric and a value for the parameter."""
    having = [row for row in rows if is_drawable(row.metrics.get(metric))]
    return having if param == "run" else [row for row in having if row.params.get(param) is not None]


def spread(rows: Sequence[RunSummary], metric: str, most: int = PLOTTED["scatter"]) -> list[RunSummary]:
    """At most so many rows, evenly over the ranks of the metric, so that the best and the worst are among them."""
    if len(rows) <= most:
        return list(rows)
    ranked = sorted(rows, key=lambda row: (row.metrics[metric], row.id))
    picked = [ranked[round(place * (len(ranked) - 1) / (most - 1))] for place in range(most)]
    best = best_run(rows, metric)
    if best is not None and best.id not in {row.id for row in picked}:
        picked[most // 2] = best
    return picked


def drawn_words(drawn: int, having: int, of: int, metric: str, kind: str) -> str:
    """Which of the runs the figure shows, and how to read it.

    Args:
        drawn: how many are drawn.
        having: how many have a value there.
        of: how many there are.
        metric: the metric.
        kind: `scatter` or `parallel`.
    """
    words = f"{drawn:,} of {count(of, 'run')} drawn" if drawn < of else f"{count(drawn, 'run')} drawn"
    if drawn < having:
        words += f", evenly from worst to best {one_line(metric, 40)}"
    elif having < of:
        words += "; the others have no value there"
    way = "lower" if lower_is_better(metric) else "higher"
    return f"{words}. {way.capitalize()} is better{'; blue lines are the better runs' if kind == 'parallel' else ''}."


def figure(
    rows: Sequence[RunSummary], metric: str, param: str, kind: str, best: RunSummary | None = None
) -> dict[str, object]:
    """A plotly figure as its plain JSON form: parallel coordinates to a metric, or a scatter of one parameter.

    Args:
        rows: the runs to draw.
        metric: the metric.
        param: the parameter of the scatter; `run` is the run's number.
        kind: `scatter` or `parallel`.
        best: the best run of all, where `rows` are only some.
    """
    having = spread(drawable_rows(rows, metric, param if kind == "scatter" else "run"), metric, PLOTTED[kind])
    layout: dict[str, object] = {
        "height": 320,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "#808080"},
    }
    if kind == "scatter":
        data, more = _scatter(having, metric, param, best or best_run(rows, metric))
    else:
        data, more = _parallel(having, metric)
    return {"data": data, "layout": {**layout, **more}}


def _parallel(rows: Sequence[RunSummary], metric: str) -> tuple[list[object], dict[str, object]]:
    names = varying_params(rows)
    room = max(12, min(24, 84 // (len(names) + 1)))
    dimensions = [_dimension(rows, name, room) for name in names]
    values = [float(row.metrics[metric]) for row in rows]
    dimensions.append({"label": safe_label(metric, room), "values": values, "tickformat": ".4~g"})
    worst, best = (1, 0) if lower_is_better(metric) else (0, 1)
    line = {"color": values, "colorscale": sorted([[worst, ORANGE], [best, BLUE]])}
    margin = {"l": 24 + 6 * room, "r": 16 + 3 * room, "t": 48, "b": 28}
    return [{"type": "parcoords", "line": line, "dimensions": dimensions}], {"margin": margin}


def _scatter(
    rows: Sequence[RunSummary], metric: str, param: str, best_of_all: RunSummary | None
) -> tuple[list[object], dict[str, object]]:
    xs: list[object] = [_axis_value(row, param) for row in rows]
    dots: dict[str, object] = {
        "type": "scatter",
        "mode": "markers",
        "x": xs,
        "y": [float(row.metrics[metric]) for row in rows],
        "text": [safe_label(f"{row.name} (run {row.id})") for row in rows],
        "marker": {"size": 10, "color": BLUE, "line": {"color": GREY, "width": 1}},
    }
    grid = {"gridcolor": "rgba(128,128,128,0.25)", "zeroline": False}
    named = "run number" if param == "run" else param
    whole = {"tick0": 0, "dtick": 1} if param == "run" and len(rows) <= 10 else {}
    axes: dict[str, object] = {
        "xaxis": {**grid, **whole, **_categories(rows, param, xs), "title": {"text": safe_label(named)}},
        "yaxis": {**grid, "title": {"text": safe_label(metric)}},
        "margin": {"l": 60, "r": 60, "t": 12, "b": 48},
        "showlegend": False,
    }
    best = best_run(rows, metric)
    if best is None:
        return [dots], axes
    x, y = _axis_value(best, param), float(best.metrics[metric])
    ring = {"size": 18, "symbol": "circle-open", "color": GREY, "line": {"width": 2}}
    highlight = {"type": "scatter", "mode": "markers", "x": [x], "y": [y], "marker": ring, "hoverinfo": "skip"}
    is_right = _is_right_of_the_middle(x, xs, axes["xaxis"])
    label = {
        "x": x,
        "y": y,
        "text": _best_words(best, best_of_all),
        "showarrow": False,
        "xanchor": "right" if is_right else "left",
        "xshift": -14 if is_right else 14,
    }
    return [dots, highlight], {**axes, "annotations": [label]}


def _best_words(best: RunSummary, best_of_all: RunSummary | None) -> str:
    """What stands at the best run that is drawn; the best of all may have no place in the picture."""
    is_best = best_of_all is None or best_of_all.id == best.id
    return f"best: run {best.id}" if is_best else f"best here: run {best.id}"


def _categories(rows: Sequence[RunSummary], param: str, xs: Sequence[object]) -> dict[str, object]:
    """Words on an axis stand in their order, with a number among them a word too."""
    if not any(isinstance(x, str) for x in xs):
        return {}
    placed = sorted(zip(xs, rows, strict=True), key=lambda pair: ordered(pair[1].params.get(param)))
    return {"type": "category", "categoryarray": list(dict.fromkeys(x for x, _ in placed))}


def _is_right_of_the_middle(x: object, xs: Sequence[object], axis: object) -> bool:
    if isinstance(axis, dict) and "categoryarray" in axis:
        known: list[object] = axis["categoryarray"]
        return known.index(x) * 2 >= len(known)
    places = [float(str(place)) for place in xs]
    return float(str(x)) * 2 > min(places) + max(places)


def _axis_value(row: RunSummary, param: str) -> object:
    if param == "run":
        return row.id
    value = row.params.get(param)
    return value if is_drawable(value) else safe_label(setting(value, 40))


def _dimension(rows: Sequence[RunSummary], name: str, room: int) -> dict[str, object]:
    values = [row.params.get(name) for row in rows]
    if all(value is None or is_drawable(value) for value in values):
        places = [None if value is None else float(str(value)) for value in values]
        return {"label": safe_label(name, room), **_numeric_axis(places)}
    known = list(dict.fromkeys(map(_category, sorted(values, key=lambda value: (value is None, *ordered(value))))))
    words = list(map(_category, values))
    if len(known) > CATEGORIES:
        known[CATEGORIES - 1 :] = ["others"]
        words = [word if word in known else "others" for word in words]
    return {
        "label": safe_label(name, room),
        "values": [known.index(word) for word in words],
        "tickvals": list(range(len(known))),
        "ticktext": [safe_label(word, room) for word in known],
    }


def _numeric_axis(places: Sequence[float | None]) -> dict[str, object]:
    """An axis of numbers; below the least of them stand the runs that have none."""
    known = [place for place in places if place is not None]
    if len(known) == len(places):
        return {"values": known, "tickformat": ".4~g"}
    low, high = _span(known)
    below = low - 0.2 * (high - low)
    ticks = _ticks(low, high)
    return {
        "values": [below if place is None else place for place in places],
        "range": [below, high],
        "tickvals": [below, *ticks],
        "ticktext": ["not set", *map(_tick, ticks)],
    }


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high, about five."""
    step = 10.0 ** math.floor(math.log10((high - low) / 5)) if (high - low) / 5 > 1e-300 else 0.0
    if not step or max(abs(low), abs(high)) / step > 1e12:
        return [low, high]
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 5)
    return [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _category(value: Value) -> str:
    return "not set" if value is None else setting(value, 20)


def varying_params(rows: Sequence[RunSummary], limit: int = 6) -> list[str]:
    """The parameters that differ among the rows that have them, the commonest first."""
    names = most_common([row.params for row in rows], 50)
    return [name for name in names if len({_category(row.params[name]) for row in rows if name in row.params}) > 1][
        :limit
    ]


def safe_label(text: str, limit: int = 40) -> str:
    """The text with no markup in it: plotly reads a part of HTML in labels, and TeX between dollars."""
    return escape(one_line(text, limit), quote=False).replace("$", "&#36;")


def scatter_svg(rows: Sequence[RunSummary], metric: str, param: str) -> tuple[str, str]:
    """A scatter plot as inline SVG, and the sentence that says what it shows; empty without two points."""
    having = [row for row in drawable_rows(rows, metric, param) if is_drawable(_axis_value(row, param))]
    placed = [(float(str(_axis_value(row, param))), float(row.metrics[metric]), row) for row in spread(having, metric)]
    dots = [(x, y) for x, y, _ in placed]
    if len(dots) < 2:
        return "", ""
    best = best_run([row for _, _, row in placed], metric)
    (low_x, high_x), (low_y, high_y) = _span([x for x, _ in dots]), _span([y for _, y in dots])
    drawn = "".join(
        f'<circle cx="{56 + 570 * (x - low_x) / (high_x - low_x):.1f}" '
        f'cy="{168 - 150 * (y - low_y) / (high_y - low_y):.1f}" r="4.5" fill="{BLUE}" stroke="{GREY}"/>'
        for x, y in sorted(set(dots))
    )
    named = "run number" if param == "run" else one_line(param, 40)
    words = f"{one_line(metric, 40)} by {named}, {count(len(dots), 'run')}"
    ring = label = ""
    if best is not None:
        said = _best_words(best, best_run(rows, metric))
        words += f"; the {said.replace(':', ' is')}"
        x, y = next((x, y) for x, y, row in placed if row is best)
        left, top = 56 + 570 * (x - low_x) / (high_x - low_x), 168 - 150 * (y - low_y) / (high_y - low_y)
        near = (left - 11, "end") if left > 340 else (left + 11, "start")
        ring = f'<circle cx="{left:.1f}" cy="{top:.1f}" r="7" fill="none" stroke="currentColor"/>'
        label = _text(near[0], top + 4, said, near[1])
    texts = (
        _text(50, 22, number(high_y), "end")
        + _text(50, 172, number(low_y), "end")
        + _text(56, 188, _tick(low_x), "start")
        + _text(626, 188, _tick(high_x), "end")
        + _text(341, 198, named, "middle")
        + label
        + _text(56, 10, one_line(metric, 40), "start")
    )
    axes = '<path d="M56 14V170H630" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
    svg = (
        '<svg viewBox="0 0 640 204" xmlns="http://www.w3.org/2000/svg" role="img" font-size="11" '
        f'font-family="system-ui,sans-serif"><title>{escape(words)}</title>{axes}{drawn}{ring}{texts}</svg>'
    )
    return svg, words


def _tick(value: float) -> str:
    """A place on the axis of a parameter; settings are often whole numbers."""
    return setting(int(value) if value == int(value) else value, 24)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f' <text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="currentColor">{escape(text)}</text>'
