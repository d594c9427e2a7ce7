"""The only place that connects to the SQLite file: check, connect, transaction."""

from __future__ import annotations

import errno
import signal
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from mlops_nb.errors import (
    StoreIsDamaged,
    StoreIsForeign,
    StoreIsLocked,
    StoreIsNewer,
    StoreUnavailable,
)
from mlops_nb.tracking.values import text_number

APPLICATION_ID = 0x6D6C6F70
"""`mlop` in ASCII, in the header of every store."""

SCHEMA_VERSION = 4
"""What this code reads and writes; equal to the number of migrations."""

BUSY_SECONDS = 5.0


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode with the settings that every use of the store wants."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    for setting in ("synchronous=NORMAL", "foreign_keys=ON", "trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {setting}")
    connection.create_function("number_of", 1, _number_of, deterministic=True)
    return connection


def _number_of(value: object) -> int | float | None:
    """SQL's `number_of(text)`: the number that a text reads as, NULL where it does not."""
    return text_number(value) if isinstance(value, str) else None


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
        raise newer(path, version)


def newer(path: Path, version: int) -> StoreIsNewer:
    """The refusal of a store that a later release wrote."""
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
        if error.errno in _FULL:
            raise _full(path) from error
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
        return _full(path)
    return StoreUnavailable(f"the store {path} cannot be used: {error}", _ELSEWHERE)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _full(path: Path) -> StoreUnavailable:
    return StoreUnavailable(f"the disk of the store {path} is full", "free some space, then run the cell again")


class Transaction:
    """`with store.transaction() as connection:` — a class, not a generator, because every log call enters one."""

    __slots__ = ("_connection", "_durable", "_interrupt", "_lock", "_path")

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: threading.RLock, durable: bool) -> None:
        self._connection, self._path, self._lock, self._durable = connection, path, lock, durable
        self._interrupt = Uninterrupted()

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        self._interrupt.begin()
        try:
            if self._durable:
                self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._leave()
            if isinstance(error, sqlite3.Error):
                raise _named(error, self._path) from error
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
            raise _named(error, self._path) from error

    def _leave(self) -> None:
        try:
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.rollback()
                if self._durable:
                    self._connection.execute("PRAGMA synchronous=NORMAL")
        finally:
            self._lock.release()
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
