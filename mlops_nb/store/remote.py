"""Rows of runs and model versions that are also on a server, and what both sides agreed on."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from typing import TYPE_CHECKING

from mlops_nb.record import read
from mlops_nb.store import texts
from mlops_nb.store.runs import LISTED
from mlops_nb.tracking.mlflow.models import AgreedVersion
from mlops_nb.tracking.mlflow.words import Agreed

if TYPE_CHECKING:
    from mlops_nb.store.database import Store


def link(connection: sqlite3.Connection, server: str, remote_id: str, run_id: int, agreed: Agreed) -> None:
    """A run here is that run there; one there for each run here."""
    connection.execute("DELETE FROM remote_runs WHERE server = ? AND run_id = ?", (server, run_id))
    state = json.dumps(agreed.to_dict(), ensure_ascii=False)
    connection.execute("INSERT OR REPLACE INTO remote_runs VALUES (?, ?, ?, ?)", (server, remote_id, run_id, state))


def remote_id_of(store: Store, server: str, run_id: int | None) -> str:
    """The id that a run has on a server; empty when it has none."""
    found = store.rows("SELECT remote_id FROM remote_runs WHERE server = ? AND run_id = ?", (server, run_id))
    return str(found[0][0]) if found else ""


def run_of(store: Store, server: str, remote_id: str) -> tuple[int, Agreed] | None:
    """The number of the run that has that id on a server, and what was agreed."""
    found = store.rows("SELECT run_id, state FROM remote_runs WHERE server = ? AND remote_id = ?", (server, remote_id))
    return (int(found[0][0]), _agreed(str(found[0][1]))) if found else None


def _agreed(state: str) -> Agreed:
    try:
        agreed: Agreed = read(Agreed, json.loads(state))
    except ValueError:
        return Agreed()  # as if nothing were agreed: all is looked through again
    return agreed


def servers(store: Store) -> list[str]:
    """The addresses that runs were pushed to or pulled from."""
    rows = store.rows("SELECT DISTINCT server FROM remote_runs WHERE server LIKE 'http%' ORDER BY server")
    return [str(server) for (server,) in rows]


def run_called(store: Store, uid: str) -> int | None:
    """The number of the run of that uid, deleted or not."""
    found = store.rows("SELECT id FROM runs WHERE uid = ?", [uid])
    return int(found[0][0]) if found else None


def is_deleted(store: Store, run_id: int) -> bool:
    """Whether the run is one of those that were deleted here."""
    return bool(store.rows("SELECT 1 FROM runs WHERE id = ? AND deleted IS NOT NULL", [run_id]))


def with_kin(store: Store, ids: list[int]) -> list[int]:
    """Runs with what they are a part of and what is a part of them; who has children before them."""
    above, below = set(ids), set(ids)
    for name, found, sql in (
        ("up", above, "SELECT r.parent_id FROM runs r JOIN up ON r.id = up.id WHERE r.parent_id IS NOT NULL"),
        ("down", below, f"SELECT r.id FROM {LISTED} r JOIN down ON r.parent_id = down.id"),
    ):
        rows = store.rows(
            f"WITH RECURSIVE {name} (id) AS (SELECT value FROM json_each(?) UNION {sql}) SELECT id FROM {name}",
            [json.dumps(ids)],
        )
        found |= {int(number) for (number,) in rows}
    return sorted(above | below, key=lambda number: (_depth(store, number), number))


def _depth(store: Store, run_id: int) -> int:
    rows = store.rows(
        "WITH RECURSIVE up (id) AS (SELECT ? UNION SELECT r.parent_id FROM runs r JOIN up ON r.id = up.id "
        "WHERE r.parent_id IS NOT NULL) SELECT count(*) FROM up",
        [run_id],
    )
    return int(rows[0][0])


def session_elsewhere(connection: sqlite3.Connection, server: str) -> int:
    """The session that runs of a server belong to; whether one of them still goes on is not ours to say."""
    found = connection.execute("SELECT id FROM sessions WHERE pid = 0 AND host = ?", [server]).fetchone()
    if found:
        return int(found[0])
    row = (uuid.uuid4().hex, time.time(), 0, server)
    return connection.execute("INSERT INTO sessions (uid, started, pid, host) VALUES (?, ?, ?, ?)", row).lastrowid or 0


def drop_artifacts(connection: sqlite3.Connection, run_id: int, paths: list[str]) -> None:
    """A run no longer has these artifacts."""
    connection.executemany("DELETE FROM artifacts WHERE run_id = ? AND path = ?", [(run_id, path) for path in paths])


def set_end(connection: sqlite3.Connection, run_id: int, status: str, duration: float | None) -> None:
    """How and when a run ended."""
    connection.execute("UPDATE runs SET status = ?, duration = ? WHERE id = ?", (status, duration, run_id))


def set_parent(connection: sqlite3.Connection, run_id: int, parent: int) -> None:
    """What a run is a part of."""
    connection.execute("UPDATE runs SET parent_id = ? WHERE id = ?", (parent, run_id))


def set_name(connection: sqlite3.Connection, run_id: int, name: str) -> None:
    """What a run is called from now on; its former name is no longer found."""
    texts.forget(connection, "runs", "id = ?", [run_id])
    connection.execute("UPDATE runs SET name = ? WHERE id = ?", (name, run_id))


# model versions


def link_version(
    connection: sqlite3.Connection,
    server: str,
    there: tuple[str, str],
    here: tuple[str, int],
    agreed: AgreedVersion,
) -> None:
    """A version here, by model and number, is that version there; one there for each version here."""
    connection.execute("DELETE FROM remote_versions WHERE server = ? AND model = ? AND number = ?", (server, *here))
    state = json.dumps(agreed.to_dict(), ensure_ascii=False)
    connection.execute(
        "INSERT OR REPLACE INTO remote_versions VALUES (?, ?, ?, ?, ?, ?)", (server, *there, *here, state)
    )


def version_there(store: Store, server: str, model: str, number: int) -> tuple[str, str, AgreedVersion] | None:
    """The model and version on a server that a version here is, and what was agreed."""
    rows = store.rows(
        "SELECT name, remote_version, state FROM remote_versions WHERE server = ? AND model = ? AND number = ?",
        (server, model, number),
    )
    return (str(rows[0][0]), str(rows[0][1]), _agreed_version(str(rows[0][2]))) if rows else None


def version_here(store: Store, server: str, name: str, version: str) -> tuple[str, int, AgreedVersion] | None:
    """The model and number here that a version on a server is, and what was agreed."""
    rows = store.rows(
        "SELECT model, number, state FROM remote_versions WHERE server = ? AND name = ? AND remote_version = ?",
        (server, name, version),
    )
    return (str(rows[0][0]), int(rows[0][1]), _agreed_version(str(rows[0][2]))) if rows else None


def _agreed_version(state: str) -> AgreedVersion:
    try:
        agreed: AgreedVersion = read(AgreedVersion, json.loads(state))
    except ValueError:
        return AgreedVersion()
    return agreed
