"""Runs that were pushed to MLflow or pulled from it: how many, which, and what could not be carried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Span, Table, paged
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, duration, one_line
from mlops_nb.tracking.mlflow.words import Carried, CarriedRun, CarriedVersion, Outcome

MOST = 200

_SHAPES: dict[Outcome, str] = {
    "new": "+ new",
    "updated": "↑ updated",
    "unchanged": "= as it was",
    "refused": "✗ not carried",
}
_FIRST: tuple[Outcome, ...] = ("refused", "new", "updated", "unchanged")


def carried_panel(carried: Carried) -> Panel:
    """What a push or a pull did."""
    return Panel(_blocks(carried))


def _blocks(carried: Carried) -> Iterator[Block]:
    yield Line(_sentence(carried), "sentence")
    if not carried.runs and not carried.versions:
        return
    runs = sorted(carried.runs, key=lambda one: _FIRST.index(one.outcome))
    versions = sorted(carried.versions, key=lambda one: _FIRST.index(one.outcome))
    if runs:
        yield from paged(_table("Runs, what changed first", runs[:MOST], len(runs) - MOST))
    if versions:
        yield from paged(_versions_table(versions))
    left = [(_name(one), why) for one in runs for why in one.left_out]
    left += [(_version_name(one), why) for one in versions for why in one.left_out]
    if left:
        rows = tuple((name, one_line(why, 300)) for name, why in left[:MOST])
        more = f"+{len(left) - MOST:,} more" if len(left) > MOST else ""
        yield from paged(Table("Not carried, or otherwise than it was", ("what", "why"), rows, more=more))
    yield Line(f"Took {duration(carried.seconds)}.", "small")


def _versions_table(versions: list[CarriedVersion]) -> Table:
    rows = tuple((_version_name(one), _SHAPES[one.outcome], one_line(one.remote, 60)) for one in versions[:MOST])
    more = f"+{len(versions) - MOST:,} more" if len(versions) > MOST else ""
    return Table("Model versions, what changed first", ("version", "what happened", "in MLflow"), rows, more=more)


def _version_name(one: CarriedVersion) -> str:
    return one_line(one.name or one.remote, 60)


def _sentence(carried: Carried) -> str:
    runs, versions = Counter(one.outcome for one in carried.runs), Counter(one.outcome for one in carried.versions)
    outcomes = runs + versions
    done = outcomes["new"] + outcomes["updated"]
    way, place = ("Pushed", "to") if carried.direction == "push" else ("Pulled", "from")
    carried_ones = count(runs["new"] + runs["updated"], "run")
    if carried.versions:
        carried_ones += f" and {count(versions['new'] + versions['updated'], 'model version')}"
    sentence = f"{way} {carried_ones} {place} {one_line(carried.server, 120)}"
    if not outcomes:
        return f"{sentence}: there is none."
    if done and outcomes["updated"]:
        sentence += f" ({outcomes['new']:,} new, {outcomes['updated']:,} brought up to date)"
    where = "there" if carried.direction == "push" else "here"
    parts = [f"{outcomes['unchanged']:,} {'was' if outcomes['unchanged'] == 1 else 'were'} {where} already"]
    parts = parts if outcomes["unchanged"] else []
    if runs["refused"]:
        parts.append(f"{count(runs['refused'], 'run')} could not be carried")
    if versions["refused"]:
        parts.append(f"{count(versions['refused'], 'model version')} could not be carried")
    every: tuple[CarriedRun | CarriedVersion, ...] = (*carried.runs, *carried.versions)
    if left := [why for one in every if one.outcome != "refused" for why in one.left_out]:
        first = f": {one_line(left[0], 120)}" if len(left) == 1 else ""
        parts.append(
            f"{count(len(left), 'detail')} not carried as it was{first}"
            if first
            else f"{len(left):,} details not carried as they were"
        )
    return f"{'; '.join([sentence, *parts])}."


def _table(caption: str, runs: list[CarriedRun], hidden: int) -> Table:
    rows = tuple(
        (_name(one), _SHAPES[one.outcome], one_line(one.experiment, 40), Span(one_line(one.remote_id, 36), "code"))
        for one in runs
    )
    more = f"+{hidden:,} more" if hidden > 0 else ""
    return Table(caption, ("run", "what happened", "experiment", "id in MLflow"), rows, more=more)


def _name(one: CarriedRun) -> str:
    number = "" if one.id is None else str(one.id)
    return " ".join(filter(None, (number, one_line(one.name, 40))))
