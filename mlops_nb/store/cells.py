"""Rows of executed cells, in the order in which they ran."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlops_nb.store.runs import source_id
from mlops_nb.tracking.executions import Execution

if TYPE_CHECKING:
    from mlops_nb.store.database import Store


def insert_execution(connection: sqlite3.Connection, session: int, one: Execution, run_ids: Iterable[int]) -> None:
    """A new row for an executed cell, and that these runs belong to it."""
    execution = connection.execute(
        "INSERT INTO executions (session_id, notebook, cell_id, execution_count, source_id, started, duration, "
        "status, reads, writes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session,
            one.notebook,
            one.cell_id,
            one.execution_count,
            source_id(connection, one.source),
            one.started,
            one.duration,
            one.status,
            _names(one.reads),
            _names(one.writes),
        ),
    ).lastrowid
    connection.executemany("UPDATE runs SET execution_id = ? WHERE id = ?", [(execution, run) for run in run_ids])


def add_execution(connection: sqlite3.Connection, run_id: int, one: Execution, others: Iterable[int]) -> None:
    """The executed cell that a run, and others, belong to."""
    session = connection.execute("SELECT session_id FROM runs WHERE id = ?", [run_id]).fetchone()[0]
    insert_execution(connection, session, one, (*others, run_id))


def _names(names: Iterable[str]) -> str:
    return json.dumps(sorted(names), ensure_ascii=False)


def executions(store: Store, *, session: int | None = None, notebook: str | None = None) -> list[Execution]:
    """Executed cells in the order in which they ran, of one session or one notebook or all."""
    where, values = "1", list[object]()
    if session is not None:
        where, values = "e.session_id = ?", [session]
    if notebook is not None:
        where, values = f"{where} AND e.notebook = ?", [*values, notebook]
    rows = store.rows(
        "SELECT s.text, e.started, e.duration, e.status, e.notebook, e.cell_id, e.execution_count, e.reads, e.writes "
        f"FROM executions e JOIN sources s ON s.id = e.source_id WHERE {where} ORDER BY e.id",
        values,
    )
    names = ("source", "started", "duration", "status", "notebook", "cell_id", "execution_count")
    return [
        Execution(
            **dict(zip(names, row, strict=False)), reads=tuple(json.loads(row[7])), writes=tuple(json.loads(row[8]))
        )
        for row in rows
    ]
