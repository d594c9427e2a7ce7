"""The objects of a notebook as far as its text tells, who bound a name to them and who changed them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

Value = tuple["Thing", ...]
"""The objects that an expression may be; none where it is a number, a text or the like, which nothing can change."""


class Thing:
    """One object, or all that one place in the text makes.

    `kind` says what it is where that is known: list, dict, set, tuple, text, path, frame, array, iterator, file,
    random, function, class, instance, library, method, namespace. `parts` it holds and hands out: who changes a part
    changes it. `sees` it only looks at, as a fitted model does at its data. `changed` are the cells after whose change
    it is what it is; `readers` those that read it since.
    """

    __slots__ = (
        "bases", "changed", "code", "columns", "defaults", "elements", "frame", "is_one_of_many", "kind", "members",
        "name", "owner", "parts", "pending", "readers", "sees", "text",
    )  # fmt: skip

    def __init__(self, kind: str = "", name: str = "", parts: Iterable[Thing] = (), text: str | None = None) -> None:
        self.kind, self.name, self.text = kind, name, text
        self.parts: dict[Thing, None] = dict.fromkeys(parts)
        self.sees: dict[Thing, None] | None = None
        self.changed: dict[int, None] = {}
        self.readers: dict[int, None] = {}
        self.elements: list[Value] | None = None
        self.columns: set[str] | None = None
        self.pending: list[Callable[[], Value]] | None = None
        self.code: ast.AST | None = None
        self.frame: Frame | None = None
        self.owner: Thing | None = None
        self.defaults: Mapping[str, tuple[int, Value]] = {}
        self.members: dict[str, Value] = {}
        self.bases: Value = ()
        self.is_one_of_many = False

    def hold(self, things: Iterable[Thing]) -> None:
        """From now on these are parts of it. Of more than a few, what happens to one happens to all."""
        self.parts.update(dict.fromkeys(things))
        if len(self.parts) > MOST_PARTS:
            many = [each for each in self.parts if each.code is None and each.kind not in ("text", "library")]
            first = next((each for each in many if each.is_one_of_many), many[0] if many else self)
            for each in many:
                each.share_with(first)
            kept = dict.fromkeys((*(each for each in self.parts if each.code is not None), *many[: MOST_PARTS // 2]))
            self.parts.clear()
            self.parts.update(kept)

    def share_with(self, first: Thing) -> None:
        """Who changes or reads one of the two changes or reads both."""
        self.is_one_of_many = first.is_one_of_many = True
        if self.changed is first.changed:
            return
        first.changed.update(self.changed)
        first.readers.update(self.readers)
        first.parts.update((each, None) for each in self.parts if each is not first)
        first.look_at(self.sees or ())
        self.changed, self.readers, self.parts, self.sees = first.changed, first.readers, first.parts, first.sees

    def look_at(self, things: Iterable[Thing]) -> None:
        """From now on it sees these."""
        if self.sees is None:
            self.sees = {}
        self.sees.update(dict.fromkeys(things))


MOST_PARTS = 64
"""Parts that are told apart; of a container with more, they are one crowd."""


@dataclass(slots=True)
class Binding:
    """One of the values that a name may have, and the cell that gave it."""

    cell: int
    value: Value


Bindings = tuple[Binding, ...]


@dataclass(slots=True, eq=False)
class Frame:
    """The names of the notebook, of a function's call, a class's body or a comprehension."""

    parent: Frame | None = None
    local: frozenset[str] | None = None
    names: dict[str, Bindings] = field(default_factory=dict)
    outer: frozenset[str] = frozenset()
    is_class: bool = False
    function: Thing | None = None
    returned: dict[Thing, None] = field(default_factory=dict)


def united(values: Iterable[Value]) -> Value:
    """All the things of some values, each once.

    >>> a, b = Thing(), Thing()
    >>> united([(a, b), (a,)]) == (a, b)
    True
    """
    found = dict.fromkeys(thing for value in values for thing in value)
    return tuple(found)


def reachable(value: Iterable[Thing], *, seen_too: bool = True) -> list[Thing]:
    """The things and all that can be got at through them; with `seen_too`, what they only look at as well."""
    found = dict.fromkeys(value)
    waiting = list(found)
    while waiting:
        thing = waiting.pop()
        for more in (thing.parts, thing.sees if seen_too else None):
            for each in more or ():
                if each not in found:
                    found[each] = None
                    waiting.append(each)
    return list(found)


def joined(first: Bindings, second: Bindings) -> Bindings:
    """The bindings of two paths."""
    if first is second or not second:
        return first
    if not first:
        return second
    found = {each.cell: each.value for each in first}
    for each in second:
        found[each.cell] = united((found[each.cell], each.value)) if each.cell in found else each.value
    return tuple(Binding(cell, value) for cell, value in found.items())
