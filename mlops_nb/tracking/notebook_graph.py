"""The graph of a notebook's cells as they ran: which needs which, which are stale, which never ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlops_nb.notebook.cells import read_cell
from mlops_nb.notebook.flow.graph import CellGraph, graph_of
from mlops_nb.notebook.flow.history import History, HistoryNote, SavedCells, history, is_ours
from mlops_nb.notebook.records import NotebookCell
from mlops_nb.record import Record
from mlops_nb.tracking.executions import Execution
from mlops_nb.tracking.lineage import LineageEdge, LineageNode, NodeState, Stale, cell_heading, stale_inputs


@dataclass(frozen=True, slots=True)
class NotebookGraph(Record):
    """The cells of a notebook in the order that made its result, and what flows between them.

    Args:
        path: the notebook.
        nodes: its cells; those that never ran come last.
        edges: what flows from one to another.
        barriers: ids of the cells of which not all can be known: what they read and bind shows only when they run.
        notes: what is not as the notebook shows it.
        is_recorded: whether the executions are known, or only the text and the numbers beside the cells.
    """

    path: str
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]
    barriers: tuple[str, ...] = ()
    notes: tuple[HistoryNote, ...] = ()
    is_recorded: bool = False


def notebook_graph(path: str, saved: Sequence[NotebookCell], executions: Sequence[Execution] = ()) -> NotebookGraph:
    """The graph of a notebook.

    Args:
        path: as it should be named.
        saved: its cells as they are saved.
        executions: what ran in its last kernel, in order, where that was recorded.
    """
    ran = history(saved, executions)
    places = [at for at, cell in enumerate(ran.cells) if cell.kind == "code" and not is_ours(cell.source)]
    graph = graph_of([(ran.cells[at].source, ran.written[at]) for at in places])
    is_recorded = any(each is not None for each in ran.written)
    last = _last_executions(saved, executions) if is_recorded else {}
    stale = _stale_as_recorded(saved, executions, last) if is_recorded else _stale_by_counts(ran, places, graph)
    nodes = [_node(at, ran, saved, last.get(ran.positions[at]), stale.get(ran.positions[at], ())) for at in places]
    edges = tuple(
        LineageEdge(
            nodes[first].id, nodes[second].id, _plain(names), _is_import(ran.cells[places[first]].source, names)
        )
        for (first, second), names in sorted(graph.names.items())
    )
    missing = [_missing(note.cell, saved[note.cell]) for note in ran.notes if note.kind in ("never ran", "failed")]
    barriers = tuple(nodes[at].id for at in graph.barriers)
    return NotebookGraph(path, (*nodes, *missing), edges, barriers, ran.notes, is_recorded)


def _last_executions(saved: Sequence[NotebookCell], executions: Sequence[Execution]) -> dict[int, Execution]:
    """By a cell's place its last execution."""
    places = SavedCells(saved)
    found = ((places.place_of(one), one) for one in executions)
    return {place: one for place, one in found if place is not None}


def _stale_as_recorded(
    saved: Sequence[NotebookCell], executions: Sequence[Execution], last: Mapping[int, Execution]
) -> dict[int, tuple[Stale, ...]]:
    by_id = stale_inputs(executions, {executions[-1].notebook: saved})
    return {place: by_id.get(one.id, ()) for place, one in last.items()}


def _stale_by_counts(ran: History, places: Sequence[int], graph: CellGraph) -> dict[int, tuple[Stale, ...]]:
    """Cells above which one that they need has a higher number: it ran again after them."""
    standing = sorted((ran.positions[at], ran.cells[at]) for at in places)
    needs = graph_of([(cell.source, None) for _, cell in standing]).names
    found: dict[int, tuple[Stale, ...]] = {}
    for (first, second), names in sorted(needs.items()):
        (_, giver), (place, cell) = standing[first], standing[second]
        counts = giver.execution_count, cell.execution_count
        if None not in counts and counts[0] > counts[1] and not _is_import(giver.source, names):  # type: ignore[operator]
            one = Stale(", ".join(_plain(names)), 0, giver.execution_count, cell_heading(giver.source), at_run=False)
            found[place] = (*found.get(place, ()), one)
    return found


def _node(
    at: int, ran: History, saved: Sequence[NotebookCell], one: Execution | None, stale: tuple[Stale, ...]
) -> LineageNode:
    cell, place = ran.cells[at], ran.positions[at]
    state: NodeState = "deleted" if place < 0 else ""
    if place >= 0 and saved[place].source.strip() != cell.source.strip():
        state = "edited"
    return LineageNode(
        f"cell:{at}",
        "cell",
        cell_heading(cell.source),
        execution=one.id if one else None,
        execution_count=one.execution_count if one else cell.execution_count,
        cell_id=cell.id,
        started=one.started if one else None,
        duration=one.duration if one else None,
        status=one.status if one else None,
        source=cell.source,
        state=state,
        stale=stale,
    )


def _missing(place: int, cell: NotebookCell) -> LineageNode:
    return LineageNode(
        f"missing:{place}", "cell", cell_heading(cell.source), cell_id=cell.id, source=cell.source, state="never ran"
    )


def _plain(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.removeprefix("file:") for name in names)


def _is_import(source: str, names: Iterable[str]) -> bool:
    return set(names) <= set(read_cell(source).imports)
