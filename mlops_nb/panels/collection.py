"""What gc would remove, or has removed."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Span, Table
from mlops_nb.panels.deletion import spoken
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import listed, one_line, size
from mlops_nb.tracking.housekeeping.records import Collection


def collection_panel(found: Collection) -> Panel:
    """What would be removed, or was, with its size."""
    return Panel(_blocks(found))


def _blocks(found: Collection) -> Iterator[Block]:
    if not found.waste:
        yield Line("Nothing to collect: everything in the store is needed.", "sentence")
    elif found.is_done:
        gone = listed((f"{one.what} ({one.count:,})" for one in found.waste), 4)
        less = (
            f"the store takes {size(found.freed_bytes)} less" if found.freed_bytes > 0 else "their room is used again"
        )
        yield Line(f"Removed for good: {gone}; {less}.", "sentence")
    else:
        small = listed((f"{one.what} ({one.count:,})" for one in found.waste), 4)
        can = f"About {size(found.freed_bytes)} can be freed" if found.freed_bytes else f"Not needed: {small}"
        yield Line(f"{can}; nothing was removed yet.", "sentence")
    if found.waste:
        rows = tuple((one.what, f"{one.count:,}", _about(one.size_bytes)) for one in found.waste)
        column = "removed" if found.is_done else "would go"
        yield Table("Removed" if found.is_done else "Not needed", ("what", column, "takes"), rows, frozenset({1, 2}))
    if found.runs:
        yield Line(f"Deleted runs: {listed(map(spoken, found.runs), 6)}")
    for note in found.notes:
        yield Line(one_line(note, 300), "small")
    if found.waste and not found.is_done:
        yield Line(("Remove it for good: ", Span("%mlops gc --yes", "code")))


def _about(size_bytes: int) -> str:
    return f"about {size(size_bytes)}" if size_bytes else "next to nothing"
