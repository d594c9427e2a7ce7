"""Runs to MLflow and from it: push, pull, and what became of each run.

Both ways are repeatable. The table `remote_runs` says which run there is which run here and what both agreed on; a
tag on the run there says it, too, for a store that lost the table and for clones. A run is brought up to date by what
changed on the side it comes from; what only the other side changed stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeVar

from mlops_nb.errors import (
    BadArgument,
    CarryingStopped,
    MlopsError,
    RunNotFound,
    ServerUnavailable,
    StoreIsDamaged,
    StoreIsLocked,
    nearest,
)
from mlops_nb.registry import service as registry
from mlops_nb.registry.versions import ModelVersion
from mlops_nb.store import open_store, remote
from mlops_nb.store import registry as registered
from mlops_nb.tracking.mlflow import words
from mlops_nb.tracking.mlflow.model_pulling import VersionPull
from mlops_nb.tracking.mlflow.model_pushing import VersionPush
from mlops_nb.tracking.mlflow.model_server import ModelServer
from mlops_nb.tracking.mlflow.models import MlflowModel, MlflowVersion
from mlops_nb.tracking.mlflow.pulling import RunPull
from mlops_nb.tracking.mlflow.pushing import RunPush
from mlops_nb.tracking.mlflow.server import Address, Refused, Server, address, settled
from mlops_nb.tracking.mlflow.words import Carried, CarriedRun, CarriedVersion, MlflowRun
from mlops_nb.tracking.search.service import run_ids

if TYPE_CHECKING:
    from mlops_nb.store import Store

T = TypeVar("T")
C = TypeVar("C", CarriedRun, CarriedVersion)

TARGETS = ("mlflow",)
"""Where runs can be pushed to and pulled from."""

MOST_FAILURES = 3
"""So many runs one after the other that the server fails on, and it is given up."""

Say = Callable[[str], None]


def push(
    target: str,
    uri: str,
    query: str | None = None,
    *,
    experiment: str | None = None,
    progress: Say | None = None,
    store: Store | None = None,
) -> Carried:
    """Bring runs to an MLflow server, or up to date there; what cannot be carried is told run by run.

    A run goes with its children and with what it is a part of. What MLflow has no place for, the cell's code and
    outputs say, is put beside it as an artifact. The versions of models that these runs made go with them, as folders
    that MLflow loads; a stage becomes a tag.

    Args:
        target: mlflow.
        uri: http(s)://HOST:PORT, sqlite:///FILE.db, or an MLflow folder that is there.
        query: which runs, a query or a name as for `runs`; all by default.
        experiment: where the runs go; by default into one that is called as their notebook.
        progress: is told what is being done.
        store: the store, or None for the one of the working directory.

    Raises:
        BadArgument: the target or the address is none.
        RunNotFound: no run is called that.
        MissingExtra: MLflow is not installed.
        ServerUnavailable: the server cannot be reached, or fails; the runs pushed so far are whole, and the same
            call goes on.
    """
    store = store or open_store()
    _check_target(target)
    where = address(uri, store.folder, must_exist=False)
    found = run_ids(query, store=store)
    if query is not None and not found:
        raise RunNotFound(f"no run is found by {query[:60]!r}", "%mlops runs")
    with _carrying("push", where, store, progress) as going:
        pushing = RunPush(store, going.server, experiment)
        runs = remote.with_kin(store, found)
        going.each(runs, pushing.run)
        versions, aliases = _versions_to_push(store, None if query is None else runs)
        push_version = VersionPush(store, going.server).version
        going.each_version(versions, lambda one: push_version(one, aliases[one.name]))
    return going.done()


def _versions_to_push(
    store: Store, runs: Sequence[int] | None
) -> tuple[list[ModelVersion], dict[str, Mapping[str, int]]]:
    """The versions of models that runs made, or all, the oldest first; and the aliases of each model."""
    found, aliases = list[ModelVersion](), dict[str, Mapping[str, int]]()
    for name in registered.model_names(store):
        model = registry.model(name, store=store)
        aliases[name] = model.aliases
        there = [one for one in reversed(model.versions) if not one.is_deleted]
        found += [one for one in there if runs is None or _made_by(one, store) in runs]
    return found, aliases


def _made_by(one: ModelVersion, store: Store) -> int | None:
    return remote.run_called(store, one.manifest.origin.uid) if one.manifest.origin else None


def pull(
    target: str,
    uri: str,
    experiment: str | None = None,
    *,
    progress: Say | None = None,
    store: Store | None = None,
) -> Carried:
    """Bring the runs of an MLflow server into the store, or up to date; what cannot be kept is told run by run.

    Nothing that comes is unpickled. Versions of registered models come with their files, tags, aliases and
    description, also those of MLflow 3's logged models; a stage is told and moves nothing. What was deleted on either
    side stays so. An artifact that was replaced
    there by another of the same size is not seen as changed.

    Args:
        target: mlflow.
        uri: http(s)://HOST:PORT, sqlite:///FILE.db, or an MLflow folder.
        experiment: only the runs of this experiment.
        progress: is told what is being done.
        store: the store, or None for the one of the working directory.

    Raises:
        BadArgument: the target or the address is none, or there is no such experiment.
        MissingExtra: MLflow is not installed.
        ServerUnavailable: the server cannot be reached, or fails; the runs pulled so far are whole, and the same
            call goes on.
    """
    store = store or open_store()
    _check_target(target)
    where = address(uri, store.folder, must_exist=True)

    with _carrying("pull", where, store, progress) as going:
        server = going.server
        every = sorted(server.experiments.keys() - server.gone)
        wanted = every if experiment is None else [server.experiment_named(experiment)]
        runs = _parents_first(list(server.runs(wanted)))
        going.each(runs, RunPull(store, server).run)
        versions = _versions_to_pull(server, None if experiment is None else {run.id for run in runs})
        pull_version = VersionPull(store, server).version
        going.each_version(versions, lambda pair: pull_version(*pair))
    return going.done()


def _versions_to_pull(server: Server, runs: Collection[str] | None) -> list[tuple[MlflowModel, MlflowVersion]]:
    """The versions of registered models that runs made, or all, the oldest of each model first."""
    models = ModelServer(server)
    try:
        found = [(model, one) for model in models.models() for one in models.versions(model)]
    except Refused:  # a server without a registry
        return []
    return [(model, one) for model, one in found if runs is None or one.run_id in runs]


def _check_target(target: str) -> None:
    if target not in TARGETS:
        raise BadArgument(
            f"target == {target[:60]!r}, must be mlflow", f"%mlops push {nearest(target, TARGETS) or 'mlflow'} URI"
        )


def _parents_first(runs: Sequence[MlflowRun]) -> list[MlflowRun]:
    """The runs in the order of their beginnings, none before the one that it is a part of."""
    known = {run.id: run for run in runs}
    ordered: dict[str, MlflowRun] = {}
    for run in sorted(runs, key=lambda one: (one.started_ms, one.id)):
        line: list[MlflowRun] = []
        step: MlflowRun | None = run
        while step is not None and step.id not in ordered and step not in line:
            line.append(step)
            step = known.get(step.tags.get(words.PARENT, ""))
        ordered |= {each.id: each for each in reversed(line)}
    return list(ordered.values())


class _Carrying:
    """A push or pull that is going on: how far it is, and what came of it."""

    def __init__(self, direction: Literal["push", "pull"], where: Address, server: Server, say: Say) -> None:
        self.direction, self.where, self.server, self.say = direction, where, server, say
        self.total = 0
        self.runs: list[CarriedRun] = []
        self.versions: list[CarriedVersion] = []
        self._began = time.monotonic()
        self._said = self._began
        server.say = self.tell

    def tell(self, line: str) -> None:
        """Say what is being done, twice a second at most."""
        now = time.monotonic()
        if now - self._said >= 0.5:
            self._said = now
            self.say(f"{self.progress()}{line and f', {line}'}")

    def each(self, items: Sequence[T], one: Callable[[T], CarriedRun]) -> None:
        """Carry each run; one that the server fails on is told and left, as long as the server answers otherwise."""
        self.total = len(items)
        self._each(items, one, self.runs, _failed)

    def each_version(self, items: Sequence[T], one: Callable[[T], CarriedVersion]) -> None:
        """Carry each version of a model, as `each` carries runs."""
        self._each(items, one, self.versions, _failed_version)

    def _each(
        self, items: Sequence[T], one: Callable[[T], C], done: list[C], failed: Callable[[object, MlopsError], C]
    ) -> None:
        failures = 0
        for item in items:
            self.tell("")
            try:
                done.append(one(item))
                failures = 0
            except (Refused, StoreIsDamaged) as no:
                done.append(failed(item, no))
            except ServerUnavailable as fault:
                failures += 1
                if failures == MOST_FAILURES or not self.server.answers():
                    raise
                done.append(failed(item, fault))

    def progress(self) -> str:
        """How far it is."""
        versions = f" and {len(self.versions):,} model versions" if self.versions else ""
        if not self.total and not versions:
            return f"no run {self.direction}ed"
        return f"{len(self.runs):,} of {self.total:,} runs{versions} {self.direction}ed"

    def done(self) -> Carried:
        """What came of it."""
        seconds = time.monotonic() - self._began
        return Carried(self.direction, self.where.shown, tuple(self.runs), seconds, tuple(self.versions))


def _failed(item: object, fault: MlopsError) -> CarriedRun:
    if isinstance(item, MlflowRun):
        return CarriedRun(None, item.name, item.id, item.experiment, "refused", (fault.what,))
    return CarriedRun(int(str(item)), "", "", "", "refused", (fault.what,))


def _failed_version(item: object, fault: MlopsError) -> CarriedVersion:
    if isinstance(item, ModelVersion):
        return CarriedVersion(f"{item.name}/{item.number}", "", "refused", (fault.what,))
    there = item[1] if isinstance(item, tuple) else item
    remote_name = f"{there.name} {there.version}" if isinstance(there, MlflowVersion) else ""
    return CarriedVersion("", remote_name, "refused", (fault.what,))


@contextmanager
def _carrying(
    direction: Literal["push", "pull"], where: Address, store: Store, progress: Say | None
) -> Iterator[_Carrying]:
    """A server to carry to or from, alone; what stops it is told with how far it came."""
    say = progress or (lambda line: None)
    going: _Carrying | None = None
    again = f"%mlops {direction} mlflow {where.shown}    (goes on where it stopped)"

    def so_far() -> str:
        return f"{going.progress()}, each whole" if going and going.runs else f"no run {direction}ed"

    try:
        with _alone(store), settled(where):
            say(f"asking {where.shown}")
            going = _Carrying(direction, where, Server(where), say)
            yield going
    except ServerUnavailable as fault:
        raise ServerUnavailable(f"{fault.what}; {so_far()}", fault.fix or again) from None
    except KeyboardInterrupt:
        raise CarryingStopped(f"interrupted; {so_far()}", again) from None


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """While this lasts nobody else pushes from this store or pulls into it."""
    from filelock import FileLock, Timeout

    lock = FileLock(store.folder / "carrying.lock", mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise StoreIsLocked(
            f"another process is pushing from the store {store.folder} or pulling into it", "wait until it is done"
        ) from None
    try:
        yield
    finally:
        lock.release()
