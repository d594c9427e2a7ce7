"""What became of a pipeline's runs: read back from the store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops_nb.errors import RunNotFound, nearest
from mlops_nb.pipelines.dag import step_calls
from mlops_nb.pipelines.records import DISCARDED, STEPS, PastRun, PipelineHistory, StepCall, StepState
from mlops_nb.store import open_store, search
from mlops_nb.store import runs as rows
from mlops_nb.store.following import Followed
from mlops_nb.store.sessions import mark_killed
from mlops_nb.store.whole_runs import get_run
from mlops_nb.tracking import service
from mlops_nb.tracking.runs import Run, RunSummary
from mlops_nb.tracking.search.query import conjunction, equal
from mlops_nb.tracking.values import safe_repr

if TYPE_CHECKING:
    from mlops_nb.store import Store

MOST_RUNS = 1_000
"""Runs of pipelines that are looked at."""

MOST_PAST = 20


def pipelines(which: str | int | None = None, *, store: Store | None = None) -> PipelineHistory:
    """The newest run of a pipeline with its steps, and the runs before it.

    Args:
        which: the pipeline's name, or the number of one of its runs; by default the pipeline that ran last.
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no pipeline is called that, or the run is none of a pipeline.
    """
    store = store or open_store()
    mark_killed(store)
    known = search.newest(store, conjunction(equal("kind", "pipeline")), MOST_RUNS)
    if not known and which is None:
        return PipelineHistory("", None, now=time.time())
    chosen = _chosen(known, which)
    past = [run for run in known if run.name == chosen.name]
    others = tuple(dict.fromkeys(run.name for run in known if run.name != chosen.name))
    shown = past[:MOST_PAST] if chosen in past[:MOST_PAST] else [*past[: MOST_PAST - 1], chosen]
    whole = get_run(store, chosen.id)
    steps = _steps(store, chosen, whole.source)
    is_bad = chosen.status not in ("FINISHED", "RUNNING")
    failed = next((step.name for step in steps if is_bad and step.status not in ("FINISHED", "RUNNING", None)), "")
    error = f"{whole.error.type}: {whole.error.message}" if whole.error else ""
    return PipelineHistory(
        pipeline=chosen.name,
        run=chosen.id,
        steps=steps,
        past=tuple(_past(store, run) for run in shown),
        total=len(past),
        others=others,
        error=error,
        failed=failed,
        now=time.time(),
    )


class FollowedPipelines(Followed):
    """A pipeline's runs as a live panel wants them: one of them with its steps, a step whole, and what is new.

    Args:
        which: as for `pipelines`.
        store: the store, or None for the one of the working directory.
    """

    again = "%mlops pipelines"

    def __init__(self, which: str | int | None = None, *, store: Store | None = None) -> None:
        self.which = which
        self._store = store or open_store()

    def history(self, which: str | int | None) -> PipelineHistory:
        """The run and the past that `pipelines` gives; what is written from now on is new."""
        self.note_version()
        return pipelines(which, store=self._store)

    def has_changed(self) -> bool:
        """Whether anything was written since this was last asked, or a process that ran a pipeline is gone."""
        return super().has_changed() or mark_killed(self._store) > 0

    def now(self) -> float:
        """The time by which it is told how long a run goes on."""
        return time.time()

    def load(self, run: int) -> Run:
        """The run of a step, whole."""
        return service.show(run, store=self._store)


def _chosen(known: tuple[RunSummary, ...], which: str | int | None) -> RunSummary:
    if which is None:
        return known[0]
    text = str(which)
    for run in known:
        if run.name == text or str(run.id) == text.lstrip("#"):
            return run
    names = list(dict.fromkeys(run.name for run in known))
    near = nearest(text, names) or next(iter(names), "")
    raise RunNotFound(
        f"no pipeline is called {safe_repr(text, 60)}" if known else "no pipeline has run yet",
        f"%mlops pipelines {near}" if near else "python pipeline.py    (a script that %mlops export wrote)",
    )


def _past(store: Store, run: RunSummary) -> PastRun:
    steps = _step_runs(store, run.id)
    cached = sum("cached_from" in step.tags for step in steps)
    return PastRun(run.id, run.status, run.started, run.duration, len(steps), cached, run.metrics)


def _step_runs(store: Store, run_id: int) -> list[RunSummary]:
    """The steps of a run, without those that had to be run again."""
    return [run for run in search.children_of(store, run_id) if run.kind == "step" and DISCARDED not in run.tags]


def _steps(store: Store, run: RunSummary, source: str) -> tuple[StepState, ...]:
    """The steps that began, in that order, then those that a run which goes on, or came to a bad end, did not reach."""
    found = _step_runs(store, run.id)
    names = [each.name for each in found]
    calls = step_calls(source, {*names, *run.tags.get(STEPS, "").split(", ")})
    missed = _not_reached(calls, names) if run.status != "FINISHED" else []
    origins = {each.id: _origin(each) for each in found}
    saved = rows.durations_of(store, [origin for origin in origins.values() if origin is not None])
    needs = _needs(calls, [*names, *missed])
    began = [
        StepState(
            id=each.id,
            name=each.name,
            status=each.status,
            started=each.started,
            duration=each.duration,
            metrics=each.metrics,
            stage=each.tags.get("stage", ""),
            cached_from=origins[each.id],
            saved=saved.get(origins[each.id] or -1, 0.0),
            gates=tuple(text for name, text in sorted(each.tags.items()) if name.startswith("gate.")),
            needs=needs[place],
        )
        for place, each in enumerate(found)
    ]
    rest = [StepState(None, name, None, None, {}, needs=needs[len(began) + n]) for n, name in enumerate(missed)]
    return (*began, *rest)


def _not_reached(calls: tuple[StepCall, ...], ran: list[str]) -> list[str]:
    """The steps that are called and did not run, those in a branch or a loop apart: they may not be meant to."""
    left, found = list(ran), []
    for call in calls:
        if call.step in left:
            left.remove(call.step)
        elif not call.is_conditional:
            found.append(call.step)
    return found


def _origin(run: RunSummary) -> int | None:
    told = run.tags.get("cached_from", "")
    return int(told) if told.isdigit() else None


def _needs(calls: tuple[StepCall, ...], ran: list[str]) -> list[Mapping[int, tuple[str, ...]]]:
    """For each step that ran, the places of those that gave what it takes: a name is of the last that gave it.

    Steps run in the order of the script, or side by side: a run's n-th step of a name is its n-th call.
    """
    places: dict[int, int] = {}
    for number, call in enumerate(calls):
        before = sum(each.step == call.step for each in calls[:number])
        same = [place for place, name in enumerate(ran) if name == call.step]
        if before < len(same):
            places[number] = same[before]
    givers: dict[str, int] = {}
    found: list[Mapping[int, tuple[str, ...]]] = [{} for _ in ran]
    for number, call in enumerate(calls):
        if number in places:
            needs: dict[int, tuple[str, ...]] = {}
            for name in call.inputs:
                if name in givers and givers[name] != places[number]:
                    needs[givers[name]] = (*needs.get(givers[name], ()), name)
            found[places[number]] = needs
            givers |= dict.fromkeys(call.outputs, places[number])
    return found
