"""Autolog: every fit of an estimator is recorded, and every metric computed of its predictions.

Inside a run the first model's settings and metrics are the run's own; when the run fits a second model, each gets
a child run of kind "fit", and so does whatever prepares data. Outside a run a fit is a run of its own. The
combinations of a search are child runs of kind "trial", the folds of a cross-validation of kind "fold".
Only what the user calls is seen: what an estimator does inside its fit, here, in its threads or in other processes,
is a part of that fit.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, Literal
from weakref import ref

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.record import Record
from mlops_nb.tracking.autolog.estimators import Estimator, settings_of
from mlops_nb.tracking.autolog.hooks import AutologHook, Part, ScikitLearn
from mlops_nb.tracking.autolog.watching import End, Watch
from mlops_nb.tracking.place import place
from mlops_nb.tracking.values import metric_number, safe_repr

if TYPE_CHECKING:
    from mlops_nb.reproducibility.records import DataFingerprint
    from mlops_nb.tracking.service import ActiveRun

BUDGET_BYTES = 16 << 20
"""Training data up to this size is hashed whole (about 5 ms), of what is larger a fixed sample of rows."""

MOST_PARTS = 1_000
"""So many combinations of a search, the best ones, become child runs."""

Switch = Literal["on", "off"]

_hooks: dict[str, AutologHook] = {"sklearn": ScikitLearn()}


@dataclass(frozen=True, slots=True)
class Autologging(Record):
    """Whether autolog is on, of which libraries, and whether fitted models are kept; a context that ends it.

    Leaving the context brings back what was before it.
    """

    is_on: bool
    models: bool = False
    libraries: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    """Libraries that nobody has imported yet."""
    earlier: Autologging | None = field(default=None, repr=False)

    def __enter__(self) -> Autologging:
        return self

    def __exit__(self, *_: object) -> None:
        before = self.earlier
        if before is None or not before.is_on:
            autolog("off")
        else:
            autolog("on", models=before.models, library=before.libraries)


def autolog(switch: Switch = "on", *, models: bool = False, library: str | Sequence[str] = ()) -> Autologging:
    """Record every fit from now on, or stop: `mlops_nb.autolog()`, `with mlops_nb.autolog(models=True): ...`.

    Recorded are the parameters, the training data's shape and fingerprint, what the estimator takes and gives, how
    long it took, the combinations of a search, the folds of a cross-validation, and every metric that
    `sklearn.metrics` or `score` computes of the estimator's predictions, also later.

    Args:
        switch: on or off.
        models: keep each fitted model as an artifact, too.
        library: only these libraries; by default all that autolog has been taught.

    Raises:
        BadArgument: an unknown switch or library.
    """
    if switch not in ("on", "off"):
        raise BadArgument(f"switch == {safe_repr(switch, 60)}, must be 'on' or 'off'", "mlops_nb.autolog('on')")
    wanted = (library,) if isinstance(library, str) else tuple(library) or tuple(_hooks)
    for name in wanted:
        if name not in _hooks:
            near = nearest(name, _hooks) or "sklearn"
            raise BadArgument(
                f"library == {safe_repr(name, 60)}, autolog knows {', '.join(_hooks)}",
                f"%mlops autolog on --library {near}",
            )
    with _lock:
        return _switch(switch, models, wanted)


def _switch(switch: Switch, models: bool, wanted: tuple[str, ...]) -> Autologging:
    global _recorder
    earlier = autologging()
    followed = _recorder.followed if _recorder else None
    if _recorder is not None:
        _recorder.stop()
        _recorder = None
    if switch == "on":
        _recorder = Recorder([_hooks[name] for name in wanted], models=models, followed=followed)
    return replace(autologging(), earlier=replace(earlier, earlier=None))


def autologging() -> Autologging:
    """Whether autolog is on, and how."""
    if _recorder is None:
        return Autologging(False)
    hooks = _recorder.hooks
    waiting = tuple(hook.library for hook in hooks if hook.base.partition(":")[0] not in sys.modules)
    return Autologging(True, _recorder.models, tuple(hook.library for hook in hooks), waiting)


def libraries() -> tuple[str, ...]:
    """The libraries that autolog has been taught."""
    return tuple(_hooks)


def autolog_hook(hook: AutologHook) -> None:
    """Teach autolog a library; see `mlops_nb.AutologHook`. One that is taught again replaces the earlier one.

    Raises:
        BadArgument: it names no library, or no class as `module:Class`.
    """
    if not hook.library or not all(hook.base.partition(":")):
        raise BadArgument(
            f"{type(hook).__name__} has library == {hook.library!r} and base == {hook.base!r}",
            'library = "tiny"; base = "tiny.models:Model"    (in the class)',
        )
    with _lock:
        _hooks[hook.library] = hook
        if _recorder is not None:
            names = (*(each.library for each in _recorder.hooks if each.library != hook.library), hook.library)
            _switch("on", _recorder.models, names)


class _Followed:
    """Where what is computed with a fitted estimator is recorded.

    Args:
        run: the run.
        is_own: whether the run is about this estimator alone, or a user's run that it was fitted in.
    """

    __slots__ = (
        "batches",
        "calls",
        "estimator",
        "hook",
        "is_own",
        "name",
        "rows",
        "run",
        "seconds",
        "settings",
        "started",
    )

    def __init__(self, run: ActiveRun, hook: AutologHook, told: _Told, call: str, is_own: bool) -> None:
        self.run, self.hook, self.is_own = run, hook, is_own
        self.name, self.settings, self.estimator, self.calls = told.name, told.settings, told.weakly(), {call}
        self.started, self.seconds = time.time(), 0.0
        self.batches = self.rows = 0

    def is_also(self, told: _Told, call: str) -> bool:
        """Whether this is the same model as it stands there, only fitted after it was evaluated, or the other way."""
        same = self.estimator is not None and self.estimator() is told.estimator
        return same and call not in self.calls and self.settings == told.settings

    def timed(self) -> Callable[[], None]:
        """What its run takes counts from now until the function that this gives is called."""
        clock = time.perf_counter()
        if self.is_own:
            self.run.start_clock()

        def stop() -> None:
            self.seconds = time.perf_counter() - clock
            if self.is_own:
                self.run.stop_clock()

        return stop

    @property
    def inferred(self) -> int:
        """How its parameters and metrics are marked: in a user's run what the user names goes before."""
        from mlops_nb.store.runs import AUTOLOGGED

        return 0 if self.is_own else AUTOLOGGED

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Metrics of the estimator."""
        if metrics:
            self.run.log_metrics(metrics, step, inferred=self.inferred)


class _Objects:
    """Objects by identity, each forgotten when it dies; none is kept alive."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[Any], Any]] = {}

    def add(self, value: object, found: object) -> None:
        """Know the object, where it can be referred to weakly."""
        number = id(value)

        def forget(gone: object) -> None:
            known = self._known.get(number)
            if known is not None and known[0] is gone:
                del self._known[number]

        with suppress(TypeError):
            self._known[number] = (ref(value, forget), found)

    def get(self, value: object) -> Any:
        """What the object was added with, or None."""
        known = self._known.get(id(value))
        return known[1] if known is not None and known[0]() is value else None

    def __bool__(self) -> bool:
        return bool(self._known)


class Recorder:
    """Records what the hooks' watches see, as long as autolog is on.

    Args:
        hooks: the libraries.
        models: whether fitted models are kept.
        followed: estimators that were fitted while autolog was on before.
    """

    def __init__(self, hooks: Sequence[AutologHook], *, models: bool, followed: _Objects | None) -> None:
        self.hooks, self.models = tuple(hooks), models
        self.followed = followed or _Objects()
        self._predictions = _Objects()
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._complained = ""
        self._watches = [self._watch(hook) for hook in self.hooks]

    def _watch(self, hook: AutologHook) -> Watch:
        def begin(*call: Any) -> End:
            return self._begin(hook, *call)

        watch = Watch((*hook.internals, "joblib"), begin)
        later = (*hook.predictions, *hook.scores)
        self._watch_class(watch, hook.base, (*hook.fits, *later))
        if hook.fitted_base:
            self._watch_class(watch, hook.fitted_base, later)
        for functions in (hook.metrics, hook.evaluations):
            by_module: dict[str, list[str]] = {}
            for function in functions:
                place_of, _, called = function.partition(":")
                by_module.setdefault(place_of, []).append(called)
            for place_of, names in by_module.items():
                watch.arrival(place_of, self._told(_each(watch, names)))
        return watch

    def _watch_class(self, watch: Watch, path: str, methods: Sequence[str]) -> None:
        module, _, name = path.partition(":")
        watch.arrival(module, self._told(lambda there: watch.methods(getattr(there, name), methods)))

    def _told(self, then: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
        """The same, its faults told in a line: they are the hook's, not those of whoever imports the library."""

        def watched(module: ModuleType) -> None:
            try:
                then(module)
            except Exception as odd:
                self._complain(odd)

        return watched

    def stop(self) -> None:
        """See nothing any more; everything is as it was."""
        for watch in reversed(self._watches):
            watch.stop()

    def _complain(self, odd: BaseException) -> None:
        line = f"mlops_nb: autolog did not record this: {type(odd).__name__}: {safe_repr(odd, 200)}"
        if line != self._complained:
            print(line, file=sys.stderr)
        self._complained = line

    def _begin(
        self,
        hook: AutologHook,
        owner: object,
        name: str,
        call: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        caller: FrameType,
    ) -> End:
        """What is to be told of the end of a watched call."""
        if os.getpid() != self._pid:
            return _nothing
        try:
            given = _arguments(call, args, kwargs)
            if owner is None:
                wanted: End = self._function(hook, name, given, caller)
            elif name in hook.fits:
                wanted = self._fit(hook, owner, name, given, caller)
            else:
                wanted = self._later(hook, owner, name, given, caller)
        except Exception as odd:  # a user's object may raise anything; the call goes on as without us
            self._complain(odd)
            return _nothing
        return self._shielded(wanted)

    def _shielded(self, end: End) -> End:
        """The end with Ctrl-C kept waiting, and with its own faults told in a line."""
        if end is _nothing:
            return end

        def told(result: object, raised: BaseException | None) -> None:
            from mlops_nb.store.connection import Uninterrupted

            interrupt = Uninterrupted()
            interrupt.begin()
            try:
                end(result, raised)
            except Exception as odd:  # a user's object may raise anything; what the call gave is not touched
                self._complain(odd)
            finally:
                interrupt.end()

        return told

    # fits

    def _fit(
        self, hook: AutologHook, estimator: object, name: str, given: Mapping[str, object], caller: FrameType
    ) -> End:
        known: _Followed | None = self.followed.get(estimator)
        rows = _length(next(iter(given.values()), None))
        if name == "partial_fit" and known is not None and known.batches:
            return _another_batch(known, rows)
        noted = _Noted()
        data = noted.of("data", lambda: _fingerprints(given, caller), ())
        told = _Told(hook, estimator, noted)
        followed = self._started(hook, told, "fit")
        run = followed.run
        run.add_data(data)
        stop = followed.timed()

        def end(result: object, raised: BaseException | None) -> None:
            stop()
            with run.together() if followed.is_own else nullcontext():
                if raised is None:
                    self._fitted(followed, told, given, None if result is estimator else result)
                    if name == "partial_fit":
                        followed.batches, followed.rows = 1, rows
                run.warnings += noted.warnings
            self._finish(followed, raised)
            if raised is None:
                self._follow(hook, estimator, result, followed, noted)

        return end

    def _started(self, hook: AutologHook, told: _Told, call: str) -> _Followed:
        """The run that a fit or an evaluation is recorded in, with the estimator's parameters."""
        followed = self._place(hook, told, call)
        if told.settings:
            followed.run.log_params(told.settings, inferred=followed.inferred)
        return followed

    def _place(self, hook: AutologHook, told: _Told, call: str) -> _Followed:
        """The user's own run for its first model, a child of it for any other, or a run of its own."""
        from mlops_nb.tracking import service

        parent = service.active_run()
        if parent is None:
            here = place()
            run = service.ActiveRun(
                told.name,
                kind="fit",
                source=here.source,
                notebook=here.notebook,
                cell_id=here.cell_id,
                execution_count=here.execution_count,
            )
            run.begin()
            return _Followed(run, hook, told, call, is_own=True)
        with self._lock:
            first = parent.model
            if told.is_model and not parent.has_estimators_apart:
                if first is None:
                    parent.model = first = _Followed(parent, hook, told, call, is_own=False)
                    return first
                if isinstance(first, _Followed) and first.is_also(told, call):
                    first.calls.add(call)
                    return first
                parent.has_estimators_apart = True
                if isinstance(first, _Followed):
                    _move_to_child(first, parent)
        run = service.ActiveRun(told.name, kind="fit", parent=parent)
        run.begin()
        return _Followed(run, hook, told, call, is_own=True)

    def _fitted(self, followed: _Followed, told: _Told, given: Mapping[str, object], result: object) -> None:
        from mlops_nb.store import fits

        hook, run, noted, estimator = followed.hook, followed.run, told.noted, told.estimator
        data, target = _data_and_target(given)
        signature = noted.of("signature", lambda: hook.signature(estimator, data, target, result), None)
        if signature is not None:
            kind = type(estimator)
            one = Estimator(told.name, f"{kind.__module__}.{kind.__qualname__}", signature, told.defaults)
            run.keep(fits.add_estimator, one)
        followed.log(noted.of("metrics", lambda: hook.measured(estimator), {}))
        self._add_parts(followed, noted.of("trials", lambda: hook.parts(estimator), ()))
        if self.models:
            noted.of("model", lambda: run.log_artifact(hook.fitted(estimator, result), "model"), None)

    def _add_parts(self, followed: _Followed, parts: Sequence[Part]) -> None:
        from mlops_nb.store import fits

        if len(parts) > MOST_PARTS:
            followed.run.warnings.append(
                f"{len(parts) - MOST_PARTS:,} of {len(parts):,} combinations are not child runs"
            )
            parts = sorted(parts, key=lambda part: min(_ranks(part), default=0))[:MOST_PARTS]
        if parts:
            followed.run.keep(fits.add_parts, tuple(parts), time.time())

    def _finish(self, followed: _Followed, raised: BaseException | None) -> None:
        from mlops_nb.tracking import service

        run = followed.run
        if not followed.is_own:
            return
        if run.parent is None:
            service.record_surroundings(run)
        fault = run.finish(
            service.status_of(raised),
            service.run_error(raised) if raised is not None else None,
            durable=run.parent is None,
        )
        if fault is not None and run.parent is None:
            print(service.not_recorded(run.name, fault), file=sys.stderr)

    def _follow(self, hook: AutologHook, estimator: object, result: object, followed: _Followed, noted: _Noted) -> None:
        """From now on what is computed with the estimator belongs to this fit."""
        asked = noted.of("model", lambda: hook.fitted(estimator, result), estimator)
        self.followed.add(estimator, followed)
        self.followed.add(asked, followed)
        for other in noted.of("related", lambda: tuple(hook.related(estimator)), ()):
            self.followed.add(other, followed)
        left = noted.of("predictions", lambda: tuple(hook.predicted(estimator)), ())
        for each in (*left, *(() if result is estimator or result is asked else (result,))):
            self._predictions.add(each, (followed, ""))

    # what comes after

    def _later(
        self, hook: AutologHook, estimator: object, name: str, given: Mapping[str, object], caller: FrameType
    ) -> End:
        followed: _Followed | None = self.followed.get(estimator)
        if followed is None:
            return _nothing
        data = next(iter(given.values()), None)
        called = _variable_names(caller, [data]).get(id(data), "") if data is not None else ""

        def predicted(result: Any, raised: BaseException | None) -> None:
            self._remember(result, (followed, called), data)

        def scored(result: object, raised: BaseException | None) -> None:
            number = metric_number(result) if raised is None else None
            if number is not None:
                followed.log({_metric_name(name, {}, called): number})

        return scored if name in hook.scores else predicted

    def _remember(self, result: Any, found: tuple[_Followed, str], data: object) -> None:
        """Know predictions again, also a column of them: a view of an array knows the array it is a view of."""
        for each in (result, *result) if isinstance(result, list | tuple) else (result,):
            self._predictions.add(each, found)
            base = getattr(each, "base", None)
            if type(base) is type(each) and base is not data and base is not getattr(data, "base", None):
                self._predictions.add(base, found)

    def _function(self, hook: AutologHook, name: str, given: Mapping[str, object], caller: FrameType) -> End:
        if any(each.endswith(f":{name}") for each in hook.evaluations):
            return self._evaluation(hook, name, given, caller)
        found = next((found for each in given.values() if (found := self._predicted(each)) is not None), None)
        if found is None:
            return _nothing
        followed, called = found

        def end(result: object, raised: BaseException | None) -> None:
            number = metric_number(result) if raised is None else None
            if number is not None:
                followed.log({_metric_name(name, given, called): number})
                _tell_active_run(name)

        return end

    def _predicted(self, value: Any) -> tuple[_Followed, str] | None:
        if not self._predictions or value is None or isinstance(value, str | int | float):
            return None
        found: tuple[_Followed, str] | None = self._predictions.get(value)
        if found is None and (base := getattr(value, "base", None)) is not None:
            found = self._predictions.get(base)
        return found

    def _evaluation(self, hook: AutologHook, name: str, given: Mapping[str, object], caller: FrameType) -> End:
        estimator = given.get("estimator")
        noted = _Noted()
        rest = {key: value for key, value in given.items() if key != "estimator"}
        data = noted.of("data", lambda: _fingerprints(rest, caller), ())
        followed = self._started(hook, _Told(hook, estimator, noted), "evaluation")
        run = followed.run
        run.add_data(data)
        if followed.is_own:
            run.set_tag("evaluation", name)
        called = _variable_names(caller, [rest.get("X")]).get(id(rest.get("X")), "")
        stop = followed.timed()

        def end(result: object, raised: BaseException | None) -> None:
            stop()
            with run.together() if followed.is_own else nullcontext():
                if raised is None:
                    found = noted.of("folds", lambda: hook.evaluation(name, estimator, result), None)
                    if found is not None:
                        followed.log(found.metrics)
                        self._add_parts(followed, found.parts)
                    self._remember(result, (followed, called), rest.get("X"))
                run.warnings += noted.warnings
            self._finish(followed, raised)

        return end


class _Told:
    """What an estimator says of itself before its fit."""

    def __init__(self, hook: AutologHook, estimator: Any, noted: _Noted) -> None:
        self.estimator, self.noted = estimator, noted
        self.settings, self.defaults = noted.of(
            "parameters", lambda: settings_of(hook.params(estimator), estimator), ({}, ())
        )
        self.name: str = noted.of("name", lambda: hook.name(estimator), type(estimator).__name__)
        self.is_model: bool = noted.of("kind", lambda: hook.predicts(estimator), True)

    def weakly(self) -> ref[Any] | None:
        """The estimator, not kept alive."""
        with suppress(TypeError):
            return ref(self.estimator)
        return None


class _Noted:
    """What could not be learnt of an estimator, for the run's warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def of(self, what: str, learn: Callable[[], Any], otherwise: Any) -> Any:
        """What `learn` gives, or `otherwise` when it raises."""
        try:
            return learn()
        except Exception as odd:  # an estimator's own methods may raise anything
            self.warnings.append(f"{what} not recorded: {type(odd).__name__}: {safe_repr(odd, 200)}")
            return otherwise


def _nothing(result: object, raised: BaseException | None) -> None:
    """The end of a call that is not recorded."""


def _each(watch: Watch, names: Sequence[str]) -> Callable[[ModuleType], None]:
    def watch_all(module: ModuleType) -> None:
        for name in names:
            watch.function(module, name)

    return watch_all


def _another_batch(known: _Followed, rows: int) -> End:
    """A later `partial_fit` of the same estimator is a step of the same run."""

    def end(result: object, raised: BaseException | None) -> None:
        if raised is None:
            known.batches, known.rows = known.batches + 1, known.rows + rows
            known.log({"rows_seen": float(known.rows)}, known.batches)

    return end


def _move_to_child(first: _Followed, parent: ActiveRun) -> None:
    """Make the first model's record, which is its run's own, a child run beside the second's."""
    from mlops_nb.store import fits
    from mlops_nb.tracking import service

    child = service.ActiveRun(first.name, kind="fit", parent=parent)
    child.keep(fits.take_over, parent.id, first.started)
    child.took(first.seconds)
    child.finish(durable=False)
    first.run, first.is_own = child, True


def _arguments(
    call: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> dict[str, object]:
    """The arguments of a call by name, in the order of the function's own parameters."""
    function: Any = getattr(call, "__func__", call)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    names = list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) if code else []
    names = names[1:] if hasattr(call, "__func__") else names
    given = dict(zip([*names, *(f"argument {place}" for place in range(len(names), len(args)))], args, strict=False))
    ordered = {name: kwargs[name] for name in names if name in kwargs}
    return {**given, **ordered, **{name: value for name, value in kwargs.items() if name not in ordered}}


def _data_and_target(given: Mapping[str, object]) -> tuple[object, object]:
    """What a fit was given to learn from, and what to predict."""
    values = list(given.values())
    first = given.get("X", values[0] if values else None)
    rest = [value for name, value in given.items() if name in ("y", "Y", "target", "labels")]
    return first, rest[0] if rest else None


def _length(value: Any) -> int:
    shape = getattr(value, "shape", None)
    try:
        return int(shape[0]) if shape else len(value)
    except Exception:  # what can be fitted need not have a length
        return 0


def _ranks(part: Part) -> Iterator[float]:
    return (value for name, value in part.metrics.items() if name.startswith("rank_test_"))


_TELLING = ("average", "beta", "k", "alpha", "power")


def _metric_name(function: str, given: Mapping[str, object], data: str) -> str:
    """How a metric is called: by its function, what makes it another metric, and the data predicted.

    >>> _metric_name("f1_score", {"average": "macro"}, "X_test"), _metric_name("fbeta_score", {"beta": 2}, "")
    ('f1_score_macro_X_test', 'fbeta_score_beta_2')
    """
    words = [function]
    for name in _TELLING:
        value = given.get(name)
        if isinstance(value, str) and value != "binary":
            words.append(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            words.append(f"{name}_{value:g}")
    return "_".join([*words, data] if data else words)


def _tell_active_run(function: str) -> None:
    """The run that is going on need not infer what is recorded of an estimator."""
    from mlops_nb.tracking import service

    run = service.active_run()
    if run is not None:
        run.autologged.add(function)


def _fingerprints(given: Mapping[str, object], caller: FrameType) -> tuple[DataFingerprint, ...]:
    """The data among the arguments, by the names that the caller has for them."""
    data = {name: value for name, value in given.items() if hasattr(value, "shape") or isinstance(value, list)}
    called = _variable_names(caller, data.values())
    found = []
    for name, value in data.items():
        one = _print_of(value)
        if one is not None:
            found.append(replace(one, name=called.get(id(value), name)))
    return tuple(found)


_MOST_TEXTS, _MOST_VALUES, _MOST_COLUMNS = 10_000, 1_000, 64
"""Of longer lists and wider frames a fixed sample is hashed: a column takes about 40 us whatever its length."""


def _print_of(value: Any) -> DataFingerprint | None:
    """The fingerprint of data of any kind; None of what is none."""
    from mlops_nb.reproducibility.fingerprints import fingerprint

    if isinstance(value, list):
        return _of_a_list(value)
    step = 1 + (len(value.columns) - 1) // _MOST_COLUMNS if hasattr(value, "iloc") and hasattr(value, "columns") else 1
    if step < 2:
        return fingerprint("", value, BUDGET_BYTES)
    found = fingerprint("", value.iloc[:, ::step], BUDGET_BYTES)
    return found and replace(found, shape=tuple(value.shape), exact=False)


def _of_a_list(values: list[object]) -> DataFingerprint | None:
    import numpy

    from mlops_nb.reproducibility.fingerprints import fingerprint

    most = _MOST_TEXTS if values and isinstance(values[0], str) else _MOST_VALUES
    step = 1 + (len(values) - 1) // most
    sample = values[::step]
    held = numpy.empty(len(sample), dtype=object)
    for position, value in enumerate(sample):
        held[position] = value
    if most == _MOST_VALUES:
        with suppress(ValueError, TypeError):  # rows of several lengths are no array
            numbers = numpy.asarray(sample)
            held = numbers if numbers.dtype.kind in "biuf" else held
    found = fingerprint("", held)
    return found and replace(found, kind="list", shape=(len(values),), exact=step == 1)


def _variable_names(frame: FrameType, values: Iterable[object]) -> dict[int, str]:
    """By id the name that each value has where it is used; no underscored ones, which are IPython's."""
    wanted = {id(value) for value in values if value is not None}
    found: dict[int, str] = {}
    with _names_of(frame) as scopes:
        for scope in scopes:
            for name, value in list(scope.items()):
                number = id(value)
                if number in wanted and number not in found and name[:1] != "_" and name.isidentifier():
                    found[number] = name
            if len(found) == len(wanted):
                break
    return found


@contextmanager
def _names_of(frame: FrameType) -> Iterator[tuple[Mapping[str, object], ...]]:
    """A frame's local and global names; of a function the locals are a copy, which must not keep them alive."""
    if frame.f_code.co_flags & 1:  # CO_OPTIMIZED: a function
        names = frame.f_locals
        try:
            yield names, frame.f_globals
        finally:
            if isinstance(names, dict):
                names.clear()
    else:
        yield (frame.f_locals, frame.f_globals) if frame.f_locals is not frame.f_globals else (frame.f_globals,)


_lock = threading.RLock()
_recorder: Recorder | None = None
