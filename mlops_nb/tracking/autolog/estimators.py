"""A fitted estimator as a record: its name, its settings, what it takes and gives."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from mlops_nb.record import Record
from mlops_nb.registry.signature import Signature
from mlops_nb.tracking.values import bounded_text, plain_value, safe_repr

MOST_SETTINGS = 500

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


@dataclass(frozen=True, slots=True)
class Estimator(Record):
    """An estimator that a run fitted.

    `name` tells it from others of its run, `kind` is the class with its module, `defaults` are the parameters
    that nobody set: their values are the class's defaults.
    """

    name: str
    kind: str
    signature: Signature
    defaults: tuple[str, ...] = ()


def estimator_name(value: object, depth: int = 3) -> str:
    """The class's name, with what it wraps in brackets: `GridSearchCV(Pipeline(SVC))`.

    >>> class Inner: ...
    >>> class Search:
    ...     def __init__(self, estimator):
    ...         self.estimator = estimator
    >>> estimator_name(Search(Inner()))
    'Search(Inner)'
    """
    inner = _inner(value) if depth else None
    name = type(value).__name__
    return bounded_text(f"{name}({estimator_name(inner, depth - 1)})" if inner is not None else name, 120)


def _inner(value: object) -> object:
    """The estimator that another one is about: a pipeline's last step, what a search or a wrapper fits."""
    try:
        steps = getattr(value, "steps", None)
        if isinstance(steps, list) and steps:
            found = steps[-1][1]
        else:  # what nobody gave it, a forest's trees, goes without saying
            found = getattr(value, "estimator", None) if "estimator" in _settings_of(type(value)) else None
    except Exception:  # a user's estimator may raise anything
        return None
    return None if isinstance(found, type | str | int | float | bool) else found


def settings_of(deep: Mapping[str, object], estimator: object) -> tuple[dict[str, object], tuple[str, ...]]:
    """The parameters as people read them, and the names of those that are their class's default.

    Args:
        deep: what `get_params(deep=True)` gave: `clf__C` beside `clf` and `steps`.
        estimator: whose parameters they are.

    An estimator inside becomes its name, a list of named ones is left out (each has a name of its own), but the
    columns that a ColumnTransformer gives each are kept as `NAME__columns`. Nothing changes from process to
    process: addresses are left out.
    """
    values: dict[str, object] = {}
    defaults = []
    for name, value in list(deep.items())[:MOST_SETTINGS]:
        prefix, _, last = name.rpartition("__")
        if (named := _named_parts(value)) is not None:
            values |= {
                f"{prefix}{'__' * bool(prefix)}{part}__columns": readable(columns) for part, columns in named.items()
            }
            continue
        owner = deep.get(prefix) if prefix else estimator
        values[name] = readable(value)
        if not _is_estimator(value) and _is_default(value, last, type(owner)):
            defaults.append(name)
    return values, tuple(defaults)


def _named_parts(value: object) -> dict[str, object] | None:
    """The columns of each named part of a list such as `steps` or `transformers`; None for anything else."""
    if not isinstance(value, list) or not value:
        return None
    if not all(isinstance(each, tuple) and len(each) in (2, 3) and isinstance(each[0], str) for each in value):
        return None
    if not all(_is_estimator(each[1]) or isinstance(each[1], str) for each in value):
        return None
    return {each[0]: each[2] for each in value if len(each) == 3}


def _is_estimator(value: object) -> bool:
    return not isinstance(value, type) and callable(getattr(type(value), "get_params", None))


def readable(value: object, depth: int = 3) -> object:
    """A parameter's value as plain Python; estimators and functions by their names, never an address.

    >>> readable({"clf": [readable, 1.0]})
    {'clf': ['mlops_nb.tracking.autolog.estimators.readable', 1.0]}
    """
    if value is None or type(value) in (bool, int, float, str):
        return plain_value(value)
    if isinstance(value, type) or inspect.isroutine(value):
        return f"{value.__module__}.{value.__qualname__}" if value.__module__ else value.__qualname__
    if _is_estimator(value):
        return estimator_name(value)
    if depth and isinstance(value, Mapping):
        return {str(key): readable(each, depth - 1) for key, each in list(value.items())[:100]}
    if depth and isinstance(value, list | tuple):
        return [readable(each, depth - 1) for each in value[:100]]
    plain = plain_value(value, 1) if not getattr(value, "ndim", 0) else safe_repr(value, 500)
    return _ADDRESS.sub("", plain) if isinstance(plain, str) else plain


_known: WeakKeyDictionary[type, Mapping[str, Any]] = WeakKeyDictionary()


def _settings_of(owner: type) -> Mapping[str, Any]:
    """The arguments that a class is made with and their defaults; `Parameter.empty` where there is none."""
    known = _known.get(owner)
    if known is None:
        try:
            parameters = list(inspect.signature(owner.__init__).parameters.values())  # type: ignore[misc]
        except (TypeError, ValueError):
            parameters = []
        known = _known[owner] = {each.name: each.default for each in parameters}
    return known


def _is_default(value: object, name: str, owner: type) -> bool:
    known = _settings_of(owner)
    if name not in known:
        return value is None and bool(known)
    default = known[name]
    if value is default:
        return True
    if isinstance(value, float) and isinstance(default, float):
        return value == default or (value != value and default != default)
    try:
        return type(value) is type(default) and isinstance(value, int | str | tuple | list) and bool(value == default)
    except Exception:  # what lies in a list may refuse to be compared
        return False
