"""The runs that were asked for, followed while others write them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_nb.store.following import Followed
from mlops_nb.store.unrecorded import record_kept
from mlops_nb.tracking import service
from mlops_nb.tracking.search.service import RunSearch

if TYPE_CHECKING:
    from mlops_nb.tracking.compare import Comparison
    from mlops_nb.tracking.runs import Run, RunTable


class FollowedRuns(Followed, RunSearch):
    """The runs that were asked for, as a live panel wants them: what `RunSearch` gives, runs whole, and what is new."""

    again = "%mlops runs"

    def table(self) -> RunTable:
        """The first of them as they are now; what is written from now on is new."""
        self.note_version()
        return super().table()

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
