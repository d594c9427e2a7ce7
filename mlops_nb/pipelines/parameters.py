"""A function's signature as parameters: types, defaults, help, choices and ranges, read from its annotations."""

from __future__ import annotations

import copy
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlops_nb.errors import BadArgument, nearest
from mlops_nb.record import Record

OPTIONS = frozenset(
    f"--{name}"
    for name in (
        *("help", "config", "list", "plan", "from", "until", "only", "force", "no-cache", "engine", "jobs"),
        *("scheduler", "json", "store", "no-store", "quiet"),
    )
)
"""The options that every script has."""

_NUMBERS = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
_NONE = ("none", "null", "")
_EXAMPLES = {"str": '["a", "b"]', "float": "[0.1, 0.5]", "bool": "[true, false]", "dict": '{"a": 1}'}
_SCALARS: Mapping[object, str] = {int: "int", float: "float", str: "str", bool: "bool"}


@dataclass(frozen=True, slots=True)
class Parameter(Record):
    """A parameter of a pipeline.

    Args:
        name: as in the signature.
        kind: int, float, str, bool, path, json (lists and dicts) or any (JSON where it is, else text).
        default: its value when nobody gives one; meaningless when `is_required`.
        help: one line.
        choices: the only values allowed; empty for all.
        low: smallest value allowed, or None.
        high: largest value allowed, or None.
        allows_none: whether None is a value.
        is_required: whether it has no default.
        container: of JSON, whether it is a list (tuples and sets are given as one) or a dict; empty for either.
        item: of a list, what it holds: int, float, str or bool; empty for anything.
    """

    name: str
    kind: str
    default: object = None
    help: str = ""
    choices: tuple[object, ...] = ()
    low: float | None = None
    high: float | None = None
    allows_none: bool = False
    is_required: bool = False
    container: str = ""
    item: str = ""

    @property
    def option(self) -> str:
        """The command-line option.

        >>> Parameter("n_estimators", "int").option
        '--n-estimators'
        """
        return option_of(self.name, is_flag=self.kind == "bool" and not self.choices)


def option_of(name: str, *, is_flag: bool = False) -> str:
    """A parameter's option on the command line of a script, beside those that every script has.

    Args:
        name: the parameter's.
        is_flag: whether it is one of a pair, `--shuffle` and `--no-shuffle`.

    >>> option_of("plan"), option_of("cache"), option_of("cache", is_flag=True)
    ('--plan-value', '--cache', '--cache-value')
    """
    said = name.replace("_", "-")
    is_taken = f"--{said}" in OPTIONS or (is_flag and f"--no-{said}" in OPTIONS)
    return f"--{said}-value" if is_taken else f"--{said}"


def read_parameters(function: Callable[..., object]) -> tuple[Parameter, ...]:
    """The parameters of a function, read from its annotations.

    They are such as `Annotated[int, "help", range(1, 10)]`, `Annotated[float, (0.0, 1.0)]`, `Literal["a", "b"]` and
    `float | None`.
    """
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:  # an annotation is the user's code and may raise anything
        hints = {}
    return tuple(_parameter(each, hints.get(each.name)) for each in inspect.signature(function).parameters.values())


def _parameter(found: inspect.Parameter, hint: object) -> Parameter:
    extras: Sequence[object] = ()
    if typing.get_origin(hint) is typing.Annotated:
        hint, *extras = typing.get_args(hint)
    required = found.default is inspect.Parameter.empty
    default = None if required else found.default
    allowed = [each for each in typing.get_args(hint) if each is not types.NoneType] if _is_union(hint) else [hint]
    inner = allowed[0] if len(allowed) == 1 else object
    choices = typing.get_args(inner) if typing.get_origin(inner) is typing.Literal else ()
    span = next((each for each in extras if isinstance(each, range | tuple)), None)
    return Parameter(
        name=found.name,
        kind=_kind(inner, choices, default),
        default=default,
        help=next((each for each in extras if isinstance(each, str)), ""),
        choices=tuple(choices),
        low=min(span) if span else None,
        high=max(span) if span else None,
        allows_none=(_is_union(hint) and types.NoneType in typing.get_args(hint)) or (not required and default is None),
        is_required=required,
        container=_container(inner, default),
        item=_item(inner),
    )


def _container(hint: object, default: object) -> str:
    origin = typing.get_origin(hint) or (type(default) if hint is None else hint)
    return "dict" if origin is dict else "list" if origin in (list, tuple, set, frozenset) else ""


def _item(hint: object) -> str:
    """What a `list[str]`, `tuple[int, ...]` or the like holds, when that is a plain type."""
    held = {each for each in typing.get_args(hint) if each is not ...}
    is_list = typing.get_origin(hint) in (list, tuple, set, frozenset)
    return _SCALARS.get(held.pop(), "") if is_list and len(held) == 1 else ""


def _is_union(hint: object) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _kind(hint: object, choices: tuple[object, ...], default: object) -> str:
    if choices:
        return _SCALARS.get(type(choices[0]), "any")
    if hint in (None, object, typing.Any, inspect.Parameter.empty):
        hint = type(default) if default is not None and hint is None else object
    origin = typing.get_origin(hint) or hint
    if origin in (list, tuple, dict, set, frozenset):
        return "json"
    if getattr(origin, "__name__", "") in ("Path", "PurePath", "PosixPath", "WindowsPath"):
        return "path"
    return _SCALARS.get(origin, "any")


def parsed_value(parameter: Parameter, text: str) -> object:
    """The value that a text stands for.

    Raises:
        BadArgument: it stands for none that the parameter allows.

    >>> parsed_value(Parameter("depth", "int", allows_none=True), "none") is None
    True
    >>> parsed_value(Parameter("columns", "json"), '["a", "b"]')
    ['a', 'b']
    """
    if parameter.allows_none and text.lower() in _NONE:
        return None
    try:
        value = _converted(parameter, text)
    except (ValueError, OverflowError, TypeError):
        raise BadArgument(f"{parameter.option} {text!r}, must be {_wanted(parameter)}") from None
    return checked_value(parameter, value)


def _wanted(parameter: Parameter) -> str:
    """What a parameter's text must be, in words."""
    if parameter.kind == "json":
        what = {"list": "a list", "dict": "a dict"}.get(parameter.container, "a list or dict")
        held = f" of {parameter.item}" if parameter.item else ""
        return f"{what}{held} in JSON, such as {_EXAMPLES.get(parameter.item or parameter.container, '[1, 2]')!r}"
    return "true or false" if parameter.kind == "bool" else f"of type {parameter.kind}"


def _converted(parameter: Parameter, text: str) -> object:
    match parameter.kind:
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            if text.lower() not in _NUMBERS:
                raise ValueError(text)
            return _NUMBERS[text.lower()]
        case "path":
            from pathlib import Path

            return Path(text)
        case "json":
            return _contained(parameter, json.loads(text))
        case "any":
            try:
                return json.loads(text)
            except ValueError:
                return text
    return text


def _contained(parameter: Parameter, value: object) -> object:
    """A list or dict as the parameter wants it: what its default is, holding what its type says.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, {"list": list, "dict": dict}.get(parameter.container, list | dict)):
        raise ValueError(value)
    if not isinstance(value, list):
        return value
    if not all(_is_a(parameter.item, each) for each in value):
        raise ValueError(value)
    kind = type(parameter.default)
    return kind(value) if kind in (tuple, set, frozenset) else value


def _is_a(kind: str, value: object) -> bool:
    """Whether a value of JSON is of a plain type: whole numbers are floats too, booleans no numbers."""
    if not kind or isinstance(value, bool):
        return kind in ("", "bool")
    return isinstance(value, {"int": int, "float": int | float, "str": str}.get(kind, ()))


def checked_value(parameter: Parameter, value: object) -> object:
    """The value, when choices and range allow it.

    Raises:
        BadArgument: they do not.

    >>> checked_value(Parameter("trees", "int", low=1, high=100), 0)
    Traceback (most recent call last):
        ...
    mlops_nb.errors.BadArgument: trees == 0, must be between 1 and 100
    --trees 1
    """
    if value is None and parameter.allows_none:
        return value
    if parameter.choices and value not in parameter.choices:
        near = nearest(str(value), map(str, parameter.choices)) or str(parameter.choices[0])
        allowed = ", ".join(map(str, parameter.choices))
        raise BadArgument(f"{parameter.name} == {value!r}, must be one of {allowed}", f"{parameter.option} {near}")
    low, high = parameter.low, parameter.high
    if low is None or high is None or not isinstance(value, int | float) or low <= value <= high:
        return value
    near_bound = high if value > high else low
    raise BadArgument(
        f"{parameter.name} == {value!r}, must be between {low} and {high}", f"{parameter.option} {near_bound}"
    )


def bound_values(
    parameters: Sequence[Parameter], args: Sequence[object], given: Mapping[str, object], called: str
) -> dict[str, object]:
    """A value for every parameter: those given, else fresh copies of the defaults.

    Raises:
        BadArgument: a value is missing, not allowed, or for no parameter.
    """
    names = [parameter.name for parameter in parameters]
    if len(args) > len(names):
        raise BadArgument(f"{called} takes {len(names)} parameters, {len(args)} were given")
    values = dict(zip(names, args, strict=False))
    for name, value in given.items():
        if name not in names:
            near = nearest(name, names)
            raise BadArgument(f"{called} has no parameter {name!r}", f"{called}({near}=...)" if near else "")
        values[name] = value
    bound: dict[str, object] = {}
    for parameter in parameters:
        if parameter.name in values:
            bound[parameter.name] = checked_value(parameter, values[parameter.name])
        elif parameter.is_required:
            raise BadArgument(f"{called} needs {parameter.name}", f"{parameter.option} VALUE")
        else:
            bound[parameter.name] = copy.deepcopy(parameter.default)
    return bound
