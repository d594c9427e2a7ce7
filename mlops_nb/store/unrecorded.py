"""Who keeps executed cells that are not in the store yet, so that they are written when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

_keepers: list[Callable[[Store], object]] = []


def add_keeper(record: Callable[[Store], object]) -> None:
    """From now on `record` is called before the cells of a store are looked at."""
    if record not in _keepers:
        _keepers.append(record)


def remove_keeper(record: Callable[[Store], object]) -> None:
    """It is no longer called."""
    if record in _keepers:
        _keepers.remove(record)


def record_kept(store: Store) -> None:
    """Let everybody write what is not in the store yet; a connection that only reads beside another is left alone."""
    for record in () if store.is_apart else _keepers:
        record(store)
