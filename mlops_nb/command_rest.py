"""The rest of a command line as one argument: a query of runs, or a text of a person's own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$))*""", re.DOTALL)
"""A word as it is typed, quotes and all."""

_PLACE = re.compile(r"\0(\d+)\0")
_QUOTED_OR_PLACE = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)*`)|\0(\d+)\0")
_ENDS_OPEN = re.compile(r"[=<>(,]$|^(?:like|match)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was typed, and what it says without its quotes."""

    raw: str
    text: str

    @property
    def is_quoted(self) -> bool:
        """Whether one pair of quotes is around all of it."""
        return len(self.raw) > 1 and self.raw[0] == self.raw[-1] in "'\"" and self.raw[0] not in self.raw[1:-1]


def typed_words(line: str) -> list[Word]:
    """The words of a line. A quote that is not closed, an apostrophe say, stands for itself.

    >>> [(word.raw, word.text) for word in typed_words("name = 'a b'")][2]
    ("'a b'", 'a b')
    """
    return [Word(found[0], _unquoted(found[0])) for found in WORD.finditer(line) if found[0]]


def _unquoted(raw: str) -> str:
    try:
        return "".join(shlex.split(raw))
    except ValueError:
        return raw


def terminal_words(words: Sequence[str]) -> list[Word]:
    """The words that a shell handed over, their quotes gone; one with spaces among others was a quoted value."""
    if len(words) < 2 or not any(" " in word for word in words):
        return [Word(word, word) for word in words]
    from mlops_nb.tracking.search.query import is_query, written  # only few lines have a query

    return [Word(written(word) if " " in word and not is_query(word) else word, word) for word in words]


def parted(
    words: Sequence[Word], before: int, valued: Collection[str], *, is_text: bool
) -> tuple[list[str], list[Word]]:
    """The words that are options, then those that stand before the rest; and the words of the rest.

    Args:
        words: the words of the line.
        before: how many arguments stand before the rest.
        valued: the names of the options that take a value.
        is_text: whether the rest is a text, in which nothing is an option any more.
    """
    options, first, rest, is_awaited = list[str](), list[str](), list[Word](), False
    for word in words:
        if rest and (is_text or _ENDS_OPEN.search(rest[-1].raw)):
            rest.append(word)
        elif is_awaited or _is_option(word.raw):
            options.append(word.text)
            is_awaited = not is_awaited and word.text in valued
        elif len(first) < before:
            first.append(word.text)
        else:
            rest.append(word)
    return options + first, rest


def _is_option(raw: str) -> bool:
    return (raw.startswith("-") and raw[1:2].isalpha()) or raw.startswith("--")


def query_of(words: Sequence[Word], values: Sequence[str] = ()) -> str:
    """The query, or the name, that the words are; `\\0n\\0` stands for the n-th of the values."""
    from mlops_nb.tracking.search.query import is_query

    text = words[0].text if len(words) == 1 and _is_plain(words[0]) else " ".join(word.raw for word in words)
    if alone := _PLACE.fullmatch(text):
        return values[int(alone[1])]
    if not is_query(text):
        return _PLACE.sub(lambda found: values[int(found[1])], text)
    return _QUOTED_OR_PLACE.sub(lambda found: _put(found, values), text)


def _is_plain(word: Word) -> bool:
    """Whether a single word is the whole query, or no query at all."""
    from mlops_nb.tracking.search.query import is_query

    return word.is_quoted or not is_query(re.sub(r"'[^']*'|\"[^\"]*\"", "", word.raw))


def _put(found: re.Match[str], values: Sequence[str]) -> str:
    """A value from the namespace as a query writes it, also within a quoted text."""
    if found[1] is None:
        from mlops_nb.tracking.search.query import written

        return written(values[int(found[2])])
    quote = found[1][0]
    return _PLACE.sub(lambda place: values[int(place[1])].replace(quote, quote * 2), found[1])


def text_of(words: Sequence[Word], values: Sequence[str] = ()) -> str:
    """The text that the words are, as it was typed; one that is wholly quoted without its quotes."""
    text = words[0].text if len(words) == 1 and words[0].is_quoted else " ".join(word.raw for word in words)
    return _PLACE.sub(lambda found: values[int(found[1])], text)


READERS: dict[str, Callable[[Sequence[Word], Sequence[str]], str]] = {"query": query_of, "text": text_of}
