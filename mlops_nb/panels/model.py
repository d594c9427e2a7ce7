"""A registered model: which version is in Production, the others, what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mlops_nb.panels.blocks import Block, Fold, Line, Picture, Span, Table, Words, paged, without_empty
from mlops_nb.panels.model_figure import stages_svg
from mlops_nb.panels.models import aliases_words
from mlops_nb.panels.theme import Panel, minute_span
from mlops_nb.panels.wording import count, exact_time, listed, numbers, one_line, size
from mlops_nb.registry.log import Event, Stage
from mlops_nb.registry.versions import ModelVersion, RegisteredModel

MOST = 200
METRICS = 3
"""Metrics that stand beside the versions: those that most of them have."""

STAGE_SHAPES: dict[Stage, str] = {"None": "○", "Staging": "◐", "Production": "●", "Archived": "◌"}
"""A shape for each stage, beside its word."""


def model_panel(model: RegisteredModel) -> Panel:
    """A model's versions, newest first; the picture of their stages; the log."""
    return Panel(_blocks(model))


def _blocks(model: RegisteredModel) -> Iterator[Block]:
    yield Line(model_words(model), "sentence")
    if model.aliases:
        yield Line(aliases_words(model.aliases))
    svg, words = stages_svg(model)
    if svg:
        yield Picture(svg, words)
    yield from versions_blocks(model)
    yield from _history(model.events)
    if model.as_of is None and model.in_stage("Production"):
        load = f'mlops_nb.load_model("models:/{one_line(model.name, 120)}/Production")'
        yield Line(("To load it: ", Span(load, "code")), "small")


def model_words(model: RegisteredModel) -> str:
    """The one sentence: what is in Production, and of how many versions."""
    name, there = one_line(model.name, 60), [one for one in model.versions if not one.is_deleted]
    when, verb = ("", "is") if model.as_of is None else (f" on {exact_time(model.as_of)}", "was")
    versions = count(len(there), "version")
    if produced := model.in_stage("Production"):
        since = exact_time(produced[0].since)[:16]
        return f"{name}/{produced[0].number} {verb} in Production{when}, since {since} UTC; {versions}."
    return f"{name}: no version {verb} in Production{when}; {versions}."


def versions_blocks(model: RegisteredModel) -> Iterator[Block]:
    """The versions in a table, newest first; deleted ones behind a title."""
    there = [one for one in model.versions if not one.is_deleted]
    gone = [str(one.number) for one in model.versions if one.is_deleted]
    metrics = _common_metrics(there)
    named = [one_line(name, 30) for name in metrics]
    columns = ("version", "stage", "aliases", *named, "run", "class", "size", "registered (UTC)", "note")
    kinds = {_kind(one) for one in there}
    are_alike = len(kinds) == 1 < len(there)
    title = f"Versions, newest first, each a {_kind(there[0])}" if are_alike else "Versions, newest first"
    values = [numbers([one.metrics.get(name) for one in there[:MOST]]) for name in metrics]
    rows = tuple(
        _row(one, [column[place] for column in values], "" if are_alike else _kind(one))
        for place, one in enumerate(there[:MOST])
    )
    more = f"+{len(there) - MOST:,} more" if len(there) > MOST else ""
    right = frozenset({*range(3, 3 + len(metrics)), 5 + len(metrics)})
    if rows:
        yield from paged(without_empty(Table(title, columns, rows, right, more)))
    if gone:
        yield Line(f"Deleted: {'version' if len(gone) == 1 else 'versions'} {listed(gone, 10)}.", "small")


def _common_metrics(versions: Sequence[ModelVersion]) -> tuple[str, ...]:
    counted = Counter(name for one in versions for name in one.metrics)
    return tuple(sorted(counted, key=lambda name: (-counted[name], name))[:METRICS])


def _kind(one: ModelVersion) -> str:
    """The class of the model, and its form where that is not the usual one."""
    kind = one_line(one.manifest.kind.rpartition(".")[2], 40)
    return f"{kind} ({one.manifest.format})" if one.manifest.format != "skops" else kind


def _row(one: ModelVersion, metrics: Sequence[str], kind: str) -> tuple[Words, ...]:
    manifest = one.manifest
    return (
        str(one.number),
        stage_words(one.stage),
        listed([f"@{one_line(alias, 30)}" for alias in one.aliases], 3),
        *metrics,
        "" if manifest.origin is None else f"{one_line(manifest.origin.name, 30)} ({manifest.origin.run})",
        kind,
        size(manifest.size_bytes),
        minute_span(manifest.created),
        one_line(one.note, 60),
    )


def stage_words(stage: Stage) -> str:
    """Shape and word of a stage; nothing of None."""
    return "" if stage == "None" else f"{STAGE_SHAPES[stage]} {stage}"


def _history(events: Sequence[Event]) -> Iterator[Block]:
    rows = tuple(
        (minute_span(one.time), event_words(one), one_line(one.who, 40), one_line(one.note, 80))
        for one in reversed(events[-MOST:])
    )
    if rows:
        table = without_empty(Table("What happened, newest first", ("when (UTC)", "what", "who", "note"), rows))
        yield Fold(f"History: {count(len(events), 'event')}", (table,))


def event_words(event: Event) -> str:
    """What happened, in words."""
    version = "" if event.version is None else str(event.version)
    match event.kind:
        case "registered":
            return f"version {version} registered"
        case "stage":
            return f"version {version}: {event.was} → {event.now}"
        case "alias":
            return f"@{one_line(event.slot, 40)}: {event.was or 'nothing'} → {event.now or 'nothing'}"
        case "tag":
            return f"version {version}: tag {one_line(event.slot, 40)} = {one_line(event.now, 40) or 'nothing'}"
        case "note":
            return f"version {version}: note: {one_line(event.now, 60)}"
    return f"version {version} deleted"


def names_of(versions: Iterable[ModelVersion]) -> str:
    """The versions by name."""
    return listed([f"{one_line(one.name, 60)}/{one.number}" for one in versions], 4)
