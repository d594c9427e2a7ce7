"""Steps and pipelines: plain functions that, called by a pipeline, run and record themselves."""

from __future__ import annotations

import copy
import functools
import inspect
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from mlops_nb.errors import StoreUnavailable
from mlops_nb.pipelines import shown
from mlops_nb.pipelines.dag import returned_names, step_calls
from mlops_nb.pipelines.parameters import Parameter, bound_values, read_parameters
from mlops_nb.pipelines.progress import Progress
from mlops_nb.pipelines.records import PipelineRun, Shown, StepCall, StepRun
from mlops_nb.tracking.runs import Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_nb.tracking.service import ActiveRun

P = ParamSpec("P")
R = TypeVar("R")

_executing: ContextVar[_Execution | None] = ContextVar("mlops_nb_executing", default=None)


class Step(Generic[P, R]):
    """A function that is a step: recorded when a pipeline calls it, an ordinary function otherwise.

    Args:
        function: what it does.
        run: the captured run of the notebook that it repeats.
        params: arguments (or outputs) that are recorded as its parameters; by default its plain arguments.
        metrics: outputs (or arguments) that are recorded as its metrics.
        outputs: names of what it returns; by default the names in its `return`.
        tags: tags of its run.
        stage: ingest, features, train, evaluate...
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        run: str = "",
        params: Sequence[str] = (),
        metrics: Sequence[str] = (),
        outputs: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
        stage: str = "",
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = function.__name__
        self.run = run
        self.params = tuple(params)
        self.metrics = tuple(metrics)
        self.outputs = tuple(outputs)
        self.tags = dict(tags or {}) | ({"stage": stage} if stage else {}) | ({"run": run} if run else {})

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function; in a pipeline that runs, record the call."""
        execution = _executing.get()
        if execution is None:
            return self.function(*args, **kwargs)
        return execution.run_step(self, args, kwargs)

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    @property
    def source(self) -> str:
        """Its source text; empty where there is none."""
        return _source(self.function)

    def output_names(self) -> tuple[str, ...]:
        """The names of what it returns."""
        return self.outputs or returned_names(self.source)


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...


@overload
def step(
    *,
    run: str = "",
    params: Sequence[str] = (),
    metrics: Sequence[str] = (),
    outputs: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    stage: str = "",
) -> Callable[[Callable[P, R]], Step[P, R]]: ...


def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a step: `@step`, or `@step(metrics=("accuracy",))`; the options are those of `Step`."""
    return Step(function) if function is not None else lambda each: Step(each, **options)


class Pipeline(Generic[P, R]):
    """A pipeline: its function's signature is the parameters, its body the data flow.

    Args:
        function: calls the steps.
        name: what its runs are called.
    """

    def __init__(self, function: Callable[P, R], name: str = "") -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name or function.__name__.replace("_", "-")
        self.last: PipelineRun | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it, record the run with its steps, and return what the function returns.

        Raises:
            BadArgument: a parameter is missing, unknown or has a value that is not allowed.
        """
        if _executing.get() is not None:
            return self.function(*args, **kwargs)
        values = bound_values(self.parameters, args, kwargs, self.name)
        result: R = self.execute(values, Progress())
        return result

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"

    @functools.cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters, read from the signature."""
        return read_parameters(self.function)

    def steps(self) -> tuple[StepCall, ...]:
        """The steps it would run, read from its syntax tree."""
        return step_calls(_source(self.function), set(self._known()))

    def _known(self) -> Mapping[str, Step[..., object]]:
        return {name: each for name, each in self.function.__globals__.items() if isinstance(each, Step)}

    def step(self, name: str) -> Step[..., object]:
        """The step of that name in the script."""
        return self._known()[name]

    def execute(self, values: Mapping[str, object], progress: Progress) -> Any:
        """Run it with these values; `last` tells how it went, also when it raises."""
        execution = _Execution(self, values, progress)
        token = _executing.set(execution)
        try:
            return execution.run()
        finally:
            _executing.reset(token)
            self.last = execution.record()

    def main(self, argv: Sequence[str] | None = None) -> None:
        """The command line of the script: `--help` tells; leaves Python with an exit code."""
        from mlops_nb.pipelines.command_line import run_command

        sys.exit(run_command(self, sys.argv[1:] if argv is None else argv))


def pipeline(name: str | Callable[P, R] = "") -> Any:
    """Make a function a pipeline: `@pipeline("late-flights")`."""
    if callable(name):
        return Pipeline(name)
    return lambda function: Pipeline(function, name)


class _Execution:
    """One run of a pipeline."""

    def __init__(self, flow: Pipeline[..., Any], values: Mapping[str, object], progress: Progress) -> None:
        self.flow = flow
        self.values = values
        self.given = {name: _copied(value) for name, value in values.items()}
        self.progress = progress
        self.steps: list[StepRun] = []
        self.status = "RUNNING"
        self.error = ""
        self.id: int | None = None
        self.duration = 0.0
        progress.total = len(flow.steps())

    def run(self) -> object:
        from mlops_nb.tracking.service import run

        clock = time.perf_counter()
        source = _source(self.flow.function)
        try:
            with run(self.flow.name, kind="pipeline", source=source) as going:
                going.log_params(self.values)
                try:
                    result = self.flow.function(**self.values)
                finally:
                    going.log_metrics(self.metrics())
                    self.id = going.id
        except BaseException as raised:
            self._failed(raised)
            raise
        else:
            self.status = "FINISHED"
            return result
        finally:
            self.duration = time.perf_counter() - clock

    def _failed(self, raised: BaseException) -> None:
        self.status = _status(raised)
        self.error = _error_line(raised)

    def run_step(self, one: Step[..., R], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> R:
        from mlops_nb.tracking.service import run

        self.progress.started(one.name)
        clock = time.perf_counter()
        status, token, measured = "FAILED", _executing.set(None), dict[str, float]()
        outputs: list[Shown] = []
        going: ActiveRun | None = None
        try:
            with run(one.name, kind="step", source=one.source, tags=one.tags) as going, _noting() as noted:
                try:
                    with shown.recording(one.function, one.name) as outputs:
                        result = one.function(*args, **kwargs)
                finally:
                    going.add_outputs([_output(each) for each in outputs])
                names = _named(one, args, kwargs, result)
                going.log_params(_params(one, names))
                measured = _metrics(one, names) | {
                    name: value for name, value in noted.items() if name not in names or name not in one.metrics
                }
                if measured:
                    going.log_metrics(measured)
            status = "FINISHED"
            return result
        except BaseException as raised:
            status = _status(raised)
            raise
        finally:
            _executing.reset(token)
            done = StepRun(
                one.name,
                one.run,
                going.id if going else None,
                status,
                time.perf_counter() - clock,
                _recorded_metrics(going) or measured,
                tuple(outputs),
            )
            self.steps.append(done)
            self.progress.finished(done)

    def metrics(self) -> dict[str, float]:
        """The metrics of all steps; those that several steps have, as `step.metric`."""
        counted = [name for each in self.steps for name in each.metrics]
        return {
            name if counted.count(name) == 1 else f"{each.name}.{name}": value
            for each in self.steps
            for name, value in each.metrics.items()
        }

    def record(self) -> PipelineRun:
        return PipelineRun(
            self.flow.name,
            self.id,
            self.status,
            self.duration,
            self.given,
            self.metrics(),
            tuple(self.steps),
            self.error,
        )


@contextmanager
def _noting() -> Iterator[dict[str, float]]:
    """Metrics noted by `metric` in the block."""
    noted: dict[str, float] = {}
    token = shown._noted.set(noted)
    try:
        yield noted
    finally:
        shown._noted.reset(token)


def _output(one: Shown) -> Output:
    """What a step showed as the store keeps what a cell showed."""
    if one.kind == "value":
        return Output("execute_result", "", {"text/plain": one.text}, one.cut)
    return Output("stream", "stdout", {"text/plain": one.text if one.kind == "print" else f"[{one.text}]\n"}, one.cut)


def _copied(value: object) -> object:
    """The value as it was given, whatever a step does to it later."""
    return copy.deepcopy(value) if isinstance(value, list | dict | tuple | set) else value


def _named(
    one: Step[..., Any], args: Sequence[object], kwargs: Mapping[str, object], result: object
) -> dict[str, object]:
    """Arguments and outputs of a step by name; an output stands over an argument of its name."""
    try:
        bound = inspect.signature(one.function).bind(*args, **kwargs)
        bound.apply_defaults()
        named: dict[str, object] = dict(bound.arguments)
    except TypeError:
        named = {}
    outputs = one.output_names()
    if len(outputs) == 1:
        named[outputs[0]] = result
    elif isinstance(result, tuple) and len(result) == len(outputs):
        named |= zip(outputs, result, strict=True)
    return named


def _params(one: Step[..., Any], named: Mapping[str, object]) -> dict[str, object]:
    if one.params:
        return {name: named[name] for name in one.params if name in named}
    plain = inspect.signature(one.function).parameters
    return {name: value for name, value in named.items() if name in plain and _is_plain(value)}


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _metrics(one: Step[..., Any], named: Mapping[str, object]) -> dict[str, float]:
    from mlops_nb.tracking.values import metric_number

    found: dict[str, float] = {}
    for name in one.metrics:
        is_number = one.run or shown.plain_number(named.get(name)) is not None
        number = metric_number(named[name]) if name in named and is_number else None
        if number is not None:
            found[name] = number
    return found


def _recorded_metrics(going: ActiveRun | None) -> dict[str, float]:
    """What the store has of a step's metrics: also those that the step logged itself."""
    if going is None or going.id is None or going.store is None:
        return {}
    from mlops_nb.tracking.service import show

    with suppress(StoreUnavailable, LookupError):
        return {each.name: each.value for each in show(going.id, store=going.store).metrics}
    return {}


def _status(raised: BaseException) -> str:
    from mlops_nb.tracking.service import status_of

    return status_of(raised)


def _error_line(raised: BaseException) -> str:
    with suppress(Exception):  # a user's __str__ may raise anything
        return f"{type(raised).__name__}: {raised}"
    return type(raised).__name__


def _source(function: Callable[..., object]) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError, IndentationError):
        return ""
