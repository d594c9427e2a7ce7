"""A store followed while others write to it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Self

from mlops_nb.errors import StoreUnavailable

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

NOTHING = -1
"""No version of a store is this one."""


class Followed:
    """What is asked of a store, and whether anything was written since."""

    again = ""
    """The line that begins anew once the store is gone."""

    _store: Store
    _shared: Store | None = None
    _seen = NOTHING

    def note_version(self) -> None:
        """What is written from now on is new."""
        self._seen = self._store.version()

    def apart(self) -> Self:
        """The same over a connection of its own; what others wrote since `note_version` is new to it."""
        other = copy.copy(self)
        other._shared = self._store
        other._store = self._store.apart()
        other._seen = other._store.version()
        if self.has_changed():
            other._seen = NOTHING
        return other

    def has_changed(self) -> bool:
        """Whether anything was written to the store since this was last asked.

        Raises:
            StoreUnavailable: the store is not there any more.
        """
        if self._store.is_gone():
            raise StoreUnavailable(f"the store {self._store.folder} was removed", self.again)
        before, self._seen = self._seen, self._store.version()
        return self._seen != before

    def close(self) -> None:
        """Let go of the connection."""
        self._store.close()
