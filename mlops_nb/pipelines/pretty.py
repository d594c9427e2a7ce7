"""Values as the end of a notebook's cell shows them: IPython's plain text, laid out in 79 columns, without IPython.

The layout is that of `IPython.lib.pretty` (BSD-3-Clause), after Derek Oppen, "Prettyprinting" (1980): what does not fit
is broken at the outermost bracket first. A test compares the two value by value.
"""

from __future__ import annotations

import inspect
import os
import re
import types
from collections import Counter, OrderedDict, UserList, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_WIDTH = 79
_MOST_ITEMS = 1_000
_AS_THEY_ARE = (int, float, str, bytes, range, slice, types.MethodType)


def pretty(value: object) -> str:
    """The text of a value.

    >>> pretty({"b": [1, 2], "a": {3, 1}})
    "{'b': [1, 2], 'a': {1, 3}}"
    >>> print(pretty(["a word of some length"] * 4))
    ['a word of some length',
     'a word of some length',
     'a word of some length',
     'a word of some length']
    """
    printer = _Printer()
    printer.pretty(value)
    printer.flush()
    return "".join(printer.output)


class _Group:
    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.breaks: deque[_Break] = deque()
        self.is_broken = False


class _Break:
    """A place where a line may end, with what stands there when it does not."""

    def __init__(self, text: str, indent: int, group: _Group) -> None:
        self.text, self.indent, self.group = text, indent, group
        group.breaks.append(self)


class _Layout:
    """Text and possible breaks, written as soon as it is known which of them break."""

    def __init__(self) -> None:
        self.output: list[str] = []
        self.column = 0
        self.waiting: deque[str | _Break] = deque()
        self.waiting_width = 0
        self.indentation = 0
        self.groups = [_Group(0)]
        self.open: list[list[_Group]] = [[self.groups[0]]]

    def text(self, text: str) -> None:
        """Add text that is not broken."""
        if not self.waiting:
            self.output.append(text)
            self.column += len(text)
            return
        self.waiting.append(text)
        self.waiting_width += len(text)
        self._break_what_must()

    def breakable(self, sep: str = " ") -> None:
        """Add a place where the line may end."""
        if self.groups[-1].is_broken:
            self._new_line()
            return
        self.waiting.append(_Break(sep, self.indentation, self.groups[-1]))
        self.waiting_width += len(sep)
        self._break_what_must()

    def break_(self) -> None:
        """End the line here."""
        if group := self._outermost():
            self._break_group(group)
        self._new_line()

    def _new_line(self) -> None:
        self.flush()
        self.output.append("\n" + " " * self.indentation)
        self.column, self.waiting_width = self.indentation, 0

    def begin_group(self, indent: int = 0, open: str = "") -> None:
        """Begin what is broken together."""
        if open:
            self.text(open)
        group = _Group(self.groups[-1].depth + 1)
        self.groups.append(group)
        while group.depth > len(self.open) - 1:
            self.open.append([])
        self.open[group.depth].append(group)
        self.indentation += indent

    def end_group(self, dedent: int = 0, close: str = "") -> None:
        """End what is broken together."""
        self.indentation -= dedent
        group = self.groups.pop()
        if not group.breaks:
            self._forget(group)
        if close:
            self.text(close)

    @contextmanager
    def group(self, indent: int = 0, open: str = "", close: str = "") -> Iterator[None]:
        """A block that is broken together."""
        self.begin_group(indent, open)
        yield
        self.end_group(indent, close)

    def flush(self) -> None:
        """Write what waits."""
        while self.waiting:
            self._write_next()
        self.waiting_width = 0

    def _forget(self, group: _Group) -> None:
        if group in self.open[group.depth]:
            self.open[group.depth].remove(group)

    def _outermost(self) -> _Group | None:
        for groups in self.open:
            for position, group in enumerate(reversed(groups)):
                if group.breaks:
                    del groups[position]
                    group.is_broken = True
                    return group
            for group in groups:
                group.is_broken = True
            groups.clear()
        return None

    def _break_what_must(self) -> None:
        while self.column + self.waiting_width > _WIDTH and (group := self._outermost()):
            self._break_group(group)

    def _break_group(self, group: _Group) -> None:
        while group.breaks:
            self._write_next()
        while self.waiting and isinstance(self.waiting[0], str):
            self._write_next()

    def _write_next(self) -> None:
        one = self.waiting.popleft()
        if isinstance(one, str):
            self.output.append(one)
            self.column += len(one)
            self.waiting_width -= len(one)
            return
        self.waiting_width -= len(one.text)
        one.group.breaks.popleft()
        if one.group.is_broken:
            self.output.append("\n" + " " * one.indent)
            self.column = one.indent
            return
        if not one.group.breaks:
            self._forget(one.group)
        self.output.append(one.text)
        self.column += len(one.text)


class _Printer(_Layout):
    """Values laid out; what a `_repr_pretty_(printer, cycle)` method is given."""

    verbose = False
    max_width = _WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[int] = []

    def pretty(self, value: Any) -> None:
        """Add a value."""
        cycle = id(value) in self.stack
        self.stack.append(id(value))
        self.begin_group()
        try:
            self._printed_by(value)(value, self, cycle)
        finally:
            self.end_group()
            self.stack.pop()

    def _printed_by(self, value: Any) -> Callable[[Any, _Printer, bool], None]:
        if value is None or isinstance(value, bool | types.EllipsisType | types.NotImplementedType):
            return _as_it_is
        for kind in type(value).__mro__:
            if known := _PRINTERS.get(kind):
                return known
            own: Callable[[Any, _Printer, bool], None] | None = vars(kind).get("_repr_pretty_")
            if callable(own):
                return own
            if kind is not object and callable(vars(kind).get("__repr__")):
                return _as_it_is
        return _without_repr

    def items(self, values: Iterable[object]) -> Iterator[object]:
        """The values with commas between them, and `...` for those too many."""
        for number, value in enumerate(values):
            if number:
                self.text(",")
                self.breakable()
            if number >= _MOST_ITEMS:
                self.text("...")
                return
            yield value

    def call(self, name: str, *args: object, **named: object) -> None:
        """Add a call of a constructor."""
        with self.group(len(name) + 1, f"{name}(", ")"):
            for argument in self.items((*args, *named.items()) if named else args):
                if named and isinstance(argument, tuple) and argument in named.items():
                    with self.group(len(argument[0]) + 1, f"{argument[0]}="):
                        self.pretty(argument[1])
                else:
                    self.pretty(argument)


class _Plain:
    """Text that stands for itself within a value."""

    def __init__(self, text: str) -> None:
        self.said = text

    def _repr_pretty_(self, printer: _Printer, cycle: bool) -> None:
        printer.text(self.said)


def _as_it_is(value: object, printer: _Printer, cycle: bool) -> None:
    with printer.group():
        for number, line in enumerate(repr(value).splitlines()):
            if number:
                printer.break_()
            printer.text(line)


def _without_repr(value: object, printer: _Printer, cycle: bool) -> None:
    with printer.group(1, "<", ">"):
        printer.pretty(type(value))
        printer.text(f" at 0x{id(value):x}")


def _sequence(start: str, end: str) -> Callable[[Any, _Printer, bool], None]:
    def printed(value: Any, printer: _Printer, cycle: bool) -> None:
        if cycle:
            printer.text(f"{start}...{end}")
            return
        with printer.group(len(start), start, "," * (start == "(" and len(value) == 1) + end):
            for each in printer.items(value):
                printer.pretty(each)

    return printed


def _set(start: str, end: str) -> Callable[[Any, _Printer, bool], None]:
    listed = _sequence(start, end)

    def printed(value: Any, printer: _Printer, cycle: bool) -> None:
        if not value and not cycle:
            printer.text(f"{type(value).__name__}()")
        else:
            listed(_in_order(value), printer, cycle)

    return printed


def _in_order(values: Any) -> Any:
    if len(values) >= _MOST_ITEMS:
        return values
    try:
        return sorted(values)
    except Exception:  # what cannot be compared may raise anything
        return sorted(values, key=str)


def _mapping(start: str, end: str) -> Callable[[Any, _Printer, bool], None]:
    def printed(value: Any, printer: _Printer, cycle: bool) -> None:
        if cycle:
            printer.text("{...}")
            return
        with printer.group(len(start), start, end):
            for key in printer.items(value.keys()):
                printer.pretty(key)
                printer.text(": ")
                printer.pretty(value[key])

    return printed


def _class(value: Any, printer: _Printer, cycle: bool) -> None:
    if next((kind for kind in type(value).__mro__ if "__repr__" in vars(kind)), type) is not type:
        _as_it_is(value, printer, cycle)
        return
    module = getattr(value, "__module__", None)
    printer.text(value.__qualname__ if module in (None, "builtins") else f"{module}.{value.__qualname__}")


def _function(value: Any, printer: _Printer, cycle: bool) -> None:
    module = "" if value.__module__ in (None, "builtins") else f"{value.__module__}."
    try:
        signature = str(inspect.signature(value))
    except ValueError:
        signature = ""
    printer.text(f"<function {module}{value.__qualname__}{signature}>")


def _exception(value: BaseException, printer: _Printer, cycle: bool) -> None:
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    printer.call(f"{module}{kind.__qualname__}", *value.args)


def _pattern(value: re.Pattern[Any], printer: _Printer, cycle: bool) -> None:
    text = "r" + repr(value.pattern).replace("\\\\", "\\")
    names = ("IGNORECASE", "LOCALE", "MULTILINE", "DOTALL", "UNICODE", "VERBOSE", "DEBUG")
    flags = "|".join(f"re.{name}" for name in names if value.flags & getattr(re, name))
    printer.call("re.compile", _Plain(text), *([_Plain(flags)] if flags else []))


def _made_of(contents: Callable[[Any], tuple[object, ...]]) -> Callable[[Any, _Printer, bool], None]:
    def printed(value: Any, printer: _Printer, cycle: bool) -> None:
        printer.call(type(value).__name__, *((_Plain("..."),) if cycle else contents(value)))

    return printed


def _deque(value: Any, printer: _Printer, cycle: bool) -> None:
    bounded = {"maxlen": value.maxlen} if value.maxlen is not None else {}
    printer.call(type(value).__name__, *((_Plain("..."),) if cycle else (list(value),)), **({} if cycle else bounded))


def _namespace(value: Any, printer: _Printer, cycle: bool) -> None:
    printer.call("namespace", *((_Plain("..."),) if cycle else ()), **({} if cycle else vars(value)))


_PRINTERS: dict[type, Callable[[Any, _Printer, bool], None]] = {
    **dict.fromkeys(_AS_THEY_ARE, _as_it_is),
    tuple: _sequence("(", ")"),
    list: _sequence("[", "]"),
    dict: _mapping("{", "}"),
    set: _set("{", "}"),
    frozenset: _set("frozenset({", "})"),
    type(os.environ): _mapping("environ{", "}"),
    types.MappingProxyType: _mapping("mappingproxy({", "})"),
    type: _class,
    types.FunctionType: _function,
    types.BuiltinFunctionType: _function,
    types.SimpleNamespace: _namespace,
    re.Pattern: _pattern,
    BaseException: _exception,
    defaultdict: _made_of(lambda value: (value.default_factory, dict(value))),
    OrderedDict: _made_of(lambda value: (list(value.items()),) if value else ()),
    Counter: _made_of(lambda value: (dict(value.most_common()),) if value else ()),
    UserList: _made_of(lambda value: (value.data,)),
    deque: _deque,
}
