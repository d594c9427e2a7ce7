"""A pipeline's panel while a kernel lives: it follows the run that goes on, here or in another process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets

from mlops_nb.panels.blocks import Block, Line, Pre, Span, as_html
from mlops_nb.panels.live import LivePanel, Rows, view_of
from mlops_nb.panels.pipelines import drawn, head_blocks, past_table, run_of, state_words, steps_over, steps_table
from mlops_nb.panels.run import log_blocks
from mlops_nb.panels.runs_view import PAGE
from mlops_nb.panels.theme import framed
from mlops_nb.panels.wording import count, many_lines, one_line
from mlops_nb.pipelines.records import PipelineHistory, StepState

if TYPE_CHECKING:
    from mlops_nb.pipelines.history import FollowedPipelines
    from mlops_nb.tracking.runs import Run

NEWEST = 0
"""In the place of a run's number: the newest, whichever that is."""


LAST_LINES = 15
"""Lines of what a step that goes on has printed."""


class LivePipelines(LivePanel):
    """The state of a live pipeline panel, and the widgets that show it.

    Unless a person opens an earlier run, or asked for one, the newest is shown. Of its steps the one that failed, or
    that goes on, is open until another is chosen.

    Args:
        found: what was found when the panel was asked for.
        source: gives it anew, and steps with what they printed.
    """

    def __init__(self, found: PipelineHistory, source: FollowedPipelines) -> None:
        super().__init__(source, "mlops-pipelines")
        self._pipelines, self._found = source, found
        self.pipeline = found.pipeline
        newest = next(iter(found.past), None)
        is_asked_for = source.which is not None and str(source.which) != found.pipeline
        self.run = found.run if is_asked_for and newest is not None and found.run != newest.id else NEWEST
        self.open: int | None = None
        self.page = 0
        self.steps = self.table
        self.past = Rows()
        self._logged: tuple[object, ...] = ()
        self._reads = 0
        """How often the store was read: a step that goes on may have printed more since."""

        self.head = ipywidgets.HTML()
        self.head.add_class("mlops-head")
        self.style = ipywidgets.HTML(framed(""))
        self.choice = ipywidgets.Dropdown(description="Pipeline")
        self.choice.style.description_width = "initial"
        self.bar = ipywidgets.IntProgress(bar_style="info", layout={"width": "320px", "height": "16px"})
        self.show()
        self.listen(steps=self.steps, past=self.past, picture=self.picture)
        self.choice.observe(lambda _: self.guard(self._choose), "value")

    def read_again(self) -> None:
        """Show what is in the store now."""
        self._reads += 1
        which = self.run or self.pipeline or self._pipelines.which
        self._found = self._pipelines.history(which)
        self.pipeline = self._found.pipeline
        self.show()

    def pass_time(self) -> None:
        """While a run goes on, say how long it has, though nothing was written."""
        going = run_of(self._found)
        if going is not None and going.status == "RUNNING":
            self._found = replace(self._found, now=self._pipelines.now())
            self.show()

    def carry_out(self, said: dict[str, Any]) -> None:
        """Open a step, another run, or turn the page."""
        match said:
            case {"do": "open", "from": "past", "id": int(run)}:
                newest = self._found.past[0].id if self._found.past else None
                self.run, self.open = NEWEST if run == newest else run, None
                self.opened += 1
                self._found = self._pipelines.history(run)
            case {"do": "open", "id": int(step)} if any(each.id == step for each in self._found.steps):
                self.open = step
                self.opened += 1
            case {"do": "page", "page": int(page)}:
                self.page = page

    def _choose(self) -> None:
        """Show another pipeline."""
        if self.choice.value and self.choice.value != self.pipeline:
            self.pipeline, self.run, self.open, self.page = self.choice.value, NEWEST, None, 0
            self._found = self._pipelines.history(self.pipeline)
            self.show()

    def show(self) -> None:
        """Show the run, its steps, the open one's log, and the runs before it."""
        found = self._found
        self.head.value = framed(as_html(head_blocks(found)), style="")
        parts = tuple(self._parts(found))
        if self.box.children != parts:
            self.box.children = parts
        if found.run is None:
            return
        svg, words = drawn(found)
        self.picture.draw(svg, words)
        self._show_progress(found)
        self.steps.view = self._steps_view(found)
        self.past.view = self._past_view(found)
        self._show_log()

    def _parts(self, found: PipelineHistory) -> Iterator[ipywidgets.DOMWidget]:
        yield self.style
        yield self.head
        yield self.mistake
        if found.run is None:
            yield self.table  # its browser's side says whether anybody sees the panel
            return
        if found.others:
            names = sorted({found.pipeline, *found.others})
            options = [(one_line(name, 60), name) for name in names]
            if list(self.choice.options) != options:
                self.choice.options = options
            self.choice.value = found.pipeline
            yield self.choice
        run = run_of(found)
        if run is not None and run.status == "RUNNING":
            yield self.bar
        yield from (self.picture, self.steps, self.detail, self.past)

    def _show_progress(self, found: PipelineHistory) -> None:
        self.bar.max, self.bar.value = max(1, len(found.steps)), steps_over(found)
        self.bar.tooltip = f"{steps_over(found):,} of {count(len(found.steps), 'step')} over"

    def _steps_view(self, found: PipelineHistory) -> dict[str, Any]:
        table = steps_table(found, has_logs=True)
        opened = self._opened()
        return view_of(
            table,
            [step.id for step in found.steps],
            opened=self.opened,
            open=opened.id if opened else None,
            reveals="mlops-detail",
            hint="Click a step, or its box, to read what it printed. Keys on a row: Enter opens, arrows move.",
        )

    def _past_view(self, found: PipelineHistory) -> dict[str, Any]:
        whole, first = past_table(found), self.page * PAGE
        shown = found.past[first : first + PAGE]
        newest = found.past[0].id
        said = f"run {found.run} is shown" + (", and the next when it begins" if self.run == NEWEST else "")
        said += "" if found.run == newest else f"; run {newest} is the newest"
        return view_of(
            replace(whole, rows=whole.rows[first : first + PAGE]),
            [run.id for run in shown],
            opened=self.opened,
            open=found.run,
            reveals="mlops-head",
            page=self.page,
            pages=max(1, -(-len(found.past) // PAGE)),
            said="; ".join(filter(None, (said, whole.more))),
            hint="Click a run to see its steps.",
        )

    def _opened(self) -> StepState | None:
        """The step that is open: the chosen one, else the one that failed or goes on."""
        steps = [step for step in self._found.steps if step.id is not None]
        chosen = [step for step in steps if step.id == self.open]
        failed = [step for step in steps if step.name == self._found.failed]
        going = [step for step in steps if step.status == "RUNNING"]
        return next(iter((*chosen, *failed, *going)), None)

    def _show_log(self) -> None:
        step = self._opened()
        state = (step.id, step.status, self._reads if step.status == "RUNNING" else 0) if step else ()
        if state == self._logged:
            return
        self._logged = state
        self.detail.value = framed(as_html(self._log(step)), style="") if step else ""

    def _log(self, step: StepState) -> Iterator[Block]:
        assert step.id is not None
        state = state_words(step, self._found, is_timed=False)
        yield Line((Span(f"{one_line(step.name, 60)} (run {step.id}): {state}", "strong"),))
        whole = self._pipelines.load(step.id)
        if step.status == "RUNNING":
            yield _last_lines(whole)
            return
        blocks = log_blocks(whole)
        yield from blocks
        if not blocks:
            yield Line("It printed nothing.", "small")
        yield Line(("All of it: ", Span(f"%mlops show {step.cached_from or step.id}", "code")), "small")

    def fail(self, error: Exception) -> None:
        """Say what went wrong with what a person did; a log is read anew then."""
        self._logged = ()
        super().fail(error)


def _last_lines(run: Run) -> Block:
    """The end of what a step has printed so far; all of it stands there when it is over."""
    lines = "\n".join(one.data.get("text/plain", "").rstrip("\n") for one in run.outputs).split("\n")
    if not any(lines):
        return Line("It has printed nothing yet.", "small")
    hidden = len(lines) - LAST_LINES
    return Pre(f"After {count(hidden, 'line')} more" if hidden > 0 else "", many_lines("\n".join(lines[-LAST_LINES:])))
