"""A run after a note was written or tags were set: what it has now."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Pre, Table
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, listed, many_lines, one_line
from mlops_nb.tracking.runs import Run


def annotated_panel(run: Run) -> Panel:
    """What a person has said about a run: its tags and its note."""
    return Panel(_blocks(run))


def _blocks(run: Run) -> Iterator[Block]:
    said = [*([count(len(run.tags), "tag")] if run.tags else []), *(["a note"] if run.note else [])]
    has = f"now has {listed(said)}" if said else "has neither a tag nor a note any more"
    yield Line(f"{one_line(run.name, 60)} (run {run.id}) {has}.", "sentence")
    if run.tags:
        yield Table("Tags", ("tag", "value"), tuple((one_line(n, 60), one_line(v, 200)) for n, v in run.tags.items()))
    if run.note:
        yield Pre("Note", many_lines(run.note))
