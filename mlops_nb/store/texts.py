"""The full-text index over names, notes and code.

A row is indexed when somebody searches, not when it is written: a captured run would cost a fifth more. FTS5
keeps a row of `..._docsize` for each that it has indexed, which tells what it lacks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

_COLUMNS = {"runs": "name, note", "sources": "text"}
"""The tables that are searched, and their columns with text."""


def index_new(store: Store) -> None:
    """Index what was written since the last search."""
    lacking = {table: f"id NOT IN (SELECT id FROM {table}_text_docsize)" for table in _COLUMNS}
    if not any(store.rows(f"SELECT 1 FROM {table} WHERE {which} LIMIT 1") for table, which in lacking.items()):
        return
    with store.transaction() as connection:
        for table, which in lacking.items():
            columns = _COLUMNS[table]
            connection.execute(
                f"INSERT INTO {table}_text (rowid, {columns}) SELECT id, {columns} FROM {table} WHERE {which}"
            )


def forget(connection: sqlite3.Connection, table: str, condition: str, values: Sequence[object] = ()) -> None:
    """Take rows out of the index, before they are changed or removed; the next search finds them as they are then.

    Args:
        connection: of an open transaction.
        table: runs or sources.
        condition: which of its rows.
        values: of the marks in the condition.
    """
    columns = _COLUMNS[table]
    connection.execute(
        f"INSERT INTO {table}_text ({table}_text, rowid, {columns}) SELECT 'delete', id, {columns} FROM {table} "
        f"WHERE ({condition}) AND id IN (SELECT id FROM {table}_text_docsize)",
        values,
    )
