"""One thread that shows in live panels what is written meanwhile, by the cell that runs or by another notebook.

The kernel's main thread is busy then. While nothing is written, the thread asks each panel's own connection for a
number once a second, and nothing else happens; it ends with the last panel.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from contextvars import Context, copy_context

PAUSE_SECONDS = 1.0
SHARE = 10
"""Of a processor's time the thread takes at most one part in so many, however much an update takes."""

Look = Callable[[], bool]
"""Shows what is new, if anything is; whether to go on."""


class Follower:
    """Calls the `look` of each panel again and again, in a thread of its own.

    Args:
        pause_seconds: between two rounds, at least.
    """

    def __init__(self, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._pause = pause_seconds
        self._lock = threading.Lock()
        self._looks: dict[Look, Context] = {}
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._pid = os.getpid()

    @property
    def is_going(self) -> bool:
        """Whether the thread lives."""
        return self._thread is not None and self._thread.is_alive() and self._pid == os.getpid()

    def follow(self, look: Look) -> None:
        """Begin to call `look`; what it sends belongs to the cell that is executing now, whichever runs later."""
        with self._lock:
            # ipykernel keeps the cell that a message answers in a context variable: each panel keeps its own.
            self._looks.setdefault(look, copy_context())
            if not self.is_going:
                self._pid, self._stop = os.getpid(), threading.Event()
                self._thread = threading.Thread(
                    target=self._rounds, args=(self._stop,), name="mlops_nb live panels", daemon=True
                )
                self._thread.start()

    def leave(self, look: Look) -> None:
        """Call it no more."""
        with self._lock:
            self._looks.pop(look, None)

    def stop(self) -> None:
        """Call nothing any more; waits a moment for the round that is going on."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._looks.clear()
            self._stop.set()
        if thread is not None and thread is not threading.current_thread() and self._pid == os.getpid():
            thread.join(2)

    def _rounds(self, stop: threading.Event) -> None:
        took = 0.0
        while not stop.wait(max(self._pause, SHARE * took)):
            with self._lock:
                looks = list(self._looks.items())
                if not looks:
                    if self._stop is stop:
                        self._thread = None
                    return
            began = time.thread_time()
            for look, context in looks:
                if not stop.is_set() and not context.run(look):
                    self.leave(look)
            took = time.thread_time() - began


follower = Follower()
"""The one of this process."""

atexit.register(follower.stop)
