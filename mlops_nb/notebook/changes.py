"""Which of the objects that a cell names are other ones, or have another content, after it.

Only what a cell names is looked at, and of each only a bounded sample: identity, shape, some of its elements, the
attributes of an instance. Of the user's own code nothing runs. Whether a sample was the whole content is told, too.
"""

from __future__ import annotations

import os
import random
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from types import BuiltinFunctionType, CodeType, FunctionType, GeneratorType, ModuleType
from typing import Any, NamedTuple

MOST_ELEMENTS = 64
"""Elements of one container or array that are looked at."""

MOST_LOOKED_AT = 150
"""Elements that are looked at of one name, those of its elements included."""

MOST_IN_A_CELL = 600
"""The same of all names of a cell together; names that come later are not looked at."""

MOST_NAMES = 60
"""Names of one cell that are looked at, those of the functions it uses included."""

RANDOM, RANDOM_NUMPY, ENVIRONMENT = "random state of random", "random state of numpy", "environment:"

_WORD = re.compile(r"[A-Za-z_]\w*")
_OURS = re.compile(r"(?:%%mlops[ \t][^\n]*\n)+")
"""Our own first lines change no state of the process; any other magic may."""
_PLAIN = (int, float, complex, bool, type(None), str)
_FIXED = (int, float, complex, str, bytes, bool, type(None), range, FunctionType, BuiltinFunctionType, ModuleType, type)


class Changes(NamedTuple):
    """Of the names that a cell and its functions mention: those that were there; those that stand for another object or
    one whose content changed; those whose content was seen as a whole and is the same; those of which a sample is.
    """

    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()


class Sample(NamedTuple):
    """A sample of an object's content, and whether it is the whole."""

    content: object
    is_whole: bool


class _Seen(NamedTuple):
    """A number, a text or the like itself; of another object its address, so that nothing is kept from being freed."""

    value: object
    sample: Sample | None

    @classmethod
    def of(cls, value: object, sampler: _Sampler | None) -> _Seen:
        if type(value) in _PLAIN:
            return cls(value, None)
        return cls(id(value), sampler.sample(value, 2) if sampler is not None else None)


class Watch:
    """The objects that a cell names, before it runs."""

    __slots__ = ("environment", "last", "random", "seen")

    def __init__(self, source: str, names: Mapping[str, object]) -> None:
        self.last = next(reversed(names), "") if isinstance(names, dict) else ""
        self.seen = {}
        left = MOST_IN_A_CELL
        for name in mentioned(source, names):
            sampler = _Sampler() if left > 0 else None
            self.seen[name] = _Seen.of(names[name], sampler)
            left -= 1 + MOST_LOOKED_AT - sampler.left if sampler is not None else 0
        code = _OURS.sub("", source, count=1)
        calls = "(" in code or "environ" in code or code.startswith("%")
        self.random = _random_states() if calls else {}
        self.environment = _environment() if calls else {}

    def changes(self, names: Mapping[str, object]) -> Changes:
        """What is other now, after the cell."""
        written, same, alike = dict[str, None](), list[str](), list[str]()
        for name, before in self.seen.items():
            sampler = _Sampler() if before.sample is not None else None
            after = _Seen.of(names[name], sampler) if name in names else None
            if after is None or type(after.value) is not type(before.value) or _differ(after.value, before.value):
                written[name] = None
            elif after.sample is None or before.sample is None:
                same += [name] if type(names[name]) in _FIXED else []
            elif after.sample.content != before.sample.content:
                written[name] = None
            elif before.sample.content is not None:
                (same if before.sample.is_whole else alike).append(name)
        written |= dict.fromkeys((*self._new(names), *self._states()))
        return Changes(tuple(self.seen), tuple(written), tuple(same), tuple(alike))

    def _states(self) -> list[str]:
        """The states of the whole process that changed."""
        if not self.environment:
            return []
        states, environment = _random_states(), _environment()
        drawn = [key for key, state in self.random.items() if states.get(key, state) != state]
        other = sorted({os.fsdecode(name) for name, _ in self.environment.items() ^ environment.items()})
        return [*drawn, *(f"{ENVIRONMENT}{key}" for key in other)]

    def _new(self, names: Mapping[str, object]) -> list[str]:
        """The names that came into the namespace: they stand at its end."""
        found = list[str]()
        for name in reversed(names) if isinstance(names, dict) and self.last else ():
            if name == self.last or len(found) >= MOST_NAMES:
                break
            if not name.startswith("_") and name not in self.seen:
                found.append(name)
        return found[::-1]


def _differ(one: object, other: object) -> bool:
    """Whether two plain values are not the same; NaN is the same as NaN."""
    return one is not other and not (one == other or (one != one and other != other))


def mentioned(source: str, names: Mapping[str, object]) -> list[str]:
    """The names of a namespace that a text mentions, and those that the functions among them do.

    >>> def f(): return rate
    >>> mentioned("y = f(x)  # of z", {"f": f, "x": 1, "other": 2})
    ['f', 'x']
    """
    found = dict.fromkeys(each for each in _WORD.findall(source[:20_000]) if each in names)
    waiting = list(found)
    while waiting and len(found) < MOST_NAMES:
        value = names[waiting.pop()]
        code = value.__code__ if type(value) is FunctionType else None
        if code is not None and value.__globals__ is names:  # type: ignore[attr-defined]
            for name in _names_of(code):
                if name in names and name not in found:
                    found[name] = None
                    waiting.append(name)
    return list(found)[:MOST_NAMES]


def _names_of(code: CodeType) -> Iterable[str]:
    yield from code.co_names
    for each in code.co_consts:
        if type(each) is CodeType:
            yield from each.co_names


def sample(value: object) -> Sample | None:
    """A sample of what an object holds; None for what has no content that could change.

    >>> xs = [1, 2]
    >>> before = sample(xs)
    >>> xs.append(3)
    >>> before == sample(xs), sample("text")
    (False, None)
    """
    return _Sampler().sample(value, 2)


class _Sampler:
    """Takes one sample; `left` are the elements that it may still look at, in all containers together."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST_LOOKED_AT

    def sample(self, value: object, depth: int) -> Sample | None:
        kind = type(value)
        if kind in _FIXED or issubclass(kind, type):
            return None
        with suppress(Exception):  # whatever an object of somebody else does: it is not looked at then
            return self._sample(kind, value, depth)
        return Sample(None, False)

    def _sample(self, kind: type, value: Any, depth: int) -> Sample | None:
        if kind in (list, tuple):
            return self._container(kind, len(value), value[:: _step(len(value))], depth)
        if kind is dict or issubclass(kind, dict):
            return self._mapping(value, depth)
        if issubclass(kind, set | frozenset):
            return Sample(
                (len(value), hash(frozenset(value)) if len(value) <= MOST_ELEMENTS else 0), len(value) <= MOST_ELEMENTS
            )
        module = kind.__module__.partition(".")[0]
        if module == "numpy" and (found := _of_numpy(value)):
            return found
        if module == "pandas" and hasattr(value, "_mgr"):
            return _frame(value)
        if module == "torch" and hasattr(value, "_version"):
            return Sample((tuple(value.shape), value._version, id(value.grad)), True)
        if kind is random.Random:
            return Sample(value.getstate(), True)
        if kind is GeneratorType:
            return Sample(value.gi_frame and value.gi_frame.f_lasti, True)
        return self._instance(kind, value, depth)

    def _container(self, kind: type, count: int, some: Iterable[object], depth: int) -> Sample:
        inner, is_whole = self._inner(some, depth)
        return Sample((kind, count, inner), is_whole and count <= MOST_ELEMENTS)

    def _inner(self, some: Iterable[object], depth: int) -> tuple[tuple[object, ...], bool]:
        found, is_whole = list[object](), True
        for each in some:
            if not self.left:
                return tuple(found), False
            self.left -= 1
            if type(each) in _FIXED:
                found.append(each if type(each) in (int, float, bool, str) else id(each))
            elif depth:
                one = self.sample(each, depth - 1)
                found.append((id(each), one and one.content))
                is_whole = is_whole and (one is None or one.is_whole)
            else:
                found.append(id(each))
                is_whole = False
        return tuple(found), is_whole

    def _mapping(self, value: dict[object, object], depth: int) -> Sample:
        step = _step(len(value))
        some = list(islice(dict.items(value), 0, None, step)) if len(value) < 10_000 else []
        inner, is_whole = self._inner((each for _, each in some), depth)
        keys = tuple(id(key) if type(key) not in (int, str) else key for key, _ in some)
        return Sample((len(value), keys, inner), is_whole and step == 1 and len(value) < 10_000)

    def _instance(self, kind: type, value: object, depth: int) -> Sample | None:
        """The attributes: what a fit gives an estimator is seen by them."""
        try:
            attributes = object.__getattribute__(value, "__dict__")
        except AttributeError:
            return Sample(None, False)
        if type(attributes) is not dict:
            return Sample(None, False)
        found = self._mapping(attributes, depth)
        is_own = kind.__module__ == "__main__" or not hasattr(kind, "__slots__")
        return Sample(found.content, found.is_whole and is_own)


def _step(count: int) -> int:
    return max(1, -(-count // MOST_ELEMENTS))


def _of_numpy(value: Any) -> Sample | None:
    import numpy as np

    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.random.Generator):
        return Sample(repr(value.bit_generator.state), True)
    if isinstance(value, np.random.RandomState):
        state = value.get_state(legacy=False)
        return (
            Sample((state["state"]["pos"], state["state"]["key"].tobytes()), True) if "key" in state["state"] else None
        )
    return None


def _array(value: Any) -> Sample:
    size, step = value.size, _step(value.size)
    some = value.flat[::step]
    content = tuple(id(each) for each in some) if value.dtype.hasobject else some.tobytes()
    return Sample((value.shape, value.dtype.str, content), step == 1 and not value.dtype.hasobject and size > 0)


def _frame(value: Any) -> Sample:
    axes = tuple(id(axis) for axis in value._mgr.axes)
    content, is_whole = list[object](), True
    for array in [block.values for block in value._mgr.blocks][:16]:
        if type(array).__module__ == "numpy":
            one = _array(array)
            content.append((id(array), one.content))
            is_whole = is_whole and one.is_whole
        else:
            content.append((id(array), len(array)))
            is_whole = False
    return Sample((axes, tuple(content)), is_whole and len(value._mgr.blocks) <= 16)


def _random_states() -> dict[str, object]:
    """Where the generators that a whole process shares stand, of the modules that are there."""
    found: dict[str, object] = {}
    if "random" in sys.modules:
        found[RANDOM] = hash(random.getstate())
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        with suppress(Exception):
            state = numpy.mtrand._rand._bit_generator.state["state"]
            found[RANDOM_NUMPY] = (state["pos"], state["key"].tobytes())
    return found


def _environment() -> dict[Any, int]:
    """Hashes of the environment's values, by names as the system has them: the values are kept nowhere."""
    return {name: hash(value) for name, value in getattr(os.environ, "_data", {}).items()}
