"""A sweep that is going on: its run, and a trial for each combination that is left to try."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from mlops_nb.errors import BadArgument, StoreUnavailable
from mlops_nb.store import Store, open_store, search
from mlops_nb.store.whole_runs import get_run
from mlops_nb.tracking import service
from mlops_nb.tracking.place import place
from mlops_nb.tracking.runs import Run, RunSummary, Status
from mlops_nb.tracking.search.query import conjunction, equal
from mlops_nb.tracking.secrets.marks import is_redacted_from
from mlops_nb.tracking.sweeps.combinations import Axis, Scalar, Sweep, axis, combinations, judged, left_to_try, listed


class GoingSweep:
    """A sweep's run and what is left to try.

    Args:
        name: what the sweep and each of its trials is called.
        axes: the parameters and their values.
        sample: how many combinations are drawn; None for all.
        seed: of the draw.
        resume: go on with the newest sweep of that name, which must be the same.
        metrics: the metrics that were named; the first judges the trials.
        tags: of the sweep and each trial.
        source: what is run, for the same sweep to be known again.
        notebook: the notebook it belongs to.
        store: where it is kept, or None for the one of the working directory.

    Raises:
        BadArgument: the combinations cannot be planned, or there is no such sweep to resume.
    """

    def __init__(
        self,
        name: str,
        axes: Sequence[Axis],
        *,
        sample: int | None = None,
        seed: int = 0,
        resume: bool = False,
        metrics: Sequence[str] = (),
        tags: Mapping[str, object] | None = None,
        source: str = "",
        notebook: str = "",
        cell_id: str = "",
        store: Store | None = None,
    ) -> None:
        self.axes, self.metrics, self.tags = tuple(axes), tuple(metrics), dict(tags or {})
        self.source, self.notebook, self.cell_id = source, notebook, cell_id
        self.planned = combinations(axes, sample, seed)
        settings = {one.name: one.text for one in axes} | {"sample": sample, "seed": seed if sample else None}
        self._settings = {name: value for name, value in settings.items() if value is not None}
        self.left: list[Mapping[str, Scalar]] = list(self.planned)
        past = self._past(name, store or open_store()) if resume else None
        self.run = service.ActiveRun(
            name,
            kind="sweep",
            parent=service.active_run(),
            source=source,
            notebook=notebook,
            cell_id=cell_id,
            store=store,
            resume=past,
        )
        self.status: Status = "RUNNING"
        self.notes: list[str] = []
        self.raised: BaseException | None = None
        """What the newest trial raised; None when it finished."""
        self._clock = time.monotonic()
        with self.run.together():
            if past is None:
                self.run.log_params(self._settings)
                for tag, value in self.tags.items():
                    self.run.set_tag(tag, value)

    def _past(self, name: str, store: Store) -> Run:
        """The sweep to go on with, once it is known to be the same; what it has tried is not left any more."""
        found = search.newest(store, conjunction(equal("name", name), equal("kind", "sweep")), 1)
        if not found:
            raise BadArgument(f"there is no sweep {name!r} to resume", "leave out --resume")
        past = get_run(store, found[0].id)
        before = {param.name: param.value for param in past.params}
        if before != self._settings or not _is_same_body(past.source, self.source):
            what = "its combinations" if before != self._settings else "the code"
            raise BadArgument(
                f"the newest sweep {name!r} (run {past.id}) is another one: {what} changed since",
                "leave out --resume to begin anew",
            )
        trials = search.children_of(store, past.id)
        self.left = left_to_try(self.planned, [trial.params for trial in trials if trial.status == "FINISHED"])
        if not self.left:
            raise BadArgument(
                f"the sweep {name!r} (run {past.id}) has tried all of its {len(self.planned):,} combinations",
                f"%mlops show {past.id}",
            )
        return past

    def trial(self, params: Mapping[str, Scalar]) -> service.ActiveRun:
        """A trial of a combination, not begun yet."""
        going = service.ActiveRun(
            self.run.name,
            kind="trial",
            parent=self.run,
            source=self.source,
            notebook=self.notebook,
            cell_id=self.cell_id,
        )
        with going.together():
            for tag, value in self.tags.items():
                going.set_tag(tag, value)
            going.log_params(dict(params))
        return going

    def trials(self) -> tuple[RunSummary, ...]:
        """The trials so far, in the order in which they began."""
        store = self.run.store
        return search.children_of(store, self.run.id) if store is not None and self.run.id is not None else ()

    def seconds_left(self, done: int) -> float | None:
        """About how long the rest takes after `done` trials of this session; None before the first."""
        left = len(self.left) - done
        return (time.monotonic() - self._clock) / done * left if done else None

    def finish(self, status: Status, raised: BaseException | None = None) -> StoreUnavailable | None:
        """End the sweep's run, its metric that of the best trial; the fault when it could not be recorded."""
        if self.status != "RUNNING":
            return None
        self.status = status
        trials = self.trials()
        metric, best = judged(trials, self.metrics)
        if best is not None:
            row = next(trial for trial in trials if trial.id == best)
            self.run.log_metrics({metric: row.metrics[metric]})
            self.run.set_best(best)
        self.run.warnings.extend(self.notes)
        service.record_surroundings(self.run)
        return self.run.finish(status, service.run_error(raised) if raised is not None else None)

    def record(self) -> Sweep:
        """The sweep and its trials as they stand."""
        trials = self.trials()
        metric, best = judged(trials, self.metrics)
        return Sweep(
            id=self.run.id or 0,
            name=self.run.name,
            status=self.status,
            axes=tuple(one.name for one in self.axes),
            planned=len(self.planned),
            trials=trials,
            metric=metric,
            best=best,
            notes=tuple(self.notes),
        )


def _is_same_body(past: str, source: str) -> bool:
    """Whether two cells are the same below the line that says how to sweep; of a loop in Python nobody can tell."""
    if not source.lstrip().startswith("%%"):
        return True
    return is_redacted_from(past.partition("\n")[2].strip(), source.partition("\n")[2].strip())


@contextmanager
def _recorded_trial(sweep: GoingSweep, params: Mapping[str, Scalar]) -> Iterator[Mapping[str, Scalar]]:
    sweep.raised = None
    try:
        with service.recorded(sweep.trial(params)):
            yield params
    except BaseException as raised:
        sweep.raised = raised
        raise


def sweep(
    name: str,
    axes: Mapping[str, Sequence[Scalar] | str],
    *,
    sample: int | None = None,
    seed: int = 0,
    resume: bool = False,
    metrics: Sequence[str] = (),
    tags: Mapping[str, object] | None = None,
    store: Store | None = None,
) -> Iterator[AbstractContextManager[Mapping[str, Scalar]]]:
    """Try combinations of parameters, each as a run of its own in a sweep's run.

        for trial in mlops_nb.sweep("forest", {"depth": [3, 5], "lr": "logspace(1e-4, 1, 5)"}):
            with trial as params:
                mlops_nb.log(accuracy=train(**params))

    A trial that raises is FAILED and its exception goes on; catch it around the block to go on with the next.

    Args:
        name: what the sweep and each of its trials is called.
        axes: parameter to its values, or to a text that `%%mlops sweep --param` understands.
        sample: how many combinations are drawn; None for all.
        seed: of the draw.
        resume: go on with the newest sweep of that name, which must have the same axes.
        metrics: the first judges the trials; by default the commonest.
        tags: of the sweep and each trial.
        store: the store, or None for the one of the working directory.

    Raises:
        BadArgument: the combinations cannot be planned, or there is no such sweep to resume.
    """
    read = [axis(f"{one}={values}") if isinstance(values, str) else listed(one, values) for one, values in axes.items()]
    here = place()
    going = GoingSweep(
        name,
        read,
        sample=sample,
        seed=seed,
        resume=resume,
        metrics=metrics,
        tags=tags,
        source=here.source,
        notebook=here.notebook,
        cell_id=here.cell_id,
        store=store,
    )
    try:
        service.begin(going.run)
        going.run.start_clock()
        for params in going.left:
            yield _recorded_trial(going, params)
    except BaseException:  # Ctrl-C in between, or the loop was left: by what the trial raised, or by `break`
        _end(going, service.status_of(going.raised) if going.raised else "INTERRUPTED")
        raise
    _end(going, "FINISHED")


def _end(going: GoingSweep, status: Status) -> None:
    try:
        _finish(going, status)
    except KeyboardInterrupt:  # a run that is left going would be the parent of all that come
        _finish(going, status)
        raise


def _finish(going: GoingSweep, status: Status) -> None:
    going.run.stop_clock()
    service.end(going.run)
    if fault := going.finish(status, going.raised):
        print(service.not_recorded(going.run.name, fault), file=sys.stderr)
