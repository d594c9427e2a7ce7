"""A step: a function that is recorded, kept and run elsewhere when a pipeline calls it."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from mlops_nb.errors import BadArgument
from mlops_nb.pipelines.dag import returned_names

P = ParamSpec("P")
R = TypeVar("R")


class Runner(Protocol):
    """Who runs steps while a pipeline runs."""

    def run_step(self, one: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run a step, or take what is kept of it."""


executing: ContextVar[Runner | None] = ContextVar("mlops_nb_executing", default=None)
"""The pipeline that runs; None inside a step and where none does."""


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
        retries: how often it is tried again after an error.
        retry_seconds: how long to wait before it is.
        timeout_seconds: how long one try may take.
        cache: False: it is always run; True: its result is kept also where it asks the network or the like;
            None: its result is kept unless what it does shows that it may give something else the next time.
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
        retries: int = 0,
        retry_seconds: float = 1.0,
        timeout_seconds: float | None = None,
        cache: bool | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = function.__name__
        self.run = run
        self.params = tuple(params)
        self.metrics = tuple(metrics)
        self.outputs = tuple(outputs)
        self.tags = dict(tags or {}) | ({"stage": stage} if stage else {}) | ({"run": run} if run else {})
        self.retries = _at_least("retries", retries, 0)
        self.retry_seconds = _at_least("retry_seconds", retry_seconds, 0.0)
        self.timeout_seconds = None if timeout_seconds is None else _at_least("timeout_seconds", timeout_seconds, 1e-3)
        self.cache = cache

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function; in a pipeline that runs, record the call."""
        runner = executing.get()
        if runner is None:
            return self.function(*args, **kwargs)
        result: R = runner.run_step(self, args, kwargs)
        return result

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    @functools.cached_property
    def source(self) -> str:
        """Its source text; empty where there is none."""
        return source_of(self.function)

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """The signature of its function."""
        return inspect.signature(self.function)

    @functools.cached_property
    def _returned(self) -> tuple[str, ...]:
        return returned_names(self.source)

    def output_names(self) -> tuple[str, ...]:
        """The names of what it returns."""
        return self.outputs or self._returned


Number = TypeVar("Number", int, float)


def _at_least(name: str, value: Number, least: Number) -> Number:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
        raise BadArgument(f"{name} == {value!r}, must be at least {least:g}", f"@step({name}={least:g})")
    return value


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
    retries: int = 0,
    retry_seconds: float = 1.0,
    timeout_seconds: float | None = None,
    cache: bool | None = None,
) -> Callable[[Callable[P, R]], Step[P, R]]: ...


def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a step: `@step`, or `@step(metrics=("accuracy",))`; the options are those of `Step`."""
    return Step(function) if function is not None else lambda each: Step(each, **options)


def source_of(function: Callable[..., object]) -> str:
    """The source text of a function; empty where there is none."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError, IndentationError):
        return ""
