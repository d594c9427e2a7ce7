"""Which folder is the store."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = ".mlops"
DATABASE = "store.db"
VARIABLE = "MLOPS_NB_STORE"

_home: Path | None = None


def set_home(folder: Path | None) -> None:
    """Look for the store from this folder (the notebook's) when nobody says where, whatever `%cd` did since."""
    global _home
    _home = folder


def store_folder(start: Path | None = None) -> Path:
    """The store's folder: `MLOPS_NB_STORE`, else the nearest `.mlops` at or above `start`, else `start/.mlops`.

    `start` defaults to the notebook's folder, or the working directory outside one. Nothing is made.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser().absolute()
    start = (start or _home or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (folder / FOLDER / DATABASE).is_file():
            return folder / FOLDER
    return start / FOLDER
