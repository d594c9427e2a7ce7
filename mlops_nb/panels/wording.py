"""Numbers, times and names as people read them, safe to show.

Everything here returns plain text. What a user or a file named goes through `one_line` or `many_lines` first:
control characters, terminal escapes and bidirectional overrides become visible instead of acting.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from mlops_nb.tracking.metrics import lower_is_better

if TYPE_CHECKING:
    from mlops_nb.reproducibility.records import Usage
    from mlops_nb.tracking.runs import Status
    from mlops_nb.tracking.values import Value

STATUS_WORDS: dict[Status, tuple[str, str]] = {
    "RUNNING": ("▷", "running"),
    "FINISHED": ("✓", "finished"),
    "FAILED": ("✗", "failed"),
    "INTERRUPTED": ("■", "interrupted"),
    "KILLED": ("⊘", "killed"),
}
"""A shape and a word for each status, so that neither needs colour."""

_TERMINAL_ESCAPE = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]")
_PERHAPS_NOT_ONE_WIDE = re.compile("[^\x00-\u02ff\u2010-\u2027\u2190-\u22ff\u25a0-\u25f0\u2713\u2717]")
_KEPT = frozenset("\u200d\u00a0\u3000")  # the joiner of emoji, and spaces that are only wider


def one_line(text: str, limit: int = 80) -> str:
    """The text on one line, at most `limit` characters, with everything that would act made visible.

    >>> one_line("a\\nb\\x1b[31m\\u202e"), one_line("abcdefgh", 5)
    ('a\\\\nb\\\\x1b[31m\\\\u202e', 'abcd…')
    """
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return text if text.isprintable() else "".join(map(_visible, text))


def many_lines(text: str, limit: int = 20_000) -> str:
    """The text with its lines, as a terminal would have left them; colours dropped, the rest made visible.

    >>> many_lines("\\x1b[31mred\\x1b[0m\\n10%\\r20%\\r\\nend\\x07")
    'red\\n20%\\nend\\\\x07'
    """
    cut = len(text) - limit
    text = _TERMINAL_ESCAPE.sub("", text[:limit]).replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    if not text.replace("\n", "").isprintable():
        text = "".join(char if char in "\n\t" else _visible(char) for char in text)
    return text if cut <= 0 else f"{text}\n… {count(cut, 'character')} more"


def _visible(char: str) -> str:
    if char.isprintable() or char in _KEPT:
        return char
    return char.encode("unicode_escape").decode("ascii")


def columns_wide(text: str) -> int:
    """How many columns the text takes in a terminal.

    >>> columns_wide("abc"), columns_wide("日本"), columns_wide("e\\u0301")
    (3, 4, 1)
    """
    if text.isascii() or not _PERHAPS_NOT_ONE_WIDE.search(text):
        return len(text)
    from unicodedata import combining, east_asian_width

    standing = [char for char in text if not combining(char) and char not in "\u200d\ufe0f"]
    return len(standing) + sum(east_asian_width(char) in "WF" for char in standing)


def count(number_of: int, noun: str, plural: str = "") -> str:
    """The number with its noun.

    >>> count(1, "run"), count(1200, "run"), count(2, "metric differs", "metrics differ")
    ('1 run', '1,200 runs', '2 metrics differ')
    """
    return f"{number_of:,} {noun if number_of == 1 else plural or noun + 's'}"


def number(value: float) -> str:
    """A number in 3 significant digits, integers whole, thousands separated.

    >>> [number(value) for value in (0.91234, 12, 1234.5, 3.2e-7, 4.1e15, float("nan"), 0.0)]
    ['0.912', '12', '1,234', '3.20e-7', '4.10e15', 'NaN', '0']
    """
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else _huge(value)
    return _decimal(value, _decimals(value))


def numbers(values: Sequence[float | None], more: int = 3) -> list[str]:
    """A column of numbers with the same digits down it: 3 significant in the largest, up to `more` to tell two apart.

    >>> numbers([0.91214, 0.91187, None, 0.5])
    ['0.9121', '0.9119', '', '0.5000']
    """
    known = [value for value in values if value is not None]
    finite = {float(value) for value in known if _is_finite(value)}
    if not finite or all(value.is_integer() for value in finite):
        return ["" if value is None else number(int(value) if _is_finite(value) else value) for value in values]
    largest = max(map(abs, finite))
    if largest >= 1e12 or largest < 1e-3:
        return ["" if value is None else number(float(value)) for value in values]
    decimals = _decimals(largest)
    wanted = min(decimals + more, 9)
    while decimals < wanted and not _are_told_apart(finite, decimals):
        decimals += 1
    return ["" if value is None else _decimal(float(value), decimals) for value in values]


def _are_told_apart(values: set[float], decimals: int) -> bool:
    shown = {value: f"{value:.{decimals}f}" for value in values}
    return len(set(shown.values())) == len(values) and all(float(text) for value, text in shown.items() if value)


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _decimals(value: float) -> int:
    magnitude = abs(value)
    for least, decimals in _LEAST:
        if magnitude >= least:
            return decimals
    return 0


_LEAST = ((99.95, 0), (9.995, 1), (0.9995, 2), (0.09995, 3), (0.009995, 4), (1e-3, 5))


def _decimal(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value == 0:
        return f"{0:.{decimals}f}"
    if abs(value) >= 1e12 or (not decimals and abs(value) < 1e-3):
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:,.{decimals}f}"


def _huge(value: int) -> str:
    digits = int(value.bit_length() * math.log10(2)) + 1
    return _decimal(float(value), 0) if digits < 300 else f"an integer of about {digits:,} digits"


def change(value: float, base: float) -> str:
    """The signed difference; empty where there is none to speak of.

    >>> change(0.912, 0.9), change(3.0, 3.0), change(float("nan"), 1.0)
    ('+0.0120', '', '')
    """
    delta = value - base if math.isfinite(value) and math.isfinite(base) else math.nan
    if math.isnan(delta) or abs(delta) <= 1e-12 * max(abs(value), abs(base)):
        return ""
    text = number(int(delta) if delta.is_integer() and abs(delta) < 1e12 else delta)
    return text if delta < 0 else f"+{text}"


class Movement(NamedTuple):
    """How a metric moved: the verdict, its shape, and the signed difference (empty where there is none)."""

    verdict: Literal["better", "worse", "same", "unknown"]
    shape: str
    difference: str

    def words(self) -> str:
        """Shape, difference and verdict."""
        return " ".join(filter(None, (self.shape, self.difference, _VERDICT_WORDS.get(self.verdict, self.verdict))))


_VERDICT_WORDS = {"unknown": "not comparable"}


def movement(name: str, value: float, base: float) -> Movement:
    """How a metric moved from `base` to `value`, by the direction its name tells.

    >>> movement("accuracy", 0.912, 0.9).words(), movement("rmse", 2.0, 3.0).words(), movement("f1", 1.0, 1.0).words()
    ('▲ +0.0120 better', '▼ -1 better', '= same')
    >>> movement("f1", float("nan"), 1.0).words(), movement("loss", float("inf"), 1.0).words()
    ('? not comparable', '▲ worse')
    """
    if math.isnan(value) or math.isnan(base):
        return Movement("unknown", "?", "")
    difference = change(value, base)
    if value == base or (not difference and math.isfinite(value) and math.isfinite(base)):
        return Movement("same", "=", "")
    better = (value < base) == lower_is_better(name)
    return Movement("better" if better else "worse", "▲" if value > base else "▼", difference)


def duration(seconds: float | None) -> str:
    """A span of time in the units a person would say.

    >>> [duration(seconds) for seconds in (None, 0.0123, 2.345, 75, 7500, 200000)]
    ['', '12.3 ms', '2.35 s', '1 min 15 s', '2 h 5 min', '2 d 7 h']
    """
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 0.9995:
        return f"{number(seconds * 1000)} ms" if seconds > 0 else "0 ms"
    if seconds < 59.95:
        return f"{number(float(seconds))} s"
    whole = round(seconds)
    for span, unit, part_span, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= span:
            return _two_units(whole // part_span, span // part_span, unit, part)
    return _two_units(whole, 60, "min", "s")


def _two_units(parts: int, parts_in_one: int, unit: str, part: str) -> str:
    whole, rest = divmod(parts, parts_in_one)
    return f"{whole:,} {unit} {rest} {part}" if rest else f"{whole:,} {unit}"


def ago(then: float, now: float) -> str:
    """How long before `now`; the date where that is more than 30 days.

    >>> ago(0, 5), ago(0, 200), ago(0, 7300), ago(0, 3 * 86400), ago(0, 90 * 86400)
    ('just now', '3 min ago', '2 h ago', '3 d ago', '1970-01-01')
    """
    seconds = now - then
    if not seconds >= 10:
        return "just now"
    for below, span, unit in ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"), (30 * 86400, 86400, "d")):
        if seconds < below:
            return f"{int(seconds / span)} {unit} ago"
    return exact_time(then)[:10]


def exact_time(then: float) -> str:
    """The moment to the second, in UTC, so that the same record reads the same everywhere.

    >>> exact_time(1790000000.5)
    '2026-09-21 14:13:20 UTC'
    """
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(then))
    except (OverflowError, ValueError, OSError):
        return f"{then!r} s since 1970"


def size(size_bytes: int) -> str:
    """A number of bytes in decimal units.

    >>> size(512), size(12_345), size(1_200_000_000)
    ('512 B', '12.3 kB', '1.20 GB')
    """
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return f"{int(amount)} B" if unit == "B" else f"{number(amount)} {unit}"
        amount /= 1000
    return f"{number(amount)} TB"


def usage_words(usage: Usage) -> str:
    """What a run took.

    >>> from mlops_nb.reproducibility.records import Usage
    >>> usage_words(Usage(2.5, 340_000_000)), usage_words(Usage(75))
    ('2.50 s of CPU, 340 MB more memory at the peak', '1 min 15 s of CPU')
    """
    cpu = f"{duration(usage.cpu_seconds)} of CPU"
    if usage.peak_memory_bytes is None:
        return cpu
    return f"{cpu}, {size(usage.peak_memory_bytes)} more memory at the peak"


def secrets_words(redacted: int) -> str:
    """How many secrets were replaced, as the card says it.

    >>> secrets_words(1), secrets_words(2)
    ('1 secret was replaced before this was stored', '2 secrets were replaced before this was stored')
    """
    return f"{count(redacted, 'secret')} {'was' if redacted == 1 else 'were'} replaced before this was stored"


def setting(value: Value, limit: int = 60) -> str:
    """A parameter's value as it would be typed, on one line.

    >>> setting(0.05), setting(0.1 + 0.2), setting("sqrt"), setting([1, "a"]), setting(None)
    ('0.05', '0.3', 'sqrt', '[1, "a"]', 'None')
    """
    if isinstance(value, str):
        return one_line(value, limit) or '""'
    if isinstance(value, list | dict):
        return one_line(json.dumps(value, ensure_ascii=False), limit)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**15:
        return _huge(value)
    return f"{value:.6g}" if isinstance(value, float) and len(repr(value)) > 10 else str(value)


def status_words(status: Status) -> str:
    """Shape and word of a status."""
    return " ".join(STATUS_WORDS[status])


def listed(items: Iterable[str], limit: int = 4) -> str:
    """The items as a sentence says them; a last one is named, since "1 more" says less in as many letters.

    >>> listed(["a", "b", "c"]), listed("abc", 2), listed("abcdef", 2)
    ('a, b and c', 'a, b and c', 'a, b and 4 more')
    """
    names = list(items)
    if len(names) > limit + 1:
        names[limit:] = [f"{len(names) - limit} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
