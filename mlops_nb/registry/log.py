"""The log of the registry: events, each sealed with the hash of the one before; stages and aliases follow from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, get_args

from mlops_nb.errors import StoreIsDamaged
from mlops_nb.record import Record

Stage = Literal["None", "Staging", "Production", "Archived"]
STAGES: tuple[Stage, ...] = ("None", "Staging", "Production", "Archived")

MOVES: Mapping[Stage, tuple[Stage, ...]] = {
    "None": ("Staging", "Production", "Archived"),
    "Staging": ("None", "Production", "Archived"),
    "Production": ("Staging", "Archived"),
    "Archived": ("None", "Staging"),
}
"""Where a version may go from a stage. From Archived into Production only by a rollback, or by way of Staging."""

EventKind = Literal["registered", "stage", "alias", "tag", "note", "deleted"]


@dataclass(frozen=True, slots=True)
class Event(Record):
    """Something that happened to a model; never changed afterwards.

    `was` and `now` are stages, or the versions an alias pointed to (empty for none), or a tag's values, or notes; of
    `registered` the hash of the version's manifest. `slot` is the alias's or the tag's name. `evidence` names what
    the decision rests on. `previous` is the hash of the event before, `sha256` that of this one.
    """

    id: int
    time: float
    who: str
    kind: EventKind
    model: str
    version: int | None = None
    slot: str = ""
    was: str = ""
    now: str = ""
    note: str = ""
    evidence: tuple[str, ...] = ()
    previous: str = ""
    sha256: str = ""


def sealed(event: Event) -> str:
    """The hash of an event: SHA-256 over all its fields, the hash of the event before among them.

    >>> sealed(Event(1, 0.0, "ada", "alias", "m", now="1"))[:12]
    '901e4ca6a5e4'
    """
    fields = {name: value for name, value in event.to_dict().items() if name != "sha256"}
    return sha256(json.dumps(fields, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


def chain_faults(events: Sequence[Event], noted: tuple[int, str] | None) -> list[str]:
    """What is wrong with the chain, event by event; nothing when it is whole.

    Args:
        events: all of the log, in order.
        noted: how many events there were at last, and the hash of the last one, where that was noted.
    """
    faults, before = list[str](), Event(0, 0.0, "", "alias", "")
    for event in events:
        if event.id != before.id + 1:
            faults.append(f"event {before.id + 1} is missing" + _through(before.id + 1, event.id - 1))
        elif event.previous != before.sha256:
            faults.append(f"event {event.id} does not follow event {before.id}: the hash it was sealed with is another")
        if sealed(event) != event.sha256:
            faults.append(f"event {event.id} was changed after it was written: it no longer has its hash")
        before = event
    if noted is not None and noted[0] > before.id:
        faults.append(f"event {before.id + 1} is missing{_through(before.id + 1, noted[0])}: the end of the log is cut")
    elif noted is not None and noted != (before.id, before.sha256):
        faults.append(f"event {before.id} is not the last one that was written")
    return faults


def _through(first: int, last: int) -> str:
    return f" (and all up to {last})" if last > first else ""


@dataclass(frozen=True, slots=True)
class Standing(Record):
    """Where the versions of a model stand, by number: stage, since when, tags, note; the aliases; what is deleted.

    `order` is how versions came into Production, the last one last.
    """

    stages: Mapping[int, Stage] = field(default_factory=dict)
    since: Mapping[int, float] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    notes: Mapping[int, str] = field(default_factory=dict)
    deleted: frozenset[int] = frozenset()
    order: tuple[int, ...] = ()

    def pointers(self, version: int) -> list[str]:
        """What points to a version: a stage other than None or Archived, and aliases."""
        stage = self.stages.get(version, "None")
        found = [stage] if stage in ("Staging", "Production") else list[str]()
        return [*found, *(f"@{alias}" for alias, number in self.aliases.items() if number == version)]


def unbroken(events: Iterable[Event]) -> Iterator[Event]:
    """The events one by one, each looked at before it is believed.

    Raises:
        StoreIsDamaged: one no longer has the hash that it was sealed with, or says what no event can.
    """
    for event in events:
        if sealed(event) != event.sha256:
            raise StoreIsDamaged(f"event {event.id}, of {event.model}, was changed after it was written", _VERIFY)
        odd = (event.kind == "stage" and event.now not in STAGES) or event.kind not in get_args(EventKind)
        if odd or (event.kind == "alias" and not re.fullmatch(r"\d*", event.now)):
            raise StoreIsDamaged(f"event {event.id}, of {event.model}, says what no event can", _VERIFY)
        yield event


_VERIFY = "%mlops verify-log"


def standing(events: Iterable[Event]) -> Standing:
    """What follows from the events of one model, in order."""
    stages: dict[int, Stage] = {}
    since: dict[int, float] = {}
    aliases: dict[str, int] = {}
    tags: dict[int, dict[str, str]] = {}
    notes: dict[int, str] = {}
    deleted, order = set[int](), list[int]()
    for event in events:
        version = event.version or 0
        match event.kind:
            case "registered":
                stages[version], since[version], notes[version] = "None", event.time, event.note
            case "stage":
                stages[version], since[version] = next(each for each in STAGES if each == event.now), event.time
                if event.now == "Production":
                    order.append(version)
            case "alias" if event.now:
                aliases[event.slot] = int(event.now)
            case "alias":
                aliases.pop(event.slot, None)
            case "tag" if event.now:
                tags.setdefault(version, {})[event.slot] = event.now
            case "tag":
                tags.get(version, {}).pop(event.slot, None)
            case "note":
                notes[version] = event.now
            case "deleted":
                deleted.add(version)
    return Standing(stages, since, aliases, tags, notes, frozenset(deleted), tuple(order))


def rollback_target(found: Standing) -> int | None:
    """The version that was in Production before the one that is now, or was last; None where there is none."""
    now = next((number for number, stage in found.stages.items() if stage == "Production"), None)
    return next((number for number in reversed(found.order) if number != now and number not in found.deleted), None)
