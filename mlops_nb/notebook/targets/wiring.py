"""How the steps of a plan hang together: who gives what to whom, who waits for whom, what is shared unseen."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mlops_nb.notebook.cells import read_cell
from mlops_nb.notebook.file_calls import READ, named_files
from mlops_nb.notebook.flow.graph import CellGraph, cell_graph
from mlops_nb.notebook.flow.outside import FILE
from mlops_nb.notebook.intermediate import PipelinePlan, PlanStep
from mlops_nb.notebook.ipython_syntax import parsed
from mlops_nb.notebook.naming import comment
from mlops_nb.notebook.script import function_text
from mlops_nb.record import Record


@dataclass(frozen=True, slots=True)
class WiredStep(Record):
    """A step among the others.

    Args:
        step: the step.
        sources: for each input the step that gives it; empty for a parameter of the pipeline.
        after: steps that it waits for though it takes nothing of theirs, because of a file, say.
        for_files: those of them that it waits for because of files alone.
        reads: by step the files that it writes and this one reads.
        writes: files under the folder that it alone writes, and that no step before it reads.
        is_awaited: whether a later step so waits for it.
        measured: the inputs and outputs that are metrics where they are numbers.
        notes: whether its body notes metrics that have no name of their own.
        plots: whether it draws figures with matplotlib.
    """

    step: PlanStep
    sources: Mapping[str, str]
    after: tuple[str, ...] = ()
    for_files: tuple[str, ...] = ()
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    writes: tuple[str, ...] = ()
    is_awaited: bool = False
    measured: tuple[str, ...] = ()
    notes: bool = False
    plots: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """The inputs that are parameters of the pipeline."""
        return tuple(name for name, source in self.sources.items() if not source)

    @property
    def given(self) -> Mapping[str, str]:
        """The inputs that other steps give, each with its step."""
        return {name: source for name, source in self.sources.items() if source}


def wired(plan: PipelinePlan) -> tuple[WiredStep, ...]:
    """The steps of a plan, wired."""
    texts = _texts(plan)
    graph = cell_graph(texts)
    after, writes = _after(plan, graph), _written_files(plan, texts)
    reasons = _reasons(plan, graph)
    waited = {name for names in after.values() for name in names}
    known = {each.name: "" for each in plan.parameters}
    drawing = drawing_steps(plan)
    last = {name: step.name for step in plan.steps for name in step.outputs}
    found = []
    for step in plan.steps:
        results = [name for name in plan.results if last.get(name) == step.name]
        sources = {name: known[name] for name in step.inputs}
        found.append(
            WiredStep(
                step=step,
                sources=sources,
                after=tuple(each for each in after[step.name] if each not in sources.values()),
                for_files=tuple(each for each in after[step.name] if _is_file_only(reasons[each, step.name])),
                reads=_files_from(plan, step, reasons),
                writes=writes.get(step.name, ()),
                is_awaited=step.name in waited,
                measured=tuple(dict.fromkeys((*step.metrics, *results))),
                notes="metric" in step.uses,
                plots=step.name in drawing,
            )
        )
        known |= dict.fromkeys(step.outputs, step.name)
    return tuple(found)


_OURS = {
    "show": "def {}(*values, **_):\n    print(values)",
    "metric": "def {}(name, value):\n    return value",
}
"""What our functions in a step do to what steps share: nothing."""


def _texts(plan: PipelinePlan) -> list[str]:
    """What the graph of cells is made of: the top of the file, then one text a step."""
    top = [*plan.imports, *plan.settings, *plan.definitions]
    top += [f"{each.name} = {each.default_text}" for each in plan.parameters]
    top += [text.format(plan.ours[name]) for name, text in _OURS.items() if name in plan.ours]
    texts = ["\n".join(top)]
    known: dict[str, str] = {}
    for number, step in enumerate(plan.steps, 1):
        given = {name: f"{name}__{number}" for name in step.outputs}
        texts.append(_as_cell(step, plan, [known.get(name, name) for name in step.inputs], list(given.values())))
        known |= given
    return texts


def _as_cell(step: PlanStep, plan: PipelinePlan, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """A step as a cell that defines its function and calls it, each value by a name of its own.

    So a name that two steps bind for themselves, `model` say, is nothing that they share. A body of which it cannot be
    known what it does stands as it is, and where that cannot be a cell, one of which nothing is known.
    """
    body = "\n".join([*(f"{name} = {value}" for name, value in step.defaults.items()), step.body])
    if parsed(body) is None:
        return "exec(_)"
    if cell_graph([body]).barriers:
        return body
    call = f"{step.name}({', '.join(inputs)})"
    return (
        f"{function_text(step, plan)}\n{', '.join(outputs)} = {call}"
        if outputs
        else f"{function_text(step, plan)}\n{call}"
    )


def _after(plan: PipelinePlan, graph: CellGraph) -> dict[str, tuple[str, ...]]:
    """By step those that it must wait for, without those that the ones it waits for anyway wait for."""
    names = [step.name for step in plan.steps]
    found: dict[str, tuple[str, ...]] = {}
    behind: dict[str, set[str]] = {}
    gives: dict[str, str] = {}
    for place, step in enumerate(plan.steps):
        taken = {gives[name] for name in step.inputs if name in gives}
        needed = [names[each] for each in _needed(graph, place + 1, len(names))]
        known = set[str]().union(taken, *(behind[each] for each in taken))
        extra: list[str] = []
        for name in reversed(needed):
            if name not in known:
                extra.append(name)
                known |= {name, *behind[name]}
        found[step.name], behind[step.name] = tuple(reversed(extra)), known
        gives |= dict.fromkeys(step.outputs, step.name)
    return found


def _needed(graph: CellGraph, cell: int, count: int) -> Iterator[int]:
    """The steps, counted from 0, that a cell must come after."""
    barred = set(graph.barriers) - {0}
    for first in range(1, min(cell, count + 1)):
        if {(first, cell)} & (graph.edges | graph.order) or first in barred or cell in barred:
            yield first - 1


def _reasons(plan: PipelinePlan, graph: CellGraph) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """By pair of steps what flows from the first to the second."""
    pairs = itertools.combinations(enumerate(plan.steps, 1), 2)
    return {(first.name, second.name): graph.names.get((one, other), ()) for (one, first), (other, second) in pairs}


def _is_file_only(names: Sequence[str]) -> bool:
    return bool(names) and all(name.startswith(FILE) for name in names)


def _files_from(
    plan: PipelinePlan, step: PlanStep, reasons: Mapping[tuple[str, str], tuple[str, ...]]
) -> Mapping[str, tuple[str, ...]]:
    """By step the files that it writes and this one reads."""
    found = {each.name: reasons.get((each.name, step.name), ()) for each in plan.steps}
    files = {
        name: tuple(each.removeprefix(FILE) for each in names if each.startswith(FILE)) for name, names in found.items()
    }
    return {name: paths for name, paths in files.items() if paths}


_PROBE = "open(_)"
"""A cell that reads a file of which nothing is known: it needs the last writer of every file."""


def _written_files(plan: PipelinePlan, texts: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """By step the files under the folder that it alone writes, and that no step before it reads."""
    graph = cell_graph([texts[0], *(each for text in texts[1:] for each in (text, _PROBE))])
    writers: dict[str, list[str]] = {}
    for number, step in enumerate(plan.steps):
        for name in graph.names.get((2 * number + 1, 2 * number + 2), ()):
            if name.startswith(FILE):
                writers.setdefault(name.removeprefix(FILE), []).append(step.name)
    found: dict[str, list[str]] = {}
    read = set[str]()
    for step in plan.steps:
        read |= {path for path, how in named_files(step.body, {}) if how == READ}
        for path, names in writers.items():
            if names == [step.name] and path not in read and _is_inside(path):
                found.setdefault(step.name, []).append(path)
    return {name: tuple(paths) for name, paths in found.items()}


def _is_inside(path: str) -> bool:
    """Whether a path is that of a file under the folder; one without a suffix may be a folder, which others fill."""
    pure = PurePosixPath(path)
    plain = not pure.is_absolute() and not {"..", "~"} & {*pure.parts} and not re.search(r"[*?\[{]", path)
    return plain and bool(pure.suffix) and comment(path) == path


_DRAWS = re.compile(r"\.(?:plot|hist|boxplot)\b|\bplot_\w+\(|Display\.from_")
_DRAWING_MODULES = ("matplotlib", "pylab", "seaborn")


def drawing_steps(plan: PipelinePlan) -> frozenset[str]:
    """The steps that draw figures: they, or a function that they call, name matplotlib or a method that draws."""
    text = "\n".join([*plan.imports, *plan.definitions, *(step.body for step in plan.steps)])
    if not re.search(rf"\b(?:{'|'.join(_DRAWING_MODULES)}|pandas)\b", text):
        return frozenset()
    names = {
        name
        for each in plan.imports
        for name in read_cell(each).writes
        if re.match(rf"(?:import|from)\s+(?:{'|'.join(_DRAWING_MODULES)})\b", each)
    }
    named = re.compile("|".join([*(rf"\b{re.escape(name)}\b" for name in {*names, *_DRAWING_MODULES})]))
    drawers = set[str]()
    for each in (*plan.definitions, *plan.definitions):  # twice: one may call another that stands below it
        if named.search(each) or _DRAWS.search(each) or drawers & _words(each):
            drawers |= {*read_cell(each).writes}
    return frozenset(
        step.name
        for step in plan.steps
        if named.search(step.body) or _DRAWS.search(step.body) or drawers & _words(step.body)
    )


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def handed(plan: PipelinePlan, condition: str) -> tuple[str, ...]:
    """What steps hand on by the path of a file and not as a value, which holds only under a condition.

    Args:
        plan: the plan.
        condition: what the engine needs for that, in words.
    """
    graph = cell_graph(_texts(plan))
    return tuple(
        f"{plan.steps[first - 1].name} hands {_file(name)} to {plan.steps[second - 1].name} by its path: {condition}"
        for (first, second), names in sorted(graph.names.items())
        for name in names
        if first and name.startswith(FILE)
    )


def _file(name: str) -> str:
    path = name.removeprefix(FILE)
    return "a file" if path == "*" else comment(path)


_UNSEEN = ("random state of", "environment:", "working folder", "settings of", "plots")


def unshared(plan: PipelinePlan) -> tuple[str, ...]:
    """What is doubtful where each step is a process of its own: states without a name that several steps share.

    A random generator that is seeded in one step and drawn from in another gives other numbers there.
    """
    graph = cell_graph(_texts(plan))
    found: dict[str, dict[str, None]] = {}
    for pair, names in sorted(graph.names.items()):
        for name in names:
            if pair[0] and name.startswith(_UNSEEN):
                found.setdefault(name, {}).update(dict.fromkeys(plan.steps[each - 1].name for each in pair))
    return tuple(
        f"{', '.join(steps)} share the {_said(name)}: where each step is a process of its own, each has its own"
        for name, steps in found.items()
    )


def _said(name: str) -> str:
    """A state in words.

    >>> _said("environment:HOME"), _said("random state of numpy")
    ('environment variable HOME', 'random state of numpy')
    """
    kind, _, rest = name.partition(":")
    return f"environment variable {rest}" if kind == "environment" else f"{kind} {rest}".strip()
