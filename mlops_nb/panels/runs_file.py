"""A file that runs were written to."""

from __future__ import annotations

from mlops_nb.panels.blocks import Line
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, listed, one_line, size
from mlops_nb.tracking.search.run_files import RunsFile


def runs_file_panel(done: RunsFile) -> Panel:
    """What was written, and which columns became text."""
    held = f"{count(done.runs, 'run')} with {count(done.columns, 'column')}"
    lines = [Line(f"Wrote {held} to {one_line(done.path, 200)} ({size(done.size_bytes)}).", "sentence")]
    if done.as_text:
        names = listed((one_line(name, 40) for name in done.as_text), 6)
        lines.append(Line(f"As text, because the values are of several types: {names}"))
    return Panel(lines)
