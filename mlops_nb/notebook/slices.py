"""A notebook cut down to what leads to one result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.notebook.flow.graph import cell_graph
from mlops_nb.notebook.records import LeftOut, Notebook, NotebookCell

_PARAMETERS = frozenset(("parameters", "injected-parameters"))


def leading_to(notebook: Notebook, name: str) -> tuple[Notebook, tuple[LeftOut, ...]]:
    """The notebook without the cells that do not lead to a name, which keep their places as raw cells; and those.

    Args:
        notebook: its cells in the order in which they run.
        name: a name that some cell binds.

    Raises:
        BadArgument: no cell binds the name.
    """
    code = [place for place, cell in enumerate(notebook.cells) if cell.kind == "code" and cell.source.strip()]
    graph = cell_graph([notebook.cells[place].source for place in code])
    if not graph.writers(name):
        known = sorted({each for names in graph.writes for each in names if each.isidentifier()})
        near = nearest(name, known) or (known[0] if known else "")
        raise BadArgument(f"no cell makes {name!r}", f"--to {near}" if near else "")
    kept = {code[number] for number in graph.behind(*graph.writers(name))}
    kept |= {place for place in code if _PARAMETERS.intersection(notebook.cells[place].tags)}
    dropped = [place for place in code if place not in kept]
    cells = [replace(cell, kind="raw") if place in dropped else cell for place, cell in enumerate(notebook.cells)]
    return replace(notebook, cells=tuple(cells)), tuple(_dropped(place, notebook.cells, name) for place in dropped)


def _dropped(place: int, cells: Sequence[NotebookCell], name: str) -> LeftOut:
    first = next((line.strip() for line in cells[place].source.splitlines() if line.strip()), "")
    return LeftOut(place, first, f"nothing in it leads to {name}")
