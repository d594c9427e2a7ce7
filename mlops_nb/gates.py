"""Topic 3, gates: whether a value or a frame is good enough to go on with, in words and with what that rests on.

Pure: a value and a rule in, a verdict out. `pipelines/gating.py` records verdicts and stops a pipeline.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.record import Record
from mlops_nb.tracking.values import metric_number, plain_value, safe_repr

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Check(Record):
    """One rule and whether it holds; `words` say what was found."""

    name: str
    passed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Verdict(Record):
    """What a gate says: it passes when every check does."""

    gate: str
    passed: bool
    checks: tuple[Check, ...]

    def words(self) -> str:
        """The verdict in one sentence, what fails first.

        >>> threshold_verdict("accuracy", 0.75, at_least=0.8).words()
        'gate accuracy failed: 0.75 is below 0.8'
        """
        failed = [check.words for check in self.checks if not check.passed]
        said = failed or [check.words for check in self.checks]
        more = f" and {len(said) - 5} more" if len(said) > 5 else ""
        return f"gate {self.gate} {'passed' if self.passed else 'failed'}: {'; '.join(said[:5])}{more}"


def threshold_verdict(
    name: str, value: object, *, at_least: float | None = None, at_most: float | None = None
) -> Verdict:
    """Whether a number lies within its bounds; what is not a number, NaN included, does not.

    Args:
        name: what is judged.
        value: a number.
        at_least: the smallest value that passes.
        at_most: the largest value that passes.

    Raises:
        BadArgument: there is no bound, or the bounds exclude every number.

    >>> threshold_verdict("loss", 0.2, at_most=0.5).passed, threshold_verdict("loss", float("nan"), at_most=1).passed
    (True, False)
    """
    bounds = [each for each in (at_least, at_most) if each is not None]
    if not bounds or any(math.isnan(each) for each in bounds):
        raise BadArgument(f"gate {name!r} has no bound to judge by", f"mlops_nb.gate({name!r}, value, at_least=0.8)")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise BadArgument(f"at_least == {at_least:g}, must not be above at_most == {at_most:g}")
    number = metric_number(value)
    if number is None or math.isnan(number):
        return _verdict(name, [Check(name, False, f"{safe_repr(value, 60)} is not a number")])
    checks = []
    if at_least is not None:
        passed = number >= at_least
        checks.append(Check(name, passed, f"{number:.6g} is {'at least' if passed else 'below'} {at_least:g}"))
    if at_most is not None:
        passed = number <= at_most
        checks.append(Check(name, passed, f"{number:.6g} is {'at most' if passed else 'above'} {at_most:g}"))
    return _verdict(name, checks)


def _verdict(name: str, checks: Sequence[Check]) -> Verdict:
    return Verdict(name, all(check.passed for check in checks), tuple(checks))


_RULES = ("type", "low", "high", "one_of", "unique", "missing")
_KINDS: Mapping[object, str] = {int: "int", float: "float", str: "str", bool: "bool"}
_WORDS = {"int": "whole numbers", "float": "numbers", "str": "texts", "bool": "true or false", "datetime": "times"}


def frame_verdict(frame: pd.DataFrame, schema: object, name: str, rows: int | None = None) -> Verdict:
    """Whether the columns of a frame are what a schema says.

    Args:
        frame: the frame.
        schema: by column, a type (int, float, str, bool or "datetime"), a range of whole numbers, a collection of the
            values allowed, or a dict of rules: `type`, `low`, `high`, `one_of`, `unique` (True), and `missing`, the
            share of missing values that is allowed (none, by default); or a schema of pandera.
        name: what the frame is called.
        rows: how many rows there are at least.

    Raises:
        BadArgument: a rule cannot be read.
    """
    checks: list[Check] = []
    if rows is not None:
        few = "at least" if len(frame) >= rows else "fewer than"
        checks.append(Check("rows", len(frame) >= rows, f"{len(frame):,} rows, {few} {rows:,}"))
    if not isinstance(schema, Mapping):
        return _verdict(name, [*checks, *_schema_checks(frame, schema)])
    for column, rule in schema.items():
        rules = _rules_of(column, rule)
        if column not in frame.columns:
            near = nearest(str(column), map(str, frame.columns))
            also = f" (there is {near})" if near else ""
            checks.append(Check(column, False, f"there is no column {column}{also}"))
            continue
        faults = list(_faults(frame[column], column, rules))
        checks += [Check(column, False, fault) for fault in faults] or [Check(column, True, f"{column} is as expected")]
    return _verdict(name, checks)


def _schema_checks(frame: pd.DataFrame, schema: Any) -> Iterator[Check]:
    """What a schema of pandera says of a frame: a check for each fault, and one for each column without any."""
    if hasattr(schema, "to_schema"):  # a model's class
        schema = schema.to_schema()
    if not (hasattr(schema, "validate") and type(schema).__module__.startswith("pandera")):
        raise BadArgument(
            f"{safe_repr(schema, 60)} is no schema", "{'month': range(1, 13)}    (or a pandera.DataFrameSchema)"
        )
    from pandera.errors import SchemaErrors

    failed: set[str] = set()
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        for (column, rule), found in cases.groupby(["column", "check"], sort=False, dropna=False):
            of_frame = rule in ("column_in_dataframe", "column_in_schema") or column != column or column is None
            place = str(found["failure_case"].iloc[0]) if of_frame else str(column)
            failed.add(place)
            yield Check(place, False, _broken(place, str(rule), found, is_of_frame=of_frame))
    for column in schema.columns:
        if str(column) not in failed:
            yield Check(str(column), True, f"{column} is as expected")


def _broken(column: str, rule: str, found: Any, *, is_of_frame: bool) -> str:
    """A rule of pandera's that does not hold, with the first row where that is so."""
    if rule == "column_in_dataframe":
        return f"there is no column {column}"
    if rule == "column_in_schema":
        return f"the schema has no column {column}"
    if is_of_frame or found["index"].isna().all():
        return f"{column} is not {rule}" if rule.startswith("dtype") else f"{rule} does not hold: {column}"
    many = f"{len(found):,} value{'' if len(found) == 1 else 's'}"
    first = safe_repr(plain_value(found["failure_case"].iloc[0]), 40)
    return (
        f"{column}: {rule} fails for {many} (first {first} in row {safe_repr(plain_value(found['index'].iloc[0]), 40)})"
    )


def _rules_of(column: str, rule: object) -> Mapping[str, Any]:
    if isinstance(rule, Mapping):
        for name in rule:
            if name not in _RULES:
                near = nearest(str(name), _RULES) or _RULES[0]
                raise BadArgument(f"{column} has no rule {name!r}", f"{{{column!r}: {{{near!r}: ...}}}}")
        return rule
    if rule in _KINDS.values() or rule == "datetime" or (isinstance(rule, type) and rule in _KINDS):
        return {"type": rule}
    if isinstance(rule, range):
        return {"low": min(rule), "high": max(rule), "type": int}
    if isinstance(rule, Collection) and not isinstance(rule, str | bytes):
        return {"one_of": rule}
    raise BadArgument(
        f"{column}: {safe_repr(rule, 60)} is no rule",
        f"{{{column!r}: float}}    (or a range, values, or a dict of rules)",
    )


def _faults(values: Any, column: str, rules: Mapping[str, Any]) -> Iterator[str]:
    """What of a column is not as its rules say; in words with the first row where that is so."""
    missing = values.isna()
    allowed = float(rules.get("missing", 0.0))
    if missing.mean() > allowed:
        limit = f", more than {allowed:.3g} of them" if allowed else ""
        yield f"{column} lacks {int(missing.sum()):,} of {len(values):,} values{limit}{_first(missing)}"
    known = values[~missing]
    kind = _KINDS.get(rules.get("type"), rules.get("type"))
    if kind is not None and len(known) and not _is_of(known, str(kind)):
        yield f"{column} is {values.dtype}, not {_WORDS.get(str(kind), kind)}"
        return
    for bound, is_out, said in (("low", "lt", "below"), ("high", "gt", "above")):
        if rules.get(bound) is not None and (out := getattr(known, is_out)(rules[bound])).any():
            yield f"{column} has {_count(out)} {said} {rules[bound]}{_first(out, known)}"
    if rules.get("one_of") is not None and (out := ~known.isin(list(rules["one_of"]))).any():
        yield f"{column} has {_count(out)} not allowed{_first(out, known)}"
    if rules.get("unique") and (out := known.duplicated()).any():
        yield f"{column} has {_count(out)} twice{_first(out, known)}"


def _first(out: Any, values: Any = None) -> str:
    place = out[out].index[0]
    found = "" if values is None else f" {safe_repr(plain_value(values[out].iloc[0]), 40)}"
    return f" (first{found} in row {safe_repr(plain_value(place), 40)})"


def _count(out: Any) -> str:
    number = int(out.sum())
    return f"{number:,} value{'' if number == 1 else 's'}"


def _is_of(values: Any, kind: str) -> bool:
    from pandas.api import types

    match kind:
        case "int":
            whole = types.is_float_dtype(values.dtype) and bool((values == values.round()).all())
            return (types.is_integer_dtype(values.dtype) or whole) and not types.is_bool_dtype(values.dtype)
        case "float":
            return types.is_numeric_dtype(values.dtype) and not types.is_bool_dtype(values.dtype)
        case "bool":
            return bool(types.is_bool_dtype(values.dtype)) or {type(each) for each in values} == {bool}
        case "datetime":
            return bool(types.is_datetime64_any_dtype(values.dtype))
    return all(isinstance(each, str) for each in values)
