"""The graph of a notebook's cells: which cell needs which."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mlops_nb.notebook.flow.interpreter import Interpreter
from mlops_nb.record import Record


@dataclass(frozen=True, slots=True)
class CellGraph(Record):
    """Which of some cells needs which, in the order in which they run; cells are counted from 0.

    Args:
        edges: pairs (i, j): cell j needs cell i.
        reads: for each cell the names that it reads and other cells give.
        writes: for each cell the names that it binds or whose object it changes.
        barriers: cells of which it cannot be known what they read and bind (`exec`, `globals()`, `%run`): everything
            before comes before them, everything after needs them.
        names: for each edge what flows: names, or files, random states and the like in words.
        order: pairs that must keep their order though nothing flows: the second overwrites what the first used.
        ends: by name the cells that whoever reads it after the last cell needs.
    """

    edges: frozenset[tuple[int, int]]
    reads: tuple[tuple[str, ...], ...]
    writes: tuple[tuple[str, ...], ...]
    barriers: tuple[int, ...] = ()
    names: Mapping[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)
    order: frozenset[tuple[int, int]] = frozenset()
    ends: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def behind(self, *cells: int) -> tuple[int, ...]:
        """The cells and all that they need, in order.

        >>> cell_graph(["a = 1", "b = 2", "c = a + 1"]).behind(2)
        (0, 2)
        """
        needs: dict[int, list[int]] = {}
        for first, second in self.edges:
            needs.setdefault(second, []).append(first)
        found, waiting = set(cells), list(cells)
        while waiting:
            for each in needs.get(waiting.pop(), ()):
                if each not in found:
                    found.add(each)
                    waiting.append(each)
        return tuple(sorted(found))

    def writers(self, name: str) -> tuple[int, ...]:
        """The cells that make what a name stands for in the end; none where no cell binds it.

        >>> cell_graph(["a = [1]", "a.append(2)", "b = a"]).writers("a")
        (1,)
        """
        return self.ends.get(name, ())

    def to_dict(self) -> dict[str, object]:
        """The fields as plain values, pairs as lists in order."""
        return {
            "edges": [
                {"source": pair[0], "target": pair[1], "names": list(self.names[pair])} for pair in sorted(self.edges)
            ],
            "reads": [list(each) for each in self.reads],
            "writes": [list(each) for each in self.writes],
            "barriers": list(self.barriers),
            "order": [list(pair) for pair in sorted(self.order)],
        }


def cell_graph(cells: Sequence[str]) -> CellGraph:
    """The graph of cells that run in this order; never raises, whatever their text.

    >>> graph = cell_graph(["import numpy as np", "a = np.ones(3)", "a[0] = 5", "print(a.sum())"])
    >>> sorted(graph.edges)
    [(0, 1), (1, 2), (2, 3)]
    """
    return graph_of([(source, None) for source in cells])


def graph_of(cells: Sequence[tuple[str, Collection[str] | None]]) -> CellGraph:
    """The graph of cells of which it was seen, where not None, what names each wrote when it ran."""
    run = Interpreter()
    reads: list[tuple[str, ...]] = []
    writes: list[tuple[str, ...]] = []
    names: dict[tuple[int, int], tuple[str, ...]] = {}
    for cell, (source, written) in enumerate(cells):
        run.run_cell(cell, source, written)
        reads.append(tuple(run.reads))
        writes.append(tuple(run.writes))
        for first, what in run.needs.items():
            names[first, cell] = tuple(what)
    order = frozenset(pair for pair in run.order if pair not in names)
    return CellGraph(
        frozenset(names), tuple(reads), tuple(writes), tuple(run.barriers), names, order, _ends(run, len(cells))
    )


def _ends(run: Interpreter, count: int) -> dict[str, tuple[int, ...]]:
    """By name the cells that reading it after the last cell would need."""
    found = {}
    for name in [*run.globals.names]:
        if run.globals.names[name]:
            run.begin(count)
            run.load_global(name)
            found[name] = tuple(sorted(run.needs))
    return found
