"""Finds secrets in a text, and replaces each with what kind of secret it was: `[secret: GitHub token]`.

Known are the values of secret-named environment variables, credentials by their shape, values by the name they
are given (`password="..."`, `--token ...`), and what looks drawn by chance beside a word such as "key". It is best
effort. Ordinary hashes, UUIDs, pictures in base64, numbers, paths and long names are left alone.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import NamedTuple, TypeVar, cast
from urllib.parse import quote, quote_plus

from mlops_nb.record import Record
from mlops_nb.tracking.secrets.shapes import FAR_CLUES, OWN, PLUGIN_CLUES, Shape, own_clues, plugin_shapes

T = TypeVar("T")

MARK = re.compile(r"\[secret: [\w &./+-]{1,80}\]")
"""What stands where a secret was."""

LONGEST_LINE = 4_000
"""A pattern that a user gave sees so many characters at once: one that is slow stays bounded."""


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


# What a name must say.

_STRONG = (
    r"pass(?:words?|wd|phrase|code|wort)|pwd|contrase[ñn]a|client[_-]?secret|secrets?|"
    r"(?:secret|private|access|api|app|auth|encryption|signing|master|service|account|storage|subscription|shared|"
    r"webhook|client|consumer|license|admin|db|database)[_-]?(?:access[_-]?)?key|api[_-]?secret|credentials?"
)
_WEAK = r"token|auth|authorization|cookie|session[_-]?id|signature|jwt|bearer"
_SECRET_NAME = re.compile(
    rf"(?:.*?(?P<strong>{_STRONG})|(?P<weak>(?:.*(?:[_.\-]|access|auth|bearer|api|refresh|id))?(?:{_WEAK})|.+[_-](?:pat|sas|key)))"
    r"(?:[_-]?(?:\d{1,2}|value|str|prod|dev|test|staging|live))?",
    re.IGNORECASE | re.DOTALL,
)
_NO_SECRET = re.compile(
    r"(?:.*[_.-])?(?:pad|bos|eos|unk|sep|cls|mask|start|stop|end|special|next|prev|max|min|num|n|image|prompt|primary|"
    r"foreign|partition|sort|group|join|merge|index|cache|dict|map|row|column|public|hot|object|s3|bucket)[_.-]?(?:token|key|id)"
    r"|ssh_auth_sock|xauthority",
    re.IGNORECASE,
)
_KINDS = {
    "pass": "password",
    "pwd": "password",
    "contra": "password",
    "token": "token",
    "jwt": "token",
    "bearer": "token",
    "pat": "token",
    "secret": "secret",
    "client": "secret",
    "api": "API key",
}


_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def strength_of(name: str) -> str:
    """Whether a name says that its value is secret: "strong", "weak" (where the value looks so, too) or "".

    >>> [strength_of(name) for name in ("db_password", "hf_token", "OPENAI_API_KEY", "pad_token", "tokens", "n_tokens")]
    ['strong', 'weak', 'strong', '', '', '']
    """
    return _strength(name[-80:])


@lru_cache(maxsize=2_000)
def _strength(name: str) -> str:
    match = _SECRET_NAME.fullmatch(name)
    if match is None:
        match = _SECRET_NAME.fullmatch(_CAMEL.sub("_", name))
    if match is None or _NO_SECRET.fullmatch(name):
        return ""
    return "strong" if match["strong"] else "weak"


def _kind_of(name: str) -> str:
    """What a secret of that name is called."""
    name = name.lower()
    return next((kind for part, kind in _KINDS.items() if part in name), "key" if "key" in name else "credential")


_BY_NAME = frozenset((*_KINDS.values(), "key", "credential"))

# What a value must look like.

_TRIVIAL = frozenset(
    "true false none null nan default localhost root admin administrator user username name test guest anonymous "
    "example required optional string str text object int integer float bool boolean bytes any varchar char hidden "
    "enabled disabled yes no on off public private basic bearer digest oauth oauth2 value changeme redacted "
    "production development staging local placeholder undefined unknown missing empty postgres mysql sqlite python3 "
    "utf-8 password passwd secret token pwd pass same-origin include omit".split()
)
_PLACEHOLDER = re.compile(
    r"[<{\[(].*[>}\])]|\$[\w({].*|%[({\w].*|\W+|(.)\1*|(?:your|my|the|some|insert|enter|replace)[ _-].*|x{3,}.*|"
    r".*\.\.\.|(?:os\.|self\.|env\b|process\.env|settings\.|config\.).*|.*\{[^{}\n]{0,80}\}.*|.*\.(?:pem|key|crt|cer|json|txt|ya?ml|toml|env|py|ini|cfg|csv|db|p12|pub)|"
    r"(?:torch\.)?(?:u?int|float|complex|bool|datetime|timedelta)\d+(?:\[\w+\])?|\*{3,}.*",
    re.IGNORECASE | re.DOTALL,
)
_HASHLIKE = re.compile(
    r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})|"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    re.IGNORECASE,
)
_WORDY = re.compile(r"(?:v?\d{1,4}|[A-Z]?[a-z]{2,}\d{0,2}|[A-Z]{2,}\d{0,2}|[a-z]|[A-Z])")
_PATH = re.compile(r"(?:~|\.{1,2})?/[\w.@ /-]+|[A-Za-z]:\\.*|[a-z][a-z0-9+]*://[^@\s]*", re.DOTALL)


_UNSPACED = re.compile(r"[A-Za-z0-9_\-./+=~:%|!@#$^&*]+")


def entropy(text: str) -> float:
    """Shannon's entropy of the characters, in bits a character (Shannon 1948).

    >>> entropy("aaaa"), entropy("abab"), entropy("abcd")
    (0.0, 1.0, 2.0)
    """
    total = len(text)
    return -sum(n / total * math.log2(n / total) for n in Counter(text).values()) + 0.0


def looks_random(value: str) -> bool:
    """Whether a value looks drawn by chance: no words, no path, no number.

    >>> looks_random("kD83hfJs92mQ"), looks_random("model_v2_final"), looks_random("RandomForestClassifier")
    (True, False, False)
    """
    if not 10 <= len(value) <= 4_000 or not _UNSPACED.fullmatch(value) or _PATH.fullmatch(value):
        return False
    has_digit, has_letter = any(c.isdigit() for c in value), any(c.isalpha() for c in value)
    if not has_letter or not (has_digit or (any(c.isupper() for c in value) and any(c.islower() for c in value))):
        return False
    parts = [part for part in re.split(r"[_\-./:+=~]", value) if part]
    words = [word for part in parts for word in re.findall(r"[A-Z]?[a-z]+\d{0,2}|[A-Z]+\d{0,2}|\d+", part)]
    if all(_WORDY.fullmatch(part) for part in parts) or (not has_digit and sum(map(len, words)) >= 3 * len(words)):
        return False
    return entropy(value) >= min(3.0, 0.75 * math.log2(len(value)))


def is_trivial(value: str, name: str = "") -> bool:
    """Whether a value says nothing: a placeholder, a reference to a variable, the name once more."""
    plain = value.strip(" \t?:;.,").lower()
    if len(plain) < 4 or plain in _TRIVIAL or _PLACEHOLDER.fullmatch(value.strip()) or "[secret:" in value:
        return True
    squeezed = re.sub(r"[\W_]", "", plain)
    return bool(name) and (squeezed in (said := re.sub(r"[\W_]", "", name.lower())) or squeezed == f"{said}s")


def _is_given_to(name: str, value: str) -> bool:
    """Whether a quoted value, given to that name, is a secret."""
    strength = strength_of(name)
    if not strength or is_trivial(value, name):
        return False
    if strength == "weak":
        return looks_random(value)
    if _PATH.fullmatch(value) or value[0] in "),;]}" or value.endswith(("=", ": ", "(")):
        return False
    is_password = bool(re.search(r"pass|pwd|contra", name, re.IGNORECASE))
    if not is_password and re.fullmatch(r"[a-z_]+(?:\.[a-z_]+)+", value):  # a module
        return False
    if any(sign.isspace() for sign in value):
        return "phrase" in name.lower() and len(value) < 200
    return is_password or len(value) >= 6


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
_ADDRESS = re.compile(
    r"://(?P<user>[^\s:/?#\[\]@\"'<>{}]{0,256})(?::(?P<password>[^\s/?#\"'<>]{1,256}))?@(?=[\w\[{$<])"
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
_PICTURE = re.compile(r"data:[\w/+.;=-]{0,80};base64,[A-Za-z0-9+/=\s\\]{0,4000000}|\"bdata\":\s?\"[^\"]*\"")


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
        object.__setattr__(self, "_needles", _needles(self.exact))

    def redacted(self, text: str) -> Redaction:
        """The text with its secrets replaced, and which they were; never raises."""
        known: Redaction = (self._known_short if len(text) < 200 else self._known)(text)  # type: ignore[attr-defined]
        return known

    def _redacted(self, text: str) -> Redaction:
        found: list[tuple[str, str]] = []
        while True:  # what stood right beside a secret is a word of its own only now
            masked = _masked(text)
            spans = [one for one in self._spans(masked) if text[one.start : one.end] not in self.allowed]
            spans = [one for one in spans if "\0" not in masked[one.start : one.end]]
            if not spans:
                return Redaction(text, tuple(found))
            text, more = _replaced(text, spans)
            found += more

    def _spans(self, text: str) -> Iterator[Span]:
        for needle, kind in self._needles:  # type: ignore[attr-defined]
            if needle.value in text:
                yield from (Span(m.start(), m.end(), 0, kind) for m in needle.pattern.finditer(text))
        for pattern in self._compiled:  # type: ignore[attr-defined]
            yield from _of_pattern(pattern, text)
        low = text.lower()
        if len(text) >= 20:
            yield from _shaped(text, low)
        yield from _named(text, low)

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
        if not name or abs(value) < 1_000 or _kind_of(name) != "password":
            return value
        text = self._cleaned_text(str(value), found, name)
        return text if MARK.fullmatch(text) else value

    def _cleaned_text(self, text: str, found: set[tuple[str, str]], name: str) -> str:
        if len(text) < 4:
            return text
        if name and strength_of(name) and _is_given_to(name, text) and text not in self.allowed:
            found.add((kind := _kind_of(name), text))
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


def _masked(text: str) -> str:
    """The text with nothing to read where a secret was, or a picture is."""
    if "[secret: " in text:
        text = MARK.sub(_blank, text)
    return _PICTURE.sub(_blank, text) if ";base64," in text or '"bdata"' in text else text


def _blank(match: re.Match[str]) -> str:
    return "\0" * len(match[0])


def _replaced(text: str, spans: Iterable[Span]) -> Redaction:
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


# The values of environment variables.


class _Needle(NamedTuple):
    value: str
    pattern: re.Pattern[str]


@lru_cache(maxsize=64)
def _needle(value: str) -> _Needle:
    """How a value is looked for: one that could be a word or a number only where it stands by itself."""
    is_plain = value.isalpha() or value.isdigit()
    around = (r"(?<![A-Za-z0-9_.])", r"(?![A-Za-z0-9_])") if is_plain and len(value) < 16 else ("", "")
    return _Needle(value, re.compile(around[0] + re.escape(value) + around[1]))


def _needles(exact: Mapping[str, str]) -> list[tuple[_Needle, str]]:
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
        if "://" in value and (match := _ADDRESS.search(value)) and match["password"]:
            if len(match["password"]) >= 6 and not is_trivial(match["password"]):
                found[match["password"]] = kind
        elif _is_secret_variable(name, value) and value not in known:
            found[value] = kind
    return found


def _is_secret_variable(name: str, value: str) -> bool:
    strength = strength_of(name)
    if not strength or len(value) < 6 or is_trivial(value, name) or _PATH.fullmatch(value):
        return False
    if value.isdigit() or (value.isalpha() and value.islower()):
        return len(value) >= 8
    return strength == "strong" or not _WORDY.fullmatch(value)


# Shapes.


def _shaped(text: str, low: str) -> Iterator[Span]:
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
    for match in _ADDRESS.finditer(text):
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


def _named(text: str, low: str) -> Iterator[Span]:
    clues = [(at, clue) for clue in _NAME_CLUES if clue in low for at in _places(low, clue, text)]
    for one in _assignments(text, sorted(at for at, _ in clues)):
        yield Span(*one.match.span(one.group), 4, _kind_of(one.name))
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
        return is_flag and not value.isupper() and _is_given_to(name, value)
    if separator == ",":
        begin = match.start() - len(one.name) + len(match["rest"])
        is_told = is_flag or _CALL.search(text, max(0, begin - 40), begin)
        return bool(is_told and match["close"] and group != "plain" and _is_given_to(name, value))
    return (group != "plain" or _is_plain_secret(name, match, is_flag)) and _is_given_to(name, value)


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
        yield Span(*match.span(), 5, _kind_of(clue))


def _is_dense(value: str) -> bool:
    kinds = (any(c.islower() for c in value), any(c.isupper() for c in value), any(c.isdigit() for c in value))
    return all(kinds) and looks_random(value) and entropy(value) >= 3.7 and not _HASHLIKE.fullmatch(value)


# Patterns of the user's own.


def _of_pattern(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    """Where a pattern matches, line by line, a long line in overlapping parts."""
    at = 0
    for line in text.splitlines(keepends=True):
        for begin in range(0, len(line), LONGEST_LINE - 500):
            for match in pattern.finditer(line[begin : begin + LONGEST_LINE]):
                start, end = match.span(1 if pattern.groups and match[1] is not None else 0)
                if end > start:
                    yield Span(at + begin + start, at + begin + end, 1, "own pattern")
        at += len(line)


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


def counted(found: Iterable[tuple[str, str]]) -> int:
    """How many different secrets were found; a variable's value is one in whatever form it turned up."""
    return len({kind if kind.startswith("value of ") else value for kind, value in found})


def is_learned(kind: str, value: str) -> bool:
    """Whether a secret that a name gave away is to be replaced without the name, too: not if it could be a word."""
    if kind not in _BY_NAME or len(value) < 8:
        return False
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
