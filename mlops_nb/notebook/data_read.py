"""The frames and arrays that a cell reads: by name, inside containers and instances, and through its functions.

Of the user's own code nothing runs. A name that the cell binds itself is none that it reads.
"""

from __future__ import annotations

import ast
import dis
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from types import CodeType, FunctionType
from typing import Any

from mlops_nb.notebook.cells import read_cell
from mlops_nb.notebook.ipython_syntax import cell_text, cell_tree
from mlops_nb.reproducibility.fingerprints import BUDGET_BYTES, data_kind, fingerprint
from mlops_nb.reproducibility.records import DataFingerprint

MOST_ENTRIES = 100
"""Entries of one container, those of the containers in it included, that are looked at."""

MOST_NAMES = 200
"""Names that are followed through functions."""

_LABEL = 100
_WORD = re.compile(r"[A-Za-z_]\w*")


def data_read(source: str, names: Mapping[str, Any]) -> tuple[DataFingerprint, ...]:
    """Fingerprints of all data that a cell reads, as it is before the cell runs.

    Data in a dict, list or tuple is called `splits['train']` or `folds[0]`, that of an instance `experiment.frame`; all
    that is in one container shares the budget of one frame.

    Args:
        source: the cell.
        names: the namespace it will run in.

    >>> import numpy
    >>> splits = {"train": numpy.zeros(3), "test": numpy.ones(2)}
    >>> [one.name for one in data_read("splits['train'].sum()", {"splits": splits})]
    ["splits['train']"]
    """
    read, through = read_cell(source).reads, _read_by_functions(source, names)
    picked: dict[str, set[object]] | None = None
    found: list[DataFingerprint | None] = []
    for name in (*read, *through):
        with suppress(Exception):  # an object's own methods may raise anything
            value = names[name]
            if data_kind(value):
                found.append(fingerprint(name, value))
            elif _entries(value) is not None:
                picked = _picked(source) if picked is None else picked
                inside = list(_inside(name, value, set() if name in through else picked.get(name, set())))
                found += [fingerprint(label, each, BUDGET_BYTES // len(inside)) for label, each in inside]
    return tuple(one for one in found if one is not None)


def _inside(name: str, value: object, picked: set[object]) -> Iterator[tuple[str, object]]:
    """The data in a container or instance: what is picked out, or all of it where nothing is, or what is not there."""
    entries = dict(islice(_entries(value) or (), MOST_ENTRIES))
    if picked and picked <= entries.keys():
        entries = {key: entries[key] for key in entries if key in picked}
    left = MOST_ENTRIES
    waiting = [(_label(name, value, key), each, 1) for key, each in entries.items()]
    while waiting and left:
        left -= 1
        label, each, depth = waiting.pop(0)
        if data_kind(each):
            yield label, each
        elif depth < 2 and (inner := _entries(each)) is not None:
            waiting += [(_label(label, each, key), one, depth + 1) for key, one in islice(inner, left)]


def _entries(value: object) -> Iterator[tuple[Any, object]] | None:
    """Keys and values of a dict, list or tuple, names and values of an instance of a notebook's class; else None."""
    kind = type(value)
    if issubclass(kind, dict):
        pairs: Iterable[tuple[object, object]] = dict.items(value)  # type: ignore[arg-type]
        return ((key, each) for key, each in pairs if type(key) in (str, int, bool))
    if issubclass(kind, list | tuple):
        base: Callable[[Any], Iterator[object]] = list.__iter__ if issubclass(kind, list) else tuple.__iter__
        return enumerate(base(value))
    if kind.__module__ == "__main__" and not issubclass(kind, type):
        with suppress(AttributeError):
            return iter(dict(object.__getattribute__(value, "__dict__")).items())
    return None


def _label(name: str, value: object, key: object) -> str:
    is_in_brackets = issubclass(type(value), dict | list | tuple)
    return f"{name}[{key!r}]"[:_LABEL] if is_in_brackets else f"{name}.{key}"[:_LABEL]


def _picked(source: str) -> dict[str, set[object]]:
    """For each name of a cell what is picked out of it, `x["key"]` or `x.key`; not where it stands alone anywhere."""
    tree = cell_tree(source)
    found: dict[str, set[object]] = {}
    under: set[int] = set()
    for node in ast.walk(tree) if tree is not None else ():
        match node:
            case ast.Subscript(ast.Name(name) as whole, ast.Constant(key)) | ast.Attribute(
                ast.Name(name) as whole, key
            ):
                found.setdefault(name, set()).add(key)
                under.add(id(whole))
            case ast.Name(name) if id(node) not in under:
                found.setdefault(name, set()).add(node)  # no entry is called that: all of it is read
    return found


def _read_by_functions(source: str, names: Mapping[str, Any]) -> dict[str, None]:
    """The names that the functions a cell reads, and those that they read, read themselves."""
    cell = read_cell(source)
    found: dict[str, None] = {}
    words = {*_WORD.findall(cell_text(source).python)}
    is_new = True
    while is_new and len(found) < MOST_NAMES:
        before = len(found), len(words)
        for name in (*cell.reads, *found):
            with suppress(Exception):  # an object's own metaclass may raise anything
                for code in _codes(names.get(name), names, words):
                    read, called = _mentions(code)
                    words |= called
                    found |= {each: None for each in read if each in names and each not in (*cell.reads, *cell.writes)}
        is_new = before != (len(found), len(words))
    return found


def _codes(value: object, names: Mapping[str, Any], words: set[str]) -> list[CodeType]:
    """The code of a function of the notebook, or of those methods of a class of it that one of the words calls."""
    if type(value) is FunctionType:
        whole = [value, vars(value).get("__wrapped__")]
        return [each.__code__ for each in whole if type(each) is FunctionType and each.__globals__ is names]
    kind = value if isinstance(value, type) else type(value)
    if kind.__module__ != "__main__":
        return []
    made = ("__init__", "__new__")  # called by who calls the class, not by who has the instance
    own = {name for name in vars(kind) if name.startswith("__") and (name not in made or kind is value)}
    called = [each for name, each in vars(kind).items() if name in words or name in own]
    methods = (getattr(each, "__func__", getattr(each, "fget", each)) for each in called)
    return [each.__code__ for each in methods if type(each) is FunctionType and each.__globals__ is names]


@lru_cache(maxsize=512)
def _mentions(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The global names that a function reads, and the attributes that it asks for."""
    read = {line.argval for line in dis.get_instructions(code) if line.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    asked = {*code.co_names} - read
    for each in code.co_consts:
        if type(each) is CodeType:
            inner, also = _mentions(each)
            read, asked = read | inner, asked | also
    return frozenset(read), frozenset(asked)
