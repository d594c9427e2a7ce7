"""A call of a step as a run in the store: what went in and came out, what it measured, printed and changed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import StoreUnavailable
from mlops_nb.pipelines import shown
from mlops_nb.pipelines.records import Shown
from mlops_nb.pipelines.running import Seen, performed
from mlops_nb.pipelines.steps import Step, executing
from mlops_nb.pipelines.values import content_hash, is_small, named_outputs
from mlops_nb.store import runs as rows
from mlops_nb.tracking import service as tracking
from mlops_nb.tracking.runs import Output, Status

if TYPE_CHECKING:
    from mlops_nb.reproducibility.records import CodeVersion, Environment
    from mlops_nb.store import Store

Surroundings = tuple["Environment | None", "CodeVersion | None"]


@dataclass(slots=True)
class Made:
    """A call that ran: its run, what it gave, and which arguments it changed in place."""

    run: int | None = None
    status: Status = "FAILED"
    duration: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, object] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
    hashes: dict[str, str] = field(default_factory=dict)
    """Those of the arguments that may be changed in place, as they are after the call."""
    changes: tuple[str, ...] = ()


def recorded_call(
    one: Step[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    made: Made,
    parent: tracking.ActiveRun | None,
    home: Path,
    surroundings: Surroundings,
    watched: Callable[[str, Any], str] | None,
    store: Store | None = None,
) -> None:
    """Call a step's function as a run that is part of another; `made` is filled, also when it raises.

    Args:
        one: the step.
        args: its arguments by place.
        kwargs: its arguments by name.
        made: is filled.
        parent: the pipeline's run.
        home: the folder that holds the store.
        surroundings: machine, packages and commit, to be recorded.
        watched: gives the hash of an argument before the call; None where nobody asks what is changed in place.
        store: the store, where there is no parent to know it.
    """
    before = _hashes(one, args, kwargs, watched) if watched else {}
    going = tracking.ActiveRun(one.name, kind="step", parent=parent, source=one.source, store=store)
    token, error = executing.set(None), None
    clock = time.perf_counter()
    try:
        tracking.begin(going)
        with going.together():
            for tag, value in one.tags.items():
                going.set_tag(tag, value)
        going.start_clock()
        clock = time.perf_counter()
        with shown.noting() as noted:
            performed(
                one.function,
                args,
                kwargs,
                seen=made.seen,
                source=one.source,
                home=home,
                retries=one.retries,
                retry_seconds=one.retry_seconds,
                timeout_seconds=one.timeout_seconds,
                heard=lambda outputs: _note_outputs(going, outputs),
                again=lambda raised, attempt: going.warnings.append(
                    f"attempt {attempt} of {one.retries + 1} failed: {error_line(raised)}"
                ),
            )
        going.stop_clock()
        with going.together():
            _measure(one, args, kwargs, going, made, noted)
        made.status = "FINISHED"
    except BaseException as raised:
        made.status, error = tracking.status_of(raised), tracking.run_error(raised)
        raise
    finally:
        try:
            made.duration = time.perf_counter() - clock
            executing.reset(token)
            _finish(going, made, error, surroundings)
        except KeyboardInterrupt:  # a run that is left going would be the parent of all that come
            with suppress(RuntimeError):  # it was reset before
                executing.reset(token)
            _finish(going, made, error, surroundings)
            raise
    if watched:
        made.hashes = _hashes(one, args, kwargs, lambda name, value: content_hash(value))
        made.changes = tuple(name for name, found in made.hashes.items() if found != before.get(name))


def _note_outputs(going: tracking.ActiveRun, outputs: Sequence[Shown]) -> None:
    """Put what a step has shown so far into the store, where others can read it while it runs."""
    if going.fault is None:
        with suppress(Exception):  # a fault of ours must not end the step
            going.add_outputs(_outputs(outputs))


def _finish(going: tracking.ActiveRun, made: Made, error: Any, surroundings: Surroundings) -> None:
    tracking.end(going)
    with going.together():
        outputs = _outputs(made.seen.outputs, made.seen.stderr)
        going.add_outputs(outputs)
        if made.seen.attempts > 1:  # what an earlier attempt had shown
            going.keep(rows.cut_outputs, len(outputs))
        going.add_surroundings(*surroundings)
    if fault := going.finish(made.status, error, durable=False):
        print(tracking.not_recorded(going.name, fault), file=sys.stderr)
    made.run = going.id
    with suppress(StoreUnavailable):
        made.metrics = going.measured() or made.metrics


def _measure(
    one: Step[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    going: tracking.ActiveRun,
    made: Made,
    noted: Mapping[str, float],
) -> None:
    names = _named(one, args, kwargs, made.seen.result)
    made.params = _params(one, names)
    going.log_params(made.params)
    made.metrics = _metrics(one, names) | {
        name: value for name, value in noted.items() if name not in names or name not in one.metrics
    }
    if made.metrics:
        going.log_metrics(made.metrics)


def recorded_hit(
    one: Step[..., Any],
    *,
    parent: tracking.ActiveRun | None,
    metrics: Mapping[str, float],
    params: Mapping[str, object],
    outputs: Sequence[Shown],
    origin: int | None,
    surroundings: Surroundings,
) -> int | None:
    """A step whose kept result was taken, as a run that says which run made it; its number."""
    going = tracking.ActiveRun(one.name, kind="step", parent=parent, source=one.source)
    with going.together():
        going.log_params(params)
        if metrics:
            going.log_metrics(metrics)
        for tag, value in {**one.tags, "cached_from": "?" if origin is None else str(origin)}.items():
            going.set_tag(tag, value)
        going.add_outputs(_outputs(outputs))
        going.add_surroundings(*surroundings)
    going.took(0.0)
    if fault := going.finish("FINISHED", durable=False):
        print(tracking.not_recorded(going.name, fault), file=sys.stderr)
    return going.id


def _outputs(outputs: Sequence[Shown], stderr: str = "") -> list[Output]:
    """What a step showed as the store keeps what a cell showed."""
    found = [_output(each) for each in outputs]
    return [*found, *([Output("stream", "stderr", {"text/plain": stderr})] if stderr else [])]


def _output(one: Shown) -> Output:
    if one.kind == "value":
        return Output("execute_result", "", {"text/plain": one.text}, one.cut)
    return Output("stream", "stdout", {"text/plain": one.text if one.kind == "print" else f"[{one.text}]\n"}, one.cut)


def _hashes(
    one: Step[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], of: Callable[[str, Any], str]
) -> dict[str, str]:
    return {name: of(name, value) for name, value in bound(one, args, kwargs).items() if not is_small(value)}


def bound(one: Step[..., Any], args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, Any]:
    """The arguments of a call by name, defaults included; empty where they do not fit."""
    try:
        found = one.signature.bind(*args, **kwargs)
    except TypeError:
        return {}
    found.apply_defaults()
    return dict(found.arguments)


def _named(
    one: Step[..., Any], args: Sequence[object], kwargs: Mapping[str, object], result: object
) -> dict[str, object]:
    """Arguments and outputs of a step by name; an output stands over an argument of its name."""
    return bound(one, args, kwargs) | (named_outputs(result, one.output_names()) or {})


def _params(one: Step[..., Any], named: Mapping[str, object]) -> dict[str, object]:
    if one.params:
        return {name: named[name] for name in one.params if name in named}
    return {name: value for name, value in named.items() if name in one.signature.parameters and _is_plain(value)}


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


def error_line(raised: BaseException) -> str:
    """The exception on one line."""
    with suppress(Exception):  # a user's __str__ may raise anything
        return f"{type(raised).__name__}: {raised}"
    return type(raised).__name__
