"""Rows of artifacts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_nb.tracking.runs import Artifact

if TYPE_CHECKING:
    from mlops_nb.store.database import Store


def put_artifacts(connection: sqlite3.Connection, run_id: int, path: str, files: Sequence[Artifact]) -> None:
    """What was logged under a path, a file or the files of a folder; what stood in its place is no longer there."""
    parts = path.split("/")
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    connection.execute(
        f"DELETE FROM artifacts WHERE run_id = ? AND (path IN ({','.join('?' * len(above))}) "
        "OR (path > ? AND path < ?))",
        (run_id, *above, f"{path}/", f"{path}0"),  # 0 is the character after /
    )
    connection.executemany(
        "INSERT INTO artifacts (run_id, path, sha256, size_bytes, kind, details) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (run_id, one.path, one.sha256, one.size_bytes, one.kind, json.dumps(dict(one.details), ensure_ascii=False))
            for one in files
        ],
    )


def artifacts_of(store: Store, run_id: int) -> tuple[Artifact, ...]:
    """The artifacts of a run by path."""
    rows = store.rows(
        "SELECT path, sha256, size_bytes, kind, details FROM artifacts WHERE run_id = ? ORDER BY path", [run_id]
    )
    return tuple(Artifact(path, sha256, size, kind, json.loads(details)) for path, sha256, size, kind, details in rows)


def artifact_paths(store: Store, run_id: int, limit: int = 1000) -> list[str]:
    """The paths of a run's artifacts."""
    rows = store.rows("SELECT path FROM artifacts WHERE run_id = ? ORDER BY path LIMIT ?", [run_id, limit])
    return [str(path) for (path,) in rows]
