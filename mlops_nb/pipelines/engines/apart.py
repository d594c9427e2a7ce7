"""A run whose steps run elsewhere, side by side where nothing says which comes first; the results are the same."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol

from mlops_nb.errors import MlopsError
from mlops_nb.notebook.files import placed
from mlops_nb.pipelines.cache import LATER, KeptStep, Shelf
from mlops_nb.pipelines.engines.orders import Delivered, Order, Ref
from mlops_nb.pipelines.execution import Execution, Flow, Handle, Task, shown_again
from mlops_nb.pipelines.progress import Progress
from mlops_nb.pipelines.recording import bound
from mlops_nb.pipelines.records import DISCARDED, NOT_KEPT, Draws, Options, StepRun
from mlops_nb.pipelines.running import generator_digests, generator_states, states_after
from mlops_nb.pipelines.values import is_small
from mlops_nb.tracking import service as tracking
from mlops_nb.tracking.elsewhere import kept

MOST_TRIES = 3
"""A step whose draws are not those of one process is run so often again."""


class Engine(Protocol):
    """Where steps run."""

    def has_room(self) -> bool:
        """Whether another step can begin at once."""

    def has(self, number: int) -> bool:
        """Whether the result of a call lies there, to be fetched."""

    def fetch(self, number: int, place: int | None) -> Any:
        """The result of a call, or one of its outputs."""

    def start(self, order: Order, seconds: float | None) -> None:
        """Have an order carried out, by force not longer than so many seconds."""

    def wait(self) -> list[Delivered]:
        """What was delivered, at least one as long as a step goes on."""

    def interrupt(self) -> list[Delivered]:
        """Interrupt the steps that go on; what was delivered."""

    def close(self) -> None:
        """End it."""


class ApartExecution(Execution):
    """A run whose steps run elsewhere.

    Args:
        flow: the pipeline.
        values: its parameters.
        progress: is told what happens.
        options: which steps run, and whether results are kept.
        engine: where they run.
    """

    def __init__(
        self, flow: Flow, values: Mapping[str, object], progress: Progress, options: Options, engine: Engine
    ) -> None:
        super().__init__(flow, values, progress, options)
        self.engine = engine
        self._waiting: list[Task] = []
        self._ready: list[Task] = []
        self._going: dict[int, Task] = {}
        self._arrived: list[Delivered] = []
        self._held: list[tuple[Task, Delivered]] = []
        self._clock = 0
        self._began: dict[int, int] = {}
        self._ended_at: dict[int, int] = {}
        self._used: dict[int, tuple[set[str], set[str]]] = {}
        self._tries: dict[int, int] = {}
        self._here = generator_states()
        self._set: list[tuple[int, str, Any]] = []
        """By the number of the call before which that was: generators that the pipeline's function set."""

        self._states = dict(self._here)
        """Those of the global random generators, as if every step so far had run here."""

        self._stack = ExitStack()

    # order

    def _called(self) -> Any:
        with self._stack:
            if not self.options.cache or self.cache.store is None:
                self.cache.shelf = Shelf(
                    Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mlops-nb-")))
                )
            self._stack.callback(self.engine.close)
            try:
                return super()._called()
            except KeyboardInterrupt:
                if self._going:
                    first = self._going[min(self._going)]
                    self.progress.is_at(first.step.name, first.number + 1)
                for done in [*self._arrived, *self.engine.interrupt()]:
                    self._over(self._going.pop(done.number), done)
                raise
            except BaseException:
                self._finish_what_goes_on()
                raise

    def _finish_what_goes_on(self) -> None:
        """After a fault: what others are at work on is finished and kept."""
        names = [task.step.name for task in self._going.values()]
        if names:
            self.progress.note(f"waiting for {' and '.join(names)}, which began before")
        while self._going:
            for done in self._arrived_next():
                task = self._going.pop(done.number)
                if done.error is None and not done.made.seen.draws:
                    with suppress(MlopsError):
                        self._accept(task, done)
                else:
                    self._over(task, done)

    def settle(self, task: Task) -> None:
        """Let a call wait for what it is given, and begin what can begin."""
        self._note_what_the_function_drew(task)
        self._waiting.append(task)
        self._begin_what_can()

    def _note_what_the_function_drew(self, task: Task) -> None:
        """The pipeline's function may seed or draw, too, between the calls of steps."""
        now = generator_states()
        is_told_apart = self.options.engine != "dask" or "random" in self.flow.source  # Dask's own threads draw
        for name, state in now.items():
            if state != self._here.get(name) and (is_told_apart or name != "python"):
                self._set.append((task.number, name, state))
        self._here = now

    def generators_before(self, task: Task) -> dict[str, Any]:
        """The states of the generators when a call is made, as far as those before it are over."""
        return self._states | {name: state for number, name, state in self._set if number <= task.number}

    def wait_for(self, task: Task) -> None:
        """Wait until a call has its result."""
        while not task.is_done:
            self._step_on()

    def finish(self) -> None:
        """Wait until every step is over."""
        while not all(task.is_done for task in self.tasks):
            self._step_on()

    def _arrived_next(self) -> Iterator[Delivered]:
        """What the engine delivers, waited for where nothing is left of what came together; a fault leaves the rest."""
        self._arrived = self._arrived or list(self.engine.wait())
        while self._arrived:
            yield self._arrived.pop(0)

    def _step_on(self) -> None:
        for done in self._arrived_next():
            self._delivered(self._going.pop(done.number), done)
        self._accept_held()
        self._begin_what_can()

    def _begin_what_can(self) -> None:
        is_on = True
        while is_on:
            is_on = False
            for task in list(self._waiting):
                if all(each.is_done for each in task.inputs()) and self._judged(task):
                    self._waiting.remove(task)
                    is_on = True
        while self._ready and self.engine.has_room():
            self._start(self._ready.pop(0))

    def _judged(self, task: Task) -> bool:
        """Take what is kept of a call, or have it run; False where that is not known before others have ended."""
        self.cache.are_generators_known = self._is_all_done_before(task)
        self.cache.states = self.generators_before(task)
        found, task.reason = self.verdict(task)
        if found is None and task.reason == LATER:
            return False
        if found is None or not self._taken(task, found):
            self._ready.append(task)
            self._ready.sort(key=lambda each: each.number)
        return True

    def _is_all_done_before(self, task: Task) -> bool:
        return all(each.is_done for each in self.tasks[: task.number])

    # a step

    def _start(self, task: Task) -> None:
        self.progress.started(task.step.name)
        self._clock += 1
        self._began[task.number] = self._clock
        self.engine.start(self._order(task), _longest(task))
        self._going[task.number] = task

    def _order(self, task: Task) -> Order:
        one, store = task.step, self.going.store if self.going is not None and self.going.fault is None else None
        is_keeping = self._is_keeping(task)
        return Order(
            number=task.number,
            module=one.function.__module__,
            file=getattr(getattr(one.function, "__code__", None), "co_filename", ""),
            name=one.name,
            args=self._with_refs(task.args),
            kwargs=self._with_refs(task.kwargs),
            pipeline=self.flow.name,
            run=self.going.id if self.going is not None else None,
            store=str(store.folder) if store is not None else "",
            shelf="" if self.cache.shelf.store is not None else str(self.cache.shelf.folder),
            home=str(self.cache.home),
            cwd=os.getcwd(),  # noqa: PTH109 - a text
            keeps=is_keeping,
            surroundings=self.surroundings,
            watched=self._known_hashes(task),
            generators=task.generators or self.generators_before(task),
            names_random="random" in self.cache.code(one).standard,
        )

    def _with_refs(self, value: Any) -> Any:
        """The value with where each output lies in the place of its handle."""
        if isinstance(value, Handle):
            task, place = value._task, value._place
            if place is not None and not task.is_tuple:
                return tuple(task.value(None))[place]
            shelf = "" if self.cache.shelf.store is not None else str(self.cache.shelf.folder)
            if place is None:
                return Ref(task.number, task.outputs, task.is_tuple, None, shelf)
            return Ref(task.number, (task.outputs[place],), False, place, shelf)
        if is_small(value):
            return value
        if type(value) in (tuple, list):
            return type(value)(self._with_refs(each) for each in value)
        if type(value) is dict:
            return {name: self._with_refs(each) for name, each in value.items()}
        return value

    def _known_hashes(self, task: Task) -> dict[str, str]:
        """The hashes of arguments that do not depend on where they lie in memory."""
        given = bound(task.step, task.args, task.kwargs)
        found = {}
        for name, value in given.items():
            if isinstance(value, Handle):
                kept = (
                    value._task.outputs[value._place or 0] if len(value._task.outputs) > (value._place or 0) else None
                )
                if kept is not None and kept.form in ("table", "array", "plain"):
                    found[name] = value._task.hash_of(value._place)
        return found

    def _delivered(self, task: Task, done: Delivered) -> None:
        self._clock += 1
        self._ended_at[task.number] = self._clock
        if done.unread is not None:
            self._made_again(self.tasks[done.unread], task)
        elif done.error is not None:
            self._over(task, done)
            self.progress.is_at(task.step.name, task.number + 1)
            done.error.mlops_trace = done.trace  # type: ignore[attr-defined]
            raise done.error
        elif done.made.seen.draws and task.generators is None:
            self._held.append((task, done))
        else:
            self._accept(task, done)

    def _made_again(self, source: Task, task: Task) -> None:
        """A kept result could not be read where it was needed: its step runs after all, then that which needs it."""
        why = "its kept result cannot be read"
        self.progress.runs_after_all(source.step.name, why)
        self.progress.begins_again(task.step.name)
        source.reason, source.outputs, source.kept, source.is_done = why, (), None, False
        self._ready.append(source)
        self._waiting.append(task)

    def _accept_held(self) -> None:
        """Take results that moved a global random generator, in the order of the script, as one process would."""
        for task, done in sorted(self._held, key=lambda each: each[0].number):
            if not self._is_all_done_before(task):
                return
            self._held.remove((task, done))
            now = generator_digests(self.generators_before(task))
            seeds = self.cache.code(task.step).seeds
            if all(name in seeds or draws.before == now.get(name) for name, draws in done.made.seen.draws.items()):
                self._draw(task, done.made.seen.draws)
                self._accept(task, done)
            else:
                self._try_again(task, done.made.run)

    def _draw(self, task: Task, draws: Mapping[str, Draws]) -> None:
        """The generators are where a step left them; those before it are over."""
        if draws:
            self._states = self.generators_before(task) | states_after(draws)
            self._set = [each for each in self._set if each[0] > task.number]

    def _taken(self, task: Task, kept: KeptStep) -> bool:
        is_taken = super()._taken(task, kept)
        if is_taken:
            self._draw(task, kept.draws)
            self._here |= {name: state for name, state in generator_states().items() if name in kept.draws}
        return is_taken

    def _try_again(self, task: Task, run: int | None) -> None:
        """Run a step once more, with the generators where they are now; what it gave is no part of the pipeline."""
        store = self.going.store if self.going is not None else None
        if store is not None and run is not None:
            tracking.annotate(run, tags={DISCARDED: "its draws were not those of one process"}, store=store)
        self._tries[task.number] = self._tries.get(task.number, 0) + 1
        if self._tries[task.number] > MOST_TRIES:
            raise MlopsError(
                f"step {task.step.name!r} draws from a global random generator that others use on its worker, too",
                "draw from random.Random(SEED) or numpy.random.default_rng(SEED) in the step, or --engine local",
            )
        self.progress.begins_again(task.step.name)
        self._ready.insert(0, task)

    def _accept(self, task: Task, done: Delivered) -> None:
        """Take what was delivered as the result of a call.

        Raises:
            MlopsError: one process would perhaps have given something else.
        """
        made = done.made
        if done.carried is not None and self.going is not None:
            made.run = kept(done.carried, self.going.store, self.going.id).id
        task.outputs, task.is_tuple, task.is_done = done.outputs, done.is_tuple, True
        made.seen.outputs = shown_again(task.step, made.seen.outputs, are_moved=True)
        try:
            self._check_order(task, done)
            task.reason += self._kept_there(task, done)
        finally:
            self._over(task, done)

    def _kept_there(self, task: Task, done: Delivered) -> str:
        if not self._is_keeping(task):
            return ""
        reason = done.not_kept or self._not_kept_because(task, done.made)
        if not reason:
            try:
                self.cache.keep(self._entry(task, done.made, done.outputs, done.is_tuple, done.read, done.written))
            except MlopsError as error:
                reason = error.what
        return f"{NOT_KEPT}{reason}" if reason and reason != task.reason else ""

    def _over(self, task: Task, done: Delivered) -> None:
        made = done.made
        if done.carried is not None and done.error is not None and self.going is not None:
            made.run = kept(done.carried, self.going.store, self.going.id).id
        if done.error is not None:
            made.status = tracking.status_of(done.error)
        self._ended(
            StepRun(
                name=task.step.name,
                run=task.step.run,
                id=made.run,
                status=made.status,
                duration=made.duration,
                metrics=made.metrics,
                outputs=made.seen.outputs,
                reason=task.reason,
            ),
            task,
        )

    # the same results as one process would give

    def _check_order(self, task: Task, done: Delivered) -> None:
        """Fault what a worker cannot see: what others are given changed in place, a file that two steps use at once."""
        if changed := self._felt_later(task.step, done.made.changes):
            raise MlopsError(
                f"step {task.step.name!r} changes {changed} in place, and a later step is given it, too: "
                "that step would not see the change in another process",
                f"return {changed} from the step, or --engine local",
            )
        uses = done.made.seen.files
        read = {placed(use.path, self.cache.home) for use in uses if use.is_read}
        self._used[task.number] = read, {placed(use.path, self.cache.home) for use in uses if use.is_written}
        for other in self._used:
            first, second = sorted((other, task.number))
            if first != second and self._began[second] < self._ended_at.get(first, self._clock):
                self._check_files(self.tasks[first], self.tasks[second])

    def _check_files(self, first: Task, second: Task) -> None:
        (read, written), (reads, writes) = self._used[first.number], self._used[second.number]
        if both := (written & (reads | writes)) | (read & writes):
            raise MlopsError(
                f"steps {first.step.name!r} and {second.step.name!r} ran at the same time and both use "
                f"{sorted(both)[0]}: nothing says which comes first",
                f"give {second.step.name} something that {first.step.name} returns, or --engine local",
            )

    def run_again(self, task: Task, reason: str) -> None:
        """Run a step of which the result was taken and cannot be read after all."""
        self.progress.runs_after_all(task.step.name, reason)
        task.reason, task.outputs, task.kept, task.is_done = reason, (), None, False
        self._ready.append(task)
        self._begin_what_can()
        self.wait_for(task)
        task._values.clear()
        places = range(len(task.outputs)) if task.is_tuple else (None,)
        for place in places:
            task._values[place] = self.loaded(task, place)

    def loaded(self, task: Task, place: int | None) -> Any:
        """An output, from where it lies."""
        if self.engine.has(task.number):
            return self.engine.fetch(task.number, place)
        return super().loaded(task, place)


def _longest(task: Task) -> float | None:
    """How long a call may take with all its tries."""
    one = task.step
    if one.timeout_seconds is None:
        return None
    return (one.retries + 1) * (one.timeout_seconds + one.retry_seconds)
