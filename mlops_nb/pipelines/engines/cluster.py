"""Steps on the workers of a Dask cluster: what they give stays there, and goes from worker to worker."""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from mlops_nb.errors import MissingExtra, MlopsError
from mlops_nb.pipelines.cache import Cache, Shelf, kept_outputs
from mlops_nb.pipelines.code import is_local
from mlops_nb.pipelines.engines import orders
from mlops_nb.pipelines.engines.orders import Delivered, Order, Ref
from mlops_nb.pipelines.running import StepTimedOut
from mlops_nb.pipelines.steps import Step
from mlops_nb.pipelines.values import KeptValue, NotKept, content_hash, is_split
from mlops_nb.tracking.elsewhere import outcome_of

ELSEWHERE = "elsewhere"
"""The form of an output that lies on a worker and nowhere else."""


@dataclass(frozen=True, slots=True)
class _Given:
    """In the place of an argument: one of those that Dask brings along."""

    number: int


@dataclass(slots=True)
class _Parcel:
    """What a step gave, on the worker on which it ran, and what is told of it."""

    result: Any
    done: Delivered


@contextmanager
def connected(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    """The client of an existing cluster, or of workers of this machine that end with the block.

    Raises:
        MissingExtra: Dask is not installed.
        MlopsError: the cluster cannot be reached.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise MissingExtra("--engine dask needs Dask", "pip install 'mlops-nb[dask]'") from None
    if not hasattr(main := sys.modules["__main__"], "__spec__"):
        main.__spec__ = None  # `%reset` takes it away, and no process of Python's starts from a module without
    with ExitStack() as stack:
        try:
            cluster = scheduler or stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=50,
                    memory_limit=None,
                )
            )
            client = stack.enter_context(Client(cluster, timeout=10, set_as_default=False))
            if scheduler is None:
                client.run(_ignore_interrupts)
        except (OSError, ValueError) as error:
            raise MlopsError(
                f"the Dask cluster {scheduler or ''} cannot be reached: {error}", "--engine local"
            ) from None
        yield client


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the kernel's group: here it would only print, the cluster ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Cluster:
    """A Dask cluster, connected to when the first step runs.

    Args:
        scheduler: its address; empty for workers of this machine.
        jobs: how many steps are sent at once, and how many workers of this machine there are; None for as many as fit.
        step: gives a step by name.
    """

    def __init__(self, scheduler: str, jobs: int | None, step: Callable[[str], Step[..., Any]]) -> None:
        self.scheduler, self.jobs, self.step = scheduler, jobs, step
        self._stack = ExitStack()
        self._client: Any = None
        self._parcels: dict[int, Any] = {}
        self._told: dict[int, Any] = {}
        self._deadlines: dict[int, float] = {}
        self._store: Path | None = None
        self._is_seen = False

    def has_room(self) -> bool:
        """Whether another step can begin at once; Dask itself has them wait for a worker."""
        return self.jobs is None or len(self._told) < self.jobs

    def has(self, number: int) -> bool:
        """Whether the result of a call lies on a worker."""
        return number in self._parcels and number not in self._told

    def fetch(self, number: int, place: int | None) -> Any:
        """The result of a call, or one of its outputs."""
        return self._result(self._client.submit(_part, self._parcels[number], place, pure=False))

    def start(self, order: Order, seconds: float | None) -> None:
        """Have an order carried out, by force not longer than so many seconds."""
        client = self._connected(order)
        brought: list[Any] = []
        order = replace(
            order,
            args=self._with_given(order.args, brought),
            kwargs=self._with_given(dict(order.kwargs), brought),
            store=order.store if self._is_seen else "",
            keeps=order.keeps and self._is_seen,
        )
        key = f"{order.name}-{order.number}-{uuid.uuid4().hex[:8]}"
        parcel = client.submit(carried_out, order, _by_value(self.step(order.name)), *brought, pure=False, key=key)
        self._parcels[order.number] = parcel
        self._told[order.number] = client.submit(_told, parcel, pure=False)
        if seconds is not None:
            self._deadlines[order.number] = time.monotonic() + seconds

    def _connected(self, order: Order) -> Any:
        if self._client is None:
            self._client = self._stack.enter_context(connected(self.scheduler or None, self.jobs))
            self._store = Path(order.store) if order.store else None
            self._is_seen = bool(order.store) and self._do_workers_see(Path(order.store))
        return self._client

    def _do_workers_see(self, store: Path) -> bool:
        """Whether every worker is on this machine and has the store's folder before it: SQLite wants both."""
        handle, token = tempfile.mkstemp(dir=store, prefix="seen-", suffix=".tmp")
        os.close(handle)
        try:
            answers = self._client.run(_sees, platform.node(), token)
        finally:
            Path(token).unlink()
        return bool(answers) and all(answers.values())

    def _with_given(self, value: Any, brought: list[Any]) -> Any:
        if isinstance(value, Ref):
            if self.has(value.task):
                brought.append(self._client.submit(_part, self._parcels[value.task], value.place, pure=False))
                return _Given(len(brought) - 1)
            if self._is_seen:
                return value
            brought.append(self._client.scatter(self._read(value), hash=False))
            return _Given(len(brought) - 1)
        if type(value) in (tuple, list):
            return type(value)(self._with_given(each, brought) for each in value)
        if type(value) is dict:
            return {name: self._with_given(each, brought) for name, each in value.items()}
        return value

    def _read(self, value: Ref) -> Any:
        """What lies on the shelf here, to be sent to workers that do not see it."""
        from mlops_nb.store import open_store

        store = open_store(folder=self._store) if not value.shelf and self._store is not None else None
        shelf = Shelf(Path(value.shelf), store)
        found = [shelf.load(each) for each in value.values]
        return tuple(found) if value.is_tuple else found[0]

    def wait(self) -> list[Delivered]:
        """What was delivered, at least one as long as a step goes on."""
        if not self._told:
            return []
        from distributed import wait

        soonest = min((self._deadlines[number] for number in self._told if number in self._deadlines), default=None)
        with suppress(TimeoutError), self._client.as_current():
            wait(
                list(self._told.values()),
                timeout=None if soonest is None else max(0.01, soonest - time.monotonic()),
                return_when="FIRST_COMPLETED",
            )
        return [self._delivered(number) for number in list(self._told) if self._is_over(number)]

    def _is_over(self, number: int) -> bool:
        return bool(self._told[number].done()) or time.monotonic() > self._deadlines.get(number, float("inf"))

    def _delivered(self, number: int) -> Delivered:
        told = self._told.pop(number)
        if not told.done():
            self._client.cancel([told, self._parcels.pop(number)], force=True)
            return _failed(number, StepTimedOut("the step took longer than its timeout_seconds on a Dask worker"))
        try:
            done: Delivered = self._result(told)
        except MlopsError as error:
            del self._parcels[number]
            return _failed(number, error)
        if done.error is not None:
            del self._parcels[number]
        return done

    def _result(self, future: Any) -> Any:
        try:
            return future.result()
        except Exception as error:  # whatever a cluster may raise: a lost worker, a missing package there
            raise MlopsError(
                f"a Dask worker did not bring back a step: {type(error).__name__}: {str(error)[:300]}",
                "--engine local",
            ) from error

    def interrupt(self) -> list[Delivered]:
        """Take back what waits for a worker; what goes on there is not waited for."""
        if self._client is not None:
            self._client.cancel([*self._told.values(), *(self._parcels[number] for number in self._told)], force=True)
        return [_failed(number, KeyboardInterrupt()) for number in self._told]

    def close(self) -> None:
        """Leave the cluster; workers of this machine end."""
        self._parcels, self._told = {}, {}
        self._stack.close()


def _failed(number: int, error: BaseException) -> Delivered:
    trace = "\n".join(error._render_traceback_()) if isinstance(error, MlopsError) else ""
    return Delivered(number, error=error, trace=trace)


def _by_value(one: Step[..., Any]) -> bytes:
    """A step as a worker can be sent it, with what it calls of modules that the worker cannot import."""
    import cloudpickle

    _ = one.source, one.signature, one.output_names()  # read here: the worker has no file of it
    modules = [each for each in list(sys.modules.values()) if _is_users(each)]
    try:
        for each in modules:
            cloudpickle.register_pickle_by_value(each)
        return bytes(cloudpickle.dumps(one))
    except Exception as error:  # a user's object may raise anything when it is pickled
        raise MlopsError(
            f"step {one.name!r} cannot be sent to Dask workers: {type(error).__name__}: {str(error)[:200]}",
            "--engine local",
        ) from None
    finally:
        for each in modules:
            with suppress(ValueError):
                cloudpickle.unregister_pickle_by_value(each)


def _is_users(module: ModuleType) -> bool:
    name, file = getattr(module, "__name__", ""), getattr(module, "__file__", None)
    is_ours = name.partition(".")[0] in ("mlops_nb", "__main__", "__mp_main__")
    return isinstance(file, str) and not is_ours and name in sys.modules and is_local(file)


# on the worker


def _sees(host: str, token: str) -> bool:
    return platform.node() == host and Path(token).is_file()


def _part(parcel: _Parcel, place: int | None) -> Any:
    return parcel.result if place is None else parcel.result[place]


def _told(parcel: _Parcel) -> Delivered:
    return parcel.done


def carried_out(order: Order, step: bytes, *brought: Any) -> _Parcel:
    """Carry out an order on a worker; everything that goes wrong is in what is told."""
    import cloudpickle

    done, result, is_alone = Delivered(order.number), None, _is_alone()
    with ExitStack() as stack:
        if is_alone:
            stack.enter_context(orders.silent())
            stack.enter_context(orders.in_folder(order.cwd))
        try:
            one: Step[..., Any] = cloudpickle.loads(step)
            store = orders.store_of(order) or _store_of_its_own(stack)
            cache = Cache(store if order.store else None, order.pipeline, Path(order.home))
            if not order.store:
                order = replace(order, run=None)
            if not is_alone:
                order = replace(order, generators={})
            try:
                result = orders.called(order, one, done, store, lambda value: _value(value, brought, cache.shelf, done))
            finally:
                if not order.names_random:  # Dask's own threads draw from it
                    done.made.seen.draws.pop("python", None)
                if not order.store and done.made.run is not None:
                    done.carried = outcome_of(store, done.made.run)
            _keep(order, one, result, cache, done)
        except BaseException as error:
            done.error, done.trace = error, orders.trace_of(error)
        done.made.seen.result = None
    return _Parcel(result, orders.sendable(done))


def _is_alone() -> bool:
    """Whether no other step may run in this process meanwhile: then it may print, and be in its folder."""
    with suppress(ImportError, ValueError, AttributeError):
        from distributed import get_worker

        return bool(get_worker().state.nthreads == 1)
    return False


def _store_of_its_own(stack: ExitStack) -> Any:
    from mlops_nb.store.database import Store

    store = Store(Path(stack.enter_context(tempfile.TemporaryDirectory())) / ".mlops")
    stack.callback(store.close)
    return store


def _value(value: Any, brought: tuple[Any, ...], shelf: Shelf, done: Delivered) -> Any:
    if isinstance(value, _Given):
        return brought[value.number]
    if type(value) in (tuple, list):
        return type(value)(_value(each, brought, shelf, done) for each in value)
    if type(value) is dict:
        return {name: _value(each, brought, shelf, done) for name, each in value.items()}
    return orders.loaded(value, shelf, done)


def _keep(order: Order, one: Step[..., Any], result: Any, cache: Cache, done: Delivered) -> None:
    names = one.output_names()
    done.is_tuple = is_split(result, names)
    if order.keeps:
        with cache.shelf.filling() as write:
            try:
                done.outputs, done.is_tuple = kept_outputs(result, names, write)
                if not cache.doubts_about(done.made.seen.files):
                    done.written = cache.files_written(done.made.seen.files, write)
                done.read = cache.files_read(done.made.seen.files)
                return
            except NotKept as error:
                done.not_kept = error.what
    else:
        done.not_kept = "the workers do not see the store"
    parts = result if done.is_tuple else (result,)
    done.outputs = tuple(KeptValue(content_hash(each), ELSEWHERE) for each in parts)
