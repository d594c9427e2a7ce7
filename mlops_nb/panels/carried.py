"""Runs that were pushed to MLflow or pulled from it: how many, which, and what could not be carried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mlops_nb.panels.blocks import Block, Line, Span, Table, paged
from mlops_nb.panels.theme import Panel
from mlops_nb.panels.wording import count, duration, one_line
from mlops_nb.tracking.mlflow.runs import Carried, CarriedRun, Outcome

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
    if not carried.runs:
        return
    runs = sorted(carried.runs, key=lambda one: _FIRST.index(one.outcome))
    yield from paged(_table("Runs, what changed first", runs[:MOST], len(runs) - MOST))
    left = [(one, why) for one in runs for why in one.left_out]
    if left:
        rows = tuple((_name(one), one_line(why, 300)) for one, why in left[:MOST])
        more = f"+{len(left) - MOST:,} more" if len(left) > MOST else ""
        yield from paged(Table("Not carried, or otherwise than it was", ("run", "what"), rows, more=more))
    yield Line(f"Took {duration(carried.seconds)}. Model versions are not carried.", "small")


def _sentence(carried: Carried) -> str:
    outcomes = Counter(one.outcome for one in carried.runs)
    done = outcomes["new"] + outcomes["updated"]
    way, place = ("Pushed", "to") if carried.direction == "push" else ("Pulled", "from")
    sentence = f"{way} {count(done, 'run')} {place} {one_line(carried.server, 120)}"
    if not carried.runs:
        return f"{sentence}: there is none."
    if done and outcomes["updated"]:
        sentence += f" ({outcomes['new']:,} new, {outcomes['updated']:,} brought up to date)"
    where = "there" if carried.direction == "push" else "here"
    parts = [f"{outcomes['unchanged']:,} {'was' if outcomes['unchanged'] == 1 else 'were'} {where} already"]
    parts = parts if outcomes["unchanged"] else []
    if outcomes["refused"]:
        parts.append(f"{count(outcomes['refused'], 'run')} could not be carried")
    if left := [why for one in carried.runs if one.outcome != "refused" for why in one.left_out]:
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
