"""Rows of model versions, and of the log of what happened to them. Neither is ever changed: triggers refuse it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.registry.log import Event, sealed
from mlops_nb.store.runs import LISTED

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

HEAD = "events_head"
"""Under this name the store's settings note the number and hash of the last event: a log cut short is seen."""

_COLUMNS = "id, time, who, kind, model, version, slot, was, now, note, evidence, previous, sha256"
_EVIDENCE = _COLUMNS.split(", ").index("evidence")


def add_event(connection: sqlite3.Connection, event: Event) -> Event:
    """Seal an event onto the end of the log, in an open transaction; its time is never before the last one's."""
    last = connection.execute("SELECT id, time, sha256 FROM events ORDER BY id DESC LIMIT 1").fetchone()
    number, time, previous = last or (0, 0.0, "")
    event = replace(event, id=number + 1, time=max(event.time, time), previous=previous)
    event = replace(event, sha256=sealed(event))
    values = [getattr(event, name) for name in _COLUMNS.split(", ")]
    values[_EVIDENCE] = json.dumps(event.evidence, ensure_ascii=False)
    connection.execute(f"INSERT INTO events ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)
    head = json.dumps([event.id, event.sha256])
    connection.execute("INSERT OR REPLACE INTO store_info VALUES (?, ?)", (HEAD, head))
    return event


def noted_head(store: Store) -> tuple[int, str] | None:
    """The number and hash that were noted of the last event."""
    found = store.rows("SELECT value FROM store_info WHERE name = ?", [HEAD])
    try:
        number, sha256 = json.loads(found[0][0]) if found else (0, "")
        return int(number), str(sha256)
    except (ValueError, TypeError):
        return None


def events(store: Store, model: str | None = None, *, until: float | None = None) -> list[Event]:
    """The events of a model, or of all, in order; those up to a time."""
    where, values = ["1"], list[object]()
    if model is not None:
        where, values = [*where, "model = ?"], [*values, model]
    if until is not None:
        where, values = [*where, "time <= ?"], [*values, until]
    rows = store.rows(f"SELECT {_COLUMNS} FROM events WHERE {' AND '.join(where)} ORDER BY id", values)
    return [_event(row) for row in rows]


def _event(row: tuple[Any, ...]) -> Event:
    fields = list(row)
    fields[_EVIDENCE] = () if row[_EVIDENCE] == "[]" else tuple(json.loads(row[_EVIDENCE]))
    return Event(*fields)


def registration(store: Store, model: str, number: int) -> Event | None:
    """The event that registered a version."""
    sql = f"SELECT {_COLUMNS} FROM events WHERE model = ? AND kind = 'registered' AND version = ?"
    return next(map(_event, store.rows(sql, [model, number])), None)


def last_seal(store: Store, model: str) -> str:
    """The hash of a model's last event, which seals all before it; empty where there is none."""
    rows = store.rows("SELECT sha256 FROM events WHERE model = ? ORDER BY id DESC LIMIT 1", [model])
    return str(rows[0][0]) if rows else ""


def last_number(store: Store, model: str) -> int:
    """The number of a model's newest version, deleted or not; 0 without one."""
    rows = store.rows("SELECT coalesce(max(number), 0) FROM model_versions WHERE model = ?", [model])
    return int(rows[0][0])


def add_version(connection: sqlite3.Connection, model: str, number: int, manifest: str, sha256: str) -> None:
    """A new version."""
    row = (model, number, manifest, sha256)
    connection.execute("INSERT INTO model_versions (model, number, manifest, sha256) VALUES (?, ?, ?, ?)", row)


def manifests(store: Store, model: str | None = None, number: int | None = None) -> list[tuple[str, int, str, str]]:
    """Model, number, manifest and its hash of versions, in order: all, those of a model, or one."""
    where, values = ["1"], list[object]()
    if model is not None:
        where, values = [*where, "model = ?"], [*values, model]
    if number is not None:
        where, values = [*where, "number = ?"], [*values, number]
    sql = f"SELECT model, number, manifest, sha256 FROM model_versions WHERE {' AND '.join(where)}"
    return store.rows(f"{sql} ORDER BY model, number", values)


def model_names(store: Store) -> list[str]:
    """The models that have a version, by name."""
    return [str(name) for (name,) in store.rows("SELECT DISTINCT model FROM model_versions ORDER BY model")]


def version_names(store: Store) -> list[str]:
    """What versions are called, but deleted ones: `NAME/3`, newest first, then `NAME@ALIAS`."""
    rows = store.rows(
        "SELECT v.model || '/' || v.number FROM model_versions v WHERE NOT EXISTS (SELECT 1 FROM events e "
        "WHERE e.kind = 'deleted' AND e.model = v.model AND e.version = v.number) ORDER BY v.model, v.number DESC"
    )
    aliases = store.rows(
        "SELECT e.model || '@' || e.slot FROM events e WHERE e.kind = 'alias' AND e.now != '' AND e.id = "
        "(SELECT max(l.id) FROM events l WHERE l.kind = 'alias' AND l.model = e.model AND l.slot = e.slot) "
        "ORDER BY e.model, e.slot"
    )
    return [str(name) for (name,) in (*rows, *aliases)]


_OF_RUNS = """
SELECT v.model, v.number, r.id FROM model_versions v JOIN runs r ON r.uid = json_extract(v.manifest, '$.origin.uid')
WHERE r.id IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
    SELECT 1 FROM events e WHERE e.kind = 'deleted' AND e.model = v.model AND e.version = v.number
) ORDER BY v.model, v.number
"""


def versions_of_runs(store: Store, runs: Sequence[int]) -> list[tuple[str, int, int]]:
    """Model and number of the versions, but the deleted ones, that these runs made, and which of them did."""
    return store.rows(_OF_RUNS, [json.dumps(list(runs))])


def newest_run(store: Store, session: int | None = None) -> int | None:
    """The newest run that is no part of another, of a session or of all."""
    where, values = ("", []) if session is None else (" AND session_id = ?", [session])
    rows = store.rows(f"SELECT max(id) FROM {LISTED} WHERE parent_id IS NULL{where}", values)
    return None if rows[0][0] is None else int(rows[0][0])


def run_that_wrote(store: Store, session: int, name: str) -> int | None:
    """The newest run, no part of another, that was made in a cell of a session which wrote a name."""
    rows = store.rows(
        f"SELECT max(r.id) FROM {LISTED} r JOIN executions e ON e.id = r.execution_id WHERE r.parent_id IS NULL "
        "AND e.session_id = ? AND EXISTS (SELECT 1 FROM json_each(e.writes) w WHERE w.value = ?)",
        [session, name],
    )
    return None if rows[0][0] is None else int(rows[0][0])
