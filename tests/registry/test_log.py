"""The registry's log by itself: what follows from events, and what gives a changed one away."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.errors import BadArgument
from mlops_nb.registry.log import Event, chain_faults, rollback_target, sealed, standing
from mlops_nb.registry.uris import model_uri, version_meant


def chained(*events: Event) -> list[Event]:
    found: list[Event] = []
    for number, event in enumerate(events, 1):
        event = replace(event, id=number, time=float(number), previous=found[-1].sha256 if found else "")
        found.append(replace(event, sha256=sealed(event)))
    return found


def event(kind: str, version: int | None = None, **more: str) -> Event:
    return Event(0, 0.0, "ada@host", kind, "late-flight", version, **more)


LOG = chained(
    event("registered", 1, now="a"),
    event("registered", 2, now="b"),
    event("stage", 1, was="None", now="Production"),
    event("alias", 1, slot="champion", now="1"),
    event("stage", 1, was="Production", now="Archived"),
    event("stage", 2, was="None", now="Production"),
    event("alias", 2, slot="champion", was="1", now="2"),
    event("tag", 2, slot="team", now="delays"),
    event("registered", 3, now="c"),
)


def test_stages_aliases_and_tags_follow_from_the_events():
    found = standing(LOG)
    assert found.stages == {1: "Archived", 2: "Production", 3: "None"}
    assert (found.aliases, found.tags) == ({"champion": 2}, {2: {"team": "delays"}})
    assert (found.order, rollback_target(found)) == ((1, 2), 1)


def test_every_moment_of_the_past_can_be_seen():
    productions = [
        next((number for number, stage in standing(LOG[:length]).stages.items() if stage == "Production"), None)
        for length in range(len(LOG) + 1)
    ]
    assert productions == [None, None, None, 1, 1, None, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("models:/late-flight/3", 3),
        ("late-flight/9", None),
        ("models:/late-flight/Production", 2),
        ("models:/late-flight/archived", 1),
        ("models:/late-flight/Staging", None),
        ("models:/late-flight@champion", 2),
        ("late-flight@Production", 2),
        ("late-flight@nobody", None),
        ("models:/late-flight/latest", 3),
        ("late-flight", 2),
    ],
)
def test_uri_means_the_version_that_it_says(uri, number):
    assert version_meant(model_uri(uri), standing(LOG)) == number


def test_deleted_version_is_meant_by_nothing():
    found = standing([*LOG, event("deleted", 3)])
    assert [version_meant(model_uri(f"late-flight/{which}"), found) for which in ("3", "latest", "None")] == [
        None,
        2,
        None,
    ]


@pytest.mark.parametrize(
    "uri", ["", "models:/", "a/b", "a/-1", "a/0x3", "a@", "a@b c", "a@3", "a@v3", "a@latest", " a/1", "a/1/2", "\n/1"]
)
def test_what_is_no_uri_is_refused(uri):
    with pytest.raises(BadArgument):
        model_uri(uri)


def test_whole_chain_has_no_fault():
    assert chain_faults(LOG, (len(LOG), LOG[-1].sha256)) == []


@pytest.mark.parametrize("place", range(len(LOG)))
@pytest.mark.parametrize("field", ["time", "who", "kind", "model", "version", "slot", "was", "now", "note", "evidence"])
def test_any_change_of_any_field_is_found_by_the_event(place, field):
    odd = {"time": 99.5, "version": 77, "evidence": ("run 1",)}.get(field, "other")
    changed = [*LOG[:place], replace(LOG[place], **{field: odd}), *LOG[place + 1 :]]
    faults = chain_faults(changed, (len(LOG), LOG[-1].sha256))
    assert faults == [f"event {place + 1} was changed after it was written: it no longer has its hash"]


@pytest.mark.parametrize("place", range(len(LOG)))
def test_event_that_was_sealed_anew_no_longer_holds_the_next_one(place):
    forged = replace(LOG[place], note="forged")
    forged = replace(forged, sha256=sealed(forged))
    faults = chain_faults([*LOG[:place], forged, *LOG[place + 1 :]], (len(LOG), LOG[-1].sha256))
    expected = (
        f"event {place + 2} does not follow event {place + 1}: the hash it was sealed with is another"
        if place + 1 < len(LOG)
        else f"event {place + 1} is not the last one that was written"
    )
    assert faults == [expected]


@pytest.mark.parametrize("place", range(len(LOG)))
def test_event_that_is_taken_out_is_missed_also_at_the_end(place):
    faults = chain_faults([*LOG[:place], *LOG[place + 1 :]], (len(LOG), LOG[-1].sha256))
    assert len(faults) == 1
    assert f"event {place + 1} is missing" in faults[0]


def test_events_that_change_places_are_found():
    assert chain_faults([LOG[1], LOG[0], *LOG[2:]], None)


_MOVES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["None", "Staging", "Production", "Archived"])))


@given(_MOVES)
def test_rollback_never_goes_to_what_is_in_production_now(moves):
    events = [event("registered", number, now="x") for number in range(1, 5)]
    for number, stage in moves:
        now = standing(events).stages
        if stage == "Production":
            events += [event("stage", one, now="Archived") for one, where in now.items() if where == "Production"]
        events.append(event("stage", number, now=stage))
    found = standing(events)
    produced = [number for number, stage in found.stages.items() if stage == "Production"]
    assert len(produced) <= 1
    target = rollback_target(found)
    assert target not in produced
    assert target is None or target in found.order
