"""A parameters cell as options: type, default, help, choices and range of every literal that it assigns."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mlops_nb.notebook.cells import is_literal, literal_value
from mlops_nb.notebook.naming import comment
from mlops_nb.notebook.records import ScriptParameter
from mlops_nb.notebook.statement_text import Statement

_SIMPLE_TYPES = frozenset(("int", "float", "str", "bool"))
_BUILTIN_TYPES = frozenset((*_SIMPLE_TYPES, "list", "dict", "tuple", "set", "bytes", "object", "None"))
_FORM = re.compile(r"^#?\s*@param\b\s*(?P<choices>\[.*?\])?\s*(?P<settings>\{.*?\})?\s*(?P<help>.*)$")
_SETTING = re.compile(r"[\"']?([\w-]+)[\"']?\s*:\s*(\"[^\"]*\"|'[^']*'|[^,}]+)")
_FORM_TYPES = {"integer": "int", "number": "float", "string": "str", "boolean": "bool", "date": "str"}


def assigned_literal(statement: Statement) -> tuple[str, ast.expr | None]:
    """The name and the literal of a statement `name = literal`; an empty name where it is another."""
    if statement.kind not in ("Assign", "AnnAssign"):
        return "", None
    node = statement.node
    target = (
        node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else getattr(node, "target", None)
    )
    value = getattr(node, "value", None)
    if isinstance(target, ast.Name) and isinstance(value, ast.expr) and is_literal(value):
        return target.id, value
    return "", None


def parameter_of(statement: Statement) -> ScriptParameter | None:
    """The parameter that a statement `name = literal  # help` gives; None where it is another.

    >>> one = parameter_of(Statement('depth = 3  # @param {type:"slider", min:1, max:9}', "Assign"))
    >>> one.type, one.default, one.low, one.high
    ('int', 3, 1, 9)
    >>> parameter_of(Statement("kind: Literal['a', 'b'] = 'a'  # which", "AnnAssign")).choices
    ('a', 'b')
    """
    name, value = assigned_literal(statement)
    if value is None:
        return None
    text = ast.get_source_segment(statement.text, value) or ast.unparse(value)
    said = _said(statement)
    found = ScriptParameter(name, _type_of(value), literal_value(value), default_text=text)
    if match := _FORM.match(said):
        return _of_form(found, match)
    found = replace(found, help=comment(said.lstrip("#").strip(), 200))
    node = statement.node
    return _annotated(found, node.annotation, statement.text) if isinstance(node, ast.AnnAssign) else found


def annotation_text(parameter: ScriptParameter, annotated: str, literal: str) -> str:
    """The annotation of a parameter in a signature.

    Args:
        parameter: the parameter.
        annotated: the name under which `typing.Annotated` is imported.
        literal: that of `typing.Literal`.

    >>> annotation_text(ScriptParameter("n", "int", 1, "trees", low=1, high=9), "Annotated", "Literal")
    "Annotated[int, 'trees', range(1, 10)]"
    """
    kind = parameter.type
    if parameter.choices:
        kind = f"{literal}[{', '.join(map(repr, parameter.choices))}]"
        kind = f"{kind} | None" if parameter.default is None else kind
    extras = [repr(parameter.help)] if parameter.help else []
    low, high = parameter.low, parameter.high
    if low is not None and high is not None:
        whole = isinstance(low, int) and isinstance(high, int) and parameter.type == "int"
        extras.append(f"range({low}, {int(high) + 1})" if whole else f"({low!r}, {high!r})")
    return f"{annotated}[{', '.join([kind, *extras])}]" if extras else kind


def _annotated(found: ScriptParameter, annotation: ast.expr, text: str) -> ScriptParameter:
    """The parameter with what its annotation says."""
    match annotation:
        case ast.Subscript(ast.Name("Annotated") | ast.Attribute(attr="Annotated"), ast.Tuple([kind, *extras])):
            return _with_extras(_annotated(found, kind, text), extras)
        case ast.Subscript(ast.Name("Literal") | ast.Attribute(attr="Literal"), values):
            listed = values.elts if isinstance(values, ast.Tuple) else [values]
            if all(isinstance(each, ast.Constant) for each in listed):
                choices = tuple(ast.literal_eval(each) for each in listed)
                return replace(found, choices=choices, type=type(choices[0]).__name__)
        case ast.Subscript(ast.Name("Optional") | ast.Attribute(attr="Optional"), kind):
            inner = _annotated(found, kind, text)
            return inner if inner.choices else replace(inner, type=f"{inner.type} | None")
        case _ if all(each.id in _BUILTIN_TYPES for each in ast.walk(annotation) if isinstance(each, ast.Name)):
            return replace(found, type=ast.get_source_segment(text, annotation) or ast.unparse(annotation))
    return found


def _with_extras(found: ScriptParameter, extras: Sequence[ast.expr]) -> ScriptParameter:
    for each in extras:
        match each:
            case ast.Constant(str(said)):
                found = replace(found, help=found.help or comment(said, 200))
            case ast.Call(ast.Name("range"), arguments) if arguments and all(map(is_literal, arguments)):
                span = range(*(ast.literal_eval(argument) for argument in arguments))
                found = replace(found, low=min(span), high=max(span)) if span else found
            case ast.Tuple([low, high]) if is_literal(low) and is_literal(high):
                found = replace(found, low=ast.literal_eval(low), high=ast.literal_eval(high))
    return found


def _of_form(found: ScriptParameter, match: re.Match[str]) -> ScriptParameter:
    """The parameter with what a `# @param` comment says, as notebooks of Colab have it."""
    settings = {name: value.strip().strip("\"'") for name, value in _SETTING.findall(match["settings"] or "")}
    kind = _FORM_TYPES.get(settings.get("type", ""), "")
    is_free = settings.get("allow-input") == "true" or settings.get("type") == "raw"
    choices = () if is_free or not match["choices"] else _choices(match["choices"], found.default)
    low, high = (_number(settings.get(name, "")) for name in ("min", "max"))
    wider = kind == "float" and found.type == "int"
    return replace(
        found,
        type=kind if wider or (kind and found.type == "object") else found.type,
        help=comment(match["help"].lstrip("#").strip(), 200),
        choices=choices,
        low=low if high is not None else None,
        high=high if low is not None else None,
    )


def _choices(text: str, default: object) -> tuple[object, ...]:
    try:
        listed = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return ()
    same = [each for each in listed if isinstance(each, str | int | float)]
    return tuple(same) if default in same else ()


def _number(text: str) -> float | int | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _type_of(value: ast.expr) -> str:
    plain = ast.literal_eval(value)
    if isinstance(plain, list | tuple) and plain and len({type(each) for each in plain}) == 1:
        inner = type(plain[0]).__name__
        if inner in _SIMPLE_TYPES:
            return f"list[{inner}]" if isinstance(plain, list) else f"tuple[{inner}, ...]"
    return "object" if plain is None else type(plain).__name__


def _said(statement: Statement) -> str:
    """The comment beside a parameter, or the last line of the one directly above it."""
    beside = above = ""
    lines = statement.text.split("\n")
    code = len(lines) - len(statement.code.split("\n"))
    for token in _comments(statement.text):
        if token.start[0] > code:
            beside = token.string
        elif token.start[0] == code:
            above = token.string
    return beside or above


def _comments(text: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from (
            each for each in tokenize.generate_tokens(io.StringIO(text).readline) if each.type == tokenize.COMMENT
        )
    except (tokenize.TokenError, SyntaxError):
        return
