"""Which folder is the store."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = ".mlops"
DATABASE = "store.db"
VARIABLE = "MLOPS_NB_STORE"


def store_folder(start: Path | None = None) -> Path:
    """The store's folder: `MLOPS_NB_STORE`, else the nearest `.mlops` at or above `start`, else `start/.mlops`.

    `start` defaults to the working directory. Nothing is made.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser().absolute()
    start = (start or Path.cwd()).absolute()
    for folder in (start, *start.parents):
        if (folder / FOLDER / DATABASE).is_file():
            return folder / FOLDER
    return start / FOLDER
