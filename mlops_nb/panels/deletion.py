"""Runs that were deleted, or brought back."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Span
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, listed, one_line
from mlops_nb.tracking.housekeeping.records import Deletion, RunName


def deletion_panel(done: Deletion) -> Panel:
    """What was deleted or brought back, and how to undo it."""
    return Panel(_blocks(done))


def _blocks(done: Deletion) -> Iterator[Block]:
    verb = "Brought back" if done.is_undone else "Deleted"
    if not (done.runs or done.children):
        yield Line("No run was to be brought back." if done.is_undone else "No run was to be deleted.", "sentence")
        return
    whose = "its" if len(done.runs) == 1 else "their"
    with_children = f" and {whose} {count(len(done.children), 'child run')}" if done.children else ""
    yield Line(
        f"{verb} {count(len(done.runs), 'run')}{with_children}: {listed(map(spoken, done.runs), 6)}.", "sentence"
    )
    numbers = " ".join(str(one.id) for one in done.runs[:20])
    more = " ..." if len(done.runs) > 20 else ""
    them = "it" if len(done.runs) == 1 else "them"
    if done.is_undone:
        yield Line((f"Delete {them} again: ", Span(f"%mlops delete {numbers}", "code"), more), "small")
    else:
        until = Span("%mlops gc --yes", "code")
        yield Line((f"To bring {them} back, until ", until, ": ", Span(f"%mlops restore {numbers}", "code"), more))


def spoken(one: RunName) -> str:
    """A run as one speaks of it."""
    return f"{one_line(one.name, 40)} (run {one.id})"
