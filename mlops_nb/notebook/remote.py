"""Trials of a sweep on Dask workers: each runs the cell's text in a namespace of its own and sends back its run."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import BadUsage, MlopsError
from mlops_nb.notebook.cells import read_cell, without_fixed
from mlops_nb.notebook.inference import OBSERVER, MetricObserver, inferred_metrics, observer_of
from mlops_nb.notebook.ipython_syntax import cell_text
from mlops_nb.notebook.sweep import EndedTrial
from mlops_nb.pipelines.engines.cluster import connected
from mlops_nb.tracking.elsewhere import Outcome, kept, outcome_of
from mlops_nb.tracking.runs import Output
from mlops_nb.tracking.sweeps.combinations import Scalar
from mlops_nb.tracking.values import metric_number

if TYPE_CHECKING:
    from mlops_nb.tracking.service import ActiveRun
    from mlops_nb.tracking.sweeps.trials import GoingSweep

Series = Mapping[str, Sequence[tuple[int | None, float, float]]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a worker needs to run a cell: its text, the names it reads (pickled), what to record."""

    name: str
    source: str
    body: str
    metrics: tuple[str, ...]
    swept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial that ran elsewhere: its run, and what it raised where that can be sent."""

    outcome: Outcome
    raised: BaseException | None


def trial_of(name: str, source: str, metrics: Sequence[str], swept: Sequence[str]) -> Trial:
    """The trial of a cell.

    Raises:
        BadUsage: the cell has syntax of IPython's own, which a worker does not run.
    """
    text = cell_text(source)
    body = text.python
    foreign = [line for line in body_lines(source) if line.lstrip().startswith(("%", "!"))]
    if text.escapes or not text.is_python or foreign:
        first = foreign[0].strip() if foreign else "syntax of IPython's own"
        raise BadUsage(
            f"Dask workers run plain Python, and the cell has {first[:60]!r}",
            "take it out of the cell, or leave out --engine dask",
        )
    if read_cell(source).awaits:
        raise BadUsage(
            "Dask workers do not run a cell that awaits", "take `await` into a function, or leave out --engine dask"
        )
    return Trial(name, source, body, tuple(metrics), tuple(swept))


def body_lines(source: str) -> list[str]:
    """The lines of a cell below its `%%mlops` lines."""
    lines = source.splitlines()
    while lines and lines[0].lstrip().startswith("%%mlops"):
        lines = lines[1:]
    return lines


def pickled(source: str, namespace: Mapping[str, object], swept: Collection[str]) -> bytes:
    """What the cell reads of the namespace, as a worker can be sent it.

    Raises:
        BadUsage: one of the values cannot be sent.
    """
    import cloudpickle

    found = {
        name: namespace[name]
        for name in read_cell(source).reads
        if name in namespace and name not in swept and name != "get_ipython"
    }
    at_home = FunctionType(_names.__code__, namespace if isinstance(namespace, dict) else {})
    try:
        return bytes(cloudpickle.dumps((at_home, found)))
    except Exception as whole:  # a user's object may raise anything when it is pickled
        for name, value in found.items():
            try:
                cloudpickle.dumps(value)
            except Exception as error:
                raise BadUsage(
                    f"{name} cannot be sent to Dask workers: {type(error).__name__}: {str(error)[:200]}",
                    f"make {name} in the cell itself, or leave out --engine dask",
                ) from None
        raise BadUsage(f"what the cell reads cannot be sent to Dask workers: {whole}") from None


def _names() -> dict[str, Any]:
    """The global names where this is; sent along, the ones that the notebook's functions have on the worker."""
    return globals()


def run_trial(trial: Trial, names: bytes, params: Mapping[str, Scalar]) -> Tried:
    """Run a trial where this is called: a worker, which need not see the store."""
    import cloudpickle

    from mlops_nb.store.database import Store
    from mlops_nb.tracking import service

    at_home, found = cloudpickle.loads(names)
    namespace: dict[str, Any] = at_home()
    namespace |= {"__name__": "__main__", **found, **params}
    raised: BaseException | None = None
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        store = Store(Path(folder) / ".mlops")
        stack.callback(store.close)
        said = stack.enter_context(redirect_stdout(StringIO())) if _is_alone_on_worker() else StringIO()
        try:
            with service.run(trial.name, kind="trial", source=trial.source, store=store) as going:
                going.log_params(dict(params))
                try:
                    measured = _run(trial, namespace)
                finally:
                    if said.getvalue():
                        going.add_outputs([Output("stream", "stdout", {"text/plain": said.getvalue()[-65_536:]})])
                _log(going, trial, namespace, measured)
        except Exception as error:  # the cell is the user's; what it raised goes back with its run
            raised = error
        assert going.id is not None
        return Tried(outcome_of(store, going.id), raised if _is_sendable(raised) else None)


def _is_alone_on_worker() -> bool:
    """Whether no other trial may print in this process meanwhile."""
    with suppress(ImportError, ValueError, AttributeError):
        from distributed import get_worker

        return bool(get_worker().state.nthreads == 1)
    return False


def _run(trial: Trial, namespace: dict[str, Any]) -> dict[str, float]:
    """Run the cell's statements; the results of metric functions that got no name."""
    measured: dict[str, float] = {}
    tree = ast.parse(trial.body)
    tree.body = without_fixed(tree.body, trial.swept)
    if not trial.metrics:
        namespace[OBSERVER] = observer_of(measured)
        MetricObserver().visit(tree)
    exec(compile(ast.fix_missing_locations(tree), "<cell>", "exec"), namespace)
    return measured


def _log(going: ActiveRun, trial: Trial, namespace: Mapping[str, object], measured: Mapping[str, float]) -> None:
    if trial.metrics:
        found = {name: namespace[name] for name in trial.metrics if metric_number(namespace.get(name)) is not None}
        going.log_metrics(found)
        going.warnings += [
            f"--metric {name}: not a number after the cell" for name in trial.metrics if name not in found
        ]
    elif not going.has_named_metrics:
        going.log_metrics(inferred_metrics(read_cell(trial.source), namespace, measured), inferred=True)


def _is_sendable(raised: BaseException | None) -> bool:
    import cloudpickle

    try:
        cloudpickle.loads(cloudpickle.dumps(raised))
    except Exception:  # a user's exception may raise anything when it is pickled
        return False
    return True


def tried_on_dask(
    trial: Trial,
    names: bytes,
    going: GoingSweep,
    *,
    scheduler: str | None,
    workers: int | None,
    say: Callable[[str], None],
) -> Iterator[EndedTrial]:
    """The trials that are left, each in the store when it is given.

    Raises:
        MissingExtra: Dask is not installed.
        MlopsError: the cluster cannot be reached, or a worker was lost.
    """
    with closing(outcomes(trial, names, going.left, scheduler=scheduler, workers=workers, say=say)) as ended:
        for tried in ended:
            run = kept(tried.outcome, going.run.store, going.run.id)
            yield EndedTrial(run.id, {metric.name: metric.value for metric in run.metrics}, _raised(tried))


def _raised(tried: Tried) -> BaseException | None:
    error = tried.outcome.run.error
    return tried.raised or (MlopsError(f"{error.type}: {error.message}") if error else None)


def outcomes(
    trial: Trial,
    names: bytes,
    combinations: Sequence[Mapping[str, Scalar]],
    *,
    scheduler: str | None,
    workers: int | None,
    say: Callable[[str], None],
) -> Generator[Tried, None, None]:
    """The trials as they end, on an existing cluster (`scheduler`) or on workers of this machine.

    Raises:
        MissingExtra: Dask is not installed.
        MlopsError: the cluster cannot be reached, or a worker was lost.
    """
    say(f"connecting to {scheduler}" if scheduler else "starting Dask workers")
    with connected(scheduler, workers) as client:
        from distributed import as_completed

        sent = client.scatter(names, broadcast=True, hash=False)
        futures = [client.submit(run_trial, trial, sent, dict(each), pure=False) for each in combinations]
        try:
            for future in as_completed(futures, loop=client.loop):
                yield _result(future)
        finally:
            client.cancel(futures, force=True)


def _result(future: Any) -> Tried:
    try:
        tried: Tried = future.result()
    except Exception as error:  # whatever a cluster may raise: a lost worker, a missing package there
        raise MlopsError(
            f"a Dask worker did not bring back its trial: {type(error).__name__}: {str(error)[:300]}",
            "--resume    (tries what is left)",
        ) from error
    return tried
