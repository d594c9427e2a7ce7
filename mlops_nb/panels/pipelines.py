"""A pipeline: what became of its newest run, its steps as a graph, the runs before it."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Picture, Span, Table, Words, paged, without_empty
from mlops_nb.panels.lineage_figure import MOST_DRAWN, figure
from mlops_nb.panels.theme import BLUE, STATUS_COLOURS, Panel, minute_span, number_span, status_span
from mlops_nb.panels.wording import STATUS_WORDS, count, duration, listed, one_line
from mlops_nb.pipelines.records import PipelineHistory, StepState
from mlops_nb.tracking.lineage import LineageEdge, LineageNode

METRICS = 3


def pipelines_panel(found: PipelineHistory) -> Panel:
    """The steps of a run, coloured and named by what became of them, and the pipeline's past."""
    return Panel(_blocks(found))


def _blocks(found: PipelineHistory) -> Iterator[Block]:
    yield Line(_sentence(found), "sentence")
    if found.run is None:
        yield Line(("Export the notebook and run it: ", Span("%mlops export pipeline.py", "code")))
        return
    if found.error:
        yield Line(one_line(found.error, 400), "error")
    if found.failed:
        yield Line(("Correct it, then go on with what is kept: ", Span(f"--from {one_line(found.failed, 60)}", "code")))
    if 1 < len(found.steps) <= MOST_DRAWN:
        words = f"{count(len(found.steps), 'step')} and what flows between them, from top to bottom"
        yield Picture(_figure(found, words), words)
    if found.steps:
        yield from _steps(found)
    yield from _past(found)
    if found.others:
        names = [one_line(name, 40) for name in found.others]
        yield Line(f"Other pipelines here: {listed(names, 6)}: %mlops pipelines NAME", "small")


def _sentence(found: PipelineHistory) -> Words:
    if found.run is None:
        return "No pipeline has run in this store."
    newest = next((run for run in found.past if run.id == found.run), None)
    cached = [step for step in found.steps if step.cached_from is not None]
    ran = len(found.steps) - len(cached)
    saved = sum(step.saved for step in cached)
    kept = f", {len(cached):,} taken as kept" if cached else ""
    spared = f", which saved {duration(saved)}" if saved else ""
    status = newest.status if newest else "FINISHED"
    took = f" in {duration(newest.duration)}" if newest and newest.duration is not None else ""
    shape, word = status_span(status)
    where = f" in step {one_line(found.failed, 60)}" if found.failed and status != "FINISHED" else ""
    name = f" {one_line(found.pipeline, 60)} (run {found.run}):"
    return (shape, name, word, f"{where}{took}; {count(ran, 'step')} ran{kept}{spared}.")


def _figure(found: PipelineHistory, words: str) -> str:
    nodes = [LineageNode(str(place), "cell", step.name) for place, step in enumerate(found.steps)]
    edges = [
        LineageEdge(str(source), str(place), names)
        for place, step in enumerate(found.steps)
        for source, names in step.needs.items()
    ]
    states = {str(place): (_state(step), _colour(step)) for place, step in enumerate(found.steps)}
    return figure(_forward(nodes, edges), edges, words, states=states)


def _forward(nodes: list[LineageNode], edges: list[LineageEdge]) -> list[LineageNode]:
    """The boxes in an order in which edges go forward: steps that ran side by side may be noted in any order."""
    into = {node.id: {edge.source for edge in edges if edge.target == node.id} for node in nodes}
    done: list[LineageNode] = []
    while len(done) < len(nodes):
        known = {node.id for node in done}
        done += [node for node in nodes if node.id not in known and into[node.id] <= known] or nodes
    return done[: len(nodes)]


def _state(step: StepState) -> str:
    took = f" {duration(step.duration)}" if step.duration is not None else ""
    if step.cached_from is not None:
        return f"◌ kept, saved {duration(step.saved)}" if step.saved else "◌ kept"
    shape, word = STATUS_WORDS[step.status]
    return f"{shape} {'ran' if step.status == 'FINISHED' else word}{took}"


def _colour(step: StepState) -> str:
    return BLUE if step.cached_from is not None else STATUS_COLOURS[step.status]


def _steps(found: PipelineHistory) -> Iterator[Block]:
    rows = [
        (
            one_line(step.name, 60),
            _state(step),
            one_line(step.stage, 20),
            _measured(step),
            one_line("; ".join(step.gates), 120),
            f"%mlops show {step.cached_from or step.id}",
        )
        for step in found.steps
    ]
    columns = ("step", "became", "stage", "metrics", "gates", "logs and all of it")
    yield from paged(without_empty(Table("Steps, in order", columns, tuple(rows))))


def _measured(step: StepState) -> Words:
    shown = list(step.metrics.items())[:METRICS]
    parts: list[str | Span] = []
    for name, value in shown:
        parts += [f"{', ' if parts else ''}{one_line(name, 24)} ", number_span(value)]
    return tuple(parts) if parts else ""


def _past(found: PipelineHistory) -> Iterator[Block]:
    names = list(dict.fromkeys(name for run in found.past for name in run.metrics))[:METRICS]
    rows = [
        (
            f"run {run.id}",
            status_span(run.status),
            "" if run.duration is None else duration(run.duration),
            f"{run.cached:,} of {run.steps:,}",
            *(number_span(run.metrics[name]) if name in run.metrics else "" for name in names),
            minute_span(run.started),
        )
        for run in found.past
    ]
    hidden = found.total - len(found.past)
    columns = ("run", "status", "took", "kept", *(one_line(name, 24) for name in names), "when (UTC)")
    more = f"+{hidden:,} more: %mlops runs kind = pipeline" if hidden > 0 else ""
    right = frozenset(range(2, 4 + len(names)))
    yield from paged(
        Table(f"Runs of {one_line(found.pipeline, 60)}, the newest first", columns, tuple(rows), right, more)
    )
