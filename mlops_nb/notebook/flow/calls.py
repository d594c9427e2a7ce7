"""What a call is given, and what happens to objects that are called, handed over or iterated over."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mlops_nb.notebook.flow import effects
from mlops_nb.notebook.flow.objects import Thing, Value, reachable, united
from mlops_nb.notebook.flow.outside import Outside

_LIVELY = ("function", "instance", "method", "class")
MOST_USES = 6
"""How often what is called unseen in one statement is followed; after that nothing new comes of it."""
CONTAINERS = ("list", "dict", "set", "tuple")


@dataclass(slots=True)
class Call:
    """A call: its arguments' values, and whether its result is thrown away or shown."""

    node: ast.Call
    args: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)
    rest: Value = ()
    is_dropped: bool = False
    is_shown: bool = False

    @property
    def given(self) -> Value:
        """Every object that goes in."""
        return united((*self.args, *self.keywords.values(), self.rest))

    def argument(self, place: int, *names: str) -> Value:
        """One argument by its place or name."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return self.args[place] if place < len(self.args) else ()

    def text(self, place: int, *names: str) -> str | None:
        """A plain text or path that is given there."""
        return text_of(self.argument(place, *names))

    def node_of(self, place: int, *names: str) -> ast.expr | None:
        """The expression that stands there."""
        for keyword in self.node.keywords:
            if keyword.arg in names:
                return keyword.value
        return self.node.args[place] if place < len(self.node.args) else None

    def has(self, name: str, constant: object = ...) -> bool:
        """Whether a keyword is given, with this constant if one is named."""
        for keyword in self.node.keywords:
            if keyword.arg == name:
                is_constant = isinstance(keyword.value, ast.Constant)
                return constant is ... or (is_constant and keyword.value.value is constant)  # type: ignore[attr-defined]
        return False


class Calls(Outside):
    """An outside world in which things can be called; what each sort of call does stands in the files above."""

    used: Counter[Thing]
    """How often functions, classes and the instances of a class were called unseen in a statement of the cell."""

    def run_function(self, function: Thing, call: Call, owner: Value = ()) -> Value:
        """A function of the notebook is called; `owner` is the object whose method it is."""
        raise NotImplementedError

    def run_class(self, cls: Thing, call: Call) -> Value:
        """A class of the notebook is called."""
        raise NotImplementedError

    def run_text(self, text: str, *, is_expression: bool) -> Value:
        """`exec` or `eval` of a known text."""
        raise NotImplementedError

    def builtin(self, name: str, call: Call) -> Value:
        """One of Python's own functions is called."""
        raise NotImplementedError

    def library_call(self, path: str, call: Call) -> Value:
        """A function or class of a library is called."""
        raise NotImplementedError

    def method(self, receiver: Value, name: str, call: Call) -> Value:
        """A method is called."""
        raise NotImplementedError

    def attribute(self, value: Value, name: str) -> Value:
        """What `value.name` may be."""
        raise NotImplementedError

    def value(self, node: ast.expr) -> Value:
        """What an expression may be."""
        raise NotImplementedError

    def do_all(self, nodes: Iterable[ast.stmt]) -> None:
        """Run statements one after the other."""
        raise NotImplementedError

    def member(self, cls: Thing, name: str) -> Value:
        """What a class of the notebook, or one it is based on, has under a name."""
        if name in cls.members:
            return cls.members[name]
        for base in cls.bases:
            if base.kind == "class" and (found := self.member(base, name)):
                return found
        return ()

    def members_of(self, cls: Thing | None) -> list[tuple[str, Value]]:
        """The members of a class and its bases."""
        if cls is None:
            return []
        found = dict(cls.members)
        for base in cls.bases:
            if base.kind == "class" and base is not cls:
                found = dict(self.members_of(base)) | found
        return list(found.items())

    def call(self, callee: Value, call: Call) -> Value:
        """A value is called."""
        results = []
        for thing in callee:
            match thing.kind:
                case "function":
                    results.append(self.run_function(thing, call))
                case "class":
                    results.append(self.run_class(thing, call))
                case "library":
                    results.append(self.library_call(thing.name, call))
                case "method":
                    results.append(self.method(tuple(thing.parts), thing.name, call))
                case "instance" if thing.owner is not None and (found := self.member(thing.owner, "__call__")):
                    results += [self.run_function(each, call, (thing,)) for each in found if each.kind == "function"]
                case "text" | "path" | "list" | "dict" | "tuple" | "set":
                    continue
                case _:
                    results.append(self.unknown_call(thing, call))
        return united(results)

    def unknown_call(self, thing: Thing, call: Call) -> Value:
        """Something is called of which it is not known what it does: it may call and change what it holds."""
        self.use((thing,), (*call.given, *thing.parts), is_handed_over=True)
        self.use(call.given, (thing,), is_handed_over=True)
        if thing.kind in ("instance", "partial", "result") and thing.name.partition(".")[0] in effects.KNOWN_LIBRARIES:
            return (fresh("result", (thing, *thing.parts, *call.given)),)
        self.change(tuple(each for each in (thing, *call.given) if each.kind not in ("array", "frame")), guess=True)
        if call.is_dropped:
            self.change(call.given, guess=True)
        return (fresh("", (thing, *call.given)),)

    def use(self, value: Iterable[Thing], given: Value = (), *, is_handed_over: bool = False) -> None:
        """Objects are looked at by what may run their own code: functions are called, instances' methods, iterators."""
        value = tuple(value)
        if any(thing.name == "os.environ" for thing in value):
            self.read_environment(None)
        lively = [each for each in reachable(value) if each.kind in _LIVELY or each.pending]
        self.weak += 1
        for thing in lively:
            what = thing.owner if thing.kind == "instance" and thing.owner is not None else thing
            self.used[what] += 1
            if self.used[what] > MOST_USES:  # what they hand on holds them, too, and would call them again and again
                continue
            if thing.pending:
                self.consume(thing)
            elif thing.kind == "function" and is_handed_over:
                self.run_function(thing, any_call(given), ())
            elif thing.kind == "method" and is_handed_over:
                self.method(tuple(thing.parts), thing.name, any_call(given))
            elif thing.kind == "class" and is_handed_over:
                self.run_class(thing, any_call(given))
            elif thing.owner is not None and thing.kind == "instance":
                self._use_instance(thing, given, is_handed_over)
        self.weak -= 1

    def _use_instance(self, thing: Thing, given: Value, is_handed_over: bool) -> None:
        for name, value in self.members_of(thing.owner):
            is_special = name.startswith("__") and name not in ("__init__", "__new__", "__class_getitem__", "__del__")
            if is_special or is_handed_over:
                for each in value:
                    if each.kind == "function" and name not in ("__init__", "__new__"):
                        self.run_function(each, any_call(given), (thing,))

    def consume(self, thing: Thing) -> Value:
        """An iterator goes on: what it does when it is asked for the next is done now."""
        self.change((thing,))
        found = []
        for run in thing.pending or ():
            found.append(run())
        thing.hold(united(found))
        return tuple(thing.parts)

    def items(self, value: Value) -> Value:
        """What comes out when one iterates over a value."""
        found: list[Value] = []
        for thing in value:
            if thing.pending or thing.kind in ("iterator", "file"):
                found.append(self.consume(thing))
            elif thing.kind == "instance" and thing.owner is not None:
                methods = [self.member(thing.owner, name) for name in ("__iter__", "__next__", "__getitem__")]
                for each in united(methods):
                    if each.kind == "function":
                        given = self.run_function(each, any_call(()), (thing,))
                        others = tuple(one for one in given if one is not thing)
                        found.append(self.items(others) if each.name == "__iter__" else given)
                found.append((thing, *thing.parts))
            elif thing.kind in CONTAINERS:
                found.append(tuple(thing.parts))
            elif thing.kind == "group":
                found.append((Thing("tuple", parts=(Thing("frame"),)),))
            elif thing.kind not in ("frame", "text", "path", "library", "function"):
                found.append((thing, *thing.parts))
        return united(found)


def text_of(value: Value) -> str | None:
    """The text or path that a value is, where there is only one."""
    return value[0].text if len(value) == 1 and value[0].kind in ("text", "path") else None


def fresh(kind: str, given: Iterable[Thing], *, shares: bool = False) -> Thing:
    """A new object that looks at what it was made from, or with `shares` holds it."""
    made = Thing(kind, parts=given if shares else ())
    if not shares:
        made.look_at(each for each in given if each.kind not in ("text", "array", "frame", "library", "function"))
    return made


def copied(thing: Thing, *, deep: bool) -> Thing:
    """A copy of an object: with its own parts if `deep`, else with the same."""
    made = Thing(thing.kind, thing.name, () if deep else thing.parts, text=thing.text)
    made.owner, made.code, made.frame = thing.owner, thing.code, thing.frame
    made.defaults, made.members, made.bases = thing.defaults, thing.members, thing.bases
    return made


def any_call(given: Value) -> Call:
    """A call that somebody else makes: any argument may be any of these."""
    return Call(ast.Call(ast.Name("", ast.Load()), [], []), rest=given)


def passed(args: Sequence[Value]) -> Call:
    """A call with these arguments."""
    return Call(ast.Call(ast.Name("", ast.Load()), [], []), args=list(args))


def is_class(last: str) -> bool:
    """Whether the last part of a library's name is that of a class."""
    return last[:1].isupper() and not (last.isupper() and len(last) > 4)
