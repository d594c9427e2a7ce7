"""What was done to a model, and how to undo it."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Span
from mlops_nb.panels.model import versions_blocks
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import listed, one_line
from mlops_nb.registry.log import Event
from mlops_nb.registry.versions import Change


def model_change_panel(change: Change) -> Panel:
    """What happened in a sentence, the line that undoes it, the versions as they stand now."""
    return Panel(_blocks(change))


def _blocks(change: Change) -> Iterator[Block]:
    yield Line(_sentence(change), "sentence")
    if undo := _undo(change):
        yield Line(("To undo it: ", Span(undo, "code")))
    yield from versions_blocks(change.model)


def _sentence(change: Change) -> str:
    name, done = one_line(change.model.name, 60), change.events[-1]
    match done.kind:
        case "stage":
            gone = [str(event.version) for event in change.events[:-1]]
            others = f"; version {listed(gone)}, which was there, is archived" if gone else ""
            word = "again" if change.is_rollback else "now"
            where = f"in {done.now}" if done.now != "None" else "in no stage"
            return f"{name}/{done.version} is {where} {word}{others}."
        case "alias":
            before = f" (before: version {done.was})" if done.was else ""
            alias = f"@{one_line(done.slot, 40)}"
            if not done.now:
                return f"{alias} of {name} points to nothing any more{before}."
            return f"{alias} points to {name}/{done.now} now{before}."
    return f"{name}/{done.version} is deleted; its number never comes again, and %mlops gc removes its files."


def _undo(change: Change) -> str:
    name, done = one_line(change.model.name, 60), change.events[-1]
    if done.kind == "stage" and len(change.events) > 1:
        return f"%mlops rollback {name}"
    if done.kind == "alias":
        alias = one_line(done.slot, 40)
        return f"%mlops alias {name}/{done.was} {alias}" if done.was else f"%mlops alias {name} {alias} --remove"
    return _move_back(name, done) if done.kind == "stage" else ""


def _move_back(name: str, done: Event) -> str:
    from mlops_nb.registry.log import MOVES

    back = next((to for stage, to in MOVES.items() if stage == done.now), ())
    return f"%mlops stage {name}/{done.version} {done.was}" if done.was in back else ""
