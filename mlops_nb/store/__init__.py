"""The one SQLite file and the blobs beside it. All SQL of the project lives here.

location.py    which folder is the store: found by walking up, made on first use
connection.py  Store: open, check, transaction; the only place that connects
schema.py      numbered migrations, append-only
sessions.py    the processes that wrote, and which of them still live
runs.py        rows of runs, params, metrics, tags, outputs, data, artifacts
cells.py       rows of executed cells
blobs.py       files addressed by the SHA-256 of their content
"""

from mlops_nb.store.connection import Store, close_stores, open_store
from mlops_nb.store.location import store_folder

__all__ = ["Store", "close_stores", "open_store", "store_folder"]
