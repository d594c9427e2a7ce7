"""What led to a run: the cells, files, parameters and runs, from the executions that were recorded.

The order of execution decides, not the order of the notebook: whoever wrote a name last before a cell read it is
where the value came from, also when cells ran out of order, were edited, deleted or run again. What a cell read and
wrote is what `notebook.flow` makes of its text, and what was seen of its objects when it ran.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mlops_nb.notebook.cells import read_cell
from mlops_nb.notebook.flow.history import SavedCells
from mlops_nb.notebook.flow.interpreter import Interpreter
from mlops_nb.notebook.ipython_syntax import cell_text, parsed
from mlops_nb.notebook.records import NotebookCell
from mlops_nb.record import Record
from mlops_nb.tracking.executions import Execution
from mlops_nb.tracking.runs import FileUse, Run, Status
from mlops_nb.tracking.values import Value

NodeKind = Literal["cell", "data", "run", "parameter"]
NodeState = Literal["", "edited", "deleted", "changed", "gone", "never ran"]
"""Of a cell: whether the saved notebook has its text still; of a file: whether it is what was read."""

_FILE = "file:"
"""Before the path of a file, which flows from cell to cell as a name does; no name has a colon."""

_OF_IPYTHON = re.compile(r"_+|_\d+|_i+|_i\d+|_oh|_dh|_ih|In|Out")
_MAGIC_LINE = re.compile(r"\s*(%%?\w|!|\?)")
_NAMED_RUN = re.compile(r"%%mlops\s+(?:run|sweep)\s+([^\s'\"$\{-]\S*)(?:\s|$)")
_COMMENT = re.compile(r"\s*#[\s#%*=|-]*(.*?)[\s#*=|-]*$")


@dataclass(frozen=True, slots=True)
class Stale(Record):
    """An input that another cell changed after this one had used it.

    `execution` is that later execution; `at_run` whether it came before the run, so that the run itself was
    made from what was stale, or only since.
    """

    name: str
    execution: int
    execution_count: int | None
    label: str
    at_run: bool


@dataclass(frozen=True, slots=True)
class LineageNode(Record):
    """A cell that ran, a file or address, a run, or a parameter.

    `label` is a cell's first meaningful line or comment, a file's path, a run's name, a parameter's name. A cell
    that was captured is the node of its run. `size_bytes` and `modified` are the file's as it was read.
    """

    id: str
    kind: NodeKind
    label: str
    run: int | None = None
    execution: int | None = None
    execution_count: int | None = None
    cell_id: str = ""
    notebook: str = ""
    started: float | None = None
    duration: float | None = None
    status: Status | None = None
    source: str = field(default="", repr=False)
    value: Value = None
    size_bytes: int | None = None
    modified: float | None = None
    count: int = 1
    state: NodeState = ""
    stale: tuple[Stale, ...] = ()

    @property
    def is_stale(self) -> bool:
        """Whether an input changed after the cell had used it."""
        return bool(self.stale)


@dataclass(frozen=True, slots=True)
class LineageEdge(Record):
    """What flows from one node to another: the names, none for a file. `is_import`: nothing but imported names."""

    source: str
    target: str
    names: tuple[str, ...] = ()
    is_import: bool = False


@dataclass(frozen=True, slots=True)
class LineageGraph(Record):
    """What led to a run: the nodes in the order in which they came about, the run last.

    `unknown` are names that were read and that no recorded cell wrote; `model` is the version that was asked for, the
    one that the run made.
    """

    run: int
    name: str
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...] = ()
    unknown: tuple[str, ...] = ()
    model: str = ""

    @property
    def target(self) -> LineageNode:
        """The run itself."""
        return self.nodes[-1]

    @property
    def cells(self) -> tuple[LineageNode, ...]:
        """The cells that led to the run, in the order in which they ran; its own apart."""
        return tuple(node for node in self.nodes[:-1] if node.execution is not None)

    @property
    def files(self) -> tuple[LineageNode, ...]:
        """The files and addresses that led to the run."""
        return tuple(node for node in self.nodes if node.kind == "data")


@dataclass(slots=True)
class _Flow:
    """Of one execution: where each input came from (more than one place, where each may have given it; none where that
    is not known), and what it wrote.
    """

    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    writes: dict[str, None] = field(default_factory=dict)


def lineage(
    run: Run,
    executions: Sequence[Execution],
    execution: int,
    *,
    run_names: Mapping[int, str] | None = None,
    notebooks: Mapping[str, Sequence[NotebookCell]] | None = None,
    files_now: Mapping[str, tuple[int, float] | None] | None = None,
) -> LineageGraph:
    """The graph of what led to a run.

    Args:
        run: the run.
        executions: executed cells in the order in which they ran, those after the run included.
        execution: the `id` of the one in which the run was made.
        run_names: the names of the runs that the executions mention.
        notebooks: by name, the cells of the notebooks as they are saved now, where that is known.
        files_now: size and time of files as they are now, None for one that is gone; what is missing is not known.
    """
    history = _History(executions, notebooks or {})
    target = next(place for place, one in enumerate(executions) if one.id == execution)
    return _Graph(run, history, target, run_names or {}, files_now or {}).graph()


def files_behind(
    executions: Sequence[Execution], execution: int, names: Iterable[str]
) -> dict[str, tuple[FileUse, ...]]:
    """For names that a cell read or loaded itself, the files and addresses behind each; without any, no entry.

    What the cell read itself and gave to none of the names stands under the empty name.

    Args:
        executions: executed cells in the order in which they ran.
        execution: the `id` of the cell.
        names: the names.
    """
    place = next(place for place, one in enumerate(executions) if one.id == execution)
    flows = list(_flows(executions[: place + 1]))
    own = [use for use in executions[place].files if use.is_read]
    found: dict[str, tuple[FileUse, ...]] = {}
    for name in names:
        _, read = _traced(flows, place, (name,))
        writer = max(flows[place].inputs.get(name, ()), default=None)
        by_reader: dict[int, Collection[str]] = {**read}
        if name not in flows[place].inputs and name in flows[place].writes:
            writer, by_reader[place] = place, [use.path for use in own]
        uses = {
            use
            for reader, paths in by_reader.items()
            for use in executions[reader].files
            if use.path in paths
            and not (reader == writer and _is_of_another_name(executions[reader].source, name, use.path))
        }
        if uses:
            found[name] = tuple(sorted((use for use in uses if use.is_read), key=lambda use: use.path))
    named = {use for uses in found.values() for use in uses}
    if others := tuple(use for use in own if use not in named):
        found[""] = others
    return found


def _is_of_another_name(source: str, name: str, path: str) -> bool:
    """Whether a cell names a file only where it assigns names that this one does not come from.

    >>> cell = "a = read('a.csv')\\nb = read('b.csv')\\nc = a + 1"
    >>> _is_of_another_name(cell, "c", "data/b.csv"), _is_of_another_name(cell, "c", "data/a.csv")
    (True, False)
    """
    text = cell_text(source).python
    tree = parsed(text)
    statements = [(node, ast.get_source_segment(text, node) or "") for node in tree.body] if tree else []
    needed, others = {name}, list[ast.stmt]()
    for node, code in reversed(statements):
        names = read_cell(code)
        if name in names.reads or needed & {*names.writes, *names.mutates}:  # what reads it may fill it
            needed |= {*names.reads}
        else:
            others.append(node)
    file = path.rpartition("/")[2]
    naming = [node for node, code in statements if file in code]
    return bool(naming) and all(node in others and isinstance(node, ast.Assign) for node in naming)


def stale_inputs(
    executions: Sequence[Execution], notebooks: Mapping[str, Sequence[NotebookCell]]
) -> dict[int, tuple[Stale, ...]]:
    """By the `id` of each cell's last execution the inputs that a cell above it changed since.

    Args:
        executions: executed cells in the order in which they ran.
        notebooks: by name, the cells of the notebooks as they are saved now.
    """
    history = _History(executions, notebooks)
    last = [places[-1] for places in history.again.values()]
    return {executions[place].id: tuple(history.stale(place, place)) for place in last}


def without_cells(run: Run) -> LineageGraph:
    """The graph of a run that no recorded cell made."""
    return LineageGraph(run.id, run.name, (_run_node(run),))


class _History:
    """The executions, what flowed between them, and where their cells stand."""

    def __init__(self, executions: Sequence[Execution], notebooks: Mapping[str, Sequence[NotebookCell]]) -> None:
        self.executions = executions
        self.names = [read_cell(one.source) for one in executions]
        self.flows = list(_flows(executions))
        self.keys = [_cell_key(one) for one in executions]
        self.writers: dict[str, list[int]] = {}
        self.again: dict[tuple[str, str], list[int]] = {}
        for place, (flow, key) in enumerate(zip(self.flows, self.keys, strict=True)):
            self.again.setdefault(key, []).append(place)
            for name in flow.writes:
                self.writers.setdefault(name, []).append(place)
        self.saved = {name: SavedCells(cells) for name, cells in notebooks.items()}

    def is_above(self, first: int, second: int) -> bool:
        """Whether a cell stands above another: in the saved notebook, else by which ran first of all."""
        one, other = self.executions[first], self.executions[second]
        if one.notebook == other.notebook and (saved := self.saved.get(one.notebook)):
            places = (saved.place_of(one), saved.place_of(other))
            if places[0] is not None and places[1] is not None:
                return places[0] < places[1]
        return self.again[self.keys[first]][0] < self.again[self.keys[second]][0]

    def changes(self, name: str, later: int, earlier: int | None) -> bool:
        """Whether a later execution gave a name another value, as far as its text can tell.

        What is imported, a literal of the same value, and a function of the same text are no change.
        """
        if self.executions[later].status != "FINISHED":
            return False
        if earlier is None or name.startswith(_FILE):
            return True
        new, old = self.names[later], self.names[earlier]
        if name in new.mutates:
            return True
        if name in new.imports:
            return name not in old.imports
        if name in new.literals and name in old.literals:
            return repr(new.literals[name]) != repr(old.literals[name])
        is_same_text = self.executions[later].source == self.executions[earlier].source
        return not (is_same_text and name in new.functions and name in old.functions)

    def stale(self, place: int, target: int) -> Iterator[Stale]:
        """The inputs of an execution that a cell above it changed later, unless it ran again after that."""
        again = self.again[self.keys[place]]
        for name, writers in self.flows[place].inputs.items():
            earlier = max(writers, default=None)
            after = [later for later in self.writers.get(name, ()) if later > place]
            changed = [later for later in after if self._disturbs(name, later, earlier, place)]
            at_run = [later for later in changed if later < target and not _any_between(again, later, target)]
            since = [later for later in changed if again[-1] < later]
            if at_run or since:
                one = self.executions[(at_run or since)[-1]]
                yield Stale(_plain(name), one.id, one.execution_count, cell_heading(one.source), bool(at_run))

    def _disturbs(self, name: str, later: int, earlier: int | None, place: int) -> bool:
        one, mine = self.executions[later], self.executions[place]
        if self.keys[later] == self.keys[place]:
            return False
        if one.session == mine.session:
            return self.is_above(later, place) and self.changes(name, later, earlier)
        return name.startswith(_FILE) and self.changes(name, later, earlier)


def _any_between(places: Sequence[int], first: int, last: int) -> bool:
    return any(first < place < last for place in places)


def _cell_key(one: Execution) -> tuple[str, str]:
    """What the executions of one cell have in common: its id where the front end tells one, else its text."""
    return one.notebook, one.cell_id or f"\n{one.source.strip()}"


def _flows(executions: Sequence[Execution]) -> Iterator[_Flow]:
    """What every execution read from which, and what it wrote; kernels have names of their own and share files."""
    kernels: dict[int, Interpreter] = {}
    files: dict[str, int] = {}
    for place, one in enumerate(executions):
        kernel = kernels.setdefault(one.session, Interpreter())
        kernel.run_cell(place, one.source, one.writes, is_whole=one.status == "FINISHED")
        flow = _Flow(dict.fromkeys(kernel.reads, ()), dict.fromkeys(kernel.writes))
        for writer, names in sorted(kernel.needs.items()):
            for name in names:
                if not name.startswith(_FILE):  # what was opened is known better than what the text says
                    flow.inputs[name] = (*flow.inputs.get(name, ()), writer)
        read = [use for use in one.files if use.is_read]
        flow.inputs |= {f"{_FILE}{use.path}": _given(_file_writer(use, files)) for use in read}
        flow.writes |= {f"{_FILE}{use.path}": None for use in one.files if use.is_written}
        files.update(dict.fromkeys((use.path for use in one.files if use.is_written), place))
        yield flow


def _given(writer: int | None) -> tuple[int, ...]:
    return () if writer is None else (writer,)


def _file_writer(use: FileUse, files: Mapping[str, int]) -> int | None:
    """Who wrote a file last, or its folder where many stand together, or of such a folder any file in it."""
    if use.path.endswith("/"):
        return max((place for path, place in files.items() if path.startswith(use.path)), default=None)
    above = f"{use.path.rpartition('/')[0]}/"
    return max((files[path] for path in (use.path, above) if path in files), default=None)


def _plain(name: str) -> str:
    return name.removeprefix(_FILE)


Sources = dict[int, dict[int, dict[str, None]]]
"""By reader: by writer: the names that flow."""

Files = dict[int, dict[str, int | None]]
"""By reader: by path: who wrote the file, where that is known."""


def _traced(flows: Sequence[_Flow], target: int, names: Iterable[str]) -> tuple[Sources, Files]:
    """What flowed into an execution by these of its inputs, followed back to the beginning."""
    sources: Sources = {}
    files: Files = {}
    seen = {target}
    waiting = [(target, name) for name in names]
    while waiting:
        place, name = waiting.pop()
        if name not in flows[place].inputs:
            continue
        writers = flows[place].inputs[name]
        if name.startswith(_FILE):
            files.setdefault(place, {})[_plain(name)] = writers[-1] if writers else None
        for writer in writers:
            into = sources.setdefault(place, {}).setdefault(writer, {})
            if not name.startswith(_FILE):
                into[name] = None
            if writer not in seen:
                seen.add(writer)
                waiting += [(writer, each) for each in flows[writer].inputs]
    return sources, files


class _Graph:
    """The part of a history that led to one execution, as nodes and edges."""

    def __init__(
        self,
        run: Run,
        history: _History,
        target: int,
        run_names: Mapping[int, str],
        files_now: Mapping[str, tuple[int, float] | None],
    ) -> None:
        self.run, self.history, self.target = run, history, target
        self.run_names, self.files_now = run_names, files_now
        self.params = {param.name for param in run.params}
        self.flows, self.read_files = _traced(history.flows, target, history.flows[target].inputs)
        self.places = sorted({target, *self.flows, *(place for found in self.flows.values() for place in found)})
        self.by_id = {self._id(place): place for place in self.places}

    def graph(self) -> LineageGraph:
        nodes: dict[str, LineageNode] = {}
        edges: dict[tuple[str, str], dict[str, None]] = {}
        for place in self.places:
            for path, writer in sorted(self.read_files.get(place, {}).items()):
                node = self._data(path, writer, place)
                nodes.setdefault(node.id, node)
                edges[node.id, self._id(place)] = {}
                if writer is not None:
                    edges[self._id(writer), node.id] = {}
            for source, names in sorted(self.flows.get(place, {}).items()):
                if not names:
                    continue
                self._add_names(source, place, names, nodes, edges)
            nodes[self._id(place)] = self._cell(place)
        made = tuple(
            LineageEdge(source, target, tuple(sorted(names)), self._is_import(source, names))
            for (source, target), names in edges.items()
        )
        return LineageGraph(self.run.id, self.run.name, tuple(nodes.values()), made, self._unknown(made))

    def _unknown(self, edges: Sequence[LineageEdge]) -> tuple[str, ...]:
        """What a cell read that gave no more than an import says nothing of the run."""
        giving = {self._id(self.target), *(edge.source for edge in edges if not edge.is_import)}
        names = {
            name
            for place in self.places
            if self._id(place) in giving
            for name, writers in self.history.flows[place].inputs.items()
            if not writers
        }
        given = self.history.flows[self.target].inputs.keys() & self.params  # a sweep gives its trials their names
        return tuple(
            sorted(name for name in names - given if not name.startswith(_FILE) and not _OF_IPYTHON.fullmatch(name))
        )

    def _add_names(
        self,
        source: int,
        place: int,
        names: Iterable[str],
        nodes: dict[str, LineageNode],
        edges: dict[tuple[str, str], dict[str, None]],
    ) -> None:
        """The edge between two cells; a name that the run has as a parameter goes through a node of its own."""
        literals = self.history.names[source].literals
        for name in names:
            if name in self.params and name in literals:
                parameter = f"parameter:{name}:{self.history.executions[source].id}"
                nodes.setdefault(parameter, LineageNode(parameter, "parameter", name, value=literals[name]))
                edges[self._id(source), parameter] = {}
                edges[parameter, self._id(place)] = {}
            else:
                edges.setdefault((self._id(source), self._id(place)), {})[name] = None

    def _is_import(self, source: str, names: Mapping[str, None]) -> bool:
        place = self.by_id.get(source)
        return bool(names) and place is not None and set(names) <= set(self.history.names[place].imports)

    def _id(self, place: int) -> str:
        if place == self.target:
            return f"run:{self.run.id}"
        return f"cell:{self.history.executions[place].id}"

    def _data(self, path: str, writer: int | None, reader: int) -> LineageNode:
        use = next(use for use in self.history.executions[reader].files if use.path == path and use.is_read)
        version = "" if writer is None else f":{self.history.executions[writer].id}"
        now = self.files_now.get(path, ()) if use.count == 1 else ()
        state: NodeState = ""
        if now is None:
            state = "gone"
        elif now and use.modified is not None and now != (use.size_bytes, use.modified):
            state = "changed"
        return LineageNode(
            f"data:{path}{version}",
            "data",
            path,
            size_bytes=use.size_bytes,
            modified=use.modified,
            count=use.count,
            state=state,
        )

    def _cell(self, place: int) -> LineageNode:
        one = self.history.executions[place]
        is_target = place == self.target
        run = self.run.id if is_target else one.runs[0] if len(one.runs) == 1 else None
        name = self.run.name if is_target else self.run_names.get(run or 0, "")
        saved = self.history.saved.get(one.notebook)
        return LineageNode(
            self._id(place),
            "run" if name else "cell",
            name or cell_heading(one.source),
            run=run,
            execution=one.id,
            execution_count=one.execution_count,
            cell_id=one.cell_id,
            notebook=one.notebook,
            started=one.started,
            duration=one.duration,
            status=self.run.status if is_target else one.status,
            source=one.source,
            state=saved.state_of(one) if saved else "",
            stale=tuple(self.history.stale(place, self.target)),
        )


def _run_node(run: Run) -> LineageNode:
    return LineageNode(
        f"run:{run.id}",
        "run",
        run.name,
        run=run.id,
        execution_count=run.execution_count,
        cell_id=run.cell_id,
        notebook=run.notebook,
        started=run.started,
        duration=run.duration,
        status=run.status,
        source=run.source,
    )


def cell_heading(source: str) -> str:
    """The first comment of a cell, or else its first line that is more than an import or a magic.

    A cell that is a run, and has no comment before its code, is called what the run is.

    >>> cell_heading("%%time\\nimport os\\n\\n# --- Load the flights ---\\ndf = read()")
    'Load the flights'
    >>> cell_heading("import numpy as np\\nx = np.ones(3)"), cell_heading("import os")
    ('x = np.ones(3)', 'import os')
    >>> cell_heading("%%mlops run forest --metric f1\\nmodel = fit(X)")
    'forest'
    """
    lines = [line.strip() for line in re.split(r"[\r\n]+", source[:20_000]) if line.strip()]
    plain = [line for line in lines if not _MAGIC_LINE.match(line)]
    code = [line for line in plain if not line.startswith(("import ", "from "))]
    named = _NAMED_RUN.match(lines[0]) if lines else None
    for line in code:
        match = _COMMENT.match(line)
        if match is None:
            return named[1] if named else line[:200]
        if any(char.isalnum() for char in match[1]):
            return match[1][:200]
    return ((plain or lines)[0] if lines else "")[:200]


def mermaid(nodes: Sequence[LineageNode], edges: Sequence[LineageEdge]) -> str:
    """The graph as a Mermaid flowchart, which GitHub and JupyterLab draw from Markdown."""
    short = {node.id: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart TD"]
    lines += [f"    {short[node.id]}{_mermaid_box(node)}" for node in nodes]
    for edge in edges:
        names = _mermaid_text(", ".join(edge.names), 60)
        lines.append(
            f"    {short[edge.source]} -->{f'|{chr(34)}{names}{chr(34)}|' if names else ''} {short[edge.target]}"
        )
    stale = [short[node.id] for node in nodes if node.is_stale]
    lines += ["    classDef stale stroke-dasharray: 4", f"    class {','.join(stale)} stale"] if stale else []
    return "\n".join(lines)


_MERMAID_SHAPES: dict[NodeKind, tuple[str, str]] = {
    "cell": ("[", "]"),
    "data": ("[(", ")]"),
    "run": ("([", "])"),
    "parameter": ("[/", "/]"),
}


def _mermaid_box(node: LineageNode) -> str:
    number = f"[{node.execution_count}] " if node.execution_count is not None and node.kind == "cell" else ""
    run = f" (run {node.run})" if node.kind == "run" else ""
    value = f" = {node.value!r}" if node.kind == "parameter" else ""
    marks = "".join(f", {word}" for word in (node.state, "stale" if node.is_stale else "") if word)
    opening, closing = _MERMAID_SHAPES[node.kind]
    return f'{opening}"{_mermaid_text(f"{number}{node.label}{value}{run}{marks}", 120)}"{closing}'


def _mermaid_text(text: str, limit: int) -> str:
    """The text with whatever Mermaid or HTML would act on written as an entity.

    >>> _mermaid_text('a<b> "c" #1;', 80)
    'a#60;b#62; #34;c#34; #35;1#59;'
    """
    text = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(char if char.isalnum() or char in " _.,:/=+-…" else f"#{ord(char)};" for char in text)
