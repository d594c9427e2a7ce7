"""The record of an executed cell."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_nb.record import Record
from mlops_nb.tracking.runs import Status


@dataclass(frozen=True, slots=True)
class Execution(Record):
    """One execution of a cell. Times are seconds since the epoch, durations seconds."""

    source: str
    started: float
    duration: float
    status: Status
    notebook: str = ""
    cell_id: str = ""
    execution_count: int | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
