"""Rows of what autolog records: the estimators of a run, the trials and folds a fit consists of.

Functions that write take the connection of an open transaction; functions that read take the store.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_nb.record import json_value
from mlops_nb.registry.signature import signature_from
from mlops_nb.store.runs import AUTOLOGGED, LISTED, Point, add_params, add_points, insert_run, set_tags
from mlops_nb.store.search import summaries
from mlops_nb.tracking.autolog.estimators import Estimator
from mlops_nb.tracking.autolog.hooks import Part
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import RunSummary
from mlops_nb.tracking.values import flat_params, plain_value

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

MOST_PARTS = 20
"""So many children are summed up with their run."""

_OF_THE_PARENT = "started, session_id, notebook, cell_id, execution_count, source_id"


def add_estimator(connection: sqlite3.Connection, run_id: int, one: Estimator) -> None:
    """An estimator that the run fitted; the newest of a name stands."""
    signature = {name: getattr(one.signature, name) for name in one.signature.__slots__}
    signature |= {
        "inputs": [{"name": column.name, "type": column.type} for column in one.signature.inputs],
        "classes": json_value(one.signature.classes),
    }
    details = {"signature": signature, "defaults": one.defaults}
    connection.execute(
        "INSERT OR REPLACE INTO estimators (run_id, name, class, signature) VALUES (?, ?, ?, ?)",
        (run_id, one.name, one.kind, json.dumps(details, ensure_ascii=False)),
    )


def estimators_of(store: Store, run_id: int) -> tuple[Estimator, ...]:
    """The estimators that a run fitted, by name."""
    rows = store.rows("SELECT name, class, signature FROM estimators WHERE run_id = ? ORDER BY name", [run_id])
    return tuple(_estimator(name, kind, json.loads(details)) for name, kind, details in rows)


def _estimator(name: str, kind: str, details: dict[str, object]) -> Estimator:
    defaults = details.get("defaults")
    return Estimator(
        name,
        kind,
        signature_from(details["signature"]),  # type: ignore[arg-type]
        tuple(defaults) if isinstance(defaults, list) else (),
    )


def add_parts(connection: sqlite3.Connection, run_id: int, parts: Sequence[Part], time: float) -> None:
    """Trials or folds as child runs that are over; a search's best one is tagged, and named by a tag of the parent."""
    found = connection.execute(f"SELECT {_OF_THE_PARENT} FROM runs WHERE id = ?", [run_id]).fetchone()
    shared = dict(zip(_OF_THE_PARENT.split(", "), found, strict=True))
    for part in parts:
        status = "FAILED" if part.has_failed else "FINISHED"
        own = {"uid": uuid.uuid4().hex, "name": part.name, "kind": part.kind, "status": status}
        child = insert_run(connection, {**shared, **own, "duration": part.duration, "parent_id": run_id})
        params = {name: plain_value(value) for name, value in flat_params(dict(part.params)).items()}
        add_params(connection, child, params, False)
        points: list[Point] = [(name, None, value, time) for name, value in part.metrics.items()]
        points += [
            (name, step, value, time) for name, values in part.series.items() for step, value in enumerate(values)
        ]
        add_points(connection, child, points, False)
        if part.is_best:
            mark_best(connection, run_id, child)


def mark_best(connection: sqlite3.Connection, run_id: int, trial: int) -> None:
    """Tag the best trial of a search or a sweep, and name it by a tag of the run."""
    set_tags(connection, trial, {"best": "yes"})
    set_tags(connection, run_id, {"best_trial": str(trial)})


def move_best(connection: sqlite3.Connection, run_id: int, trial: int) -> None:
    """Tag the best trial of a sweep, where another one may have been it before the sweep went on."""
    connection.execute(
        "DELETE FROM tags WHERE name = 'best' AND run_id IN (SELECT id FROM runs WHERE parent_id = ?)", [run_id]
    )
    mark_best(connection, run_id, trial)


def parts_of(store: Store, run_id: int) -> tuple[RunSummary, ...]:
    """The first of a run's children: those of a search by rank, those of a sweep by the metric that judged it."""
    judge = store.rows(
        "SELECT m.name FROM metrics m JOIN runs r ON r.id = m.run_id WHERE r.id = ? AND r.kind = 'sweep'", [run_id]
    )
    match = "m.name = ?" if judge else "m.name LIKE ?"
    sign = "" if not judge or lower_is_better(judge[0][0]) else "-"
    newest = "-" if judge else ""  # of equal trials of a sweep the newest is the best
    ids = store.rows(
        f"SELECT r.id FROM {LISTED} r LEFT JOIN metrics m ON m.run_id = r.id AND {match} WHERE r.parent_id = ? "
        "GROUP BY r.id ORDER BY r.status != 'FINISHED' OR min(m.value) IS NULL OR abs(min(m.value)) = 9e999, "
        f"{sign}min(m.value), {newest}r.id LIMIT ?",
        [judge[0][0] if judge else "rank_test_%", run_id, MOST_PARTS],
    )
    return summaries(store, [number for (number,) in ids])


def take_over(connection: sqlite3.Connection, run_id: int, parent: int | None, started: float) -> None:
    """What autolog recorded in a run becomes that of a child of it, which began at `started`."""
    ours = (run_id, parent, AUTOLOGGED)
    connection.execute("UPDATE runs SET started = ? WHERE id = ?", (started, run_id))
    for first, last in connection.execute(
        "SELECT min(first_point), max(last_point) FROM metrics WHERE run_id = ? AND inferred = ?", ours[1:]
    ).fetchall():
        connection.execute(
            "UPDATE metric_points SET run_id = ? WHERE run_id = ? AND id BETWEEN ? AND ? AND name IN "
            "(SELECT name FROM metrics WHERE run_id = ? AND inferred = ?)",
            (run_id, parent, first, last, *ours[1:]),
        )
    for table in ("params", "metrics"):
        connection.execute(f"UPDATE {table} SET run_id = ?, inferred = 0 WHERE run_id = ? AND inferred = ?", ours)
    connection.execute(
        "INSERT OR IGNORE INTO run_data SELECT ?, name, fingerprint_id FROM run_data WHERE run_id = ?", ours[:2]
    )
    connection.execute("UPDATE estimators SET run_id = ? WHERE run_id = ?", ours[:2])
    connection.execute(
        "INSERT INTO tags SELECT ?, name, value FROM tags WHERE run_id = ? AND name = 'best_trial'", ours[:2]
    )
    connection.execute("DELETE FROM tags WHERE run_id = ? AND name = 'best_trial'", [parent])
    connection.execute(
        "UPDATE runs SET parent_id = ? WHERE parent_id = ? AND kind IN ('trial', 'fold') "
        "AND started = (SELECT started FROM runs WHERE id = ?)",  # only `add_parts` gives them their parent's time
        (run_id, parent, parent),
    )
