"""A backup that was written, or the store that was made from one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Span
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, duration, listed, one_line, size
from mlops_nb.tracking.housekeeping.records import Backup


def backup_panel(done: Backup) -> Panel:
    """Where it is, what is in it, and what is not."""
    return Panel(_blocks(done))


def _blocks(done: Backup) -> Iterator[Block]:
    held = f"{count(done.runs, 'run')} and {count(done.blobs, 'file')}"
    time = duration(done.seconds)
    if done.is_restored:
        yield Line(f"Made the store {one_line(done.store, 200)} with {held} in {time}.", "sentence")
        yield Line(("Use it: ", Span(f"%mlops store {one_line(done.store, 200)}", "code")))
    else:
        name = one_line(re.split(r"[\\/]", done.path)[-1], 80)
        yield Line(f"Backed up {held} to {name}: {size(done.size_bytes)} in {time}.", "sentence")
        restore = f"%mlops backup {one_line(done.path, 200)} --restore FOLDER"
        yield Line(("Make a store of it: ", Span(restore, "code")))
    if done.damaged:
        names = listed((one_line(each, 60) for each in done.damaged), 6)
        yield Line(f"Not in it, because the file is missing or was changed: {names}", "error")
