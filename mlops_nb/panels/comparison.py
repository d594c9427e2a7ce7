"""Two or more runs, and only what differs between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mlops_nb.panels.blocks import Block, Fold, Line, Pre, Span, Table, Words, paged
from mlops_nb.panels.curves import curve_blocks
from mlops_nb.panels.parts import told_apart
from mlops_nb.panels.theme import Panel, change_span, number_span
from mlops_nb.panels.wording import count, duration, listed, many_lines, number, numbers, one_line, setting, size
from mlops_nb.tracking.compare import CodeDifference, Comparison, Difference
from mlops_nb.tracking.metrics import is_by_the_way
from mlops_nb.tracking.runs import Run
from mlops_nb.tracking.values import Value

ROWS = 40
RUNS = 6
"""Runs side by side; with more a table is no longer read."""

OPEN = 5
"""Cell diffs that are seen at once."""

DIFFS = 12
DIFF_TEXT = 40_000
"""Cell diffs, and characters of them together."""

_UNITS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "seconds": ("time", duration),
    "CPU seconds": ("CPU", duration),
    "peak memory bytes": ("more memory at the peak", size),
    "memory bytes": ("memory", size),
}


def comparison_panel(comparison: Comparison) -> Panel:
    """What differs: the series over each other, metrics first, code after what is in tables, what they took folded."""
    return Panel((*growing_blocks(comparison), *settled_blocks(comparison)))


def growing_blocks(comparison: Comparison, *, is_log: bool = False) -> Iterator[Block]:
    """What of a comparison changes while one of its runs is going on: the sentence, the series, the metrics."""
    yield Line(_sentence(comparison), "sentence")
    yield from curve_blocks(comparison.runs, is_log=is_log)
    if hidden := comparison.runs[RUNS:]:
        more = listed([f"run {run.id}" for run in hidden], 10)
        yield Line(f"The tables show the first {RUNS} runs. Not in them: {more}.", "small")
    if comparison.metrics:
        yield from paged(_table("Metrics", comparison, comparison.metrics, metrics=True))


def settled_blocks(comparison: Comparison) -> Iterator[Block]:
    """The rest of a comparison."""
    yield from _params(comparison)
    for title, differences in (
        ("Data read", _by_data_set(comparison.data)),
        ("Packages", comparison.packages),
        ("Seeds", comparison.seeds),
        ("Hardware", comparison.hardware),
        ("Surroundings", _untitled(comparison.surroundings)),
    ):
        if differences:
            yield from paged(_table(title, comparison, differences))
    code = list(_code(comparison))
    yield from code[:OPEN]
    if len(code) > OPEN:
        yield Fold("Code of other cells", tuple(code[OPEN:]))
    if comparison.resources:
        yield Fold("What they took", (_table("Time and memory", comparison, comparison.resources),))


def _params(comparison: Comparison) -> Iterator[Block]:
    """The parameters; defaults of an estimator that not all of the runs have are behind a title."""
    defaults = [told_apart(run)[1] for run in comparison.runs]
    aside = [
        one
        for one in comparison.params
        if one.lacking and all(one.name in names for place, names in enumerate(defaults) if place not in one.lacking)
    ]
    shown = [one for one in comparison.params if one not in aside]
    if shown:
        yield from paged(_table("Parameters", comparison, shown))
    if aside:
        table = _table("At their defaults", comparison, aside)
        yield Fold(f"{count(len(aside), 'setting')} at the default of an estimator that not all have", (table,))


def _sentence(comparison: Comparison) -> Words:
    runs = comparison.runs
    if comparison.is_same:
        who = f"{_name(runs[1])} and {_name(runs[0])}" if len(runs) == 2 else f"These {len(runs)} runs"
        return (f"{who} do not differ", " in anything that was recorded.")
    if len(runs) == 2:
        return (f"{_name(runs[1])} against {_name(runs[0])}: ", *_change(comparison), _rest(comparison))
    return (f"{len(runs)} runs: ", *_range(comparison), _rest(comparison))


def _name(run: Run) -> str:
    return f"{one_line(run.name, 40)} (run {run.id})"


def _change(comparison: Comparison) -> Iterator[str | Span]:
    """How the first metric that both have moved."""
    for one in _quality_first(comparison):
        left, right = (_number(value) for value in one.values)
        if left is not None and right is not None:
            yield f"{one_line(one.name, 40)} "
            yield from change_span(one.name, right, left)
            yield "; "
            return


def _range(comparison: Comparison) -> Iterator[str]:
    """Between what and what the first metric lies, and in which runs."""
    for one in _quality_first(comparison):
        pairs = [(value, run) for value, run in zip(map(_number, one.values), comparison.runs, strict=True)]
        known = [(value, run) for value, run in pairs if value is not None and value == value]
        if len(known) > 1:
            (low, least), (high, most) = (way(known, key=lambda pair: pair[0]) for way in (min, max))
            yield f"{one_line(one.name, 40)} from {number(low)} ({_name(least)}) to {number(high)} ({_name(most)}); "
            return


def _quality_first(comparison: Comparison) -> list[Difference]:
    inferred = {metric.name: metric.inferred for run in comparison.runs for metric in run.metrics}
    return sorted(comparison.metrics, key=lambda one: is_by_the_way(one.name, inferred=inferred.get(one.name, False)))


def _rest(comparison: Comparison) -> str:
    parts = [
        count(len(found), *nouns)
        for found, *nouns in (
            (comparison.params, "parameter"),
            ({one.name.partition(".")[0].partition(":")[0] for one in comparison.data}, "data set"),
            (comparison.packages, "package"),
            (comparison.seeds, "seed"),
            (comparison.hardware, "fact of the hardware", "facts of the hardware"),
        )
        if found
    ] + [one_line(one.name, 40) for one in _untitled(comparison.surroundings)]
    parts += ["the code"] if comparison.code else []
    one_thing = len(parts) == 1 and (parts[0].startswith("1 ") or not parts[0][0].isdigit())
    return f"{listed(parts, 9)} differ{'s' if one_thing else ''}." if parts else "nothing else differs."


def _untitled(found: Sequence[Difference]) -> tuple[Difference, ...]:
    """Without the runs' names, which the titles of the columns say."""
    return tuple(one for one in found if one.name != "name")


_OF_A_COLUMN = re.compile(r"([^.:]+)\.(.*): (type|content)", re.DOTALL)


def _by_data_set(found: Sequence[Difference]) -> list[Difference]:
    """The differences of the columns of a data set as two lines: which are not in all runs, and which changed."""
    lines: list[Difference] = []
    only: dict[str, list[Difference]] = {}
    changed: dict[str, list[Difference]] = {}
    for one in found:
        known = _OF_A_COLUMN.fullmatch(one.name)
        if known is None or (known[3] == "type" and None not in one.values):
            lines.append(one)
        else:
            by_name = only if known[3] == "type" else changed
            by_name.setdefault(known[1], []).append(Difference(known[2], one.values))
    for name, columns in only.items():
        sides = zip(*(one.values for one in columns), strict=True)
        named = (_columns(columns, [value is not None for value in side]) for side in sides)
        _put(lines, name, Difference(f"{name}: columns not in all", tuple(named)))
    for name, columns in changed.items():
        base, *others = zip(*(one.values for one in columns), strict=True)
        changes = [_columns(columns, [a != b for a, b in zip(base, side, strict=True)]) for side in others]
        _put(lines, name, Difference(f"{name}: changed columns", ("base", *changes)))
    return lines


def _columns(columns: Sequence[Difference], counted: Sequence[bool]) -> str:
    names = [one_line(one.name, 24) for one, is_counted in zip(columns, counted, strict=True) if is_counted]
    return f"{len(names):,}: {listed(names, 3)}" if names else "none"


def _put(lines: list[Difference], name: str, line: Difference) -> None:
    """The line behind those of its data set."""
    own = [
        place for place, one in enumerate(lines) if one.name == name or one.name.startswith((f"{name}:", f"{name}."))
    ]
    lines.insert(own[-1] + 1 if own else len(lines), line)


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _table(title: str, comparison: Comparison, found: Sequence[Difference], *, metrics: bool = False) -> Table:
    runs = comparison.runs[:RUNS]
    pair = metrics and len(runs) == 2
    columns = ("name", *(_name(run) for run in runs), *(("change",) if pair else ()))
    rows = tuple(_row(one, metrics=metrics, pair=pair) for one in found[:ROWS])
    right = frozenset(range(1, len(runs) + 1)) if metrics else frozenset()
    numbers_of = ", ".join(str(run.id) for run in comparison.runs[:RUNS])
    more = f"+{len(found) - ROWS:,} more: mlops_nb.compare({numbers_of})" if len(found) > ROWS else ""
    return Table(title, columns, rows, right, more)


def _row(one: Difference, *, metrics: bool, pair: bool) -> tuple[Words, ...]:
    values = one.values[:RUNS]
    if not metrics:
        name, shown = _UNITS.get(one.name, (one.name, lambda value: setting(value, 80)))
        absent = {place for place, value in enumerate(values) if value is None and one.name in _UNITS} | {*one.lacking}
        sides = ("not there" if place in absent else shown(value) for place, value in enumerate(values))
        return (one_line(name, 60), *sides)
    figures = [_number(value) for value in values]
    cells: list[Words] = [
        "not measured" if figure is None else number_span(figure, shown)
        for figure, shown in zip(figures, numbers(figures), strict=True)
    ]
    if pair:
        left, right = figures
        cells.append(change_span(one.name, right, left) if left is not None and right is not None else "")
    return (one_line(one.name, 60), *cells)


def _code(comparison: Comparison) -> Iterator[Block]:
    room = DIFF_TEXT
    first = comparison.runs[0].id
    for place, one in enumerate(comparison.code):
        if place >= DIFFS or room <= 0:
            yield Line(
                f"+{count(len(comparison.code) - place, 'more cell')} differ: mlops_nb.compare(...).code", "small"
            )
            return
        text = many_lines(one.cell.diff.removeprefix("--- before\n+++ after\n"), min(room, 20_000))
        room -= len(text)
        yield Pre(_title(one, first, len(comparison.runs) == 2), text, "diff")


def _title(one: CodeDifference, first: int, pair: bool) -> str:
    label = one_line(one.cell.label, 80) or "a cell"
    who = "" if pair else f", run {one.run} against run {first}"
    only = " (only its comments, its layout or what it shows)" if not one.cell.lines else ""
    here = {(True, False): " (not there any more)", (False, True): " (new)"}.get(
        (one.cell.right is None, one.cell.left is None), ""
    )
    return f"Code: {label}{here or only}{who}"
