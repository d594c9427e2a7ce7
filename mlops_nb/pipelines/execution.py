"""One run of a pipeline: which steps run and which are taken from what is kept, in order, and what became of each."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlops_nb.errors import MlopsError, StoreUnavailable
from mlops_nb.pipelines.cache import Cache, Identity, KeptStep, kept_outputs, plain_params
from mlops_nb.pipelines.code import digest
from mlops_nb.pipelines.progress import Progress
from mlops_nb.pipelines.recording import Made, Surroundings, bound, error_line, recorded_call, recorded_hit
from mlops_nb.pipelines.records import (
    DISCARDED,
    EVERYTHING,
    NOT_KEPT,
    STEPS,
    KeptFile,
    Options,
    PipelineRun,
    PlannedStep,
    Shown,
    StepCall,
    StepRun,
)
from mlops_nb.pipelines.running import generator_states, restore_generators, set_generators
from mlops_nb.pipelines.steps import Step
from mlops_nb.pipelines.user_key import key_file
from mlops_nb.pipelines.values import KeptValue, NotKept, content_hash, decoded, is_small, is_split
from mlops_nb.store import search
from mlops_nb.tracking import service as tracking
from mlops_nb.tracking.secrets.redaction import without_secrets

if TYPE_CHECKING:
    from mlops_nb.store import Store


class Flow(Protocol):
    """What a run needs of a pipeline."""

    name: str

    @property
    def function(self) -> Any:
        """What calls the steps."""

    @property
    def source(self) -> str:
        """Its text."""

    @property
    def used_as_values(self) -> frozenset[str]:
        """The steps of which the function does more than hand on what they give."""

    @property
    def used_later(self) -> frozenset[tuple[str, str]]:
        """Step and name of the arguments that a later step is given, too."""

    @property
    def calls(self) -> tuple[StepCall, ...]:
        """The calls of steps, read from its syntax tree."""


class Enough(BaseException):
    """Ends the pipeline's function where nothing more is to be run."""


class Handle:
    """What a step gives, or one of its outputs: perhaps not loaded, perhaps not made yet.

    The pipeline's function hands it on; a step is given the value.
    """

    __slots__ = ("_place", "_task")

    def __init__(self, task: Task, place: int | None = None) -> None:
        self._task, self._place = task, place

    def __iter__(self) -> Iterator[Any]:
        width = len(self._task.step.output_names())
        if self._place is not None or width < 2:
            return iter(self._task.value(self._place))
        return (Handle(self._task, place) for place in range(width))

    def __repr__(self) -> str:
        return f"<what step {self._task.step.name} gives>"


class Task:
    """A call of a step in a run, from when the pipeline's function made it to its result."""

    def __init__(self, number: int, one: Step[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.number, self.step, self.args, self.kwargs = number, one, args, dict(kwargs)
        self.kept: KeptStep | None = None
        self.outputs: tuple[KeptValue, ...] = ()
        self.is_tuple = False
        self.identity: Identity | None = None
        self.reason = ""
        self.is_done = False
        self.is_planned_to_run = False
        self.is_before_first = False
        self.generators: dict[str, Any] | None = None
        """Where the global random generators were when its kept result was taken, if it draws from them."""

        self.changed: dict[int | None, str] = {}
        self.execution: Execution | None = None
        self._values: dict[int | None, Any] = {}

    def inputs(self) -> list[Task]:
        """The calls whose results it is given."""
        return list(dict.fromkeys(handle._task for handle in _handles((self.args, self.kwargs))))

    def set_values(self, result: Any) -> None:
        """The result, as it is in memory."""
        if is_split(result, self.step.output_names()):
            self.is_tuple = True
            self._values = dict(enumerate(result))
        else:
            self._values = {None: result}

    def value(self, place: int | None) -> Any:
        """The result or one of its parts, loaded at its first use; run again when it cannot be."""
        assert self.execution is not None
        self.execution.wait_for(self)
        if self.is_tuple:
            return self._part(place) if place is not None else tuple(self._part(each) for each in self._places())
        whole = self._part(None)
        return whole if place is None else tuple(whole)[place]

    def _places(self) -> range:
        return range(len(self.outputs) or len(self._values))

    def _part(self, place: int | None) -> Any:
        if place not in self._values:
            assert self.execution is not None
            try:
                self._values[place] = self.execution.loaded(self, place)
            except (MlopsError, OSError, ValueError, TypeError, AttributeError, ImportError, EOFError) as error:
                self.execution.run_again(self, f"its kept result cannot be read ({error_line(error)[:120]})")
        return self._values[place]

    def hash_of(self, place: int | None) -> str:
        """The hash of the result or one of its parts; empty where it has none."""
        if place in self.changed:
            return self.changed[place]
        if place is None and self.is_tuple:
            return _together([self.hash_of(each) for each in self._places()])
        number = place or 0
        if number < len(self.outputs):
            return self.outputs[number].hash
        if self.is_planned_to_run:
            return ""
        found = self.changed[place] = content_hash(self.value(place))
        return found


def _handles(value: Any) -> Iterator[Handle]:
    if isinstance(value, Handle):
        yield value
    elif type(value) in (tuple, list):
        for each in value:
            yield from _handles(each)
    elif type(value) is dict:
        for each in value.values():
            yield from _handles(each)


def with_values(value: Any) -> Any:
    """The value with every handle in it replaced by what it stands for."""
    if isinstance(value, Handle):
        return value._task.value(value._place)
    if type(value) in (tuple, list) and next(_handles(value), None):
        return type(value)(with_values(each) for each in value)
    if type(value) is dict and next(_handles(value), None):
        return {name: with_values(each) for name, each in value.items()}
    return value


def _together(hashes: Sequence[str]) -> str:
    return digest(" ".join(hashes)) if all(hashes) else ""


def hash_of(value: Any) -> str:
    """The hash of an argument, handles included; empty where it has none."""
    if isinstance(value, Handle):
        return value._task.hash_of(value._place)
    if next(_handles(value), None) is None:
        return content_hash(value)
    items = value.items() if type(value) is dict else enumerate(value)
    return _together(
        [type(value).__name__, *(f"{name}={hash_of(each)}" if hash_of(each) else "" for name, each in items)]
    )


def _shortly(value: Any) -> Any:
    """An argument as it is spoken of: of a plain output its value, of another the handle."""
    if isinstance(value, Handle):
        number, outputs = value._place or 0, value._task.outputs
        if number < len(outputs) and outputs[number].form == "plain" and not outputs[number].sha256:
            return decoded(outputs[number].details["value"])
    return value


class Execution:
    """One run of a pipeline in this process, step by step.

    Args:
        flow: the pipeline.
        values: its parameters.
        progress: is told what happens.
        options: which steps run, and whether results are kept.
    """

    def __init__(
        self, flow: Flow, values: Mapping[str, object], progress: Progress, options: Options = EVERYTHING
    ) -> None:
        self.flow, self.values, self.progress, self.options = flow, values, progress, options
        self.given = {name: _copied(value) for name, value in values.items()}
        self.steps: dict[int, StepRun] = {}
        self.tasks: list[Task] = []
        self.status = "RUNNING"
        self.error = ""
        self.id: int | None = None
        self.duration = 0.0
        self.going: tracking.ActiveRun | None = None
        self.cache = Cache(None, flow.name, Path.cwd())
        self.surroundings: Surroundings = (None, None)
        self._has_begun = not options.first
        self._is_over = False
        self._calls = flow.calls
        self._used_as_values, self._used_later = flow.used_as_values, flow.used_later
        progress.total = len(self._calls)

    # the whole

    def run(self) -> Any:
        """Run it, and return what its function returns."""
        clock = time.perf_counter()
        try:
            with (
                self.progress.watching(),
                tracking.run(self.flow.name, kind="pipeline", source=self.flow.source) as going,
            ):
                self.going = going
                with going.together():
                    going.set_tag(STEPS, ", ".join(call.step for call in self._calls if not call.is_conditional))
                going.log_params(self.values)
                self._prepare(going)
                try:
                    result = self._called()
                    self._set_aside(going)
                    return result
                finally:
                    going.log_metrics(self.metrics())
                    self.id = going.id
        except BaseException as raised:
            self.status, self.error = tracking.status_of(raised), error_line(raised)
            raise
        finally:
            self.status = "FINISHED" if self.status == "RUNNING" else self.status
            self.cache.close()
            self.duration = time.perf_counter() - clock

    def _prepare(self, going: tracking.ActiveRun) -> None:
        from mlops_nb.reproducibility.service import code_version, environment
        from mlops_nb.store.location import home

        store: Store | None = going.store if going.fault is None else None
        self.surroundings = environment(), code_version(home())
        self.cache = Cache(store, self.flow.name, store.folder.parent if store is not None else home())

    def _called(self) -> Any:
        try:
            result = self.flow.function(**self.values)
        except Enough:
            result = None
        self.finish()
        return with_values(result)

    def _set_aside(self, going: tracking.ActiveRun) -> None:
        """Leave out of the pipeline's past the runs of steps that another run of the same call stands for.

        A kept result could not be read after all, or a worker was lost and its steps ran again.
        """
        if going.store is None or going.id is None or going.fault is not None:
            return
        told = {each.id for each in self.steps.values()}
        with suppress(StoreUnavailable):
            for run in search.children_of(going.store, going.id):
                if run.kind == "step" and run.id not in told and DISCARDED not in run.tags:
                    tracking.annotate(run.id, tags={DISCARDED: "it ran again"}, store=going.store)

    def finish(self) -> None:
        """Wait until every step is over."""

    def wait_for(self, task: Task) -> None:
        """Wait until a call has its result."""

    def loaded(self, task: Task, place: int | None) -> Any:
        """An output, from where it lies."""
        return self.cache.shelf.load(task.outputs[place or 0])

    # a step

    def run_step(self, one: Step[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run a step or take what is kept of it; a handle, or the value where the function makes use of it."""
        if self._is_over:
            raise Enough
        task = Task(len(self.tasks), one, args, kwargs)
        task.execution = self
        self.tasks.append(task)
        self._has_begun = self._has_begun or one.name == self.options.first
        task.is_before_first = not self._has_begun
        self._is_over = bool(self.options.last) and one.name == self.options.last
        self.settle(task)
        is_called_by_flow = sys._getframe(2).f_code is getattr(self.flow.function, "__code__", None)
        is_used = one.name in self._used_as_values or not is_called_by_flow
        return task.value(None) if is_used else Handle(task)

    def settle(self, task: Task) -> None:
        """Take what is kept of a call, or run it."""
        kept, task.reason = self.verdict(task)
        if kept is not None and self._taken(task, kept):
            return
        self._run_here(task)

    def verdict(self, task: Task) -> tuple[KeptStep | None, str]:
        """What is kept of a call and may be taken, or why it runs."""
        one, options = task.step, self.options
        if not options.cache:
            return None, "--no-cache"
        given = bound(one, task.args, task.kwargs)
        hashes = {name: hash_of(value) for name, value in given.items()}
        plain = {name: _shortly(value) for name, value in given.items()}
        plain = {name: value for name, value in plain.items() if is_small(value)}
        identity = task.identity = self.cache.identity(one, hashes, plain)
        if task.is_before_first:
            return self._before_first(task, identity)
        if options.force or options.first:
            return None, "--force" if options.force else self._asked_for()
        if reason := self._never_kept(one, identity):
            return None, reason
        kept = self.cache.find(one, identity)
        if isinstance(kept, str):
            return None, kept
        if changes := self._felt_later(one, kept.changes):
            return None, f"it changes {changes} in place, which a later step is given, too"
        return kept, "nothing changed"

    def _asked_for(self) -> str:
        return f"--{'only' if self.options.first == self.options.last else 'from'} {self.options.first}"

    def _never_kept(self, one: Step[..., Any], identity: Identity) -> str:
        if one.cache is False:
            return "it is never kept (cache=False)"
        if identity.unknown:
            what = identity.unknown.removeprefix("argument ")
            return f"{what} cannot be compared with what it was"
        return identity.code.doubts[0] if identity.code.doubts and one.cache is None else ""

    def _before_first(self, task: Task, identity: Identity) -> tuple[KeptStep | None, str]:
        kept = self.cache.find(task.step, identity) if identity.key else "an argument cannot be compared"
        if isinstance(kept, KeptStep):
            return kept, f"before {self.options.first}"
        newest = self.cache.newest(task.step)
        if newest is None:
            raise MlopsError(
                f"step {task.step.name!r} comes before {self.options.first!r}, and nothing of it is kept",
                f"--until {task.step.name}    (runs it; then --from {self.options.first})",
            )
        self.progress.note(f"{task.step.name}: its newest result is taken, though {kept}")
        return newest, f"before {self.options.first}, though {kept}"

    def _felt_later(self, one: Step[..., Any], changes: Sequence[str]) -> str:
        """The first of the arguments changed in place that another step is given later."""
        if not changes:
            return ""
        given = {name for call in self._calls if call.step == one.name for name in call.inputs}
        if not given:  # it is called from elsewhere than the pipeline's function
            return changes[0]
        later = {name for step, name in self._used_later if step == one.name}
        return next((name for name in changes if name in later or (later and name not in given)), "")

    def _taken(self, task: Task, kept: KeptStep) -> bool:
        """Take a kept result; False where that fails and the step runs after all."""
        clock = time.perf_counter()
        task.generators = self.generators_before(task) if kept.draws else None
        try:
            self.cache.taken(kept)
        except MlopsError as error:
            task.reason = error.what
            return False
        self.progress.started(task.step.name)
        task.kept, task.outputs, task.is_tuple, task.is_done = kept, kept.outputs, kept.is_tuple, True
        shows = shown_again(task.step, kept.shows)
        run = recorded_hit(
            task.step,
            parent=self.going,
            metrics=kept.metrics,
            params=kept.params,
            outputs=shows,
            origin=kept.run,
            surroundings=self.surroundings,
        )
        self._ended(
            StepRun(
                task.step.name,
                task.step.run,
                run,
                "FINISHED",
                time.perf_counter() - clock,
                kept.metrics,
                shows,
                True,
                task.reason,
                kept.duration,
            ),
            task,
        )
        return True

    def _run_here(self, task: Task) -> None:
        self.progress.started(task.step.name)
        made = Made()
        try:
            args, kwargs = with_values(task.args), with_values(task.kwargs)
            watched = self._watched(task) if self._is_keeping(task) else None
            recorded_call(
                task.step,
                args,
                kwargs,
                made=made,
                parent=self.going,
                home=self.cache.home,
                surroundings=self.surroundings,
                watched=watched,
            )
            task.is_done = True
            task.set_values(made.seen.result)
            self._carry_changes(task, made)
            task.reason += self._kept(task, made)
        finally:
            self._ended(
                StepRun(
                    task.step.name,
                    task.step.run,
                    made.run,
                    made.status,
                    made.duration,
                    made.metrics,
                    made.seen.outputs,
                    False,
                    task.reason,
                ),
                task,
            )

    def _watched(self, task: Task) -> Any:
        """Gives the hash of an argument as it is in memory: one that was loaded may have another than it had once."""
        given = bound(task.step, task.args, task.kwargs)

        def before(name: str, value: Any) -> str:
            handle = given.get(name)
            if isinstance(handle, Handle):
                number = handle._place or 0
                outputs = handle._task.outputs
                if number < len(outputs) and outputs[number].form in ("table", "array", "plain"):
                    return handle._task.hash_of(handle._place)
            return content_hash(value)

        return before

    def _is_keeping(self, task: Task) -> bool:
        return self.options.cache and self.cache.store is not None and task.identity is not None

    def _carry_changes(self, task: Task, made: Made) -> None:
        """What a step changed in place is no longer what was kept of it."""
        given = bound(task.step, task.args, task.kwargs)
        for name in made.changes:
            handle = given.get(name)
            if isinstance(handle, Handle):
                handle._task.changed[handle._place] = made.hashes[name]

    def _kept(self, task: Task, made: Made) -> str:
        """Keep what a step gave; why it is not kept, as an addition to why it ran."""
        if not self._is_keeping(task):
            return ""
        reason = self._not_kept_because(task, made)
        if not reason:
            try:
                self._keep(task, made)
            except NotKept as error:
                reason = error.what
            except (StoreUnavailable, OSError) as error:
                reason = getattr(error, "what", str(error))
        return f"{NOT_KEPT}{reason}" if reason and reason != task.reason else ""

    def _not_kept_because(self, task: Task, made: Made) -> str:
        one, identity = task.step, task.identity
        assert identity is not None
        if reason := self._never_kept(one, identity):
            return reason
        if changes := self._felt_later(one, made.changes):
            return f"it changes {changes} in place, which a later step is given, too"
        if not self.cache.can_keep():
            return f"the user's own key {key_file()} cannot be made"
        doubts = self.cache.doubts_about(made.seen.files)
        doubts += [f"it asks {made.seen.network}, which may answer something else"] if made.seen.network else []
        return doubts[0] if doubts and one.cache is None else ""

    def _keep(self, task: Task, made: Made) -> None:
        with self.cache.shelf.filling() as write:
            outputs, is_tuple = kept_outputs(made.seen.result, task.step.output_names(), write)
            written = self.cache.files_written(made.seen.files, write)
        self.cache.keep(self._entry(task, made, outputs, is_tuple, self.cache.files_read(made.seen.files), written))
        task.outputs, task.is_tuple = outputs, is_tuple

    def _entry(
        self,
        task: Task,
        made: Made,
        outputs: tuple[KeptValue, ...],
        is_tuple: bool,
        read: tuple[KeptFile, ...],
        written: tuple[KeptFile, ...],
    ) -> KeptStep:
        """What is kept of a call that ran."""
        one, identity = task.step, task.identity
        assert identity is not None
        draws = {
            name: replace(each, before="") if name in identity.code.seeds else each
            for name, each in made.seen.draws.items()
        }
        params, shows = without_secrets((plain_params(made.params), made.seen.outputs), self.cache.store, set())
        return KeptStep(
            key=identity.key,
            step=one.name,
            parts=identity.parts,
            outputs=outputs,
            is_tuple=is_tuple,
            made=time.time(),
            duration=made.duration,
            shown=identity.shown,
            metrics=made.metrics,
            params=params,
            shows=tuple(_moved(each, -_first_line(one)) for each in shows),
            files=read,
            written=written,
            draws=draws,
            changes=made.changes,
            run=made.run,
        )

    def run_again(self, task: Task, reason: str) -> None:
        """Run a step of which the result was taken and cannot be read after all."""
        self.progress.runs_after_all(task.step.name, reason)
        task.reason, task.outputs, task.kept = reason, (), None
        now = generator_states()
        set_generators(task.generators or {})
        try:
            self._run_here(task)
        finally:
            if task.generators is not None:
                set_generators(now)

    def generators_before(self, task: Task) -> dict[str, Any]:
        """The states of the global random generators when a call is made."""
        return generator_states()

    # what became of them

    def _ended(self, run: StepRun, task: Task) -> None:
        self.steps[task.number] = run
        self.progress.finished(run)

    def metrics(self) -> dict[str, float]:
        """The metrics of all steps; those that several steps have, as `step.metric`."""
        runs = [self.steps[number] for number in sorted(self.steps)]
        counted = [name for each in runs for name in each.metrics]
        return {
            name if counted.count(name) == 1 else f"{each.name}.{name}": value
            for each in runs
            for name, value in each.metrics.items()
        }

    def record(self) -> PipelineRun:
        """What became of the run."""
        return PipelineRun(
            self.flow.name,
            self.id,
            self.status,
            self.duration,
            self.given,
            self.metrics(),
            tuple(self.steps[number] for number in sorted(self.steps)),
            self.error,
        )


class Planning(Execution):
    """A run that runs nothing: what would become of each step."""

    def __init__(self, flow: Flow, values: Mapping[str, object], options: Options, store: Store | None) -> None:
        from mlops_nb.store.location import home

        super().__init__(flow, values, Progress(quiet=True), options)
        self.planned: list[PlannedStep] = []
        self.cache = Cache(store, flow.name, store.folder.parent if store is not None else home())

    def run(self) -> None:
        """Walk through the pipeline's function."""
        generators = generator_states()
        try:
            with suppress(Enough):
                self.flow.function(**self.values)
        finally:
            set_generators(generators)
        left = [call.step for call in self._calls]
        for each in self.planned:
            if each.step in left:
                left.remove(each.step)
        verdict = (
            ("left out", f"after {self.options.last}") if self._is_over else ("open", "until the steps before it ran")
        )
        self.planned += [PlannedStep(step, *verdict) for step in left]  # type: ignore[arg-type]

    def settle(self, task: Task) -> None:
        """Say what would become of a call."""
        waits = [each for each in task.inputs() if each.is_planned_to_run]
        if waits and self.options.cache and not (task.is_before_first or self.options.force or self.options.first):
            task.reason = f"{' and '.join(dict.fromkeys(each.step.name for each in waits))} may give something else"
            kept = None
        else:
            kept, task.reason = self.verdict(task)
        if kept is None:
            task.is_planned_to_run = True
            self.planned.append(PlannedStep(task.step.name, "run", task.reason))
        else:
            task.kept, task.outputs, task.is_tuple, task.is_done = kept, kept.outputs, kept.is_tuple, True
            restore_generators(kept.draws)
            self.planned.append(PlannedStep(task.step.name, "kept", task.reason, kept.duration))

    def wait_for(self, task: Task) -> None:
        """A value that nobody has cannot be waited for: what follows is open."""
        if task.is_planned_to_run:
            raise Enough


def shown_again(one: Step[..., Any], shows: Sequence[Shown], *, are_moved: bool = False) -> tuple[Shown, ...]:
    """Print again what a step printed and showed; it stands in the lines in which the step stands now."""
    for each in shows:
        if each.kind != "plot":
            print(each.text, end="" if each.kind == "print" else "\n")
    return tuple(shows) if are_moved else tuple(_moved(each, _first_line(one)) for each in shows)


def _first_line(one: Step[..., Any]) -> int:
    code = getattr(one.function, "__code__", None)
    return code.co_firstlineno if code is not None else 0


def _moved(shown: Shown, lines: int) -> Shown:
    return replace(shown, line=shown.line + lines) if shown.line else shown


def _copied(value: object) -> object:
    """The value as it was given, whatever a step does to it later."""
    return copy.deepcopy(value) if isinstance(value, list | dict | tuple | set) else value
