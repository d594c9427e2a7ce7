"""An open store."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakSet

from mlops_nb.store import connection, schema
from mlops_nb.store.connection import Transaction, check_file, connect, faults, newer
from mlops_nb.store.location import DATABASE

_left_to_parent: list[sqlite3.Connection] = []

_open_here: WeakSet[Store] = WeakSet()
"""The stores that this process has open.

Where a process closes a file that it has read by itself, POSIX lets go of all its locks on it, SQLite's, too. Another
process that closes the store would then take itself for the last, and remove the log into which this one writes on.
"""


class Store:
    """An open store: one connection, shared by the threads of this process under a lock.

    Args:
        folder: the store's folder; made, with an empty database in it, when it is not there.

    Raises:
        StoreUnavailable: or a child that says why; the file is left as it was.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / DATABASE
        self.lock = threading.RLock()
        self.is_apart = False
        with faults(self.path):
            if not self.path.exists():
                schema.create(folder)
            found = self.path.stat()
            self._file = found.st_dev, found.st_ino
            if self._file not in {each._file for each in list(_open_here)}:
                check_file(self.path)
            self.connection = connect(self.path)
            version = int(self.connection.execute("PRAGMA user_version").fetchone()[0])
            if version > connection.SCHEMA_VERSION:
                self.connection.close()
                raise newer(self.path, version)
            if version < connection.SCHEMA_VERSION:
                schema.migrate(self.connection, folder)
        self._pid = os.getpid()
        _open_here.add(self)

    def apart(self) -> Store:
        """Another connection to the same store: who reads on it keeps nobody waiting who writes on this one."""
        other = Store(self.folder)
        other.is_apart = True
        return other

    def version(self) -> int:
        """A number that changes when another connection, of this process or another, has written."""
        with self.lock, faults(self.path):
            return int(self.connection.execute("PRAGMA data_version").fetchone()[0])

    def is_gone(self) -> bool:
        """Whether the file that is open is no longer the one at the path."""
        try:
            found = self.path.stat()
            return (found.st_dev, found.st_ino) != self._file
        except OSError:
            return True

    def belongs_here(self) -> bool:
        """Whether this process opened it; after a fork the child must open its own."""
        return self._pid == os.getpid()

    def close(self) -> None:
        """Close the connection, or leave it alone when a parent process owns it."""
        with self.lock:
            if self.belongs_here():
                self.connection.close()
                _open_here.discard(self)
            else:
                _left_to_parent.append(self.connection)

    def transaction(self, durable: bool = False) -> Transaction:
        """One write transaction; committed whole or not at all, Ctrl-C kept waiting until it is over.

        Args:
            durable: wait until the disk has it (a power cut loses nothing).
        """
        return Transaction(self.connection, self.path, self.lock, durable)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of a query, as tuples of what SQLite holds."""
        with self.lock, faults(self.path):
            return self.connection.execute(sql, values).fetchall()
