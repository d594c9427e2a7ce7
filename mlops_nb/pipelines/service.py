"""Pipelines: plain functions that call steps, run, planned and recorded."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.pipelines.dag import arguments_used_later, step_calls, steps_used_as_values
from mlops_nb.pipelines.parameters import Parameter, bound_values, read_parameters
from mlops_nb.pipelines.progress import Progress
from mlops_nb.pipelines.records import ENGINES, EVERYTHING, Options, PipelineRun, Plan, StepCall
from mlops_nb.pipelines.steps import Step, executing, source_of
from mlops_nb.pipelines.steps import step as step

if TYPE_CHECKING:
    from mlops_nb.pipelines.engines.apart import Engine
    from mlops_nb.pipelines.execution import Execution

P = ParamSpec("P")
R = TypeVar("R")


class Pipeline(Generic[P, R]):
    """A pipeline: its function's signature is the parameters, its body the data flow.

    Args:
        function: calls the steps.
        name: what its runs are called.
        options: how it is run.
    """

    def __init__(self, function: Callable[P, R], name: str = "", options: Options = EVERYTHING) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = name or function.__name__.replace("_", "-")
        self.options = options
        self.last: PipelineRun | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it, record the run with its steps, and return what the function returns.

        Raises:
            BadArgument: a parameter is missing, unknown or has a value that is not allowed.
        """
        if executing.get() is not None:
            return self.function(*args, **kwargs)
        values = bound_values(self.parameters, args, kwargs, self.name)
        result: R = self.execute(values, Progress(), self.options)
        return result

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"

    def with_options(self, **options: Any) -> Pipeline[P, R]:
        """The pipeline, run with these options: those of `Options` (first, last, force, cache, engine, jobs...).

        Raises:
            BadArgument: an option is unknown, or names a step that it does not have.
        """
        known = tuple(Options.__dataclass_fields__)
        if unknown := [name for name in options if name not in known]:
            near = nearest(unknown[0], known)
            raise BadArgument(f"with_options has no {unknown[0]!r}", f"with_options({near or known[0]}=...)")
        return Pipeline(self.function, self.name, self.checked(replace(self.options, **options)))

    def checked(self, options: Options) -> Options:
        """The options, when they fit the pipeline.

        Raises:
            BadArgument: they name a step that it does not have, an engine that there is not, or no number of jobs.
        """
        for option, name in (("--from", options.first), ("--until", options.last)):
            if name and name not in self.step_names():
                near = nearest(name, self.step_names()) or next(iter(self.step_names()), "")
                raise BadArgument(f"{self.name} has no step {name!r}", f"{option} {near}")
        if options.engine not in ENGINES:
            near = nearest(str(options.engine), ENGINES) or ENGINES[0]
            raise BadArgument(f"engine == {options.engine!r}, must be one of {', '.join(ENGINES)}", f"--engine {near}")
        if options.jobs is not None and options.jobs < 1:
            raise BadArgument(f"jobs == {options.jobs}, must be at least 1", "--jobs 2")
        return options

    @functools.cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters, read from the signature."""
        return read_parameters(self.function)

    @functools.cached_property
    def source(self) -> str:
        """Its source text; empty where there is none."""
        return source_of(self.function)

    @property
    def calls(self) -> tuple[StepCall, ...]:
        """The calls of steps, read from its syntax tree."""
        return self.steps()

    @property
    def used_as_values(self) -> frozenset[str]:
        """The steps of which its function does more than hand on what they give."""
        return steps_used_as_values(self.source, self._known())

    @property
    def used_later(self) -> frozenset[tuple[str, str]]:
        """Step and name of the arguments that a later step is given, too."""
        return arguments_used_later(self.source, self._known())

    def steps(self) -> tuple[StepCall, ...]:
        """The steps it would run, read from its syntax tree."""
        return step_calls(self.source, self._known())

    def step_names(self) -> tuple[str, ...]:
        """The names of the steps that it calls, in order."""
        return tuple(call.step for call in self.steps())

    def _known(self) -> Mapping[str, Step[..., object]]:
        names = {**self.function.__globals__, **_enclosed(self.function)}
        return {name: each for name, each in names.items() if isinstance(each, Step)}

    def step(self, name: str) -> Step[..., object]:
        """The step of that name in the script."""
        return self._known()[name]

    def execute(self, values: Mapping[str, object], progress: Progress, options: Options | None = None) -> Any:
        """Run it with these values; `last` tells how it went, also when it raises."""
        execution = self._execution(values, progress, options or self.options)
        token = executing.set(execution)
        try:
            return execution.run()
        finally:
            executing.reset(token)
            self.last = execution.record()

    def _execution(self, values: Mapping[str, object], progress: Progress, options: Options) -> Execution:
        from mlops_nb.pipelines.execution import Execution

        if options.engine == "local":
            return Execution(self, values, progress, options)
        from mlops_nb.pipelines.engines.apart import ApartExecution

        return ApartExecution(self, values, progress, options, self._engine(options))

    def _engine(self, options: Options) -> Engine:
        if options.engine == "dask":
            from mlops_nb.pipelines.engines.cluster import Cluster

            return Cluster(options.scheduler, options.jobs, self.step)
        from mlops_nb.pipelines.engines.processes import Processes

        if self.function.__module__ == "__main__" and not hasattr(sys.modules["__main__"], "__file__"):
            raise BadArgument(
                "engine == 'process', and the steps are in a notebook: other processes import them from a script",
                "%mlops export pipeline.py",
            )
        return Processes(options.jobs or os.cpu_count() or 1)

    def plan(self, *args: P.args, **kwargs: P.kwargs) -> Plan:
        """What would run with these parameters, and why; nothing is run."""
        return self.planned(bound_values(self.parameters, args, kwargs, self.name), self.options)

    def planned(self, values: Mapping[str, object], options: Options) -> Plan:
        """What would run with these values, and why; no step is run, and no store is made."""
        from mlops_nb.pipelines.execution import Planning
        from mlops_nb.store import open_store
        from mlops_nb.store.location import DATABASE, store_folder

        store = open_store() if (store_folder() / DATABASE).is_file() else None
        planning = Planning(self, values, options, store)
        token = executing.set(planning)
        try:
            planning.run()
        finally:
            executing.reset(token)
        return Plan(self.name, dict(values), tuple(planning.planned))

    def main(self, argv: Sequence[str] | None = None) -> None:
        """The command line of the script: `--help` tells; leaves Python with an exit code."""
        from mlops_nb.pipelines.command_line import run_command

        sys.exit(run_command(self, sys.argv[1:] if argv is None else argv))


def pipeline(name: str | Callable[P, R] = "") -> Any:
    """Make a function a pipeline: `@pipeline("late-flights")`."""
    if callable(name):
        return Pipeline(name)
    return lambda function: Pipeline(function, name)


def _enclosed(function: Callable[..., object]) -> dict[str, object]:
    """The names that a function has from the function it stands in."""
    cells = getattr(function, "__closure__", None) or ()
    names = getattr(function, "__code__", None)
    found: dict[str, object] = {}
    for name, cell in zip(names.co_freevars if names else (), cells, strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return found
