"""Topic 7's second half, the registry: models by name, versions that never change, and a log of what became of them.

    mlops_nb.register(model, "late-flight", example=X_train)
    mlops_nb.load_model("models:/late-flight/Production")
    mlops_nb.registry.models(), mlops_nb.registry.model("late-flight", as_of="2026-03-01")

model_formats.py  a fitted model to and from a file, without pickle unless asked
signature.py      what a fitted model takes and what it gives
fitted.py         what a fitted model tells of itself
fitting.py        whether data fits a signature
uris.py           models:/NAME/3, models:/NAME/Production, models:/NAME@ALIAS
log.py            events, each sealed with the hash of the one before; stages and aliases follow from them
versions.py       the records: a version and its manifest, a model, what was done
service.py        find, load, copy out, verify: the room's door to the store
moving.py         promote, alias, roll back, delete: each an event of the log
registering.py    a model, or an artifact of a run, as a new version
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PLACES = {
    **dict.fromkeys(("models", "model", "version", "load_model", "check", "save", "verify_log"), "service"),
    **dict.fromkeys(("promote", "stage", "alias", "rollback", "unregister"), "moving"),
    **dict.fromkeys(("register", "register_artifact"), "registering"),
}

__all__ = [*_PLACES]


def __getattr__(name: str) -> Any:
    """The room's functions, imported when they are first used."""
    if name not in _PLACES:
        raise AttributeError(f"module 'mlops_nb.registry' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
