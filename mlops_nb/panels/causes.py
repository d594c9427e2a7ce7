"""Why two runs differ: the causes in words, with before and after; what was equal is folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_nb.panels.blocks import Block, Fold, Line, Pre, Span, Table, Words, paged
from mlops_nb.panels.theme import Panel, change_span
from mlops_nb.panels.wording import count, listed, many_lines, number, one_line
from mlops_nb.tracking.causes import Cause, Causes

ROWS = 20
IN_SENTENCE = 3
_BEFORE_CHANGE = 20
OPEN = 5
"""Causes whose lines are seen at once."""

LINES, CHARACTERS = 60, 3_000
"""Of the changed lines of a cell."""


def causes_panel(found: Causes) -> Panel:
    """The causes, the most plausible first."""
    return Panel(_blocks(found))


def _blocks(found: Causes) -> Iterator[Block]:
    yield Line(_sentence(found), "sentence")
    if found.causes:
        yield from paged(_table("Causes", found, found.causes))
        code = [_code(cause) for cause in found.causes[:ROWS] if cause.kind == "code"]
        yield from code[:OPEN]
        if len(code) > OPEN:
            yield Fold(f"The code of {count(len(code) - OPEN, 'more cause')}", tuple(code[OPEN:]))
    title = "Chance may have a part in it, too" if found.causes else "Left"
    for words in found.left if found.metric else ():
        yield Line(f"{title}: {one_line(words, 200)}.")
    if not found.causes:
        yield Line(f"Looked at and equal: {_all(found.equal)}.", "small")
    if found.other_metrics:
        yield Line(
            f"{'Other metrics that differ' if found.metric else 'Metrics that only one has'}: "
            f"{listed([one_line(name, 40) for name in found.other_metrics], 8)}.",
            "small",
        )
    if found.unlikely:
        yield Fold(
            f"{count(len(found.unlikely), 'unlikely change')}", tuple(paged(_table("Unlikely", found, found.unlikely)))
        )
    if found.causes and found.equal:
        yield Fold("What was looked at and is equal", (Line(f"{_all(found.equal)}."),))


def _all(words: Sequence[str]) -> str:
    return ", ".join(one_line(each, 120) for each in words) or "nothing was recorded of both"


def _sentence(found: Causes) -> Words:
    left = f"{one_line(found.left_name, 40)} (run {found.left_run})"
    right = f"{one_line(found.right_name, 40)} (run {found.right_run})"
    if found.metric is None:
        none = "" if found.is_comparable else f"{left} and {right} have no metric in common"
        if not found.causes:
            nor = "nor in anything that could change one."
            return f"{none}, and nothing else differs." if none else f"{right} and {left} differ in no metric, {nor}"
        changed = "one change" if len(found.causes) == 1 else f"{len(found.causes)} changes"
        if none:
            return f"{none}; between them {'is' if len(found.causes) == 1 else 'are'} {changed}: {_named(found)}."
        return f"No metric differs between {left} and {right}, although {changed} could have made one: {_named(found)}."
    moved = _moved(found, left, right)
    if not found.causes:
        return (*moved, ", and nothing recorded could explain it: chance without a seed or the clock is left.")
    number_of = "One cause" if len(found.causes) == 1 else f"{len(found.causes)} causes"
    return (*moved, f". {number_of} could explain it: {_named(found)}.")


def _moved(found: Causes, left: str, right: str) -> tuple[str | Span, ...]:
    """How the metric moved, in a few words."""
    assert found.metric is not None
    name = one_line(found.metric.name, 40)
    before, after = (value if isinstance(value, int | float) else None for value in found.metric.values)
    if before is None or after is None:
        lacking = left if before is None else right
        return (f"{name} was not measured in {lacking}",)
    if before == after or (before != before and after != after):
        return (f"{name} is {number(float(after))} in both, {left} and {right}",)
    shape, words = change_span(found.metric.name, float(after), float(before))
    return (f"{name} ", shape, words, f" from {left} to {right}")


def _named(found: Causes) -> str:
    named = [one_line(cause.words, 120) for cause in found.causes[:IN_SENTENCE]]
    more = len(found.causes) - len(named)
    return "; ".join([*named, f"and {more} more"] if more > 0 else named)


def _table(caption: str, found: Causes, causes: Sequence[Cause]) -> Table:
    follows = any(cause.follows for cause in causes if cause.kind != "code")
    columns = ("cause", f"run {found.left_run}", f"run {found.right_run}", *(("so that",) if follows else ()))
    rows = tuple(_row(cause, follows) for cause in causes[:ROWS])
    whole = f"mlops_nb.why({found.left_run}, {found.right_run}).{caption.lower()}"
    return Table(caption, columns, rows, more=f"+{len(causes) - ROWS} more: {whole}" if len(causes) > ROWS else "")


def _row(cause: Cause, follows: bool) -> tuple[Words, ...]:
    name = one_line(cause.name, 60)
    of = " of" if cause.kind == "code" else ""
    shown = name if name.startswith(cause.kind) or cause.kind in ("python", "hardware") else f"{cause.kind}{of} {name}"
    room = 30 if cause.kind == "code" else 48  # code stands below, too
    sides = [one_line(side, room) for side in _where_they_part(cause.before.strip(), cause.after.strip())]
    if not any(sides):
        shown = one_line(cause.words, 160)
    elif cause.kind == "code":
        sides = [side or "not there" for side in sides]
    return (shown, *sides, *((one_line("; ".join(cause.follows), 120),) if follows else ()))


def _where_they_part(before: str, after: str) -> tuple[str, str]:
    """The first line of each, from a little before the place where they begin to differ.

    >>> _where_they_part("X_train, X_test = split(X, y, seed=1)", "X_train, X_test = split(X, y, seed=2)")
    ('… = split(X, y, seed=1)', '… = split(X, y, seed=2)')
    """
    old, new = (side.partition("\n")[0] for side in (before, after))
    same = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    if not (old and new) or same <= _BEFORE_CHANGE:
        return old, new
    start = same - _BEFORE_CHANGE
    return f"…{old[start:]}", f"…{new[start:]}"


def _code(cause: Cause) -> Pre:
    """The lines that went, and those that came."""
    lines = [f"-{line}" for line in cause.before.splitlines()] + [f"+{line}" for line in cause.after.splitlines()]
    hidden = len(lines) - LINES
    text = "\n".join([*lines[:LINES], *([f"… {count(hidden, 'more line')}"] if hidden > 0 else [])])
    so_that = f", so that {one_line('; '.join(cause.follows), 200)}" if cause.follows else ""
    return Pre(f"Code: {one_line(cause.words, 120)}{so_that}", many_lines(text, CHARACTERS), "diff")
