"""Rows of runs and what belongs to them: params, metrics, tags, outputs, data.

Functions that write take the connection of an open transaction; functions that read take the store.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from mlops_nb.reproducibility.records import CodeVersion, DataFingerprint, Environment, Usage
from mlops_nb.store import texts
from mlops_nb.store.artifacts import put_artifacts
from mlops_nb.tracking.runs import Metric, Output, Run, RunError, Status
from mlops_nb.tracking.series import MOST, Bucket, Curve
from mlops_nb.tracking.values import encode_value, plain_value

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

Point = tuple[str, int | None, float, float]
"""Name, step, value, time of a logged metric."""

LISTED = "(SELECT * FROM runs WHERE deleted IS NULL)"
"""The runs that are there for whoever lists, finds or counts them: `FROM {LISTED} r`. Those deleted are left out."""


def source_id(connection: sqlite3.Connection, text: str) -> int:
    """The row of a source text, stored once however often it ran."""
    return _once(connection, "sources", "text", text)


def environment_id(connection: sqlite3.Connection, environment: Environment) -> int:
    """The row of an environment, stored once however many runs had it."""
    return _once(connection, "environments", "content", _environment_text(environment))


_last_environment: list[tuple[Environment, str]] = []
"""The newest environment and its text: a process has seldom more than one."""


def _environment_text(environment: Environment) -> str:
    if not _last_environment or _last_environment[0][0] is not environment:
        _last_environment[:] = [(environment, json.dumps(environment.to_dict(), ensure_ascii=False))]
    return _last_environment[0][1]


@lru_cache(maxsize=16)
def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _once(connection: sqlite3.Connection, table: str, column: str, text: str) -> int:
    """The row that holds a text."""
    digest = _digest(text)
    known = connection.execute(f"SELECT id FROM {table} WHERE sha256 = ?", [digest]).fetchone()
    if known:
        return int(known[0])
    row = connection.execute(f"INSERT INTO {table} (sha256, {column}) VALUES (?, ?)", [digest, text]).lastrowid
    return row or 0


def insert_run(connection: sqlite3.Connection, values: Mapping[str, object]) -> int:
    """A new row of runs from column names and values; its number."""
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    return connection.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", list(values.values())).lastrowid or 0


def set_note(connection: sqlite3.Connection, run_id: int, note: str) -> None:
    """What a person wrote about a run; the text before it is no longer found."""
    texts.forget(connection, "runs", "id = ?", [run_id])
    connection.execute("UPDATE runs SET note = ? WHERE id = ?", (note, run_id))


def insert_whole(
    connection: sqlite3.Connection,
    run: Run,
    series: Mapping[str, Sequence[tuple[int | None, float, float]]],
    *,
    session: int,
    parent: int | None = None,
) -> int:
    """A run that was made elsewhere, as new rows; its number here.

    Args:
        connection: of an open transaction.
        run: the run; its number, parent and children there mean nothing here.
        series: step, value and time of every value of each of its metrics, in the order logged.
        session: the session that it belongs to from now on.
        parent: the run here that it is a part of.
    """
    row = {name: getattr(run, name) for name in ("uid", "name", "kind", "status", "started", "duration", "notebook")}
    row |= {"cell_id": run.cell_id, "execution_count": run.execution_count, "note": run.note}
    row |= {"redacted": run.redacted}
    row |= {"parent_id": parent, "session_id": session, "source_id": source_id(connection, run.source)}
    number = insert_run(connection, row)
    for inferred in (False, True):
        params = {param.name: param.value for param in run.params if param.inferred == inferred}
        add_params(connection, number, params, inferred)
    for metric in run.metrics:
        points = [(metric.name, step, value, time) for step, value, time in series.get(metric.name, ())]
        add_points(
            connection, number, points or [(metric.name, metric.step, metric.value, run.started)], metric.inferred
        )
    set_tags(connection, number, run.tags)
    add_outputs(connection, number, run.outputs)
    add_data(connection, number, run.data)
    for artifact in run.artifacts:
        put_artifacts(connection, number, artifact.path, [artifact])
    set_surroundings(connection, number, run.environment, run.code)
    set_seeds(connection, number, run.seeds)
    finish_run(connection, number, run.status, run.duration, run.error, run.warnings, run.usage)
    return number


def add_redacted(connection: sqlite3.Connection, run_id: int, more: int) -> None:
    """So many secrets more were replaced in what a run was told."""
    connection.execute("UPDATE runs SET redacted = redacted + ? WHERE id = ?", (more, run_id))


def redacted_total(store: Store) -> tuple[int, int]:
    """How many secrets were replaced, and in how many runs."""
    total, runs = store.rows("SELECT coalesce(sum(redacted), 0), count(*) FROM runs WHERE redacted > 0")[0]
    return int(total), int(runs)


def reopen_run(connection: sqlite3.Connection, run_id: int, session: int) -> None:
    """A run that goes on in this session; its end so far is forgotten, its duration is not."""
    connection.execute(
        "UPDATE runs SET status = 'RUNNING', session_id = ?, error_type = NULL, error_message = NULL, "
        "error_traceback = NULL WHERE id = ?",
        (session, run_id),
    )


def finish_run(
    connection: sqlite3.Connection,
    run_id: int,
    status: Status,
    duration: float | None,
    error: RunError | None,
    warnings: Sequence[str],
    usage: Usage | None = None,
) -> None:
    """The end of a run."""
    connection.execute(
        "UPDATE runs SET status = ?, duration = ?, error_type = ?, error_message = ?, error_traceback = ?, "
        "warnings = ?, cpu_seconds = ?, peak_memory_bytes = ? WHERE id = ?",
        (
            status,
            duration,
            error and error.type,
            error and error.message,
            error and error.traceback,
            json.dumps(list(warnings), ensure_ascii=False),
            usage and usage.cpu_seconds,
            usage and usage.peak_memory_bytes,
            run_id,
        ),
    )


def set_surroundings(
    connection: sqlite3.Connection, run_id: int, environment: Environment | None, code: CodeVersion | None
) -> None:
    """What a run, and what a fit in it tried, was made with: machine, packages, commit, what was not committed."""
    connection.execute(
        "UPDATE runs SET environment_id = ?, git_commit = ?, git_branch = ?, git_dirty = ?, git_remote = ?, "
        "git_diff_id = ? WHERE id = ? OR (parent_id = ? AND kind IN ('trial', 'fold') AND environment_id IS NULL)",
        (
            environment and environment_id(connection, environment),
            code and code.commit,
            code and code.branch,
            code and code.dirty,
            code and code.remote,
            _once(connection, "diffs", "text", code.diff) if code and code.diff else None,
            run_id,
            run_id,
        ),
    )


def set_seeds(connection: sqlite3.Connection, run_id: int, seeds: Mapping[str, object]) -> None:
    """The seeds that a run set, by what was seeded."""
    values = {name: plain_value(value) for name, value in seeds.items()}
    connection.execute("UPDATE runs SET seeds = ? WHERE id = ?", (json.dumps(values, ensure_ascii=False), run_id))


AUTOLOGGED = 2
"""In the column `inferred`: not read off a cell (1) but recorded by autolog."""


def add_params(connection: sqlite3.Connection, run_id: int, params: Mapping[str, object], inferred: int) -> None:
    """Parameters of a run; the newest value of a name stands, and a named one is never undone by an inferred one."""
    rule = "NOTHING" if inferred else "UPDATE SET type = excluded.type, value = excluded.value, inferred = 0"
    connection.executemany(
        f"INSERT INTO params VALUES (?, ?, ?, ?, ?) ON CONFLICT DO {rule}",
        [(run_id, name, *encode_value(value), inferred) for name, value in params.items()],
    )


_ADD_POINT = "INSERT INTO metric_points (run_id, name, step, value, time) VALUES (?, ?, ?, ?, ?)"
_ADD_TO_METRIC = """
INSERT INTO metrics VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, last_insert_rowid(), last_insert_rowid())
ON CONFLICT DO UPDATE SET
    value = excluded.value, step = excluded.step, count = count + 1, numbers = numbers + excluded.numbers,
    total = CASE WHEN numbers = 0 THEN excluded.total WHEN excluded.numbers = 0 THEN total
                 ELSE total + excluded.total END,
    minimum = min(coalesce(minimum, excluded.minimum), coalesce(excluded.minimum, minimum)),
    maximum = max(coalesce(maximum, excluded.maximum), coalesce(excluded.maximum, maximum)),
    inferred = min(inferred, excluded.inferred), last_point = excluded.last_point
"""


def add_points(connection: sqlite3.Connection, run_id: int, points: Sequence[Point], inferred: int) -> None:
    """Logged metric values, each kept, and summed up by name. SQLite keeps NaN as NULL.

    The summary knows the first and the last of its points: a range of rows instead of an index,
    which would cost every call a quarter more.
    """
    for name, step, value, time in points:
        connection.execute(_ADD_POINT, (run_id, name, step, value, time))
        is_number = int(not math.isnan(value))
        connection.execute(_ADD_TO_METRIC, (run_id, name, value, step, is_number, value, value, value, inferred))


def set_tags(connection: sqlite3.Connection, run_id: int, tags: Mapping[str, str]) -> None:
    """Tags of a run; the newest value of a name stands."""
    connection.executemany(
        "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", [(run_id, name, value) for name, value in tags.items()]
    )


def remove_tags(connection: sqlite3.Connection, run_id: int, names: Sequence[str]) -> None:
    """Take tags off a run."""
    connection.executemany("DELETE FROM tags WHERE run_id = ? AND name = ?", [(run_id, name) for name in names])


def add_outputs(connection: sqlite3.Connection, run_id: int, outputs: Sequence[Output]) -> None:
    """What the cell showed, in order."""
    connection.executemany(
        "INSERT OR REPLACE INTO outputs VALUES (?, ?, ?, ?, ?, ?)",
        [
            (run_id, position, one.kind, one.name, json.dumps(dict(one.data), ensure_ascii=False), one.cut_bytes)
            for position, one in enumerate(outputs)
        ],
    )


def cut_outputs(connection: sqlite3.Connection, run_id: int, count: int) -> None:
    """Keep only so many of what was shown, the first."""
    connection.execute("DELETE FROM outputs WHERE run_id = ? AND position >= ?", (run_id, count))


def add_data(connection: sqlite3.Connection, run_id: int, data: Sequence[DataFingerprint]) -> None:
    """What the run read; a fingerprint is stored once."""
    for one in data:
        key = (one.kind, json.dumps(one.shape), json.dumps(dict(one.types)), one.fingerprint)
        connection.execute(
            "INSERT OR IGNORE INTO fingerprints (kind, shape, types, fingerprint, exact, columns) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (*key, one.exact, json.dumps(dict(one.columns), ensure_ascii=False)),
        )
        connection.execute(
            "INSERT OR REPLACE INTO run_data SELECT ?, ?, id FROM fingerprints "
            "WHERE kind = ? AND shape = ? AND types = ? AND fingerprint = ?",
            (run_id, one.name, *key),
        )


def find_run(store: Store, ref: str) -> int | None:
    """The number of the run with that number, uid (or the beginning of one), or the newest of that name."""
    tries: list[tuple[str, object]] = [
        (f"SELECT id FROM {LISTED} WHERE name = ? ORDER BY kind IN ('trial', 'fold'), id DESC LIMIT 1", ref),
    ]
    if len(ref) >= 4 and all(letter in "0123456789abcdef" for letter in ref):
        tries.append((f"SELECT id FROM {LISTED} WHERE uid >= ? ORDER BY uid LIMIT 1", ref))
    if ref.lstrip("#").isdigit() and len(ref) < 18:
        tries.insert(0, (f"SELECT id FROM {LISTED} WHERE id = ?", int(ref.lstrip("#"))))
    for sql, value in tries:
        for (found,) in store.rows(sql, [value]):
            if "uid" not in sql or store.rows("SELECT uid FROM runs WHERE id = ?", [found])[0][0].startswith(ref):
                return int(found)
    return None


def names_and_ids(store: Store, limit: int = 1000) -> list[tuple[int, str]]:
    """Number and name of the newest runs."""
    return [
        (int(number), str(name))
        for number, name in store.rows(f"SELECT id, name FROM {LISTED} ORDER BY id DESC LIMIT ?", [limit])
    ]


def names_of(store: Store, ids: Sequence[int]) -> dict[int, str]:
    """The names of runs by number."""
    rows = store.rows("SELECT id, name FROM runs WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(list(ids))])
    return {int(number): str(name) for number, name in rows}


def durations_of(store: Store, ids: Sequence[int]) -> dict[int, float]:
    """How many seconds runs took, by number."""
    rows = store.rows(
        "SELECT id, duration FROM runs WHERE id IN (SELECT value FROM json_each(?)) AND duration IS NOT NULL",
        [json.dumps(list(ids))],
    )
    return {int(number): float(duration) for number, duration in rows}


def metric_names(store: Store) -> list[str]:
    """Every metric name that a listed run has, sorted; the index is jumped through from name to name."""
    rows = store.rows(
        "WITH RECURSIVE known (name) AS (SELECT min(name) FROM metrics UNION ALL "
        "SELECT (SELECT min(name) FROM metrics WHERE name > known.name) FROM known WHERE known.name IS NOT NULL) "
        "SELECT name FROM known WHERE EXISTS "
        f"(SELECT 1 FROM metrics m CROSS JOIN {LISTED} r ON r.id = m.run_id WHERE m.name = known.name)"
    )
    return [str(name) for (name,) in rows]


def metrics_of(store: Store, run_id: int) -> tuple[Metric, ...]:
    """The metrics of a run by name."""
    rows = store.rows(
        "SELECT name, coalesce(value, 'nan'), step, count, minimum, maximum, total / nullif(numbers, 0), inferred "
        "FROM metrics WHERE run_id = ? ORDER BY name",
        [run_id],
    )
    return tuple(
        Metric(name, float(value), step, count, minimum, maximum, mean, bool(inferred), inferred == AUTOLOGGED)
        for name, value, step, count, minimum, maximum, mean, inferred in rows
    )


def points(store: Store, run_id: int, name: str) -> list[tuple[int | None, float, float]]:
    """Step, value and time of every value logged under a name, in the order logged."""
    rows = store.rows(
        "SELECT p.step, p.value, p.time FROM metrics m "
        "JOIN metric_points p ON p.id BETWEEN m.first_point AND m.last_point WHERE m.run_id = ? "
        "AND m.name = ? AND p.run_id = m.run_id AND p.name = m.name ORDER BY p.id",
        [run_id, name],
    )
    return [(step, math.nan if value is None else value, time) for step, value, time in rows]


def curves_of(store: Store, run_id: int, metrics: Sequence[str], most: int = MOST) -> tuple[Curve, ...]:
    """The series of metrics as they are drawn; however many values there are, `most` buckets are held."""
    return tuple(
        Curve(
            name,
            tuple(
                Bucket(*row)
                for row in store.rows(
                    "SELECT count(*), min(value), max(value), min(step), max(step), count(step) FROM "
                    "(SELECT (row_number() OVER (ORDER BY p.id) - 1) * ? / m.count AS bucket, p.step AS step, "
                    "iif(abs(p.value) < 1e300, p.value, NULL) AS value FROM metrics m "
                    "JOIN metric_points p ON p.id BETWEEN m.first_point AND m.last_point WHERE m.run_id = ? "
                    "AND m.name = ? AND p.run_id = m.run_id AND p.name = m.name) GROUP BY bucket ORDER BY bucket",
                    [most, run_id, name],
                )
            ),
        )
        for name in metrics
    )


def previous_run(store: Store, name: str, before: int) -> int | None:
    """The newest FINISHED run of a name before a run."""
    found = store.rows(
        f"SELECT id FROM {LISTED} WHERE name = ? AND id < ? AND status = 'FINISHED' ORDER BY id DESC LIMIT 1",
        [name, before],
    )
    return int(found[0][0]) if found else None


A_STEP_FOR = 5
"""Reading the values of n of N runs costs n, walking from the best on to one of theirs about N / n of these."""


def best_earlier(
    store: Store, name: str, before: int, metrics: Collection[str], lowest: Collection[str]
) -> dict[str, float]:
    """The best last values of metrics in the FINISHED runs of a name before a run; of those in `lowest` the least."""
    few = math.isqrt(A_STEP_FOR * before)  # there are at most `before` runs
    if store.rows("SELECT count(*) FROM (SELECT 1 FROM runs WHERE name = ? LIMIT ?)", [name, few + 1])[0][0] > few:
        return _best_walked(store, name, before, metrics, lowest)
    rows = store.rows(
        f"SELECT m.name, min(m.value), max(m.value) FROM {LISTED} r CROSS JOIN metrics m ON m.run_id = r.id "
        "WHERE r.name = ? AND r.id < ? AND r.status = 'FINISHED' AND m.value IS NOT NULL GROUP BY m.name",
        [name, before],
    )
    return {metric: low if metric in lowest else high for metric, low, high in rows if metric in metrics}


def _best_walked(
    store: Store, name: str, before: int, metrics: Collection[str], lowest: Collection[str]
) -> dict[str, float]:
    """CROSS JOIN makes SQLite walk a metric's values from the best on, past those of runs of other names."""
    found: dict[str, float] = {}
    for way, names in (("ASC", set(metrics) & set(lowest)), ("DESC", set(metrics) - set(lowest))):
        if names:
            rows = store.rows(
                f"SELECT j.value, (SELECT m.value FROM metrics m CROSS JOIN {LISTED} r ON r.id = m.run_id "
                "WHERE m.name = j.value AND m.value IS NOT NULL AND r.name = ? AND r.id < ? "
                f"AND r.status = 'FINISHED' ORDER BY m.value {way} LIMIT 1) FROM json_each(?) j",
                [name, before, json.dumps(sorted(names))],
            )
            found.update({metric: value for metric, value in rows if value is not None})
    return found


def counts(store: Store) -> dict[str, int]:
    """How many rows there are: runs, executed cells, sessions, artifacts."""
    tables = {
        "runs": LISTED,
        "executions": "executions",
        "sessions": "sessions",
        "artifacts": f"artifacts a JOIN {LISTED} r ON r.id = a.run_id",
    }
    return {name: int(store.rows(f"SELECT count(*) FROM {rows}")[0][0]) for name, rows in tables.items()}


def runs_by_status(store: Store) -> dict[str, int]:
    """How many runs there are in each status."""
    rows = store.rows(f"SELECT status, count(*) FROM {LISTED} GROUP BY status ORDER BY status")
    return dict(rows)
