"""How the steps of a plan hang together: who gives what to whom, who waits for whom, what is shared unseen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops_nb.notebook.flow.graph import CellGraph, cell_graph
from mlops_nb.notebook.intermediate import PipelinePlan, PlanStep
from mlops_nb.notebook.ipython_syntax import parsed
from mlops_nb.record import Record


@dataclass(frozen=True, slots=True)
class WiredStep(Record):
    """A step among the others.

    Args:
        step: the step.
        sources: for each input the step that gives it; empty for a parameter of the pipeline.
        after: steps that it waits for though it takes nothing of theirs, because of a file, say.
        is_awaited: whether a later step so waits for it.
        measured: the inputs and outputs that are metrics where they are numbers.
        notes: whether its body notes metrics that have no name of their own.
    """

    step: PlanStep
    sources: Mapping[str, str]
    after: tuple[str, ...] = ()
    is_awaited: bool = False
    measured: tuple[str, ...] = ()
    notes: bool = False

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
    after = _after(plan)
    waited = {name for names in after.values() for name in names}
    known = {each.name: "" for each in plan.parameters}
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
                is_awaited=step.name in waited,
                measured=tuple(dict.fromkeys((*step.metrics, *results))),
                notes="metric" in step.uses,
            )
        )
        known |= dict.fromkeys(step.outputs, step.name)
    return tuple(found)


def _texts(plan: PipelinePlan) -> list[str]:
    """What the graph of cells is made of: the top of the file, then one text a step."""
    top = [*plan.imports, *plan.settings, *plan.definitions]
    top += [f"{each.name} = {each.default_text}" for each in plan.parameters]
    return ["\n".join(top), *(_as_cell(step) for step in plan.steps)]


def _as_cell(step: PlanStep) -> str:
    """A step's body as a cell; where that cannot be one, a cell of which nothing is known."""
    text = "\n".join([*(f"{name} = {value}" for name, value in step.defaults.items()), step.body])
    return text if parsed(text) is not None else "exec(_)"


def _after(plan: PipelinePlan) -> dict[str, tuple[str, ...]]:
    """By step those that it must wait for, without those that the ones it waits for anyway wait for."""
    graph = cell_graph(_texts(plan))
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
