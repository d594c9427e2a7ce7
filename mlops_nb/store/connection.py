"""The only place that connects to the SQLite file: open, check, transaction."""

from __future__ import annotations

import os
import signal
import sqlite3
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from mlops_nb.errors import (
    StoreIsDamaged,
    StoreIsForeign,
    StoreIsLocked,
    StoreIsNewer,
    StoreUnavailable,
)
from mlops_nb.store.location import DATABASE, store_folder

APPLICATION_ID = 0x6D6C6F70
"""`mlop` in ASCII, in the header of every store."""

SCHEMA_VERSION = 1
"""What this code reads and writes; equal to the number of migrations."""

BUSY_SECONDS = 5.0

_open: dict[Path, Store] = {}
_left_to_parent: list[sqlite3.Connection] = []
_guard = threading.RLock()


class Store:
    """An open store: one connection, shared by the threads of this process under a lock.

    Args:
        folder: the store's folder; made, with an empty database in it, when it is not there.

    Raises:
        StoreUnavailable: or a child that says why; the file is left as it was.
    """

    def __init__(self, folder: Path) -> None:
        from mlops_nb.store import schema

        self.folder = folder
        self.path = folder / DATABASE
        self.lock = threading.RLock()
        with faults(self.path):
            if not self.path.exists():
                schema.create(folder)
            check_file(self.path)
            self.connection = connect(self.path)
            version = int(self.connection.execute("PRAGMA user_version").fetchone()[0])
            if version > SCHEMA_VERSION:
                self.connection.close()
                raise _newer(self.path, version)
            if version < SCHEMA_VERSION:
                schema.migrate(self.connection, folder)
            self._inode = self.path.stat().st_ino
        self._pid = os.getpid()

    def is_gone(self) -> bool:
        """Whether the file that is open is no longer the one at the path."""
        try:
            return self.path.stat().st_ino != self._inode
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
            else:
                _left_to_parent.append(self.connection)

    def transaction(self, durable: bool = False) -> Transaction:
        """One write transaction; committed whole or not at all, Ctrl-C kept waiting until it is over.

        Args:
            durable: wait until the disk has it (a power cut loses nothing).
        """
        return Transaction(self, durable)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """All rows of a query, as tuples of what SQLite holds."""
        with self.lock, faults(self.path):
            return self.connection.execute(sql, values).fetchall()


def open_store(start: Path | None = None, *, folder: Path | None = None) -> Store:
    """The store for `start` (default: the working directory), opened once a process and kept.

    Args:
        start: folder from which the store is looked for, upwards.
        folder: the store's own folder, instead of looking.
    """
    folder = folder or store_folder(start)
    with _guard:
        known = _open.get(folder)
        if known and known.belongs_here() and not known.is_gone():
            return known
        if known:
            known.close()
            del _open[folder]
        _open[folder] = store = Store(folder)
    from mlops_nb.store import sessions

    sessions.mark_killed(store)
    return store


def close_stores() -> None:
    """Close every store this process has open."""
    with _guard:
        while _open:
            _open.popitem()[1].close()


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode with the settings that every use of the store wants."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    for setting in ("synchronous=NORMAL", "foreign_keys=ON", "trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def check_file(path: Path) -> None:
    """Refuse what is not a whole store of a known version, from the file's first hundred bytes."""
    with path.open("rb") as file:
        header = file.read(100)
    size = path.stat().st_size
    if len(header) < 100 or not header.startswith(b"SQLite format 3\x00"):
        raise StoreIsForeign(
            f"{path} is not a store of mlops_nb (it is not an SQLite file); it was left as it is",
            f"%mlops store {path.parent.parent / '.mlops-new'}",
        )
    (application,) = struct.unpack(">I", header[68:72])
    if application != APPLICATION_ID:
        raise StoreIsForeign(
            f"{path} is an SQLite file of another program; it was left as it is",
            f"%mlops store {path.parent.parent / '.mlops-new'}",
        )
    (page,), (pages,) = struct.unpack(">H", header[16:18]), struct.unpack(">I", header[28:32])
    expected = (65536 if page == 1 else page) * pages
    log = path.with_name(path.name + "-wal")
    if size < expected and not (log.exists() and log.stat().st_size):
        raise StoreIsDamaged(
            f"{path} is truncated: {size:,} of {expected:,} bytes; it was left as it is",
            f"restore it from a backup, or begin anew: %mlops store {path.parent.parent / '.mlops-new'}",
        )
    (version,) = struct.unpack(">I", header[60:64])
    if version > SCHEMA_VERSION:
        raise _newer(path, version)


def _newer(path: Path, version: int) -> StoreIsNewer:
    needed = _needed_release(path)
    return StoreIsNewer(
        f"{path} was written by a newer mlops_nb (schema {version}, this one knows {SCHEMA_VERSION})",
        f"pip install 'mlops-nb>={needed}'" if needed else "pip install --upgrade mlops-nb",
    )


def _needed_release(path: Path) -> str:
    with suppress(sqlite3.Error):
        reader = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            row = reader.execute("SELECT value FROM store_info WHERE name = 'needs_release'").fetchone()
        finally:
            reader.close()
        return str(row[0]) if row else ""
    return ""


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Whatever SQLite or the file system says about the store, as an error with the way out."""
    try:
        yield
    except sqlite3.Error as error:
        raise _named(error, path) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreUnavailable(f"the store {path} cannot be used: {reason}", _ELSEWHERE) from error


_ELSEWHERE = "%mlops store FOLDER    (a folder you can write to)"


def _named(error: sqlite3.Error, path: Path) -> StoreUnavailable:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreIsLocked(
            f"the store {path} is locked by another process (waited {BUSY_SECONDS:g} s)",
            "end the program that holds it, then run the cell again",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreIsDamaged(
            f"the store {path} is damaged ({error}); nothing was written to it",
            f"restore it from a backup, or begin anew: %mlops store {path.parent.parent / '.mlops-new'}",
        )
    if name.startswith("SQLITE_FULL"):
        return StoreUnavailable(f"the disk of the store {path} is full", "free some space, then run the cell again")
    return StoreUnavailable(f"the store {path} cannot be used: {error}", _ELSEWHERE)


class Transaction:
    """`with store.transaction() as connection:` — a class, not a generator, because every log call enters one."""

    __slots__ = ("_connection", "_durable", "_interrupt", "_store")

    def __init__(self, store: Store, durable: bool) -> None:
        self._store, self._durable = store, durable
        self._connection = store.connection
        self._interrupt = Uninterrupted()

    def __enter__(self) -> sqlite3.Connection:
        self._store.lock.acquire()
        self._interrupt.begin()
        try:
            if self._durable:
                self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._leave()
            if isinstance(error, sqlite3.Error):
                raise _named(error, self._store.path) from error
            raise
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._connection.execute("COMMIT")
        except sqlite3.Error as failed:
            error = failed
        finally:
            self._leave()
        if isinstance(error, sqlite3.Error):
            raise _named(error, self._store.path) from error

    def _leave(self) -> None:
        try:
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.rollback()
                if self._durable:
                    self._connection.execute("PRAGMA synchronous=NORMAL")
        finally:
            self._store.lock.release()
            self._interrupt.end()


class Uninterrupted:
    """Keeps Ctrl-C waiting from `begin` to `end`, then delivers it. Does nothing off the main thread."""

    __slots__ = ("_came", "_frame", "_previous")

    def __init__(self) -> None:
        self._came = False
        self._frame: FrameType | None = None
        self._previous: object = None

    def begin(self) -> None:
        """From now on Ctrl-C is only remembered."""
        if threading.get_ident() == _MAIN_THREAD:
            self._previous = signal.signal(signal.SIGINT, self._remember)

    def end(self) -> None:
        """Put the earlier handler back, and hand it what came in between."""
        if self._previous is None:
            return
        signal.signal(signal.SIGINT, self._previous)  # type: ignore[arg-type]
        if self._came and callable(self._previous):
            self._previous(signal.SIGINT, self._frame)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._came, self._frame = True, frame


_MAIN_THREAD = threading.main_thread().ident
