"""Runs a step's function where this is called: again after a fault, not longer than allowed, and sees what it does.

What it does beside returning something: what it prints, which files it opens, whether it asks the network, which
global random generator it draws from.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from mlops_nb.errors import MlopsError
from mlops_nb.notebook import files
from mlops_nb.pipelines import shown
from mlops_nb.pipelines.code import digest
from mlops_nb.pipelines.records import Draws, Shown
from mlops_nb.tracking.runs import FileUse

MOST_LOG = 65_536
"""Characters kept of what a step says on standard error: the last ones."""


class StepTimedOut(MlopsError, TimeoutError):
    """A step took longer than its `timeout_seconds`."""


@dataclass(slots=True)
class Seen:
    """What a step's function gave, and what was seen of it."""

    result: Any = None
    outputs: tuple[Shown, ...] = ()
    stderr: str = ""
    files: tuple[FileUse, ...] = ()
    network: str = ""
    draws: dict[str, Draws] = field(default_factory=dict)
    attempts: int = 1


def performed(
    function: Callable[..., Any],
    args: Sequence[object],
    kwargs: Mapping[str, object],
    *,
    seen: Seen,
    source: str,
    home: Path,
    retries: int = 0,
    retry_seconds: float = 0.0,
    timeout_seconds: float | None = None,
    again: Callable[[BaseException, int], object] = lambda error, attempt: None,
    heard: Callable[[Sequence[Shown]], object] = lambda outputs: None,
) -> Seen:
    """Call a function, and see what it does; `seen` is filled also when it raises.

    Args:
        function: what is called.
        args: its arguments by place.
        kwargs: its arguments by name.
        seen: is filled.
        source: its text, in which file names are looked for that no hook sees.
        home: the folder that holds the store.
        retries: how often it is called again after a fault.
        retry_seconds: how long to wait before each.
        timeout_seconds: how long one call may take.
        again: is told the fault and the number of the attempt that failed.
        heard: is told, at most once a second, what the function has shown so far.
    """
    names = {**getattr(function, "__globals__", {}), **kwargs}
    name = getattr(function, "__name__", "step")
    while True:
        before = generator_states()
        files.begin_part()
        _network.begin()
        try:
            with _heard(function, name, seen, heard), _limit(timeout_seconds, name):
                seen.result = function(*args, **kwargs)
            return seen
        except Exception as error:
            if seen.attempts > retries:
                raise
            again(error, seen.attempts)
            time.sleep(retry_seconds)
            seen.attempts += 1
        finally:
            seen.network = _network.end()
            seen.files = files.end_part(source, names, lambda: home)
            seen.draws = _drawn(before)


# what it prints


class _Ear:
    """Standard error that is listened to; everything else about it is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._kept: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        self._kept.append(text)
        self._size += len(text)
        if self._size > 2 * MOST_LOG:
            self._kept[:] = ["".join(self._kept)[-MOST_LOG:]]
            self._size = MOST_LOG
        return int(self._stream.write(text))

    def writelines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.write(line)

    def text(self) -> str:
        return "".join(self._kept)[-MOST_LOG:].encode("utf-8", "replace").decode("utf-8")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _heard(
    function: Callable[..., Any], name: str, seen: Seen, heard: Callable[[Sequence[Shown]], object]
) -> Iterator[None]:
    """Keep what the block prints, shows and plots, and what it says on standard error."""
    stream, outputs = sys.stderr, list[Shown]()
    mine = sys.stderr = _Ear(stream)
    try:
        with shown.recording(function, name, heard) as outputs:
            yield
    finally:
        if sys.stderr is mine:
            sys.stderr = stream
        seen.stderr, seen.outputs = mine.text(), tuple(outputs)


# how long it takes


@contextmanager
def _limit(seconds: float | None, step: str) -> Iterator[None]:
    """Raise StepTimedOut in the block after so long; a call that does not return to Python raises when it does."""
    if seconds is None or not _can_be_limited():
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        raise StepTimedOut(
            f"step {step!r} took longer than its timeout of {seconds:g} s", "@step(timeout_seconds=...) allows more"
        )

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _can_be_limited() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


# whether it asks the network


class _Network:
    """Where Python's sockets of this thread were connected to since `begin`."""

    def __init__(self) -> None:
        self._asked: dict[int, list[str]] = {}
        self._is_installed = False

    def begin(self) -> None:
        if not self._is_installed:
            sys.addaudithook(self._hook)
            self._is_installed = True
        self._asked[threading.get_ident()] = []

    def end(self) -> str:
        return ", ".join(dict.fromkeys(self._asked.pop(threading.get_ident(), [])))[:200]

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and self._asked:
            asked = self._asked.get(threading.get_ident())
            address = arguments[1]
            if asked is not None and type(address) is tuple and len(asked) < 100:
                asked.append(f"{address[0]}:{address[1]}")


_network = _Network()


# which random generator it draws from


def generator_states() -> dict[str, Any]:
    """The states of the global generators, Python's and NumPy's old one."""
    found: dict[str, Any] = {"python": random.getstate()}
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        name, keys, place, has_gauss, gauss = numpy_random.get_state()
        found["numpy"] = (name, keys.tobytes(), place, has_gauss, gauss)
    return found


def _drawn(before: Mapping[str, Any]) -> dict[str, Draws]:
    """The generators whose state is another now; one that was not there before counts as seeded by nobody."""
    found: dict[str, Draws] = {}
    for name, state in generator_states().items():
        if name in before and state != before[name]:
            found[name] = Draws(state_digest(before[name]), _plain(name, state))
    return found


def state_digest(state: object) -> str:
    """A digest of a generator's state."""
    return digest(repr(state))


def generator_digests(states: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The digests of states of the global generators; of those that they have now, where none are given."""
    states = generator_states() if states is None else states
    return {name: state_digest(state) for name, state in states.items()}


def _plain(name: str, state: Any) -> object:
    if name == "python":
        return [state[0], list(state[1]), state[2]]
    return [state[0], state[1].hex(), *state[2:]]


def restore_generators(draws: Mapping[str, Draws]) -> None:
    """Put the global generators into the states that they had after a step that used them."""
    with suppress(ValueError, TypeError, KeyError, IndexError, ImportError):
        set_generators(states_after(draws))


def states_after(draws: Mapping[str, Draws]) -> dict[str, Any]:
    """The states that the global generators had after a step that used them."""
    found: dict[str, Any] = {}
    for name, one in draws.items():
        after: Any = one.after
        if name == "python":
            found[name] = (after[0], tuple(after[1]), after[2])
        else:
            found[name] = (after[0], bytes.fromhex(after[1]), *after[2:])
    return found


def set_generators(states: Mapping[str, Any]) -> None:
    """Put the global generators into these states, as `generator_states` gives them."""
    for name, state in states.items():
        if name == "python":
            random.setstate(state)
        else:
            import numpy

            numpy.random.set_state((state[0], numpy.frombuffer(state[1], dtype=numpy.uint32), *state[2:]))
