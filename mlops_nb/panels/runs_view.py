"""The runs table as plain values: what a sort, a filter and a page of it are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlops_nb.panels.wording import (
    STATUS_WORDS,
    ago,
    count,
    duration,
    exact_time,
    number,
    numbers,
    one_line,
    setting,
)
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import Run, RunSummary, RunTable
from mlops_nb.tracking.values import Value

if TYPE_CHECKING:
    from mlops_nb.tracking.compare import Comparison

PAGE = 10
METRICS = 4
PARAMS = 4
"""Metrics and parameters that have a column: those most runs have."""


class Search(Protocol):
    """The runs that were asked for, wherever they are kept: pages of them, what is to be drawn of all, one whole."""

    limit: int | None

    def apart(self) -> Search:
        """The same over a connection of its own, for a panel that follows the store from a thread."""

    def has_changed(self) -> bool:
        """Whether anything was written since this was last asked; costs next to nothing."""

    def close(self) -> None:
        """Let go of the connection of its own."""

    def load(self, run: int) -> Run:
        """A run whole, with its series as they are drawn."""

    def compare(self, runs: Sequence[int]) -> Comparison:
        """Two or more runs and what differs between them."""

    def table(self) -> RunTable:
        """The first of them as they are now, and how many match."""

    def page(self, text: str, sort: str, first: int, count: int) -> RunTable:
        """Rows that a filter leaves, sorted by a column's key, from the `first` on; `total` is how many it leaves."""

    def drawn(self, text: str, metric: str, param: str, most: int) -> RunTable:
        """At most so many that a filter leaves, evenly over the ranks of a metric; `total` is how many could be."""

    def best(self, metric: str) -> RunSummary | None:
        """The finished run with the best value of a metric."""

    def summaries(self, runs: Sequence[int]) -> tuple[RunSummary, ...]:
        """The runs of these numbers as they are now, summed up."""

    def why_none(self) -> str:
        """What to say when there is none though the store has runs."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `key` is what sorts it (`name`, `metrics.accuracy`), `right` aligns it."""

    key: str
    label: str
    right: bool = False


def columns_of(table: RunTable) -> tuple[Column, ...]:
    """The columns worth showing: a run's name and state, then the commonest metrics and parameters."""
    metrics = main_metrics(table.rows, METRICS)
    params = most_common([row.params for row in table.rows], PARAMS)
    return (
        Column("name", "name"),
        Column("id", "run", True),
        *(Column(f"metrics.{name}", one_line(name, 24), True) for name in metrics),
        Column("status", "status"),
        *(Column(f"params.{name}", one_line(name, 24), _is_numeric(table.rows, name)) for name in params),
        Column("started", "started"),
        Column("duration", "took", True),
    )


def most_common(mappings: Iterable[Mapping[str, object]], limit: int) -> list[str]:
    """The names that most of the mappings have; ties in alphabetical order."""
    counted = Counter(name for mapping in mappings for name in mapping)
    return [name for name, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]]


def _is_numeric(rows: Iterable[RunSummary], param: str) -> bool:
    """Whether the parameter is a number wherever it has a value; only numbers are aligned to the right."""
    return all(is_drawable(value) for row in rows if (value := row.params.get(param)) is not None)


def value_of(row: RunSummary, key: str) -> Value:
    """The value of a column in a row; None where it has none."""
    group, dot, name = key.partition(".")
    if dot and group in ("metrics", "params"):
        found: Value = getattr(row, group).get(name)
        return found
    plain: Value = getattr(row, key)
    return plain


def cell_texts(
    rows: Sequence[RunSummary], columns: Sequence[Column], now: float | None = None
) -> list[list[tuple[str, str]]]:
    """What the cells of some rows show, and what they say on hover; a metric has the same digits down its column."""
    by_column = [_column_texts(rows, column.key, now) for column in columns]
    return [list(cells) for cells in zip(*by_column, strict=True)]


def _column_texts(rows: Sequence[RunSummary], key: str, now: float | None) -> list[tuple[str, str]]:
    texts = [cell_text(row, key, now) for row in rows]
    if not key.startswith("metrics."):
        return texts
    values = [None if (value := value_of(row, key)) is None else float(str(value)) for row in rows]
    return [(shown, hover) for shown, (_, hover) in zip(numbers(values, more=1), texts, strict=True)]


def cell_text(row: RunSummary, key: str, now: float | None = None) -> tuple[str, str]:
    """What a cell shows, and what it says on hover. With `now` a time is how long ago it was."""
    value = value_of(row, key)
    if key == "status":
        shape, word = STATUS_WORDS[row.status]
        return f"{shape} {word}", ""
    if key == "started":
        exact = exact_time(row.started)
        return (exact[:16], "") if now is None else (ago(row.started, now), exact)
    if key == "duration":
        return duration(row.duration) if row.duration is not None else "", ""
    if key == "id":
        return str(row.id), row.uid
    if key == "name":
        return one_line(row.name, 40), one_line(row.name, 300)
    if value is None:
        return "None" if key.removeprefix("params.") in row.params else "", ""
    if key.startswith("metrics."):
        return number(float(str(value))), str(value)
    return setting(value, 24), setting(value, 300)


def sentence(table: RunTable, shown: int, best: RunSummary | None, metric: str) -> str:
    """How many runs are shown, and which is the best of them by the commonest metric."""
    total = count(table.total, "run") if shown == table.total else f"{shown:,} of {count(table.total, 'run')}"
    if best is None:
        return f"{total}."
    value = number(float(best.metrics[metric]))
    way = "lowest" if lower_is_better(metric) else "highest"
    said = f"{one_line(best.name, 40)} (run {best.id}) has the {way} {one_line(metric, 40)}: {value}."
    return f"{total}. {'' if shown == table.total else 'Of these, '}{said}"


def none_words(search: Search | None) -> str:
    """What to say where no run was found."""
    return (
        search.why_none() if search else ""
    ) or "No runs here yet. The first: %%mlops run NAME as a cell's first line."


def how_many_shown(table: RunTable, limit: int | None) -> int:
    """How many of the runs that match are shown: all, or as many as the limit lets."""
    return table.total if limit is None else min(limit, table.total)


def main_metric(table: RunTable) -> str:
    """The metric that most runs have."""
    return next(iter(main_metrics(table.rows, 1)), "")


def main_metrics(rows: Sequence[RunSummary], limit: int) -> list[str]:
    """The metrics that most finished runs have, then the others': a run that failed measured only what came first."""
    finished = [row.metrics for row in rows if row.status == "FINISHED"]
    names = most_common(finished, limit)
    return [*names, *(name for name in most_common([row.metrics for row in rows], 2 * limit) if name not in names)][
        :limit
    ]


def best_run(rows: Iterable[RunSummary], metric: str) -> RunSummary | None:
    """The finished run with the best finite value of a metric; the newest of equals."""
    having = [row for row in rows if row.status == "FINISHED" and is_drawable(row.metrics.get(metric))]
    if not having:
        return None
    sign = -1 if lower_is_better(metric) else 1
    return max(having, key=lambda row: (sign * row.metrics[metric], row.id))


def main_param(table: RunTable, metric: str) -> str:
    """The numeric parameter that varies among the runs with the metric and most of them have, or `run`."""
    having = [row for row in table.rows if metric in row.metrics]
    numeric = [{name: value for name, value in row.params.items() if type(value) in (int, float)} for row in having]
    varying = [
        name
        for name in most_common(numeric, 12)
        if len({str(value_of(row, f"params.{name}")) for row in having if name in row.params}) > 1
        and sum(name in row.params for row in having) * 2 > len(having)
    ]
    return varying[0] if varying else "run"


def ordered(value: Value) -> tuple[int, float, str]:
    """What a value is sorted by: numbers first, then words."""
    if isinstance(value, bool | int | float):
        return 0, float(value) if abs(value) < 1e300 else (1e300 if value > 0 else -1e300), ""
    return 1, 0.0, str(value).lower()


def is_drawable(value: object) -> bool:
    """Whether the value is a number with a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
