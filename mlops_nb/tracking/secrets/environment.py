"""The values of environment variables that are secret, and how they are looked for in a text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from mlops_nb.tracking.secrets.words import ADDRESS, PATH, WORDY, is_trivial, strength_of


class _Needle(NamedTuple):
    value: str
    pattern: re.Pattern[str]


@lru_cache(maxsize=64)
def _needle(value: str) -> _Needle:
    """How a value is looked for: one that could be a word or a number only where it stands by itself."""
    is_plain = value.isalpha() or value.isdigit()
    around = (r"(?<![A-Za-z0-9_.])", r"(?![A-Za-z0-9_])") if is_plain and len(value) < 16 else ("", "")
    return _Needle(value, re.compile(around[0] + re.escape(value) + around[1]))


def needles(exact: Mapping[str, str]) -> list[tuple[_Needle, str]]:
    """Each value in the forms in which it may turn up: as it is, quoted for JSON, Python, an address."""
    found: dict[str, str] = {}
    for value, kind in exact.items():
        lines = [line for line in value.splitlines() if len(line) >= 16 and not line.startswith("-----")]
        forms = (value, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe=""), quote_plus(value), *lines)
        found |= dict.fromkeys(forms, kind) if len(value) >= 4 else {}
    return [(_needle(form), kind) for form, kind in found.items()]


def environment_secrets(variables: Mapping[str, str], known: Iterable[str] = ()) -> dict[str, str]:
    """The values of variables whose names say that they are secret, and what each is called.

    Values that are short, a path, a plain number or an everyday word are none; nor are those in `known`, names
    that are no secret, such as the user's. Of an address with a password in it, the password is one.

    >>> environment_secrets({"HF_TOKEN": "hf_abcdefgh1234", "HOME": "/home/me", "AUTH": "localhost"})
    {'hf_abcdefgh1234': 'value of HF_TOKEN'}
    """
    found = {}
    for name, value in variables.items():
        kind = f"value of {re.sub(r'[^A-Za-z0-9_]', '_', name)[:60]}"
        if "://" in value and (match := ADDRESS.search(value)) and match["password"]:
            if len(match["password"]) >= 6 and not is_trivial(match["password"]):
                found[match["password"]] = kind
        elif _is_secret_variable(name, value) and value not in known:
            found[value] = kind
    return found


def _is_secret_variable(name: str, value: str) -> bool:
    strength = strength_of(name)
    if not strength or len(value) < 6 or is_trivial(value, name) or PATH.fullmatch(value):
        return False
    if value.isdigit() or (value.isalpha() and value.islower()):
        return len(value) >= 8
    return strength == "strong" or not WORDY.fullmatch(value)
