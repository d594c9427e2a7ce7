"""Which secrets are known here, and what was replaced: the environment's, the store's own patterns."""

from __future__ import annotations

import getpass
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mlops_nb.errors import BadArgument, StoreUnavailable
from mlops_nb.store import info, open_store
from mlops_nb.store import runs as rows
from mlops_nb.tracking.runs import SecretsReport
from mlops_nb.tracking.secrets.environment import environment_secrets
from mlops_nb.tracking.secrets.rules import Redactor, is_learned
from mlops_nb.tracking.secrets.shapes import OWN, plugin_shapes

if TYPE_CHECKING:
    from mlops_nb.store import Store

T = TypeVar("T")

SETTING = "secrets"
SECONDS = 1.0
"""So long a pattern that another kernel added may take until it holds here."""

MOST_LEARNED = 1_000
PATTERN_SECONDS = 2.0
"""A pattern that takes longer on texts made to be hard is refused."""

_variables: Mapping[object, object] = {}
_from_environment: dict[str, str] = {}
"""Every secret value that a variable of this process had, and what it is called; in memory only."""

_learned: dict[str, str] = {}
"""What was given to a name that says so (`password="..."`): it may be printed without the name."""

_settings: dict[str, tuple[float, dict[str, list[str]]]] = {}
_made: list[tuple[object, Redactor]] = []


def redactor(store: Store | None) -> Redactor:
    """The rules that hold now; made anew only when the environment, the patterns or what was learned changed."""
    _look_at_environment()
    lists = _lists(store) if store is not None else {}
    patterns, allowed = tuple(lists.get("patterns", ())), frozenset(lists.get("allowed", ()))
    key = (len(_from_environment), len(_learned), patterns, allowed)
    if not _made or _made[0][0] != key:
        _made[:] = [(key, Redactor({**_learned, **_from_environment}, patterns, allowed))]
    return _made[0][1]


def without_secrets(value: T, store: Store | None, found: set[tuple[str, str]]) -> T:
    """The value with the secrets in its texts replaced; they are added to `found`, and known from now on."""
    cleaned = redactor(store).cleaned(value, found)
    for kind, secret in found:
        if len(_learned) < MOST_LEARNED and secret not in _from_environment and is_learned(kind, secret):
            _learned.setdefault(secret, kind)
    return cleaned


def _look_at_environment() -> None:
    """Note the secrets of the environment when a variable changed since the last look (a third of a microsecond)."""
    global _variables
    now: Mapping[object, object] = vars(os.environ).get("_data") or dict(os.environ)
    if now == _variables:
        return
    _variables = dict(now)
    names = {Path.home().name, os.environ.get("USER", ""), os.environ.get("LOGNAME", "")}
    with suppress(OSError, KeyError, ImportError):
        names.add(getpass.getuser())
    _from_environment.update(environment_secrets(dict(os.environ), names))


def _lists(store: Store) -> dict[str, list[str]]:
    folder, now = str(store.folder), time.monotonic()
    read, lists = _settings.get(folder, (-SECONDS, {}))
    if now - read >= SECONDS:
        with suppress(StoreUnavailable, ValueError):
            lists = info.setting(store, SETTING)
        _settings[folder] = now, lists
    return lists


def secrets(
    *,
    pattern: str | None = None,
    allow: str | None = None,
    forget: str | None = None,
    store: Store | None = None,
) -> SecretsReport:
    """Which secrets are replaced before a run is stored, how many were; what else is one, or is none, may be added.

    Args:
        pattern: a regular expression; what it matches, or else its first group, is a secret from now on.
        allow: a text that is no secret, whatever it looks like.
        forget: a pattern or text that was added and no longer holds.
        store: the store that keeps these, or None for the one of the working directory.

    Raises:
        BadArgument: the pattern is none, matches everything, or may take forever; there is nothing to forget.
    """
    store = store or open_store()
    add: dict[str, str] = {}
    if pattern is not None:
        add["patterns"] = checked_pattern(pattern)
    if allow is not None:
        add["allowed"] = allow
    remove = _forgotten(forget, info.setting(store, SETTING)) if forget is not None else {}
    if add or remove:
        info.change_setting(store, SETTING, add=add, remove=remove)
        _settings.pop(str(store.folder), None)
    rules = redactor(store)
    replaced, runs = rows.redacted_total(store)
    return SecretsReport(
        replaced=replaced,
        runs=runs,
        variables=tuple(sorted({kind.removeprefix("value of ") for kind in _from_environment.values()})),
        kinds=tuple(sorted({shape.kind for shape in (*OWN, *plugin_shapes())}, key=str.lower)),
        patterns=rules.patterns,
        allowed=tuple(sorted(rules.allowed)),
        changed="; ".join(
            words.format(text)
            for words, text in (
                ("what matches {} is replaced", pattern),
                ("{} is no secret", allow),
                ("{} is forgotten", forget),
            )
            if text is not None
        ),
    )


def _forgotten(text: str, lists: Mapping[str, list[str]]) -> dict[str, str]:
    found = {key: text for key, values in lists.items() if text in values}
    if not found:
        known = [value for values in lists.values() for value in values]
        raise BadArgument(
            f"forget == {text[:200]!r}, was not added",
            f"%mlops secrets --forget {known[0]!r}" if known else "%mlops secrets",
        )
    return found


_TIMED = """
import re, sys
pattern = re.compile(sys.argv[1])
for unit in ("a", "0", "A", "a0", "ab", " ", "-", "_", "=", "a ", "aA0-", "a.", "/", sys.argv[1]):
    for end in ("", "!", "\\x00"):
        for begin in ("", "=", "a"):
            for _ in pattern.finditer((begin + unit * 4000)[:4000] + end): pass
"""


def checked_pattern(pattern: str) -> str:
    """The pattern, once it is known to be one that ends.

    Raises:
        BadArgument: it is no regular expression, matches the empty text, or takes too long on a hard text.
    """
    import subprocess

    example = r"%mlops secrets --pattern 'ACME-[0-9a-f]{32}'"
    shown = f"pattern == {pattern[:200]!r}"
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadArgument(f"{shown}, is no regular expression: {error}", example) from None
    if compiled.search("") or all(compiled.fullmatch(text) for text in ("a", "accuracy", "0.9")):
        raise BadArgument(f"{shown}, matches every text, so everything would be replaced", example)
    try:
        subprocess.run(
            [sys.executable, "-I", "-c", _TIMED, pattern],
            timeout=PATTERN_SECONDS + 1,
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise BadArgument(
            f"{shown}, takes too long on a text that almost matches: a repetition inside a repetition?", example
        ) from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise BadArgument(f"{shown}, could not be tried: {error}", example) from None
    return pattern
