"""Model versions of ours to a server: their files among the run's artifacts, then the version, its tags and aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mlops_nb.registry import model_formats
from mlops_nb.registry.versions import ModelVersion
from mlops_nb.store import blobs, remote
from mlops_nb.tracking.mlflow import models as mapping
from mlops_nb.tracking.mlflow.model_server import ModelServer
from mlops_nb.tracking.mlflow.models import AgreedVersion, MlflowVersion
from mlops_nb.tracking.mlflow.server import Refused, Server
from mlops_nb.tracking.mlflow.sides import send
from mlops_nb.tracking.mlflow.words import CarriedVersion, MlflowRun, Outcome
from mlops_nb.tracking.runs import Artifact

if TYPE_CHECKING:
    from mlops_nb.store import Store


class VersionPush:
    """Pushes versions of a store's models to a server; the runs that made them are there already.

    Args:
        store: where they are.
        server: where they go.
    """

    def __init__(self, store: Store, server: Server) -> None:
        self.store, self.server, self.registry = store, server, ModelServer(server)
        self.key = server.where.key
        self._there: dict[str, dict[str, MlflowVersion]] = {}

    def version(self, one: ModelVersion, aliases: Mapping[str, int]) -> CarriedVersion:
        """Push one version; `aliases` are all those of its model."""
        done = CarriedVersion(f"{one.name}/{one.number}", "", "unchanged")
        ours, faults = mapping.carried_version(one)
        link = remote.version_there(self.store, self.key, one.name, one.number)
        theirs, agreed = self._known(one, link)
        if link and theirs is None:
            left_out = ("it was deleted there",)
            return replace(done, remote=f"{link[0]} {link[1]}", outcome="refused", left_out=left_out)
        before, is_new = self.server.changes, theirs is None
        if theirs is None:
            theirs = self._new(one, ours)
        elif theirs.tags.get(mapping.SHA256) != one.sha256:  # it was made there, or pushed by another store
            ours = replace(ours, tags={name: text for name, text in ours.tags.items() if name not in mapping.OURS})
        more = self._bring(ours, theirs, agreed, aliases)
        self._agree(one, ours, theirs, agreed)
        changed: Outcome = "updated" if self.server.changes > before else "unchanged"
        return replace(
            done,
            remote=f"{theirs.name} {theirs.version}",
            outcome="new" if is_new else changed,
            left_out=(*faults, *more),
        )

    def _versions(self, name: str) -> dict[str, MlflowVersion]:
        """The versions of a model there, as they were when it was first asked for."""
        if name not in self._there:
            model = self.registry.model(name)
            self._there[name] = {one.version: one for one in self.registry.versions(model)} if model else {}
        return self._there[name]

    def _known(
        self, one: ModelVersion, link: tuple[str, str, AgreedVersion] | None
    ) -> tuple[MlflowVersion | None, AgreedVersion]:
        """The version there, and what was agreed."""
        if link:
            return self._versions(link[0]).get(link[1]), link[2]
        found = [each for each in self._versions(one.name).values() if each.tags.get(mapping.SHA256) == one.sha256]
        return (found[0] if found else None), AgreedVersion()

    def _new(self, one: ModelVersion, ours: MlflowVersion) -> MlflowVersion:
        """Send the files, then make the version of them."""
        run = self._run_there(one)
        folder = mapping.folder_of_version(one)
        for path, file in self._files(one).items():
            self.server.say(f"{path} of {one.name}/{one.number}")
            send(self.store, self.server, run, f"{folder}/{path}", file)
        return self.registry.create(ours, f"{run.artifact_uri.rstrip('/')}/{folder}", run.id)

    def _run_there(self, one: ModelVersion) -> MlflowRun:
        number = remote.run_called(self.store, one.manifest.origin.uid) if one.manifest.origin else None
        run_id = remote.remote_id_of(self.store, self.key, number) if number is not None else ""
        run = self.server.run(run_id) if run_id else None
        if run is None:
            raise Refused("the run that made it is not there, and MLflow keeps a model's files with a run")
        return run

    def _files(self, one: ModelVersion) -> dict[str, Artifact | bytes]:
        """The files of a version, and those that a push adds."""
        import mlflow

        trusted: tuple[str, ...] = ()
        if one.manifest.format == "skops":
            main = one.manifest.main_file
            with blobs.opened(self.store, main.sha256, f"{main.path} of {one.uri}") as file:
                trusted = model_formats.trusted_types(file)
        own: dict[str, Artifact | bytes] = {each.path: each for each in one.manifest.files}
        return {**mapping.added_files(one, trusted, str(mlflow.__version__)), **own}

    def _bring(
        self, ours: MlflowVersion, theirs: MlflowVersion, agreed: AgreedVersion, aliases: Mapping[str, int]
    ) -> list[str]:
        """Bring what is said of a version there up to date; what MLflow refused."""
        changed, faults = mapping.version_changes(ours, theirs, agreed), list[str]()
        there = self.registry
        steps = [partial(there.set_tag, theirs, name, value) for name, value in changed.tags.items()]
        steps += [partial(there.drop_tag, theirs, name) for name in changed.tags_gone]
        steps += [partial(there.point, theirs, alias) for alias in changed.aliases]
        steps += [partial(there.drop_alias, theirs, each) for each in changed.aliases_gone if each not in aliases]
        if changed.note is not None:
            steps.append(partial(there.describe, theirs, changed.note))
        for step in steps:
            try:
                step()
            except Refused as no:
                faults.append(no.what)
        return faults

    def _agree(self, one: ModelVersion, ours: MlflowVersion, theirs: MlflowVersion, agreed: AgreedVersion) -> None:
        """Note what both sides say now, as far as the server took it."""
        model = self.registry.model(theirs.name)
        self._there.pop(theirs.name, None)
        now = self._versions(theirs.name).get(theirs.version, theirs) if model else theirs
        with self.store.transaction() as connection:
            there, here = (theirs.name, theirs.version), (one.name, one.number)
            remote.link_version(connection, self.key, there, here, mapping.agreed_version(ours, now, agreed))
