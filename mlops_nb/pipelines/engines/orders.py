"""A step for a worker: what it is told, how it is carried out there, what comes back."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsError
from mlops_nb.pipelines.cache import Cache, Shelf, kept_outputs
from mlops_nb.pipelines.recording import Made, Surroundings, error_line, recorded_call
from mlops_nb.pipelines.records import KeptFile
from mlops_nb.pipelines.running import set_generators
from mlops_nb.pipelines.steps import Step
from mlops_nb.pipelines.values import KeptValue, NotKept, content_hash
from mlops_nb.tracking import service as tracking
from mlops_nb.tracking.elsewhere import Outcome

if TYPE_CHECKING:
    from mlops_nb.store import Store


@dataclass(frozen=True, slots=True)
class Ref:
    """In the place of an argument: a value that lies on the shelf, or a tuple of them.

    `task` is the call that gave it, `place` which of its outputs it is, None for the whole.
    """

    task: int
    values: tuple[KeptValue, ...]
    is_tuple: bool
    place: int | None = None
    shelf: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A call of a step for a worker.

    `store` is the store's folder, or empty where the worker does not see it; `shelf` the folder that values are put
    into, or empty; `run` the pipeline's run. `watched` maps the arguments whose hashes are known to them, or is None
    where nobody asks what changes. `generators` are the states that the global random generators have in the script
    at this step; `names_random` says whether the step's own code names Python's.
    """

    number: int
    module: str
    file: str
    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    pipeline: str
    run: int | None
    store: str
    shelf: str
    home: str
    cwd: str
    keeps: bool
    surroundings: Surroundings
    watched: Mapping[str, str] | None
    generators: Mapping[str, Any]
    names_random: bool = True


@dataclass(slots=True)
class Delivered:
    """What became of an order. `unread` is the call of which a value could not be read, where that was so."""

    number: int
    made: Made = field(default_factory=Made)
    outputs: tuple[KeptValue, ...] = ()
    is_tuple: bool = False
    read: tuple[KeptFile, ...] = ()
    written: tuple[KeptFile, ...] = ()
    error: BaseException | None = None
    trace: str = ""
    unread: int | None = None
    not_kept: str = ""
    carried: Outcome | None = None
    """Its run, where that has to be brought into the store."""


def found_step(order: Order) -> Step[..., Any]:
    """The step that is meant, in a process that has imported the script.

    Raises:
        MlopsError: it is not there.
    """
    import importlib

    name = "__main__" if order.module in ("__main__", "__mp_main__") else order.module
    module = sys.modules.get(name) or importlib.import_module(name)
    one = getattr(module, order.name, None)
    if not isinstance(one, Step):
        raise MlopsError(
            f"step {order.name!r} is not found at the top of {order.file or order.module}, where a worker looks for it",
            "--engine local",
        )
    return one


def fulfilled(order: Order) -> Delivered:
    """Carry out an order in this process; everything that goes wrong is in what is delivered."""
    done = Delivered(order.number)
    with silent(), in_folder(order.cwd):
        try:
            one = found_step(order)
            store = store_of(order)
            cache = Cache(store, order.pipeline, Path(order.home))
            shelf = Shelf(Path(order.shelf)) if order.shelf else cache.shelf
            result = called(order, one, done, store, lambda value: loaded(value, shelf, done))
            _keep(order, one, result, cache, shelf, done)
        except BaseException as error:
            done.error, done.trace = error, trace_of(error)
        done.made.seen.result = None
    return sendable(done)


def called(order: Order, one: Step[..., Any], done: Delivered, store: Store | None, value: Callable[[Any], Any]) -> Any:
    """Call the step as a run of the store; its result."""
    parent = None
    if store is not None and order.run is not None:
        parent = tracking.ActiveRun(order.pipeline, kind="pipeline", store=store)
        parent.id = order.run
    args = tuple(value(each) for each in order.args)
    kwargs = {name: value(each) for name, each in order.kwargs.items()}
    known = order.watched
    set_generators(order.generators)
    recorded_call(
        one,
        args,
        kwargs,
        made=done.made,
        parent=parent,
        home=Path(order.home),
        surroundings=order.surroundings,
        watched=None if known is None else lambda name, given: known.get(name) or content_hash(given),
        store=store,
    )
    return done.made.seen.result


def store_of(order: Order) -> Store | None:
    """The store that the order names; None where it names none."""
    from mlops_nb.store import open_store

    return open_store(folder=Path(order.store)) if order.store else None


def loaded(value: Any, shelf: Shelf, done: Delivered) -> Any:
    """An argument, read from the shelf where it lies there."""
    if isinstance(value, Ref):
        try:
            found = [shelf.load(each) for each in value.values]
        except Exception:  # whatever reads it may stumble over anything in it
            done.unread = value.task
            raise
        return tuple(found) if value.is_tuple else found[0]
    if type(value) in (tuple, list):
        return type(value)(loaded(each, shelf, done) for each in value)
    if type(value) is dict:
        return {name: loaded(each, shelf, done) for name, each in value.items()}
    return value


def _keep(order: Order, one: Step[..., Any], result: Any, cache: Cache, shelf: Shelf, done: Delivered) -> None:
    with shelf.filling() as write:
        try:
            done.outputs, done.is_tuple = kept_outputs(result, one.output_names(), write)
        except NotKept as error:
            raise MlopsError(
                f"step {order.name!r} gives what no other process can be given: {error.what}", "--engine local"
            ) from None
        if order.keeps and not cache.doubts_about(done.made.seen.files):
            done.written = cache.files_written(done.made.seen.files, write)
    if order.keeps:
        done.read = cache.files_read(done.made.seen.files)


def sendable(done: Delivered) -> Delivered:
    """The answer, its exception replaced by one that can be sent where it cannot be."""
    try:
        pickle.loads(pickle.dumps(done.error))
    except Exception:  # a user's exception may raise anything when it is pickled
        assert done.error is not None
        done.error = MlopsError(error_line(done.error))
    done.made.params = {name: value for name, value in done.made.params.items() if _is_sendable(value)}
    return done


def _is_sendable(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # a user's object may raise anything when it is pickled
        return False
    return True


_PACKAGE = str(Path(__file__).parents[2])


def trace_of(error: BaseException) -> str:
    """The traceback of the user's own frames."""
    if isinstance(error, MlopsError):
        return "\n".join(error._render_traceback_())
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_PACKAGE)]
    with suppress(Exception):  # a user's exception may raise from its own __str__
        said = traceback.format_exception_only(type(error), error)
        return "".join(["Traceback (most recent call last):\n", *traceback.format_list(frames), *said]).rstrip()
    return type(error).__name__


@contextmanager
def silent() -> Iterator[None]:
    """What a step prints in the block is shown by who gave the order."""
    before = sys.stdout
    with Path(os.devnull).open("w") as nothing:
        sys.stdout = nothing
        try:
            yield
        finally:
            if sys.stdout is nothing:
                sys.stdout = before


@contextmanager
def in_folder(folder: str) -> Iterator[None]:
    """Be in a folder in the block, where it is there."""
    before = Path.cwd()
    is_other = bool(folder) and Path(folder).is_dir() and Path(folder) != before
    if is_other:
        os.chdir(folder)
    try:
        yield
    finally:
        if is_other:
            os.chdir(before)
