"""The one SQLite file and the blobs beside it. All SQL of the project lives here.

location.py    which folder is the store: found by walking up, made on first use
connection.py  check, connect, transaction; the only place that connects
schema.py      numbered migrations, append-only
database.py    Store: an open file, made or migrated when it must be
opening.py     the stores this process has open
following.py   a store followed while others write to it
sessions.py    the processes that wrote, and which of them still live
runs.py        rows of runs, params, metrics, tags, outputs, data
artifacts.py   rows of artifacts
fits.py        rows of fitted estimators, trials and folds
whole_runs.py  a run read back with all its parts
search.py      the query language as SQL
texts.py       the full-text index over names, notes and code
cells.py       rows of executed cells; unrecorded.py who keeps some that are not written yet
info.py        what holds for the store as a whole
remote.py      rows of runs that are also on a server
registry.py    rows of model versions, and the log of what happened to them
blobs.py       files addressed by the SHA-256 of their content
housekeeping.py  deleted runs, rows that nothing refers to, sizes, a copy of the whole
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.store.location import store_folder as store_folder

if TYPE_CHECKING:
    from mlops_nb.store.database import Store as Store
    from mlops_nb.store.opening import close_stores as close_stores
    from mlops_nb.store.opening import open_store as open_store


def __getattr__(name: str) -> Any:
    """What needs sqlite3 is imported when it is first used: loading the extension opens nothing."""
    if name not in ("Store", "close_stores", "open_store"):
        raise AttributeError(f"module 'mlops_nb.store' has no attribute {name!r}")
    from mlops_nb.store import opening

    return getattr(opening, name)
