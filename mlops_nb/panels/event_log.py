"""The registry's log, looked through from end to end."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Span, Table, paged
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, one_line
from mlops_nb.registry.versions import LogCheck

MOST = 200


def event_log_panel(check: LogCheck) -> Panel:
    """Whether the log is whole, and what is wrong with it."""
    return Panel(_blocks(check))


def _blocks(check: LogCheck) -> Iterator[Block]:
    looked = f"{count(check.events, 'event')}, {count(check.versions, 'version')} and {count(check.files, 'file')}"
    if check.is_whole:
        yield Line(f"✓ The log is whole: {looked} are as they were written.", "sentence")
    else:
        yield Line(f"✗ {count(len(check.faults), 'fault')} in {looked}.", "sentence")
        rows = tuple((str(place), one_line(each, 300)) for place, each in enumerate(check.faults[:MOST], 1))
        more = f"+{len(check.faults) - MOST:,} more" if len(check.faults) > MOST else ""
        yield from paged(Table("What is wrong", ("fault", "is"), rows, more=more))
        yield Line("What a backup holds can be compared: %mlops backup FILE --restore FOLDER")
    if check.head:
        yield Line(
            ("Noted elsewhere, this proves later that nothing was taken out: ", Span(_line(check), "code")), "small"
        )


def _line(check: LogCheck) -> str:
    return f"%mlops verify-log --head {one_line(check.head, 64)}"
