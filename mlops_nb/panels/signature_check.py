"""Data beside what a model version takes."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Table, Words, paged
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, one_line
from mlops_nb.registry.fitting import Misfit, SignatureCheck, What

MOST = 200

_WORDS: dict[What, str] = {
    "missing": "column is missing",
    "unexpected": "column is not taken",
    "order": "columns in another order",
    "names": "columns have no names",
    "width": "number of columns",
    "type": "another type",
    "gaps": "missing values",
    "range": "outside what was seen",
    "categories": "values never seen",
}


def signature_check_panel(check: SignatureCheck) -> Panel:
    """Whether a version can take the data, and what of it is unlike all that it has seen."""
    return Panel(_blocks(check))


def _blocks(check: SignatureCheck) -> Iterator[Block]:
    faults = sum(one.is_fault for one in check.misfits)
    name, rows = one_line(check.version, 80), count(check.rows, "row")
    unseen = len(check.misfits) - faults
    if faults:
        yield Line(f"✗ {name} cannot take these {rows}: {count(faults, 'fault')}.", "sentence")
    elif unseen:
        verb = "is" if unseen == 1 else "are"
        words = f"✓ {name} can take these {rows}; {count(unseen, 'thing')} in them {verb} unlike what it has seen."
        yield Line(words, "sentence")
    else:
        seen = "; nothing in them is outside what it has seen" if check.has_ranges else ""
        yield Line(f"✓ {name} can take these {rows}{seen}.", "sentence")
        if not check.has_ranges:
            yield Line("What was seen in its columns is not known: only their number, names and types are compared.")
    if check.misfits:
        table = tuple(map(_row, check.misfits[:MOST]))
        more = f"+{len(check.misfits) - MOST:,} more" if len(check.misfits) > MOST else ""
        yield from paged(Table("Not as expected", ("column", "what", "expected", "came"), table, more=more))


def _row(one: Misfit) -> tuple[Words, ...]:
    shape = "✗" if one.is_fault else "!"
    return (
        one_line(one.column, 60) or "(all)",
        f"{shape} {_WORDS[one.what]}",
        one_line(one.expected, 60),
        one_line(one.came, 120),
    )
