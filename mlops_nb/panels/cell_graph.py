"""The graph of a notebook's cells: the sentence, the figure, the cells in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_nb.panels.blocks import Block, Line, Picture, Span, Table, Words, paged, without_empty
from mlops_nb.panels.lineage_figure import MOST_DRAWN, figure, given, state_words
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, listed, one_line
from mlops_nb.tracking.lineage import LineageEdge, LineageNode
from mlops_nb.tracking.notebook_graph import NotebookGraph

MOST_ROWS = 200


def cell_graph_panel(graph: NotebookGraph) -> Panel:
    """The graph drawn, and its cells, what is stale first."""
    return Panel(_blocks(graph))


def _blocks(graph: NotebookGraph) -> Iterator[Block]:
    yield Line(graph_words(graph), "sentence")
    if not graph.nodes:
        yield Line(("Write a cell, run it, then: ", Span("%mlops graph", "code")))
        return
    nodes, edges = drawn_part(graph)
    if len(nodes) > 1 and edges:
        words = f"{count(len(nodes), 'cell')} and what flows between them, from top to bottom"
        yield Picture(figure(nodes, edges, words), words)
        if hidden := _not_drawn(graph, nodes):
            yield Line(hidden, "small")
    yield from _table(graph)
    for note in graph.notes:
        if note.kind in ("never ran", "failed"):  # in the table
            continue
        yield Line(f"{note.text[:1].upper()}{one_line(note.text[1:], 200)}.", "small")
    if graph.barriers:
        yield Line(
            f"Not all can be known of {listed([_name(node) for node in graph.nodes if node.id in graph.barriers], 4)}: "
            "what stands before stays before, and all that comes after needs it.",
            "small",
        )
    if not graph.is_recorded:
        yield Line(("From the text and the numbers of the cells; what really ran is seen with ", _TRACK, "."), "small")


_TRACK = Span("%mlops track on", "code")


def graph_words(graph: NotebookGraph) -> str:
    """The one sentence: how many cells, and what of them is stale or never ran."""
    path = one_line(graph.path, 80) or "This notebook"
    ran = [node for node in graph.nodes if node.state != "never ran"]
    if not graph.nodes:
        return f"{path} has no cell of code."
    stale, idle = [node for node in graph.nodes if node.is_stale], len(graph.nodes) - len(ran)
    parts = [f"{path}: {count(len(ran), 'cell')}, {count(len(graph.edges), 'edge')}"]
    if idle:
        parts.append(f"{count(idle, 'cell')} never ran")
    if stale:
        one = stale[0].stale[0]
        by = "a cell" if one.execution_count is None else f"[{one.execution_count}]"
        verb = "is" if len(stale) == 1 else "are"
        why = f"{_name(stale[0])} used {one_line(one.name, 40)}, which {by} changed since"
        parts.append(f"{count(len(stale), 'cell')} {verb} stale: {why}")
    elif ran:
        parts.append("nothing is stale")
    return f"{'; '.join(parts)}."


def _name(node: LineageNode) -> str:
    return one_line(node.label, 40) if node.execution_count is None else f"[{node.execution_count}]"


def drawn_part(graph: NotebookGraph) -> tuple[list[LineageNode], list[LineageEdge]]:
    """The cells and edges that are drawn: imports apart, the last of many, and no edge that others imply."""
    edges = [edge for edge in graph.edges if not edge.is_import]
    ends = {end for edge in edges for end in (edge.source, edge.target)}
    linked = [node for node in graph.nodes if node.id in ends or node.is_stale]
    kept = [node for node in linked if node.is_stale][:MOST_DRAWN]
    kept += [node for node in reversed(linked) if node not in kept][: MOST_DRAWN - len(kept)]
    ids = {node.id for node in kept}
    return [node for node in graph.nodes if node.id in ids], _needed(
        [edge for edge in edges if edge.source in ids and edge.target in ids]
    )


def _needed(edges: Sequence[LineageEdge]) -> list[LineageEdge]:
    """The edges but those beside which a longer way leads from the one end to the other."""
    below: dict[str, set[str]] = {}
    for edge in edges:
        below.setdefault(edge.source, set()).add(edge.target)
    reached: dict[str, set[str]] = {}

    def all_below(node: str) -> set[str]:
        if node not in reached:
            reached[node] = set().union(*({each} | all_below(each) for each in below.get(node, ())))
        return reached[node]

    return [
        edge
        for edge in edges
        if not any(edge.target in all_below(each) for each in below[edge.source] if each != edge.target)
    ]


def _not_drawn(graph: NotebookGraph, nodes: Sequence[LineageNode]) -> str:
    hidden = len(graph.nodes) - len(nodes)
    if not hidden:
        return ""
    one = "It gives only imports, stands alone or is too far up; it is in the table."
    many = "They give only imports, stand alone or are too far up; they are in the table."
    return f"Not drawn: {count(hidden, 'cell')}. {one if hidden == 1 else many}"


def _table(graph: NotebookGraph) -> Iterator[Block]:
    order = {node.id: number for number, node in enumerate(graph.nodes)}
    cells = sorted(graph.nodes, key=lambda node: (not node.is_stale, not node.state, order[node.id]))
    numbers = {node.id: _name(node) for node in graph.nodes}
    rows: list[tuple[Words, ...]] = []
    for node in cells:
        needs = [numbers[edge.source] for edge in graph.edges if edge.target == node.id]
        gives = [one_line(name, 30) for name in given(node, graph.edges)]
        number = "" if node.execution_count is None else f"[{node.execution_count}]"
        state = state_words(node) or ("" if node.status in (None, "FINISHED") else str(node.status).lower())
        rows.append((one_line(node.label, 60), number, state, listed(needs, 4), listed(gives, 4)))
    cut = f"+{len(rows) - MOST_ROWS:,} more: mlops_nb.graph(NOTEBOOK).nodes" if len(rows) > MOST_ROWS else ""
    caption = "Cells, what is stale first, then as they ran"
    columns = ("cell", "ran as", "state", "needs", "gives")
    yield from paged(without_empty(Table(caption, columns, tuple(rows[:MOST_ROWS]), frozenset(), cut)))
