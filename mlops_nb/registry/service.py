"""Models out of the store: find, load, move between stages, point aliases, roll back, verify."""

from __future__ import annotations

import getpass
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.errors import (
    BadArgument,
    ChangedMeanwhile,
    ModelNotFound,
    MoveRefused,
    StoreIsDamaged,
    nearest,
)
from mlops_nb.registry.log import (
    MOVES,
    STAGES,
    Event,
    EventKind,
    Stage,
    Standing,
    chain_faults,
    rollback_target,
    sealed,
    standing,
)
from mlops_nb.registry.uris import SCHEME, ModelUri, alias_name, model_name, model_uri, stage_named, version_meant
from mlops_nb.registry.versions import (
    Change,
    LogCheck,
    Manifest,
    ModelList,
    ModelSummary,
    ModelVersion,
    RegisteredModel,
    manifest_hash,
    read_manifest,
)
from mlops_nb.store import blobs, open_store
from mlops_nb.store import registry as rows
from mlops_nb.store.remote import run_called
from mlops_nb.store.search import summaries
from mlops_nb.tracking.artifacts import formats
from mlops_nb.tracking.artifacts.keeping import Paced
from mlops_nb.tracking.artifacts.loading import opened, save_files
from mlops_nb.tracking.search.query import moment
from mlops_nb.tracking.secrets.redaction import without_secrets
from mlops_nb.tracking.values import bounded_text, safe_repr

if TYPE_CHECKING:
    from mlops_nb.store import Store
    from mlops_nb.store.housekeeping import Connection

Expected = int | Literal["none"] | None
"""The number of the version that must be where another is to come; "none" where no version may be; None for either."""

Say = Callable[[str], None]


# what there is


def models(*, as_of: str | float | None = None, store: Store | None = None) -> ModelList:
    """The registered models: how many versions, which is in Production, what the aliases point to.

    Args:
        as_of: as it was then: a date (its end), a time (both UTC), yesterday, -7d, or seconds since the epoch.
        store: the store, or None for the one of the working directory.
    """
    store = store or open_store()
    until = _until(as_of)
    by_model: dict[str, list[Event]] = {}
    for event in rows.events(store, until=until):
        by_model.setdefault(event.model, []).append(event)
    found = [_summary(name, events) for name, events in by_model.items()]
    ordered = sorted((one for one in found if one.versions), key=lambda one: (-one.changed, one.name))
    return ModelList(tuple(ordered), str(store.folder), until)


def _summary(name: str, events: Sequence[Event]) -> ModelSummary:
    found = standing(events)
    there = [number for number in found.stages if number not in found.deleted]
    production = [number for number in there if found.stages[number] == "Production"]
    return ModelSummary(
        name,
        len(there),
        max(there, default=0),
        max(production, default=None),
        tuple(sorted((number for number in there if found.stages[number] == "Staging"), reverse=True)),
        dict(sorted(found.aliases.items())),
        events[-1].time,
    )


def model(name: str, *, as_of: str | float | None = None, store: Store | None = None) -> RegisteredModel:
    """A model: its versions, newest first, where they stand, and all that happened to it.

    Args:
        name: the model's name.
        as_of: as it was then: a date (its end), a time (both UTC), yesterday, -7d, or seconds since the epoch.
        store: the store, or None for the one of the working directory.

    Raises:
        ModelNotFound: no model is called that, or none was then.
        StoreIsDamaged: a manifest was changed.
    """
    store = store or open_store()
    until = _until(as_of)
    events = _events(store, model_name(name.removeprefix(SCHEME)), until)
    return _registered(store, events, until)


def version(uri: str, *, store: Store | None = None) -> ModelVersion:
    """A version: what it is made of, and where it stands.

    Args:
        uri: `models:/NAME/3`, `models:/NAME/Production`, `models:/NAME@ALIAS`; `models:/` may be left out. A name
            alone is its version in Production, else its newest.
        store: the store, or None for the one of the working directory.

    Raises:
        ModelNotFound: there is none.
        StoreIsDamaged: its manifest was changed.
    """
    store = store or open_store()
    asked = model_uri(uri)
    events = _events(store, asked.name)
    number = _meant(asked, standing(events), store)
    return _versions(store, asked.name, events, [number])[0]


def _until(as_of: str | float | None) -> float | None:
    if as_of is None or isinstance(as_of, int | float):
        return as_of
    found = moment(as_of, time.time())
    if found is None:
        raise BadArgument(
            f"as-of == {safe_repr(as_of, 60)}, is no time", "2026-03-01, '2026-03-01 12:30', yesterday or -7d"
        )
    return found[0] + found[1]


def _events(store: Store, name: str, until: float | None = None) -> list[Event]:
    """The events of a model.

    Raises:
        ModelNotFound: there is none.
    """
    found = rows.events(store, name, until=until)
    if not found:
        known = rows.model_names(store)
        near = nearest(name, known)
        when = "" if until is None or name not in known else " at that time"
        raise ModelNotFound(
            f"no model is called {safe_repr(name, 80)}{when}",
            f"%mlops registry {near}" if near else f"%mlops register {name} --model VARIABLE",
        )
    return found


def _meant(asked: ModelUri, found: Standing, store: Store) -> int:
    number = version_meant(asked, found)
    if number is not None:
        return number
    if asked.version is not None and asked.version in found.deleted:
        raise ModelNotFound(f"version {asked.version} of {asked.name} was deleted", f"%mlops registry {asked.name}")
    what = f"version {asked.version}" if asked.version else f"version in {asked.stage}" if asked.stage else "version"
    what = f"alias {safe_repr(asked.alias, 60)}" if asked.alias else what
    near = nearest(asked.alias, found.aliases) if asked.alias else ""
    fix = f"{SCHEME}{asked.name}@{near}" if near else f"%mlops registry {asked.name}"
    raise ModelNotFound(f"{asked.name} has no {what}", fix)


def _registered(store: Store, events: Sequence[Event], until: float | None) -> RegisteredModel:
    name, found = events[0].model, standing(events)
    versions = _versions(store, name, events, sorted(found.stages, reverse=True))
    return RegisteredModel(name, versions, dict(sorted(found.aliases.items())), tuple(events), time.time(), until)


def _versions(store: Store, name: str, events: Sequence[Event], numbers: Sequence[int]) -> tuple[ModelVersion, ...]:
    """The versions of these numbers, their manifests checked against the log."""
    found = standing(events)
    by_number = {event.version: event for event in events if event.kind == "registered"}
    only = numbers[0] if len(numbers) == 1 else None
    texts = {number: (text, sha) for _, number, text, sha in rows.manifests(store, name, only)}
    manifests = {number: _checked_manifest(by_number[number], *texts.get(number, ("", ""))) for number in numbers}
    metrics = _metrics(store, manifests.values())
    return tuple(
        ModelVersion(
            manifests[number],
            by_number[number].now,
            found.stages[number],
            found.since[number],
            tuple(sorted(alias for alias, each in found.aliases.items() if each == number)),
            dict(sorted(found.tags.get(number, {}).items())),
            found.notes[number],
            by_number[number].who,
            metrics.get(manifests[number].origin.uid, {}) if manifests[number].origin else {},  # type: ignore[union-attr]
            number in found.deleted,
        )
        for number in numbers
    )


def _checked_manifest(event: Event, text: str, sha256: str) -> Manifest:
    """The manifest of the version that an event registered.

    Raises:
        StoreIsDamaged: it, or the event, was changed.
    """
    what = f"{event.model}/{event.version}"
    if sealed(event) != event.sha256:
        raise StoreIsDamaged(
            f"event {event.id}, which registered {what}, was changed after it was written", "%mlops verify-log"
        )
    if manifest_hash(text) != event.now or sha256 != event.now:
        raise StoreIsDamaged(
            f"the manifest of {what} was changed after it was registered: it no longer has its hash",
            "%mlops verify-log",
        )
    return read_manifest(text)


def _metrics(store: Store, manifests: Iterable[Manifest]) -> dict[str, dict[str, float]]:
    """The metrics of the runs that made versions, by uid; of a run that is gone, none."""
    uids = {one.origin.uid for one in manifests if one.origin}
    numbers = {uid: number for uid in uids if (number := run_called(store, uid)) is not None}
    by_id = {one.id: dict(one.metrics) for one in summaries(store, sorted(numbers.values()))}
    return {uid: by_id[number] for uid, number in numbers.items() if number in by_id}


# loading


def load_model(
    uri: str,
    *,
    trust: Iterable[str] = (),
    unpickle: bool = False,
    store: Store | None = None,
) -> Any:
    """The model of a version; its manifest and its file are checked against the log first.

    Args:
        uri: `models:/NAME/3`, `models:/NAME/Production`, `models:/NAME@ALIAS`; a name alone is its version in
            Production, else its newest.
        trust: types, by full name, that it may be made of beside those that are known to be harmless.
        unpickle: load one that was kept as a pickle, which runs whatever code is in it.
        store: the store, or None for the one of the working directory.

    Raises:
        ModelNotFound: there is no such version.
        StoreIsDamaged: the manifest or the file was changed, or is missing.
        BadArgument: it is a pickle, or of types that are not trusted, or in a form that only MLflow reads.
    """
    store = store or open_store()
    asked = model_uri(uri)
    events = _events(store, asked.name)
    number = _meant(asked, standing(events), store)
    manifest = _manifest(store, events, number)
    if manifest.format == "mlflow":
        raise BadArgument(
            f"{asked.name}/{number} is a model of MLflow's that only MLflow loads ({manifest.kind})",
            f"mlops_nb.registry.save({str(asked)!r}, FOLDER), then mlflow.pyfunc.load_model(FOLDER)",
        )
    one = manifest.main_file
    named = replace(one, path=f"{one.path} of {SCHEME}{asked.name}/{number}")
    with opened(store, named) as file:
        return formats.read_value(named, file, trust=trust, unpickle=unpickle, call="load_model")


def _manifest(store: Store, events: Sequence[Event], number: int) -> Manifest:
    event = next(event for event in events if event.kind == "registered" and event.version == number)
    found = rows.manifests(store, event.model, number)
    return _checked_manifest(event, *(found[0][2:] if found else ("", "")))


def save(uri: str, folder: str | Path, *, store: Store | None = None) -> tuple[Path, ...]:
    """Copy the files of a version, checked, and its manifest into a folder; nothing beside it is touched.

    Args:
        uri: which version, as for `load_model`.
        folder: where to; files of the same names there are replaced.
        store: the store, or None for the one of the working directory.

    Raises:
        ModelNotFound: there is no such version.
        StoreIsDamaged: a file or the manifest was changed.
        BadArgument: the folder cannot be written.
    """
    store, target = store or open_store(), Path(folder).expanduser()
    manifest = version(uri, store=store).manifest
    saved = save_files(store, manifest.files, target)
    note = target / "manifest.json"
    note.write_text(manifest.text())
    return (*saved, note)


def _check_files(store: Store, manifest: Manifest) -> None:
    """Read every file of a version.

    Raises:
        StoreIsDamaged: one is missing, or was changed.
    """
    for one in manifest.files:
        with opened(store, replace(one, path=f"{one.path} of {SCHEME}{manifest.model}/{manifest.version}")):
            pass


# what is done to it


def promote(
    uri: str,
    to: str = "Production",
    *,
    expect: Expected = None,
    note: str = "",
    evidence: Sequence[str] = (),
    store: Store | None = None,
) -> Change:
    """Move a version to Production, or to Staging; the one that was in Production is archived in the same breath.

    Args:
        uri: which version: `NAME/3`, `NAME@ALIAS`.
        to: Production or Staging.
        expect: the number of the version that must be there now, or "none": another's promotion is not overridden.
        note: why.
        evidence: what it rests on, ids of runs say; kept with the event.
        store: the store, or None for the one of the working directory.

    Raises:
        ModelNotFound: there is no such version.
        MoveRefused: it may not go there from where it is.
        ChangedMeanwhile: another version is there than was expected.
        StoreIsDamaged: its manifest or its file was changed.
    """
    if stage_named(to) not in ("Production", "Staging"):
        raise BadArgument(f"to == {safe_repr(to, 40)}, must be Production or Staging", f"%mlops stage {uri} {to}")
    return stage(uri, to, expect=expect, note=note, evidence=evidence, store=store)


def stage(
    uri: str,
    to: str,
    *,
    expect: Expected = None,
    note: str = "",
    evidence: Sequence[str] = (),
    store: Store | None = None,
) -> Change:
    """Move a version to a stage: None, Staging, Production or Archived; arguments and errors as for `promote`."""
    store = store or open_store()
    asked, wanted = _one_version(uri), stage_named(to)
    if wanted is None:
        raise BadArgument(
            f"stage == {safe_repr(to, 40)}, must be one of {', '.join(STAGES)}",
            f"%mlops stage {asked} {nearest(to.capitalize(), STAGES) or 'Staging'}",
        )
    events = _events(store, asked.name)
    number = _meant(asked, standing(events), store)
    if wanted in ("Staging", "Production"):
        _check_files(store, _manifest(store, events, number))
    with store.transaction(durable=True) as connection:
        found = standing(_events(store, asked.name))
        _check_same(asked, number, _meant(asked, found, store))
        _check_expected(ModelUri(asked.name, stage=wanted), expect, found)
        _check_move(asked.name, number, found.stages[number], wanted)
        done = _moved(connection, store, asked.name, number, wanted, found, note, evidence)
    return _change(store, asked.name, done)


def _check_same(asked: ModelUri, before: int, now: int) -> None:
    if before != now:
        raise ChangedMeanwhile(
            f"{asked} meant version {before} just now and means {now}; nothing was done", "look again"
        )


def _check_expected(place: ModelUri, expect: Expected, found: Standing) -> None:
    """Whether what was expected to be in a place is there.

    Raises:
        ChangedMeanwhile: it is not.
    """
    if expect is None:
        return
    there = version_meant(place, found)
    if there != (None if expect == "none" else expect):
        is_there = f"version {there} is" if there is not None else "no version is"
        expected = "none" if expect == "none" else f"version {expect}"
        raise ChangedMeanwhile(
            f"{is_there} at {place} now, not {expected} as expected; nothing was done",
            f"%mlops registry {place.name}    (what happened meanwhile)",
        )


def _check_move(name: str, number: int, now: Stage, to: Stage) -> None:
    if to == now:
        raise MoveRefused(f"{name}/{number} is in stage {to} already")
    if to not in MOVES[now]:
        fix = f"%mlops rollback {name}    (or {name}/{number} to Staging first)" if to == "Production" else ""
        raise MoveRefused(
            f"{name}/{number} is in stage {now}, from where it may go to {' or '.join(MOVES[now])}, not to {to}", fix
        )


def _moved(
    connection: Connection,
    store: Store,
    name: str,
    number: int,
    to: Stage,
    found: Standing,
    note: str,
    evidence: Sequence[str] = (),
) -> list[Event]:
    """Move a version, and archive those that are in Production where it comes there: one transaction, or none of it."""
    log = EventLog(connection, store, name)
    others = [one for one, where in found.stages.items() if where == "Production" and one != number]
    done = [
        log.add("stage", one, was="Production", now="Archived", note=f"version {number} takes its place")
        for one in (others if to == "Production" else [])
    ]
    done.append(log.add("stage", number, was=found.stages[number], now=to, note=note, evidence=tuple(evidence)))
    return done


def alias(
    uri: str,
    alias: str,
    *,
    remove: bool = False,
    expect: Expected = None,
    note: str = "",
    store: Store | None = None,
) -> Change:
    """Point an alias to a version, or take it away; it points to one version at a time.

    Args:
        uri: which version: `NAME/3`, `NAME/Production`; with `remove` the model's name.
        alias: letters, digits, - and _.
        remove: take the alias away.
        expect: the number of the version that it must point to now, or "none".
        note: why.
        store: the store, or None for the one of the working directory.

    Raises:
        ModelNotFound: there is no such version, or no such alias to remove.
        ChangedMeanwhile: it points elsewhere than was expected.
    """
    store = store or open_store()
    alias = alias_name(alias.removeprefix("@"))
    asked = model_uri(uri) if remove else _one_version(uri)
    with store.transaction(durable=True) as connection:
        found = standing(_events(store, asked.name))
        place = ModelUri(asked.name, alias=alias)
        _check_expected(place, expect, found)
        was = _meant(place, found, store) if remove else found.aliases.get(alias)
        now = None if remove else _meant(asked, found, store)
        if was == now:
            raise MoveRefused(f"@{alias} points to {asked.name}/{now} already")
        log = EventLog(connection, store, asked.name)
        done = log.add("alias", now, slot=alias, was=_number(was), now=_number(now), note=note)
    return _change(store, asked.name, [done])


def rollback(name: str, *, expect: Expected = None, note: str = "", store: Store | None = None) -> Change:
    """Bring back the version that was in Production before, by the log; its files are checked first.

    Args:
        name: the model's name.
        expect: the number of the version that must be in Production now, or "none".
        note: why.
        store: the store, or None for the one of the working directory.

    Raises:
        ModelNotFound: no model is called that.
        MoveRefused: no version was in Production before.
        StoreIsDamaged: the manifest or a file of that version was changed.
    """
    store = store or open_store()
    name = model_name(name.removeprefix(SCHEME))
    events = _events(store, name)
    target = _rollback_target(name, standing(events))
    _check_files(store, _manifest(store, events, target))
    with store.transaction(durable=True) as connection:
        found = standing(_events(store, name))
        _check_same(ModelUri(name), target, _rollback_target(name, found))
        _check_expected(ModelUri(name, stage="Production"), expect, found)
        done = _moved(connection, store, name, target, "Production", found, note or "rolled back")
    return replace(_change(store, name, done), is_rollback=True)


def _rollback_target(name: str, found: Standing) -> int:
    target = rollback_target(found)
    if target is None:
        raise MoveRefused(f"no other version of {name} was in Production before", f"%mlops registry {name}")
    return target


def unregister(uri: str, *, note: str = "", store: Store | None = None) -> Change:
    """Delete a version that no stage and no alias points to; its number never comes again, `gc` removes its files.

    Args:
        uri: which version: `NAME/3`.
        note: why.
        store: the store, or None for the one of the working directory.

    Raises:
        ModelNotFound: there is no such version.
        MoveRefused: Staging, Production or an alias points to it.
    """
    store = store or open_store()
    asked = _one_version(uri)
    with store.transaction(durable=True) as connection:
        found = standing(_events(store, asked.name))
        number = _meant(asked, found, store)
        if pointers := found.pointers(number):
            fix = f"%mlops stage {asked.name}/{number} Archived"
            if pointers[0].startswith("@"):
                fix = f"%mlops alias {asked.name} {pointers[0][1:]} --remove"
            raise MoveRefused(f"{asked.name}/{number} is not deleted: {' and '.join(pointers)} points to it", fix)
        done = EventLog(connection, store, asked.name).add("deleted", number, note=note)
    return _change(store, asked.name, [done])


def _one_version(uri: str) -> ModelUri:
    """What a URI names, where it names more than the model.

    Raises:
        BadArgument: it does not say which version.
    """
    asked = model_uri(uri)
    if asked.is_plain:
        raise BadArgument(f"{uri} does not say which version", f"{asked.name}/3 or {asked.name}@candidate")
    return asked


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _change(store: Store, name: str, done: Sequence[Event]) -> Change:
    return Change(tuple(done), _registered(store, rows.events(store, name), None))


class EventLog:
    """Adds events of one model to the log, in an open transaction; secrets in a person's own words are replaced."""

    def __init__(self, connection: Connection, store: Store, name: str) -> None:
        self._connection, self._store, self._name = connection, store, name
        self._now, self._who = time.time(), who()

    def add(
        self,
        kind: EventKind,
        version: int | None,
        *,
        slot: str = "",
        was: str = "",
        now: str = "",
        note: str = "",
        evidence: tuple[str, ...] = (),
    ) -> Event:
        """The event, as it stands in the log."""
        note = bounded_text(without_secrets(str(note), self._store, set()))
        evidence = tuple(bounded_text(str(each), 200) for each in evidence)
        made = Event(0, self._now, self._who, kind, self._name, version, slot, was, now, note, evidence)
        return rows.add_event(self._connection, made)


def who() -> str:
    """The person at work, as the log names one: user and machine."""
    user = "unknown"
    with suppress(OSError, KeyError, ImportError):
        user = getpass.getuser()
    return bounded_text(f"{user}@{platform.node()}", 200)


# verify


def verify_log(
    *, head: str | None = None, files: bool = True, store: Store | None = None, progress: Say | None = None
) -> LogCheck:
    """Look through the whole log, the manifests and the files of all versions.

    Args:
        head: the hash of an event that was noted earlier; the log must still contain it.
        files: read the files, too.
        store: the store, or None for the one of the working directory.
        progress: is told what is done, line by line.
    """
    store, say = store or open_store(), Paced(progress)
    events = rows.events(store)
    faults = chain_faults(events, rows.noted_head(store))
    if head is not None and not any(event.sha256.startswith(head.lower()) for event in events if len(head) >= 8):
        faults.append(f"no event has the hash {safe_repr(head, 80)} that was noted")
    registered = {(event.model, event.version): event for event in events if event.kind == "registered"}
    deleted = {(event.model, event.version) for event in events if event.kind == "deleted"}
    count = versions = 0
    kept = {(name, number): (text, sha) for name, number, text, sha in rows.manifests(store)}
    faults += [
        f"{name}/{number} is in the store, but no event registered it" for name, number in kept.keys() - registered
    ]
    for key, event in registered.items():
        versions += 1
        say(f"version {versions:,} of {len(registered):,}")
        try:
            manifest = _checked_manifest(event, *kept.get(key, ("", "")))  # type: ignore[arg-type]
            for one in manifest.files if files and key not in deleted else ():
                count += 1
                with blobs.opened(store, one.sha256, f"{one.path} of {key[0]}/{key[1]}"):
                    pass
        except StoreIsDamaged as damage:
            faults.append(damage.what)
    return LogCheck(len(events), versions, count, events[-1].sha256 if events else "", tuple(faults))
