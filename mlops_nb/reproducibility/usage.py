"""What a block of this process takes: CPU seconds and how far its memory rises."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from threading import Lock
from weakref import WeakSet

from mlops_nb.reproducibility.records import Usage

if sys.platform != "win32":
    import resource

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096

_going: WeakSet[Meter] = WeakSet()
_lock = Lock()


class Meter:
    """Counts from now until `end`.

    Linux keeps the process's highest memory since it was last told to forget it, so the peak is exact: what an
    inner meter forgets, the outer ones have noted before. Elsewhere the process's highest memory is never
    forgotten, and a block that stays below an earlier peak counts as 0.
    """

    __slots__ = ("__weakref__", "_before", "_cpu", "_pid", "peak")

    def __init__(self) -> None:
        self._pid = os.getpid()
        with _lock:
            _note_peak()
            self._before = _resident() if _forget_peak() else _highest_ever()
            self.peak = self._before or 0
            _going.add(self)
        self._cpu = _cpu_seconds()

    def end(self) -> Usage | None:
        """What was taken; None in a process that forked off."""
        if self._pid != os.getpid():
            return None
        cpu = max(0.0, _cpu_seconds() - self._cpu)
        with _lock:
            _note_peak()
            _going.discard(self)
        return Usage(cpu, None if self._before is None else max(0, self.peak - self._before))


def _note_peak() -> None:
    if _going and (highest := _highest()) is not None:
        for meter in _going:
            meter.peak = max(meter.peak, highest)


def _cpu_seconds() -> float:
    own = time.process_time()
    if sys.platform == "win32":
        return own
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + ended.ru_utime + ended.ru_stime


def _forget_peak() -> bool:
    """Whether the system now counts the highest memory anew."""
    with suppress(OSError):
        _written("/proc/self/clear_refs", b"5")
        return _resident() is not None
    return False


def _resident() -> int | None:
    with suppress(OSError, IndexError, ValueError):
        return int(_read("/proc/self/statm").split()[1]) * _PAGE
    return None


def _highest() -> int | None:
    with suppress(OSError, ValueError):
        status = _read("/proc/self/status")
        start = status.index(b"VmHWM:") + 6
        return int(status[start : status.index(b"kB", start)]) * 1024
    return _highest_ever()


def _highest_ever() -> int | None:
    if sys.platform == "win32":
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _read(path: str) -> bytes:
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.read(handle, 8_192)
    finally:
        os.close(handle)


def _written(path: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, content)
    finally:
        os.close(handle)
