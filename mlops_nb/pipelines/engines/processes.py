"""Processes of this machine that carry out steps side by side; each imports the script once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

from mlops_nb.errors import MlopsError
from mlops_nb.pipelines.engines.orders import Delivered, Order, fulfilled
from mlops_nb.pipelines.running import StepTimedOut

GRACE_SECONDS = 5.0
"""So long after its timeout a step that does not return to Python is ended by force."""

LEAVE_SECONDS = 5.0
"""So long an interrupted step may take to end."""

_context = multiprocessing.get_context("spawn")


class Processes:
    """Up to so many processes, each started when there is a step for it.

    Args:
        jobs: how many.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._idle: list[_Worker] = []
        self._busy: dict[int, _Worker] = {}

    def has_room(self) -> bool:
        """Whether another step can begin at once."""
        return len(self._busy) < self.jobs

    def has(self, number: int) -> bool:
        """Nothing lies in a process: it lies on the shelf."""
        return False

    def fetch(self, number: int, place: int | None) -> Any:
        """Nothing can be fetched from a process.

        Raises:
            LookupError: always.
        """
        raise LookupError(number)

    def start(self, order: Order, seconds: float | None) -> None:
        """Have an order carried out, by force not longer than so many seconds."""
        worker = self._idle.pop() if self._idle else _Worker()
        worker.take(order, seconds)
        self._busy[order.number] = worker

    def wait(self) -> list[Delivered]:
        """What was delivered, at least one as long as a step goes on."""
        if not self._busy:
            return []
        deadlines = [worker.deadline for worker in self._busy.values() if worker.deadline is not None]
        left = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        wait([one for worker in self._busy.values() for one in (worker.link, worker.process.sentinel)], left)
        return self._collected()

    def _collected(self) -> list[Delivered]:
        found = []
        for number, worker in list(self._busy.items()):
            done = worker.delivered()
            if done is None:
                continue
            found.append(done)
            del self._busy[number]
            if worker.process.is_alive():
                self._idle.append(worker)
        return found

    def interrupt(self) -> list[Delivered]:
        """Interrupt the steps that go on, and wait a little for them; what was delivered."""
        for worker in self._busy.values():
            worker.interrupt()
        found, until = list[Delivered](), time.monotonic() + LEAVE_SECONDS
        while self._busy and (left := until - time.monotonic()) > 0:
            wait([one for worker in self._busy.values() for one in (worker.link, worker.process.sentinel)], left)
            found += self._collected()
        return found

    def close(self) -> None:
        """End the processes."""
        for worker in [*self._idle, *self._busy.values()]:
            worker.end()
        self._idle, self._busy = [], {}


class _Worker:
    def __init__(self) -> None:
        self.link, theirs = _context.Pipe()
        self.process = _context.Process(target=_serve, args=(theirs,), daemon=True)
        _named_main()
        self.process.start()
        theirs.close()
        self.order: Order | None = None
        self.deadline: float | None = None

    def take(self, order: Order, seconds: float | None) -> None:
        self.order = order
        self.deadline = None if seconds is None else time.monotonic() + seconds + GRACE_SECONDS
        try:
            self.link.send(order)
        except (TypeError, AttributeError, ValueError) as error:  # what cannot be pickled raises any of them
            raise MlopsError(
                f"an argument of step {order.name!r} cannot be sent to another process: {str(error)[:200]}",
                "--engine local",
            ) from None

    def delivered(self) -> Delivered | None:
        """What the worker answers; that it died, or took too long; None while it is at work."""
        assert self.order is not None
        with suppress(EOFError, OSError):
            if self.link.poll():
                done: Delivered = self.link.recv()
                return done
        if not self.process.is_alive():
            return self._failed(MlopsError(f"the process of step {self.order.name!r} {_death(self.process.exitcode)}"))
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.end()
            return self._failed(StepTimedOut(f"step {self.order.name!r} took longer than its timeout and was ended"))
        return None

    def _failed(self, error: MlopsError) -> Delivered:
        assert self.order is not None
        return Delivered(self.order.number, error=error, trace="\n".join(error._render_traceback_()))

    def interrupt(self) -> None:
        with suppress(OSError):
            if self.process.pid is not None:
                os.kill(self.process.pid, signal.SIGINT)

    def end(self) -> None:
        self.link.close()
        self.process.join(0 if self.order is not None else 1)
        self.process.kill()
        self.process.join()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _named_main() -> None:
    """`%reset` takes `__spec__` from `__main__`, and no process of Python's starts from a module without."""
    if not hasattr(main := sys.modules["__main__"], "__spec__"):
        main.__spec__ = None


# in the worker


_is_at_work = False


def _serve(link: Connection) -> None:
    """Carry out orders until the one who gives them is gone."""
    global _is_at_work
    signal.signal(signal.SIGINT, _interrupted)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    while True:
        try:
            order: Order = link.recv()
        except (EOFError, OSError):
            return
        _is_at_work = True
        done = fulfilled(order)
        _is_at_work = False
        with suppress(OSError):
            link.send(done)


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Ctrl-C reaches every process of a terminal: it interrupts the step, once, and nothing else."""
    global _is_at_work
    if _is_at_work:
        _is_at_work = False
        raise KeyboardInterrupt


def _leave_with_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
