"""Names that functions and classes look up when they are called, long after their cell ran.

A class that reads `scale` finds the `scale` of the moment. Where a later cell or a function binds such a name anew, it
cannot be a local variable of one step: it is a variable of the script's module, set by every step that may look it up.
Nor can it be where only so the class can stand at the top of the script, where its objects can be pickled.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from mlops_nb.notebook.cells import CellNames
from mlops_nb.notebook.statement_text import Statement
from mlops_nb.notebook.translation import ScriptCell

Uses = Mapping[str, Collection[str]]
"""By name, the shared names that an object of this name may look up."""


def shared_names(cells: Sequence[ScriptCell], there: Collection[str]) -> frozenset[str]:
    """The names that must be variables of the module, because what looks them up outlives the step that made it.

    Args:
        cells: the translated cells.
        there: the names that stand at the top of the script anyway.
    """
    binders, named, moved = _places(cells)
    late = _late_names(cells)
    found: set[str] = set()
    for place, statement in _definitions(cells):
        if not _outlives(statement):
            continue
        is_class = statement.kind == "ClassDef" and cells[place].run is None
        for name in set[str]().union(*(_closure(each, late) for each in statement.names.writes)) - {*there}:
            bound = binders.get(name, set())
            is_object = bool(bound) and name not in late
            is_bound_later = any(other > place for other in bound)
            is_moved = name in moved and bool(named.get(name, set()) - {place})
            if (is_class and is_object) or is_bound_later or is_moved:
                found.add(name)
    return frozenset(_declared_together(cells, found))


def uses(cells: Sequence[ScriptCell], shared: Collection[str]) -> Uses:
    """By function or class, the shared names that it may look up when it is called."""
    late = _late_names(cells)
    return {
        name: looked_up
        for _, statement in _definitions(cells)
        for name in statement.names.writes
        if (looked_up := _closure(name, late) & {*shared})
    }


def runs_when_defined(statement: Statement, cells: Sequence[ScriptCell], shared: Collection[str]) -> bool:
    """Whether a decorator, base or default of the definition looks up a shared name at once."""
    at_once = {
        node.name: _names_at_once(node)
        for _, each in _definitions(cells)
        if isinstance(node := each.node, ast.FunctionDef | ast.ClassDef)
    }
    waiting, seen = [*statement.names.reads], set[str]()
    while waiting:
        name = waiting.pop()
        if name in shared:
            return True
        if name not in seen:
            seen.add(name)
            waiting += at_once.get(name, ())
    return False


def with_uses(names: CellNames, touched: Collection[str], moved: Collection[str]) -> CellNames:
    """The names of a step that also reads what it may look up, and binds what functions that it calls may bind."""
    reads = (*names.reads, *(each for each in touched if each not in names.reads))
    more = tuple(each for each in touched if each in moved and each not in names.writes)
    return replace(names, reads=reads, writes=(*names.writes, *more), uncertain=(*names.uncertain, *more))


def moved_names(cells: Sequence[ScriptCell]) -> set[str]:
    """The names that functions bind by `global`."""
    return {name for _, each in _definitions(cells) for one in each.names.functions.values() for name in one.writes}


def _definitions(cells: Sequence[ScriptCell]) -> Iterator[tuple[int, Statement]]:
    for place, cell in enumerate(cells):
        yield from ((place, each) for each in cell.statements if each.names.functions)


def _places(cells: Sequence[ScriptCell]) -> tuple[dict[str, set[int]], dict[str, set[int]], set[str]]:
    """Where names are bound by statements, where they are named at all, and which are bound by functions."""
    binders: dict[str, set[int]] = {}
    named: dict[str, set[int]] = {}
    for place, cell in enumerate(cells):
        for statement in cell.statements:
            names = statement.names
            if statement.kind not in ("Import", "ImportFrom"):
                for name in names.writes:
                    binders.setdefault(name, set()).add(place)
            late = (each for one in names.functions.values() for each in (*one.reads, *one.writes))
            for name in (*names.reads, *names.writes, *names.deletes, *late):
                named.setdefault(name, set()).add(place)
    return binders, named, moved_names(cells)


def _outlives(statement: Statement) -> bool:
    """Whether what the statement defines is kept as an object, not defined again in every step that calls it."""
    node = statement.node
    if isinstance(node, ast.ClassDef):
        return True
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    inner = (each for each in ast.walk(node) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return bool(node.decorator_list) or any(
        isinstance(each, ast.Global) for one in inner if one is not node for each in ast.walk(one)
    )


def _late_names(cells: Sequence[ScriptCell]) -> dict[str, set[str]]:
    """By function or class, what it names when it is called, and what it is made with: decorators, bases."""
    found: dict[str, set[str]] = {}
    for _, statement in _definitions(cells):
        for name, one in statement.names.functions.items():
            found.setdefault(name, set()).update(one.reads, one.writes, statement.names.reads)
    return found


def _closure(name: str, late: Mapping[str, Iterable[str]]) -> set[str]:
    """What a function or class names when it is called, through what it calls."""
    found, waiting = set[str](), [name]
    while waiting:
        for each in late.get(waiting.pop(), ()):
            if each not in found:
                found.add(each)
                waiting.append(each)
    return found


def _declared_together(cells: Sequence[ScriptCell], names: set[str]) -> set[str]:
    """The names, and those that functions declare `global` beside one of them."""
    groups = [{*one.writes} for _, each in _definitions(cells) for one in each.names.functions.values()]
    while more := [group for group in groups if group & names and not group <= names]:
        names = names.union(*more)
    return names


def _names_at_once(node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    """What the body names itself, not what functions in it do; of a class also what its methods of making name."""
    found = set[str]()
    waiting: list[ast.AST] = [*node.body]
    makes = ("__init__", "__new__", "__init_subclass__", "__set_name__", "__call__")
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Name):
            found.add(each.id)
        is_function = isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if not is_function or getattr(each, "name", "") in makes:
            waiting += ast.iter_child_nodes(each)
    return found
