"""Find runs: a query's condition as parameterized SQL, sorted, paged and counted where the rows are.

Values, names among them, only ever travel as parameters. A condition comes out true or false in SQL, too:
NULL is as good as false in `and` and `or`, and `not` asks for what is not true.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.store import texts
from mlops_nb.store.runs import LISTED, metric_names
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import RunSummary
from mlops_nb.tracking.search.query import (
    ORDERS,
    All,
    Among,
    AnyOf,
    Comparison,
    Condition,
    Field,
    Not,
    Order,
    Part,
    Presence,
    TextMatch,
    Value,
    Words,
)
from mlops_nb.tracking.values import decode_value, text_number

if TYPE_CHECKING:
    from mlops_nb.store.database import Store

Sql = tuple[str, list[object]]
"""An expression and the values of its question marks, in order."""

Equal = Callable[[str, Sequence[Value]], Sql]

NEWEST = Order(Field("run", "started"), is_descending=True)

_COLUMNS = {
    "id": "r.id",
    "uid": "r.uid",
    "name": "r.name",
    "status": "r.status",
    "kind": "r.kind",
    "started": "r.started",
    "ended": "(r.started + r.duration)",
    "duration": "r.duration",
    "parent": "r.parent_id",
    "notebook": "nullif(r.notebook, '')",
    "note": "nullif(r.note, '')",
    "error": "r.error_type",
    "git.commit": "r.git_commit",
    "git.branch": "r.git_branch",
    "git.dirty": "r.git_dirty",
    "cpu_seconds": "r.cpu_seconds",
    "peak_memory_bytes": "r.peak_memory_bytes",
}
_PREFIXES = ("uid", "git.commit")
_PARTS: dict[Part, str] = {
    "last": "value",
    "min": "minimum",
    "max": "maximum",
    "mean": "total / nullif(numbers, 0)",
    "count": "count",
}
_PARAM_NUMBER = "CASE typeof(value) WHEN 'text' THEN number_of(value) ELSE value END"
"""A parameter's number; integers beyond 64 bits are kept as text."""


def condition_sql(condition: Condition) -> Sql:
    """The SQL expression that a condition means for a run `r`."""
    match condition:
        case All(conditions):
            return _joined("AND", conditions)
        case AnyOf(conditions):
            return _joined("OR", conditions)
        case Not(inner):
            sql, values = condition_sql(inner)
            return f"NOT coalesce({sql}, 0)", values
        case Comparison(field=Field(group="run")):
            return _attribute_sql(condition)
        case Comparison(field=field):
            return _named_sql(condition, field)
        case Presence():
            return _presence_sql(condition)
        case TextMatch(words):
            return _text_sql(words)
        case Words(words):
            return _words_sql(words)
        case Among(ids):
            return "r.id IN (SELECT value FROM json_each(?))", [json.dumps(ids)]


def _joined(word: str, conditions: Sequence[Condition]) -> Sql:
    return _tree(word, [condition_sql(one) for one in conditions]) if conditions else ("1", [])


def _tree(word: str, found: Sequence[Sql]) -> Sql:
    """The expressions joined by halves, so that a thousand of them are ten deep: SQLite bounds the depth."""
    if len(found) == 1:
        return found[0]
    half = len(found) // 2
    left, right = _tree(word, found[:half]), _tree(word, found[half:])
    return f"({left[0]} {word} {right[0]})", [*left[1], *right[1]]


# attributes


def _attribute_sql(one: Comparison) -> Sql:
    if one.field.name in _SEVERAL:
        rows, column, equal = _SEVERAL[one.field.name]
        sql, values = _compared(one, column, equal)
        return f"EXISTS (SELECT 1 FROM {rows} AND {sql})", values
    column = _COLUMNS[one.field.name]
    equal = _EQUAL.get(one.field.name, _plain_equal)
    sql, values = _compared(one, column, equal)
    return (f"({column} IS NOT NULL AND {sql})", values) if one.operator in _DENIALS else (sql, values)


_DENIALS = ("!=", "not in", "not like")


def _compared(one: Comparison, column: str, equal: Equal) -> Sql:
    """A column against values; `equal` says what it is to be equal to one of them."""
    match one.operator:
        case "=" | "!=" | "in" | "not in":
            sql, values = equal(column, one.values)
        case "like" | "not like":
            sql, values = f"{column} LIKE ?", [one.values[0].text]
        case sign:
            return f"{column} {sign} ?", [_plain(one.values[0])]
    return (f"NOT coalesce({sql}, 0)" if one.operator in _DENIALS else sql), values


def _plain(value: Value) -> object:
    return value.text if value.number is None else value.number


def _plain_equal(column: str, values: Sequence[Value]) -> Sql:
    return _listed(column, [_plain(value) for value in values])


def _moment_equal(column: str, values: Sequence[Value]) -> Sql:
    moments = [(value.number or 0.0, value.seconds) for value in values]
    spans: list[Sql] = [
        (f"({column} >= ? AND {column} < ?)", [start, start + seconds]) if seconds else (f"{column} = ?", [start])
        for start, seconds in moments
    ]
    return _tree("OR", spans)


def _begins(column: str, values: Sequence[Value]) -> Sql:
    texts = [value.text.lower() for value in values]
    return _tree("OR", [(f"substr({column}, 1, ?) = ?", [len(text), text]) for text in texts])


def _estimator_equal(column: str, values: Sequence[Value]) -> Sql:
    endings = [f".{value.text}" for value in values]
    return _tree("OR", [(f"substr('.' || {column}, ?) = ?", [-len(ending), ending]) for ending in endings])


def _data_equal(column: str, values: Sequence[Value]) -> Sql:
    """A name, or so much of the beginning of a fingerprint that it cannot be meant as one."""
    named = _listed(column, [value.text for value in values])
    begun = [Value(value.text) for value in values if len(value.text) >= SHORTEST_FINGERPRINT]
    return _tree("OR", [named, *([_begins("fingerprint", begun)] if begun else [])])


SHORTEST_FINGERPRINT = 6

_EQUAL: dict[str, Equal] = {
    "started": _moment_equal,
    "ended": _moment_equal,
    "uid": _begins,
    "git.commit": _begins,
}
_SEVERAL: dict[str, tuple[str, str, Equal]] = {
    "estimator": ("estimators WHERE run_id = r.id", "class", _estimator_equal),
    "data": ("run_data JOIN fingerprints f ON f.id = fingerprint_id WHERE run_id = r.id", "name", _data_equal),
}
"""Attributes that a run may have several of: their rows, and the column that is compared."""


def _listed(column: str, values: Sequence[object]) -> Sql:
    """`column IN (...)`; many whole numbers and texts are one parameter, as JSON, which is exact for both."""
    if len(values) == 1:
        return f"{column} = ?", [values[0]]
    if len(values) <= 50:
        return f"{column} IN ({', '.join('?' * len(values))})", list(values)
    alone = [one for one in values if isinstance(one, float) or (isinstance(one, str) and "\0" in one)]
    together = [one for one in values if isinstance(one, int) or (isinstance(one, str) and "\0" not in one)]
    found: Sql = f"{column} IN (SELECT value FROM json_each(?))", [json.dumps(together)]
    return _tree("OR", [found, (f"{column} IN ({', '.join('?' * len(alone))})", list(alone))])


# metrics, parameters, tags


def _named_sql(one: Comparison, field: Field) -> Sql:
    of_group: dict[str, Callable[[Comparison], Sql]] = {"metrics": _metric_sql, "params": _param_sql, "tags": _tag_sql}
    sql, values = of_group[field.group](one)
    if field.group == "metrics" and field.part == "last" and one.operator not in _DENIALS:
        return f"r.id IN (SELECT run_id FROM metrics WHERE name = ? AND {sql})", [field.name, *values]
    return f"EXISTS (SELECT 1 FROM {field.group} WHERE run_id = r.id AND name = ? AND {sql})", [field.name, *values]


def part_sql(field: Field) -> str:
    """The column of metrics that a part of a metric stands in."""
    if field.part == "best":
        return _PARTS["min" if lower_is_better(field.name) else "max"]
    return _PARTS[field.part]


def _metric_sql(one: Comparison) -> Sql:
    column = part_sql(one.field)
    if one.field.part == "last":
        return _compared(one, column, _metric_equal)
    sql, values = _compared(one, column, _part_equal)
    return f"({column} IS NOT NULL AND {sql})", values


def _metric_equal(column: str, values: Sequence[Value]) -> Sql:
    """SQLite keeps NaN as NULL."""
    nan: list[Sql] = [(f"{column} IS NULL", [])] if any(value.word for value in values) else []
    numbers: list[object] = [value.number for value in values if value.number is not None]
    return _tree("OR", [*nan, *([_listed(column, numbers)] if numbers else [])])


def _part_equal(column: str, values: Sequence[Value]) -> Sql:
    numbers: list[object] = [value.number for value in values if value.number is not None]
    return _listed(column, numbers) if numbers else ("0", [])


def _tag_sql(one: Comparison) -> Sql:
    value = one.values[0]
    column = "number_of(value)" if one.operator in ORDERS and value.number is not None else "value"
    return _compared(one, column, _tag_equal)


def _tag_equal(column: str, values: Sequence[Value]) -> Sql:
    """Words whatever their case, numbers by what the text reads as, texts as they are."""
    words: list[object] = [value.word for value in values if value.word]
    numbers: list[object] = [value.number for value in values if value.number is not None]
    texts: list[object] = [value.text for value in values if value.is_text]
    sorts = ((f"lower({column})", words), (f"number_of({column})", numbers), (column, texts))
    return _tree("OR", [_listed(expression, those) for expression, those in sorts if those])


def _param_sql(one: Comparison) -> Sql:
    if one.operator in ORDERS:
        return _param_against(one.operator, one.values[0])
    if one.operator in ("like", "not like"):
        like = "(type IN ('str', 'json') AND value LIKE ?)"
        return (f"NOT coalesce({like}, 0)" if one.operator == "not like" else like), [one.values[0].text]
    return _compared(one, "value", _param_equal)


def _param_against(sign: str, value: Value) -> Sql:
    if value.number is not None:
        return f"({_PARAM_READS} AND {_PARAM_NUMBER} {sign} ?)", [value.number]
    text: Sql = f"({_PARAM_TEXT} AND value {sign} ?)", [value.text]
    number = text_number(value.text)
    return text if number is None else _tree("OR", [text, (f"({_PARAM_IS} AND {_PARAM_NUMBER} {sign} ?)", [number])])


_PARAM_READS = "type NOT IN ('bool', 'none')"
_PARAM_TEXT = "type IN ('str', 'json')"
_PARAM_IS = "type IN ('int', 'float')"
_PARAM_WORDS: dict[str, str] = {
    "nan": "(type = 'float' AND value IS NULL)",
    "none": "type = 'none'",
    "true": "(type = 'bool' AND value = 1)",
    "false": "(type = 'bool' AND value = 0)",
}


def _param_equal(column: str, values: Sequence[Value]) -> Sql:
    words = sorted({value.word for value in values if value.word})
    numbers: list[object] = [value.number for value in values if value.number is not None]
    texts: list[object] = [value.text for value in values if value.is_text]
    read: list[object] = [
        number for value in values if value.is_text and (number := text_number(value.text)) is not None
    ]
    found: list[Sql] = [(f"({_PARAM_WORDS[word]} OR (type = 'str' AND lower(value) = ?))", [word]) for word in words]
    for kind, expression, those in (
        (_PARAM_READS, _PARAM_NUMBER, numbers),
        (_PARAM_TEXT, column, texts),
        (_PARAM_IS, _PARAM_NUMBER, read),
    ):
        if those:
            sql, listed = _listed(expression, those)
            found.append((f"({kind} AND {sql})", listed))
    return _tree("OR", found)


def _presence_sql(one: Presence) -> Sql:
    field = one.field
    if field.group == "run":
        if field.name in _SEVERAL:
            known: Sql = (f"EXISTS (SELECT 1 FROM {_SEVERAL[field.name][0]})", [])
        else:
            known = (f"{_COLUMNS[field.name]} IS NOT NULL", [])
    else:
        is_there = "1"
        if field.group == "metrics" and field.part != "last":
            is_there = f"{part_sql(field)} IS NOT NULL"
        elif field.group == "params" and one.state != "exists":
            is_there = "type != 'none'"
        sql = f"EXISTS (SELECT 1 FROM {field.group} WHERE run_id = r.id AND name = ? AND {is_there})"
        known = (sql, [field.name])
    return (f"NOT {known[0]}", known[1]) if one.state == "null" else known


# text


def _text_sql(words: Sequence[str]) -> Sql:
    one = (
        "(r.id IN (SELECT rowid FROM runs_text WHERE runs_text MATCH ?)"
        " OR r.source_id IN (SELECT rowid FROM sources_text WHERE sources_text MATCH ?))"
    )
    asked = [_phrase(word) for word in words]
    return f"({' AND '.join([one] * len(asked))})", [each for word in asked for each in (word, word)]


def _phrase(word: str) -> str:
    """A word or phrase as FTS5 takes it literally; an asterisk at its end asks for what begins so."""
    is_prefix = word.endswith("*")
    literal = word.rstrip("*").replace('"', '""')
    return f'"{literal}"{"*" if is_prefix else ""}'


def _words_sql(words: Sequence[str]) -> Sql:
    shown = "name || '=' || CASE type WHEN 'bool' THEN iif(value, 'True', 'False') ELSE coalesce(value, 'None') END"
    one = (
        "(r.name || ' #' || r.id || ' ' || r.status || ' ' || r.kind LIKE ? ESCAPE '\\'"
        f" OR r.id IN (SELECT run_id FROM params WHERE {shown} LIKE ? ESCAPE '\\'"
        " UNION ALL SELECT run_id FROM tags WHERE name || '=' || value LIKE ? ESCAPE '\\'))"
    )
    values: list[object] = []
    for word in words:
        literal = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values += [f"%{literal}%"] * 3
    return f"({' AND '.join([one] * len(words))})", values


# rows


class StoredNames:
    """The names that metrics, parameters and tags have in a store; read when they are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def has(self, group: str, name: str) -> bool:
        """Whether a run has one of that name."""
        return bool(self._store.rows(f"SELECT 1 FROM {group} WHERE name = ? LIMIT 1", [name]))

    def of(self, group: str) -> Sequence[str]:
        """All of them, sorted."""
        if group == "metrics":
            return metric_names(self._store)
        return [str(name) for (name,) in self._store.rows(f"SELECT DISTINCT name FROM {group} ORDER BY name")]


def _order_sql(order: Order, *, is_short: bool = False) -> tuple[Sql, str, str]:
    """Where sorted rows come from, what they are sorted by, and what tells that a run has it.

    CROSS JOIN fixes who comes first: for a few of the best by a last value the index of metrics, walked from its
    end; else the runs in their order, because looking up all of them in the order of a metric reads pages at random.
    """
    field, way = order.field, "DESC" if order.is_descending else "ASC"
    if field.group == "run":
        key = _COLUMNS.get(field.name, "")
        if field.name in _SEVERAL:
            rows, column, _ = _SEVERAL[field.name]
            key = f"(SELECT min({column}) FROM {rows})"
        return (f"{LISTED} r", []), f"{key} {way}, r.id DESC", f"{key} IS NOT NULL"
    joined: Sql = (f"{LISTED} r CROSS JOIN {field.group} o ON o.run_id = r.id AND o.name = ?", [field.name])
    if field.group == "metrics":
        key = part_sql(field)
        if is_short and field.part == "last":
            joined = (f"metrics o CROSS JOIN {LISTED} r ON r.id = o.run_id AND o.name = ?", [field.name])
        return joined, f"{key} {way}, o.run_id {way}", f"{key} IS NOT NULL"
    if field.group == "tags":
        number = "number_of(o.value)"
        return joined, f"{number} IS NULL {way}, {number} {way}, o.value {way}, r.id DESC", "1"
    text = "o.type IN ('str', 'json')"
    number = "CASE typeof(o.value) WHEN 'text' THEN number_of(o.value) ELSE o.value END"
    return joined, f"{text} {way}, iif({text}, lower(o.value), {number}) {way}, r.id DESC", "o.value IS NOT NULL"


def found_ids(
    store: Store,
    condition: Condition,
    order: Order = NEWEST,
    *,
    limit: int | None = None,
    first: int = 0,
    drawable: bool = False,
) -> list[int]:
    """Numbers of the runs that match and have what they are sorted by, from the `first` on.

    `drawable` leaves out what is infinite or beyond all measure.
    """
    (source, values), key, has_it = _order_sql(order, is_short=limit is not None and limit + first <= 1000)
    if drawable:
        has_it = f"{has_it} AND abs({part_sql(order.field)}) < 1e300"
    where, more = _where(store, condition)
    rows = store.rows(
        f"SELECT r.id FROM {source} WHERE {has_it} AND {where} ORDER BY {key} LIMIT ? OFFSET ?",
        [*values, *more, -1 if limit is None else limit, first],
    )
    return [int(run) for (run,) in rows]


def _where(store: Store, condition: Condition) -> Sql:
    """The condition as SQL; where it asks for text, all of it is indexed first."""
    if _asks_for_text(condition):
        texts.index_new(store)
    return condition_sql(condition)


def _asks_for_text(condition: Condition) -> bool:
    match condition:
        case TextMatch():
            return True
        case All(conditions) | AnyOf(conditions):
            return any(map(_asks_for_text, conditions))
        case Not(inner):
            return _asks_for_text(inner)
    return False


def count_runs(store: Store, condition: Condition, order: Order = NEWEST) -> int:
    """How many runs match and have what they would be sorted by."""
    where, values = _where(store, condition)
    has_it, named = _has_sql(order)
    rows = store.rows(f"SELECT count(*) FROM {LISTED} r WHERE {has_it} AND {where}", [*named, *values])
    return int(rows[0][0])


def lacking_ids(store: Store, condition: Condition, order: Order, *, limit: int, first: int = 0) -> list[int]:
    """Numbers of the runs that match and do not have what is sorted by, newest first."""
    where, values = _where(store, condition)
    has_it, named = _has_sql(order)
    rows = store.rows(
        f"SELECT r.id FROM {LISTED} r WHERE NOT {has_it} AND {where} ORDER BY r.started DESC, r.id DESC "
        "LIMIT ? OFFSET ?",
        [*named, *values, limit, first],
    )
    return [int(run) for (run,) in rows]


def _has_sql(order: Order) -> Sql:
    """Whether a run has what is sorted by."""
    field, has_it = order.field, _order_sql(order)[2]
    if field.group == "run":
        return f"({has_it})", []
    return f"EXISTS (SELECT 1 FROM {field.group} o WHERE o.run_id = r.id AND o.name = ? AND {has_it})", [field.name]


_SUMMARY = (
    *("id", "uid", "name", "kind", "status", "started", "duration", "parent", "notebook"),
    *("cpu_seconds", "peak_memory_bytes"),
)
_SUMMARY_COLUMNS = ", ".join(_SUMMARY).replace("parent", "parent_id")


def summaries(store: Store, ids: Sequence[int], parts: Sequence[Part] = ()) -> tuple[RunSummary, ...]:
    """The summaries of runs, in the order of their numbers given; `parts` of each metric stand as `NAME.part`."""
    where, values = _these(ids)
    rows = {row[0]: row for row in store.rows(f"SELECT {_SUMMARY_COLUMNS} FROM runs r WHERE id {where}", values)}
    params: dict[int, dict[str, Any]] = {run: {} for run in rows}
    metrics: dict[int, dict[str, float]] = {run: {} for run in rows}
    tags: dict[int, dict[str, str]] = {run: {} for run in rows}
    for run, name, kind, value in store.rows(
        f"SELECT run_id, name, type, value FROM params WHERE run_id {where}", values
    ):
        params[run][name] = value if kind in ("str", "none") else decode_value(kind, value)
    for run, name, value in store.rows(f"SELECT run_id, name, value FROM metrics WHERE run_id {where}", values):
        metrics[run][name] = math.nan if value is None else value
    for part in parts:
        _add_part(store, part, where, values, metrics)
    for run, name, value in store.rows(f"SELECT run_id, name, value FROM tags WHERE run_id {where}", values):
        tags[run][name] = value
    plain = {run: dict(zip(_SUMMARY, row, strict=True)) for run, row in rows.items()}
    return tuple(
        RunSummary(**plain[run], params=params[run], metrics=metrics[run], tags=tags[run]) for run in ids if run in rows
    )


def newest_id(store: Store) -> int:
    """The number of the newest run; 0 without one."""
    return int(store.rows("SELECT coalesce(max(id), 0) FROM runs")[0][0])


def newest(store: Store, condition: Condition, limit: int | None = None) -> tuple[RunSummary, ...]:
    """The runs that match, newest first."""
    return summaries(store, found_ids(store, condition, limit=limit))


def children_of(store: Store, run_id: int) -> tuple[RunSummary, ...]:
    """The runs that are a part of a run, in the order in which they began."""
    rows = store.rows(f"SELECT id FROM {LISTED} WHERE parent_id = ? ORDER BY id", [run_id])
    return summaries(store, [int(run) for (run,) in rows])


def _add_part(
    store: Store, part: Part, where: str, values: Sequence[object], metrics: dict[int, dict[str, float]]
) -> None:
    columns = "minimum, maximum" if part == "best" else f"{_PARTS[part]}, NULL"
    for run, name, low, high in store.rows(f"SELECT run_id, name, {columns} FROM metrics WHERE run_id {where}", values):
        found = high if part == "best" and not lower_is_better(name) else low
        metrics[run][f"{name}.{part}"] = math.nan if found is None else found


def _these(ids: Sequence[int]) -> Sql:
    if len(ids) <= 500:
        return f"IN ({', '.join('?' * len(ids))})", list(ids)
    return "IN (SELECT value FROM json_each(?))", [json.dumps(list(ids))]
