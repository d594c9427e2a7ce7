"""The stores this process has open."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from mlops_nb.errors import StoreUnavailable
from mlops_nb.store import sessions
from mlops_nb.store.database import Store
from mlops_nb.store.location import store_folder

_open: dict[Path, Store] = {}
_guard = threading.RLock()


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
    with suppress(StoreUnavailable):  # one that can only be read is read; whoever can write it marks them
        sessions.mark_killed(store)
    return store


def close_stores() -> None:
    """Close every store this process has open."""
    with _guard:
        while _open:
            _open.popitem()[1].close()
