"""The runs that were asked for, followed while others write them."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_nb.errors import StoreUnavailable
from mlops_nb.store.unrecorded import record_kept
from mlops_nb.tracking import service
from mlops_nb.tracking.search.service import RunSearch

if TYPE_CHECKING:
    from mlops_nb.store import Store
    from mlops_nb.tracking.compare import Comparison
    from mlops_nb.tracking.runs import Run, RunTable


NOTHING = -1
"""No version of a store is this one."""


class FollowedRuns(RunSearch):
    """The runs that were asked for, as a live panel wants them: what `RunSearch` gives, runs whole, and what is new."""

    _seen = NOTHING
    _shared: Store | None = None

    def table(self) -> RunTable:
        """The first of them as they are now; what is written from now on is new."""
        self._seen = self._store.version()
        return super().table()

    def apart(self) -> FollowedRuns:
        """The same over a connection of its own; what others wrote since the table was read is new to it."""
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
            raise StoreUnavailable(f"the store {self._store.folder} was removed", "%mlops runs")
        before, self._seen = self._seen, self._store.version()
        return self._seen != before

    def close(self) -> None:
        """Let go of the connection."""
        self._store.close()

    def load(self, run: int) -> Run:
        """A run whole, with its series as they are drawn."""
        return service.show(run, store=self._store)

    def compare(self, runs: Sequence[int]) -> Comparison:
        """Two or more runs and what differs between them.

        Cells that are not in the store yet are written before, but in the thread that runs cells, on its connection.
        """
        if self._shared is not None and threading.current_thread() is threading.main_thread():
            record_kept(self._shared)
        return service.compare(*runs, store=self._store)
