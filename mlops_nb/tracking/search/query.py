"""The query language of runs: text in, a checked condition out.

    metrics.accuracy > 0.9 and (params.depth <= 5 or tags.kind = 'baseline') and started > '2026-11-01'

**Names.** `metrics.NAME` is the last value logged; `.min`, `.max`, `.mean`, `.best`, `.count` or `.last` after it
sum up all of them. `params.NAME`, `tags.NAME`, and the attributes of a run (`ATTRIBUTES`). Odd names are quoted:
metrics."val loss".min, tags.`a b`; a quoted name is taken whole. `text match 'words'` looks in names, notes and code.

**Operators.** = != < <= > >=, in (a, b), not in, like (% any text, _ any character, case does not matter), not like,
is null, is not null, exists; and, or, not and parentheses. A condition is true or false, never unknown: it is false
where the run does not have the thing, also with != and not in, and `not` of it is true there.

**Values.** In quotes (doubled inside) or bare, as far as the next space, bracket, comma or operator.

- A number compares with numbers, and with text that reads as one (`tags.fold < 3`); True is not 1.
- Text in quotes compares with text, by code points; with a number where it reads as one (`params.depth = '5'`).
- Bare true, false and none compare with those values, and with text that reads so.
- NaN: `= nan` finds it, it differs (!=) from every number, and no order (<, >) holds for it.
- `is null` is true where there is none, or where a parameter's value is None; `exists` where there is one, even None.
  Of a metric that was never a number, `.min`, `.max`, `.mean` and `.best` are null.
- Times are UTC: a date, an ISO time, now, today, yesterday, or so long ago: -7d, -12h, -30m, -2w. `=` means within
  the day, minute or second that was written; < and > compare with its first moment.
- Spans are seconds, or 90s, 5m, 2h, 1d. A commit or uid is equal to what it begins with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, Protocol, get_args
from unicodedata import combining, east_asian_width

from mlops_nb.errors import BadQuery, nearest
from mlops_nb.tracking.runs import Kind, Status
from mlops_nb.tracking.values import text_number

MAX_LENGTH = 200_000
MAX_CONDITIONS = 250
MAX_DEPTH = 50
MAX_NUMBERS = 500
"""Bounds of a query: its characters, conditions, nested parentheses, and numbers with decimals in one list."""

Group = Literal["metrics", "params", "tags", "run"]
Part = Literal["last", "min", "max", "mean", "best", "count"]
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "not like"]
Kind_ = Literal["text", "number", "time", "span", "choice", "bool", "prefix"]

GROUPS = ("metrics", "params", "tags")
PARTS: tuple[Part, ...] = get_args(Part)
ATTRIBUTES: dict[str, Kind_] = {
    "name": "text",
    "status": "choice",
    "kind": "choice",
    "started": "time",
    "ended": "time",
    "duration": "span",
    "id": "number",
    "uid": "prefix",
    "parent": "number",
    "notebook": "text",
    "note": "text",
    "error": "text",
    "estimator": "text",
    "data": "text",
    "git.commit": "prefix",
    "git.branch": "text",
    "git.dirty": "bool",
    "cpu_seconds": "span",
    "peak_memory_bytes": "number",
}
"""The attributes of a run, and how each compares. `error` is the exception's type, `estimator` a class of one; `data`
is the name of something that was read, or the beginning of its fingerprint, from six letters on."""

CHOICES: dict[str, tuple[str, ...]] = {"status": get_args(Status), "kind": get_args(Kind)}
SIGNS = ("=", "!=", "<", "<=", ">", ">=")
ORDERS = ("<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Field:
    """What a condition is about: a metric (a part of it), a parameter, a tag or an attribute of the run."""

    group: Group
    name: str
    part: Part = "last"

    def __str__(self) -> str:
        if self.group == "run":
            return self.name
        name = written(self.name)
        if name == self.name and self.group == "metrics" and name.rpartition(".")[2] in PARTS and "." in name:
            name = f'"{name}"'
        return f"{self.group}.{name}{'' if self.part == 'last' else f'.{self.part}'}"


@dataclass(frozen=True, slots=True)
class Value:
    """What a field is compared with: as it was written, and what it reads as.

    `word` is true, false, none or nan where one was written bare; `number` is a number, a moment or a span;
    `is_text` when it was quoted or reads as nothing else; `seconds` is how long the moment that was written lasts.
    """

    text: str
    number: int | float | None = None
    word: Literal["", "true", "false", "none", "nan"] = ""
    is_text: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field against a value, or several for `in`."""

    field: Field
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether the run has the field: `exists`, `null` or `not null`."""

    field: Field
    state: Literal["exists", "null", "not null"]


@dataclass(frozen=True, slots=True)
class TextMatch:
    """Every word (a phrase, where it has spaces; a beginning, where it ends in *) is in name, note or code."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Every word is somewhere in the run's name, number, status, kind, parameters or tags: what a filter box means."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Among:
    """The run is one of these, by number."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Every one of the conditions; true without any."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions."""

    conditions: tuple[Condition, ...]


Condition = Comparison | Presence | TextMatch | Words | Among | Not | All | AnyOf


@dataclass(frozen=True, slots=True)
class Order:
    """A field to sort by."""

    field: Field
    is_descending: bool = False


class Names(Protocol):
    """The names that metrics, parameters and tags have in a store."""

    def has(self, group: str, name: str) -> bool:
        """Whether a run has one of that name."""

    def of(self, group: str) -> Sequence[str]:
        """All of them."""


def equal(attribute: str, value: str) -> Comparison:
    """The condition that an attribute is this text."""
    return Comparison(Field("run", attribute), "=", (Value(value, is_text=True),))


def conjunction(*conditions: Condition | None) -> All:
    """All of the conditions that there are."""
    return All(tuple(one for one in conditions if one is not None))


_IS_QUERY = re.compile(
    r"[=<>]|\b(?:not\s+)?in\s*\(|\bis\s+(?:not\s+)?null\b[\s)]*$"
    r"|^[\s(]*(?:not[\s(]+)*(?:(?:metrics|params|tags)\.\S"
    rf"|(?:text|{'|'.join(map(re.escape, ATTRIBUTES))})\s{{1,9}}(?:(?:not\s{{1,9}})?(?:in|like|match)|is|exists)\b)",
    re.IGNORECASE,
)


_IS_FILTER_QUERY = re.compile(
    r"^[\s(]*(?:not[\s(]+)*(?:(?:metrics|params|tags)\.\S"
    rf"|(?:text|{'|'.join(map(re.escape, ATTRIBUTES))})"
    r"(?:\s{1,9}(?:[=!]|(?:not|in|like|match|is|exists)\b)|\s{0,9}[<>]|!=))",
    re.IGNORECASE,
)


def is_query(text: str) -> bool:
    """Whether a text has an operator; without one it is a name, or words.

    >>> [is_query(text) for text in ("a forest", "plays in the garden", "name like a%", "metrics.f1>0.9")]
    [False, False, True, True]
    """
    return bool(_IS_QUERY.search(text))


def parse(text: str, *, now: float, names: Names) -> Condition:
    """The condition that a query means.

    Args:
        text: the query.
        now: the moment that relative times count from.
        names: the names there are in the store.

    Raises:
        BadQuery: the place of the mistake, and the nearest name that would be right.
    """
    if len(text) > MAX_LENGTH:
        raise BadQuery(f"the query has {len(text):,} characters, at most {MAX_LENGTH:,} are read")
    return _Parser(_storable(text), now, names).whole()


def parse_order(text: str, *, names: Names) -> Order | None:
    """The field that a sort means, downwards with a leading `-`; None where nothing is called that.

    A bare name that is no attribute is a metric's.
    """
    name, is_descending = _storable(text.removeprefix("-")), text.startswith("-")
    if name in ATTRIBUTES:
        return Order(Field("run", name), is_descending)
    if names.has("metrics", name):
        return Order(Field("metrics", name), is_descending)
    try:
        parser = _Parser(name, 0.0, names)
        field = parser.field(parser.next())
        return Order(field, is_descending) if parser.token.kind == "end" else None
    except BadQuery:
        return None


def search_words(text: str) -> TextMatch | None:
    """The words and "quoted phrases" of a full-text search; None where there is not one letter or digit."""
    found = re.findall(r'"([^"]*)"?|(\S+)', _storable(text).replace("\0", " "))
    words = tuple(word for phrase, bare in found if any(map(str.isalnum, word := phrase or bare)))
    return TextMatch(words) if words else None


def is_filter_query(text: str) -> bool:
    """Whether what stands in a filter box is a query; words may have an `=` in them there, as `team=delays`.

    >>> [is_filter_query(text) for text in ("forest depth=3", "params.depth=3", "status = failed", "kind=a", "id>3")]
    [False, True, True, False, True]
    """
    return bool(_IS_FILTER_QUERY.search(text))


def filter_words(text: str) -> Words | None:
    """The words of a filter box; None where there are none."""
    words = tuple(_storable(text).lower().replace("\0", " ").split()[:MAX_DEPTH])
    return Words(words) if words else None


def _storable(text: str) -> str:
    """The text as the store keeps texts: a lone surrogate is a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


# reading


@dataclass(frozen=True, slots=True)
class _Token:
    """A bracket, comma, sign, term or the end; `start` and `end` are its place.

    A term is what stands without a space between: bare and quoted chunks.
    """

    kind: Literal["mark", "sign", "term", "end"]
    text: str
    start: int
    end: int
    chunks: tuple[tuple[bool, str], ...] = ()

    @property
    def word(self) -> str:
        """A bare term in lower case; empty for everything else."""
        return self.text.lower() if self.kind == "term" and not any(quoted for quoted, _ in self.chunks) else ""


_SPACE = re.compile(r"\s*")
_SIGN = re.compile(r"<=|>=|!=|<>|==|[=<>]")
_BARE = re.compile(r"""[^\s()<>=!,'"`]+""")
_SAME = {"==": "=", "<>": "!="}


def written(text: str) -> str:
    """A text as a query writes it: bare where it can stand so, else in quotes.

    >>> print(written("baseline"), written("it's mine"))
    baseline "it's mine"
    """
    return text if _BARE.fullmatch(text) and text.isprintable() else '"' + text.replace('"', '""') + '"'


class _Parser:
    """Recursive descent, bounded in depth; every method leaves `token` at what comes after."""

    def __init__(self, text: str, now: float, names: Names) -> None:
        self.text, self.now, self.names = text, now, names
        self.conditions = self.depth = 0
        self.token = self._read(0)

    def whole(self) -> Condition:
        """The condition of all of the text."""
        if self._is_over():
            raise self._bad("the query is empty", self.token, fix="metrics.accuracy > 0.9")
        found = self._any()
        if self._is_over():
            return found
        if self.token.text == ")":
            raise self._bad("this ) has no ( before it", self.token)
        near = {"&": "and", "&&": "and", "|": "or", "||": "or", ",": "and"}.get(self.token.text, "")
        if near:
            raise self._bad(f"write {near}", self.token, near)
        shown = _shown(self.token.text)
        raise self._bad(
            f"{shown} is not expected here: `and` or `or` goes on, text of several words needs quotes", self.token
        )

    # tokens

    def _is_over(self) -> bool:
        return self.token.kind == "end"

    def _read(self, at: int) -> _Token:
        start = _SPACE.match(self.text, at).end()  # type: ignore[union-attr]
        if start == len(self.text):
            return _Token("end", "", start, start)
        char = self.text[start]
        if char in "(),":
            return _Token("mark", char, start, start + 1)
        if sign := _SIGN.match(self.text, start):
            return _Token("sign", _SAME.get(sign[0], sign[0]), start, sign.end())
        if char == "!":
            raise self._bad("! stands only in !=", _Token("mark", char, start, start + 1), "not ")
        return self._term(start)

    def _term(self, start: int) -> _Token:
        chunks, at = list[tuple[bool, str]](), start
        while at < len(self.text):
            if (quote := self.text[at]) in "'\"`":
                chunk, at = self._quoted(at, quote)
                chunks.append((True, chunk))
            elif bare := _BARE.match(self.text, at):
                chunks.append((False, bare[0]))
                at = bare.end()
            else:
                break
        return _Token("term", "".join(chunk for _, chunk in chunks), start, at, tuple(chunks))

    def _quoted(self, start: int, quote: str) -> tuple[str, int]:
        at = start + 1
        while (close := self.text.find(quote, at)) >= 0 and self.text[close + 1 : close + 2] == quote:
            at = close + 2
        if close < 0:
            raise self._bad("this quote is not closed", _Token("mark", quote, start, start + 1))
        return self.text[start + 1 : close].replace(quote * 2, quote), close + 1

    def next(self) -> _Token:
        """The token, and go on to the one after it."""
        token = self.token
        if token.kind != "end":
            self.token = self._read(token.end)
        return token

    def _skip(self, *words: str) -> bool:
        """Go past a bare word, if it is there."""
        found = self.token.word in words
        if found:
            self.next()
        return found

    # conditions

    def _any(self) -> Condition:
        found = [self._all()]
        while self._skip("or"):
            found.append(self._all())
        return found[0] if len(found) == 1 else AnyOf(tuple(found))

    def _all(self) -> Condition:
        found = [self._one()]
        while self._skip("and"):
            found.append(self._one())
        return found[0] if len(found) == 1 else All(tuple(found))

    def _one(self) -> Condition:
        token = self.token
        if token.word != "not" and token.text != "(":
            return self._condition()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._bad(f"more than {MAX_DEPTH} parentheses and nots are nested here", token)
        self.next()
        if token.word == "not":
            found: Condition = Not(self._one())
        else:
            found = self._any()
            if self.token.text != ")" or self.token.kind != "mark":
                raise self._bad("this ( is not closed", token)
            self.next()
        self.depth -= 1
        return found

    def _condition(self) -> Condition:
        self.conditions += 1
        token = self.next()
        if self.conditions > MAX_CONDITIONS:
            raise self._bad(f"more than {MAX_CONDITIONS} conditions; a list is written name in (a, b)", token)
        if token.kind != "term":
            what = f"{_shown(token.text)} is not expected" if token.text else "the query ends"
            raise self._bad(f"{what} where a condition should be, such as metrics.accuracy > 0.9", token)
        if token.word == "text":
            return self._text_match()
        field = self.field(token)
        operator = self.next()
        if operator.kind == "sign":
            return Comparison(field, operator.text, (self._value(field, operator),))  # type: ignore[arg-type]
        negated = operator.word == "not" and bool(self.token.word)
        word = self.next() if negated else operator
        match word.word:
            case "exists" if not negated:
                return Presence(field, "exists")
            case "is" if not negated:
                return self._null(field)
            case "in":
                return Comparison(field, "not in" if negated else "in", self._list(field, word))
            case "like":
                sign = replace(word, text="like")
                return Comparison(field, "not like" if negated else "like", (self._value(field, sign),))
            case "match":
                raise self._bad("only text is matched: text match 'words'", token, "text")
        shown = _shown(self.text[token.start : token.end])
        what = "an operator is missing after" if word.kind == "end" else f"{_shown(word.text)} is no operator for"
        near = nearest(word.word, ("in", "like", "exists", "match")) if len(word.word) > 2 else ""
        raise self._bad(f"{what} {shown}: = != < <= > >= in like is null exists", word, near)

    def _null(self, field: Field) -> Presence:
        negated = self._skip("not")
        token = self.next()
        if token.word not in ("null", "none"):
            raise self._bad("after `is` comes null or not null", token, "null")
        return Presence(field, "not null" if negated else "null")

    def _text_match(self) -> Condition:
        negated = self._skip("not")
        token = self.next()
        if token.word != "match":
            raise self._bad("text is searched with match: text match 'words'", token, "match")
        value = self.next()
        if value.kind != "term":
            raise self._bad("the words to look for are missing", value, " forest")
        found = search_words(value.text)
        if found is None:
            raise self._bad("there is no word to look for", value)
        return Not(found) if negated else found

    # fields

    def field(self, token: _Token) -> Field:
        """The field that a term names."""
        first = "" if not token.chunks or token.chunks[0][0] else token.chunks[0][1]
        group, dot, _ = first.partition(".")
        if dot and group in GROUPS:
            return self._named(token, group)  # type: ignore[arg-type]
        if token.word in ATTRIBUTES:
            return Field("run", token.word)
        raise self._bad(*self._unknown(token))

    def _named(self, token: _Token, group: Group) -> Field:
        quoted, last = token.chunks[-1]
        name, part = token.text[len(group) + 1 :], ""
        if group == "metrics" and not quoted:
            before, dot, part = last.rpartition(".")
            is_part = dot and part in PARTS and (len(token.chunks) > 1 or before != group)
            name, part = (name[: -len(part) - 1], part) if is_part else (name, "")
        field = Field(group, name, part or "last")  # type: ignore[arg-type]
        if not self.names.has(group, name):
            known = self.names.of(group)
            near = nearest(name, known) or next((each for each in known if name and each.startswith(name)), "")
            what = f"no run has a {group[:-1]} {_shown(name)}" if name else f"{group}. needs a name"
            near = str(replace(field, name=near)) if near else ""
            metric, dot, mistyped = name.rpartition(".")
            if group == "metrics" and dot and self.names.has(group, metric) and (meant := nearest(mistyped, PARTS)):
                near = str(Field(group, metric, meant))  # type: ignore[arg-type]
            raise self._bad(what + (f"; the nearest is {near}" if near else ""), token, near)
        return field

    def _unknown(self, token: _Token) -> tuple[str, _Token, str]:
        word = token.text
        what = f"{_shown(word)} is not a name that runs have"
        for group in GROUPS:
            if self.names.has(group, word):
                near = str(Field(group, word))  # type: ignore[arg-type]
                return f"{what}; the {group[:-1]} is {near}", token, near
        head, _, rest = word.partition(".")
        if rest and (group := nearest(head.lower(), GROUPS)):
            near = str(Field(group, rest))  # type: ignore[arg-type]
        else:
            named = {name: str(Field(group, name)) for group in reversed(GROUPS) for name in self.names.of(group)}  # type: ignore[arg-type]
            named |= {name: name for name in (*ATTRIBUTES, "text")}
            named |= {name.rpartition(".")[2]: name for name in ATTRIBUTES if "." in name}
            near = named.get(nearest(word.lower(), named), "")
        hint = f"; the nearest is {near}" if near else ": metrics.NAME, params.NAME, tags.NAME, status, started"
        return what + hint, token, near

    # values

    def _list(self, field: Field, operator: _Token) -> tuple[Value, ...]:
        opening = self.next()
        if opening.text != "(" or opening.kind != "mark":
            raise self._bad("after `in` comes a list: (a, b)", opening)
        found: list[Value] = []
        while True:
            found.append(self._value(field, operator))
            token = self.next()
            if token.kind == "mark" and token.text == ")":
                break
            if token.kind != "mark" or token.text != ",":
                raise self._bad("in a list stands , or ) after each value", token)
        if sum(isinstance(value.number, float) for value in found) > MAX_NUMBERS:
            raise self._bad(f"more than {MAX_NUMBERS} numbers with decimals in one list", opening)
        return tuple(found)

    def _value(self, field: Field, operator: _Token) -> Value:
        token = self.next()
        if token.kind != "term":
            raise self._bad(f"a value is missing after {operator.text}", token)
        value = self._literal(token)
        kind = _compares(field)
        if operator.word == "like":
            if kind not in ("any", "text", "choice", "prefix"):
                raise self._bad(f"like is for text; {field} is a {_KIND_WORDS[kind]}", operator, "=")
            return value
        if operator.text in ORDERS and (value.word or kind in ("choice", "bool")):
            what = _shown(token.text) if value.word else str(field)
            raise self._bad(f"{what} has no order: use = or !=", operator, "=")
        return self._converted(field, kind, value, token)

    def _literal(self, token: _Token) -> Value:
        word = token.word
        if not word:
            return Value(token.text, is_text=True)
        if word in ("true", "false", "none", "nan"):
            return Value(token.text, word=word)  # type: ignore[arg-type]
        if re.fullmatch(r"[+-]?inf(inity)?", word):
            return Value(token.text, float(word))
        number = text_number(token.text)
        return Value(token.text, number, is_text=number is None)

    def _converted(self, field: Field, kind: str, value: Value, token: _Token) -> Value:
        """The value as the field compares it."""
        shown = _shown(token.text)
        match kind:
            case "number":
                number = value.number if value.number is not None else text_number(value.text)
                if number is None and not (value.word == "nan" and field.group == "metrics"):
                    raise self._bad(f"{field} is a number, {shown} is not", token)
                return replace(value, number=number, is_text=False)
            case "span":
                if (seconds := _span(value.text)) is None:
                    raise self._bad(f"{field} is in seconds, or 90s, 5m, 2h, 1d; {shown} is not", token)
                return Value(value.text, seconds)
            case "time":
                if (when := moment(value.text, self.now)) is None:
                    raise self._bad(f"{shown} is no time: 2026-11-01, '2026-11-01 12:30', today or -7d", token)
                return Value(value.text, when[0], seconds=when[1])
            case "bool":
                if value.text.lower() not in ("true", "false"):
                    raise self._bad(f"{field} is true or false", token, nearest(value.text.lower(), ("true", "false")))
                return Value(value.text, int(value.text.lower() == "true"))
            case "choice":
                known = CHOICES[field.name]
                text = value.text.upper() if field.name == "status" else value.text.lower()
                if text not in known:
                    near = nearest(text, known)
                    raise self._bad(f"{shown} is no {field.name}: {', '.join(known)}", token, near)
                return Value(text, is_text=True)
            case "text" | "prefix":
                return Value(value.text, is_text=True)
        return value

    def _bad(self, what: str, token: _Token, near: str = "", *, fix: str = "") -> BadQuery:
        """What is wrong with the token, where it is, and, with `near` in its place, what would be right."""
        if near:
            fix = self.text[: token.start] + near + self.text[token.end :]
        fix = f"%mlops runs {_one_line(fix.strip(), 300)}" if fix and len(fix) < 300 else ""
        raise BadQuery(
            f"{_one_line(what, 500)}\n{_pointed(self.text, token.start, token.end)}", fix, token.start, token.end
        )


_KIND_WORDS = {"number": "number", "span": "number of seconds", "time": "time", "bool": "yes or no"}


def _compares(field: Field) -> str:
    return {"metrics": "number", "params": "any", "tags": "any"}.get(field.group) or ATTRIBUTES[field.name]


_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SPAN = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)\s?(s|m|min|h|d|w)")


def _span(text: str) -> float | int | None:
    if found := _SPAN.fullmatch(text.lower()):
        return float(found[1]) * _UNITS[found[2]]
    return text_number(text)


def moment(text: str, now: float) -> tuple[float, float] | None:
    """The first second of a time, and how many seconds what was written lasts.

    >>> moment("1970-01-02", 0), moment("1970-01-01T00:01Z", 0), moment("-1h", 7200), moment("yesterday", 90000)
    ((86400.0, 86400.0), (60.0, 60.0), (3600.0, 0.0), (0.0, 86400.0))
    """
    word = text.strip().lower()
    if word == "now":
        return now, 0.0
    if word in ("today", "yesterday"):
        return (now // 86400 - (word == "yesterday")) * 86400.0, 86400.0
    if word.startswith("-") and (found := _SPAN.fullmatch(word[1:])):
        return now - float(found[1]) * _UNITS[found[2]], 0.0
    if not word.isascii():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        start = moment.timestamp()
    except (ValueError, OverflowError):
        return None
    clock = re.split(r"[T ]", word.upper(), maxsplit=1)[1:]
    digits = re.split(r"[+Z-]", clock[0], maxsplit=1)[0].replace(":", "") if clock else ""
    return start, {0: 86400.0, 2: 3600.0, 4: 60.0, 6: 1.0}.get(len(digits), 0.0)


def _shown(text: str) -> str:
    return repr(_one_line(text, 60))


def _one_line(text: str, limit: int) -> str:
    text = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _pointed(text: str, start: int, end: int) -> str:
    """The part of the text around a place, and carets under the place.

    >>> print(_pointed("metrics.acuracy > 0.9", 0, 15))
        metrics.acuracy > 0.9
        ^^^^^^^^^^^^^^^
    """
    first, last = max(0, start - 40), max(min(end, start + 40) + 30, start + 60)
    line = _one_line(text[first:last], 10_000)
    before, under = line[: start - first], line[start - first : min(end, start + 40) - first]
    head, tail = "…" if first else "", "…" if last < len(text) else ""
    carets = "^" * max(1, _wide(under))
    return f"    {head}{line}{tail}\n    {' ' * _wide(head + before)}{carets}"


def _wide(text: str) -> int:
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
