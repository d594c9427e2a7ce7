"""Find runs by a query: what tracking asks the store when it lists."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

from mlops_nb.errors import BadArgument, BadQuery, nearest
from mlops_nb.store import open_store
from mlops_nb.store import search as rows
from mlops_nb.tracking.query import (
    ATTRIBUTES,
    GROUPS,
    PARTS,
    Condition,
    Field,
    Order,
    Part,
    conjunction,
    equal,
    is_query,
    parse,
    parse_order,
    search_words,
)
from mlops_nb.tracking.runs import Kind, RunTable, Status
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
    if limit is not None and limit < 1:
        raise BadArgument(f"limit == {limit}, must be >= 1", "%mlops runs --limit 100")
    if unknown := [part for part in parts if part not in PARTS]:
        near = nearest(str(unknown[0]), PARTS) or "min"
        raise BadArgument(f"parts == {unknown[0]!r}, must be of {', '.join(PARTS)}", f'mlops_nb.runs(parts=["{near}"])')
    condition = condition_of(query, search=search, status=status, kind=kind, notebook=notebook, store=store)
    order = order_of(sort, store)
    ids = rows.found_ids(store, condition, order, limit=limit)
    total = len(ids) if limit is None or len(ids) < limit else rows.count_runs(store, condition, order)
    wanted: tuple[Part, ...] = tuple(part for part in PARTS if part in parts and part != "last")
    return RunTable(rows.summaries(store, ids, wanted), total, time.time(), str(store.folder))


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
