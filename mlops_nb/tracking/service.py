"""Start, log, finish and find runs: tracking's door to the store."""

from __future__ import annotations

import heapq
import os
import sys
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import BadArgument, NoActiveRun, RunNotFound, StoreUnavailable, nearest
from mlops_nb.reproducibility.usage import Meter
from mlops_nb.store import cells, open_store, search
from mlops_nb.store import runs as rows
from mlops_nb.store.artifacts import put_artifacts
from mlops_nb.store.fits import move_best
from mlops_nb.store.housekeeping import find_deleted, folder_bytes
from mlops_nb.store.location import VARIABLE, home
from mlops_nb.store.registry import versions_of_runs
from mlops_nb.store.sessions import session_id
from mlops_nb.store.unrecorded import record_kept
from mlops_nb.store.whole_runs import get_run
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.place import place
from mlops_nb.tracking.runs import (
    Artifact,
    FileUse,
    Kind,
    Output,
    Run,
    RunCard,
    RunError,
    RunSummary,
    Status,
    StoreStatus,
)
from mlops_nb.tracking.search.query import conjunction, equal
from mlops_nb.tracking.search.service import runs as runs
from mlops_nb.tracking.secrets.redaction import without_secrets
from mlops_nb.tracking.secrets.rules import counted
from mlops_nb.tracking.series import MOST
from mlops_nb.tracking.values import bounded_text, flat_params, metric_number, plain_value, safe_repr, safe_text

if TYPE_CHECKING:
    from mlops_nb.notebook.records import NotebookCell
    from mlops_nb.reproducibility.records import CodeVersion, DataFingerprint, Environment, Usage
    from mlops_nb.store import Store
    from mlops_nb.tracking.artifacts.keeping import Kept
    from mlops_nb.tracking.causes import Causes
    from mlops_nb.tracking.code import Origin
    from mlops_nb.tracking.compare import Comparison
    from mlops_nb.tracking.executions import Execution
    from mlops_nb.tracking.lineage import LineageGraph

MOST_SESSIONS = 50
"""Kernels whose cells are looked at for what led to a run through files."""

RETRY_SECONDS = 5.0
"""How long a run whose store failed keeps what it is told in memory before it tries again."""

Write = Callable[..., object]

_active: list[ActiveRun] = []
"""The runs that are going on in this process, in the order in which they began."""

_begun_here: ContextVar[tuple[ActiveRun, ...]] = ContextVar("begun_here", default=())
"""The runs that this thread or asyncio task, or one it comes from, began; the innermost last."""

_unfinished: deque[ActiveRun] = deque(maxlen=20)
"""The runs whose end could not be written, so that the store has them as RUNNING; it is tried again with the next."""

_ended: deque[tuple[Store, int]] = deque(maxlen=10_000)
"""The runs that ended since `take_ended` was last asked."""


class ActiveRun:
    """A run that is going on, from `begin` to `finish`. What it is told is in the store when the call returns.

    While the store cannot be written, what it is told is kept in memory and written when it can be,
    at latest by `finish`.

    Args:
        name: what the run is called; runs of one name are each other's past.
        kind: cell, code, pipeline or step.
        parent: the run this one is a part of.
        store: where it is kept, or None for the one of the working directory.
        resume: the run that goes on, instead of a new one; its name, kind, source and past stay.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: Kind = "code",
        parent: ActiveRun | None = None,
        source: str = "",
        notebook: str = "",
        cell_id: str = "",
        execution_count: int | None = None,
        store: Store | None = None,
        resume: Run | None = None,
    ) -> None:
        self.name = resume.name if resume else bounded_text(name, 200)
        self.kind = resume.kind if resume else kind
        self.parent = parent
        self.uid = resume.uid if resume else uuid.uuid4().hex
        self.id: int | None = None
        self.started = time.time()
        self.has_named_params = False
        self.has_named_metrics = False
        self.model: object = None
        self.has_estimators_apart = False
        self.autologged: set[str] = set()
        self.warnings: list[str] = list(resume.warnings) if resume else []
        self._resumed = resume
        self.fault: StoreUnavailable | None = None
        self._row = {
            "uid": self.uid,
            "name": self.name,
            "kind": kind,
            "status": "RUNNING",
            "started": self.started,
            "notebook": notebook,
            "cell_id": cell_id,
            "execution_count": execution_count,
        }
        self._source = source
        self._secrets: set[tuple[str, str]] = set()
        self._waiting: list[tuple[Write, tuple[object, ...]]] = []
        self._is_holding = False
        self._tried = 0.0
        self._lock = threading.RLock()
        self._store = store or (parent.store if parent else None)
        self._pid = os.getpid()
        self.thread = threading.get_ident()
        self._duration: float | None = None
        self._usage: Usage | None = None
        self._meter: Meter | None = None
        self._clock = time.perf_counter()

    @property
    def store(self) -> Store | None:
        """The store it is kept in; None while none could be opened."""
        return self._store

    def _opened(self) -> Store:
        if self._store is None:
            self._store = open_store()
        elif self._pid != os.getpid():
            self._store, self._pid = open_store(folder=self._store.folder), os.getpid()
        return self._store

    def _write(self, function: Write, *values: object) -> None:
        with self._lock:
            self._waiting.append((function, values))
            if not self._is_holding and not (self.fault and time.monotonic() - self._tried < RETRY_SECONDS):
                self._flush()

    def _flush(self, durable: bool = False) -> None:
        """Write everything that waits, in one transaction; keep it when the store fails.

        What was written is forgotten inside the transaction: a Ctrl-C that waited for it comes right after.
        """
        with self._lock:
            self._flush_locked(durable)

    def _flush_locked(self, durable: bool) -> None:
        before, waiting = self.id, self._waiting
        try:
            store = self._opened()
            session = session_id(store) if self.id is None else 0
            found: set[tuple[str, str]] = set()
            (name, source), told = self._without_secrets(store, waiting, found)
            with store.transaction(durable=durable) as connection:
                run_id = self.id
                if run_id is None and self._resumed is not None:
                    run_id = self._resumed.id
                    rows.reopen_run(connection, run_id, session)
                elif run_id is None:
                    row = {**self._row, "parent_id": self.parent.id if self.parent else None, "session_id": session}
                    row["name"] = name
                    run_id = rows.insert_run(connection, {**row, "source_id": rows.source_id(connection, source)})
                for function, values in told:
                    function(connection, run_id, *values)
                if found:
                    rows.add_redacted(connection, run_id, counted(self._secrets | found) - counted(self._secrets))
                self.id, self.fault, self._waiting = run_id, None, []
                self._secrets |= found
        except StoreUnavailable as error:
            self.id, self.fault, self._waiting = before, error, waiting
            self._tried = time.monotonic()

    def _without_secrets(
        self, store: Store, waiting: Sequence[tuple[Write, tuple[object, ...]]], found: set[tuple[str, str]]
    ) -> tuple[tuple[str, str], list[tuple[Write, tuple[object, ...]]]]:
        """Name and source, where they are still to be written, and all that waits, as they may reach the disk."""
        own = without_secrets((self.name, self._source), store, found) if self.id is None else ("", "")
        told = [
            (write, values if write is rows.add_points else without_secrets(values, store, found))
            for write, values in waiting
        ]
        return own, told

    @contextmanager
    def together(self) -> Iterator[None]:
        """Hold what the run is told in this block, for one transaction with what it is told next."""
        before, self._is_holding = self._is_holding, True
        try:
            yield
        finally:
            self._is_holding = before

    def log(self, step: int | None = None, **metrics: object) -> None:
        """Log metrics by keyword, at a step when they are a series.

        Raises:
            BadArgument: a value is not a number.
        """
        self.log_metrics(metrics, step)

    def log_metrics(self, metrics: Mapping[str, object], step: int | None = None, *, inferred: int = False) -> None:
        """Log metrics by name; NaN and infinite values are kept as what they are."""
        now = time.time()
        at = _step(step)
        points = [(bounded_text(str(name), 200), at, _number(name, value), now) for name, value in metrics.items()]
        self.has_named_metrics |= not inferred
        self._write(rows.add_points, points, inferred)

    def log_params(self, params: Mapping[str, object], *, inferred: int = False) -> None:
        """Log parameters; nested dicts are flattened with dots, what has no plain form is kept as its `repr`."""
        if not isinstance(params, Mapping):
            raise BadArgument(
                f"log_params takes a dict, not {safe_repr(params, 60)}", 'mlops_nb.log_params({"depth": 3})'
            )
        self.has_named_params |= not inferred
        flat = {bounded_text(name, 200): plain_value(value) for name, value in flat_params(params).items()}
        self._write(rows.add_params, flat, inferred)

    def set_tag(self, name: str, value: object) -> None:
        """Set a tag; the newest value of a name stands."""
        text = value if isinstance(value, str) else safe_repr(value)
        self._write(rows.set_tags, {bounded_text(safe_text(name), 200): bounded_text(text)})

    def set_best(self, trial: int) -> None:
        """Tag the best of its trials, and name it by a tag of its own."""
        self._write(move_best, trial)

    def set_note(self, text: str) -> None:
        """Write what a person has to say about the run, in place of what was written before."""
        self._write(rows.set_note, bounded_text(str(text)))

    def log_artifact(self, what: object, name: str | None = None, *, pickle: bool = False) -> Artifact | None:
        """Keep something with the run under a name; what had that name before is replaced.

        None where the store cannot take it: one line on stderr says so, and the run has it as a warning.

        Args:
            what: a file or folder (its path), a DataFrame, an array, a Matplotlib or Plotly figure, a fitted
                model, a dict or list, bytes, or anything at all when `pickle` is True.
            name: may have folders in it; for a value it gets the ending of its form, and may choose the form
                by one (`.csv` or `.parquet`, `.png` or `.svg`). A file or folder has its own name by default.
            pickle: keep a value as a pickle, which is loaded only when asked to.

        Raises:
            BadArgument: it is not there, cannot be kept, or the name is not allowed.
            MissingExtra: its form needs a library that is not installed.
        """
        from mlops_nb.tracking.artifacts.keeping import kept

        return self._keep(lambda store: kept(store, what, name, as_pickle=pickle))

    def log_text(self, text: str, name: str) -> Artifact | None:
        """Keep a text with the run, under a name that ends in .txt unless it has another ending of a text."""
        from mlops_nb.tracking.artifacts.keeping import kept_text

        return self._keep(lambda store: kept_text(store, text, name))

    def _keep(self, kept: Callable[[Store], AbstractContextManager[Kept]]) -> Artifact | None:
        try:
            with kept(self._opened()) as done:
                self._write(put_artifacts, done.path, done.files)
            return done.whole()
        except StoreUnavailable as fault:
            self.warnings.append(f"an artifact was not kept: {fault.what}")
            print(f"mlops_nb: an artifact was not kept: {fault.what}. Try: {fault.fix}", file=sys.stderr)
            return None

    def log_confusion_matrix(
        self,
        y_true: Iterable[object],
        y_pred: Iterable[object],
        *,
        labels: Iterable[object] | None = None,
        name: str = "confusion_matrix",
    ) -> Artifact | None:
        """Keep the confusion matrix of two columns of labels as data; `%mlops artifacts` draws it.

        Raises:
            BadArgument: unequal lengths, more than one value a row, a missing label, or too many labels.
        """
        from mlops_nb.tracking.artifacts.names import confusion_matrix

        return self.log_artifact(confusion_matrix(y_true, y_pred, labels), name)

    def add_outputs(self, outputs: Sequence[Output]) -> None:
        """Keep what the cell showed."""
        if outputs:
            self._write(rows.add_outputs, outputs)

    def add_data(self, data: Sequence[DataFingerprint]) -> None:
        """Keep what the run read."""
        if data:
            self._write(rows.add_data, data)

    def add_seeds(self, seeds: Mapping[str, object]) -> None:
        """Keep what the run seeded, and with what."""
        if seeds:
            self._write(rows.set_seeds, seeds)

    def add_executions(self, ran: Sequence[Execution], others: Sequence[int] = ()) -> None:
        """Keep cells in the order in which they ran; this run, and others that are over, were made in the last."""
        self._write(cells.add_executions, tuple(ran), tuple(others))

    def add_surroundings(self, environment: Environment | None, code: CodeVersion | None) -> None:
        """Keep the packages and the commit the run was made with."""
        self._write(rows.set_surroundings, environment, code)

    def begin(self) -> None:
        """Put it into the store as RUNNING."""
        self._flush()

    def start_clock(self) -> None:
        """Time, CPU and memory count from now: what was done to record the run is not its own."""
        self._meter = Meter()
        self._clock = time.perf_counter()

    def stop_clock(self) -> None:
        """Time, CPU and memory count until now; a run that was resumed had some before."""
        before = self._resumed
        self._duration = time.perf_counter() - self._clock + (before.duration or 0.0 if before else 0.0)
        self._usage = self._meter.end() if self._meter else None
        if self._usage and before and before.usage:
            self._usage = self._usage.together(before.usage)

    def took(self, seconds: float) -> None:
        """Its duration, where that is known otherwise than by its clock."""
        self._duration = seconds

    def is_part_of(self, run: ActiveRun) -> bool:
        """Whether it is a child of the run, or a child's child."""
        return self.parent is not None and (self.parent is run or self.parent.is_part_of(run))

    def measured(self) -> dict[str, float]:
        """The last value of each metric in the store."""
        if self._store is None or self.id is None:
            return {}
        return {metric.name: metric.value for metric in rows.metrics_of(self._store, self.id)}

    def keep(self, function: Write, *values: object) -> None:
        """Have a row function called with the connection of a transaction, the run's number and these values."""
        self._write(function, *values)

    def finish(
        self,
        status: Status = "FINISHED",
        error: RunError | None = None,
        *,
        durable: bool = True,
    ) -> StoreUnavailable | None:
        """End the run, on disk when this returns; the fault when it could not be recorded, else None.

        Args:
            status: how it ended.
            error: what ended it.
            durable: wait for the disk; not where a run that it is a part of will.
        """
        if self._duration is None:
            self.stop_clock()
        self._waiting.append((rows.finish_run, (status, self._duration, error, tuple(self.warnings), self._usage)))
        if self.id is not None and self._store is not None and self._store.is_gone():
            self.fault = StoreUnavailable(
                f"the store {self._store.folder} was removed while the run went on", "run it again to begin a new store"
            )
        else:
            self._flush(durable)
            if self.fault is not None and self.id is not None:
                _unfinished.append(self)
        self._note_ended()
        return self.fault

    def _note_ended(self) -> None:
        if self.fault is None and self.parent is None and self._store is not None and self.id is not None:
            _ended.append((self._store, self.id))

    def finish_late(self) -> bool:
        """Write the end of a run that could not be written when it came; whether there is nothing more to try."""
        if self._store is None or self._store.is_gone() or self._pid != os.getpid():
            return True
        self._flush(durable=True)
        self._note_ended()
        return self.fault is None


def _step(step: object) -> int | None:
    if step is None or type(step) is int:
        return step
    number = metric_number(step)
    if number is None or not number.is_integer() or abs(number) >= 2**63:
        raise BadArgument(f"step == {safe_repr(step, 60)}, must be a whole number", "mlops_nb.log(loss=0.1, step=3)")
    return int(number)


def _number(name: object, value: object) -> float:
    number = metric_number(value)
    if number is None:
        raise BadArgument(
            f"metric {name} == {safe_repr(value, 60)}, must be a number",
            f"mlops_nb.log_params({{{str(name)!r}: ...}})    (for what is not a number)",
        )
    return number


def active_run() -> ActiveRun | None:
    """The innermost run that is going on in this thread or asyncio task.

    A thread that has begun none is part of what the main thread does.
    """
    begun = _begun_here.get()
    if begun:
        return next((run for run in reversed(begun) if run in _active), None)
    main = threading.main_thread().ident
    return next((run for run in reversed(_active) if run.thread == main), None)


def begin(run: ActiveRun) -> ActiveRun:
    """Make a run the innermost one, and put it into the store.

    Whoever calls this ends the run whatever it raises: Ctrl-C comes when it comes.
    """
    _active.append(run)
    _begun_here.set((*(each for each in _begun_here.get() if each in _active), run))
    run.begin()
    if _unfinished and run.fault is None:
        _unfinished.extend([each for each in _drained(_unfinished) if not each.finish_late()])
    return run


def _drained(runs: deque[ActiveRun]) -> list[ActiveRun]:
    found = list(runs)
    runs.clear()
    return found


def end(run: ActiveRun) -> None:
    """Take a run, and any that its thread left inside it, off the runs that are going on."""
    _active[:] = [
        each for each in _active if each is not run and not (each.is_part_of(run) and each.thread == run.thread)
    ]
    _begun_here.set(tuple(each for each in _begun_here.get() if each in _active))


def required_run(call: str) -> ActiveRun:
    """The innermost run, or an error that says how to begin one.

    Raises:
        NoActiveRun: no run is going on.
    """
    if run := active_run():
        return run
    raise NoActiveRun(
        f"mlops_nb.{call} was called while no run is active", "%%mlops run NAME    (as the cell's first line)"
    )


@contextmanager
def run(
    name: str,
    *,
    kind: Kind = "code",
    source: str = "",
    notebook: str = "",
    tags: Mapping[str, object] | None = None,
    store: Store | None = None,
) -> Iterator[ActiveRun]:
    """Record the block as a run; inside another run it becomes that one's child.

    A block that raises is FAILED, an interrupted one INTERRUPTED; the exception goes on. When the store
    cannot be used the block runs all the same, and one line on stderr says what was not recorded.

    Args:
        name: what the run is called.
        kind: code, step or pipeline.
        source: its source text; in a notebook that of the cell it stands in.
        notebook: the notebook it belongs to.
        tags: tags to begin with.
        store: the store, or None for the one of the working directory.
    """
    here = place()
    going = ActiveRun(
        name,
        kind=kind,
        parent=active_run(),
        source=source or here.source,
        notebook=notebook or here.notebook,
        cell_id=here.cell_id,
        execution_count=here.execution_count,
        store=store,
    )
    with recorded(going):
        for tag, value in (tags or {}).items():
            going.set_tag(tag, value)
        yield going


@contextmanager
def recorded(going: ActiveRun) -> Iterator[ActiveRun]:
    """Record the block as this run, and end it as the block ends."""
    status: Status = "FINISHED"
    error = None
    try:
        begin(going)
        going.start_clock()
        yield going
    except BaseException as raised:
        status = status_of(raised)
        error = run_error(raised)
        raise
    finally:
        try:
            _finish(going, status, error)
        except KeyboardInterrupt:  # a run that is left going would be the parent of all that come
            _finish(going, status, error)
            raise


def _finish(going: ActiveRun, status: Status, error: RunError | None) -> None:
    going.stop_clock()
    end(going)
    record_surroundings(going)
    if fault := going.finish(status, error):
        print(not_recorded(going.name, fault), file=sys.stderr)


@contextmanager
def resume(ref: int | str, *, store: Store | None = None) -> Iterator[ActiveRun]:
    """Go on with a run that is over, or that another notebook has going: what the block logs is added to it.

    Its parameters, metrics, tags and the time it took stay and grow; it ends as the block does.

    Args:
        ref: its number, its id or the beginning of it, or a name (its newest run).
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that.
    """
    store = store or open_store()
    with recorded(ActiveRun("", resume=find_run(ref, store), store=store)) as going:
        yield going


def record_surroundings(going: ActiveRun) -> None:
    """Note packages and commit, to be written when the run finishes."""
    from mlops_nb.reproducibility.service import code_version, environment

    with going.together():
        going.add_surroundings(environment(), code_version(home()))


def record_executions(ran: Sequence[Execution], run_ids: Sequence[int], store: Store) -> None:
    """Keep cells in the order in which they ran, and that these runs were made in the last."""
    session, ran = session_id(store), without_secrets(tuple(ran), store, set())
    with store.transaction() as connection:
        cells.insert_executions(connection, session, ran, run_ids)


def take_ended() -> list[tuple[Store, int]]:
    """Store and number of the runs that ended in this process since this was last asked; parts of a run apart."""
    found = list(_ended)
    _ended.clear()
    return found


def not_recorded(name: str, fault: StoreUnavailable) -> str:
    """The one line that says a run is not in the store, and what to do."""
    return f"mlops_nb: run {bounded_text(name, 60)!r} was not recorded: {fault.what}. Try: {fault.fix}"


def status_of(raised: BaseException | None) -> Status:
    """The status of a run that ended with this exception."""
    if raised is None:
        return "FINISHED"
    return (
        "INTERRUPTED"
        if isinstance(raised, KeyboardInterrupt) or type(raised).__name__ == "CancelledError"
        else "FAILED"
    )


def run_error(raised: BaseException) -> RunError:
    """The exception as a record, bounded; never raises."""
    try:
        message = str(raised)
    except Exception:  # a user's __str__ may raise anything
        message = f"(its message cannot be shown: {type(raised).__name__}.__str__ raises)"
    trace = raised.__traceback__
    while trace is not None and trace.tb_next is not None and _is_machinery(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    try:
        lines = "".join(traceback.format_exception(type(raised), raised, trace))
    except Exception:  # the traceback prints the message, too
        lines = "".join(traceback.format_tb(trace))
    return RunError(type(raised).__name__, bounded_text(message, 2_000), _tail(lines))


_PACKAGE = str(Path(__file__).parent.parent)


def _is_machinery(filename: str) -> bool:
    return filename.startswith(_PACKAGE) or filename.endswith(("interactiveshell.py", "contextlib.py"))


def _tail(text: str, limit: int = 20_000) -> str:
    text = text if len(text) <= limit else f"… ({len(text) - limit} characters)\n{text[-limit:]}"
    return text.encode("utf-8", "replace").decode("utf-8")


def show(ref: int | str, *, store: Store | None = None) -> Run:
    """All of a run.

    Args:
        ref: its number, its id or the beginning of it, or a name (its newest run).
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that.
    """
    store = store or open_store()
    run = find_run(ref, store)
    made = tuple(f"{name}/{number}" for name, number, _ in versions_of_runs(store, [run.id]))
    return replace(_with_curves(run, store), registered=made)


CURVES = 12
"""Series that are read to be drawn."""


def _with_curves(run: Run, store: Store, most: int = MOST) -> Run:
    """The run with its series, as they are drawn."""
    series = [metric.name for metric in run.metrics if metric.count > 1][:CURVES]
    return replace(run, curves=rows.curves_of(store, run.id, series, most)) if series else run


def series(ref: int | str, metric: str | None = None, *, store: Store | None = None) -> tuple[str, list[float]]:
    """The name of a metric and every value of it that a run logged, in order.

    Args:
        ref: the run, named as for `show`.
        metric: the metric; may be left out where the run logged only one more than once.
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that.
        BadArgument: it logged no metric of that name, or there are several.
    """
    store = store or open_store()
    run = find_run(ref, store)
    names = [one.name for one in run.metrics]
    several = [one.name for one in run.metrics if one.count > 1]
    name = metric or (several[0] if len(several) == 1 else "")
    if name in names:
        return name, [value for _, value, _ in rows.points(store, run.id, name)]
    logged = bounded_text(", ".join(several or names), 200) or "no metric"
    what = f"of run {run.id} one metric must be named" if metric is None else f"run {run.id} has no metric {metric!r}"
    near = nearest(metric or "", names) or next(iter(several or names), "")
    raise BadArgument(f"{what}; it logged {logged}", f"%mlops watch {run.id} {near}".rstrip())


def find_run(ref: int | str, store: Store) -> Run:
    """All of a run but its series.

    Raises:
        RunNotFound: no run is called that.
    """
    found = rows.find_run(store, str(ref))
    if found is None:
        deleted = find_deleted(store, str(ref))
        if deleted is not None:
            raise RunNotFound(f"run {bounded_text(str(ref), 60)!r} is deleted", f"%mlops restore {deleted}")
        names = list(dict.fromkeys(name for _, name in rows.names_and_ids(store)))
        near = nearest(str(ref), names)
        raise RunNotFound(
            f"no run is called {bounded_text(str(ref), 60)!r}", f"%mlops show {near}" if near else "%mlops runs"
        )
    run = get_run(store, found)
    return replace(run, read_from=_read_from(run, store)) if run.data or run.kind in _READ_FILES else run


_READ_FILES = ("cell", "code", "sweep")
"""Kinds of runs whose cell may have read files into what is no data."""


def _read_from(run: Run, store: Store) -> dict[str, tuple[FileUse, ...]]:
    """The files behind each name of a run's data; nothing is looked into where no cell of its kernel read a file."""
    place = cells.place_of_run(store, run.id)
    if place is None or not cells.has_files(store, place[0]):
        return {}
    from mlops_nb.tracking.lineage import files_behind

    behind = files_behind(_history(store, place[0]), place[1], {one.root for one in run.data})
    named = {one.name: behind[one.root] for one in run.data if one.root in behind}
    return named | {"": behind[""]} if "" in behind else named


def annotate(
    ref: int | str,
    *,
    note: str | None = None,
    tags: Mapping[str, object] | None = None,
    remove: Sequence[str] = (),
    store: Store | None = None,
) -> Run:
    """Write a note about a run, set its tags or remove some, also when it is long over; the run as it is then.

    Args:
        ref: the run, named as for `show`.
        note: what there is to say, in place of what was written before; an empty text removes it.
        tags: tags to set; the newest value of a name stands.
        remove: names of tags to remove.
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that.
        BadArgument: a tag to remove is not there.
    """
    store = store or open_store()
    run = find_run(ref, store)
    if missing := [name for name in remove if name not in run.tags]:
        near = nearest(missing[0], run.tags)
        what = f"run {run.id} has no tag {bounded_text(missing[0], 60)!r}"
        raise BadArgument(what, f"%mlops tag {run.id} --remove {near}" if near else f"%mlops show {run.id}")
    texts = {name: value if isinstance(value, str) else safe_repr(value) for name, value in (tags or {}).items()}
    found: set[tuple[str, str]] = set()
    note, texts = without_secrets((note, texts), store, found)
    with store.transaction() as connection:
        if note is not None:
            rows.set_note(connection, run.id, bounded_text(note))
        rows.set_tags(connection, run.id, {bounded_text(name, 200): bounded_text(text) for name, text in texts.items()})
        if found:
            rows.add_redacted(connection, run.id, counted(found))
        rows.remove_tags(connection, run.id, remove)
    return get_run(store, run.id)


def compare(left: int | str, right: int | str, *more: int | str, store: Store | None = None) -> Comparison:
    """Two or more runs and only what differs between them; each named as for `show`."""
    from mlops_nb.tracking.compare import comparison

    store = store or open_store()
    return comparison([_origin(ref, store) for ref in (left, right, *more)])


def _origin(ref: int | str, store: Store) -> Origin:
    """A run and what led to it."""
    from mlops_nb.tracking.code import origin_of

    run = show(ref, store=store)
    return origin_of(run, lineage(run.id, store=store))


def why(left: int | str, right: int | str, *, metric: str | None = None, store: Store | None = None) -> Causes:
    """What could explain that a metric differs between two runs, the most plausible first.

    Args:
        left: the run before, named as for `show`.
        right: the run after.
        metric: the metric to explain; by default the first that differs.
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that.
        BadArgument: neither run has the metric.
    """
    from mlops_nb.reproducibility.service import distributions_of, needs_of
    from mlops_nb.tracking.causes import causes
    from mlops_nb.tracking.code import imported_modules

    store = store or open_store()
    before, after = _origin(left, store), _origin(right, store)
    known = {each.name for origin in (before, after) for each in origin.run.metrics}
    if metric is not None and metric not in known:
        near = nearest(metric, known) or next(iter(sorted(known)), "")
        raise BadArgument(
            f"metric == {bounded_text(metric, 60)!r}, neither run has it",
            f"%mlops why {before.run.id} {after.run.id}" + (f" --metric {near}" if near else ""),
        )
    distributions = distributions_of(imported_modules((*before.cells, *after.cells)))
    needs = needs_of({name for names in distributions.values() for name in names})
    return causes(before, after, metric=metric, distributions=distributions, needs=needs)


def lineage(
    ref: int | str,
    *,
    saved: Callable[[Store, str], Sequence[NotebookCell] | None] | None = None,
    store: Store | None = None,
) -> LineageGraph:
    """What led to a run: the cells, files, parameters and runs, as they were executed.

    Args:
        ref: the run, named as for `show`.
        saved: gives the cells of a notebook, by its name in the store, as they are saved now; None where unknown.
        store: the store, or None for the one of the working directory.

    Raises:
        RunNotFound: no run is called that.
    """
    from mlops_nb.tracking import lineage as graphs

    store = store or open_store()
    record_kept(store)
    run = find_run(ref, store)
    found = cells.place_of_run(store, run.id)
    if found is None:
        return graphs.without_cells(run)
    history = _history(store, found[0])
    notebooks = {name: saved(store, name) for name in {one.notebook for one in history} if name} if saved else {}
    return graphs.lineage(
        run,
        history,
        found[1],
        run_names=rows.names_of(store, [number for one in history for number in one.runs]),
        notebooks={name: found for name, found in notebooks.items() if found is not None},
        files_now=_files_now(store, history),
    )


def _history(store: Store, session: int) -> list[Execution]:
    """The cells of a session, and of those that wrote files it read, in the order in which they ran."""
    found = {session: cells.executions(store, session=session)}
    while len(found) < MOST_SESSIONS:
        paths = {use.path for ran in found.values() for one in ran for use in one.files if use.is_read}
        more = [each for each in cells.sessions_that_wrote(store, sorted(paths)) if each not in found]
        if not more:
            break
        found |= {each: cells.executions(store, session=each) for each in more[-MOST_SESSIONS:]}
    return [one for _, one in heapq.merge(*map(_timed, found.values()), key=lambda pair: pair[0])]


def _timed(ran: Sequence[Execution]) -> Iterator[tuple[float, Execution]]:
    """The cells with times that never go back, though a clock may: within a kernel the order is known."""
    time_so_far = 0.0
    for one in ran:
        time_so_far = max(time_so_far, one.started)
        yield time_so_far, one


def _files_now(store: Store, history: Sequence[Execution]) -> dict[str, tuple[int, float] | None]:
    """Size and time of the files that were read, as they are now; addresses and packaged data are not looked at."""
    paths = {use.path for one in history for use in one.files if use.is_read and use.count == 1}
    return {path: _file_now(store, path) for path in paths if "://" not in path and path[:14] != "site-packages/"}


def _file_now(store: Store, path: str) -> tuple[int, float] | None:
    try:
        state = (store.folder.parent / Path(path).expanduser()).stat()
    except (OSError, ValueError, RuntimeError):
        return None
    return state.st_size, state.st_mtime


SPARKS = 40
"""Buckets of a series on a card."""


def card(run_id: int, *, store: Store) -> RunCard:
    """A finished run, its outputs apart, beside the earlier FINISHED runs of its name."""
    whole = _with_curves(get_run(store, run_id, with_outputs=False), store, SPARKS)
    past = rows.previous_run(store, whole.name, run_id)
    if past is None:
        return RunCard(whole, {}, {})
    names = [metric.name for metric in whole.metrics]
    best = rows.best_earlier(store, whole.name, run_id, names, [name for name in names if lower_is_better(name)])
    previous = {metric.name: metric.value for metric in rows.metrics_of(store, past)}
    return RunCard(whole, previous, best, past)


def status(*, notebook: str = "", tracking: bool = False, store: Store | None = None) -> StoreStatus:
    """Where the store is and what it holds."""
    from mlops_nb.store.connection import SCHEMA_VERSION

    store = store or open_store()
    last = search.newest(store, conjunction(), 1)
    counted = rows.counts(store)
    return StoreStatus(
        path=str(store.folder),
        size_bytes=folder_bytes(store.folder),
        schema_version=SCHEMA_VERSION,
        notebook=notebook,
        tracking=tracking,
        runs=counted["runs"],
        cells=counted["executions"],
        sessions=counted["sessions"],
        artifacts=counted["artifacts"],
        by_status=rows.runs_by_status(store),
        last_run=last[0] if last else None,
    )


def use_store(folder: str | Path) -> Store:
    """Use this store folder for the rest of the process and its children; made when it is not there.

    Raises:
        StoreUnavailable: it cannot be; the one used so far stays.
    """
    chosen = Path(folder).expanduser().absolute()
    store = open_store(folder=chosen)
    os.environ[VARIABLE] = str(chosen)
    return store


def newest_runs(
    name: str, *, kind: str = "cell", store: Store | None = None, limit: int = 20
) -> tuple[RunSummary, ...]:
    """The newest FINISHED runs of a name."""
    store = store or open_store()
    wanted = conjunction(equal("name", name), equal("kind", kind), equal("status", "FINISHED"))
    return search.newest(store, wanted, limit)
