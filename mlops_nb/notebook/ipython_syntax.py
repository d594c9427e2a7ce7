"""IPython's syntax in a cell, taken apart without IPython: magics, shell lines, help, cell magics."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mlops_nb.record import Record

# fmt: off
PYTHON_CELL_MAGICS = frozenset({
    "time", "timeit", "capture", "prun", "debug", "memit", "mlops", "snakeviz", "scalene", "pyinstrument", "heat",
    "lprun", "mprun", "wandb", "px", "stopwatch", "notify",
})
# fmt: on
"""Cell magics whose body is Python that runs in the notebook's namespace."""

CODE_LINE_MAGICS = frozenset({"time", "timeit", "prun", "memit", "lprun", "mprun", "snakeviz", "debug"})
"""Line magics whose argument is Python that runs in the notebook's namespace."""

_AUTOMAGIC = re.compile(
    r"\s*(?:cd|mkdir|rmdir|mv|rm|cp|cat|ls|ll|pwd|env|run|time|timeit|who|whos|pip|conda|history|load_ext|config|"
    r"matplotlib|pylab|precision|autoreload|pushd|popd|more|less|man|pycat|pinfo|reset|store|alias|xmode)"
    r"(?:[ \t]+[^=\s][^\n]*)?\s*"
)
"""A cell of one line that begins with a magic's name: IPython adds the `%` where the line is not Python."""

_NEWLINES = re.compile(r"\r\n?")
_CELL_MAGIC = re.compile(r"%%([A-Za-z_!][\w.!-]*)[ \t]*(.*)", re.DOTALL)
_ASSIGNED = re.compile(r"([A-Za-z_][\w.,\s*\[\]'\"()]*?)=\s*([%!])(?!=)(.*)", re.DOTALL)
_HELP = re.compile(r"%{0,2}[\w.*\[\]'\"]+\s*\?{1,2}\s*$")
_EXPRESSION = re.compile(r"\{([^{}]+)\}|(?<!\$)\$([A-Za-z_]\w*)")
_OPTION = re.compile(r"-{1,2}\w")
_STRING = re.compile(r"(?:[rRbBuUfFtT]{0,2})(\"\"\"|'''|\"|')")


@dataclass(frozen=True, slots=True)
class Escape(Record):
    """One statement that only IPython understands.

    `line` and `end_line` count from 1; `target` is what its result is assigned to, or empty;
    `name` is the magic's, `text` its argument (shell: the command).
    """

    kind: Literal["magic", "shell", "help"]
    line: int
    end_line: int
    indent: str
    target: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class CellMagic(Record):
    """A `%%name text` line at the top of a cell."""

    line: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class CellText(Record):
    """A cell as Python, line for line, and what of it was not Python.

    With `is_python` False the body belongs to the last cell magic and `python` is blank.
    """

    source: str
    python: str
    magics: tuple[CellMagic, ...] = ()
    escapes: tuple[Escape, ...] = ()
    is_python: bool = True


@lru_cache(maxsize=1024)
def cell_text(source: str) -> CellText:
    """The cell as Python with every line in its place; never raises.

    >>> cell_text("%matplotlib inline\\nfiles = !ls {folder}\\nx = 1").python
    'pass\\nfiles = (..., (folder))\\nx = 1'
    """
    source = _NEWLINES.sub("\n", source)
    is_alone = _AUTOMAGIC.fullmatch(source) is not None
    if not is_alone and not any(sign in source for sign in "%!?") and not source[:1].isspace():
        return CellText(source, source)
    if is_alone and parsed(source) is None:
        source = f"%{source.lstrip()}"
    if parsed(source) is not None:
        return CellText(source, source)
    return _taken_apart(source)


@lru_cache(maxsize=64)
def cell_tree(source: str) -> ast.Module | None:
    """The cell's syntax tree, to be read only; None where it is not Python."""
    return parsed(cell_text(source).python)


def parsed(python: str) -> ast.Module | None:
    """The syntax tree, or None where the text is not Python (or too deep for the parser)."""
    try:
        if "\\" not in python:
            return ast.parse(python)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(python)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _taken_apart(source: str) -> CellText:
    lines = source.split("\n")
    magics: list[CellMagic] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not (match := _CELL_MAGIC.match(line.strip())):
            break
        magic = CellMagic(number, match[1], match[2].strip())
        magics.append(magic)
        lines[number - 1] = _read_by_magic(magic)
        if magic.name not in PYTHON_CELL_MAGICS:
            blank = "\n".join(lines[:number]) + "\n" * (len(lines) - number)
            return CellText(source, blank, tuple(magics), (), is_python=False)
    first = len(magics) and magics[-1].line
    lines[first:] = _dedented(lines[first:])
    escapes = tuple(_escapes(lines))
    for escape in escapes:
        lines[escape.line - 1] = escape.indent + _as_python(escape)
        lines[escape.line : escape.end_line] = [""] * (escape.end_line - escape.line)
    return CellText(source, "\n".join(lines), tuple(magics), escapes)


def _dedented(lines: list[str]) -> list[str]:
    """The lines without the indent of the first, as IPython runs them."""
    first = next((line for line in lines if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip(" \t"))]
    return [line.removeprefix(indent) for line in lines] if indent else lines


def _read_by_magic(magic: CellMagic) -> str:
    """The assignments and reads of the magic's own line, as Python on one line."""
    names = _expressions(magic.text)
    if magic.name == "capture":
        target = next((word for word in magic.text.split() if not _OPTION.match(word)), "")
        return f"{target} = ..." if target.isidentifier() else ""
    return f"({', '.join(names)},)" if names else ""


def _escapes(lines: list[str]) -> Iterator[Escape]:
    """Every statement of IPython, outside strings and brackets."""
    number, inside = 0, _Inside()
    while number < len(lines):
        line, start = lines[number], number
        number += 1
        if inside.is_open or not line.strip():
            inside.read(line)
            continue
        joined = line
        while joined.endswith("\\") and number < len(lines):
            joined, number = joined[:-1] + " " + lines[number].strip(), number + 1
        if escape := _escape(joined, start + 1, number):
            yield escape
        else:
            number = start + 1
            inside.read(line)


def _escape(text: str, line: int, end_line: int) -> Escape | None:
    body = text.lstrip(" \t")
    indent = text[: len(text) - len(body)]
    body = body.rstrip()
    if body[:1] == "?" or _HELP.match(body):
        return Escape("help", line, end_line, indent, "", "", body.strip("?% \t"))
    if body[:1] in ("%", "!"):
        return _marked(body[0], body[1:], line, end_line, indent, "")
    if match := _ASSIGNED.match(body):
        return _marked(match[2], match[3], line, end_line, indent, match[1].strip())
    return None


def _marked(sign: str, rest: str, line: int, end_line: int, indent: str, target: str) -> Escape:
    if sign == "!":
        return Escape("shell", line, end_line, indent, target, "", rest.removeprefix("!").strip())
    name, *text = rest.lstrip("% \t").split(None, 1)[:2] or [""]
    return Escape("magic", line, end_line, indent, target, name, "".join(text).strip())


def magic_code(escape: Escape) -> str:
    """The Python that a line magic such as `%time` runs, without its options; empty when it runs none."""
    if escape.kind != "magic" or escape.name not in CODE_LINE_MAGICS:
        return ""
    code = escape.text
    while _OPTION.match(code):
        option, _, code = code.partition(" ")
        if option in ("-n", "-r", "-l", "-s", "-f", "-D", "-T", "-t", "-p") and parsed(code.strip()) is None:
            _, _, code = code.strip().partition(" ")
        code = code.strip()
    return code if parsed(code) is not None else ""


def _as_python(escape: Escape) -> str:
    code, names = magic_code(escape), ", ".join(_expressions(escape.text))
    if escape.target:
        return f"{escape.target} = {code or (f'(..., {names})' if names else '...')}"
    return code or (f"({names},)" if names and escape.kind != "help" else "pass")


def _expressions(text: str) -> list[str]:
    """The `{expression}` and `$name` parts of a line, each as Python that reads the same names."""
    found = [match[1] or match[2] for match in _EXPRESSION.finditer(text)]
    return [f"({each.strip()})" for each in found if "\n" not in each and _is_expression(each.strip())]


def _is_expression(text: str) -> bool:
    tree = parsed(f"({text})")
    return tree is not None and len(tree.body) == 1 and "#" not in text


class _Inside:
    """Whether the end of what was read lies within a string or a bracket."""

    def __init__(self) -> None:
        self.quote = ""
        self.depth = 0
        self.joined = False

    @property
    def is_open(self) -> bool:
        return bool(self.quote) or self.depth > 0 or self.joined

    def read(self, line: str) -> None:
        position = 0
        self.joined = False
        while position < len(line):
            position = self._next(line, position)
        if len(self.quote) == 1 and not line.endswith("\\"):
            self.quote = ""

    def _next(self, line: str, position: int) -> int:
        sign = line[position]
        if self.quote:
            if sign == "\\":
                return position + 2
            if line.startswith(self.quote, position):
                position, self.quote = position + len(self.quote) - 1, ""
            return position + 1
        if sign == "#":
            return len(line)
        if match := _STRING.match(line, position):
            self.quote = match[1]
            return match.end()
        self.depth = max(0, self.depth + (sign in "([{") - (sign in ")]}"))
        self.joined = sign == "\\" and position == len(line) - 1
        return position + 1
