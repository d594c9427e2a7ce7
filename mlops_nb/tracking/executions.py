"""The record of an executed cell."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_nb.record import Record
from mlops_nb.tracking.runs import Status


@dataclass(frozen=True, slots=True)
class FileUse(Record):
    """A file or address that a cell read or wrote, its size and time (seconds since the epoch) at the cell's end.

    `path` is relative to the folder that holds the store where the file is below it. `count` files of one
    folder may stand together: then `path` ends in `/`, `size_bytes` is their sum, `modified` the newest's.
    A cell that only replaces a file's content does not read it.
    """

    path: str
    is_read: bool = False
    is_written: bool = False
    size_bytes: int | None = None
    modified: float | None = None
    count: int = 1


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
