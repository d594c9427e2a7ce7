"""Rows of executed cells, in the order in which they ran."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.store.runs import LISTED, source_id
from mlops_nb.tracking.executions import Execution
from mlops_nb.tracking.runs import FileUse

if TYPE_CHECKING:
    from mlops_nb.store.database import Store


def insert_executions(
    connection: sqlite3.Connection, session: int, ran: Sequence[Execution], run_ids: Iterable[int]
) -> None:
    """New rows for cells in the order in which they ran, and that these runs were made in the last of them."""
    execution = None
    for one in ran:
        execution = connection.execute(
            "INSERT INTO executions (session_id, notebook, cell_id, execution_count, source_id, started, duration, "
            "status, reads, writes, files) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                _files(one.files) if one.files else "[]",
            ),
        ).lastrowid
    connection.executemany("UPDATE runs SET execution_id = ? WHERE id = ?", [(execution, run) for run in run_ids])


def add_executions(
    connection: sqlite3.Connection, run_id: int, ran: Sequence[Execution], others: Iterable[int]
) -> None:
    """Cells of a run's session in the order in which they ran; the run, and others, were made in the last."""
    session = connection.execute("SELECT session_id FROM runs WHERE id = ?", [run_id]).fetchone()[0]
    insert_executions(connection, session, ran, (*others, run_id))


def _names(names: Iterable[str]) -> str:
    return json.dumps(sorted(names), ensure_ascii=False)


def _files(files: Iterable[FileUse]) -> str:
    return json.dumps([one.to_dict() for one in files], ensure_ascii=False)


def executions(store: Store, *, session: int | None = None, notebook: str | None = None) -> list[Execution]:
    """Executed cells in the order in which they ran, of one session or one notebook or all."""
    where, values = "1", list[object]()
    if session is not None:
        where, values = "e.session_id = ?", [session]
    if notebook is not None:
        where, values = f"{where} AND e.notebook = ?", [*values, notebook]
    rows = store.rows(
        "SELECT s.text, e.started, e.duration, e.status, e.notebook, e.cell_id, e.execution_count, e.reads, e.writes, "
        f"e.files, e.id, e.session_id FROM executions e JOIN sources s ON s.id = e.source_id WHERE {where} "
        "ORDER BY e.id",
        values,
    )
    runs = _runs_by_execution(store, session)
    return [_execution(row, runs) for row in rows]


def last_session(store: Store, notebook: str) -> list[Execution]:
    """The executed cells of a notebook in the kernel that ran it last."""
    rows = store.rows("SELECT session_id FROM executions WHERE notebook = ? ORDER BY id DESC LIMIT 1", [notebook])
    return executions(store, session=rows[0][0], notebook=notebook) if rows else []


def _execution(row: Any, runs: Mapping[int, Sequence[int]]) -> Execution:
    names = ("source", "started", "duration", "status", "notebook", "cell_id", "execution_count")
    return Execution(
        **dict(zip(names, row, strict=False)),
        reads=tuple(json.loads(row[7])),
        writes=tuple(json.loads(row[8])),
        files=tuple(FileUse(**one) for one in json.loads(row[9])),
        id=row[10],
        session=row[11],
        runs=tuple(runs.get(row[10], ())),
    )


def _runs_by_execution(store: Store, session: int | None) -> dict[int, list[int]]:
    """The runs made in each executed cell; those of a session, or all."""
    where, values = ("", []) if session is None else (" AND session_id = ?", [session])
    found: dict[int, list[int]] = {}
    for execution, run in store.rows(
        f"SELECT execution_id, id FROM {LISTED} WHERE execution_id IS NOT NULL{where} ORDER BY id", values
    ):
        found.setdefault(execution, []).append(run)
    return found


def place_of_run(store: Store, run_id: int) -> tuple[int, int] | None:
    """Session and number of the executed cell in which a run, or the run it is a part of, was made."""
    rows = store.rows(
        "WITH RECURSIVE above (id, parent_id, execution_id) AS (SELECT id, parent_id, execution_id FROM runs "
        "WHERE id = ? UNION SELECT r.id, r.parent_id, r.execution_id FROM runs r JOIN above a ON r.id = a.parent_id) "
        "SELECT e.session_id, e.id FROM above a JOIN executions e ON e.id = a.execution_id LIMIT 1",
        [run_id],
    )
    return (int(rows[0][0]), int(rows[0][1])) if rows else None


def has_files(store: Store, session: int) -> bool:
    """Whether a cell of a session used any file."""
    return bool(store.rows("SELECT 1 FROM executions WHERE session_id = ? AND files != '[]' LIMIT 1", [session]))


def sessions_that_wrote(store: Store, paths: Sequence[str]) -> list[int]:
    """The sessions in which a cell wrote one of the files."""
    rows = store.rows(
        "SELECT DISTINCT e.session_id FROM executions e, json_each(e.files) f WHERE e.files != '[]' "
        "AND json_extract(f.value, '$.is_written') AND json_extract(f.value, '$.path') IN "
        "(SELECT value FROM json_each(?)) ORDER BY e.session_id",
        [json.dumps(list(paths))],
    )
    return [int(session) for (session,) in rows]
