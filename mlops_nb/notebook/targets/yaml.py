"""Values as YAML that every reader of YAML 1.1 and 1.2 takes for the same thing."""

from __future__ import annotations

import json
import math
import re

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"))
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def yaml_value(value: object) -> str:
    """A value on one line; tuples and sets as lists, what YAML has no form for as the text of it.

    >>> yaml_value({"a": [1, 2.5, None, True], "no": "yes"}), yaml_value(1e-5), yaml_value("a: b")
    ('{a: [1, 2.5, null, true], "no": "yes"}', '1.0e-05', '"a: b"')
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(yaml_value, value))}]"
    if isinstance(value, set | frozenset):
        return f"[{', '.join(sorted(map(yaml_value, value)))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{yaml_value(name)}: {yaml_value(each)}' for name, each in value.items())}}}"
    return yaml_text(value if isinstance(value, str) else repr(value))


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


def yaml_text(text: str) -> str:
    """A text, in quotes where it could be read as something else.

    >>> yaml_text("gini"), yaml_text("on"), yaml_text('"\\n${{ x }}')
    ('gini', '"on"', '"\\\\"\\\\n${{ x }}"')
    """
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _ESCAPED.sub(lambda sign: f"\\u{ord(sign[0]):04x}", json.dumps(text, ensure_ascii=False))


def as_json(value: object) -> str:
    """A value as JSON; tuples and sets as lists, what JSON has no form for as Python's text.

    >>> as_json((1, "a")), as_json({3}), as_json(2j)
    ('[1, "a"]', '[3]', '2j')
    """
    try:
        return json.dumps(value, default=_as_list, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)


def _as_list(value: object) -> object:
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    raise TypeError(value)
