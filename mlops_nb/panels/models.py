"""The registered models: which version of each is in Production, and what its aliases point to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops_nb.panels.blocks import Block, Line, Span, Table, Words, paged, without_empty
from mlops_nb.panels.theme import Panel, minute_span
from mlops_nb.panels.wording import count, exact_time, listed, one_line
from mlops_nb.registry.versions import ModelList, ModelSummary

MOST = 200


def models_panel(found: ModelList) -> Panel:
    """The models; what changed last first."""
    return Panel(_blocks(found))


def _blocks(found: ModelList) -> Iterator[Block]:
    when = "" if found.as_of is None else f" on {exact_time(found.as_of)}"
    if not found.models:
        yield Line(f"No model is registered{when and ' there was none' + when}.", "sentence")
        yield Line(("To register one: ", Span("%mlops register NAME --model VARIABLE", "code")))
        return
    produced = sum(one.production is not None for one in found.models)
    verb = "had" if when else "has"
    words = f"{count(len(found.models), 'model')}{when}; {produced:,} {verb} a version in Production."
    yield Line(words, "sentence")
    rows = tuple(_row(one) for one in found.models[:MOST])
    more = f"+{len(found.models) - MOST:,} more: mlops_nb.registry.models()" if len(found.models) > MOST else ""
    columns = ("model", "Production", "Staging", "newest", "aliases", "versions", "last change (UTC)")
    yield from paged(without_empty(Table("Models", columns, rows, frozenset({1, 3, 5}), more)))
    first = found.models[0].name
    yield Line(("All of one: ", Span(f"%mlops registry {one_line(first, 60)}", "code")), "small")


def _row(one: ModelSummary) -> tuple[Words, ...]:
    return (
        one_line(one.name, 60),
        "" if one.production is None else str(one.production),
        listed([str(number) for number in one.staging], 3),
        str(one.newest),
        aliases_words(one.aliases),
        f"{one.versions:,}",
        minute_span(one.changed),
    )


def aliases_words(aliases: Mapping[str, int]) -> str:
    """The aliases and what they point to."""
    return listed([f"@{one_line(alias, 30)} → {number}" for alias, number in aliases.items()], 3)
