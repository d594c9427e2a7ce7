"""The schema as numbered migrations: never edited, only added to."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mlops_nb.store import connection as settings
from mlops_nb.store.connection import APPLICATION_ID, connect
from mlops_nb.store.location import DATABASE

_V1 = """
CREATE TABLE store_info (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, started REAL NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL
);
CREATE TABLE sources (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE environments (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, content TEXT NOT NULL);

CREATE TABLE executions (
    id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL REFERENCES sessions, notebook TEXT NOT NULL,
    cell_id TEXT NOT NULL, execution_count INTEGER, source_id INTEGER NOT NULL REFERENCES sources,
    started REAL NOT NULL, duration REAL NOT NULL, status TEXT NOT NULL, reads TEXT NOT NULL, writes TEXT NOT NULL
);
CREATE INDEX executions_by_notebook ON executions (notebook, id);

CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL,
    status TEXT NOT NULL, started REAL NOT NULL, duration REAL, parent_id INTEGER REFERENCES runs,
    session_id INTEGER NOT NULL REFERENCES sessions, execution_id INTEGER REFERENCES executions,
    notebook TEXT NOT NULL, cell_id TEXT NOT NULL, execution_count INTEGER,
    source_id INTEGER NOT NULL REFERENCES sources, environment_id INTEGER REFERENCES environments,
    git_commit TEXT, git_branch TEXT, git_dirty INTEGER,
    error_type TEXT, error_message TEXT, error_traceback TEXT, notes TEXT NOT NULL DEFAULT '[]'
);
CREATE INDEX runs_by_name ON runs (name, id);
CREATE INDEX runs_by_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (session_id) WHERE status = 'RUNNING';

CREATE TABLE params (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, type TEXT NOT NULL, value BLOB,
    inferred INTEGER NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE metrics (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value REAL, step INTEGER, count INTEGER NOT NULL,
    numbers INTEGER NOT NULL, total REAL, minimum REAL, maximum REAL, inferred INTEGER NOT NULL,
    first_point INTEGER NOT NULL, last_point INTEGER NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE INDEX metrics_by_value ON metrics (name, value);
CREATE TABLE metric_points (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL,
    step INTEGER, value REAL, time REAL NOT NULL
);
CREATE TABLE tags (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE outputs (
    run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    data TEXT NOT NULL, cut_bytes INTEGER NOT NULL, PRIMARY KEY (run_id, position)
);
CREATE TABLE fingerprints (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, shape TEXT NOT NULL, types TEXT NOT NULL,
    fingerprint TEXT NOT NULL, exact INTEGER NOT NULL, UNIQUE (fingerprint, kind, shape, types)
);
CREATE TABLE run_data (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL,
    fingerprint_id INTEGER NOT NULL REFERENCES fingerprints, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE artifacts (
    run_id INTEGER NOT NULL REFERENCES runs, path TEXT NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    PRIMARY KEY (run_id, path)
) WITHOUT ROWID;
"""

_V2 = """
ALTER TABLE runs RENAME COLUMN notes TO warnings;
ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN deleted REAL;
ALTER TABLE runs ADD COLUMN cpu_seconds REAL;
ALTER TABLE runs ADD COLUMN peak_memory_bytes INTEGER;
ALTER TABLE runs ADD COLUMN seeds TEXT NOT NULL DEFAULT '{}';
ALTER TABLE runs ADD COLUMN git_remote TEXT;
ALTER TABLE runs ADD COLUMN git_diff_id INTEGER REFERENCES diffs;
ALTER TABLE runs ADD COLUMN redacted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN files TEXT NOT NULL DEFAULT '[]';
ALTER TABLE fingerprints ADD COLUMN columns TEXT NOT NULL DEFAULT '{}';
ALTER TABLE artifacts ADD COLUMN kind TEXT NOT NULL DEFAULT 'file';
ALTER TABLE artifacts ADD COLUMN details TEXT NOT NULL DEFAULT '{}';

CREATE TABLE diffs (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE estimators (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, class TEXT NOT NULL, signature TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE remote_runs (
    server TEXT NOT NULL, remote_id TEXT NOT NULL, run_id INTEGER NOT NULL REFERENCES runs, state TEXT NOT NULL,
    PRIMARY KEY (server, remote_id)
) WITHOUT ROWID;
CREATE INDEX remote_runs_by_run ON remote_runs (run_id);
CREATE INDEX executions_by_session ON executions (session_id, id);
CREATE INDEX runs_deleted ON runs (deleted) WHERE deleted IS NOT NULL;

CREATE VIRTUAL TABLE runs_text USING fts5(name, note, content='runs', content_rowid='id');
CREATE VIRTUAL TABLE sources_text USING fts5(text, content='sources', content_rowid='id');
"""

_STEP_CACHE = """
CREATE TABLE step_cache (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, pipeline TEXT NOT NULL, step TEXT NOT NULL, made REAL NOT NULL,
    used REAL NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL
);
CREATE INDEX step_cache_by_key ON step_cache (key);
CREATE INDEX step_cache_by_step ON step_cache (pipeline, step, id);
CREATE TABLE step_blobs (
    entry_id INTEGER NOT NULL REFERENCES step_cache ON DELETE CASCADE, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, PRIMARY KEY (entry_id, sha256)
) WITHOUT ROWID;
CREATE INDEX step_blobs_by_content ON step_blobs (sha256);
"""

_REGISTRY = """
CREATE TABLE model_versions (
    model TEXT NOT NULL, number INTEGER NOT NULL, manifest TEXT NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (model, number)
) WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
    version INTEGER, slot TEXT NOT NULL, was TEXT NOT NULL, now TEXT NOT NULL, note TEXT NOT NULL,
    evidence TEXT NOT NULL, previous TEXT NOT NULL, sha256 TEXT NOT NULL
);
CREATE INDEX events_by_model ON events (model, id);
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;
CREATE TRIGGER versions_stay BEFORE UPDATE ON model_versions
BEGIN SELECT RAISE(ABORT, 'a model version is never changed'); END;
CREATE TRIGGER versions_are_kept BEFORE DELETE ON model_versions
BEGIN SELECT RAISE(ABORT, 'a model version is never deleted'); END;
CREATE TABLE remote_versions (
    server TEXT NOT NULL, name TEXT NOT NULL, remote_version TEXT NOT NULL, model TEXT NOT NULL,
    number INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (server, name, remote_version)
) WITHOUT ROWID;
"""

RELEASES = ("0.1.0", "0.1.0", "0.1.0", "0.1.0")
"""The first release that reads schema 1, 2, ...; one entry a migration."""


def _runs_and_cells(database: Any) -> None:
    _statements(database, _V1)


def _tracking_in_depth(database: Any) -> None:
    _statements(database, _V2)


def _step_cache(database: Any) -> None:
    _statements(database, _STEP_CACHE)


def _model_registry(database: Any) -> None:
    _statements(database, _REGISTRY)


MIGRATIONS: tuple[Callable[[Any], None], ...] = (_runs_and_cells, _tracking_in_depth, _step_cache, _model_registry)


def _statements(database: Any, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            database.execute(statement)


def create(folder: Path) -> None:
    """Make the folder and an empty store in it; whoever comes second finds the first one's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        if (folder / DATABASE).exists():
            return
        ignore = folder / ".gitignore"
        ignore.write_text("*\n")
        fresh = folder / f"{DATABASE}.{os.getpid()}.new"
        try:
            _create_file(fresh)
            fresh.rename(folder / DATABASE)
        finally:
            _remove(fresh)


def _create_file(fresh: Path) -> None:
    for journal in ("WAL", "DELETE"):
        _remove(fresh)
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = connect(fresh)
        try:
            connection.execute(f"PRAGMA journal_mode={journal}")
            _apply(connection)
            break
        except sqlite3.OperationalError:
            if journal == "DELETE":
                raise
        finally:
            connection.close()


def _remove(fresh: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


def migrate(connection: sqlite3.Connection, folder: Path) -> None:
    """Bring an older store to the present schema, in one transaction."""
    with _alone(folder):
        _apply(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _apply(connection: sqlite3.Connection) -> None:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

    steps = Migrations("mlops_nb")
    for number, step in enumerate(MIGRATIONS, 1):
        steps(name=f"{number:03}{step.__name__}")(step)
    connection.execute("BEGIN IMMEDIATE")
    try:
        steps.apply(Database(connection, execute_plugins=False))
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={settings.SCHEMA_VERSION}")
        connection.execute("INSERT OR REPLACE INTO store_info VALUES ('needs_release', ?)", [RELEASES[-1]])
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    from mlops_nb.errors import StoreIsLocked

    try:
        with FileLock(folder / "store.lock", timeout=60, mode=0o600):
            yield
    except Timeout as error:
        raise StoreIsLocked(
            f"another process has been making or migrating the store {folder} for a minute",
            "end that process, then try again",
        ) from error
