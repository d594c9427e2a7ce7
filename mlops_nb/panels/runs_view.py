"""The runs table as plain values: what a sort, a filter, a page and a plot of it are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from mlops_nb.panels.theme import BLUE, GREY, ORANGE
from mlops_nb.panels.wording import STATUS_WORDS, ago, count, duration, exact_time, number, one_line, setting
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import Run, RunSummary, RunTable
from mlops_nb.tracking.values import Value

if TYPE_CHECKING:
    from mlops_nb.tracking.compare import Comparison

PAGE = 10
METRICS = 4
PARAMS = 4
"""Metrics and parameters that have a column: those most runs have."""

CATEGORIES = 12
"""Values that are not numbers have at most so many places on an axis."""

PLOTTED = 500
"""At most so many runs are drawn; more cannot be told apart."""


Load = Callable[[int], Run]
Compare = Callable[[int, int], "Comparison"]
Refresh = Callable[[], RunTable]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `key` is what sorts it (`name`, `metrics.accuracy`), `right` aligns it."""

    key: str
    label: str
    right: bool = False


def columns_of(table: RunTable) -> tuple[Column, ...]:
    """The columns worth showing: a run's name and state, then the commonest metrics and parameters."""
    metrics = most_common([row.metrics for row in table.rows], METRICS)
    params = most_common([row.params for row in table.rows], PARAMS)
    return (
        Column("name", "name"),
        Column("id", "run", True),
        *(Column(f"metrics.{name}", one_line(name, 24), True) for name in metrics),
        Column("status", "status"),
        *(Column(f"params.{name}", one_line(name, 24), True) for name in params),
        Column("started", "started"),
        Column("duration", "took", True),
    )


def most_common(mappings: Iterable[Mapping[str, object]], limit: int) -> list[str]:
    """The names that most of the mappings have; ties in alphabetical order."""
    counted = Counter(name for mapping in mappings for name in mapping)
    return [name for name, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]]


def value_of(row: RunSummary, key: str) -> Value:
    """The value of a column in a row; None where it has none."""
    group, dot, name = key.partition(".")
    if dot and group in ("metrics", "params"):
        found: Value = getattr(row, group).get(name)
        return found
    plain: Value = getattr(row, key)
    return plain


def cell_text(row: RunSummary, key: str, now: float | None = None) -> tuple[str, str]:
    """What a cell shows, and what it says on hover. With `now` a time is how long ago it was."""
    value = value_of(row, key)
    if key == "status":
        shape, word = STATUS_WORDS[row.status]
        return f"{shape} {word}", ""
    if key == "started":
        exact = exact_time(row.started)
        return (exact[:16], "") if now is None else (ago(row.started, now), exact)
    if key == "duration":
        return duration(row.duration) if row.duration is not None else "", ""
    if key == "id":
        return str(row.id), row.uid
    if key == "name":
        return one_line(row.name, 40), one_line(row.name, 300)
    if value is None:
        return "", ""
    if key.startswith("metrics."):
        return number(float(str(value))), str(value)
    return setting(value, 24), setting(value, 300)


def sentence(table: RunTable) -> str:
    """How many runs, and which is the best by the commonest metric."""
    shown = len(table.rows)
    total = count(table.total, "run") if shown == table.total else f"{shown:,} of {count(table.total, 'run')}"
    metric = main_metric(table)
    best = best_run(table, metric) if metric else None
    if best is None:
        return f"{total}."
    value = number(float(best.metrics[metric]))
    way = "lowest" if lower_is_better(metric) else "highest"
    said = f"{one_line(best.name, 40)} (run {best.id}) has the {way} {one_line(metric, 40)}: {value}."
    return f"{total}. {said}"


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


def sorted_rows(rows: Sequence[RunSummary], sort: str) -> list[RunSummary]:
    """The rows by a column, `-key` downwards; rows without a value come last either way."""
    key, down = sort.removeprefix("-"), sort.startswith("-")
    having = [row for row in rows if _sortable(value_of(row, key))]
    lacking = [row for row in rows if not _sortable(value_of(row, key))]
    having.sort(key=lambda row: _order(value_of(row, key)), reverse=down)
    return having + lacking


def _sortable(value: Value) -> bool:
    return value is not None and value == value


def _order(value: Value) -> tuple[int, float, str]:
    if isinstance(value, bool | int | float):
        return 0, float(value) if abs(value) < 1e300 else (1e300 if value > 0 else -1e300), ""
    return 1, 0.0, str(value).lower()


def filtered_rows(rows: Sequence[RunSummary], text: str) -> list[RunSummary]:
    """The rows in whose name, number, status, parameters or tags every word of the text occurs."""
    words = text.lower().split()
    return [row for row in rows if all(word in _searched(row) for word in words)] if words else list(rows)


def _searched(row: RunSummary) -> str:
    parts = [row.name, f"#{row.id}", row.status, row.kind]
    parts += [f"{name}={value}" for name, value in (*row.params.items(), *row.tags.items())]
    return " ".join(parts).lower()


def drawable_rows(rows: Sequence[RunSummary], metric: str, param: str = "run") -> list[RunSummary]:
    """The rows that have a number for the metric and a value for the parameter."""
    having = [row for row in rows if is_drawable(row.metrics.get(metric))]
    return having if param == "run" else [row for row in having if row.params.get(param) is not None]


def spread(rows: Sequence[RunSummary], metric: str, most: int = PLOTTED) -> list[RunSummary]:
    """At most so many rows, evenly over the ranks of the metric, so that the best and the worst are among them."""
    if len(rows) <= most:
        return list(rows)
    ranked = sorted(rows, key=lambda row: (row.metrics[metric], row.id))
    return [ranked[round(place * (len(ranked) - 1) / (most - 1))] for place in range(most)]


def drawn_words(rows: Sequence[RunSummary], metric: str, param: str, kind: str) -> str:
    """Which of the runs the figure shows, and how to read it."""
    having = len(drawable_rows(rows, metric, param if kind == "scatter" else "run"))
    drawn = min(having, PLOTTED)
    words = f"{drawn:,} of {count(len(rows), 'run')} drawn" if drawn < len(rows) else f"{count(drawn, 'run')} drawn"
    if drawn < having:
        words += f", evenly from worst to best {one_line(metric, 40)}"
    elif having < len(rows):
        words += "; the others have no value there"
    way = "lower" if lower_is_better(metric) else "higher"
    return f"{words}. {way.capitalize()} is better{'; blue lines are the better runs' if kind == 'parallel' else ''}."


def figure(rows: Sequence[RunSummary], metric: str, param: str, kind: str) -> dict[str, object]:
    """A plotly figure as its plain JSON form: parallel coordinates to a metric, or a scatter of one parameter."""
    having = spread(drawable_rows(rows, metric, param if kind == "scatter" else "run"), metric)
    layout: dict[str, object] = {
        "height": 320,
        "margin": {"l": 60, "r": 60, "t": 12 if kind == "scatter" else 48, "b": 48 if kind == "scatter" else 16},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "#808080"},
    }
    if kind == "scatter":
        data, axes = _scatter(having, metric, param)
        return {"data": [data], "layout": {**layout, **axes, "showlegend": False}}
    names = varying_params(having)
    dimensions = [_dimension(having, name) for name in names]
    values = [float(row.metrics[metric]) for row in having]
    dimensions.append({"label": safe_label(metric), "values": values})
    worst, best = (1, 0) if lower_is_better(metric) else (0, 1)
    line = {"color": values, "colorscale": sorted([[worst, ORANGE], [best, BLUE]])}
    return {"data": [{"type": "parcoords", "line": line, "dimensions": dimensions}], "layout": layout}


def _scatter(rows: Sequence[RunSummary], metric: str, param: str) -> tuple[dict[str, object], dict[str, object]]:
    xs: list[object] = [_axis_value(row, param) for row in rows]
    data: dict[str, object] = {
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
        "xaxis": {**grid, **whole, "title": {"text": safe_label(named)}},
        "yaxis": {**grid, "title": {"text": safe_label(metric)}},
    }
    return data, axes


def _axis_value(row: RunSummary, param: str) -> object:
    if param == "run":
        return row.id
    value = row.params.get(param)
    return value if is_drawable(value) else safe_label(setting(value, 40))


def _dimension(rows: Sequence[RunSummary], name: str) -> dict[str, object]:
    values = [row.params.get(name) for row in rows]
    if all(is_drawable(value) for value in values):
        return {"label": safe_label(name), "values": [float(str(value)) for value in values]}
    ordered = sorted(values, key=lambda value: (value is None, *_order(value)))
    known = list(dict.fromkeys(map(_category, ordered)))
    words = list(map(_category, values))
    if len(known) > CATEGORIES:
        known[CATEGORIES - 1 :] = ["others"]
        words = [word if word in known else "others" for word in words]
    return {
        "label": safe_label(name),
        "values": [known.index(word) for word in words],
        "tickvals": list(range(len(known))),
        "ticktext": [safe_label(word) for word in known],
    }


def _category(value: Value) -> str:
    return "not set" if value is None else setting(value, 20)


def varying_params(rows: Sequence[RunSummary], limit: int = 6) -> list[str]:
    """The parameters that differ among the rows, the commonest first."""
    names = most_common([row.params for row in rows], 50)
    return [name for name in names if len({_category(row.params.get(name)) for row in rows}) > 1][:limit]


def is_drawable(value: object) -> bool:
    """Whether the value is a number with a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def safe_label(text: str) -> str:
    """The text with no markup in it: plotly reads a part of HTML in labels, and TeX between dollars."""
    return escape(one_line(text, 40), quote=False).replace("$", "&#36;")


def scatter_svg(rows: Sequence[RunSummary], metric: str, param: str) -> tuple[str, str]:
    """A scatter plot as inline SVG, and the sentence that says what it shows; empty without two points."""
    having = [row for row in drawable_rows(rows, metric, param) if is_drawable(_axis_value(row, param))]
    placed = [(float(str(_axis_value(row, param))), float(row.metrics[metric]), row) for row in spread(having, metric)]
    dots = [(x, y) for x, y, _ in placed]
    if len(dots) < 2:
        return "", ""
    sign = -1 if lower_is_better(metric) else 1
    best_x, best_y, best = max(placed, key=lambda place: (sign * place[1], place[2].id))
    (low_x, high_x), (low_y, high_y) = _span([x for x, _ in dots]), _span([y for _, y in dots])
    drawn = "".join(
        f'<circle cx="{56 + 570 * (x - low_x) / (high_x - low_x):.1f}" '
        f'cy="{168 - 150 * (y - low_y) / (high_y - low_y):.1f}" r="4.5" fill="{BLUE}" stroke="{GREY}"/>'
        for x, y in sorted(set(dots))
    )
    named = "run number" if param == "run" else one_line(param, 40)
    words = f"{one_line(metric, 40)} by {named}, {count(len(dots), 'run')}; the best is run {best.id}"
    left, top = 56 + 570 * (best_x - low_x) / (high_x - low_x), 168 - 150 * (best_y - low_y) / (high_y - low_y)
    ring = f'<circle cx="{left:.1f}" cy="{top:.1f}" r="7" fill="none" stroke="currentColor"/>'
    near = (left - 11, "end") if left > 340 else (left + 11, "start")
    texts = (
        _text(50, 22, number(high_y), "end")
        + _text(50, 172, number(low_y), "end")
        + _text(56, 188, _tick(low_x), "start")
        + _text(626, 188, _tick(high_x), "end")
        + _text(341, 198, named, "middle")
        + _text(near[0], top + 4, f"best: run {best.id}", near[1])
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
