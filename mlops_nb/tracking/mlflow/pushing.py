"""Runs of ours to a server: new, or brought up to date by what changed here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_nb.errors import StoreIsDamaged
from mlops_nb.store import remote
from mlops_nb.store.whole_runs import get_run
from mlops_nb.tracking.mlflow import agreement, words
from mlops_nb.tracking.mlflow import runs as mapping
from mlops_nb.tracking.mlflow.server import Refused, Server
from mlops_nb.tracking.mlflow.sides import Side, content_sum, listed_there, send, side_of, sizes
from mlops_nb.tracking.mlflow.words import Agreed, CarriedRun, MlflowRun, Outcome
from mlops_nb.tracking.runs import Run

if TYPE_CHECKING:
    from mlops_nb.store import Store


class RunPush:
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
        ours = side_of(self.store, self.key, run, home=theirs is not None and theirs.id == run.uid)
        if theirs is None:
            return self._new(run, ours)
        done = CarriedRun(run.id, run.name, theirs.id, theirs.experiment, "unchanged", ours.faults)
        if theirs.is_deleted:
            return replace(done, outcome="refused", left_out=("it was deleted there",))
        if agreed.ours == ours.hash:
            return done
        was = agreement.theirs_hash(theirs, sizes(listed_there(self.server, theirs)[0]))
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

    def _new(self, run: Run, ours: Side) -> CarriedRun:
        project = self.store.folder.absolute().parent.name or "mlops_nb"
        name = self._placed.get(run.parent or 0) or self.experiment or mapping.experiment_of(run, project)
        theirs = self.server.create(self.server.experiment_made(name), ours.run, run.uid)
        faults = self._bring(run, ours, theirs, Agreed(), is_theirs_known=True)
        return CarriedRun(run.id, run.name, theirs.id, name, "new", (*ours.faults, *faults))

    def _bring(self, run: Run, ours: Side, theirs: MlflowRun, agreed: Agreed, *, is_theirs_known: bool) -> list[str]:
        """Bring a run there up to date; what could not be. Its end comes last: until then it is seen to go on."""
        server, changed = self.server, agreement.changes(ours.run, theirs, agreed)
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
        listed, why = listed_there(server, now)
        there = sizes(listed)
        for path in [path for path, (_, size) in kept.items() if there.get(path, -1) not in (size, None)]:
            del kept[path]
            more.append(f"artifact {path}: it was sent, but the server does not have it whole")
        self._agree(
            run.id,
            theirs.id,
            agreement.agreement(
                ours.run,
                now,
                kept,
                agreed,
                ours_is="" if more or why else ours.hash,
                theirs_is=agreement.theirs_hash(now, there) if is_theirs_known else "",
            ),
        )
        return faults + more + why

    def _points(self, ours: Side, theirs: MlflowRun, agreed: Agreed) -> dict[str, list[words.Point]]:
        """The points that are not there yet."""
        found = {}
        for name, points in ours.run.series.items():
            if agreed.series.get(name) != words.short_hash(points):
                have = self.server.history(theirs.id, name) if name in theirs.series else ()
                found[name] = agreement.missing_points(points, have)
        return found

    def _files(
        self, run: Run, ours: Side, theirs: MlflowRun, agreed: Agreed
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
            if kept.get(path) == content_sum(file):
                continue
            self.server.say(f"artifact {path} of run {run.id}")
            try:
                send(self.store, self.server, theirs, path, file)
            except (Refused, StoreIsDamaged) as no:
                faults.append(f"artifact {path}: {no.what}")
                continue
            kept[path] = content_sum(file)
            self._agree(run.id, theirs.id, replace(agreed, artifacts=kept))
        return kept, faults

    def _agree(self, number: int, remote_id: str, agreed: Agreed) -> None:
        with self.store.transaction() as connection:
            remote.link(connection, self.key, remote_id, number, agreed)
