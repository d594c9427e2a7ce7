"""What changed between a reference and the current data: the verdict in words, and each column with both histograms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from mlops_nb.monitoring.comparison import MOST_BARS
from mlops_nb.monitoring.decision import Verdict
from mlops_nb.monitoring.records import Bins, ColumnDrift, DriftReport
from mlops_nb.panels.blocks import Block, Fold, Line, Picture, Span, Table, Words, paged
from mlops_nb.panels.theme import BLUE, ORANGE, Panel, time_span
from mlops_nb.panels.wording import count, listed, number, one_line

SHOWN = 60
"""Columns in the table; the others are counted."""

WIDE, HIGH = 120, 30
"""The size of a histogram."""

SHAPES: dict[Verdict, tuple[str, str, str]] = {
    "drifted": ("✗", "drifted", "mp-bad"),
    "unsure": ("?", "not enough data to say", ""),
    "changed": ("≈", "changed a little", ""),
    "stable": ("✓", "stable", "mp-good"),
    "skipped": ("–", "not compared", "mp-muted"),
}


def drift_panel(report: DriftReport) -> Panel:
    """The report in words, with the columns that matter most first."""
    return Panel(_blocks(report))


def _blocks(report: DriftReport) -> Iterator[Block]:
    yield Line(_sentence(report), "sentence")
    if others := _others(report):
        yield Line(others)
    for warning in report.warnings:
        yield Line(f"Note: {one_line(warning, 300)}", "small")
    compared = [each for each in report.columns if each.verdict != "skipped"]
    if compared:
        yield Line(
            (Span("■", css="mp-reference"), " reference  ", Span("■", css="mp-current"), " current: shares of rows"),
            "small",
        )
        hidden = len(compared) - SHOWN
        more = f"+{hidden} more, none of which matters more: mlops_nb.drift(...).to_frame()" if hidden > 0 else ""
        yield from paged(_table(compared[:SHOWN], more))
    if skipped := report.of("skipped"):
        yield Fold(
            f"{count(len(skipped), 'column')} not compared",
            tuple(Line(f"{one_line(each.name, 60)}: {one_line(each.reason, 200)}") for each in skipped[:SHOWN]),
        )
    yield Fold("How this was judged", tuple(_small_print(report)))


def _sentence(report: DriftReport) -> str:
    drifted, broken = report.of("drifted"), report.broken
    lost = f"; {count(len(broken), 'column')} missing or of another type: {_named(broken)}" if broken else ""
    if not report.compared:
        return f"Nothing could be compared{lost}."
    of = f"of {count(report.compared, 'column')}"
    if not drifted:
        return f"{'✓' if not broken else '✗'} No drift in {count(report.compared, 'column')}{lost}."
    first = drifted[0]
    what = f" by its {first.decided_by}" if first.decided_by != "values" else ""
    most = f"; {one_line(first.name, 40)} most{what} ({first.measure} {first.effect:.2f} of 1)"
    return f"✗ {len(drifted)} {of} drifted{most}{lost}."


def _others(report: DriftReport) -> str:
    parts = [
        f"{count(len(found), 'column')} {words}"
        for verdict, words in (
            ("unsure", "may have, there is not enough data to say"),
            ("changed", "changed, but too little to matter"),
        )
        if (found := [each for each in report.columns if each.verdict == verdict])
    ]
    return f"{'; '.join(parts)}." if parts else ""


def _named(columns: Sequence[ColumnDrift]) -> str:
    return listed([one_line(each.name, 40) for each in columns])


def _effect(column: ColumnDrift) -> str:
    if math.isnan(column.effect):
        return ""
    return f"{column.effect:.3f} ({column.low:.3f} to {column.high:.3f})"


def _table(columns: Sequence[ColumnDrift], more: str) -> Table:
    names = ("column", "shares", "verdict", "effect (95 %)", "PSI", "missing", "what else")
    return Table("Columns", names, tuple(tuple(_row(each)) for each in columns), frozenset({3, 4, 5}), more)


def _row(column: ColumnDrift) -> Iterator[Words]:
    shape, words, css = SHAPES[column.verdict]
    yield one_line(column.name, 60), Span(f" {column.kind}", css="mp-muted")
    yield Picture(_histogram(column), _moved(column)) if column.bins else ""
    yield Span(shape, css=css), f" {words}"
    hover = f"{column.measure} from 0 to 1; it matters from {column.threshold:g} on; corrected p {_p(column.p_value)}"
    yield Span(_effect(column), hover=hover)
    yield Span(number(psi), hover=_expected(column)) if (psi := column.statistics.get("psi")) is not None else ""
    yield _missing(column)
    if column.verdict == "stable":  # one value beyond the range of thousands is no news
        yield ""
        return
    by = [] if column.decided_by == "values" else [f"by its {column.decided_by}"]
    yield one_line("; ".join([*by, *column.notes]), 160)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _expected(column: ColumnDrift) -> str:
    chance = column.statistics.get("psi_expected", math.nan)
    return f"by chance alone about {number(chance)}; the field looks at 0.1 and acts at 0.2"


def _missing(column: ColumnDrift) -> Words:
    before, after = column.missing_shares()
    if not before and not after:
        return ""
    return f"{before:.1%} to {after:.1%}" if f"{before:.1%}" != f"{after:.1%}" else f"{after:.1%}"


def _moved(column: ColumnDrift) -> str:
    """What the picture shows, in a few words."""
    statistics, bins = column.statistics, column.bins
    if "median" in statistics:
        return f"median {number(statistics['median'])} to {number(statistics['median_current'])}"
    if bins is None or not bins.labels:
        return ""
    before, after = _shares(bins.reference), _shares(bins.current)
    place = max(range(len(before)), key=lambda each: abs(before[each] - after[each]))
    return f"{one_line(bins.labels[place], 24)} {before[place]:.1%} to {after[place]:.1%}"


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [each / total for each in counts]


def _histogram(column: ColumnDrift) -> str:
    """Both shares in each bin over each other: the reference as bars, the current as steps."""
    bins = column.bins or Bins((), ())
    before, after = _shares(bins.reference)[:MOST_BARS], _shares(bins.current)[:MOST_BARS]
    most = max((*before, *after, 1e-9))
    step = WIDE / max(1, len(before))
    bars = "".join(
        f"M{place * step:.1f} {HIGH}v{-share / most * (HIGH - 2):.1f}h{step * 0.9:.1f}V{HIGH}z"
        for place, share in enumerate(before)
        if share
    )
    line = "".join(
        f"{'M' if not place else 'L'}{place * step:.1f} {HIGH - share / most * (HIGH - 2):.1f}h{step * 0.9:.1f}"
        for place, share in enumerate(after)
    )
    title = f"{one_line(column.name, 60)}: {_moved(column) or 'shares of both'}"
    return (
        f'<svg role="img" width="{WIDE}" height="{HIGH}" viewBox="0 0 {WIDE} {HIGH}">'
        f"<title>{escape(title)}</title>"
        f'<path d="{bars}" fill="{BLUE}" fill-opacity=".45"/>'
        f'<path d="{line}" fill="none" stroke="{ORANGE}" stroke-width="2"/></svg>'
    )


def _small_print(report: DriftReport) -> Iterator[Line]:
    rows, others = report.rows
    named = one_line(report.reference, 200), one_line(report.current, 200)
    yield Line(f"Reference: {named[0]}, {count(rows, 'row')}; current: {named[1]}, {count(others, 'row')}.")
    yield Line(
        "Numbers: Kolmogorov-Smirnov distance and test. Categories, hours and weekdays: Jensen-Shannon distance "
        "without what chance adds to it, chi-squared test of both samples. Texts: their length and unknown words. "
        "Missing values: the difference of their shares, chi-squared test."
    )
    corrections = {"bh": "Benjamini and Hochberg", "holm": "Holm", "none": "no correction"}
    yield Line(
        f"Drifted: p below {report.alpha:g} ({corrections[report.correction]}) and an effect of at least "
        f"{report.thresholds['distance']:g}, of missing values {report.thresholds['missing']:g}. PSI: ten bins of the "
        "reference, an empty one counted as half a row."
    )
    yield Line(("Compared ", time_span(report.made), "."))
