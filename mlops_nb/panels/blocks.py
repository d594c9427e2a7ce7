"""What a panel is made of, and how each part reads as HTML and as text.

A panel is a few blocks. Their words are plain text as `wording` gives it; they are escaped here, in one place.
The HTML says the same with every style, class and SVG removed, because that is what GitHub leaves of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Literal

from mlops_nb.panels.wording import columns_wide, count

WIDTH = 80
"""Columns of the text form."""


@dataclass(frozen=True, slots=True)
class Span:
    """A few words with an element, a class or more to read on hover."""

    text: str
    tag: Literal["", "strong", "code", "small", "ins", "del", "time"] = ""
    css: str = ""
    hover: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG that we drew, and the sentence that says the same; in a table's cell, a small one.

    Where a notebook is not trusted, JupyterLab takes the SVG away and leaves its labels, all in one string; so the
    element is hidden, and our style shows it: both are there, or neither. (It drops an attribute without a value.)
    """

    svg: str
    words: str


Words = str | Span | Picture | tuple[str | Span | Picture, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of words; `kind` sentence, text, small (print) or error."""

    words: Words
    kind: Literal["sentence", "text", "small", "error"] = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first column names its rows. `right` holds the positions of right-aligned columns."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]
    right: frozenset[int] = frozenset()
    more: str = ""


@dataclass(frozen=True, slots=True)
class Pre:
    """Lines in a fixed font, as they are; `kind` diff marks added and removed ones."""

    title: str
    text: str
    kind: Literal["plain", "diff"] = "plain"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that a cell showed or a run kept, as base64; as an image, no script in an SVG runs."""

    type: Literal["png", "jpeg", "gif", "svg+xml"]
    base64: str
    words: str


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks behind a title that opens them; the text form shows the title alone."""

    title: str
    blocks: tuple[Block, ...] = field(default=())


Block = Line | Table | Pre | Picture | Image | Fold


PAGE = 10
"""Rows of a table that are seen before somebody asks for the others."""


def paged(table: Table, first: int = PAGE, said: str = "more") -> Iterator[Block]:
    """A long table: its first rows, the others behind a title that opens them, what is left out as a line."""
    hidden = table.rows[first:]
    if len(hidden) < 2:  # a title would take as much room as the row that it hides
        yield table
        return
    yield replace(table, rows=table.rows[:first], more="")
    yield Fold(f"{len(hidden):,} {said}", (replace(table, rows=hidden, more=""),))
    if table.more:
        yield Line(table.more, "small")


def without_empty(table: Table) -> Table:
    """The table without the columns in which no row says anything."""
    kept = [place for place in range(len(table.columns)) if place == 0 or any(plain(row[place]) for row in table.rows)]
    return replace(
        table,
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in table.rows),
        right=frozenset(new for new, place in enumerate(kept) if place in table.right),
    )


def plain(words: Words) -> str:
    """The words without their elements."""
    if isinstance(words, str):
        return words
    if isinstance(words, tuple):
        return "".join(map(plain, words))
    return words.words if isinstance(words, Picture) else words.text


def as_html(blocks: Iterable[Block]) -> str:
    """The blocks as HTML, everything in them escaped."""
    return "\n".join(_block_html(block) for block in blocks)


def as_text(blocks: Iterable[Block]) -> str:
    """The blocks as text of at most 80 columns."""
    return "\n".join(line for block in blocks for line in _block_text(block))


# HTML


def _block_html(block: Block) -> str:
    match block:
        case Line():
            return _line_html(block)
        case Table():
            return _table_html(block)
        case Pre():
            return (
                f"<p>{escape(block.title)}</p>\n<pre>{_pre_html(block)}</pre>"
                if block.title
                else (f"<pre>{_pre_html(block)}</pre>")
            )
        case Picture():
            return f'<div class="mp-picture" hidden="hidden">{block.svg}</div>'
        case Image():
            source = f"data:image/{block.type};base64,{escape(block.base64)}"
            return f'<p><img alt="{escape(block.words)}" src="{source}"></p>'
        case Fold():
            return f"<details><summary>{escape(block.title)}</summary>\n{as_html(block.blocks)}\n</details>"


def _line_html(line: Line) -> str:
    match line.kind:
        case "sentence":
            return f'<p class="mp-sentence"><strong>{_words_html(line.words)}</strong></p>'
        case "small":
            return f'<p class="mp-small"><small>{_words_html(line.words)}</small></p>'
        case "error":
            return f'<p class="mp-error">{_words_html(line.words)}</p>'
    return f"<p>{_words_html(line.words)}</p>"


def _words_html(words: Words) -> str:
    if isinstance(words, str):
        return escape(words)
    if isinstance(words, tuple):
        return "".join(map(_words_html, words))
    if isinstance(words, Picture):
        return words.svg
    tag = words.tag or ("span" if words.css or words.hover else "")
    if not tag:
        return escape(words.text)
    css = f' class="{words.css}"' if words.css else ""
    hover = f' title="{escape(words.hover)}"' if words.hover else ""
    return f"<{tag}{css}{hover}>{escape(words.text)}</{tag}>"


def _table_html(table: Table) -> str:
    css = [' class="mp-right"' if place in table.right else "" for place in range(len(table.columns))]
    head = "".join(f'<th scope="col"{c}>{escape(name)}</th>' for c, name in zip(css, table.columns, strict=True))
    body = "\n".join(_row_html(row, css) for row in table.rows)
    more = f'\n<p class="mp-small"><small>{escape(table.more)}</small></p>' if table.more else ""
    title = ' class="mp-broken"' if len(table.caption) > MANY_LETTERS_OF_A_TITLE else ""
    return (
        f'<div class="mp-scroll"><table><caption{title}>{escape(table.caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>{more}"
    )


def _row_html(row: tuple[Words, ...], css: Sequence[str]) -> str:
    first = f'<th scope="row"{css[0] or _long(row[0])}>{_words_html(row[0])}</th>'
    rest = (f"<td{c or _long(w)}>{_words_html(w)}</td>" for c, w in zip(css[1:], row[1:], strict=True))
    return f"<tr>{first}{''.join(rest)}</tr>"


def _long(words: Words) -> str:
    if isinstance(words, Picture):
        return ""
    return LONG if len(words if isinstance(words, str) else plain(words)) > MANY_LETTERS else ""


MANY_LETTERS_OF_A_TITLE = 40
"""A longer title of a table may be broken in a narrow panel."""

MANY_LETTERS, LONG = 20, ' class="mp-long"'
"""A cell of more letters may be broken into lines, of some width; one of fewer stays on one."""


def _pre_html(block: Pre) -> str:
    if block.kind == "plain":
        return escape(block.text)
    return "\n".join(_diff_line_html(line) for line in block.text.split("\n"))


def _diff_line_html(line: str) -> str:
    if line.startswith("+") and not line.startswith("+++"):
        return f"<ins>{escape(line)}</ins>"
    if line.startswith("-") and not line.startswith("---"):
        return f"<del>{escape(line)}</del>"
    return escape(line)


# text

_MOST_LINES = 60


def _block_text(block: Block) -> list[str]:
    match block:
        case Line():
            return wrapped(plain(block.words))
        case Table():
            return _table_text(block)
        case Pre():
            return [*wrapped(block.title), *_pre_text(block.text)]
        case Picture() | Image():
            return wrapped(block.words)
        case Fold():
            return wrapped(f"> {block.title}")


def _pre_text(text: str) -> list[str]:
    lines = [f"    {piece}" for line in text.split("\n") for piece in _pieces(line.expandtabs(4), WIDTH - 4)]
    hidden = len(lines) - _MOST_LINES
    return lines if hidden <= 0 else [*lines[:_MOST_LINES], f"    … {count(hidden, 'line')} more"]


def _pieces(line: str, width: int) -> list[str]:
    wide = columns_wide(line)
    if wide <= width:
        return [line]
    if wide == len(line):
        return [line[start : start + width] for start in range(0, wide, width)]
    pieces = [""]
    for char in line:
        if columns_wide(pieces[-1]) + columns_wide(char) > width:
            pieces.append("")
        pieces[-1] += char
    return pieces


def wrapped(text: str, width: int = WIDTH) -> list[str]:
    """The text in lines of at most `width` columns, broken at spaces where there are any."""
    if columns_wide(text) <= width:
        return [text] if text else []
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if columns_wide(longer) <= width:
            lines[-1] = longer
        else:
            lines.extend(_pieces(word, width))
    return [line for line in lines if line]


def _table_text(table: Table) -> list[str]:
    cells = [table.columns, *(tuple(plain(words) for words in row) for row in table.rows)]
    places = range(len(table.columns))
    widths = _fitting([max(columns_wide(row[place]) for row in cells) for place in places], [*_whole(table)])
    lines = ["  " + "  ".join(_padded(row, widths, table.right)).rstrip() for row in cells]
    return [*wrapped(table.caption), *lines, *wrapped(table.more)]


def _whole(table: Table) -> Iterator[int]:
    """How wide each column must be for its figures and times; those say nothing when they are cut."""
    for place in range(len(table.columns)):
        solid = (row[place] for row in table.rows if place in table.right or _is_time(row[place]))
        yield max((columns_wide(plain(words)) for words in solid), default=0)


def _is_time(words: Words) -> bool:
    return isinstance(words, Span) and words.tag == "time"


def _fitting(widths: list[int], whole: Sequence[int]) -> list[int]:
    """Column widths that fit: the widest of those that may be cut give way first, then the last columns go."""
    while sum(widths) + 2 * len(widths) > WIDTH:
        spare = {place: wide for place, wide in enumerate(widths) if wide > max(12, whole[place])}
        if spare:
            widths[max(spare, key=spare.__getitem__)] -= 1
        else:
            widths = widths[:-1]
    return widths


def _padded(row: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> Iterator[str]:
    for place, width in enumerate(widths):
        text = row[place]
        if columns_wide(text) > width:
            text = f"{_pieces(text, width - 1)[0]}…"
        space = " " * (width - columns_wide(text))
        yield space + text if place in right else text + space
