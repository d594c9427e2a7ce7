"""What a name says of its value, and what a value that is secret looks like."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache

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


def kind_of(name: str) -> str:
    """What a secret of that name is called."""
    name = name.lower()
    return next((kind for part, kind in _KINDS.items() if part in name), "key" if "key" in name else "credential")


BY_NAME = frozenset((*_KINDS.values(), "key", "credential"))

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
HASHLIKE = re.compile(
    r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})|"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    re.IGNORECASE,
)
WORDY = re.compile(r"(?:v?\d{1,4}|[A-Z]?[a-z]{2,}\d{0,2}|[A-Z]{2,}\d{0,2}|[a-z]|[A-Z])")
PATH = re.compile(r"(?:~|\.{1,2})?/[\w.@ /-]+|[A-Za-z]:\\.*|[a-z][a-z0-9+]*://[^@\s]*", re.DOTALL)
ADDRESS = re.compile(r"://(?P<user>[^\s:/?#\[\]@\"'<>{}]{0,256})(?::(?P<password>[^\s/?#\"'<>]{1,256}))?@(?=[\w\[{$<])")
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
    if not 10 <= len(value) <= 4_000 or not _UNSPACED.fullmatch(value) or PATH.fullmatch(value):
        return False
    has_digit, has_letter = any(c.isdigit() for c in value), any(c.isalpha() for c in value)
    if not has_letter or not (has_digit or (any(c.isupper() for c in value) and any(c.islower() for c in value))):
        return False
    parts = [part for part in re.split(r"[_\-./:+=~]", value) if part]
    words = [word for part in parts for word in re.findall(r"[A-Z]?[a-z]+\d{0,2}|[A-Z]+\d{0,2}|\d+", part)]
    if all(WORDY.fullmatch(part) for part in parts) or (not has_digit and sum(map(len, words)) >= 3 * len(words)):
        return False
    return entropy(value) >= min(3.0, 0.75 * math.log2(len(value)))


def is_trivial(value: str, name: str = "") -> bool:
    """Whether a value says nothing: a placeholder, a reference to a variable, the name once more."""
    plain = value.strip(" \t?:;.,").lower()
    if len(plain) < 4 or plain in _TRIVIAL or _PLACEHOLDER.fullmatch(value.strip()) or "[secret:" in value:
        return True
    squeezed = re.sub(r"[\W_]", "", plain)
    return bool(name) and (squeezed in (said := re.sub(r"[\W_]", "", name.lower())) or squeezed == f"{said}s")


def is_given_to(name: str, value: str) -> bool:
    """Whether a quoted value, given to that name, is a secret."""
    strength = strength_of(name)
    if not strength or is_trivial(value, name):
        return False
    if strength == "weak":
        return looks_random(value)
    if PATH.fullmatch(value) or value[0] in "),;]}" or value.endswith(("=", ": ", "(")):
        return False
    is_password = bool(re.search(r"pass|pwd|contra", name, re.IGNORECASE))
    if not is_password and re.fullmatch(r"[a-z_]+(?:\.[a-z_]+)+", value):  # a module
        return False
    if any(sign.isspace() for sign in value):
        return "phrase" in name.lower() and len(value) < 200
    return is_password or len(value) >= 6
