"""Find runs by a query: what tracking asks the store when it lists."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from mlops_nb.errors import BadArgument, BadQuery, nearest
from mlops_nb.store import open_store
from mlops_nb.store import search as rows
from mlops_nb.store.runs import names_and_ids
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import Kind, RunSummary, RunTable, Status
from mlops_nb.tracking.search.query import (
    ATTRIBUTES,
    GROUPS,
    PARTS,
    Among,
    Comparison,
    Condition,
    Field,
    Order,
    Part,
    Presence,
    Value,
    conjunction,
    equal,
    filter_words,
    is_filter_query,
    is_query,
    parse,
    parse_order,
    search_words,
)
from mlops_nb.tracking.values import bounded_text

if TYPE_CHECKING:
    from mlops_nb.store import Store


def runs(
    query: str | None = None,
    *,
    search: str | None = None,
    status: str | None = None,
    kind: str | None = None,
    notebook: str | None = None,
    sort: str = "-started",
    limit: int | None = 100,
    parts: Sequence[str] = (),
    store: Store | None = None,
) -> RunTable:
    """The runs that match, sorted.

    Args:
        query: a query such as `metrics.accuracy > 0.9 and params.depth <= 5`, or just a run's name.
        search: words that must all occur in a run's name, note or code.
        status: only runs with this status.
        kind: only runs of this kind.
        notebook: only runs of this notebook.
        sort: an attribute such as started or duration, a metric's name, `metrics.loss.min`, `params.depth` or
            `tags.kind`; a leading `-` sorts downwards. Runs that do not have what is sorted by are left out.
        limit: at most this many; None for all.
        parts: of each metric also its min, max, mean, best or count, as the metrics `NAME.min` and so on.
        store: the store, or None for the one of the working directory.

    Raises:
        BadQuery: the query cannot be read, or names what no run has.
        BadArgument: an unknown status, kind, sort or part, or a limit below 1.
    """
    store = store or open_store()
    _check_limit(limit)
    parts = (parts,) if isinstance(parts, str) else parts
    if unknown := [part for part in parts if part not in PARTS]:
        near = nearest(str(unknown[0]), PARTS) or "min"
        raise BadArgument(f"parts == {unknown[0]!r}, must be of {', '.join(PARTS)}", f'mlops_nb.runs(parts=["{near}"])')
    condition = condition_of(query, search=search, status=status, kind=kind, notebook=notebook, store=store)
    order = order_of(sort, store)
    ids = rows.found_ids(store, condition, order, limit=limit)
    total = len(ids) if limit is None or len(ids) < limit else rows.count_runs(store, condition, order)
    wanted: tuple[Part, ...] = tuple(part for part in PARTS if part in parts and part != "last")
    return RunTable(rows.summaries(store, ids, wanted), total, time.time(), str(store.folder))


SAMPLE = 500
"""Of more runs, the columns, and the names to pick from, are chosen by the first so many."""


class RunSearch:
    """The runs that were asked for, as a panel wants them: a page at a time, and what is to be drawn of all.

    Args:
        query, search, status, kind, notebook, sort, limit, store: as for `runs`; without a limit it is all of them.
    """

    def __init__(
        self,
        query: str | None = None,
        *,
        search: str | None = None,
        status: str | None = None,
        kind: str | None = None,
        notebook: str | None = None,
        sort: str = "-started",
        limit: int | None = None,
        store: Store | None = None,
    ) -> None:
        self._store = store or open_store()
        _check_limit(limit)
        self._query, self.limit = query, limit
        condition = condition_of(query, search=search, status=status, kind=kind, notebook=notebook, store=self._store)
        self._order = order_of(sort, self._store)
        is_plain = self._order.field.group == "run"
        self._asked = conjunction(condition, None if is_plain else Presence(self._order.field, "exists"))
        self._within: Condition = self._asked
        self._filter = ""
        self._filtered: Condition = self._within
        self._drawn: tuple[tuple[str, str, str, int], RunTable] | None = None

    def table(self) -> RunTable:
        """The first of them as they are now, and how many match; a run that begins later is left to the next call."""
        newest, most = rows.newest_id(self._store), self.limit or SAMPLE
        known = conjunction(self._asked, Comparison(Field("run", "id"), "<=", (Value(str(newest), newest),)))
        ids = rows.found_ids(self._store, known, self._order, limit=most)
        total = len(ids) if len(ids) < most else rows.count_runs(self._store, known, self._order)
        self._within = known if self.limit is None else Among(tuple(ids))
        self._filter, self._filtered, self._drawn = "", self._within, None
        return self._table(ids, total)

    def page(self, text: str, sort: str, first: int, count: int) -> RunTable:
        """So many rows from the `first` on; those without what is sorted by come last either way.

        Args:
            text: a query, or words that must all occur in a row.
            sort: the key of a column, or nothing for the order that was asked for.
            first: the place of the first row.
            count: how many rows.

        Raises:
            BadQuery: the text is a query and cannot be read.
        """
        condition = self._matching(text)
        order = _order_by(sort) if sort else self._order
        ids = rows.found_ids(self._store, condition, order, limit=count, first=first)
        total = rows.count_runs(self._store, condition)
        if len(ids) < count and first + len(ids) < total:
            having = rows.count_runs(self._store, condition, order)
            begin = max(0, first - having)
            ids += rows.lacking_ids(self._store, condition, order, limit=count - len(ids), first=begin)
        return self._table(ids, total)

    def drawn(self, text: str, metric: str, param: str, most: int) -> RunTable:
        """At most so many of those with a number for the metric, evenly over its ranks, the best among them.

        `total` is how many have one, and a value for the parameter where that is not `run`.
        """
        if self._drawn is not None and self._drawn[0] == (text, metric, param, most):
            return self._drawn[1]
        has_param = None if param == "run" else Presence(Field("params", param), "not null")
        condition = conjunction(self._matching(text), has_param)
        ranked = rows.found_ids(self._store, condition, Order(Field("metrics", metric)), drawable=True)
        picked = ranked
        if len(ranked) > most:
            picked = [ranked[round(place * (len(ranked) - 1) / (most - 1))] for place in range(most)]
            best = self._best_id(condition, metric)
            if best is not None and best not in picked:
                picked[most // 2] = best
        self._drawn = (text, metric, param, most), self._table(picked, len(ranked))
        return self._drawn[1]

    def best(self, metric: str) -> RunSummary | None:
        """The finished run with the best value of a metric; the newest of equals."""
        found = self._best_id(self._within, metric)
        return None if found is None else rows.summaries(self._store, [found])[0]

    def summaries(self, runs: Sequence[int]) -> tuple[RunSummary, ...]:
        """The runs of these numbers as they are now, summed up."""
        return rows.summaries(self._store, runs)

    def why_none(self) -> str:
        """What to say when none was found though there are runs; empty where there are none at all."""
        if not rows.found_ids(self._store, conjunction(), limit=1):
            return ""
        name = self._query
        if name is None or is_query(name):
            return "No run matches. All of them: %mlops runs"
        near = nearest(name, {found for _, found in names_and_ids(self._store)})
        what = f"No run that matches is called {bounded_text(name, 60)!r}."
        return (
            f"{what} The nearest: %mlops runs {near}" if near and near != name else f"{what} All of them: %mlops runs"
        )

    def _matching(self, text: str) -> Condition:
        """What a filter leaves; words are looked for once, not for every page of what they leave."""
        if text != self._filter:
            if is_filter_query(text):
                self._filtered = conjunction(self._within, asked(text, self._store))
            elif words := filter_words(text):
                found = rows.found_ids(self._store, conjunction(self._within, words))
                self._filtered = Among(tuple(found))
            else:
                self._filtered = self._within
            self._filter = text
        return self._filtered

    def _best_id(self, condition: Condition, metric: str) -> int | None:
        order = Order(Field("metrics", metric), is_descending=not lower_is_better(metric))
        finished = conjunction(equal("status", "FINISHED"), condition)
        found = rows.found_ids(self._store, finished, order, limit=1, drawable=True)
        return found[0] if found else None

    def _table(self, ids: Sequence[int], total: int) -> RunTable:
        return RunTable(rows.summaries(self._store, ids), total, time.time(), str(self._store.folder))


def _order_by(key: str) -> Order:
    """The order that the key of a column means: `name`, `metrics.accuracy`, `-params.depth`."""
    group, dot, name = key.removeprefix("-").partition(".")
    field = Field(group, name) if dot else Field("run", group)  # type: ignore[arg-type]
    return Order(field, key.startswith("-"))


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise BadArgument(f"limit == {limit}, must be >= 1", "%mlops runs --limit 100")


def run_ids(query: str | None = None, *, store: Store | None = None) -> list[int]:
    """The numbers of the runs that a query, or a name, finds; oldest first.

    Raises:
        BadQuery: the query cannot be read, or names what no run has.
    """
    store = store or open_store()
    return rows.found_ids(store, condition_of(query, store=store), Order(Field("run", "id")))


def condition_of(
    query: str | None = None,
    *,
    search: str | None = None,
    status: str | None = None,
    kind: str | None = None,
    notebook: str | None = None,
    store: Store,
) -> Condition:
    """The condition that all of these mean together."""
    status = status.upper() if status else None
    _check_choice("status", status, get_args(Status))
    _check_choice("kind", kind, get_args(Kind))
    found = search_words(search) if search is not None else None
    if search is not None and found is None:
        raise BadQuery(
            f"search == {bounded_text(search, 60)!r}, there is no word to look for", "%mlops runs --search forest"
        )
    return conjunction(
        asked(query, store) if query is not None else None,
        found,
        equal("status", status) if status else None,
        equal("kind", kind) if kind else None,
        equal("notebook", notebook) if notebook is not None else None,
    )


def asked(text: str, store: Store) -> Condition:
    """The condition that a query means, or, where a text has no operator, that a run is called that."""
    if not is_query(text):
        return equal("name", bounded_text(text, 200))
    return parse(text, now=time.time(), names=rows.StoredNames(store))


def _check_choice(option: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        near = nearest(value, known) or known[0]
        raise BadArgument(f"{option} == {value!r}, must be one of {', '.join(known)}", f"%mlops runs --{option} {near}")


def order_of(sort: str, store: Store) -> Order:
    """The order that a sort means.

    Raises:
        BadArgument: nothing is called that.
    """
    names = rows.StoredNames(store)
    if order := parse_order(sort, names=names):
        return order
    name = sort.removeprefix("-")
    group = name.partition(".")[0]
    if group in GROUPS:
        known = [str(Field(group, each)) for each in names.of(group)]  # type: ignore[arg-type]
        what = f"no run has that {group[:-1]}"
    else:
        known, what = [*ATTRIBUTES, *names.of("metrics")], "no metric has that name"
    near = nearest(name, known)
    raise BadArgument(f"sort == {bounded_text(name, 60)!r}, {what}", near and f"%mlops runs --sort -{near}")
