"""The record of an executed cell."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_nb.record import Record
from mlops_nb.tracking.runs import FileUse, Status


@dataclass(frozen=True, slots=True)
class Execution(Record):
    """One execution of a cell. Times are seconds since the epoch, durations seconds.

    `writes` are the names that it bound or whose object it changed. `id`, `session` (the kernel) and `runs`
    (made in the cell) are the store's; an execution that is not in it has none.
    """

    source: str
    started: float
    duration: float
    status: Status
    notebook: str = ""
    cell_id: str = ""
    execution_count: int | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    files: tuple[FileUse, ...] = ()
    id: int = 0
    session: int = 0
    runs: tuple[int, ...] = ()
