"""Parameters of a pipeline from a file (TOML, YAML or JSON) and from environment variables."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlops_nb.errors import BadArgument, BadUsage, MlopsError, nearest
from mlops_nb.pipelines.parameters import Parameter, checked_value, parsed_value


def file_values(parameters: Sequence[Parameter], path: Path) -> dict[str, object]:
    """The parameters that a file gives, by name, at its top or under `parameters`.

    Raises:
        BadUsage: it cannot be read, or is in no form that is known.
        BadArgument: a name is no parameter's, or a value is not allowed.
    """
    content = _read(path)
    table = content.get("parameters", content)
    if not isinstance(table, dict):
        raise BadUsage(f"{path.name} has no table of parameters")
    known = {name: parameter for parameter in parameters for name in (parameter.name, parameter.name.replace("_", "-"))}
    found: dict[str, object] = {}
    for name, value in table.items():
        if name not in known:
            near = nearest(str(name), [parameter.name for parameter in parameters])
            raise BadArgument(
                f"{path.name} sets {name!r}, which is no parameter", f"{near} = ..." if near else "--help"
            )
        parameter = known[name]
        try:
            found[parameter.name] = _value(parameter, value)
        except MlopsError as error:
            raise BadArgument(f"{path.name}: {error.what}", error.fix) from None
    return found


def environment_values(
    parameters: Sequence[Parameter], pipeline: str, environment: Mapping[str, str]
) -> dict[str, object]:
    """The parameters that environment variables give: `LATE_FLIGHTS_N_ESTIMATORS` of the pipeline `late-flights`.

    Raises:
        BadArgument: a value is not allowed.
    """
    found: dict[str, object] = {}
    for parameter in parameters:
        variable = variable_of(pipeline, parameter)
        if variable in environment:
            try:
                found[parameter.name] = parsed_value(parameter, environment[variable])
            except MlopsError as error:
                raise BadArgument(f"{variable}: {error.what}", error.fix) from None
    return found


def variable_of(pipeline: str, parameter: Parameter) -> str:
    """The environment variable of a parameter.

    >>> variable_of("late-flights", Parameter("n_estimators", "int"))
    'LATE_FLIGHTS_N_ESTIMATORS'
    """
    return re.sub(r"\W+", "_", f"{pipeline}_{parameter.name}".upper())


def _read(path: Path) -> Mapping[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadUsage(f"{path} cannot be read: {getattr(error, 'strerror', '') or error}", "--config FILE") from None
    try:
        content = _parsed(path, text)
    except (ValueError, RecursionError) as error:
        line = str(error).split("\n")[0]
        raise BadUsage(f"{path.name} is not {path.suffix[1:].upper()}: {line}", "--config FILE") from None
    if not isinstance(content, dict):
        raise BadUsage(f"{path.name} holds no names with values", 'such as {"seed": 7}')
    return content


def _parsed(path: Path, text: str) -> object:
    match path.suffix.lower():
        case ".toml":
            return tomllib.loads(text)
        case ".json":
            return json.loads(text)
        case ".yaml" | ".yml":
            try:
                import yaml
            except ImportError:
                raise BadUsage(f"{path.name} needs PyYAML", "pip install pyyaml") from None
            try:
                return yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise ValueError(str(error)) from None
    raise BadUsage(f"{path.name} is no file of parameters: .toml, .yaml or .json", "--config parameters.toml")


def _value(parameter: Parameter, value: object) -> object:
    """A value of a file as the parameter wants it."""
    if isinstance(value, str) or (value is None and parameter.allows_none):
        return checked_value(parameter, value) if parameter.kind == "str" or value is None else _text(parameter, value)
    if parameter.kind == "str":
        raise BadArgument(f"{parameter.name} == {value!r}, must be text")
    return _text(parameter, json.dumps(value))


def _text(parameter: Parameter, value: object) -> object:
    return parsed_value(parameter, str(value))
