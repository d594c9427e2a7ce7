"""What is done to versions: moved between stages, pointed to by aliases, rolled back, deleted. Each an event."""

from __future__ import annotations

import getpass
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from mlops_nb.errors import BadArgument, ChangedMeanwhile, MoveRefused, nearest
from mlops_nb.registry.log import MOVES, STAGES, Event, EventKind, Stage, Standing, rollback_target
from mlops_nb.registry.service import check_files, events_of, manifest_of, meant, registered, standing_of
from mlops_nb.registry.uris import SCHEME, ModelUri, alias_name, model_name, model_uri, stage_named, version_meant
from mlops_nb.registry.versions import Change
from mlops_nb.store import open_store
from mlops_nb.store import registry as rows
from mlops_nb.tracking.secrets.redaction import without_secrets
from mlops_nb.tracking.values import bounded_text, safe_repr

if TYPE_CHECKING:
    from mlops_nb.store import Store
    from mlops_nb.store.housekeeping import Connection

Expected = int | Literal["none"] | None
"""The number of the version that must be where another is to come; "none" where no version may be; None for either."""


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
    number = meant(asked, standing_of(store, asked.name))
    if wanted in ("Staging", "Production"):
        check_files(store, manifest_of(store, asked.name, number))
    with store.transaction(durable=True) as connection:
        found = standing_of(store, asked.name)
        _check_same(asked, number, meant(asked, found))
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
        found = standing_of(store, asked.name)
        place = ModelUri(asked.name, alias=alias)
        _check_expected(place, expect, found)
        was = meant(place, found) if remove else found.aliases.get(alias)
        now = None if remove else meant(asked, found)
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
    target = _rollback_target(name, standing_of(store, name))
    check_files(store, manifest_of(store, name, target))
    with store.transaction(durable=True) as connection:
        found = standing_of(store, name)
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
        found = standing_of(store, asked.name)
        number = meant(asked, found)
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
    return Change(tuple(done), registered(store, events_of(store, name), None))


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
