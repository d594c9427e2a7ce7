"""Runs that are deleted, rows that nothing refers to, what the tables take, and a copy of the whole.

Which tables belong to a run, and what refers to a text that is stored once, is read from the schema's foreign keys.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import StoreIsDamaged, StoreIsLocked
from mlops_nb.store import step_cache, texts
from mlops_nb.store.connection import connect, faults

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

BATCH = 500
"""Runs that are removed in one transaction: others write in between."""

_FAMILY = """
WITH RECURSIVE family (id) AS (
    SELECT value FROM json_each(?) UNION SELECT r.id FROM runs r JOIN family f ON r.parent_id = f.id
)
"""

Named = tuple[int, str]

Connection = sqlite3.Connection


# deleted runs


def family(connection: sqlite3.Connection, ids: Iterable[int]) -> list[tuple[int, str, str, float | None]]:
    """Number, name, status and time of deletion of runs and all that are parts of them."""
    sql = f"{_FAMILY} SELECT id, name, status, deleted FROM runs WHERE id IN (SELECT id FROM family) ORDER BY id"
    return connection.execute(sql, [_json(ids)]).fetchall()


def set_deleted(connection: sqlite3.Connection, ids: Iterable[int], when: float | None) -> None:
    """Mark runs as deleted at a time, or as not deleted."""
    connection.execute("UPDATE runs SET deleted = ? WHERE id IN (SELECT value FROM json_each(?))", (when, _json(ids)))


def deleted_runs(store: Store, limit: int = -1) -> list[Named]:
    """Number and name of the deleted runs, the newest first."""
    rows = store.rows("SELECT id, name FROM runs WHERE deleted IS NOT NULL ORDER BY id DESC LIMIT ?", [limit])
    return [(int(number), str(name)) for number, name in rows]


def find_deleted(store: Store, ref: str) -> int | None:
    """The number of the deleted run with that number, uid, or the one of that name that was deleted last."""
    number = int(ref.lstrip("#")) if ref.lstrip("#").isdigit() and len(ref) < 18 else -1
    rows = store.rows(
        "SELECT id FROM runs WHERE deleted IS NOT NULL AND (id = ? OR uid = ? OR name = ?) "
        "ORDER BY id = ? DESC, deleted DESC, parent_id IS NOT NULL, id DESC LIMIT 1",
        [number, ref, ref, number],
    )
    return int(rows[0][0]) if rows else None


def deleted_parent(connection: sqlite3.Connection, run_id: int) -> Named | None:
    """The deleted run that a run is a part of."""
    row = connection.execute(
        "SELECT p.id, p.name FROM runs r JOIN runs p ON p.id = r.parent_id WHERE r.id = ? AND p.deleted IS NOT NULL",
        [run_id],
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else None


# what nothing needs any more

_DOOMED = "SELECT id FROM runs WHERE deleted IS NOT NULL AND status != 'RUNNING'"

_DOOMED_CELLS = f"""
SELECT e.id FROM executions e
LEFT JOIN (SELECT session_id, max(execution_id) AS last FROM runs WHERE id NOT IN ({_DOOMED}) GROUP BY session_id) k
ON k.session_id = e.session_id
WHERE e.id IN (SELECT execution_id FROM runs WHERE id IN ({_DOOMED})) AND e.id > coalesce(k.last, 0)
AND NOT EXISTS (SELECT 1 FROM json_each(e.files) f WHERE json_extract(f.value, '$.is_written'))
"""
"""Executed cells of deleted runs, save those that a later run may rest on: of their session, or by a file."""

ONCE = {"sources": "text", "diffs": "text", "environments": "content", "fingerprints": "columns"}
"""Tables whose rows are stored once however many refer to them, and the column that takes the space."""


def doomed(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """By kind, how many rows nothing will need once the deleted runs are gone, and about how many bytes they take."""
    found = {"runs": _counted(connection, f"SELECT count(*), 0 FROM ({_DOOMED})")}
    outputs = _counted(connection, f"SELECT 0, sum(length(data)) FROM outputs WHERE run_id IN ({_DOOMED})")[1]
    points = _counted(connection, f"SELECT sum(count), 0 FROM metrics WHERE run_id IN ({_DOOMED})")[0]
    found["runs"] = (found["runs"][0], _RUN_BYTES * found["runs"][0] + outputs + _POINT_BYTES * points)
    for table, column in ONCE.items():
        found[table] = _counted(
            connection, f"SELECT count(*), sum(length({column})) FROM {table} WHERE {_unneeded(connection, table)}"
        )
    return found


_POINT_BYTES = 45
"""About what a value of a metric takes."""

_RUN_BYTES = 1_000
"""About what a run takes with some parameters and metrics."""


def _counted(connection: sqlite3.Connection, sql: str) -> tuple[int, int]:
    count, size = connection.execute(sql).fetchone()
    return int(count or 0), int(size or 0)


def _references(connection: sqlite3.Connection, to: str) -> list[tuple[str, str]]:
    """Table and column of every foreign key to a table."""
    return connection.execute(
        'SELECT m.name, f."from" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f '
        "WHERE m.type = 'table' AND f.\"table\" = ? ORDER BY m.name, f.id",
        [to],
    ).fetchall()


def _unneeded(connection: sqlite3.Connection, table: str) -> str:
    """The condition that no row that stays refers to a row of a table."""
    stays = {"runs": f"id NOT IN ({_DOOMED})", "executions": f"id NOT IN ({_DOOMED_CELLS})"}
    used = " UNION ALL ".join(
        f"SELECT {column} FROM {name} WHERE {column} IS NOT NULL AND {stays.get(name, f'run_id NOT IN ({_DOOMED})')}"
        for name, column in _references(connection, table)
    )
    return f"id NOT IN ({used})"


@contextmanager
def own_connection(store: Store) -> Iterator[sqlite3.Connection]:
    """A connection beside the store's, for long work: what was deleted is overwritten, and Ctrl-C ends a statement.

    Foreign keys are not checked on it: rows go with those they refer to, and a check would read every metric value.
    """
    with faults(store.path):
        connection = connect(store.path)
        try:
            connection.execute("PRAGMA foreign_keys=OFF")
            connection.execute("PRAGMA secure_delete=ON")
            connection.set_progress_handler(lambda: 0, 100_000)  # Python sees signals when it is called
            yield connection
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
                raise KeyboardInterrupt from None
            raise
        finally:
            connection.close()


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """While this lasts nobody else collects or backs up the store."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(store.folder / "housekeeping.lock", timeout=0, mode=0o600):
            yield
    except Timeout as error:
        raise StoreIsLocked(
            f"another gc or backup of {store.folder} is going on", "wait for its end, then try again"
        ) from error


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.rollback()


def remove_deleted(connection: sqlite3.Connection, said: Callable[[int], object]) -> int:
    """Remove the deleted runs with all that is theirs, a batch a transaction; how many there were.

    Args:
        connection: from `own_connection`.
        said: is told how many are removed so far.
    """
    removed = 0
    while True:
        with _writing(connection):
            batch = [row[0] for row in connection.execute(f"{_DOOMED} ORDER BY id DESC LIMIT {BATCH}")]
            _remove_runs(connection, batch)
        removed += len(batch)
        if len(batch) < BATCH:
            return removed
        said(removed)


def _remove_runs(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    these, values = "(SELECT value FROM json_each(?))", [_json(ids)]
    cells = connection.execute(
        f"SELECT DISTINCT execution_id FROM runs WHERE id IN {these} AND execution_id IN ({_DOOMED_CELLS})", values
    ).fetchall()
    ranges = connection.execute(
        f"SELECT first_point, last_point, run_id, name FROM metrics WHERE run_id IN {these}", values
    )
    connection.executemany(
        "DELETE FROM metric_points WHERE id BETWEEN ? AND ? AND run_id = ? AND name = ?", ranges.fetchall()
    )
    for table, column in _references(connection, "runs"):
        if table == "runs":
            connection.execute(f"UPDATE runs SET {column} = NULL WHERE {column} IN {these}", values)
        elif table != "metric_points":
            connection.execute(f"DELETE FROM {table} WHERE {column} IN {these}", values)
    texts.forget(connection, "runs", f"id IN {these}", values)
    connection.execute(f"DELETE FROM runs WHERE id IN {these}", values)
    connection.execute(
        f"DELETE FROM executions WHERE id IN {these} "
        "AND id NOT IN (SELECT execution_id FROM runs WHERE execution_id IS NOT NULL)",
        [_json(cell for (cell,) in cells)],
    )


def remove_unneeded(connection: sqlite3.Connection, table: str) -> int:
    """Remove the rows of a table of `ONCE` that nothing refers to; how many there were."""
    with _writing(connection):
        condition = _unneeded(connection, table)
        if table == "sources":
            texts.forget(connection, "sources", condition)
        return connection.execute(f"DELETE FROM {table} WHERE {condition}").rowcount


def remove_sessions(connection: sqlite3.Connection, ids: Iterable[int]) -> int:
    """Remove those sessions of which nothing is left; how many there were."""
    used = " UNION ALL ".join(f"SELECT {column} FROM {name}" for name, column in _references(connection, "sessions"))
    with _writing(connection):
        return connection.execute(
            f"DELETE FROM sessions WHERE id IN (SELECT value FROM json_each(?)) AND id NOT IN ({used})", [_json(ids)]
        ).rowcount


def sessions(store: Store) -> dict[str, int]:
    """Every session's row by its name."""
    return {str(uid): int(row) for row, uid in store.rows("SELECT id, uid FROM sessions")}


_VERSION_FILES = """
SELECT json_extract(f.value, '$.sha256') AS sha256, v.model || '/' || v.number AS version,
    json_extract(f.value, '$.path') AS path
FROM model_versions v, json_each(v.manifest, '$.files') f WHERE NOT EXISTS (
    SELECT 1 FROM events e WHERE e.kind = 'deleted' AND e.model = v.model AND e.version = v.number
)
"""


def needed_blobs(connection: sqlite3.Connection, hashes: Iterable[str], *, also_doomed: bool = True) -> set[str]:
    """Which of these contents an artifact, a model version or a step's kept result refers to.

    Those of deleted runs, and of results that nobody asked for in a month, count, too, unless told otherwise.
    """
    stays = "" if also_doomed else f"AND run_id NOT IN ({_DOOMED})"
    used = "" if also_doomed else f"AND entry_id IN (SELECT id FROM step_cache WHERE used >= {step_cache.oldest()})"
    rows = connection.execute(
        f"SELECT sha256 FROM artifacts WHERE sha256 IN (SELECT value FROM json_each(?1)) {stays} "
        f"UNION SELECT sha256 FROM step_blobs WHERE sha256 IN (SELECT value FROM json_each(?1)) {used} "
        f"UNION SELECT sha256 FROM ({_VERSION_FILES}) WHERE sha256 IN (SELECT value FROM json_each(?1))",
        [json.dumps(list(hashes))],
    )
    return {str(sha256) for (sha256,) in rows}


def oldest_running(connection: sqlite3.Connection) -> float | None:
    """When the longest-running run that still goes on began."""
    found: float | None = connection.execute("SELECT min(started) FROM runs WHERE status = 'RUNNING'").fetchone()[0]
    return found


def free_bytes(connection: sqlite3.Connection) -> tuple[int, int]:
    """Bytes of the database file that hold nothing, and all its bytes."""
    size, free, pages = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "freelist_count", "page_count")
    )
    return size * free, size * pages


def make_smaller(connection: sqlite3.Connection) -> str:
    """Write the database anew without what holds nothing, whole or not at all; why it could not be, or nothing."""
    try:
        connection.execute("VACUUM")
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            return "another process reads it just now"
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL")):
            return str(error)
        raise
    return ""


# what takes the space


def table_sizes(store: Store) -> dict[str, int]:
    """Bytes of each table with its indexes; empty where SQLite was built without `dbstat`."""
    try:
        rows = store.rows(
            "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY m.tbl_name"
        )
    except Exception as error:
        if "dbstat" in str(error):
            return {}
        raise
    return {str(name): int(size) for name, size in rows}


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; what others take away meanwhile counts as nothing."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                found += os.stat(f"{place}/{name}").st_size  # noqa: PTH116 - of many files
    return found


def row_counts(store: Store, tables: Iterable[str]) -> dict[str, int]:
    """How many rows each of these tables has."""
    return {table: int(store.rows(f"SELECT count(*) FROM {table}")[0][0]) for table in tables}


def largest_runs(store: Store, limit: int) -> list[tuple[int, str, int, bool]]:
    """Number, name, bytes and whether it is deleted, of the runs with the largest artifacts, outputs and series."""
    rows = store.rows(
        "SELECT r.id, r.name, sum(b.size), r.deleted IS NOT NULL FROM ("
        "SELECT run_id, sum(size_bytes) AS size FROM artifacts GROUP BY run_id UNION ALL "
        "SELECT run_id, sum(length(data)) FROM outputs GROUP BY run_id UNION ALL "
        f"SELECT run_id, sum(count) * {_POINT_BYTES} FROM metrics GROUP BY run_id"
        ") b JOIN runs r ON r.id = b.run_id GROUP BY r.id ORDER BY sum(b.size) DESC, r.id DESC LIMIT ?",
        [limit],
    )
    return [(int(number), str(name), int(size), bool(deleted)) for number, name, size, deleted in rows]


# a copy of the whole


def copy_database(store: Store, target: Path, said: Callable[[int, int], object]) -> None:
    """A copy of the database as it is at this moment, while others write to it.

    A read transaction is held meanwhile, so that no page of a later moment gets in and nothing begins anew.
    """
    with own_connection(store) as source, faults(target):
        copy = sqlite3.connect(target)
        try:
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=1_000, progress=lambda status, left, total: said(total - left, total), sleep=0)
            source.execute("ROLLBACK")
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()


def files_in(path: Path) -> list[tuple[str, str]]:
    """Hash of every content that a database file refers to, and what it is.

    That is an artifact, a model version's file, or what is kept of a pipeline's step.
    """
    with faults(path):
        connection = sqlite3.connect(path)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            sql = "SELECT sha256, path || ' of run ' || run_id AS what FROM artifacts"
            if "model_versions" in tables:
                sql += f" UNION ALL SELECT sha256, path || ' of models:/' || version FROM ({_VERSION_FILES})"
            if "step_blobs" in tables:
                sql += (
                    " UNION ALL SELECT b.sha256, 'what is kept of step ' || c.step || ' of ' || c.pipeline"
                    " FROM step_blobs b JOIN step_cache c ON c.id = b.entry_id"
                )
            return connection.execute(
                f"SELECT sha256, min(what) FROM ({sql}) GROUP BY sha256 ORDER BY sha256"
            ).fetchall()
        finally:
            connection.close()


def runs_in(path: Path) -> int:
    """How many runs a database file holds; looks through all of it first.

    Raises:
        StoreIsDamaged: it is malformed.
    """
    with faults(path):
        connection = connect(path)
        try:
            fault = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if fault != "ok":
                raise StoreIsDamaged(f"{path} is damaged: {fault}")
            return int(connection.execute("SELECT count(*) FROM runs").fetchone()[0])
        finally:
            connection.close()


def _json(ids: Iterable[int]) -> str:
    return json.dumps(list(ids))
