"""Finds secrets in a text, and replaces each with what kind of secret it was: `[secret: GitHub token]`.

Known are the values of secret-named environment variables, credentials by their shape, values by the name they
are given (`password="..."`, `--token ...`), and what looks drawn by chance beside a word such as "key". It is best
effort. Ordinary hashes, UUIDs, pictures in base64, numbers, paths and long names are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TypeVar, cast

from mlops_nb.record import Record
from mlops_nb.tracking.secrets.environment import needles
from mlops_nb.tracking.secrets.marks import MARK, Redaction, Span, mark, masked, replaced
from mlops_nb.tracking.secrets.places import named, of_pattern, shaped
from mlops_nb.tracking.secrets.words import BY_NAME, is_given_to, kind_of, strength_of

T = TypeVar("T")


@dataclass(frozen=True)
class Redactor:
    """The rules that hold: a text goes in, and comes out without its secrets.

    Args:
        exact: values that are secret wherever they turn up, and what each is called.
        patterns: what else is secret, as regular expressions; where one has a group, only that.
        allowed: values that are no secrets, whatever they look like.
    """

    exact: Mapping[str, str]
    patterns: tuple[str, ...] = ()
    allowed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", [re.compile(pattern) for pattern in self.patterns])
        object.__setattr__(self, "_known_short", lru_cache(maxsize=1_000)(self._redacted))
        object.__setattr__(self, "_known", lru_cache(maxsize=16)(self._redacted))
        object.__setattr__(self, "_needles", needles(self.exact))

    def redacted(self, text: str) -> Redaction:
        """The text with its secrets replaced, and which they were; never raises."""
        known: Redaction = (self._known_short if len(text) < 200 else self._known)(text)  # type: ignore[attr-defined]
        return known

    def _redacted(self, text: str) -> Redaction:
        found: list[tuple[str, str]] = []
        while True:  # what stood right beside a secret is a word of its own only now
            readable = masked(text)
            spans = [one for one in self._spans(readable) if text[one.start : one.end] not in self.allowed]
            spans = [one for one in spans if "\0" not in readable[one.start : one.end]]
            if not spans:
                return Redaction(text, tuple(found))
            text, more = replaced(text, spans)
            found += more

    def _spans(self, text: str) -> Iterator[Span]:
        for needle, kind in self._needles:  # type: ignore[attr-defined]
            if needle.value in text:
                yield from (Span(m.start(), m.end(), 0, kind) for m in needle.pattern.finditer(text))
        for pattern in self._compiled:  # type: ignore[attr-defined]
            yield from of_pattern(pattern, text)
        low = text.lower()
        if len(text) >= 20:
            yield from shaped(text, low)
        yield from named(text, low)

    def cleaned(self, value: T, found: set[tuple[str, str]], name: str = "") -> T:
        """A value with the secrets in all its texts replaced; they are added to `found`.

        Dicts, lists, tuples and records are gone through; a value under a name that says so is secret whole.
        """
        return cast(T, self._cleaned(value, found, name))

    def _cleaned(self, value: object, found: set[tuple[str, str]], name: str) -> object:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if isinstance(value, str):
            return self._cleaned_text(value, found, name)
        if isinstance(value, dict):
            return self._cleaned_dict(value, found, name)
        if isinstance(value, list | tuple):
            return kind([self._cleaned(item, found, name) for item in value]) if kind in (list, tuple) else value
        if kind is int:
            return self._cleaned_number(cast(int, value), found, name)
        if isinstance(value, Record):
            return self._cleaned_record(value, found)
        return self._cleaned_dict(value, found, name) if isinstance(value, Mapping) else value

    def _cleaned_number(self, value: int, found: set[tuple[str, str]], name: str) -> object:
        """A password may be a number."""
        if not name or abs(value) < 1_000 or kind_of(name) != "password":
            return value
        text = self._cleaned_text(str(value), found, name)
        return text if MARK.fullmatch(text) else value

    def _cleaned_text(self, text: str, found: set[tuple[str, str]], name: str) -> str:
        if len(text) < 4:
            return text
        if name and strength_of(name) and is_given_to(name, text) and text not in self.allowed:
            found.add((kind := kind_of(name), text))
            return mark(kind)
        done = self.redacted(text)
        found.update(done.found)
        return done.text

    def _cleaned_dict(self, value: Mapping[str, object], found: set[tuple[str, str]], name: str) -> dict[str, object]:
        return {
            self._cleaned_text(key, found, "") if isinstance(key, str) else key: item
            if isinstance(key, str) and is_picture(key)
            else self._cleaned(item, found, key if isinstance(key, str) else name)
            for key, item in value.items()
        }

    def _cleaned_record(self, value: Record, found: set[tuple[str, str]]) -> object:
        if type(value).__name__ in _WITHOUT:
            return value
        changed = {}
        for field in _fields_of(type(value)):
            before = getattr(value, field)
            name = str(getattr(value, "name", "")) if field == "value" else ""
            after = self._cleaned(before, found, name)
            if after is not before and after != before:
                changed[field] = after
        return replace(value, **changed) if changed else value  # type: ignore[type-var]


_fields: dict[type, tuple[str, ...]] = {}


def _fields_of(kind: type) -> tuple[str, ...]:
    if kind not in _fields:
        _fields[kind] = tuple(each.name for each in fields(kind))
    return _fields[kind]


_PLAIN = (type(None), bool, float)
_WITHOUT = frozenset(("Environment", "Usage", "DataFingerprint", "Artifact", "Metric"))
"""Records that hold no text of the user's but names of columns and files."""


def is_picture(kind: str) -> bool:
    """Whether content of that MIME type is no text."""
    return kind.startswith(("image/", "audio/", "video/", "application/pdf", "application/octet-stream")) and (
        "svg" not in kind
    )


def counted(found: Iterable[tuple[str, str]]) -> int:
    """How many different secrets were found; a variable's value is one in whatever form it turned up."""
    return len({kind if kind.startswith("value of ") else value for kind, value in found})


def is_learned(kind: str, value: str) -> bool:
    """Whether a secret that a name gave away is to be replaced without the name, too: not if it could be a word."""
    if kind not in BY_NAME or len(value) < 8:
        return False
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
