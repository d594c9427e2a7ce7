"""What led to a run: the sentence, the figure, the cells and files in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_nb.panels.blocks import Block, Line, Picture, Pre, Span, Table, Words, paged, without_empty
from mlops_nb.panels.lineage_figure import drawn_part, given, lineage_svg, state_words
from mlops_nb.panels.theme import Panel, minute_span
from mlops_nb.panels.wording import count, listed, one_line, size
from mlops_nb.tracking.lineage import LineageEdge, LineageGraph, LineageNode, Stale, mermaid

MOST_ROWS = 200


def lineage_panel(graph: LineageGraph) -> Panel:
    """The graph drawn, and its cells and files, what is stale first."""
    return Panel(_blocks(graph))


def mermaid_panel(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge]) -> Panel:
    """The graph as a Mermaid flowchart, to be copied."""
    return _Text(mermaid(nodes, edges))


class _Text(Panel):
    """A text to be copied: as it is in a terminal, whatever its width."""

    def __init__(self, text: str) -> None:
        super().__init__([Pre("", text)])
        self._text = text

    def text(self) -> str:
        """The text."""
        return self._text


def _blocks(graph: LineageGraph) -> Iterator[Block]:
    yield Line(lineage_words(graph), "sentence")
    for words in _advice(graph):
        yield Line(words)
    svg, words = lineage_svg(graph)
    if svg:
        yield Picture(svg, words)
        if hidden := _not_drawn(graph):
            yield Line(hidden, "small")
    yield from _tables(graph)
    if graph.unknown:
        names = listed([one_line(name, 40) for name in graph.unknown], 6)
        yield Line(f"Read, and written by no recorded cell: {names}.", "small")


def lineage_words(graph: LineageGraph) -> str:
    """The one sentence: from how much the run came, and what of it is stale."""
    name = f"{one_line(graph.name, 60)} (run {graph.run})"
    name = f"{one_line(graph.model, 80)}, made by {name}," if graph.model else name
    if graph.target.execution is None:
        return f"{name} was made where no cell was recorded, so what led to it is not known."
    parts = [
        count(len(found), *nouns)
        for found, *nouns in (
            (graph.cells, "cell"),
            ([node for node in graph.files if "://" not in node.label], "file"),
            ([node for node in graph.files if "://" in node.label], "address", "addresses"),
        )
        if found
    ]
    began = f"{name} came from {listed(parts)}" if parts else f"{name} came from its own cell alone"
    stale = [node for node in graph.nodes if node.is_stale]
    since = listed([f"{one_line(node.label, 60)} {_SINCE[node.state]}" for node in graph.files if node.state], 2)
    if not stale:
        return f"{began}; nothing is stale{since and f', but {since}'}."
    verb = "is" if len(stale) == 1 else "are"
    words = f"{count(len(stale), 'cell')} {verb} stale: {_stale_words(_worst(stale), graph)}"
    return f"{began}; {words}{since and f'; {since}'}."


_SINCE = {"changed": "changed since", "gone": "is gone", "edited": "was edited", "deleted": "was deleted"}
"""What became of a file since the run."""


def _worst(stale: Sequence[LineageNode]) -> LineageNode:
    """The first that was stale when the run was made, or else the first."""
    return next((node for node in stale if node.stale[0].at_run), stale[0])


def _stale_words(node: LineageNode, graph: LineageGraph) -> str:
    one = node.stale[0]
    who = "the run itself" if node is graph.target else _number(node.execution_count) or one_line(node.label, 40)
    by = _number(one.execution_count) or one_line(one.label, 40)
    when = "before the run was made" if one.at_run else "since"
    return f"{who} used {one_line(one.name, 40)}, which {by} changed {when}"


def _number(execution_count: int | None) -> str:
    return "" if execution_count is None else f"[{execution_count}]"


def _advice(graph: LineageGraph) -> Iterator[Words]:
    """What to do next."""
    stale = [node for node in graph.nodes if node.is_stale]
    if graph.target.execution is None:
        yield "Runs made in a cell know the cells before it: ", Span("%load_ext mlops_nb", "code")
    elif any(one.at_run for node in stale for one in node.stale):
        yield "The run was made from what was out of date: run the stale cells again, then its own."
    elif stale:
        yield "The run stands as it was made; run again, it would be made from something else."


def _not_drawn(graph: LineageGraph) -> str:
    drawn = {node.id for node in drawn_part(graph)[0]}
    hidden = [node for node in graph.nodes if node.id not in drawn]
    imports = [node for node in hidden if _only_imports(node, graph)]
    parts = [
        words
        for number, words in (
            (
                len(imports),
                f"{count(len(imports), 'cell')} that only {'gives' if len(imports) == 1 else 'give'} imports",
            ),
            (len(hidden) - len(imports), f"{count(len(hidden) - len(imports), 'box', 'boxes')} farther from the run"),
        )
        if number
    ]
    return f"Not drawn: {listed(parts)}; {'it is' if len(hidden) == 1 else 'they are'} in the table." if parts else ""


def _only_imports(node: LineageNode, graph: LineageGraph) -> bool:
    return all(edge.is_import for edge in graph.edges if edge.source == node.id)


def _tables(graph: LineageGraph) -> Iterator[Block]:
    order = {node.id: number for number, node in enumerate(graph.nodes)}

    def first_what_is_wrong(node: LineageNode) -> tuple[bool, bool, int]:
        return not node.is_stale, not node.state, -order[node.id]

    cells = sorted((node for node in graph.nodes if node.execution is not None), key=first_what_is_wrong)
    if cells:
        columns: tuple[str, ...] = ("cell", "ran as", "state", "gives", "when (UTC)")
        rows = [_cell_row(node, graph) for node in cells]
        yield from _paged("Cells, what is stale first, then the nearest to the run", columns, rows, graph)
    if graph.files:
        files = sorted(graph.files, key=first_what_is_wrong)
        columns = ("file", "state", "size", "changed (UTC)", "read by")
        yield from _paged(
            "Files and addresses read", columns, [_file_row(node, graph) for node in files], graph, frozenset({2})
        )
    parameters = [node for node in graph.nodes if node.kind == "parameter"]
    if parameters:
        rows = [(one_line(node.label, 60), one_line(repr(node.value), 80)) for node in parameters]
        yield from _paged("Parameters set in a cell above", ("parameter", "value"), rows, graph)


def _paged(
    caption: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[Words, ...]],
    graph: LineageGraph,
    right: frozenset[int] = frozenset(),
) -> Iterator[Block]:
    cut = f"+{len(rows) - MOST_ROWS:,} more: mlops_nb.lineage({graph.run}).nodes" if len(rows) > MOST_ROWS else ""
    yield from paged(without_empty(Table(caption, columns, tuple(rows[:MOST_ROWS]), right, cut)))


def _cell_row(node: LineageNode, graph: LineageGraph) -> tuple[Words, ...]:
    names = given(node, graph.edges)
    run = f" (run {node.run})" if node.run is not None and node.kind == "run" else ""
    state: Words = state_words(node)
    if node.stale:
        state = Span(str(state), hover="; ".join(_because(one) for one in node.stale[:5]))
    return (
        f"{one_line(node.label, 60)}{run}",
        _number(node.execution_count),
        state or ("" if node.status in (None, "FINISHED") else str(node.status).lower()),
        listed([one_line(name, 30) for name in names], 4),
        "" if node.started is None else minute_span(node.started),
    )


def _because(one: Stale) -> str:
    by = _number(one.execution_count) or one_line(one.label, 40)
    return f"{one_line(one.name, 40)} was changed by {by}{' before the run' if one.at_run else ''}"


def _file_row(node: LineageNode, graph: LineageGraph) -> tuple[Words, ...]:
    by_id = {each.id: each for each in graph.nodes}
    readers = [by_id[edge.target] for edge in graph.edges if edge.source == node.id]
    many = f" ({node.count:,} files)" if node.count > 1 else ""
    return (
        f"{one_line(node.label, 80)}{many}",
        state_words(node),
        "" if node.size_bytes is None else size(node.size_bytes),
        "" if node.modified is None else minute_span(node.modified),
        listed([_number(each.execution_count) or one_line(each.label, 30) for each in readers], 4),
    )
