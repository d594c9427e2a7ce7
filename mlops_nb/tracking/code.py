"""What two runs' code has different: the cells that led to each, statement by statement.

Statements are compared as Python means them: comments, blank lines, quotes and line breaks make no difference,
and neither does what only shows a value, sets a tag, or is a magic of IPython.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher, unified_diff
from functools import lru_cache
from typing import TYPE_CHECKING

from mlops_nb.notebook.cells import dotted_call, read_cell
from mlops_nb.notebook.ipython_syntax import cell_text, parsed
from mlops_nb.record import Record
from mlops_nb.tracking.runs import Run
from mlops_nb.tracking.values import Value, bounded_text

if TYPE_CHECKING:
    from mlops_nb.tracking.lineage import LineageGraph, LineageNode

_FIT = re.compile(r"\.(fit|fit_transform|fit_predict|set_params|seed)\s*\(")
"""Methods that change an object in place, to the same whatever it was before."""

OWN_CELL = "the run's cell"
"""What the cell that a run was made in is called."""

# fmt: off
_SHOWING = frozenset({
    "print", "display", "len", "round", "str", "repr", "format", "type", "sorted", "min", "max", "sum", "abs", "list",
    "head", "tail", "describe", "info", "value_counts", "isna", "mean", "to_string", "join", "nunique", "dtypes",
    "mlops_nb.set_tag", "mlops_nb.show", "mlops_nb.runs", "mlops_nb.compare", "mlops_nb.why", "mlops_nb.status",
})
# fmt: on
"""Calls that only show, or only label the run."""


@dataclass(frozen=True, slots=True)
class LedCell(Record):
    """A cell that led to a run, or, last in its chain, the one the run was made in.

    `inputs` maps each name it read to the place in the chain of the cell that the value came from.
    """

    source: str
    label: str = ""
    cell_id: str = ""
    inputs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedFile(Record):
    """A file that cells of a chain read, as it was then; `readers` are the places of those cells."""

    path: str
    size_bytes: int | None
    modified: float | None
    readers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin(Record):
    """A run and what led to it: the cells, its own last, the files, and the names that no recorded cell wrote."""

    run: Run
    cells: tuple[LedCell, ...]
    files: tuple[LedFile, ...] = ()
    unknown: tuple[str, ...] = ()


def without_history(run: Run) -> Origin:
    """A run of which nothing is known but its own cell."""
    return Origin(run, (LedCell(run.source, OWN_CELL, run.cell_id),))


def origin_of(run: Run, graph: LineageGraph) -> Origin:
    """A run and what led to it, from the graph of its lineage.

    A file that a cell of the chain wrote flows from that cell to its reader as a name does. A cell that gave nothing
    but what it imports, whatever else it computed, stands for its imports.
    """
    nodes = (*graph.cells, graph.target)
    places = {node.id: place for place, node in enumerate(nodes)}
    inputs: list[dict[str, int]] = [{} for _ in nodes]
    between = {node.id: node.label for node in graph.nodes if node.id not in places}
    makers = {edge.target: places[edge.source] for edge in graph.edges if edge.source in places}
    for edge in graph.edges:
        reader = places.get(edge.target)
        if reader is not None and edge.source in places:
            inputs[reader] |= dict.fromkeys(edge.names, places[edge.source])
        elif reader is not None and edge.source in makers:
            inputs[reader][between[edge.source]] = makers[edge.source]
    files = tuple(
        LedFile(node.label, node.size_bytes, node.modified, readers)
        for node in graph.files
        if node.id not in makers
        and (readers := tuple(places[edge.target] for edge in graph.edges if edge.source == node.id))
    )
    importing = _only_importing(graph)
    before = (
        LedCell(_imports(node.source), _label(node), node.cell_id)
        if node.id in importing and _does_no_more(node.source)
        else LedCell(node.source, _label(node), node.cell_id, inputs[place])
        for place, node in enumerate(nodes[:-1])
    )
    own = LedCell(run.source or graph.target.source, OWN_CELL, graph.target.cell_id, inputs[-1])
    return without_refits(Origin(run, (*before, own), files, graph.unknown))


def _only_importing(graph: LineageGraph) -> set[str]:
    """The cells of which the others took nothing but what they import."""
    giving = {edge.source for edge in graph.edges if not edge.is_import}
    return {edge.source for edge in graph.edges} - giving


def _does_no_more(source: str) -> bool:
    """Whether a cell only imports and binds names; a call by itself may set a seed or an option."""
    bound = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return all(each.depth > 0 or isinstance(each.node, bound) or _binds(each.node) for each in statements(source))


def _binds(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return bool(targets) and all(isinstance(each, ast.Name | ast.Tuple) for each in targets)


def _imports(source: str) -> str:
    """The imports of a cell, one a line."""
    found = (each for each in statements(source) if isinstance(each.node, ast.Import | ast.ImportFrom))
    return "\n".join(each.text for each in found if each.depth == 0)


def without_refits(origin: Origin) -> Origin:
    """The chain without cells that mattered only by a fit, of which a later cell's own fit leaves nothing."""
    cells = origin.cells
    inputs = [dict(cell.inputs) for cell in cells]
    for place, cell in enumerate(cells):
        for name in _only_fitted(cell.source) & set(inputs[place]):
            source = inputs[place][name]
            while name in _only_fitted(cells[source].source) and name in inputs[source]:
                source = inputs[source][name]
            inputs[place][name] = source
    kept = sorted(_reached(inputs, len(cells) - 1))
    if len(kept) == len(cells):
        return origin
    places = {old: new for new, old in enumerate(kept)}
    return replace(
        origin,
        cells=tuple(
            replace(cells[old], inputs={name: places[source] for name, source in inputs[old].items()}) for old in kept
        ),
        files=tuple(
            replace(file, readers=tuple(places[old] for old in file.readers if old in places))
            for file in origin.files
            if set(file.readers) & set(places)
        ),
    )


def _only_fitted(source: str) -> set[str]:
    """The names that a cell changes in place by nothing but a fit."""
    changed = set(read_cell(source).mutates)
    if not changed:
        return changed
    unfitted = read_cell(_FIT.sub(".without_effect(", source))
    return changed - {*unfitted.mutates, *unfitted.writes}


def _reached(inputs: Sequence[Mapping[str, int]], place: int) -> set[int]:
    found, waiting = set[int](), [place]
    while waiting:
        if (each := waiting.pop()) not in found:
            found.add(each)
            waiting += inputs[each].values()
    return found


def led_to(cells: Sequence[LedCell], place: int) -> set[int]:
    """A cell and the cells that its inputs came from, and theirs, by their places."""
    return _reached([cell.inputs for cell in cells], place)


def _label(node: LineageNode) -> str:
    number = "" if node.execution_count is None else f" [{node.execution_count}]"
    heading = bounded_text(node.label, 500)
    return f"cell{number} ({heading if len(heading) <= 40 else f'{heading[:39]}…'})"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as Python means it; of one with a body the first line only."""

    line: int
    depth: int
    text: str
    node: ast.AST


@dataclass(frozen=True, slots=True)
class ChangedLines(Record):
    """Statements that replaced others; `before_line` and `after_line` count in the cell from 1, 0 on an empty side."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    before_line: int = 0
    after_line: int = 0


@dataclass(frozen=True, slots=True)
class CellChange(Record):
    """A cell of one chain beside its like in the other: `left` and `right` are their places, None for a missing one.

    `diff` is the unified diff of the texts; `lines` are the statements that differ in what they mean, none when
    only the writing does.
    """

    label: str
    left: int | None
    right: int | None
    diff: str
    lines: tuple[ChangedLines, ...]


def cell_changes(left: Sequence[LedCell], right: Sequence[LedCell]) -> tuple[CellChange, ...]:
    """The cells whose text differs between two chains, in the order of the second; the run's own cell last."""
    found = []
    for one, other in matched_cells(left, right):
        before, after = ("" if one is None else left[one].source), ("" if other is None else right[other].source)
        if before != after:
            cell = right[other] if other is not None else left[one or 0]
            diff = "\n".join(unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=2))
            found.append(CellChange(cell.label, one, other, diff, changed_lines(before, after)))
    return tuple(found)


def matched_cells(left: Sequence[LedCell], right: Sequence[LedCell]) -> list[tuple[int | None, int | None]]:
    """Which cell of the one chain is which of the other.

    The runs' own cells are each other's; else those of the same meaning, then of the same id, then those that write
    a name in common; of several the nearest in the chain.
    """
    if not left or not right:
        return [(place, None) for place in range(len(left))] + [(None, place) for place in range(len(right))]
    lasts = (len(left) - 1, len(right) - 1)
    pairs = {lasts[1]: lasts[0]}
    rest = set(range(lasts[0]))
    for keys in _KEYS:
        by_key: dict[Hashable, list[int]] = {}
        for other in sorted(rest):
            for key in keys(left[other]):
                by_key.setdefault(key, []).append(other)
        for place in range(lasts[1]):
            if place in pairs:
                continue
            like = Counter(other for key in keys(right[place]) for other in by_key.get(key, ()) if other in rest)
            if like:
                pairs[place] = max(like, key=lambda other: (like[other], -abs(other - place)))
                rest.remove(pairs[place])
    gone: list[tuple[int | None, int | None]] = [(place, None) for place in sorted(rest)]
    return gone + [(pairs.get(place), place) for place in range(len(right))]


def _writes(cell: LedCell) -> tuple[str, ...]:
    return read_cell(cell.source).writes


def _id(cell: LedCell) -> tuple[str, ...]:
    return (cell.cell_id,) if cell.cell_id else ()


def meaning(cell: LedCell) -> tuple[tuple[int, str], ...]:
    """What a cell does, the same for two cells that only look different."""
    return tuple((one.depth, one.text) for one in statements(cell.source))


_KEYS: tuple[Callable[[LedCell], Iterable[Hashable]], ...] = (lambda cell: (meaning(cell),), _id, _writes)
"""By what cells are found to be each other's, the surest first."""


@lru_cache(maxsize=2048)
def statements(source: str) -> tuple[Statement, ...]:
    """The statements of a cell that could matter; the lines of one that is not Python."""
    text = cell_text(source)
    tree = parsed(text.python) if text.is_python else None
    try:
        if tree is not None:
            return tuple(_statements(tree.body, 0))
    except RecursionError:
        pass
    nothing = ast.Pass()
    lines = enumerate(source.splitlines(), 1)
    return tuple(Statement(number, 0, line.strip(), nothing) for number, line in lines if line.strip())


def _statements(body: Iterable[ast.AST], depth: int) -> Iterator[Statement]:
    for node in body:
        if depth == 0 and _only_shows(node):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        header, blocks = copy.copy(node), list[tuple[str, list[ast.AST]]]()
        for name in ("body", "handlers", "cases", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(header, name, [])
                blocks += [(name, block)] if block else []
        yield Statement(getattr(node, "lineno", 0), depth, _unparsed(header), header)
        for name, block in blocks:
            if name in ("orelse", "finalbody"):
                line = getattr(block[0], "lineno", 0)
                yield Statement(line, depth, "else:" if name == "orelse" else "finally:", ast.Pass())
            yield from _statements(block, depth + 1)


def _unparsed(node: ast.AST) -> str:
    if isinstance(node, ast.match_case):
        guard = f" if {ast.unparse(node.guard)}" if node.guard else ""
        return f"case {ast.unparse(node.pattern)}{guard}:"
    return ast.unparse(node).strip()


def _only_shows(node: ast.AST) -> bool:
    """Whether a statement is an expression that calls nothing but what shows."""
    if isinstance(node, ast.Pass):
        return True
    if not isinstance(node, ast.Expr):
        return False
    inner = list(ast.walk(node.value))
    if any(isinstance(each, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom) for each in inner):
        return False
    calls = [dotted_call(each) for each in inner if isinstance(each, ast.Call)]
    return all(name in _SHOWING or name.rpartition(".")[2] in _SHOWING for name in calls)


def changed_lines(before: str, after: str) -> tuple[ChangedLines, ...]:
    """The statements that differ in what they mean; one for one where as many replace as many."""
    old, new = statements(before), statements(after)
    matcher = SequenceMatcher(
        None, [(one.depth, one.text) for one in old], [(one.depth, one.text) for one in new], autojunk=False
    )
    return tuple(
        _lines(gone, come)
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
        for gone, come in _paired(old[a:b], new[c:d])
    )


def _paired(
    old: Sequence[Statement], new: Sequence[Statement]
) -> list[tuple[Sequence[Statement], Sequence[Statement]]]:
    if len(old) == len(new):
        return [([one], [other]) for one, other in zip(old, new, strict=True)]
    return [(old, new)]


def _lines(old: Sequence[Statement], new: Sequence[Statement]) -> ChangedLines:
    return ChangedLines(
        tuple(one.text for one in old),
        tuple(one.text for one in new),
        old[0].line if old else 0,
        new[0].line if new else 0,
    )


@dataclass(frozen=True, slots=True)
class KnownChange:
    """A recorded value that changed: its names (the last part of each), before and after.

    `perhaps` are names that are passed on without saying as what: such a one must have the very values.
    """

    names: frozenset[str]
    before: Value
    after: Value
    perhaps: frozenset[str] = frozenset()


def explaining(lines: ChangedLines, known: Sequence[KnownChange]) -> list[KnownChange] | None:
    """The known changes that are all that a changed line does; None where it does more."""
    if len(lines.before) != 1 or len(lines.after) != 1:
        return None
    old, new = (parsed(_whole(text)) for text in (lines.before[0], lines.after[0]))
    if old is None or new is None:
        return None
    used: list[KnownChange] = []
    return used if _Explained(known, used).nodes(old, new) else None


def _whole(text: str) -> str:
    """The first line of a statement with a body, with one."""
    return f"{text}\n    pass" if text.endswith(":") else text


class _Explained:
    """Walks two syntax trees side by side; whatever differs must be a known change."""

    def __init__(self, known: Sequence[KnownChange], used: list[KnownChange]) -> None:
        self.known, self.used = known, used

    def nodes(self, old: ast.AST, new: ast.AST, name: str | None = None) -> bool:
        """Whether all that differs is known.

        `name` is what the value is assigned to or passed as, empty for a positional argument, None elsewhere.
        """
        if ast.dump(old) == ast.dump(new):
            return True
        if self._is_known(_literal(old), _literal(new), name) or self._is_assigned(old, new):
            return True
        if type(old) is not type(new):
            return False
        match old, new:
            case ast.Call(), ast.Call():
                return self._calls(old, new)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=olds)), ast.Assign(
                value=ast.Tuple(elts=news)
            ) if len(targets) == len(olds) == len(news):
                return ast.dump(old.targets[0]) == ast.dump(new.targets[0]) and all(
                    self.nodes(a, b, _target(target)) for target, a, b in zip(targets, olds, news, strict=True)
                )
            case ast.Assign(targets=[target]), ast.Assign():
                name = _target(target)
            case ast.AnnAssign(target=target), ast.AnnAssign():
                name = _target(target)
            case ast.keyword(arg=arg), ast.keyword(arg=other) if arg == other:
                name = arg or ""
            case ast.Dict(), ast.Dict():
                return self._dicts(old, new)
        return all(
            self._values(getattr(old, each, None), getattr(new, each, None), name if each == "value" else None)
            for each in old._fields
        )

    def _values(self, old: object, new: object, name: str | None) -> bool:
        if isinstance(old, ast.AST) and isinstance(new, ast.AST):
            return self.nodes(old, new, name)
        if isinstance(old, list) and isinstance(new, list):
            return len(old) == len(new) and all(self._values(a, b, name) for a, b in zip(old, new, strict=True))
        return old == new

    def _calls(self, old: ast.Call, new: ast.Call) -> bool:
        """A call whose keywords may also come or go."""
        befores, afters = ({each.arg: each.value for each in call.keywords} for call in (old, new))
        keywords = all(
            self.nodes(befores[arg], afters[arg], arg or "")
            if arg in befores and arg in afters
            else self._is_known(_literal(befores.get(arg)), _literal(afters.get(arg)), arg or "", has_one_side=True)
            for arg in {*befores, *afters}
        )
        return keywords and self.nodes(old.func, new.func) and self._values(old.args, new.args, "")

    def _dicts(self, old: ast.Dict, new: ast.Dict) -> bool:
        keys = [_literal(key) for key in old.keys]
        if keys != [_literal(key) for key in new.keys]:
            return False
        return all(
            self.nodes(a, b, str(key[0]) if key else "") for key, a, b in zip(keys, old.values, new.values, strict=True)
        )

    def _is_known(
        self, old: tuple[object] | None, new: tuple[object] | None, name: str | None, *, has_one_side: bool = False
    ) -> bool:
        sides = (old is not None) + (new is not None)
        if sides < (1 if has_one_side else 2):
            return False
        for one in self.known:
            same = (old is None or _equal(old[0], one.before)) and (new is None or _equal(new[0], one.after))
            if same and (name == "" or name in one.names | one.perhaps):
                self.used.append(one)
                return True
        return False

    def _is_assigned(self, old: ast.AST, new: ast.AST) -> bool:
        """Whether both assign to a name that is known to have changed."""
        match old, new:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Assign(targets=[ast.Name(id=other)]) if name == other:
                found = [one for one in self.known if name in one.names]
                self.used += found
                return bool(found)
        return False


def _target(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return None


def _literal(node: ast.AST | None) -> tuple[object] | None:
    """The value of a literal, alone in a tuple; None for anything else."""
    if not isinstance(node, ast.expr):
        return None
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _equal(one: object, other: object) -> bool:
    if isinstance(one, tuple | set | frozenset):
        one = list(one)
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def imported_modules(cells: Iterable[LedCell]) -> frozenset[str]:
    """The modules that cells import, by the first part of their names; functions that import are looked into."""
    found = set[str]()
    for cell in cells:
        tree = parsed(cell_text(cell.source).python)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return frozenset(found)
