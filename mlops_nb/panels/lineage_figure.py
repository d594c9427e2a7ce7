"""Lineage as layered boxes: what came first stands above, the run at the bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

from mlops_nb.panels.theme import GREY, ORANGE, VERMILLION
from mlops_nb.panels.wording import columns_wide, listed, one_line, setting
from mlops_nb.tracking.lineage import LineageEdge, LineageGraph, LineageNode

MOST_DRAWN = 40
"""Boxes in a figure: those nearest to the run, and what is stale; more cannot be read."""

BOX, HEIGHT, LANE = 180, 42, 14
"""Width and height of a box, and width of the way of an edge past the boxes of a row."""

ACROSS, DOWN = 12, 34
"""Space between the boxes of a row, and between rows."""

READABLE = 420
"""A figure is never drawn narrower, unless it is; where there is less room it is moved sideways."""

IN_A_ROW = 3
LETTERS = 26
"""Letters of a label that fit into a box."""

SWEEPS = 6
"""How often the rows are put in order, down and up in turn."""


@dataclass(slots=True)
class _Item:
    """A box, or with `node` None the way of an edge through a row."""

    id: str
    node: LineageNode | None = None
    x: float = 0.0
    above: list[_Item] = field(default_factory=list)
    below: list[_Item] = field(default_factory=list)

    @property
    def width(self) -> int:
        return LANE if self.node is None else BOX

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


class State(NamedTuple):
    """What became of a box: its second line, the colour of its frame, and the run that a click opens, if any."""

    words: str
    colour: str
    run: int | None = None


def lineage_svg(graph: LineageGraph) -> tuple[str, str]:
    """The figure, and the sentence that says what it shows; empty where the run came from nothing that is drawn."""
    nodes, edges = drawn_part(graph)
    if len(nodes) < 2:
        return "", ""
    words = (
        f"{len(nodes)} boxes, from {listed([_label(node) for node in _first_row(nodes, edges)], 3)} at the top "
        f"to {_label(graph.target)} at the bottom"
    )
    return figure(nodes, edges, words, graph.target), words


def _first_row(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge]) -> list[LineageNode]:
    return [item.node for item in _rows(nodes, edges)[0] if item.node]


def figure(
    nodes: Sequence[LineageNode],
    edges: Sequence[LineageEdge],
    words: str,
    target: LineageNode | None = None,
    states: Mapping[str, State] | None = None,
) -> str:
    """Boxes in rows, each below all that it came from; `target` stands out.

    Args:
        nodes: the boxes, in an order in which edges go forward.
        edges: between them.
        words: what the figure shows.
        target: the box that it is about, if it is about one.
        states: by the id of a box, what became of it.
    """
    rows = _rows(nodes, edges)
    width = max(sum(item.width for item in row) + ACROSS * (len(row) - 1) for row in rows) + 8
    _place(rows, width)
    height = len(rows) * HEIGHT + (len(rows) - 1) * DOWN + 8
    tops = {item.id: 4 + number * (HEIGHT + DOWN) for number, row in enumerate(rows) for item in row}
    names = {(edge.source, edge.target): edge.names for edge in edges}
    ways = "".join(_way(item, below, tops, names) for row in rows for item in row for below in item.below)
    boxes = "".join(
        _box(item, tops[item.id], target, edges, (states or {}).get(item.id)) for row in rows for item in row
    )
    room = f"max-width:{width:g}px;min-width:{min(width, READABLE):g}px"
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" style="{room}" '
        'xmlns="http://www.w3.org/2000/svg" role="img" font-size="11" font-family="system-ui,sans-serif">'
        f"<title>{escape(words)}</title>{ways}{boxes}</svg>"
    )


def drawn_part(graph: LineageGraph) -> tuple[list[LineageNode], list[LineageEdge]]:
    """The nodes and edges that are drawn: imports apart, and of many the nearest to the run and the stale ones."""
    edges = [edge for edge in graph.edges if not edge.is_import]
    distance = {graph.target.id: 0}
    waiting = [graph.target.id]
    into: dict[str, list[str]] = {}
    for edge in edges:
        into.setdefault(edge.target, []).append(edge.source)
    for target in waiting:
        for source in into.get(target, ()):
            if source not in distance:
                distance[source] = distance[target] + 1
                waiting.append(source)
    order = {node.id: number for number, node in enumerate(graph.nodes)}
    reached = [node for node in graph.nodes if node.id in distance]
    reached.sort(key=lambda node: (node is not graph.target, not node.is_stale, distance[node.id], -order[node.id]))
    kept = {node.id for node in reached[:MOST_DRAWN]}
    return (
        [node for node in graph.nodes if node.id in kept],
        [edge for edge in edges if edge.source in kept and edge.target in kept],
    )


def _rows(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge]) -> list[list[_Item]]:
    """The boxes in rows, each below everything it came from, and ways for the edges that pass a row."""
    layers = _layers(nodes, edges)
    items = {node.id: _Item(node.id, node) for node in nodes}
    rows: list[list[_Item]] = []
    for layer in sorted(set(layers.values()), reverse=True):
        row = [items[node.id] for node in nodes if layers[node.id] == layer]
        rows += [row[start : start + IN_A_ROW] for start in range(0, len(row), IN_A_ROW)]
    where = {item.id: number for number, row in enumerate(rows) for item in row}
    for edge in edges:
        _join(items[edge.source], items[edge.target], rows, where, items)
    for sweep in range(SWEEPS):
        for number in range(1, len(rows)) if sweep % 2 == 0 else range(len(rows) - 2, -1, -1):
            _order(rows, number, is_down=sweep % 2 == 0)
    return rows


def _layers(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge]) -> dict[str, int]:
    """How many edges lie between a node and the run, at most; the nodes come in an order in which edges go forward."""
    after: dict[str, list[str]] = {}
    for edge in edges:
        after.setdefault(edge.source, []).append(edge.target)
    layers: dict[str, int] = {}

    def layer(node: str) -> int:
        if node not in layers:
            layers[node] = 1 + max((layer(target) for target in after.get(node, ())), default=-1)
        return layers[node]

    for each in reversed(nodes):
        layer(each.id)
    return layers


def _join(
    source: _Item, target: _Item, rows: list[list[_Item]], where: Mapping[str, int], items: dict[str, _Item]
) -> None:
    """Lead an edge from row to row; those of one source share their way."""
    last = source
    for number in range(where[source.id] + 1, where[target.id]):
        name = f"{source.id} {number}"
        if name not in items:
            items[name] = _Item(name)
            rows[number].append(items[name])
            last.below.append(items[name])
            items[name].above.append(last)
        last = items[name]
    last.below.append(target)
    target.above.append(last)


def _order(rows: list[list[_Item]], number: int, *, is_down: bool) -> None:
    """Put a row in the order of the means of where its neighbours stand in the row before."""
    before = rows[number - 1 if is_down else number + 1]
    places = {item.id: (place + 0.5) / len(before) for place, item in enumerate(before)}
    own = {item.id: (place + 0.5) / len(rows[number]) for place, item in enumerate(rows[number])}

    def mean(item: _Item) -> float:
        known = [places[each.id] for each in (item.above if is_down else item.below) if each.id in places]
        return sum(known) / len(known) if known else own[item.id]

    rows[number].sort(key=mean)


def _place(rows: Sequence[Sequence[_Item]], width: float) -> None:
    for row in rows:
        x = (width - sum(item.width for item in row) - ACROSS * (len(row) - 1)) / 2
        for item in row:
            item.x = x
            x += item.width + ACROSS
    for row in rows:
        for item in row:
            item.above.sort(key=lambda each: each.middle)


def _way(item: _Item, below: _Item, tops: Mapping[str, float], names: Mapping[tuple[str, str], tuple[str, ...]]) -> str:
    """A curve from the bottom of one item to the top of the next, straight through a way."""
    x, y = item.middle, tops[item.id] + HEIGHT
    ports = len(below.above)
    share = (below.above.index(item) + 1) / (ports + 1)
    to_x = below.middle if below.node is None or ports == 1 else below.x + below.width * share
    to_y = tops[below.id]
    end = f"V{to_y + HEIGHT:g}" if below.node is None else ""
    source = item.id.split(" ")[0] if item.node is None else item.id
    said = ", ".join(one_line(name, 40) for name in names.get((source, below.id), ())[:8])
    title = f"<title>{escape(said)}</title>" if said else ""
    curve = f"M{x:g} {y:g}C{x:g} {y + DOWN / 2:g} {to_x:g} {to_y - DOWN / 2:g} {to_x:g} {to_y:g}{end}"
    head = "" if below.node is None else f'<path d="M{to_x - 4:g} {to_y - 7:g}h8l-4 7z" fill="{GREY}"/>'
    return f'<path d="{curve}" fill="none" stroke="{GREY}" stroke-width="1.25">{title}</path>{head}'


def _label(node: LineageNode) -> str:
    """What a node is called where there is little room."""
    number = f"[{node.execution_count}] " if node.kind == "cell" and node.execution_count is not None else ""
    value = f" = {setting(node.value, 20)}" if node.kind == "parameter" else ""
    run = f" (run {node.run})" if node.kind == "run" else ""
    return f"{number}{one_line(node.label, 60)}{value}{run}"


def state_words(node: LineageNode) -> str:
    """Shape and word for what is wrong with a node; empty when nothing is."""
    words = {
        "edited": "✎\u00a0edited\u00a0since",
        "deleted": "✕\u00a0deleted\u00a0since",
        "changed": "✎\u00a0changed\u00a0since",
        "gone": "✕\u00a0gone",
        "never ran": "○\u00a0never\u00a0ran",
    }
    return ", ".join(filter(None, ("⚠\u00a0stale" if node.is_stale else "", words.get(node.state, ""))))


def _box(
    item: _Item,
    top: float,
    target: LineageNode | None,
    edges: Sequence[LineageEdge],
    state: State | None = None,
) -> str:
    node = item.node
    if node is None:
        return ""
    is_target = node is target
    stroke = state.colour if state else VERMILLION if node.is_stale else "currentColor"
    dashes = ' stroke-dasharray="5 3"' if node.is_stale else ""
    fill, opacity, line = (ORANGE, 0.25, 2.5) if is_target else (GREY, 0.1, 1.75 if node.is_stale or state else 1)
    look = f'fill="{fill}" fill-opacity="{opacity}" stroke="{stroke}" stroke-width="{line}"{dashes}'
    first, second = _fitted(_label(node), node), _fitted(state.words if state else _second_line(node, edges), node)
    fixed = ' font-family="ui-monospace,monospace" font-size="10.5"' if node.kind == "cell" else ""
    lines = _text(item.middle, top + (17 if second else 25), first, fixed)
    if second:
        lines += _text(item.middle, top + 33, second, ' fill-opacity=".8" font-size="10"')
    run = f' data-run="{state.run}"' if state and state.run is not None else ""
    return f"<g{run}><title>{escape(one_line(node.label, 200))}</title>{_shape(node, item.x, top, look)}{lines}</g>"


def _text(x: float, y: float, text: str, look: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle" fill="currentColor"{look}>{escape(text)}</text>'


def _second_line(node: LineageNode, edges: Sequence[LineageEdge]) -> str:
    """What is wrong with a node, or else what flows out of it."""
    if state := state_words(node):
        return state
    if node.kind == "data":
        return "address" if "://" in node.label else "folder" if node.count > 1 else "file"
    if node.kind == "parameter":
        return "parameter"
    names = given(node, edges)
    return f"gives {', '.join(one_line(name, 20) for name in names)}" if names else ""


SOME_FILE = "some file"
"""What may flow from a cell of which it is not known which files it wrote, as from a shell's command."""


def given(node: LineageNode, edges: Sequence[LineageEdge]) -> list[str]:
    """The names, those of parameters included, that flow out of a node."""
    found: dict[str, None] = {}
    for edge in edges:
        if edge.source == node.id:
            is_parameter = edge.target.startswith("parameter:")
            found |= dict.fromkeys((edge.target.split(":")[1],) if is_parameter else edge.names)
    return [SOME_FILE if name == "*" else name for name in found]


def _fitted(text: str, node: LineageNode) -> str:
    """The text cut to the width of a box; of a path the end is what tells it from another."""
    if columns_wide(text) <= LETTERS:
        return text
    if node.kind == "data" and text == _label(node):
        while columns_wide(text) > LETTERS - 1:
            text = text[1:]
        return f"…{text}"
    while columns_wide(text) > LETTERS - 1:
        text = text[:-1]
    return f"{text}…"


def _shape(node: LineageNode, x: float, top: float, look: str) -> str:
    """A box for a cell, a sheet with a folded corner for data, round ends for a run, slanted sides for a parameter."""
    if node.kind == "data":
        return f'<path d="M{x:g} {top:g}h{BOX - 10}l10 10v{HEIGHT - 10}h-{BOX}z m{BOX - 10} 0v10h10" {look}/>'
    if node.kind == "parameter":
        return f'<path d="M{x + 8:g} {top:g}h{BOX - 8}l-8 {HEIGHT}h-{BOX - 8}z" {look}/>'
    radius = HEIGHT // 2 if node.kind == "run" else 4
    return f'<rect x="{x:g}" y="{top:g}" width="{BOX}" height="{HEIGHT}" rx="{radius}" {look}/>'
