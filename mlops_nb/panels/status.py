"""The store: where it is and what it holds."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Span, Table
from mlops_nb.panels.theme import Panel, time_span
from mlops_nb.panels.wording import count, listed, one_line, size
from mlops_nb.tracking.runs import StoreStatus


def status_panel(status: StoreStatus) -> Panel:
    """What is in the store and in which notebook one stands."""
    return Panel(_blocks(status))


def _blocks(status: StoreStatus) -> Iterator[Block]:
    held = f"{count(status.runs, 'run')} and {count(status.cells, 'executed cell')}"
    yield Line(f"{held} in {size(status.size_bytes)}.", "sentence")
    if not status.runs:
        yield Line("The first run: %%mlops run NAME as the first line of a cell")
    facts: list[tuple[str, str]] = [
        ("store", one_line(status.path, 200)),
        ("notebook", one_line(status.notebook, 200) or "not known here"),
        ("tracking every cell", "on" if status.tracking else "off (%mlops track on)"),
        ("runs by status", listed(f"{number} {word.lower()}" for word, number in status.by_status.items()) or "none"),
        ("sessions", f"{status.sessions:,}"),
        ("artifacts", f"{status.artifacts:,}"),
        ("schema", str(status.schema_version)),
    ]
    rows: list[tuple[str | tuple[str | Span, ...], ...]] = [(name, fact) for name, fact in facts]
    if status.last_run:
        last = (f"{one_line(status.last_run.name, 60)} (run {status.last_run.id}), ",)
        rows.insert(3, ("last run", (*last, time_span(status.last_run.started))))
    yield Table("Store", ("what", "is"), tuple(rows))
