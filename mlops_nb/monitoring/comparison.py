"""A current data set beside its reference: every column compared by its kind, then judged together with all others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mlops_nb.monitoring import categories, decision, numbers
from mlops_nb.monitoring.decision import Correction, Verdict
from mlops_nb.monitoring.records import MISSING, OTHER_TYPE, Bins, ColumnDrift, Part

if TYPE_CHECKING:
    import pandas as pd

    from mlops_nb.monitoring.columns import Column

Counts = Any  # an array of counts, shape (cells,)
Pair = tuple[Counts, Counts]

MOST_BARS = 30
"""Categories whose counts are kept with a report: the largest; the others are counted together."""

NAMED = 5
"""New and vanished categories that a note names."""

DOUBTFUL = (1e-5, 0.7)
"""Asymptotic p-values between these are made exact where samples are small or have ties."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How columns are judged.

    `threshold` is the effect from which on a change matters, of values; `missing` that of the share of missing values.
    """

    alpha: float = 0.01
    correction: Correction = "bh"
    threshold: float = 0.1
    missing: float = 0.05
    thresholds: dict[str, float] = field(default_factory=dict)
    """Other thresholds for columns by name."""


class _Open(NamedTuple):
    """A part whose p-value is still to come: a Kolmogorov-Smirnov distance, and how to be exact about it."""

    part: Part
    sizes: tuple[int, int]
    exactly: Callable[[], float] | None


@dataclass
class _Draft:
    """A column on its way to a result."""

    found: ColumnDrift
    parts: list[Part | _Open] = field(default_factory=list)


def compared(pairs: Sequence[tuple[Column, Column]], rules: Rules, rng: np.random.Generator) -> tuple[ColumnDrift, ...]:
    """The columns of both data sets compared, those that matter most first.

    Args:
        pairs: each column of the reference with that of the current data.
        rules: how they are judged.
        rng: chance, for tests of small counts.
    """
    drafts = [_draft(reference, current, rules, rng) for reference, current in pairs]
    return ranked(_judged(drafts, rules))


def ranked(columns: Sequence[ColumnDrift]) -> tuple[ColumnDrift, ...]:
    """By verdict, then by how far the effect is beyond its threshold."""
    order: dict[Verdict, int] = {"drifted": 0, "unsure": 1, "changed": 2, "stable": 3, "skipped": 4}

    def key(one: ColumnDrift) -> tuple[int, float]:
        ratio = one.effect / one.threshold if one.threshold else 0.0
        return order[one.verdict], -(0.0 if math.isnan(ratio) else ratio)

    return tuple(sorted(columns, key=key))


def _draft(reference: Column, current: Column, rules: Rules, rng: np.random.Generator) -> _Draft:
    found = ColumnDrift(
        name=reference.name,
        kind=reference.kind or "",
        types=(reference.type, current.type),
        verdict="skipped",
        rows=(reference.rows, current.rows),
        missing=(reference.missing, current.missing),
        reason=_reason(reference, current),
    )
    draft = _Draft(found)
    threshold = rules.thresholds.get(reference.name, rules.threshold)
    if not found.reason:
        _BY_KIND[reference.kind or "category"](draft, reference, current, threshold, rng)
    is_readable = reference.kind is not None and not found.is_broken
    if (reference.missing or current.missing) and reference.rows and current.rows and is_readable:
        draft.parts.append(_missing(reference, current, rules.missing, rng))
        draft.found = replace(draft.found, reason="" if draft.parts else found.reason)
    return draft


def _reason(reference: Column, current: Column) -> str:
    if reference.reason:
        return f"in the reference, {reference.reason}"
    is_of_schema = current.reason == MISSING or current.reason.startswith(OTHER_TYPE)
    return f"in the current data, {current.reason}" if current.reason and not is_of_schema else current.reason


def _missing(reference: Column, current: Column, threshold: float, rng: np.random.Generator) -> Part:
    counts = (np.array([each.missing, each.present]) for each in (reference, current))
    test = categories.chi_squared(next(counts), next(counts), rng)
    p, q = reference.missing / reference.rows, current.missing / current.rows
    low, high = decision.distance_interval(abs(p - q), p, q, reference.rows, current.rows)
    return Part("missing values", "difference of shares", abs(p - q), low, high, threshold, "chi-squared", test.p_value)


def _of_numbers(draft: _Draft, reference: Column, current: Column, threshold: float, rng: np.random.Generator) -> None:
    one, other = numbers.pair(reference.numbers, current.numbers)
    about = numbers.summary(one)
    counts = numbers.bin_counts(one, about.edges), numbers.bin_counts(other, about.edges)
    distance = numbers.kolmogorov_smirnov(one, other)
    moved = numbers.wasserstein(one, other)
    statistics = {
        "ks": distance.distance,
        "ks_at": distance.at,
        "wasserstein": moved,
        "wasserstein_sd": moved / about.spread if about.spread else (0.0 if not moved else math.inf),
        "median": about.median,
        "median_current": float(numbers.quantiles(other, (0.5,))[0]),
        **_of_counts(counts, rng),
    }
    draft.found = replace(
        draft.found,
        statistics=statistics,
        bins=Bins(_plain(counts[0]), _plain(counts[1]), edges=tuple(map(float, about.edges))),
        notes=tuple(_range_notes(other, about)),
    )
    draft.parts.append(_distance_part("values", distance, one, other, counts, threshold, rng))


def _distance_part(
    name: str,
    distance: numbers.Distance,
    one: numbers.Sample,
    other: numbers.Sample,
    counts: Pair,
    threshold: float,
    rng: np.random.Generator,
) -> _Open:
    size, current = one.size, other.size
    low, high = decision.distance_interval(
        distance.distance, distance.reference_share, distance.current_share, size, current
    )
    exactly: Callable[[], float] | None = None
    if size * current <= decision.EXACT:
        exactly = partial(
            decision.exact_distance_p_value, distance.distance, numbers.everything(one), numbers.everything(other)
        )
    elif len(counts[0]) != numbers.BINS:  # few distinct values: each is a bin, and there are ties
        exactly = partial(_tied_p_value, counts, rng)
    part = Part(name, "Kolmogorov-Smirnov distance", distance.distance, low, high, threshold, "Kolmogorov-Smirnov", 1.0)
    return _Open(part, (size, current), exactly)


def _tied_p_value(counts: Pair, rng: np.random.Generator) -> float:
    """The share of random tables with the same margins in which the cumulated shares differ as much."""
    reference, current = counts
    n, m = int(reference.sum()), int(current.sum())
    together = reference + current
    found = np.abs(np.cumsum(reference) / n - np.cumsum(current) / m).max()
    made = np.cumsum(categories.random_tables(together, n, rng), axis=1)
    as_large = np.abs(made / n - (np.cumsum(together) - made) / m).max(axis=1) >= found * (1 - 1e-12)
    return float((1 + np.count_nonzero(as_large)) / (categories.TABLES + 1))


def _of_counts(counts: Pair, rng: np.random.Generator) -> dict[str, float]:
    """Every figure of two rows of counts, by name."""
    there = (counts[0] + counts[1]) > 0
    reference, current = counts[0][there], counts[1][there]
    n, m = int(reference.sum()), int(current.sum())
    p, q = categories.shares(reference), categories.shares(current)
    divergence = categories.jensen_shannon(p, q)
    pearson, likelihood = categories.chi_squared(reference, current, rng), categories.g_test(reference, current, rng)
    return {
        "psi": categories.population_stability(categories.smoothed(reference), categories.smoothed(current)),
        "psi_expected": categories.stability_bias(len(reference), n, m),
        "js": math.sqrt(divergence),
        "hellinger": categories.hellinger(p, q),
        "largest_change": categories.largest_change(p, q),
        "cramers_v": categories.cramers_v(reference, current),
        "chi2": pearson.statistic,
        "chi2_p": pearson.p_value,
        "g": likelihood.statistic,
        "g_p": likelihood.p_value,
    }


_HUGE = float(np.finfo(float).max)


def _range_notes(current: numbers.Sample, about: numbers.Summary) -> Iterator[str]:
    below, to_high = map(int, current.rank(np.array([np.nextafter(about.low, -np.inf), about.high])))
    for count, words in ((below, f"below {about.low:.6g}"), (current.size - to_high, f"above {about.high:.6g}")):
        if count:
            yield f"{count:,} of {current.size:,} values lie {words}, the end of the reference"
    if (below and int(current.rank(np.array([-math.inf]))[0])) or int(
        current.rank(np.array([_HUGE]))[0]
    ) < current.size:
        yield "there are infinite values"


def _of_categories(
    draft: _Draft, reference: Column, current: Column, threshold: float, rng: np.random.Generator
) -> None:
    labels, ours, theirs = _together(reference, current)
    statistics = _of_counts((ours, theirs), rng)
    draft.found = replace(
        draft.found,
        statistics=statistics,
        bins=_bars(labels, ours, theirs),
        notes=tuple(_label_notes(labels, ours, theirs)),
    )
    draft.parts.append(_counts_part("values", (ours, theirs), statistics, threshold))


def _counts_part(name: str, counts: Pair, statistics: dict[str, float], threshold: float) -> Part:
    ours, theirs = counts
    cells = int(np.count_nonzero(ours + theirs))
    estimate, low, high = decision.divergence_interval(statistics["js"] ** 2, cells, int(ours.sum()), int(theirs.sum()))
    effect, lower, upper = (math.sqrt(each) if not math.isnan(each) else each for each in (estimate, low, high))
    return Part(name, "Jensen-Shannon distance", effect, lower, upper, threshold, "chi-squared", statistics["chi2_p"])


def _together(reference: Column, current: Column) -> tuple[pd.Index[Any], Any, Any]:
    """The labels of both, and how often each stands in the one and in the other."""
    if reference.labels.dtype != current.labels.dtype:
        reference, current = (replace(each, labels=each.labels.astype(object)) for each in (reference, current))
    if reference.labels.equals(current.labels):
        return reference.labels, reference.counts, current.counts
    labels = reference.labels.union(current.labels, sort=False)
    counted = []
    for each in (reference, current):
        counts = np.zeros(len(labels), dtype=np.int64)
        counts[labels.get_indexer(each.labels)] = each.counts
        counted.append(counts)
    return labels, counted[0], counted[1]


def _bars(labels: pd.Index[Any], ours: Any, theirs: Any) -> Bins:
    order = np.argsort(-(ours + theirs), kind="stable")
    kept, rest = order[:MOST_BARS], order[MOST_BARS:]
    names = [str(each)[:80] for each in labels[kept]]
    columns = [[*_plain(each[kept])] for each in (ours, theirs)]
    if len(rest):
        names.append(f"{len(rest):,} others")
        for column, each in zip(columns, (ours, theirs), strict=True):
            column.append(int(each[rest].sum()))
    return Bins(tuple(columns[0]), tuple(columns[1]), tuple(names))


def _label_notes(labels: pd.Index[Any], ours: Any, theirs: Any) -> Iterator[str]:
    for words, here, there, where in (("new", theirs, ours, "current"), ("vanished", ours, theirs, "reference")):
        places = np.flatnonzero((here > 0) & (there == 0))
        if len(places):
            places = places[np.argsort(-here[places], kind="stable")]
            named = ", ".join(repr(str(each)[:60]) for each in labels[places[:NAMED]])
            more = f" and {len(places) - NAMED:,} more" if len(places) > NAMED else ""
            share = here[places].sum() / here.sum()
            yield f"{words}: {named}{more} ({share:.1%} of the {where} rows)"


def _of_times(draft: _Draft, reference: Column, current: Column, threshold: float, rng: np.random.Generator) -> None:
    """Times go on by themselves: what is compared is the hour and the weekday."""
    one, other = reference.numbers, current.numbers
    days = [np.floor(each / 86_400).astype(np.int64) for each in (one, other)]
    hours = [np.floor(each / 3_600).astype(np.int64) for each in (one, other)]
    weekday: Pair = (np.bincount((days[0] + 3) % 7, minlength=7), np.bincount((days[1] + 3) % 7, minlength=7))
    hour: Pair = (np.bincount(hours[0] % 24, minlength=24), np.bincount(hours[1] % 24, minlength=24))
    found = []
    for name, counts in (("hour", hour), ("weekday", weekday)):
        if all(np.count_nonzero(each) == 1 for each in counts) and (counts[0].argmax() == counts[1].argmax()):
            continue
        statistics = _of_counts(counts, rng)
        part = _counts_part(name, counts, statistics, threshold)
        draft.parts.append(part)
        found.append((part.effect, name, counts, statistics))
    first = max(found, key=lambda each: each[0], default=None)
    draft.found = replace(draft.found, notes=(_spans(one, other),), reason="" if found else "all times are the same")
    if first is not None:
        names = _DAYS if first[1] == "weekday" else tuple(f"{hour} h" for hour in range(24))
        bins = Bins(_plain(first[2][0]), _plain(first[2][1]), names)
        draft.found = replace(draft.found, statistics=first[3], bins=bins)


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _spans(one: Any, other: Any) -> str:
    spans = [f"{_day(each.min())} to {_day(each.max())}" for each in (one, other)]
    return f"reference {spans[0]}, current {spans[1]}"


def _day(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s"))[:10]


def _of_texts(draft: _Draft, reference: Column, current: Column, threshold: float, rng: np.random.Generator) -> None:
    """Texts are compared by how many words they have, and by the share of words that half of the reference has not."""
    ours, theirs = reference.texts, current.texts
    if ours is None or theirs is None:
        return
    vocabulary = {word for text in ours.iloc[::2] for word in _words(text)}
    other_half = ours.iloc[1::2] if len(ours) > 1 else ours
    lengths = [np.array([len(_words(text)) for text in each], dtype=float) for each in (ours, theirs)]
    unknown = [np.array([_unknown(text, vocabulary) for text in each]) for each in (other_half, theirs)]
    statistics: dict[str, float] = {}
    for name, samples in (("length in words", lengths), ("unknown words", unknown)):
        one, other = numbers.pair(samples[0], samples[1])
        about = numbers.summary(one)
        counts = numbers.bin_counts(one, about.edges), numbers.bin_counts(other, about.edges)
        distance = numbers.kolmogorov_smirnov(one, other)
        draft.parts.append(_distance_part(name, distance, one, other, counts, threshold, rng))
        if name == "length in words":
            statistics = {"ks": distance.distance, **_of_counts(counts, rng)}
            bins = Bins(_plain(counts[0]), _plain(counts[1]), edges=tuple(map(float, about.edges)))
    statistics["unknown_words"], statistics["unknown_words_current"] = (float(each.mean()) for each in unknown)
    note = (
        f"unknown words: {unknown[0].mean():.1%} in the reference's other half, {unknown[1].mean():.1%} in the current"
    )
    draft.found = replace(draft.found, statistics=statistics, bins=bins, notes=(note,))


def _words(text: object) -> list[str]:
    return str(text).lower().split()


def _unknown(text: object, vocabulary: set[str]) -> float:
    words = _words(text)
    return sum(word not in vocabulary for word in words) / len(words) if words else 0.0


_BY_KIND: dict[str, Callable[[_Draft, Any, Any, float, np.random.Generator], None]] = {
    "number": _of_numbers,
    "duration": _of_numbers,
    "category": _of_categories,
    "boolean": _of_categories,
    "time": _of_times,
    "text": _of_texts,
}


def _plain(counts: Any) -> tuple[int, ...]:
    return tuple(counts.tolist())


def _judged(drafts: Sequence[_Draft], rules: Rules) -> list[ColumnDrift]:
    """The drafts with their p-values, corrected for the parts of each column and for all columns, and verdicts."""
    parts = _closed(drafts)
    judged = [index for index, each in enumerate(parts) if each]
    own = np.array([min(1.0, len(parts[i]) * min(each.p_value for each in parts[i])) for i in judged])
    together = decision.corrected(own, rules.correction)
    found = [each.found for each in drafts]
    for index, before, after in zip(judged, own, together, strict=True):
        factor = len(parts[index]) * (after / before if before > 0 else 1.0)
        found[index] = _decided(found[index], parts[index], float(factor), float(after), rules)
    return found


def _closed(drafts: Sequence[_Draft]) -> list[list[Part]]:
    """The parts of each draft with their p-values."""
    waiting = [each for draft in drafts for each in draft.parts if isinstance(each, _Open)]
    values = decision.distance_p_values(
        [each.part.effect for each in waiting],
        [each.sizes[0] for each in waiting],
        [each.sizes[1] for each in waiting],
    )
    known = iter(zip(waiting, values.tolist(), strict=True))

    def closed(part: Part | _Open) -> Part:
        if isinstance(part, Part):
            return part
        one, p_value = next(known)
        if one.exactly is not None and DOUBTFUL[0] < p_value < DOUBTFUL[1]:
            return replace(one.part, p_value=one.exactly())
        return replace(one.part, p_value=p_value)

    return [[closed(each) for each in draft.parts] for draft in drafts]


def _verdict(part: Part, factor: float, alpha: float) -> Verdict:
    return decision.verdict(part.effect, part.high, min(1.0, part.p_value * factor), part.threshold, alpha)


def _decided(found: ColumnDrift, parts: Sequence[Part], factor: float, p_value: float, rules: Rules) -> ColumnDrift:
    order = ("skipped", "stable", "unsure", "changed", "drifted")
    judged = [
        replace(
            each,
            verdict=decision.verdict(
                each.effect, each.high, min(1.0, each.p_value * factor), each.threshold, rules.alpha
            ),
        )
        for each in parts
    ]
    first = max(judged, key=lambda each: (order.index(each.verdict), each.effect / each.threshold))
    verdicts = {each.verdict for each in judged}
    verdict: Verdict = "unsure" if first.verdict == "changed" and "unsure" in verdicts else first.verdict
    return replace(
        found,
        verdict=verdict,
        effect=first.effect,
        low=first.low,
        high=first.high,
        threshold=first.threshold,
        measure=first.measure,
        test=first.test,
        p_value=p_value,
        decided_by=first.name,
        parts=tuple(judged),
    )
