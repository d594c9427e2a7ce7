"""Two runs, and only what differs between them."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Pre, Span, Table, Words
from mlops_nb.panels.theme import Panel, change_span, number_span
from mlops_nb.panels.wording import count, listed, many_lines, numbers, one_line, setting
from mlops_nb.tracking.compare import Comparison, Difference
from mlops_nb.tracking.runs import Run

ROWS = 40


def comparison_panel(comparison: Comparison) -> Panel:
    """What differs, metrics first, code last."""
    return Panel(_blocks(comparison))


def _blocks(comparison: Comparison) -> Iterator[Block]:
    left, right = (_name(run) for run in (comparison.left, comparison.right))
    if comparison.is_same:
        yield Line((f"{right} and {left} do not differ", " in anything that was recorded."), "sentence")
        return
    yield Line((f"{right} against {left}: ", *_verdict(comparison)), "sentence")
    if comparison.metrics:
        rows = tuple(_metric(difference) for difference in comparison.metrics[:ROWS])
        yield _table("Metrics", left, right, rows, len(comparison.metrics), change=True)
    for title, differences in (
        ("Parameters", comparison.params),
        ("Data read", comparison.data),
        ("Packages", comparison.packages),
        ("Surroundings", comparison.surroundings),
    ):
        if differences:
            plain = tuple(_plain(difference) for difference in differences[:ROWS])
            yield _table(title, left, right, plain, len(differences))
    if comparison.code:
        yield Pre("Code", many_lines(comparison.code), "diff")


def _name(run: Run) -> str:
    return f"{one_line(run.name, 40)} (run {run.id})"


def _verdict(comparison: Comparison) -> Iterator[str | Span]:
    first = next((d for d in comparison.metrics if _is_number(d.left) and _is_number(d.right)), None)
    if first is not None:
        yield f"{one_line(first.name, 40)} "
        yield from change_span(first.name, float(str(first.right)), float(str(first.left)))
        yield "; "
    parts = [
        count(len(found), *nouns)
        for found, *nouns in (
            (comparison.params, "parameter"),
            (comparison.data, "data set"),
            (comparison.packages, "package"),
            (comparison.surroundings, "fact of the surroundings", "facts of the surroundings"),
        )
        if found
    ] + (["the code"] if comparison.code else [])
    one_thing = len(parts) == 1 and (parts[0] == "the code" or parts[0].startswith("1 "))
    yield f"{listed(parts, 9)} differ{'s' if one_thing else ''}." if parts else "nothing else differs."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _metric(difference: Difference) -> tuple[Words, ...]:
    values = [float(str(side)) if _is_number(side) else None for side in (difference.left, difference.right)]
    sides: list[Words] = [
        "not measured" if value is None else number_span(value, shown)
        for value, shown in zip(values, numbers(values), strict=True)
    ]
    both = _is_number(difference.left) and _is_number(difference.right)
    change: Words = (
        change_span(difference.name, float(str(difference.right)), float(str(difference.left))) if both else ""
    )
    return (one_line(difference.name, 60), *sides, change)


def _plain(difference: Difference) -> tuple[Words, ...]:
    sides = ("not there" if side is None else setting(side, 80) for side in (difference.left, difference.right))
    return (one_line(difference.name, 60), *sides)


def _table(
    title: str, left: str, right: str, rows: tuple[tuple[Words, ...], ...], total: int, change: bool = False
) -> Table:
    more = f"+{total - ROWS} more" if total > ROWS else ""
    columns = ("name", left, right, "change") if change else ("name", left, right)
    return Table(title, columns, rows, frozenset({1, 2}) if change else frozenset(), more)
