"""The processes that wrote to the store, and which of them still live.

A session holds a lock on a file of its own for as long as its process lives; the system lets go of it
whatever ends the process. A RUNNING run whose session's lock can be had is one whose kernel died.
"""

from __future__ import annotations

import os
import platform
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mlops_nb.store.connection import faults

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from mlops_nb.store.database import Store

_mine: WeakKeyDictionary[Store, tuple[int, str, BaseFileLock]] = WeakKeyDictionary()
"""Row, name and lock by open store, not by its path or inode: both come again when a store is removed and made anew."""


def session_id(store: Store) -> int:
    """The row of this process's session in the store, made and locked at its first use."""
    if store not in _mine:
        from filelock import FileLock

        uid = uuid.uuid4().hex
        lock = FileLock(_lock_path(store, uid), mode=0o600)
        with faults(store.path):
            _lock_path(store, uid).parent.mkdir(mode=0o700, exist_ok=True)
            lock.acquire(blocking=False)
        with store.transaction() as connection:
            row = connection.execute(
                "INSERT INTO sessions (uid, started, pid, host) VALUES (?, ?, ?, ?)",
                (uid, time.time(), os.getpid(), platform.node()),
            ).lastrowid
        _mine[store] = (row or 0, uid, lock)
    return _mine[store][0]


def session_uid(store: Store) -> str:
    """The name of this process's session, made and locked at its first use."""
    session_id(store)
    return _mine[store][1]


def mark_killed(store: Store) -> int:
    """Mark the RUNNING runs of dead sessions KILLED; how many there were."""
    unfinished = store.rows(
        "SELECT DISTINCT s.id, s.uid FROM runs r JOIN sessions s ON s.id = r.session_id "
        "WHERE r.status = 'RUNNING' AND s.pid <> 0"  # those of a server: whether they live is not known here
    )
    dead = [row for row, uid in unfinished if not is_alive(store, str(uid))]
    if not dead:
        return 0
    for uid in [uid for row, uid in unfinished if row in dead]:
        with suppress(OSError):
            _lock_path(store, str(uid)).unlink()
    with store.transaction(durable=True) as connection:
        marks = ",".join("?" * len(dead))
        return connection.execute(
            f"UPDATE runs SET status = 'KILLED' WHERE status = 'RUNNING' AND session_id IN ({marks})", dead
        ).rowcount


def is_alive(store: Store, uid: str) -> bool:
    """Whether the process of the session with that name still runs."""
    if any(uid == mine and one.belongs_here() for one, (_, mine, _) in _mine.items()):
        return True
    return _is_held(_lock_path(store, uid))


def _is_held(path: Path) -> bool:
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    try:
        with FileLock(path, mode=0o600).acquire(blocking=False):
            return False
    except (Timeout, OSError):  # locked, or on a file system that cannot be asked
        return True


def dead_locks(store: Store) -> list[Path]:
    """The lock files of sessions whose process is over; one that nobody knows is left for a day.

    A lock is had before its session is known: whoever looks at one that is just made would be taken for its owner.
    """
    known = {f"{uid}.lock" for (uid,) in store.rows("SELECT uid FROM sessions")}
    old = time.time() - 86_400
    try:
        found = sorted((store.folder / "sessions").glob("*.lock"))
        return [
            path
            for path in found
            if (path.name in known or path.stat().st_mtime < old) and not is_alive(store, path.stem)
        ]
    except OSError:  # one went meanwhile
        return []


def _lock_path(store: Store, uid: str) -> Path:
    return store.folder / "sessions" / f"{uid}.lock"
