"""What cells ask a notebook back for: `_`, `__`, `_3`, `Out[3]`, `In[1]`, `_i`, and whether a name is bound."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlops_nb.notebook.cells import BUILTINS, dotted_call, read_cell
from mlops_nb.notebook.ipython_syntax import cell_tree
from mlops_nb.notebook.records import NotebookCell
from mlops_nb.record import Record

_ASKS = re.compile(r"(?<![\w.])(?:_\d*|__|___|_i\d*|_ii|_iii|_ih|_oh|In|Out)(?!\w)|\b(?:globals|locals|vars|dir)\(\)")
_NAMESPACE = re.compile(r"\b(?:globals|locals|vars|dir)\(\)")
_OUTS, _INS = ("Out", "_oh"), ("In", "_ih")


@dataclass(frozen=True, slots=True)
class Bound(Record):
    """The names that are surely bound, and those that may be; `is_open` where there may be any."""

    surely: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    is_open: bool = False

    def has(self, name: str) -> bool | None:
        """Whether a name is bound; None where that cannot be told."""
        if name in self.surely:
            return True
        return None if self.is_open or name in self.maybe else False

    def after(self, source: str) -> Bound:
        """With what a text binds and unbinds."""
        tree, found = cell_tree(source), self
        for statement in tree.body if tree else ():
            found = found._after(statement)
        return found

    def _after(self, statement: ast.stmt) -> Bound:
        if (
            isinstance(statement, ast.If)
            and (known := dict(_answers(statement.test, self)))
            and statement.test in known
        ):
            branch = statement.body if known[statement.test] else statement.orelse
            return self.after("\n".join(map(ast.unparse, branch)))
        names = read_cell(ast.unparse(statement))
        late = {name for each in names.functions.values() for name in each.writes}
        gone = frozenset(names.deletes)
        surely = (self.surely | ({*names.writes} - {*names.uncertain})) - gone
        maybe = self.maybe | {*names.uncertain} | late
        maybe = maybe - gone if isinstance(statement, ast.Delete) else maybe | gone
        return Bound(surely, maybe, self.is_open or bool(names.stars) or not names.is_valid)


@dataclass(frozen=True, slots=True)
class Recall(Record):
    """What a cell asks back, and what later cells ask of it.

    Args:
        keeps: names by which later cells ask for the cell's last value: `_`, `_3`.
        texts: what stands for a name that the cell asks for: `Out` as a dictionary, `In` as a list, `_i` as a text.
        bound: the names that the cells before it bind, where it asks whether one is; else None.
    """

    keeps: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    bound: Bound | None = None


def asks_back(source: str) -> bool:
    """Whether a cell may ask for what the notebook keeps, as its text looks."""
    return _ASKS.search(source) is not None


def recalled(cells: Sequence[NotebookCell], bound: Collection[str], ends_with_value: Sequence[bool]) -> list[Recall]:
    """For every cell what it asks back, and what is asked of it.

    Args:
        cells: all cells of the notebook, in the order in which they ran.
        bound: every name that some cell binds: one of these is the notebook's own.
        ends_with_value: for each cell whether its last value is shown.
    """
    code = [place for place, cell in enumerate(cells) if cell.kind == "code" and cell.source.strip()]
    numbers = _numbers([cells[place].execution_count for place in code])
    keeps: dict[int, dict[str, None]] = {}
    texts: dict[int, dict[str, str]] = {}
    for at, place in enumerate(code):
        source = cells[place].source
        if not asks_back(source):
            continue
        asked = [name for name in _asked(source) if name not in bound]
        shown = [each for each in range(at) if ends_with_value[code[each]]]
        kept = dict(_kept(asked, shown, numbers))
        if any(name in asked for name in _OUTS):
            kept |= {f"_{numbers[each]}": each for each in shown}
            listed = ", ".join(f"{numbers[each]}: _{numbers[each]}" for each in shown)
            texts.setdefault(place, {}).update(dict.fromkeys(_OUTS, f"{{{listed}}}"))
        for name, keeper in kept.items():
            keeps.setdefault(code[keeper], {})[name] = None
        sources = {numbers[each]: cells[code[each]].source for each in range(at + 1)}
        texts.setdefault(place, {}).update(_typed(asked, sources, numbers[at]))
    before = _bound_before(cells)
    return [Recall(tuple(keeps.get(place, ())), texts.get(place, {}), before[place]) for place, _ in enumerate(cells)]


def _numbers(counts: Sequence[int | None]) -> list[int]:
    """The cells' numbers: those beside them where they rise, else their places from 1."""
    found = [count or 0 for count in counts]
    return found if all(a < b for a, b in zip([0, *found], found, strict=False)) else list(range(1, len(found) + 1))


def _asked(source: str) -> list[str]:
    """The names that a cell reads, `Out[3]` as `_3`; one that is only asked for by number is not `Out`."""
    tree, reads = cell_tree(source), {*read_cell(source).reads}
    found = dict[str, None]()
    waiting: list[ast.AST] = [tree] if tree else []
    while waiting:
        node = waiting.pop()
        number = output_number(node)
        if number is not None:
            found[f"_{number}"] = None
        elif isinstance(node, ast.Name) and node.id in reads:
            found[node.id] = None
        else:
            waiting += ast.iter_child_nodes(node)
    return [*found]


def output_number(node: ast.AST) -> int | None:
    """The 3 of `Out[3]`; None for any other expression."""
    match node:
        case ast.Subscript(ast.Name("Out" | "_oh"), ast.Constant(int(number)), ast.Load()):
            return number
    return None


def _kept(asked: Sequence[str], shown: Sequence[int], numbers: Sequence[int]) -> Iterator[tuple[str, int]]:
    """The names by which values are asked for, each with the place of the cell that showed it."""
    for name in asked:
        if name in ("_", "__", "___") and len(shown) >= len(name):
            yield name, shown[-len(name)]
        elif name[:1] == "_" and name[1:].isdigit() and (found := [at for at in shown if numbers[at] == int(name[1:])]):
            yield name, found[-1]


def _typed(asked: Sequence[str], sources: Mapping[int, str], number: int) -> Iterator[tuple[str, str]]:
    """The names by which what was typed is asked for, with a literal of it."""
    for name in asked:
        if name in _INS:
            yield name, repr(["", *(sources.get(each, "") for each in range(1, number + 1))])
        elif name in ("_i", "_ii", "_iii"):
            yield name, repr(sources.get(number - len(name) + 1, ""))
        elif name.startswith("_i") and name[2:].isdigit():
            yield name, repr(sources.get(int(name[2:]), ""))


def _bound_before(cells: Sequence[NotebookCell]) -> list[Bound]:
    """For every cell the names that the cells before it bind."""
    found, bound = list[Bound](), Bound()
    for cell in cells:
        found.append(bound)
        if cell.kind == "code":
            bound = bound.after(cell.source)
    return found


def known_answers(tree: ast.Module, bound: Bound | None) -> Iterator[tuple[ast.Compare, bool]]:
    """The questions `'name' in globals()` at a cell's top level whose answer is known, each with the answer."""
    if bound is None:
        return
    for statement in tree.body:
        yield from _answers(statement, bound)
        bound = bound.after(ast.unparse(statement))


def _answers(node: ast.AST, bound: Bound) -> Iterator[tuple[ast.Compare, bool]]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
            return
        case ast.Compare(ast.Constant(str(name)), [ast.In() | ast.NotIn() as how], [asked]) if _is_namespace(asked):
            is_bound = bound.has(name)
            if is_bound is not None and name not in BUILTINS and name[:1] != "_" and name not in ("In", "Out"):
                yield node, is_bound == isinstance(how, ast.In)
            return
    for child in ast.iter_child_nodes(node):
        yield from _answers(child, bound)


def _is_namespace(node: ast.expr) -> bool:
    """Whether an expression is what the notebook's names can be looked up in: `globals()`, `dir()`."""
    match node:
        case ast.Call(ast.Attribute(inner, "keys"), [], []):
            return _is_namespace(inner)
        case ast.Call(ast.Name(), [], []):
            return dotted_call(node) in ("globals", "locals", "vars", "dir")
    return False
