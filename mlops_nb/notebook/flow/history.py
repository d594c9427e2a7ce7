"""The cells that made a notebook's result, in the order in which they did.

What counts is what ran: cells out of order, run again, edited or deleted since. Of each cell the last execution that
came to its end is wanted, and of all others those that it needs. A cell that never ran made nothing; one that only ever
failed counts where others need what it did before.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from mlops_nb.notebook.cells import read_cell
from mlops_nb.notebook.flow.graph import CellGraph, graph_of
from mlops_nb.notebook.ipython_syntax import cell_tree
from mlops_nb.notebook.records import NotebookCell
from mlops_nb.record import Record
from mlops_nb.tracking.secrets.marks import is_redacted_from

if TYPE_CHECKING:
    from mlops_nb.tracking.executions import Execution

NoteKind = Literal["never ran", "failed", "fails", "edited", "deleted", "again", "order", "kept"]

_OURS = re.compile(r"\s*(?:%load_ext\s+mlops_nb|%mlops\b[^\n]*|#[^\n]*)?\s*")
_REPEATABLE = ("file:", "settings of ", "environment:", "package:", "working folder")


@dataclass(frozen=True, slots=True)
class HistoryNote(Record):
    """Something about how a notebook ran that its reader would not expect; `cell` counts from 0, -1: none there."""

    cell: int
    kind: NoteKind
    text: str


@dataclass(frozen=True, slots=True)
class History(Record):
    """The cells that made the result, in order, with the text that ran; prose stays above the cell it stood above.

    Where that order is the notebook's, every cell keeps its place and those that are left out are raw cells.

    Args:
        cells: the cells.
        positions: for each its place among the notebook's cells, from 0; -1 for one that is no longer there.
        notes: what was left out, or is not as the notebook shows it.
        written: for each what it was seen to write; None where nobody saw it run.
    """

    cells: tuple[NotebookCell, ...]
    positions: tuple[int, ...]
    notes: tuple[HistoryNote, ...] = ()
    written: tuple[tuple[str, ...] | None, ...] = ()


@dataclass(frozen=True, slots=True)
class _Event:
    """A cell that ran: where it stands in the notebook, -1 nowhere; `written` where it was seen."""

    position: int
    source: str
    count: int | None
    written: tuple[str, ...] | None
    key: str
    is_whole: bool = True


class SavedCells:
    """The code cells of a notebook as it is saved, found by id, else by text."""

    def __init__(self, cells: Sequence[NotebookCell]) -> None:
        code = [(place, cell) for place, cell in enumerate(cells) if cell.kind == "code"]
        self.by_id = {cell.id: (place, cell.source.strip()) for place, cell in code if cell.id}
        self.by_source = {cell.source.strip(): place for place, cell in reversed(code)}

    def place_of(self, one: Execution) -> int | None:
        """Where the cell of an execution stands; None where it is no longer there."""
        if one.cell_id in self.by_id:
            return self.by_id[one.cell_id][0]
        return self.by_source.get(one.source.strip())

    def state_of(self, one: Execution) -> Literal["", "edited", "deleted"]:
        """Whether the text that ran is still there."""
        text = one.source.strip()
        if one.cell_id in self.by_id:
            return "" if self.by_id[one.cell_id][1] == text else "edited"
        return "" if text in self.by_source else "deleted"


def history(saved: Sequence[NotebookCell], executions: Sequence[Execution] = ()) -> History:
    """The cells that made a notebook's result.

    Args:
        saved: the notebook's cells as they are saved.
        executions: what ran in its last kernel, in order, where that was recorded; else the counts that the notebook
            keeps beside its cells tell the order, and without any it is the notebook's own.
    """
    ran = _ran(saved, executions) if _are_of(saved, executions) else []
    if not any(cell.execution_count is not None for cell in saved) and not ran:
        return History(tuple(saved), tuple(range(len(saved))), written=(None,) * len(saved))
    events = _with_counts(saved, ran)
    if not ran and len(more := _with_earlier(events)) > len(events):
        events, ran = _with_unmarked(more, saved), more
    kept = _needed(events, saved) if ran else _without_failed(_plausible(events, saved))
    return _told(saved, kept, events)


def missing_numbers(saved: Sequence[NotebookCell]) -> tuple[int, ...]:
    """The numbers up to the highest beside a cell that no cell has: what ran then was run again or is gone.

    >>> missing_numbers([NotebookCell("code", "a = 1", execution_count=1), NotebookCell("code", "b", "", (), 4)])
    (2, 3)
    """
    counts = {cell.execution_count for cell in saved if cell.execution_count is not None}
    return tuple(number for number in range(1, max(counts, default=0)) if number not in counts)


def _are_of(saved: Sequence[NotebookCell], executions: Sequence[Execution]) -> bool:
    """Whether the notebook was saved while these ran: no cell has a count that it never had among them."""
    places = SavedCells(saved)
    counts: dict[int, set[int | None]] = {}
    for one in executions:
        place = places.place_of(one)
        if place is not None:
            counts.setdefault(place, set()).add(one.execution_count)
    return bool(counts) and all(
        saved[place].execution_count is None or saved[place].execution_count in known for place, known in counts.items()
    )


def _ran(saved: Sequence[NotebookCell], executions: Sequence[Execution]) -> list[_Event]:
    places = SavedCells(saved)
    found = []
    for one in executions:
        place = places.place_of(one)
        key = one.cell_id or f"\n{one.source.strip()}"
        source, is_whole = one.source, one.status == "FINISHED"
        if place is not None and is_redacted_from(source.strip(), saved[place].source.strip()):
            source = saved[place].source
        found.append(_Event(-1 if place is None else place, source, one.execution_count, one.writes, key, is_whole))
    return found


def _with_counts(saved: Sequence[NotebookCell], ran: Sequence[_Event]) -> list[_Event]:
    """The executions, and before, between or after them the cells that ran unseen, as their counts say."""
    known = {event.position for event in ran}
    unseen = [
        _Event(place, cell.source, cell.execution_count, None, _key(cell), not cell.raised)
        for place, cell in enumerate(saved)
        if cell.kind == "code" and cell.execution_count is not None and place not in known
    ]
    unseen.sort(key=lambda event: event.count or 0)
    found: list[_Event] = []
    for event in ran:
        while unseen and event.count is not None and (unseen[0].count or 0) < event.count:
            found.append(unseen.pop(0))
        found.append(event)
    return [*found, *unseen]


def _key(cell: NotebookCell) -> str:
    return cell.id or f"\n{cell.source.strip()}"


def _needed(events: Sequence[_Event], saved: Sequence[NotebookCell]) -> list[_Event]:
    """The last whole execution of each cell of the notebook, and what these need."""
    ended = {event.position for event in events if event.is_whole}
    newest = {event.position: event for event in events}
    whole = [
        event
        for event in events
        if event.is_whole
        or (event is newest[event.position] and event.position not in ended and _is_as_saved(event, saved))
    ]
    graph = graph_of([(event.source, event.written) for event in whole])
    last = {event.position: at for at, event in enumerate(whole) if event.position >= 0 and event.is_whole}
    wanted = [at for at in graph.behind(*last.values()) if not is_ours(whole[at].source)]
    return [whole[at] for at in _without_repetitions(wanted, set(last.values()), whole, graph)]


def _is_as_saved(event: _Event, saved: Sequence[NotebookCell]) -> bool:
    """Whether the notebook shows this execution, and the error that ended it."""
    if event.position < 0:
        return False
    cell = saved[event.position]
    return bool(cell.raised) and cell.execution_count == event.count and cell.source.strip() == event.source.strip()


def _without_failed(events: list[_Event]) -> list[_Event]:
    """The cells that came to their end, and of those that failed the ones that these need."""
    if all(event.is_whole for event in events):
        return events
    graph = graph_of([(event.source, event.written) for event in events])
    needed = set(graph.behind(*(at for at, event in enumerate(events) if event.is_whole)))
    return [event for at, event in enumerate(events) if at in needed]


def _without_repetitions(
    wanted: Sequence[int], last: set[int], events: Sequence[_Event], graph: CellGraph
) -> list[int]:
    """The executions but those that the same cell's next one only did again."""
    kept = list(wanted)
    readers: dict[int, set[int]] = {}
    for first, second in graph.edges:
        readers.setdefault(first, set()).add(second)
    for at in wanted:
        again = next((each for each in kept if each > at and events[each].source == events[at].source), None)
        if again is None or events[again].key != events[at].key or not _repeats(at, again, events[at].source, graph):
            continue
        between = {each for each in kept if at < each < again}
        if not between & readers.get(at, set()):
            kept.remove(at)
        elif _has_same_inputs(at, again, graph) and not _is_changed_between(at, again, between, graph):
            kept.remove(again)
    return kept


def _has_same_inputs(first: int, second: int, graph: CellGraph) -> bool:
    inputs = [
        {source for source, target in graph.edges if target == each and source != first} for each in (first, second)
    ]
    return inputs[0] == inputs[1]


def _is_changed_between(first: int, second: int, between: Iterable[int], graph: CellGraph) -> bool:
    return any(set(graph.writes[each]) & set(graph.writes[second]) for each in between if each != first)


def _repeats(first: int, second: int, source: str, graph: CellGraph) -> bool:
    """Whether running the text again after itself gives the same."""
    flowing = {name for name in graph.names.get((first, second), ()) if not name.startswith(_REPEATABLE)}
    hidden = flowing - _loaded(cell_tree(source) or ast.Module([], []))  # what only functions that it calls name
    return not flowing or not (hidden or flowing & _fed_back(source))


def _fed_back(source: str) -> set[str]:
    """The names whose objects a text changes so that a second time makes a difference, as far as can be told.

    >>> sorted(_fed_back("df['b'] = df['a'] * 2\\nmodel.fit(df)")), sorted(_fed_back("df['a'] = df['a'] * 2\\nx += 1"))
    ([], ['df', 'x'])
    """
    tree = cell_tree(source)
    found = set[str]()
    for statement in tree.body if tree is not None else ():
        names = read_cell(ast.unparse(statement))
        changed = {*names.mutates, *(name for name in names.writes if name in names.reads), *names.reads}
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.ClassDef():
                continue
            case ast.Assign([ast.Name(name)], value) if name not in _loaded(value):
                found |= {*names.mutates}
            case ast.Assign([ast.Subscript(ast.Name(name), ast.Constant(key))], value) if _reads_other(
                value, name, key
            ):
                continue
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(), "fit"))):
                continue
            case ast.Assign([ast.Name()], ast.Call(ast.Attribute(attr="fit" | "fit_transform"))):
                continue
            case ast.Expr(ast.Call(ast.Name("print" | "display"))):
                continue
            case _:
                found |= changed
    return found


def _loaded(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _reads_other(value: ast.expr, name: str, key: object) -> bool:
    """Whether a value comes from other columns of `name` than `key` alone."""
    columns = set[int]()
    for node in ast.walk(value):
        match node:
            case ast.Subscript(ast.Name(id=base) as inner, ast.Constant(other)) if base == name and other != key:
                columns.add(id(inner))
            case ast.Attribute(ast.Name(id=base) as inner, attr) if base == name and attr != key:
                columns.add(id(inner))
    return all(id(node) in columns for node in ast.walk(value) if isinstance(node, ast.Name) and node.id == name)


def _with_earlier(events: Sequence[_Event]) -> list[_Event]:
    """With an earlier execution of cells that ran again after cells that need them, where a number is missing for it.

    Of a cell only its last number is saved: where the numbers are 1, 9, 3 and the third cell needs what only the second
    binds, the second ran as 2 before.
    """
    standing = sorted(events, key=lambda event: event.position)
    graph = graph_of([(event.source, None) for event in standing])
    first_bound: dict[str, int] = {}
    for event, writes in zip(standing, graph.writes, strict=True):
        for name in writes:
            first_bound[name] = min(first_bound.get(name, event.count or 0), event.count or 0)
    missing = set(range(1, max((event.count or 0 for event in events), default=0))) - {event.count for event in events}
    before: dict[int, int] = {}
    for (first, second), what in graph.names.items():
        given, taken = standing[first].count or 0, standing[second].count or 0
        binds = {*read_cell(standing[first].source).writes}
        unbound = {name for name in what if name in binds or first_bound.get(name, taken) >= taken}
        if given > taken and not unbound <= set(read_cell(standing[first].source).imports):
            before[first] = min(before.get(first, taken), taken)
    found = list(events)
    for first, taken in sorted(before.items(), reverse=True):
        free = [number for number in missing if number < taken]
        if free:
            missing.discard(max(free))
            found.append(replace(standing[first], count=max(free)))
    return sorted(found, key=lambda event: event.count or 0)


def _plausible(events: list[_Event], saved: Sequence[NotebookCell]) -> list[_Event]:
    """The order that the counts tell, unless it leaves more names unbound than the notebook's own does."""
    standing = sorted(events, key=lambda event: event.position)
    events = _with_unmarked(events, saved)
    if _unbound(events) > _unbound(standing):
        return _with_unmarked(standing, saved)
    return events


def _with_unmarked(events: Sequence[_Event], saved: Sequence[NotebookCell]) -> list[_Event]:
    """With cells that have no count though cells that have one need them: they did run."""
    found = list(events)
    there = {event.position for event in events}
    for place, cell in enumerate(saved):
        if cell.kind != "code" or place in there or is_ours(cell.source):
            continue
        event = _Event(place, cell.source, None, None, cell.id, not cell.raised)
        at = next((at for at, each in enumerate(found) if each.position > place), len(found))
        tried = [*found[:at], event, *found[at:]]
        if _unbound(tried) < _unbound(found):
            found = tried
    return found


def _unbound(events: Sequence[_Event]) -> int:
    """How many names are read that no cell before binds."""
    graph = graph_of([(event.source, event.written) for event in events])
    given: dict[int, set[str]] = {}
    for (_, target), names in graph.names.items():
        given.setdefault(target, set()).update(names)
    return sum(len(set(reads) - given.get(at, set())) for at, reads in enumerate(graph.reads))


def is_ours(source: str) -> bool:
    """Whether a cell only loads us, gives one of our commands, or says nothing."""
    return all(_OURS.fullmatch(line) for line in source.splitlines()) and not source.lstrip().startswith("%%")


def _told(saved: Sequence[NotebookCell], kept: Sequence[_Event], events: Sequence[_Event]) -> History:
    """The cells with their prose, and the notes."""
    notes = tuple(_notes(saved, kept, events))
    by_place = {event.position: event for event in kept}
    if len(by_place) == len(kept) and [*by_place] == sorted(by_place) and -1 not in by_place:
        cells = [_as_it_ran(cell, by_place.get(place)) for place, cell in enumerate(saved)]
        seen = (by_place.get(place) for place in range(len(saved)))
        written = tuple(event.written if event is not None else None for event in seen)
        return History(tuple(cells), tuple(range(len(saved))), notes, written)
    return _in_another_order(saved, kept, notes)


def _in_another_order(saved: Sequence[NotebookCell], kept: Sequence[_Event], notes: tuple[HistoryNote, ...]) -> History:
    """The cells as they ran, each with the prose above it where it stands first."""
    prose, shown = _prose(saved), set[int]()
    rows: list[tuple[NotebookCell, int, tuple[str, ...] | None]] = []
    for event in kept:
        place = event.position
        rows += [(saved[above], above, None) for above in prose.get(place, ()) if place not in shown]
        shown.add(place)
        cell = _as_it_ran(saved[place], event) if place >= 0 else NotebookCell("code", event.source)
        rows.append((cell, place, event.written))
    rows += [(saved[above], above, None) for above in prose.get(len(saved), ())]
    cells, positions, written = zip(*rows, strict=True) if rows else ((), (), ())
    return History(cells, positions, notes, written)


def _as_it_ran(cell: NotebookCell, event: _Event | None) -> NotebookCell:
    """The cell with the text that ran; one that did not run is a raw cell, so that all others keep their places."""
    if event is None:
        return cell if cell.kind != "code" or is_ours(cell.source) else replace(cell, kind="raw")
    return replace(cell, source=event.source, raised="" if event.is_whole else cell.raised)


def _prose(saved: Sequence[NotebookCell]) -> dict[int, list[int]]:
    """By code cell the cells of prose above it, up to the code cell before."""
    found: dict[int, list[int]] = {}
    waiting: list[int] = []
    for place, cell in enumerate(saved):
        if cell.kind == "code":
            found[place], waiting = waiting, []
        else:
            waiting.append(place)
    found[len(saved)] = waiting
    return found


def _notes(saved: Sequence[NotebookCell], kept: Sequence[_Event], events: Sequence[_Event]) -> Iterable[HistoryNote]:
    ran = {event.position for event in events}
    there = {event.position for event in kept}
    for place, cell in enumerate(saved):
        if cell.kind != "code" or place in there or not cell.source.strip() or is_ours(cell.source):
            continue
        if place not in ran:
            yield HistoryNote(place, "never ran", f"cell {place + 1} never ran and is left out")
        else:
            how = f"ended with {cell.raised}" if cell.raised else "never came to its end"
            yield HistoryNote(place, "failed", f"cell {place + 1} {how} and is left out")
    yield from _notes_of_kept(saved, kept)
    order = list(dict.fromkeys(event.position for event in kept if event.position >= 0))
    if order != sorted(order):
        cells = ", ".join(str(place + 1) for place in order[:40])
        yield HistoryNote(-1, "order", f"the cells stand in the order in which they made the result: {cells}")


def _notes_of_kept(saved: Sequence[NotebookCell], kept: Sequence[_Event]) -> Iterable[HistoryNote]:
    times: dict[int, list[_Event]] = {}
    for event in kept:
        times.setdefault(event.position, []).append(event)
        if event.position < 0:
            first = next((line for line in event.source.splitlines() if line.strip()), "")
            yield HistoryNote(
                -1, "deleted", f"a cell that is no longer in the notebook is needed: {first.strip()[:80]}"
            )
        elif event.count is None and event.written is None:
            yield HistoryNote(event.position, "kept", f"cell {event.position + 1} has no number, but others need it")
    for place, found in times.items():
        if place < 0:
            continue
        if not all(event.is_whole for event in found):
            text = f"cell {place + 1} ended with {saved[place].raised}, and others need what it did before that"
            yield HistoryNote(place, "fails", text)
        if len(found) > 1:
            text = f"cell {place + 1} ran {len(found)} times, and each left its mark: it is there as often"
            yield HistoryNote(place, "again", text)
        if any(event.source.strip() != saved[place].source.strip() for event in found):
            text = f"cell {place + 1} was edited after it ran: the text that made the result is taken"
            yield HistoryNote(place, "edited", text)
