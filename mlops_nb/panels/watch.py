"""A stream and the places where it changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlops_nb.monitoring.streams import Alarm, Watch
from mlops_nb.panels.blocks import Block, Line, Picture, Table, Words, paged
from mlops_nb.panels.curves import path_of, span_of
from mlops_nb.panels.runs_plot import svg_of, text_at
from mlops_nb.panels.theme import BLUE, ORANGE, VERMILLION, Panel, number_span
from mlops_nb.panels.wording import change, count, listed, number, numbers, one_line

MOST = 200
DRAWN = 60
"""Alarms that are drawn and named; of more the newest."""
NAMED = 6

LEFT, RIGHT, TOP, BOTTOM = 56.0, 620.0, 26.0, 150.0

WORDS = {"adwin": "ADWIN", "ddm": "DDM", "eddm": "EDDM", "page_hinkley": "Page-Hinkley", "kswin": "KSWIN"}


def watch_panel(found: Watch) -> Panel:
    """The stream as a curve with its alarms, and what changed at each."""
    return Panel(_blocks(found))


def _blocks(found: Watch) -> Iterator[Block]:
    yield Line(_sentence(found), "sentence")
    for note in found.notes:
        yield Line(f"! {one_line(note, 400)}")
    words = f"{_name(found)}: {count(found.seen, 'value')}, {count(len(found.alarms), 'alarm')}"
    if found.seen > found.skipped:
        yield Picture(_figure(found, words), words)
    if found.alarms:
        yield from paged(_table(found.alarms))
    yield Line(_small(found), "small")


def _name(found: Watch) -> str:
    return one_line(found.name, 60) or "the stream"


def _sentence(found: Watch) -> str:
    if found.seen == found.skipped:
        return f"Nothing to watch: {_name(found)} has no number."
    warning = "" if found.warned_at is None else f"; a warning since index {found.warned_at:,}"
    if not found.alarms:
        mean = number(found.mean)
        return f"✓ No change in {_name(found)}: {count(found.seen, 'value')}, mean {mean}{warning}."
    last = found.alarms[-1]
    often = f"{count(len(found.alarms), 'change')} in {_name(found)}"
    moved = f"from {number(last.before)} to {number(last.after)}"
    which = "the mean went" if len(found.alarms) == 1 else "in the last one the mean went"
    return f"✗ {often}: {which} {moved} at about index {last.start:,} (detected at {last.index:,}){warning}."


def _small(found: Watch) -> str:
    options = ", ".join(f"{name} {value}" for name, value in found.options.items())
    parts = [f"{WORDS[found.detector]} ({options})", f"{count(found.seen, 'value')} from index {found.first:,} on"]
    if found.skipped:
        parts.append(f"{count(found.skipped, 'missing or infinite value')} skipped")
    if found.zones:
        zones = listed([f"{zone.start:,} to {zone.end:,}" for zone in found.zones], 4)
        parts.append(f"warnings without an alarm: {zones}")
    return "; ".join(parts) + "."


def _table(alarms: Sequence[Alarm]) -> Table:
    shown = alarms[-MOST:][::-1]
    means = numbers([each for alarm in shown for each in (alarm.before, alarm.after)])
    has_zones = any(alarm.warned_at is not None for alarm in shown)
    rows: list[tuple[Words, ...]] = [
        (
            f"{alarm.index:,}",
            f"{alarm.start:,}",
            number_span(alarm.before, means[2 * place]),
            number_span(alarm.after, means[2 * place + 1]),
            change(alarm.after, alarm.before),
            *([f"{alarm.warned_at:,}" if alarm.warned_at is not None else ""] if has_zones else []),
        )
        for place, alarm in enumerate(shown)
    ]
    columns = (
        "detected at",
        "began about",
        "mean before",
        "mean after",
        "change",
        *(["warned at"] if has_zones else []),
    )
    hidden = len(alarms) - len(shown)
    more = f"+{hidden:,} earlier: mlops_nb.watch(...).alarms" if hidden else ""
    return Table("Alarms, the newest first", columns, tuple(rows), frozenset(range(1, len(columns))), more)


def _figure(found: Watch, words: str) -> str:
    """The curve, the mean between two alarms, and a mark where each was raised."""
    known = [each for each in found.slices if each.known]
    low, high = span_of([end for each in known for end in (each.low, each.high)])
    first, last = found.first, max(found.first + 1, found.first + found.seen - 1)

    def x(index: float) -> float:
        return LEFT + (RIGHT - LEFT) * (index - first) / (last - first)

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * min(1.0, max(0.0, value / (high - low) - low / (high - low)))

    curve = path_of(
        [(x(each.start + (each.size - 1) / 2), y(each.mean)) if each.known else None for each in found.slices], BLUE
    )
    is_ranged = found.detector not in ("ddm", "eddm") and any(each.size > 1 for each in known)
    ranges = "".join(
        _box(x(each.start), x(each.start + each.size), y(each.high), y(each.low)) for each in known if is_ranged
    )
    area = f'<path d="{ranges}" fill="{BLUE}" fill-opacity=".2"/>' if ranges else ""
    alarms = found.alarms[-DRAWN:]
    bands = "".join(
        f'<path d="{_box(x(start), max(x(end), x(start) + 1), TOP, BOTTOM)}" fill="{ORANGE}" fill-opacity=".25"/>'
        for start, end in _warnings(found)
    )
    marks = "".join(_mark(alarm.index, x(alarm.index), named=len(alarms) <= NAMED) for alarm in alarms)
    levels = "".join(
        f'<path d="M{x(start):.1f} {y(mean):.1f}H{x(end):.1f}" stroke="{ORANGE}" stroke-width="2.5"/>'
        for start, end, mean in _levels(alarms, first)
    )
    frame = f'<path d="M{LEFT:.0f} {TOP:.0f}V{BOTTOM:.0f}H{RIGHT:.0f}" fill="none" stroke="currentColor" '
    texts = (
        text_at(LEFT - 6, TOP + 4, number(high), "end")
        + text_at(LEFT - 6, BOTTOM + 2, number(low), "end")
        + text_at(LEFT, BOTTOM + 15, f"{first:,}", "start")
        + text_at(RIGHT, BOTTOM + 15, f"{first + found.seen - 1:,}", "end")
        + text_at((LEFT + RIGHT) / 2, BOTTOM + 15, "index", "middle")
        + text_at(LEFT, BOTTOM + 31, _legend(found, is_ranged), "start", dot=BLUE)
        + (text_at(RIGHT, BOTTOM + 31, "mean between changes", "end", dot=ORANGE) if alarms else "")
    )
    return svg_of(f'{bands}{frame}stroke-opacity=".4"/>{area}{curve}{levels}{marks}{texts}', words, BOTTOM + 40)


def _legend(found: Watch, is_ranged: bool) -> str:
    size = max(each.size for each in found.slices)
    what = "value" if size == 1 else f"mean of {size:,} values each{', over their range' if is_ranged else ''}"
    return f"{what}; shaded where it warns" if any(True for _ in _warnings(found)) else what


def _box(left: float, right: float, top: float, bottom: float) -> str:
    return f"M{left:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}Z"


def _warnings(found: Watch) -> Iterator[tuple[int, int]]:
    yield from ((zone.start, zone.end) for zone in found.zones[-DRAWN:])
    yield from ((each.warned_at, each.index) for each in found.alarms[-DRAWN:] if each.warned_at is not None)
    if found.warned_at is not None:
        yield found.warned_at, found.first + found.seen - 1


def _mark(index: int, at: float, *, named: bool) -> str:
    said = text_at(at, TOP - 12, f"{index:,}", "middle", halo=True) if named else ""
    return (
        f'<path d="M{at:.1f} {TOP:.0f}V{BOTTOM:.0f}" stroke="{VERMILLION}" stroke-dasharray="3 2"/>'
        f'<path d="M{at - 4:.1f} {TOP - 8:.0f}h8l-4 7z" fill="{VERMILLION}"/>{said}'
    )


def _levels(alarms: Sequence[Alarm], first: int) -> Iterator[tuple[int, int, float]]:
    """From where to where, and the mean there: before each change, and after it to its alarm."""
    begin = first
    for alarm in alarms:
        if alarm.before == alarm.before and alarm.start > begin:
            yield begin, alarm.start, alarm.before
        yield max(first, alarm.start), alarm.index, alarm.after
        begin = alarm.index + 1
