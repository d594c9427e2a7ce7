"""The picture of the runs as SVG, the same live and in the static form: dots over a parameter, lines through them all.

What stands for a run has its number in `data-run` and says its name on hover; a live panel opens it on a click.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mlops_nb.panels.runs_view import best_run, is_drawable, most_common, ordered
from mlops_nb.panels.theme import BLUE, GREY, ORANGE
from mlops_nb.panels.wording import count, number, one_line, setting
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import RunSummary
from mlops_nb.tracking.values import Value

CATEGORIES = 12
"""Values that are not numbers have at most so many places on an axis."""

PLOTTED = {"scatter": 180, "parallel": 100}
"""At most so many runs are drawn as dots, as lines; more cannot be told apart, and a picture stays small."""

AXES = 6
"""Parameters that have an axis among parallel coordinates."""

READABLE = 420
"""A picture is never drawn narrower; where there is less room it is moved sideways."""

LOGARITHM_FROM = 100
"""A parameter whose greatest value is so many times its least is drawn on a logarithmic axis."""


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
    """Which of the runs the picture shows, and how to read it.

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


def varying_params(rows: Sequence[RunSummary], limit: int = AXES) -> list[str]:
    """The parameters that differ among the rows that have them, the commonest first."""
    names = most_common([row.params for row in rows], 50)
    return [name for name in names if len({_category(row.params[name]) for row in rows if name in row.params}) > 1][
        :limit
    ]


def main_kind(rows: Sequence[RunSummary], metric: str) -> str:
    """Parallel coordinates where two or more parameters vary that most of the runs have, else a scatter."""
    having = drawable_rows(rows, metric)
    shared = [name for name in varying_params(having) if 2 * sum(name in row.params for row in having) > len(having)]
    return "parallel" if len(shared) > 1 and len(having) > 2 else "scatter"


def picture(
    rows: Sequence[RunSummary], metric: str, param: str, kind: str, best: RunSummary | None = None
) -> tuple[str, str]:
    """Parallel coordinates to a metric, or a scatter of one parameter, as SVG, and the sentence that says the same.

    Empty without two runs to draw.

    Args:
        rows: the runs to draw.
        metric: the metric.
        param: the parameter of the scatter; `run` is the run's number.
        kind: `scatter` or `parallel`.
        best: the best run of all, where `rows` are only some.
    """
    having = spread(drawable_rows(rows, metric, param if kind == "scatter" else "run"), metric, PLOTTED[kind])
    if len(having) < 2:
        return "", ""
    here = best_run(having, metric)
    said = _best_words(here, best or best_run(rows, metric)) if here else ""
    draw = _scatter if kind == "scatter" else _parallel
    return draw(having, metric, param, here, said)


# axes


@dataclass(frozen=True, slots=True)
class Axis:
    """Where the runs stand on an axis: from 0 to 1 each, and the places that have a label."""

    label: str
    places: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...]


def axis_of(rows: Sequence[RunSummary], name: str) -> Axis:
    """The axis of a parameter (`run`: the run's number); below its least number stand the runs that have none."""
    if name == "run":
        return _numeric("run number", [float(row.id) for row in rows])
    values = [row.params.get(name) for row in rows]
    if all(value is None or is_drawable(value) for value in values):
        return _numeric(name, [None if value is None else float(str(value)) for value in values])
    known = list(dict.fromkeys(map(_category, sorted(values, key=lambda value: (value is None, *ordered(value))))))
    words = list(map(_category, values))
    if len(known) > CATEGORIES:
        known[CATEGORIES - 1 :] = ["others"]
        words = [word if word in known else "others" for word in words]
    step = 1 / max(1, len(known) - 1)
    ticks = tuple((place * step, word) for place, word in enumerate(known))
    return Axis(name, tuple(known.index(word) * step for word in words), ticks)


def _numeric(name: str, values: Sequence[float | None]) -> Axis:
    known = [value for value in values if value is not None]
    low, high = _span(known)
    is_log = min(known) > 0 and max(known) / min(known) >= LOGARITHM_FROM and name != "run number"
    ticks = _powers(low, high) if is_log else _ticks(low, high)
    if name == "run number":
        ticks = [tick for tick in ticks if tick == int(tick)]
    scale = math.log10 if is_log else float
    start, end = scale(low), scale(high)
    floor = 0.0 if len(known) == len(values) else 0.16

    def place(value: float | None) -> float:
        return (
            0.0 if value is None else floor + (1 - floor) * min(1.0, max(0.0, (scale(value) - start) / (end - start)))
        )

    labels = [(place(tick), _tick(tick)) for tick in ticks]
    named = f"{name} (log)" if is_log else name
    return Axis(named, tuple(map(place, values)), (*([(0.0, "not set")] if floor else []), *labels))


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high, about five."""
    step = 10.0 ** math.floor(math.log10((high - low) / 5)) if (high - low) / 5 > 1e-300 else 0.0
    if not step or max(abs(low), abs(high)) / step > 1e12:
        return [low, high]
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 5)
    whole = [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return whole if len(whole) > 1 else [low, high]


def _powers(low: float, high: float) -> list[float]:
    """Powers of ten from low to high, at most about six."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    return [10.0**power for power in range(first, last + 1, max(1, (last - first) // 5))]


def _tick(value: float) -> str:
    """A place on the axis of a parameter; settings are often whole numbers."""
    return setting(int(value) if value == int(value) else float(f"{value:.6g}"), 24)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.0 if high > low else max(0.5, abs(low) / 10)
    return low - margin, high + margin


def _category(value: Value) -> str:
    return "not set" if value is None else setting(value, 20)


# drawing

_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 622.0, 20.0, 164.0


def _scatter(
    rows: Sequence[RunSummary], metric: str, param: str, best: RunSummary | None, said: str
) -> tuple[str, str]:
    across, up = axis_of(rows, param), _numeric(metric, [float(row.metrics[metric]) for row in rows])
    at = {
        row.id: (_LEFT + (_RIGHT - _LEFT) * x, _BOTTOM - (_BOTTOM - _TOP) * y)
        for row, x, y in zip(rows, across.places, up.places, strict=True)
    }
    dots = "".join(
        f'<circle cx="{at[row.id][0]:.1f}" cy="{at[row.id][1]:.1f}" r="4.5" {_of(row, metric)}</circle>' for row in rows
    )
    room = max(4, int((_RIGHT - _LEFT) / 7 / max(1, len(across.ticks))))
    texts = "".join(
        text_at(_LEFT + (_RIGHT - _LEFT) * x, 184, one_line(label, room), "middle") for x, label in across.ticks
    ) + "".join(text_at(_LEFT - 10, _BOTTOM - (_BOTTOM - _TOP) * y + 4, label, "end") for y, label in up.ticks)
    texts += text_at((_LEFT + _RIGHT) / 2, 199, one_line(across.label, 40), "middle")
    texts += text_at(_LEFT - 6, 10, one_line(metric, 40), "start")
    words = f"{one_line(metric, 40)} by {one_line(across.label, 40)}, {count(len(rows), 'run')}"
    mark = ""
    if best is not None:
        words += f"; the {said.replace(':', ' is')}"
        (x, y), is_left = at[best.id], at[best.id][0] <= 340
        mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="currentColor" pointer-events="none"/>'
        mark += text_at(x + (10 if is_left else -10), y - 4, said, "start" if is_left else "end")
    frame = '<path d="M56 14V170H630" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
    return svg_of(f'{frame}<g fill="{BLUE}" stroke="{GREY}">{dots}</g>{mark}{texts}', words, 204), words


def _parallel(rows: Sequence[RunSummary], metric: str, _: str, best: RunSummary | None, said: str) -> tuple[str, str]:
    """A line a run through an axis a parameter, to the metric at the right; the better, the bluer, and above."""
    axes = [axis_of(rows, name) for name in varying_params(rows)]
    values = [float(row.metrics[metric]) for row in rows]
    axes.append(_numeric(metric, values))
    gap = (_RIGHT - 126) / max(1, len(axes) - 1)
    sides = [70 + gap * place for place in range(len(axes))]
    height = 210.0
    points = [[f"{x:.0f} {height - 170 * y:.0f}" for x, y in zip(sides, each, strict=True)] for each in _by_row(axes)]
    sign = -1 if lower_is_better(metric) else 1
    low, high = _span(values)
    ranked = sorted(range(len(rows)), key=lambda place: (sign * values[place], rows[place].id))
    thick = {best.id: ' stroke-width="3"'} if best is not None else {}
    lines = "".join(
        f'<path d="M{"L".join(points[place])}" stroke="{_between((values[place] - low) / (high - low), sign)}"'
        f"{thick.get(rows[place].id, '')} {_of(rows[place], metric)}</path>"
        for place in ranked
    )
    words = f"{one_line(metric, 40)} by the parameters that vary, {count(len(rows), 'run')}"
    at_best = math.inf
    texts = ""
    if best is not None:
        words += f"; the {said.replace(':', ' is')}"
        at_best = height - 170 * axes[-1].places[next(place for place, row in enumerate(rows) if row.id == best.id)]
        texts = text_at(sides[-1] + 6, at_best + 4, said, "start", halo=True)
    is_tight = gap < 110
    room = 16 if is_tight else int(gap / 7)
    for place, (x, each) in enumerate(zip(sides, axes, strict=True)):
        is_last = place == len(axes) - 1
        texts += f'<path d="M{x:.0f} 36V214" stroke="currentColor" stroke-opacity=".4"/>'
        texts += text_at(x, 12 if is_tight and place % 2 == 0 else 26, one_line(each.label, room), "middle")
        for up, label in each.ticks:
            y = height - 170 * up
            if not is_last:
                texts += text_at(x - 6, y + 4, one_line(label, int(gap / 7)), "end", halo=True)
            elif abs(y - at_best) > 12:
                texts += text_at(x + 6, y + 4, one_line(label, 10), "start", halo=True)
    return svg_of(f'<g fill="none" stroke-width="1.5" stroke-opacity=".8">{lines}</g>{texts}', words, 220), words


def _by_row(axes: Sequence[Axis]) -> list[tuple[float, ...]]:
    return list(zip(*(axis.places for axis in axes), strict=True))


def _between(part: float, sign: int) -> str:
    """The colour of a place from worst (orange) to best (blue)."""
    part = part if sign > 0 else 1 - part
    pairs = [(int(ORANGE[k : k + 2], 16), int(BLUE[k : k + 2], 16)) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(worst + part * (best - worst)):02x}" for worst, best in pairs)


def _of(row: RunSummary, metric: str) -> str:
    """The attributes and the words of what stands for a run."""
    words = f"{one_line(row.name, 24)} (run {row.id}): {number(float(row.metrics[metric]))}"
    return f'data-run="{row.id}"><title>{escape(words)}</title>'


def _best_words(best: RunSummary, best_of_all: RunSummary | None) -> str:
    """What stands at the best run that is drawn; the best of all may have no place in the picture."""
    is_best = best_of_all is None or best_of_all.id == best.id
    return f"best: run {best.id}" if is_best else f"best here: run {best.id}"


def svg_of(inside: str, words: str, height: float) -> str:
    """A picture of ours, 640 wide, with its sentence as its title."""
    return (
        f'<svg viewBox="0 0 640 {height:.0f}" xmlns="http://www.w3.org/2000/svg" role="img" font-size="11" '
        f'style="min-width:{READABLE}px" font-family="system-ui,sans-serif"><title>{escape(words)}</title>'
        f"{inside}</svg>"
    )


def text_at(x: float, y: float, text: str, anchor: str, *, halo: bool = False, dot: str = "") -> str:
    """Words in a picture; a halo of the ground's colour keeps them readable over lines, a dot says whose they are."""
    around = ' class="mp-halo"' if halo else ""
    mark = f'<tspan fill="{dot}">● </tspan>' if dot else ""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="currentColor" pointer-events="none"{around}>'
        f"{mark}{escape(text)}</text>"
    )
