"""Model versions of a server into the registry: files, never unpickled; tags, aliases, description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import BadArgument, MissingExtra
from mlops_nb.registry import model_formats
from mlops_nb.registry.log import Standing, standing, unbroken
from mlops_nb.registry.moving import EventLog
from mlops_nb.registry.registering import add_version, origin_of
from mlops_nb.registry.service import version
from mlops_nb.registry.uris import alias_name, model_name
from mlops_nb.registry.versions import Manifest, Origin
from mlops_nb.store import blobs, remote
from mlops_nb.store import registry as rows
from mlops_nb.store.whole_runs import get_run
from mlops_nb.tracking.mlflow import models as mapping
from mlops_nb.tracking.mlflow.model_server import ModelServer
from mlops_nb.tracking.mlflow.models import AgreedVersion, MlflowModel, MlflowVersion
from mlops_nb.tracking.mlflow.runs import kept_paths
from mlops_nb.tracking.mlflow.server import Refused, Server
from mlops_nb.tracking.mlflow.sides import fetched, sizes
from mlops_nb.tracking.mlflow.words import CarriedVersion, Outcome
from mlops_nb.tracking.runs import Artifact
from mlops_nb.tracking.secrets.redaction import without_secrets
from mlops_nb.tracking.values import bounded_text

if TYPE_CHECKING:
    from mlops_nb.store import Store
    from mlops_nb.store.housekeeping import Connection


class VersionPull:
    """Pulls model versions of a server into a store; the runs that made them are here already.

    Args:
        store: where they come to.
        server: where they are.
    """

    def __init__(self, store: Store, server: Server) -> None:
        self.store, self.server, self.registry = store, server, ModelServer(server)
        self.key = server.where.key

    def version(self, model: MlflowModel, theirs: MlflowVersion) -> CarriedVersion:
        """Pull one version."""
        done = CarriedVersion("", f"{theirs.name} {theirs.version}", "unchanged")
        if not theirs.is_ready:
            return replace(done, outcome="refused", left_out=("it is not ready there",))
        link = remote.version_here(self.store, self.key, theirs.name, theirs.version) or self._claimed(theirs)
        if link is None:
            return self._new(done, model, theirs)
        name, number, agreed = link
        done = replace(done, name=f"{name}/{number}")
        if number in standing(unbroken(rows.events(self.store, name))).deleted:
            return replace(done, outcome="refused", left_out=("it was deleted here",))
        is_changed, faults = self._update(name, number, model, theirs, agreed)
        return replace(done, outcome="updated" if is_changed else "unchanged", left_out=tuple(faults))

    def _claimed(self, theirs: MlflowVersion) -> tuple[str, int, AgreedVersion] | None:
        """The version here that was pushed as this one, by a store that forgot it."""
        sha256 = theirs.tags.get(mapping.SHA256)
        for name, number, _, digest in rows.manifests(self.store, theirs.name) if sha256 else ():
            if digest == sha256 and remote.version_there(self.store, self.key, name, number) is None:
                return name, number, AgreedVersion()
        return None

    # a new one

    def _new(self, done: CarriedVersion, model: MlflowModel, theirs: MlflowVersion) -> CarriedVersion:
        """A new version, whole in one transaction."""
        try:
            name = model_name(theirs.name)
        except BadArgument as error:
            raise Refused(error.what) from None
        listed = self.registry.files(theirs)
        faults = kept_paths(sizes(listed))[1]
        with blobs.workplace(self.store) as place:
            files, fresh, more = fetched(self.server, place, listed, ())
            if faults or more or not files:
                raise Refused("; ".join([*faults, *more][:3]) or "it has no files")
            read = {one.path: each.path for one, each in zip(files, fresh, strict=True)}
            manifest, unsaid = self._manifest(theirs, files, read)
            if known := self._same(manifest):
                with self.store.transaction() as connection:
                    self._link(connection, theirs, (name, known), AgreedVersion())
                is_changed, faults = self._update(name, known, model, theirs, AgreedVersion())
                outcome: Outcome = "updated" if is_changed else "unchanged"
                return replace(done, name=f"{name}/{known}", outcome=outcome, left_out=tuple(faults))
            kept = [each for one, each in zip(files, fresh, strict=True) if one.path in _paths(manifest)]
            with blobs.adopted(self.store, kept), self.store.transaction(durable=True) as connection:
                number = rows.last_number(self.store, name) + 1
                manifest = mapping.with_origin(manifest, number, self._origin(theirs, manifest))
                aliases, odd = _aliases(theirs.aliases)
                tags = without_secrets(mapping.own_tags(theirs), self.store, set())
                note = bounded_text(theirs.description)
                add_version(connection, self.store, manifest, aliases=aliases, note=note, tags=tags)
                agreed = AgreedVersion(theirs.description, mapping.own_tags(theirs), tuple(aliases), theirs.stage)
                self._link(connection, theirs, (name, number), agreed)
        stage = mapping.stage_words(theirs, f"{name}/{number}", "None")
        left_out = (*unsaid, *odd, *_of_the_model(model, theirs), *stage)
        return replace(done, name=f"{name}/{number}", outcome="new", left_out=left_out)

    def _manifest(
        self, theirs: MlflowVersion, files: Sequence[Artifact], read: Mapping[str, Path]
    ) -> tuple[Manifest, tuple[str, ...]]:
        """What the version is: by our own manifest, where it came with one, or by its MLmodel."""

        def content(path: str) -> bytes:
            return read[path].read_bytes() if path in read and read[path].stat().st_size < MOST_READ else b""

        if sha256 := theirs.tags.get(mapping.SHA256):
            told = mapping.told_manifest(content(mapping.MANIFEST), sha256)
            if told is None:
                raise Refused(f"{mapping.MANIFEST} is not the one that was pushed: it was changed there")
            there = {one.path: one.sha256 for one in files}
            if changed := [one.path for one in told.files if there.get(one.path) != one.sha256]:
                raise Refused(f"{changed[0]} is not what its manifest says: it was changed there")
            return replace(told, model=theirs.name), ()
        mlmodel = _yaml(content(mapping.MLMODEL))
        form, main = mapping.main_file_of(mlmodel)
        untrusted: tuple[str, ...] = ()
        if form == "skops" and main in read:
            try:
                with read[main].open("rb") as file:
                    untrusted = model_formats.untrusted_types(file)
            except MissingExtra:
                raise
            except Exception as error:  # the file may hold anything
                raise Refused(f"{main} cannot be read as skops: {type(error).__name__}: {error}") from None
        requirements = content(mapping.REQUIREMENTS).decode("utf-8", "replace")
        return mapping.manifest_of_theirs(theirs, files, mlmodel, requirements, untrusted)

    def _same(self, manifest: Manifest) -> int | None:
        """The number of a version here, known to be none of the server's, that is this one in all but its number."""
        if manifest.origin is None:
            return None
        for name, number, _, _ in rows.manifests(self.store, manifest.model):
            if remote.version_there(self.store, self.key, name, number) is not None:
                continue
            one = version(f"{name}/{number}", store=self.store).manifest
            if _paths(one) == _paths(manifest) and one.origin and one.origin.uid == manifest.origin.uid:
                return number
        return None

    def _origin(self, theirs: MlflowVersion, manifest: Manifest) -> Origin | None:
        """The run here that made it."""
        number = remote.run_called(self.store, manifest.origin.uid) if manifest.origin else None
        if number is None and (known := remote.run_of(self.store, self.key, theirs.run_id)):
            number = known[0]
        return None if number is None else origin_of(get_run(self.store, number))

    # one that is here

    def _update(
        self, name: str, number: int, model: MlflowModel, theirs: MlflowVersion, agreed: AgreedVersion
    ) -> tuple[bool, list[str]]:
        """Bring what is said of a version here up to date; whether anything changed, and what could not be."""
        here = version(f"{name}/{number}", store=self.store)
        ours, _ = mapping.carried_version(here)
        there = replace(theirs, tags=mapping.own_tags(theirs))
        changed = mapping.version_changes(there, ours, agreed)
        aliases, faults = _aliases(changed.aliases)
        with self.store.transaction(durable=True) as connection:
            found = standing(unbroken(rows.events(self.store, name)))
            is_changed = self._apply(EventLog(connection, self.store, name), number, changed, aliases, found, model)
            after = replace(ours, tags={**ours.tags, **changed.tags}, aliases=theirs.aliases)
            after = replace(after, description=theirs.description if changed.note is not None else ours.description)
            self._link(connection, theirs, (name, number), mapping.agreed_version(after, there, agreed))
        if agreed.stage != theirs.stage:
            faults += mapping.stage_words(theirs, f"{name}/{number}", here.stage)
        return is_changed, faults

    def _apply(
        self,
        log: EventLog,
        number: int,
        changed: mapping.VersionChanges,
        aliases: Sequence[str],
        found: Standing,
        model: MlflowModel,
    ) -> bool:
        """Write what changed there as events; whether there was any."""
        why, count = f"pulled from {self.server.where.shown}", 0
        tags = without_secrets(dict(changed.tags), self.store, set())
        own = found.tags.get(number, {})
        for name, value in tags.items():
            log.add("tag", number, slot=bounded_text(name, 200), was=own.get(name, ""), now=value, note=why)
        for name in changed.tags_gone:
            log.add("tag", number, slot=name, was=own.get(name, ""), note=why)
        for alias in aliases:
            was = found.aliases.get(alias)
            log.add("alias", number, slot=alias, was="" if was is None else str(was), now=str(number), note=why)
        gone = [alias for alias in changed.aliases_gone if alias not in model.aliases]
        for alias in gone:
            log.add("alias", None, slot=alias, was=str(number), note=why)
        if changed.note is not None:
            note = bounded_text(without_secrets(changed.note, self.store, set()))
            log.add("note", number, was=found.notes.get(number, ""), now=note, note=why)
            count += 1
        return bool(count + len(tags) + len(changed.tags_gone) + len(aliases) + len(gone))

    def _link(
        self, connection: Connection, theirs: MlflowVersion, here: tuple[str, int], agreed: AgreedVersion
    ) -> None:
        remote.link_version(connection, self.key, (theirs.name, theirs.version), here, agreed)


MOST_READ = 10_000_000
"""Bytes of an MLmodel, a manifest or a list of requirements that are read at most."""


def _paths(manifest: Manifest) -> dict[str, str]:
    return {one.path: one.sha256 for one in manifest.files}


def _aliases(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The aliases that may be ones here, and why the others may not."""
    kept, faults = [], []
    for name in names:
        try:
            kept.append(alias_name(name))
        except BadArgument as error:
            faults.append(error.what)
    return kept, faults


def _of_the_model(model: MlflowModel, theirs: MlflowVersion) -> list[str]:
    """What the model says of all its versions, for which there is no place here; told once, with the first."""
    if theirs.version != "1":
        return []
    faults = [f"description of the model: {model.description[:200]}"] if model.description else []
    return [*faults, *(f"tag {name} of the model: {value[:100]}" for name, value in model.tags.items())]


def _yaml(text: bytes) -> Mapping[str, Any]:
    """What an MLmodel says; nothing where it cannot be read."""
    import yaml

    try:
        found = yaml.safe_load(text.decode("utf-8", "replace"))
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return found if isinstance(found, Mapping) else {}
