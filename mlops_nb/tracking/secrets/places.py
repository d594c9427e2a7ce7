"""Where the secrets are in a text: by their shape, by the name they are given, by a pattern of the user's own."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mlops_nb.tracking.secrets.marks import Span
from mlops_nb.tracking.secrets.shapes import FAR_CLUES, OWN, PLUGIN_CLUES, Shape, own_clues, plugin_shapes
from mlops_nb.tracking.secrets.words import (
    ADDRESS,
    HASHLIKE,
    entropy,
    is_given_to,
    is_trivial,
    kind_of,
    looks_random,
    strength_of,
)

LONGEST_LINE = 4_000
"""A pattern that a user gave sees so many characters at once: one that is slow stays bounded."""

# What is looked for in a text.

_WORD = re.compile(r"[A-Za-z0-9_\-+/=.~%:]{20,}")
_NAME_CLUES = (
    *("pass", "pwd", "secret", "token", "key", "auth", "credential", "contrase", "cookie", "signature"),
    *("jwt", "session", "_pat", "_sas"),
)
_REST_OF_NAME = re.compile(
    r"(?P<rest>[\wñ\-]{2,40})(?P<close>(?:\\*[\"']|&quot;|&\#39;|&\#x27;)?\]?)"
    r"(?P<sep>[ \t]{0,8}(?::[ \t]?[A-Za-z][\w.|\[\] ]{0,40}[ \t]?=|:=|={1,3}|!=|=>|:|,)[ \t]{0,8}|[ \t]{1,4}(?=[^\s=]))"
    r"(?P<at>\([ \t]?)?(?:[rRbBuUfF]{0,2}"
    r"(?:\"(?:\"\")?(?P<double>(?:[^\"\\\n]|\\.){1,1000}+)\"|'(?:'')?(?P<single>(?:[^'\\\n]|\\.){1,1000}+)')|"
    r"\\+[\"'](?P<escaped>[^\"'\\\n]{1,1000}+)\\+[\"']|(?:&quot;|&\#39;|&\#x27;)(?P<html>[^&\n]{1,1000}+)&|"
    r"(?P<plain>[^\s\"'`,;&<>()\[\]{}\\]{4,1000}+)(?=[\s\"'`,;&<\\)]|$))"
)
_BEGIN_OF_NAME = re.compile(r"[\w.\-]{0,80}$")
_CALL = re.compile(r"(?:getenv|environ\.get|environ\.setdefault|setenv|environ\.pop|set_password)\(\s*[\"']$")
_PAIR = re.compile(
    r"auth\s?=\s?\(\s?(?:\"[^\"\n]*\"|'[^'\n]*'|[\w.]+),\s?(?:\"(?P<double>[^\"\n]{3,200})\"|'(?P<single>[^'\n]{3,200})')"
)
_SCHEMES = ("bearer ", "basic ", "token ", "apikey ")
_HEADER = re.compile(r"[A-Za-z]+[ \t]+(?P<value>[A-Za-z0-9\-._~+/]{8,4000}={0,2})")
_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----BEGIN )[\s\S]){0,20000}?"
    r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
)
_PEM_OPEN = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:\\+[nr]|[\s\"',>|+-])*[A-Za-z0-9+/=]{16,}){1,400}"
)
_PUTTY = re.compile(r"PuTTY-User-Key-File-\d[^\n]*\n(?:[A-Za-z-]+: [^\n]*\n(?:[A-Za-z0-9+/=]{1,76}\n)*){1,12}")
_BESIDE = ("key", "secret", "token", "password", "credential")
_KEY_OF = re.compile(r"(?:api|access|secret|private|auth\w{0,12}|account|encryption)[ _-]?$", re.IGNORECASE)
_BESIDE_WORD = re.compile(r"(?<![\w+/=.\-])[A-Za-z0-9+/_\-]{20,200}={0,2}(?![\w+/=])")
_DIGEST = re.compile(r"sha\d*|md5|hash|digest|checksum|fingerprint|integrity|commit|uuid|etag", re.IGNORECASE)


# Shapes.


def shaped(text: str, low: str) -> Iterator[Span]:
    """What has the shape of a credential; `low` is the text in lower case."""
    words = _WORD.findall(text)
    if words:
        for shape in _candidates("\n".join(words), low):
            yield from _of_shape(shape, text)
    if "://" in low and "@" in low:
        yield from _addresses(text)
    yield from _headers(text, low)
    if "private key" in low and "-----begin" in low:
        yield from (Span(*match.span(), 1, "private key") for match in _PEM.finditer(text))
        yield from (Span(*match.span(), 2, "private key") for match in _PEM_OPEN.finditer(text))
    if "putty-user-key-file" in low:
        yield from (Span(*match.span(), 1, "private key") for match in _PUTTY.finditer(text))


def _candidates(words: str, low: str) -> Iterator[Shape]:
    """The shapes that may be in a text, by their clues in its long words, or far from them."""
    near = {clue for clue in own_clues() if clue in words}
    yield from (one for one in OWN if (one.is_far and one.clues[0] in low) or not near.isdisjoint(one.clues))
    near = {clue for clue in PLUGIN_CLUES if clue in words} | {clue for clue in FAR_CLUES if clue in low}
    if near:
        yield from (one for one in plugin_shapes() if not near.isdisjoint(one.clues))


def _of_shape(shape: Shape, text: str) -> Iterator[Span]:
    for match in shape.pattern.finditer(text):
        start, end = match.span(shape.group)
        while start < end and text[start] in " \t\r\n=:\"'":  # some patterns take what is around
            start += 1
        while start < end and text[end - 1] in " \t\r\n\"'":
            end -= 1
        if _is_inside_word(text, start):
            continue
        if shape.is_bounded:
            if text[end : end + 1].isalnum():
                continue
        else:
            end = _WORD_END.match(text, end).end()  # type: ignore[union-attr]
        if not shape.is_random or looks_random(text[start:end].rpartition(":")[2] or text[start:end]):
            yield Span(start, end, 2 if shape.is_random else 1, shape.kind)


_WORD_END = re.compile(r"[A-Za-z0-9_\-]*")


def _is_inside_word(text: str, start: int) -> bool:
    """Whether a letter or digit stands before; the n of a written `\\n` does not count."""
    before = text[max(0, start - 2) : start]
    return before[-1:].isalnum() and not (before[0] == "\\" and before[-1] in "nrt")


def _addresses(text: str) -> Iterator[Span]:
    for match in ADDRESS.finditer(text):
        password = match["password"]
        if password is not None:
            if not is_trivial(password):
                yield Span(*match.span("password"), 2, "password")
        elif len(match["user"]) >= 20 and looks_random(match["user"]):
            yield Span(*match.span("user"), 2, "token")


def _headers(text: str, low: str) -> Iterator[Span]:
    for scheme in _SCHEMES:
        for at in _places(low, scheme, text):
            if match := _HEADER.match(text, at):
                value = match["value"].rstrip(".")
                if _is_basic(value) if scheme == "basic " else looks_random(value):
                    kind = "password" if scheme == "basic " else "token"
                    yield Span(match.start("value"), match.start("value") + len(value), 3, kind)


def _places(low: str, word: str, text: str) -> Iterator[int]:
    """Where a word stands in a text, given its lower case."""
    if len(low) != len(text):  # a letter whose lower case is two
        yield from (match.start() for match in re.finditer(re.escape(word), text, re.IGNORECASE))
        return
    at = low.find(word)
    while at >= 0:
        yield at
        at = low.find(word, at + 1)


def _is_basic(value: str) -> bool:
    """Whether it is user and password, as HTTP's basic authentication sends them (RFC 7617)."""
    try:
        return b":" in base64.b64decode(value.encode() + b"=" * (-len(value) % 4), validate=True).strip(b":")
    except ValueError:
        return False


# Names.


def named(text: str, low: str) -> Iterator[Span]:
    """What is given to a name that says so, or stands close behind it; `low` is the text in lower case."""
    clues = [(at, clue) for clue in _NAME_CLUES if clue in low for at in _places(low, clue, text)]
    for one in _assignments(text, sorted(at for at, _ in clues)):
        yield Span(*one.match.span(one.group), 4, kind_of(one.name))
    for at, clue in clues:
        if clue in _BESIDE:
            yield from _beside(text, at, clue)
        elif clue == "auth" and (match := _PAIR.match(text, at)):
            group = "double" if match["double"] else "single"
            if not is_trivial(match[group]):
                yield Span(*match.span(group), 4, "password")


class _Given(NamedTuple):
    """A value that is given to a name: `group` says in which quotes."""

    name: str
    match: re.Match[str]
    group: str


def _assignments(text: str, places: Iterable[int]) -> Iterator[_Given]:
    end = 0
    for at in places:
        if at < end or not (match := _REST_OF_NAME.match(text, at)):
            continue
        begin = _BEGIN_OF_NAME.search(text, max(0, at - 80), at)
        group = next(each for each in ("double", "single", "escaped", "html", "plain") if match[each] is not None)
        one = _Given((begin[0] if begin else "") + match["rest"], match, group)
        if _is_assignment(text, one):
            end = match.end()
            yield one


def _is_assignment(text: str, one: _Given) -> bool:
    match, group, value = one.match, one.group, one.match[one.group]
    name = one.name.lstrip("-")
    if not strength_of(name):
        return False
    separator, is_flag = match["sep"].strip(), one.name.startswith("--")
    if match["at"] or (is_flag and value.startswith("-")):
        return False
    if separator == "":
        return is_flag and not value.isupper() and is_given_to(name, value)
    if separator == ",":
        begin = match.start() - len(one.name) + len(match["rest"])
        is_told = is_flag or _CALL.search(text, max(0, begin - 40), begin)
        return bool(is_told and match["close"] and group != "plain" and is_given_to(name, value))
    return (group != "plain" or _is_plain_secret(name, match, is_flag)) and is_given_to(name, value)


_REFERENCE = re.compile(r"[A-Za-z_][\w.]*|[\d.,:+\-eE%]+|[A-Za-z_]\w*[=!<>]=?.*")


def _is_plain_secret(name: str, match: re.Match[str], is_flag: bool) -> bool:
    """Whether a value without quotes is one: what could be a variable or a number is not."""
    value, separator = match["plain"], match["sep"]
    if is_flag or looks_random(value):
        return strength_of(name) == "strong" or looks_random(value)
    if strength_of(name) == "weak" or re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+", value):
        return False
    after = match.string[match.end() : match.end() + 1]
    if separator == "=" and after == ";":  # a connection string
        return len(value) >= 4
    if separator == "=" and name.isupper() and after in ("", "\n", "\r", " ", "\\", '"', "'"):  # a line of a shell
        return len(value) >= 4
    if after == ")" or after == "," or _REFERENCE.fullmatch(value):
        is_word_and_number = bool(re.fullmatch(r"[A-Za-z]+\d+", value)) and after not in (")", ",")
        return is_word_and_number and len(value) >= 6 and separator in ("=", ": ")
    return len(value) >= 6 and any(c.isalpha() for c in value) and not re.search(r"[=*/+]{1}$|^[*/+=]", value)


def _beside(text: str, at: int, clue: str) -> Iterator[Span]:
    """What looks drawn by chance close behind a word that says what it is."""
    begin = at + len(clue)
    if clue == "key" and not (_KEY_OF.search(text, max(0, at - 16), at) or text.startswith(" is ", begin)):
        return
    stop = text.find("\n", begin, begin + 60)
    stop = min(begin + 60, len(text)) if stop < 0 else stop
    match = _BESIDE_WORD.search(text, begin, min(stop + 200, len(text)))
    if (
        match
        and match.start() < stop
        and _is_dense(match[0])
        and not _DIGEST.search(text, max(0, at - 60), match.start())
    ):
        yield Span(*match.span(), 5, kind_of(clue))


def _is_dense(value: str) -> bool:
    kinds = (any(c.islower() for c in value), any(c.isupper() for c in value), any(c.isdigit() for c in value))
    return all(kinds) and looks_random(value) and entropy(value) >= 3.7 and not HASHLIKE.fullmatch(value)


# Patterns of the user's own.


def of_pattern(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    """Where a pattern matches, line by line, a long line in overlapping parts."""
    at = 0
    for line in text.splitlines(keepends=True):
        for begin in range(0, len(line), LONGEST_LINE - 500):
            for match in pattern.finditer(line[begin : begin + LONGEST_LINE]):
                start, end = match.span(1 if pattern.groups and match[1] is not None else 0)
                if end > start:
                    yield Span(at + begin + start, at + begin + end, 1, "own pattern")
        at += len(line)
