"""Models out of the store: find, load, copy out, verify."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import (
    BadArgument,
    ModelNotFound,
    RunNotFound,
    StoreIsDamaged,
    nearest,
)
from mlops_nb.registry.fitting import SignatureCheck, has_ranges, misfits
from mlops_nb.registry.log import (
    Event,
    Standing,
    chain_faults,
    sealed,
    standing,
    unbroken,
)
from mlops_nb.registry.uris import SCHEME, ModelUri, is_model_uri, model_name, model_uri, version_meant
from mlops_nb.registry.versions import (
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
from mlops_nb.store.runs import find_run
from mlops_nb.store.search import summaries
from mlops_nb.tracking.artifacts import formats
from mlops_nb.tracking.artifacts.keeping import Paced
from mlops_nb.tracking.artifacts.loading import opened, save_files
from mlops_nb.tracking.search.query import moment
from mlops_nb.tracking.values import safe_repr

if TYPE_CHECKING:
    from mlops_nb.store import Store

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
    for event in unbroken(rows.events(store, until=until)):
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
    events = events_of(store, model_name(name.removeprefix(SCHEME)), until)
    return registered(store, events, until)


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
    found = standing_of(store, asked.name)
    return _versions(store, asked.name, found, [meant(asked, found)])[0]


def _until(as_of: str | float | None) -> float | None:
    if as_of is None or isinstance(as_of, int | float):
        return as_of
    found = moment(as_of, time.time())
    if found is None:
        raise BadArgument(
            f"as-of == {safe_repr(as_of, 60)}, is no time", "2026-03-01, '2026-03-01 12:30', yesterday or -7d"
        )
    return found[0] + found[1]


def events_of(store: Store, name: str, until: float | None = None) -> list[Event]:
    """The events of a model.

    Raises:
        ModelNotFound: there is none.
    """
    found = list(unbroken(rows.events(store, name, until=until)))
    if not found:
        known = rows.model_names(store)
        near = nearest(name, known)
        when = "" if until is None or name not in known else " at that time"
        raise ModelNotFound(
            f"no model is called {safe_repr(name, 80)}{when}",
            f"%mlops registry {near}" if near else f"%mlops register {name} --model VARIABLE",
        )
    return found


def standing_of(store: Store, name: str) -> Standing:
    """Where the versions of a model stand now.

    Raises:
        ModelNotFound: there is no such model.
    """
    seal = rows.last_seal(store, name)
    if (name, seal) not in _standings:
        if len(_standings) >= MOST_KEPT:
            _standings.clear()
        _standings[name, seal] = standing(events_of(store, name))
    return _standings[name, seal]


MOST_KEPT = 100

_standings: dict[tuple[str, str], Standing] = {}
"""By model and the hash of its last event: what seals all before it cannot mean anything else."""


def meant(asked: ModelUri, found: Standing) -> int:
    """The number of the version that is asked for.

    Raises:
        ModelNotFound: there is none.
    """
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


def registered(store: Store, events: Sequence[Event], until: float | None) -> RegisteredModel:
    """A model as its events leave it."""
    name, found = events[0].model, standing(events)
    versions = _versions(store, name, found, sorted(found.stages, reverse=True), events)
    return RegisteredModel(name, versions, dict(sorted(found.aliases.items())), tuple(events), time.time(), until)


def _versions(
    store: Store, name: str, found: Standing, numbers: Sequence[int], events: Sequence[Event] = ()
) -> tuple[ModelVersion, ...]:
    """The versions of these numbers, their manifests checked against the log; `events` are the model's, where known."""
    by_number = {event.version: event for event in events if event.kind == "registered"}
    if not events:
        by_number = {number: _registration(store, name, number) for number in numbers}
    only = numbers[0] if len(numbers) == 1 else None
    texts = {number: (text, sha) for _, number, text, sha in rows.manifests(store, name, only)}
    manifests = {number: _checked_manifest(by_number[number], *texts.get(number, ("", ""))) for number in numbers}
    metrics = _metrics(store, manifests.values())
    return tuple(
        ModelVersion(
            manifest,
            by_number[number].now,
            found.stages[number],
            found.since[number],
            tuple(sorted(alias for alias, each in found.aliases.items() if each == number)),
            dict(sorted(found.tags.get(number, {}).items())),
            found.notes[number],
            by_number[number].who,
            metrics.get(manifest.origin.uid, {}) if manifest.origin else {},
            number in found.deleted,
        )
        for number, manifest in manifests.items()
    )


def _registration(store: Store, name: str, number: int) -> Event:
    found = rows.registration(store, name, number)
    if found is None:
        raise StoreIsDamaged(f"the event that registered {name}/{number} is missing", "%mlops verify-log")
    return found


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


def version_called(ref: str, store: Store) -> ModelVersion | None:
    """The version that a name means where it may mean a run as well; None where it is a run's, or nobody's.

    Raises:
        ModelNotFound: it can only mean a version, and there is none.
    """
    if not is_model_uri(ref) and find_run(store, ref) is not None:
        return None
    try:
        asked = model_uri(ref)
    except BadArgument:
        if is_model_uri(ref):
            raise
        return None
    is_known = asked.name in rows.model_names(store)
    return version(ref, store=store) if is_known or is_model_uri(ref) else None


def run_of_version(one: ModelVersion, store: Store) -> int:
    """The number of the run that made a version.

    Raises:
        RunNotFound: it is not in this store.
    """
    number = run_called(store, one.manifest.origin.uid) if one.manifest.origin else None
    if number is None:
        raise RunNotFound(
            f"the run that made {one.name}/{one.number} is not in this store",
            f"%mlops registry {one.name}/{one.number}",
        )
    return number


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
    number = meant(asked, standing_of(store, asked.name))
    manifest = manifest_of(store, asked.name, number)
    if manifest.format == "mlflow":
        raise BadArgument(
            f"{asked.name}/{number} is a model of MLflow's that only MLflow loads ({manifest.kind})",
            f"mlops_nb.registry.save({str(asked)!r}, FOLDER), then mlflow.pyfunc.load_model(FOLDER)",
        )
    one = manifest.main_file
    named = replace(one, path=f"{one.path} of {SCHEME}{asked.name}/{number}")
    with opened(store, named) as file:
        return formats.read_value(named, file, trust=trust, unpickle=unpickle, call="load_model")


def manifest_of(store: Store, name: str, number: int) -> Manifest:
    """The manifest of a version, checked against the event that registered it.

    Raises:
        StoreIsDamaged: it was changed.
    """
    found = rows.manifests(store, name, number)
    return _checked_manifest(_registration(store, name, number), *(found[0][2:] if found else ("", "")))


def check(uri: str, data: Any, *, store: Store | None = None) -> SignatureCheck:
    """Whether data fits what a version takes: which columns it lacks or has beside, types, what was never seen.

    Args:
        uri: which version, as for `load_model`.
        data: a frame, an array or a list of rows.
        store: the store, or None for the one of the working directory.

    Raises:
        ModelNotFound: there is no such version.
        StoreIsDamaged: its manifest was changed.
        BadArgument: the version has no signature.
    """
    one = version(uri, store=store)
    if not one.manifest.signature.inputs:
        raise BadArgument(f"{one.name}/{one.number} has no signature", f"%mlops registry {one.name}/{one.number}")
    try:
        rows_there = len(data)
    except TypeError:
        raise BadArgument(f"data == {safe_repr(data, 60)}, has no rows", f"%mlops check {uri} X_new") from None
    signature = one.manifest.signature
    return SignatureCheck(f"{one.name}/{one.number}", rows_there, misfits(signature, data), has_ranges(signature))


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


def check_files(store: Store, manifest: Manifest) -> None:
    """Read every file of a version.

    Raises:
        StoreIsDamaged: one is missing, or was changed.
    """
    for one in manifest.files:
        with opened(store, replace(one, path=f"{one.path} of {SCHEME}{manifest.model}/{manifest.version}")):
            pass


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
