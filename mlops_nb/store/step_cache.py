"""Rows of what steps gave: found by the key of what it depends on, its files by their SHA-256.

What a row holds is the pipelines' own; here it is a text with a code that tells who wrote it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

UNUSED_SECONDS = 30 * 86_400.0
"""What no pipeline asked for so long is collected."""

MOST_OF_A_KEY = 8
"""Results of one key that are looked at, the newest first: they differ by the files that were read."""


def oldest() -> float:
    """What was asked for later than this stays."""
    return time.time() - UNUSED_SECONDS


Row = tuple[int, str, bytes]
"""Number, content and code of a row."""


def add_entry(
    connection: sqlite3.Connection,
    *,
    key: str,
    pipeline: str,
    step: str,
    content: str,
    mac: bytes,
    files: Mapping[str, int],
) -> int:
    """A new row; `files` are the sizes of its files by SHA-256."""
    now = time.time()
    row = (key, pipeline, step, now, now, content, mac)
    number = connection.execute(
        "INSERT INTO step_cache (key, pipeline, step, made, used, content, mac) VALUES (?, ?, ?, ?, ?, ?, ?)", row
    ).lastrowid
    connection.executemany(
        "INSERT OR IGNORE INTO step_blobs VALUES (?, ?, ?)", [(number, sha256, size) for sha256, size in files.items()]
    )
    return number or 0


def entries_of_key(store: Store, key: str) -> list[Row]:
    """The rows of a key, the newest first."""
    return store.rows(
        "SELECT id, content, mac FROM step_cache WHERE key = ? ORDER BY id DESC LIMIT ?", [key, MOST_OF_A_KEY]
    )


def entries_of_step(store: Store, pipeline: str, step: str, limit: int = 20) -> list[Row]:
    """The rows of a step, the newest first."""
    return store.rows(
        "SELECT id, content, mac FROM step_cache WHERE pipeline = ? AND step = ? ORDER BY id DESC LIMIT ?",
        [pipeline, step, limit],
    )


def set_used(connection: sqlite3.Connection, numbers: Collection[int]) -> None:
    """These rows were asked for now."""
    connection.executemany("UPDATE step_cache SET used = ? WHERE id = ?", [(time.time(), number) for number in numbers])


def remove_entry(connection: sqlite3.Connection, number: int) -> None:
    """The row is gone; its files are collected when nothing else needs them."""
    connection.execute("DELETE FROM step_blobs WHERE entry_id = ?", [number])
    connection.execute("DELETE FROM step_cache WHERE id = ?", [number])


def unused(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many rows nobody asked for in a month, and about how many bytes they take."""
    before = oldest()
    count, size = connection.execute(
        "SELECT count(*), sum(length(content)) FROM step_cache WHERE used < ?", [before]
    ).fetchone()
    return int(count), int(size or 0)


def remove_unused(connection: sqlite3.Connection) -> int:
    """Remove the rows that nobody asked for in a month; how many there were."""
    before = oldest()
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "DELETE FROM step_blobs WHERE entry_id IN (SELECT id FROM step_cache WHERE used < ?)", [before]
        )
        gone = connection.execute("DELETE FROM step_cache WHERE used < ?", [before]).rowcount
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.rollback()
    return gone
