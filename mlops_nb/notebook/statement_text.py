"""The text of Python statements: where each stands, the comments that belong to it, edits, indents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from mlops_nb.notebook.cells import CellNames, read_cell
from mlops_nb.notebook.ipython_syntax import parsed
from mlops_nb.record import Record

Edit = tuple[int, int, str]
"""From where, to where, and what stands there then; in bytes of the UTF-8 text."""

_AFTER = re.compile(r"^\s*;+\s*")
_LEFT_OUT = re.compile(r"^# left out: .*\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement(Record):
    """A top-level statement at column 0, the comments above it included; `kind` is its node's class name.

    `kind` is empty for comments that belong to no statement; `cell` is its cell's position, -1 where that is unknown.
    """

    text: str
    kind: str
    cell: int = -1

    @property
    def names(self) -> CellNames:
        """What it reads and binds."""
        return read_cell(self.text)

    @property
    def code(self) -> str:
        """The text without the comments and blank lines above it."""
        lines = self.text.split("\n")
        first = next((number for number, line in enumerate(lines) if line.strip() and line.lstrip()[0] != "#"), 0)
        return "\n".join(lines[first:])

    @property
    def node(self) -> ast.stmt:
        """Its syntax tree, to be read only."""
        return _node(self.text)


@lru_cache(maxsize=4096)
def _node(text: str) -> ast.stmt:
    tree = parsed(text)
    assert tree is not None
    return tree.body[0]


class Places:
    """Positions of syntax-tree nodes in a text, as offsets into its UTF-8 bytes."""

    def __init__(self, text: str) -> None:
        self.data = text.encode("utf-8")
        self.starts = [0, *(match.end() for match in re.finditer(rb"\n", self.data))]

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where the node begins, its decorators included, and where it ends."""
        start = self._at(node.lineno, node.col_offset)
        for each in getattr(node, "decorator_list", ()):
            start = min(start, self.data.rindex(b"@", 0, self._at(each.lineno, each.col_offset)))
        return start, self._at(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def _at(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column

    def text(self, start: int, end: int) -> str:
        """What stands from one place to another."""
        return self.data[start:end].decode("utf-8")

    def rest_of_line(self, start: int) -> str:
        """What stands from a place to the end of its line."""
        end = self.data.find(b"\n", start)
        return self.text(start, len(self.data) if end < 0 else end)

    def edited(self, edits: list[Edit]) -> str:
        """The text with replacements made; of two at one place, the later listed goes outside."""
        data = self.data
        order = sorted(range(len(edits)), key=lambda index: (edits[index][0], edits[index][1], index), reverse=True)
        for index in order:
            start, end, text = edits[index]
            data = data[:start] + text.encode("utf-8") + data[end:]
        return data.decode("utf-8")


def statements_of(plain: str) -> Iterator[Statement]:
    """The top-level statements of a text, each with the comments above it and beside it."""
    tree, places, done = parsed(plain), Places(plain), 0
    body = tree.body if tree else []
    for number, node in enumerate(body):
        start, end = places.span(node)
        follows = places.span(body[number + 1])[0] if number + 1 < len(body) else None
        line_end = end + len(places.rest_of_line(end).encode("utf-8"))
        shares_line = follows is not None and follows <= line_end
        tail = "" if shares_line else _AFTER.sub("", places.text(end, line_end))
        lead = places.text(done, start) if done < start else ""
        for note in _LEFT_OUT.findall(lead):
            yield Statement(note.rstrip(), "")
        lead = _blank_lines(_LEFT_OUT.sub("", lead))
        yield Statement(
            lead + places.text(start, end) + (f"  {tail.strip()}" if tail.strip() else ""), type(node).__name__
        )
        done = follows if shares_line and follows is not None else line_end + 1
    if done < len(places.data) and (rest := places.text(done, len(places.data)).strip("\n \t")):
        yield Statement(rest, "")


def _blank_lines(lead: str) -> str:
    """At most one blank line before the comments above a statement."""
    stripped = lead.lstrip(" \t\n")
    has_blank = "\n" in lead[: len(lead) - len(stripped)]
    return ("\n" if has_blank else "") + stripped


def indented(text: str) -> str:
    """The code four columns to the right; the lines inside strings stay where they are."""
    inside: set[int] = set()
    tree = parsed(text) or parsed(f"async def f():\n{text}")
    shift = 0 if parsed(text) is not None else 1
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)):
            inside.update(range(node.lineno + 1 - shift, (node.end_lineno or node.lineno) + 1 - shift))
    lines = text.split("\n")
    return "\n".join(
        line if number in inside or not line.strip() else f"    {line}" for number, line in enumerate(lines, 1)
    )
