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


def home() -> Path:
    """The folder that was set, else the working directory."""
    return _home or Path.cwd()


def store_folder(start: Path | None = None) -> Path:
    """The store's folder: `MLOPS_NB_STORE`, else the nearest `.mlops` at or above `start`, else `start/.mlops`.

    `start` defaults to the folder that was set (the notebook's, the pipeline script's), else the working
    directory. Nothing is made.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).expanduser().absolute()
    start = (start or home()).absolute()
    for folder in (start, *start.parents):
        if os.path.isfile(f"{folder}/{FOLDER}/{DATABASE}"):  # noqa: PTH113 - another person's store above us is none
            return folder / FOLDER
    return start / FOLDER
