"""Runs to MLflow and from it: push, pull, and what became of each run.

Both ways are repeatable. The table `remote_runs` says which run there is which run here and what both agreed on; a
tag on the run there says it, too, for a store that lost the table and for clones. A run is brought up to date by what
changed on the side it comes from; what only the other side changed stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from shutil import copyfileobj, rmtree
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
from mlops_nb.store import blobs, open_store, remote
from mlops_nb.store import runs as rows
from mlops_nb.store.artifacts import put_artifacts
from mlops_nb.store.whole_runs import get_run
from mlops_nb.tracking.mlflow import runs as mapping
from mlops_nb.tracking.mlflow.runs import Agreed, Carried, CarriedRun, MlflowRun, Outcome
from mlops_nb.tracking.mlflow.server import Address, Listed, Refused, Server, address, settled
from mlops_nb.tracking.runs import Artifact, Run
from mlops_nb.tracking.search.service import run_ids
from mlops_nb.tracking.secrets.redaction import without_secrets
from mlops_nb.tracking.secrets.rules import counted
from mlops_nb.tracking.values import bounded_text

if TYPE_CHECKING:
    from mlops_nb.store import Store
    from mlops_nb.store.housekeeping import Connection

T = TypeVar("T")

TARGETS = ("mlflow",)
"""Where runs can be pushed to and pulled from."""

MOST_FAILURES = 3
"""So many runs one after the other that the server fails on, and it is given up."""

MOST_DETAILS = 50_000_000
"""Bytes of a run's own `run.json` that are read at most."""

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
    outputs say, is put beside it as an artifact. Model versions are not carried.

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
        pushing = _Push(store, going.server, experiment)
        going.each(remote.with_kin(store, found), pushing.run)
    return going.done()


def pull(
    target: str,
    uri: str,
    experiment: str | None = None,
    *,
    progress: Say | None = None,
    store: Store | None = None,
) -> Carried:
    """Bring the runs of an MLflow server into the store, or up to date; what cannot be kept is told run by run.

    Nothing that comes is unpickled. Runs that were deleted on either side stay so. An artifact that was replaced
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
        going.each(_parents_first(list(server.runs(wanted))), _Pull(store, server).run)
    return going.done()


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
            step = known.get(step.tags.get(mapping.PARENT, ""))
        ordered |= {each.id: each for each in reversed(line)}
    return list(ordered.values())


class _Carrying:
    """A push or pull that is going on: how far it is, and what came of it."""

    def __init__(self, direction: Literal["push", "pull"], where: Address, server: Server, say: Say) -> None:
        self.direction, self.where, self.server, self.say = direction, where, server, say
        self.total = 0
        self.runs: list[CarriedRun] = []
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
        """Carry each; one that the server fails on is told and left, as long as the server answers otherwise."""
        self.total, failures = len(items), 0
        for item in items:
            self.tell("")
            try:
                self.runs.append(one(item))
                failures = 0
            except Refused as no:
                self.runs.append(_failed(item, no))
            except ServerUnavailable as fault:
                failures += 1
                if failures == MOST_FAILURES or not self.server.answers():
                    raise
                self.runs.append(_failed(item, fault))

    def progress(self) -> str:
        """How far it is."""
        return (
            f"{len(self.runs):,} of {self.total:,} runs {self.direction}ed"
            if self.total
            else f"no run {self.direction}ed"
        )

    def done(self) -> Carried:
        """What came of it."""
        return Carried(self.direction, self.where.shown, tuple(self.runs), time.monotonic() - self._began)


def _failed(item: object, fault: MlopsError) -> CarriedRun:
    if isinstance(item, MlflowRun):
        return CarriedRun(None, item.name, item.id, item.experiment, "refused", (fault.what,))
    return CarriedRun(int(str(item)), "", "", "", "refused", (fault.what,))


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


@dataclass(frozen=True, slots=True)
class _Side:
    """All that is carried of a run of ours: in MLflow's words, and its files; `hash` is of all of it."""

    run: MlflowRun
    faults: tuple[str, ...]
    files: Mapping[str, Artifact | bytes]
    hash: str


def _side(store: Store, server: str, run: Run, *, home: bool) -> _Side:
    series = {metric.name: rows.points(store, run.id, metric.name) for metric in run.metrics}
    parent = remote.remote_id_of(store, server, run.parent) if run.parent is not None else ""
    words, faults = mapping.carried(run, series, parent=parent, home=home)
    files: dict[str, Artifact | bytes] = {}
    for one in run.artifacts:
        if why := mapping.artifact_fault(one.path):
            faults = (*faults, f"artifact {one.path}: {why}")
        else:
            files[one.path] = one
    if not home:
        files |= mapping.added_files(run)
    return _Side(
        words, faults, files, mapping.short_hash([words.to_dict(), {path: _sum(files[path]) for path in files}])
    )


def _sum(file: Artifact | bytes) -> tuple[str, int]:
    """Hash and size of a content."""
    return (sha256(file).hexdigest(), len(file)) if isinstance(file, bytes) else (file.sha256, file.size_bytes)


def _sizes(listed: Mapping[str, Listed]) -> dict[str, int | None]:
    return {path: one.size for path, one in listed.items()}


def _listed(server: Server, run: MlflowRun) -> tuple[dict[str, Listed], list[str]]:
    """The artifacts of a run there; why they cannot be read, if so."""
    try:
        return server.artifacts(run), []
    except Refused as no:
        return {}, [no.what]


class _Push:
    """Pushes runs of a store to a server.

    Args:
        store: where they are.
        server: where they go.
        experiment: where all of them go there; None for the one of each run's notebook.
    """

    def __init__(self, store: Store, server: Server, experiment: str | None) -> None:
        self.store, self.server, self.experiment = store, server, experiment
        self.key = server.where.key
        self._placed: dict[int, str] = {}

    def run(self, number: int) -> CarriedRun:
        """Push one run; its parent is there already, and it goes into the same experiment."""
        done = self._pushed(get_run(self.store, number))
        self._placed[number] = done.experiment
        return done

    def _pushed(self, run: Run) -> CarriedRun:
        theirs, agreed = self._known(run)
        ours = _side(self.store, self.key, run, home=theirs is not None and theirs.id == run.uid)
        if theirs is None:
            return self._new(run, ours)
        done = CarriedRun(run.id, run.name, theirs.id, theirs.experiment, "unchanged", ours.faults)
        if theirs.is_deleted:
            return replace(done, outcome="refused", left_out=("it was deleted there",))
        if agreed.ours == ours.hash:
            return done
        was = mapping.theirs_hash(theirs, _sizes(_listed(self.server, theirs)[0]))
        before = self.server.changes
        faults = self._bring(run, ours, theirs, agreed, is_theirs_known=was == agreed.theirs)
        outcome: Outcome = "updated" if self.server.changes > before else "unchanged"
        return replace(done, outcome=outcome, left_out=(*ours.faults, *faults))

    def _known(self, run: Run) -> tuple[MlflowRun | None, Agreed]:
        """The run there, and what was agreed."""
        if known := remote.remote_id_of(self.store, self.key, run.id):
            link = remote.run_of(self.store, self.key, known)
            if link and (theirs := self.server.run(known)):
                return theirs, link[1]
        return self.server.run_called(run.uid), Agreed()

    def _new(self, run: Run, ours: _Side) -> CarriedRun:
        project = self.store.folder.absolute().parent.name or "mlops_nb"
        name = self._placed.get(run.parent or 0) or self.experiment or mapping.experiment_of(run, project)
        theirs = self.server.create(self.server.experiment_made(name), ours.run, run.uid)
        faults = self._bring(run, ours, theirs, Agreed(), is_theirs_known=True)
        return CarriedRun(run.id, run.name, theirs.id, name, "new", (*ours.faults, *faults))

    def _bring(self, run: Run, ours: _Side, theirs: MlflowRun, agreed: Agreed, *, is_theirs_known: bool) -> list[str]:
        """Bring a run there up to date; what could not be. Its end comes last: until then it is seen to go on."""
        server, changed = self.server, mapping.changes(ours.run, theirs, agreed)
        partly = replace(agreed, ours="", theirs="")
        self._agree(run.id, theirs.id, partly)
        faults = list(changed.conflicts)
        faults += server.log(
            theirs.id, params=changed.params, tags=changed.tags, points=self._points(ours, theirs, agreed)
        )
        server.drop_tags(theirs.id, changed.tags_gone)
        server.log_datasets(theirs.id, [one for one in ours.run.datasets if one not in theirs.datasets])
        kept, more = self._files(run, ours, theirs, partly)
        if changed.is_renamed:
            server.rename(theirs.id, ours.run.name)
        if changed.is_ended_otherwise:
            server.end(theirs.id, ours.run)
        now = server.run(theirs.id) or theirs
        listed, why = _listed(server, now)
        sizes = _sizes(listed)
        for path in [path for path, (_, size) in kept.items() if sizes.get(path, -1) not in (size, None)]:
            del kept[path]
            more.append(f"artifact {path}: it was sent, but the server does not have it whole")
        self._agree(
            run.id,
            theirs.id,
            mapping.agreement(
                ours.run,
                now,
                kept,
                agreed,
                ours_is="" if more or why else ours.hash,
                theirs_is=mapping.theirs_hash(now, sizes) if is_theirs_known else "",
            ),
        )
        return faults + more + why

    def _points(self, ours: _Side, theirs: MlflowRun, agreed: Agreed) -> dict[str, list[mapping.Point]]:
        """The points that are not there yet."""
        found = {}
        for name, points in ours.run.series.items():
            if agreed.series.get(name) != mapping.short_hash(points):
                have = self.server.history(theirs.id, name) if name in theirs.series else ()
                found[name] = mapping.missing_points(points, have)
        return found

    def _files(
        self, run: Run, ours: _Side, theirs: MlflowRun, agreed: Agreed
    ) -> tuple[dict[str, tuple[str, int]], list[str]]:
        """Send the files that are new or changed, take away those that are gone; what is there now, and faults."""
        kept, faults = dict(agreed.artifacts), list[str]()
        for path in [path for path in kept if path not in ours.files]:
            try:
                self.server.remove(theirs, path)
            except Refused as no:
                faults.append(no.what)
            del kept[path]
        for path, file in ours.files.items():
            if kept.get(path) == _sum(file):
                continue
            self.server.say(f"artifact {path} of run {run.id}")
            try:
                self._send(theirs, path, file)
            except (Refused, StoreIsDamaged) as no:
                faults.append(f"artifact {path}: {no.what}")
                continue
            kept[path] = _sum(file)
            self._agree(run.id, theirs.id, replace(agreed, artifacts=kept))
        return kept, faults

    def _send(self, theirs: MlflowRun, path: str, file: Artifact | bytes) -> None:
        """Send a file under its own name, its content checked on the way."""
        with blobs.workplace(self.store) as place:
            named = place.folder / path.rpartition("/")[2]
            if isinstance(file, bytes):
                named.write_bytes(file)
            else:
                with blobs.opened(self.store, file.sha256, path) as reader, named.open("wb") as writer:
                    copyfileobj(reader, writer, blobs.CHUNK)
            self.server.upload(theirs, named, path)

    def _agree(self, number: int, remote_id: str, agreed: Agreed) -> None:
        with self.store.transaction() as connection:
            remote.link(connection, self.key, remote_id, number, agreed)


class _Pull:
    """Pulls runs of a server into a store."""

    def __init__(self, store: Store, server: Server) -> None:
        self.store, self.server = store, server
        self.key = server.where.key

    def run(self, theirs: MlflowRun) -> CarriedRun:
        """Pull one run; its parent, if it is known there, is here already."""
        listed, faults = _listed(self.server, theirs)
        theirs_is = mapping.theirs_hash(theirs, _sizes(listed))
        link = remote.run_of(self.store, self.key, theirs.id) or self._claimed(theirs)
        done = CarriedRun(None, theirs.name, theirs.id, theirs.experiment, "unchanged", tuple(faults))
        if link is None:
            number, more = self._new(theirs, listed, theirs_is)
            return replace(done, id=number, outcome="new", left_out=(*faults, *more))
        number, agreed = link
        done = replace(done, id=number)
        if remote.is_deleted(self.store, number):
            return replace(done, outcome="refused", left_out=("it was deleted here",))
        run, parent = get_run(self.store, number), self._parent(theirs)
        if agreed.theirs == theirs_is and (parent is None or run.parent is not None):
            return done
        is_changed, more = self._update(run, theirs, listed, agreed, theirs_is, parent)
        return replace(done, outcome="updated" if is_changed else "unchanged", left_out=(*faults, *more))

    def _claimed(self, theirs: MlflowRun) -> tuple[int, Agreed] | None:
        """The run here that was pushed as this one, by a store that forgot it or by a clone of it.

        A tag can be copied: the beginning must be the same, and no other run there may be it already.
        """
        uid = mapping.claimed_uid(theirs) or mapping.native_uid(theirs)
        number = remote.run_called(self.store, uid)
        if number is None or remote.remote_id_of(self.store, self.key, number):
            return None
        is_it = mapping.milliseconds(get_run(self.store, number).started) == theirs.started_ms
        return (number, Agreed()) if is_it else None

    def _parent(self, theirs: MlflowRun) -> int | None:
        known = remote.run_of(self.store, self.key, theirs.tags.get(mapping.PARENT, ""))
        return known[0] if known else None

    def _new(self, theirs: MlflowRun, listed: Mapping[str, Listed], theirs_is: str) -> tuple[int, list[str]]:
        """A new run, whole in one transaction."""
        told, parent = self._details(listed), self._parent(theirs)
        series = {name: self.server.history(theirs.id, name) for name in theirs.series}
        uids = (mapping.claimed_uid(theirs), mapping.native_uid(theirs), mapping.short_hash([self.key, theirs.id]) * 2)
        uid = next(each for each in uids if each and remote.run_called(self.store, each) is None)
        with blobs.workplace(self.store) as place:
            artifacts, fresh, faults = self._fetched(place, listed, ())
            run, points = mapping.restored(
                replace(theirs, series=series), artifacts, told, uid=uid, is_parent_known=parent is not None
            )
            run = self._cleaned(run)
            with blobs.adopted(self.store, fresh), self.store.transaction(durable=True) as connection:
                session = remote.session_elsewhere(connection, self.key)
                number = rows.insert_whole(connection, run, points, session=session, parent=parent)
                self._agree(connection, number, theirs, Agreed(), ours_was="", theirs_is=theirs_is)
        return number, faults

    def _cleaned(self, run: Run) -> Run:
        """The run as it may reach the disk, the secrets in its texts replaced."""
        found: set[tuple[str, str]] = set()
        cleaned = without_secrets(replace(run, metrics=(), artifacts=()), self.store, found)
        redacted = run.redacted + counted(found)
        return replace(cleaned, uid=run.uid, metrics=run.metrics, artifacts=run.artifacts, redacted=redacted)

    def _details(self, listed: Mapping[str, Listed]) -> Run | None:
        """What the run's own `run.json` says."""
        one = listed.get(mapping.DETAILS)
        if one is None or one.size is None or one.size > MOST_DETAILS:
            return None
        with blobs.workplace(self.store) as place:
            try:
                return mapping.read_details(self.server.download(one, place.folder).read_bytes())
            except Refused:
                return None

    def _fetched(
        self, place: blobs.Workplace, listed: Mapping[str, Listed], have: Sequence[str]
    ) -> tuple[list[Artifact], list[blobs.Fresh], list[str]]:
        """The artifacts that are listed, but those that are had: what they are, their files, and faults."""
        paths, faults = mapping.kept_paths(_sizes(listed))
        artifacts, files = list[Artifact](), list[blobs.Fresh]()
        for path in paths:
            if path in have:
                continue
            self.server.say(f"artifact {path}")
            folder = place.folder / f"of-{len(files)}-{len(faults)}"
            folder.mkdir(mode=0o700)
            try:
                with self.server.download(listed[path], folder).open("rb") as reader:
                    fresh = place.copy(reader)
            except Refused as no:
                faults.append(no.what)
                continue
            finally:
                rmtree(folder, ignore_errors=True)
            files.append(fresh)
            artifacts.append(Artifact(path, fresh.sha256, fresh.size_bytes))
        return artifacts, files, faults

    def _update(
        self,
        run: Run,
        theirs: MlflowRun,
        listed: Mapping[str, Listed],
        agreed: Agreed,
        theirs_is: str,
        parent: int | None,
    ) -> tuple[bool, list[str]]:
        """Bring a run here up to date, in one transaction; whether anything changed, and what could not be."""
        ours = _side(self.store, self.key, run, home=theirs.id == run.uid)
        changed = mapping.changes(theirs, ours.run, agreed)
        points = self._points(theirs, ours)
        here = {one.path: one for one in run.artifacts}
        have = [path for path, one in here.items() if self._is_same(one, listed.get(path), agreed)]
        gone = [path for path in agreed.artifacts if path in here and path not in listed] if listed else []
        with blobs.workplace(self.store) as place:
            artifacts, fresh, faults = self._fetched(place, listed, have)
            with blobs.adopted(self.store, fresh), self.store.transaction(durable=True) as connection:
                before = connection.total_changes
                self._write(connection, run, theirs, changed, points)
                for one in artifacts:
                    if one.sha256 != getattr(here.get(one.path), "sha256", ""):
                        put_artifacts(connection, run.id, one.path, [mapping.known_artifact(one, run)])
                remote.drop_artifacts(connection, run.id, gone)
                if parent is not None and run.parent is None:
                    remote.set_parent(connection, run.id, parent)
                    rows.remove_tags(connection, run.id, [mapping.PARENT])
                is_changed = connection.total_changes > before
                self._agree(connection, run.id, theirs, agreed, ours_was=ours.hash, theirs_is=theirs_is)
        return is_changed, faults

    def _points(self, theirs: MlflowRun, ours: _Side) -> dict[str, list[mapping.Point]]:
        found = {}
        for name in theirs.series:
            missing = mapping.missing_points(self.server.history(theirs.id, name), ours.run.series.get(name, ()))
            if missing:
                found[name] = missing
        return found

    def _is_same(self, here: Artifact, there: Listed | None, agreed: Agreed) -> bool:
        """Whether an artifact is still what was agreed on both sides, as far as a listing tells."""
        known = agreed.artifacts.get(here.path)
        return there is not None and known == (here.sha256, here.size_bytes) and there.size == here.size_bytes

    def _write(
        self,
        connection: Connection,
        run: Run,
        theirs: MlflowRun,
        changed: mapping.Changes,
        points: Mapping[str, Sequence[mapping.Point]],
    ) -> None:
        found: set[tuple[str, str]] = set()
        news = mapping.news(run, changed, points)
        news = replace(without_secrets(replace(news, points=()), self.store, found), points=news.points)
        if found:
            rows.add_redacted(connection, run.id, counted(found))
        rows.add_params(connection, run.id, news.params, False)
        rows.add_points(connection, run.id, news.points, False)
        rows.set_tags(connection, run.id, news.tags)
        rows.remove_tags(connection, run.id, news.tags_gone)
        if news.note is not None:
            rows.set_note(connection, run.id, news.note)
        if changed.is_renamed:
            name = without_secrets(theirs.name, self.store, found)
            remote.set_name(connection, run.id, bounded_text(name, mapping.LONGEST_NAME))
        if changed.is_ended_otherwise:
            duration = None if theirs.ended_ms is None else max(0.0, theirs.ended_ms / 1000 - run.started)
            remote.set_end(connection, run.id, mapping.status_of(theirs.status, run), duration)

    def _agree(
        self,
        connection: Connection,
        number: int,
        theirs: MlflowRun,
        agreed: Agreed,
        *,
        ours_was: str,
        theirs_is: str,
    ) -> None:
        """Note what both sides have now. If ours had changed since they last agreed, a push must look through it."""
        run = get_run(self.store, number)
        ours = _side(self.store, self.key, run, home=theirs.id == run.uid)
        now = mapping.agreement(
            ours.run,
            theirs,
            {one.path: (one.sha256, one.size_bytes) for one in run.artifacts},
            agreed,
            ours_is=ours.hash if ours_was == agreed.ours else "",
            theirs_is=theirs_is,
        )
        remote.link(connection, self.key, theirs.id, number, now)
