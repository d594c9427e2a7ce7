"""What stands where a secret was: `[secret: GitHub token]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

MARK = re.compile(r"\[secret: [\w &./+-]{1,80}\]")
"""What stands where a secret was."""
_PICTURE = re.compile(r"data:[\w/+.;=-]{0,80};base64,[A-Za-z0-9+/=\s\\]{0,4000000}|\"bdata\":\s?\"[^\"]*\"")


def mark(kind: str) -> str:
    """What is put in the place of a secret.

    >>> mark("GitHub token")
    '[secret: GitHub token]'
    """
    return f"[secret: {kind}]"


class Span(NamedTuple):
    """A place in a text that is secret; of two that overlap the kind of the lower `rank` is told."""

    start: int
    end: int
    rank: int
    kind: str


class Redaction(NamedTuple):
    """A text as it may be kept, and the secrets that were in it: kind and value."""

    text: str
    found: tuple[tuple[str, str], ...] = ()


def masked(text: str) -> str:
    """The text with nothing to read where a secret was, or a picture is."""
    if "[secret: " in text:
        text = MARK.sub(_blank, text)
    return _PICTURE.sub(_blank, text) if ";base64," in text or '"bdata"' in text else text


def _blank(match: re.Match[str]) -> str:
    return "\0" * len(match[0])


def replaced(text: str, spans: Iterable[Span]) -> Redaction:
    """The text with each run of overlapping spans replaced once."""
    parts, found, at = list[str](), list[tuple[str, str]](), 0
    for one in _merged(spans):
        parts += text[at : one.start], mark(one.kind)
        found.append((one.kind, text[one.start : one.end]))
        at = one.end
    return Redaction("".join((*parts, text[at:])), tuple(found))


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for one in sorted(spans):
        if merged and one.start < merged[-1].end:
            last = merged[-1]
            best = min(last, one, key=lambda each: each.rank)
            merged[-1] = Span(last.start, max(last.end, one.end), best.rank, best.kind)
        elif one.end > one.start:
            merged.append(one)
    return merged


def is_redacted_from(kept: str, text: str) -> bool:
    """Whether a kept text is the given one with nothing but secrets replaced.

    >>> is_redacted_from('p = "[secret: password]"', 'p = "hunter2"'), is_redacted_from("a = 1", "a = 2")
    (True, False)
    """
    parts = MARK.split(kept)
    if len(parts) == 1:
        return kept == text
    if not (text.startswith(parts[0]) and text.endswith(parts[-1])):
        return False
    at, end = len(parts[0]), len(text) - len(parts[-1])
    for part in parts[1:-1]:
        at = text.find(part, at + 1)
        if at < 0:
            return False
        at += len(part)
    return at < end or (at == end and not parts[1:-1])
