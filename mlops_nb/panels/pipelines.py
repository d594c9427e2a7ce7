"""A pipeline: what became of its newest run, its steps as a graph, the runs before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlops_nb.panels.blocks import Block, Line, Picture, Span, Table, Words, paged, without_empty
from mlops_nb.panels.lineage_figure import MOST_DRAWN, State, figure
from mlops_nb.panels.theme import BLUE, GREY, STATUS_COLOURS, Panel, after, minute_span, number_span, status_span
from mlops_nb.panels.wording import STATUS_WORDS, count, duration, listed, one_line
from mlops_nb.pipelines.records import PastRun, PipelineHistory, StepState
from mlops_nb.tracking.lineage import LineageEdge, LineageNode

if TYPE_CHECKING:
    from mlops_nb.pipelines.history import FollowedPipelines

METRICS = 3

WORTH_SECONDS = 0.01
"""What a kept step saved is said from here on."""


def pipelines_panel(found: PipelineHistory, *, source: FollowedPipelines | None = None) -> Panel:
    """The steps of a run, coloured and named by what became of them, and the pipeline's past.

    Args:
        found: what was found.
        source: gives it anew, and steps with what they printed, to a live panel.
    """
    if source is None:
        return Panel(_blocks(found))
    followed = source

    def live() -> object:
        from mlops_nb.panels.pipelines_live import LivePipelines

        return LivePipelines(found, followed.apart()).follow()

    return Panel(_blocks(found), live=live)


def _blocks(found: PipelineHistory) -> Iterator[Block]:
    yield from head_blocks(found)
    if found.run is None:
        return
    svg, words = drawn(found)
    if svg:
        yield Picture(svg, words)
    if found.steps:
        yield from paged(steps_table(found))
    yield from paged(past_table(found))
    if found.others:
        names = [one_line(name, 40) for name in found.others]
        yield Line(f"Other pipelines here: {listed(names, 6)}: %mlops pipelines NAME", "small")


def head_blocks(found: PipelineHistory) -> Iterator[Block]:
    """What became of the run, in a sentence; after a fault, the fault and how to go on."""
    yield Line(_sentence(found), "sentence")
    if found.run is None:
        yield Line(("Export the notebook and run it: ", Span("%mlops export pipeline.py", "code")))
        return
    run = run_of(found)
    has_failed = run is not None and run.status == "FAILED"
    if found.error and has_failed:
        yield Line(one_line(found.error, 400), "error")
    if found.failed:
        how = "Correct it, then go on" if has_failed else "To go on"
        yield Line((f"{how} with what is kept: ", Span(f"--from {one_line(found.failed, 60)}", "code")))


def _sentence(found: PipelineHistory) -> Words:
    run = run_of(found)
    if run is None:
        return "No pipeline has run in this store."
    shape, word = status_span(run.status)
    name = f" {one_line(found.pipeline, 60)} (run {run.id}):"
    return (shape, name, word, _going(found, run) if run.status == "RUNNING" else _over(found, run))


def run_of(found: PipelineHistory) -> PastRun | None:
    """The run whose steps are told."""
    return next((run for run in found.past if run.id == found.run), None)


def _over(found: PipelineHistory, run: PastRun) -> str:
    took = f" in {duration(run.duration)}" if run.duration is not None else ""
    where = f" in step {one_line(found.failed, 60)}" if found.failed and run.status != "FINISHED" else ""
    saved = sum(step.saved for step in found.steps)
    kept = f", {run.cached:,} taken as kept" if run.cached else ""
    spared = f", which saved {duration(saved)}" if saved else ""
    missed = sum(step.status is None for step in found.steps)
    rest = f"; {count(missed, 'step')} not reached" if missed else ""
    return f"{where}{took}; {count(run.steps - run.cached, 'step')} ran{kept}{spared}{rest}."


def _going(found: PipelineHistory, run: PastRun) -> str:
    over = steps_over(found)
    kept = f", {run.cached:,} of them taken as kept" if run.cached else ""
    names = [one_line(step.name, 40) for step in found.steps if step.status == "RUNNING"]
    now = f"; now {listed(names, 3)}" if names else ""
    return f"{_since(run.started, found.now)}; {over:,} of {count(len(found.steps), 'step')} over{kept}{now}."


def _since(started: float | None, now: float) -> str:
    """How long something has been going on, in whole seconds."""
    seconds = 0 if started is None else int(now - started)
    return "" if seconds < 1 else f" for {seconds} s" if seconds < 60 else f" for {duration(seconds)}"


def steps_over(found: PipelineHistory) -> int:
    """How many steps have ended."""
    return sum(step.status not in ("RUNNING", None) for step in found.steps)


def drawn(found: PipelineHistory) -> tuple[str, str]:
    """The steps as a figure, and what it shows in words; nothing where there is nothing to see."""
    if not 1 < len(found.steps) <= MOST_DRAWN:
        return "", ""
    words = f"{count(len(found.steps), 'step')} and what flows between them, from top to bottom"
    nodes = [LineageNode(str(place), "cell", step.name) for place, step in enumerate(found.steps)]
    edges = [
        LineageEdge(str(source), str(place), names)
        for place, step in enumerate(found.steps)
        for source, names in step.needs.items()
    ]
    states = {
        str(place): State(state_words(step, found, is_timed=False), _colour(step), step.id)
        for place, step in enumerate(found.steps)
    }
    return figure(_forward(nodes, edges), edges, words, states=states), words


def _forward(nodes: list[LineageNode], edges: list[LineageEdge]) -> list[LineageNode]:
    """The boxes in an order in which edges go forward: steps that ran side by side may be noted in any order."""
    into = {node.id: {edge.source for edge in edges if edge.target == node.id} for node in nodes}
    done: list[LineageNode] = []
    while len(done) < len(nodes):
        known = {node.id for node in done}
        done += [node for node in nodes if node.id not in known and into[node.id] <= known] or nodes
    return done[: len(nodes)]


def state_words(step: StepState, found: PipelineHistory, *, is_timed: bool = True) -> str:
    """Shape and words of what became of a step; unless `is_timed`, not how long it has been going on."""
    if step.cached_from is not None:
        return f"◌ kept, saved {duration(step.saved)}" if step.saved >= WORTH_SECONDS else "◌ kept"
    if step.status is None:
        run = run_of(found)
        return "○ waits" if run is not None and run.status == "RUNNING" else "○ not reached"
    shape, word = STATUS_WORDS[step.status]
    if step.status == "RUNNING":
        return f"{shape} {word}{_since(step.started, found.now) if is_timed else ''}"
    took = f" {after(step.status)} {duration(step.duration)}" if step.duration is not None else ""
    return f"{shape} {'ran' if step.status == 'FINISHED' else word}{took}"


def _colour(step: StepState) -> str:
    if step.status is None:
        return GREY
    return BLUE if step.cached_from is not None else STATUS_COLOURS[step.status]


def steps_table(found: PipelineHistory, *, has_logs: bool = False) -> Table:
    """The steps, what became of each, and what it measured; unless it `has_logs` beside it, how to see them."""
    rows = [
        (
            one_line(step.name, 60),
            state_words(step, found),
            one_line(step.stage, 20),
            _measured(step),
            one_line("; ".join(step.gates), 120),
            "" if step.id is None or has_logs else f"%mlops show {step.cached_from or step.id}",
        )
        for step in found.steps
    ]
    columns = ("step", "state", "stage", "metrics", "gates", "logs and all of it")
    return without_empty(Table("Steps, in order", columns, tuple(rows)))


def _measured(step: StepState) -> Words:
    shown = list(step.metrics.items())[:METRICS]
    parts: list[str | Span] = []
    for name, value in shown:
        parts += [f"{', ' if parts else ''}{one_line(name, 24)} ", number_span(value)]
    return tuple(parts) if parts else ""


def past_table(found: PipelineHistory) -> Table:
    """The pipeline's runs."""
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
    return Table(f"Runs of {one_line(found.pipeline, 60)}, the newest first", columns, tuple(rows), right, more)
