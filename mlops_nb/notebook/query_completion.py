"""What TAB offers inside a query of runs: names, then operators, then values, then `and`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mlops_nb.tracking.search.query import ATTRIBUTES, CHOICES, GROUPS, PARTS, Field, Names, is_query, written

_TERM = r"""(?:'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|[^\s()<>=!,'"`])+"""
_TOKEN = re.compile(rf"{_TERM}|[<>=!]+|[(),]")
_FRAGMENT = re.compile(r"""(?:[^\s()<>=!,'"`]|['"`][^'"`]*)*$""")
_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in (", "not in (", "like", "is null", "is not null", "exists")


def query_offers(text: str, names: Names, run_names: Callable[[], Sequence[str]]) -> tuple[str, list[str]]:
    """The end of a query that TAB completes, and what may stand in its place.

    Args:
        text: the query as far as it is typed.
        names: the names there are in the store.
        run_names: gives the names of runs.
    """
    fragment = _FRAGMENT.search(text)[0]  # type: ignore[index]
    before = _TOKEN.findall(text[: len(text) - len(fragment)])
    last = before[-1].lower() if before else ""
    if not before or last in ("and", "or", "not") or (last == "(" and before[-2:-1] != ["in"]):
        fields = _fields(fragment, names)
        alone = [written(name) for name in run_names() if not is_query(name)] if not before else []
        return fragment, [*alone, *fields, "not"]
    if last == "is":
        return fragment, ["null", "not null"]
    if last == "text":
        return fragment, ["match"]
    if last in (",", "(", "like") or set(last) <= set("<>=!"):
        return fragment, _values(_field_before(before), run_names)
    if _is_field(before[-1]) and (len(before) < 2 or not _opens_value(before[-2])):
        return fragment, list(_OPERATORS)
    return fragment, ["and", "or"]


def _fields(fragment: str, names: Names) -> list[str]:
    group, dot, rest = fragment.partition(".")
    if not dot or group not in GROUPS:
        return [*(f"{group}." for group in GROUPS), *ATTRIBUTES, "text"]
    found = [str(Field(group, name)) for name in names.of(group)]  # type: ignore[arg-type]
    if group == "metrics" and "." in rest:
        stem = fragment.rpartition(".")[0]
        found += [f"{stem}.{part}" for part in PARTS if stem in found]
    return found


def _values(field: str, run_names: Callable[[], Sequence[str]]) -> list[str]:
    if field in CHOICES:
        return [choice.lower() for choice in CHOICES[field]]
    if field == "name":
        return [written(name) for name in run_names()]
    times = ["today", "yesterday", "-1d", "-7d"]
    return {"started": times, "ended": times, "git.dirty": ["true", "false"]}.get(field, [])


def _field_before(tokens: Sequence[str]) -> str:
    """The field that the value at the end is compared with."""
    return next((token.lower() for token in reversed(tokens) if _is_field(token)), "")


def _is_field(token: str) -> bool:
    return token.lower() in ATTRIBUTES or token.partition(".")[0] in GROUPS


def _opens_value(token: str) -> bool:
    return token.lower() in (",", "like", "match") or set(token) <= set("<>=!")
