"""Which version stood in which stage, when: a row a version, time from left to right."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from mlops_nb.panels.theme import GREEN, GREY, SKY
from mlops_nb.panels.wording import count, exact_time
from mlops_nb.registry.log import Stage
from mlops_nb.registry.versions import RegisteredModel

MOST_ROWS = 10
"""Versions that are drawn: the newest, and those in Staging or Production now."""

_LEFT, _WIDE, _ROW, _BAR = 48, 480, 22, 12
_COLOURS: dict[Stage, str] = {"Staging": SKY, "Production": GREEN, "Archived": GREY, "None": GREY}
_LETTER = 6.2
"""About the width of a letter."""


def stages_svg(model: RegisteredModel) -> tuple[str, str]:
    """The figure, and the sentence that says the same; empty where no version ever was in a stage."""
    spans = {number: list(_spans(model, number)) for number in _drawn(model)}
    if not any(stage in ("Staging", "Production") for found in spans.values() for stage, _, _ in found):
        return "", ""
    first = min(begin for found in spans.values() for _, begin, _ in found)
    last = max(end for found in spans.values() for _, _, end in found)
    scale = _WIDE / max(last - first, 1e-9)
    rows = "".join(
        f'<text x="{_LEFT - 8}" y="{_ROW * row + 15}" text-anchor="end">{number}</text>'
        + "".join(_bar(stage, (begin - first) * scale, (end - first) * scale, row) for stage, begin, end in found)
        for row, (number, found) in enumerate(spans.items())
    )
    height = _ROW * len(spans) + 20
    words = _words(model)
    axis = (
        f'<text x="{_LEFT}" y="{height - 4}" opacity=".75">{exact_time(first)[:16]}</text>'
        f'<text x="{_LEFT + _WIDE}" y="{height - 4}" text-anchor="end" opacity=".75">{exact_time(last)[:16]} UTC</text>'
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDE + 8} {height}" role="img" font-size="11" '
        f'font-family="system-ui,sans-serif" fill="currentColor"><title>{escape(words)}</title>{rows}{axis}</svg>'
    )
    return svg, words


def _drawn(model: RegisteredModel) -> list[int]:
    there = [one for one in model.versions if not one.is_deleted]
    kept = [one.number for one in there if one.stage in ("Staging", "Production")]
    rest = [one.number for one in there if one.number not in kept]
    return sorted([*kept, *rest][:MOST_ROWS], reverse=True)


def _spans(model: RegisteredModel, number: int) -> Iterator[tuple[Stage, float, float]]:
    """The stages that a version went through: which, from when, until when."""
    end = model.as_of if model.as_of is not None else model.now
    stage: Stage = "None"
    begin = 0.0
    for event in model.events:
        if event.version != number or event.kind not in ("registered", "stage"):
            continue
        if event.kind == "stage":
            yield stage, begin, event.time
            stage = event.now  # type: ignore[assignment]
        begin = event.time
    yield stage, begin, max(end, begin)


def _bar(stage: Stage, begin: float, end: float, row: int) -> str:
    width, y = max(end - begin, 2.0), _ROW * row + 5
    if stage in ("None", "Archived"):
        return (
            f'<rect x="{_LEFT + begin:.1f}" y="{y + _BAR / 2 - 1:.1f}" width="{width:.1f}" height="2" fill="{GREY}" '
            f'fill-opacity="{0.9 if stage == "None" else 0.4}"><title>{stage}</title></rect>'
        )
    bar = (
        f'<rect x="{_LEFT + begin:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{_COLOURS[stage]}" '
        f'fill-opacity=".45"><title>{stage}</title></rect>'
    )
    if width < _LETTER * len(stage) + 8:
        return bar
    return f'{bar}<text x="{_LEFT + begin + 4:.1f}" y="{y + 10}">{stage}</text>'


def _words(model: RegisteredModel) -> str:
    moves = sum(event.kind == "stage" and event.now == "Production" for event in model.events)
    produced = model.in_stage("Production")
    now = f"; version {produced[0].number} is there now" if produced else "; none is there now"
    return f"A version came into Production {count(moves, 'time')}{now}"
