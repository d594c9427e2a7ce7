"""Runs of a server into the store: new, or brought up to date by what changed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_nb.store import blobs, remote
from mlops_nb.store import runs as rows
from mlops_nb.store.artifacts import put_artifacts
from mlops_nb.store.whole_runs import get_run
from mlops_nb.tracking.mlflow import agreement, words
from mlops_nb.tracking.mlflow import runs as mapping
from mlops_nb.tracking.mlflow.server import Listed, Refused, Server
from mlops_nb.tracking.mlflow.sides import Side, fetched, listed_there, side_of, sizes
from mlops_nb.tracking.mlflow.words import Agreed, CarriedRun, MlflowRun
from mlops_nb.tracking.runs import Artifact, Run
from mlops_nb.tracking.secrets.redaction import without_secrets
from mlops_nb.tracking.secrets.rules import counted
from mlops_nb.tracking.values import bounded_text

if TYPE_CHECKING:
    from mlops_nb.store import Store
    from mlops_nb.store.housekeeping import Connection

MOST_DETAILS = 50_000_000
"""Bytes of a run's own `run.json` that are read at most."""


class RunPull:
    """Pulls runs of a server into a store."""

    def __init__(self, store: Store, server: Server) -> None:
        self.store, self.server = store, server
        self.key = server.where.key

    def run(self, theirs: MlflowRun) -> CarriedRun:
        """Pull one run; its parent, if it is known there, is here already."""
        listed, faults = listed_there(self.server, theirs)
        theirs_is = agreement.theirs_hash(theirs, sizes(listed))
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
        is_it = words.milliseconds(get_run(self.store, number).started) == theirs.started_ms
        return (number, Agreed()) if is_it else None

    def _parent(self, theirs: MlflowRun) -> int | None:
        known = remote.run_of(self.store, self.key, theirs.tags.get(words.PARENT, ""))
        return known[0] if known else None

    def _new(self, theirs: MlflowRun, listed: Mapping[str, Listed], theirs_is: str) -> tuple[int, list[str]]:
        """A new run, whole in one transaction."""
        told, parent = self._details(listed), self._parent(theirs)
        series = {name: self.server.history(theirs.id, name) for name in theirs.series}
        uids = (mapping.claimed_uid(theirs), mapping.native_uid(theirs), words.short_hash([self.key, theirs.id]) * 2)
        uid = next(each for each in uids if each and remote.run_called(self.store, each) is None)
        with blobs.workplace(self.store) as place:
            artifacts, fresh, faults = fetched(self.server, place, listed, ())
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
        one = listed.get(words.DETAILS)
        if one is None or one.size is None or one.size > MOST_DETAILS:
            return None
        with blobs.workplace(self.store) as place:
            try:
                return mapping.read_details(self.server.download(one, place.folder).read_bytes())
            except Refused:
                return None

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
        ours = side_of(self.store, self.key, run, home=theirs.id == run.uid)
        changed = agreement.changes(theirs, ours.run, agreed)
        points = self._points(theirs, ours)
        here = {one.path: one for one in run.artifacts}
        have = [path for path, one in here.items() if self._is_same(one, listed.get(path), agreed)]
        gone = [path for path in agreed.artifacts if path in here and path not in listed] if listed else []
        with blobs.workplace(self.store) as place:
            artifacts, fresh, faults = fetched(self.server, place, listed, have)
            with blobs.adopted(self.store, fresh), self.store.transaction(durable=True) as connection:
                before = connection.total_changes
                self._write(connection, run, theirs, changed, points)
                for one in artifacts:
                    if one.sha256 != getattr(here.get(one.path), "sha256", ""):
                        put_artifacts(connection, run.id, one.path, [mapping.known_artifact(one, run)])
                remote.drop_artifacts(connection, run.id, gone)
                if parent is not None and run.parent is None:
                    remote.set_parent(connection, run.id, parent)
                    rows.remove_tags(connection, run.id, [words.PARENT])
                is_changed = connection.total_changes > before
                self._agree(connection, run.id, theirs, agreed, ours_was=ours.hash, theirs_is=theirs_is)
        return is_changed, faults

    def _points(self, theirs: MlflowRun, ours: Side) -> dict[str, list[words.Point]]:
        found = {}
        for name in theirs.series:
            missing = agreement.missing_points(self.server.history(theirs.id, name), ours.run.series.get(name, ()))
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
        changed: agreement.Changes,
        points: Mapping[str, Sequence[words.Point]],
    ) -> None:
        found: set[tuple[str, str]] = set()
        news = agreement.news(run, changed, points)
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
            remote.set_name(connection, run.id, bounded_text(name, words.LONGEST_NAME))
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
        ours = side_of(self.store, self.key, run, home=theirs.id == run.uid)
        now = agreement.agreement(
            ours.run,
            theirs,
            {one.path: (one.sha256, one.size_bytes) for one in run.artifacts},
            agreed,
            ours_is=ours.hash if ours_was == agreed.ours else "",
            theirs_is=theirs_is,
        )
        remote.link(connection, self.key, theirs.id, number, now)
