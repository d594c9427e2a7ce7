"""What a notebook's Markdown and code suggest to call things; hostile text never leaves here unescaped."""

from __future__ import annotations

import keyword
import re
import textwrap
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mlops_nb.notebook.cells import CellNames
from mlops_nb.notebook.records import NotebookCell
from mlops_nb.record import Record
from mlops_nb.tracking.metrics import SKLEARN_METRICS, is_metric_name

_FENCE = re.compile(r"^\s*(```|~~~)")
_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)\s*$")
_NOT_PROSE = re.compile(r"^\s*([|>]|\$\$|!\[|\[!\[|<|[-*_]{3,}\s*$|[-*+]\s|\d+[.)]\s|\\)")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->")
_EMPHASIS = re.compile(r"(\*\*|__|\*|(?<!\w)_|_(?!\w))")
_NUMBERING = re.compile(
    r"^\s*(?:(?:step|part|section|chapter|task)\s+\d+(?:\.\d+)*[.):\s]|\d+(?:\.\d+)*[.)]|\d+(?:\.\d+)+)\s+",
    re.IGNORECASE,
)
_LINES = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_WORD = re.compile(r"[^\W_]+")
_SKIPPED = frozenset(("the", "a", "an", "our", "my", "some", "this", "let", "us", "lets", "of", "s"))

MAX_NAME = 40


@dataclass(frozen=True, slots=True)
class Section(Record):
    """The Markdown that belongs to a code cell.

    `heading` is the nearest one above, `own` whether it (or prose) stands directly above the cell,
    `prose` the first line of text under it, `is_title` whether the heading is the notebook's title; `number` counts the
    headings up to it.
    """

    heading: str = ""
    prose: str = ""
    own: bool = False
    is_title: bool = False
    number: int = 0


def sections(cells: Sequence[NotebookCell]) -> list[Section]:
    """For every cell of the notebook, the Markdown that belongs to it."""
    found: list[Section] = []
    heading, prose, own, title_seen, is_title = "", "", False, False, False
    number = 0
    for cell in cells:
        if cell.kind == "markdown":
            for level, text in _lines_of(cell.source):
                if level:
                    heading, prose, own, number = text, "", True, number + 1
                    is_title, title_seen = not title_seen and level == 1, True
                elif not prose or not own:
                    prose, own = text, True
        found.append(Section(heading, prose, own, is_title, number))
        if cell.kind == "code" and cell.source.strip():
            prose, own = "", False
    return found


def title_of(cells: Sequence[NotebookCell]) -> tuple[str, str]:
    """The notebook's first heading and the first line of prose under it; empty where there is none."""
    title = ""
    for cell in cells:
        if cell.kind == "markdown":
            for level, text in _lines_of(cell.source):
                if level and title:
                    return title, ""
                if level:
                    title = text
                elif title:
                    return title, text
        elif cell.kind == "code" and title:
            break
    return title, ""


def _lines_of(markdown: str) -> list[tuple[int, str]]:
    """The headings (level, text) and first lines of paragraphs (0, text) of a Markdown text, outside code."""
    found: list[tuple[int, str]] = []
    fenced, paragraph = False, False
    for line in _LINES.split(markdown):
        if _FENCE.match(line):
            fenced, paragraph = not fenced, False
        elif fenced or line.startswith(("    ", "\t")):
            continue
        elif match := _HEADING.match(line):
            _add(found, len(match[1]), match[2])
            paragraph = False
        elif paragraph and found and found[-1][0] == 0 and (match := _UNDERLINE.match(line)):
            found[-1] = (1 if match[1][0] == "=" else 2, found[-1][1])
            paragraph = False
        elif not line.strip() or _NOT_PROSE.match(line):
            paragraph = False
        elif paragraph and found and found[-1][0] == 0:
            found[-1] = (0, f"{found[-1][1]} {plain_line(line)}".strip())
        else:
            paragraph = _add(found, 0, line)
    return found


def _add(found: list[tuple[int, str]], level: int, text: str) -> bool:
    if plain := plain_line(text):
        found.append((level, plain))
    return bool(plain)


def plain_line(markdown: str, limit: int = 300) -> str:
    """One line of Markdown as plain text: no markup, no control or direction characters.

    >>> plain_line("**Load** the [data](http://x.y)\\x0c<b>now</b>")
    'Load the data now'
    """
    text = _TAG.sub(" ", _LINK.sub(r"\1", _IMAGE.sub("", markdown)))
    text = _EMPHASIS.sub("", text)
    text = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit].rstrip() + "…"


def first_sentence(text: str) -> str:
    """The text up to the end of its first sentence.

    >>> first_sentence("Read the flights (e.g. January). Then join.")
    'Read the flights (e.g. January).'
    """
    match = re.match(r"(.+?(?<!e\.g)(?<!i\.e)(?<!\bvs)[.!?])\s+[A-Z(\"'`]", text)
    return match[1] if match else text


def docstring(text: str, rest: str = "", indent: str = "    ") -> str:
    """A docstring statement that says the text, whatever is in it.

    >>> print(docstring('say ""\" and \\\\', indent=""))
    \"\"\"say \\"\\"\\" and \\\\.\"\"\"
    """
    first = _escaped(_ended(text))
    if not rest and len(indent) + len(first) + 6 <= 120:
        return f'{indent}"""{first}"""'
    paragraphs = [first, *(_escaped(line) for line in _LINES.split(rest))] if rest else [first]
    head = textwrap.wrap(paragraphs[0], 110 - len(indent), break_on_hyphens=False)
    lines = [*head, "", *_wrapped(paragraphs[1:], 110 - len(indent))] if rest else head
    body = "\n".join(f"{indent}{line}".rstrip() for line in lines)
    return f'{indent}"""{body.removeprefix(indent)}\n{indent}"""'


def _wrapped(paragraphs: list[str], width: int) -> list[str]:
    return [
        line
        for each in paragraphs
        for line in (textwrap.wrap(each, width, break_on_hyphens=False) if each.strip() else [""])
    ]


def is_ended(text: str) -> bool:
    """Whether a text brings the sign that ends it."""
    return text.endswith((".", "!", "?", "…", ":"))


def _ended(text: str) -> str:
    return text if is_ended(text) else f"{text}."


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')


def comment(text: str, limit: int = 100) -> str:
    """The text as one line that can stand behind a `#`.

    >>> comment("%cd a\\rimport os")
    '%cd a import os'
    """
    plain = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= limit else plain[:limit].rstrip() + "…"


def without_number(heading: str) -> str:
    """A heading without its number.

    >>> without_number("2.1 Train"), without_number("Step 3: Score"), without_number("24 hours")
    ('Train', 'Score', '24 hours')
    """
    return _NUMBERING.sub("", heading) or heading


def identifier(text: str, words: int = 6) -> str:
    """A snake_case identifier that reads like the text; empty when nothing of it can be one.

    >>> identifier("Train the RandomForest model!"), identifier("rf-baseline"), identifier("3 % ...")
    ('train_random_forest_model', 'rf_baseline', '')
    """
    text = re.sub(r"([a-z])([A-Z][a-z])", r"\1 \2", text).replace("'", "").replace("’", "")
    folded = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    text = folded if folded.isascii() else unicodedata.normalize("NFKC", text)
    found = [word.lower() for word in _WORD.findall(text) if word.isidentifier() or word.isdigit() or word[0].isdigit()]
    kept = [word for word in found if word not in _SKIPPED] or found
    name = ""
    for word in kept[:words]:
        if name and len(name) + len(word) >= MAX_NAME:
            break
        name = f"{name}_{word}" if name else word[:MAX_NAME]
    name = name.lstrip("0123456789_")
    return name if name.isidentifier() else ""


def unique_name(wanted: str, taken: Collection[str]) -> str:
    """The wanted identifier, or it with `_2`, `_3`... so that it is free; a keyword gets `_step`."""
    if keyword.iskeyword(wanted) or keyword.issoftkeyword(wanted):
        wanted = f"{wanted}_step"
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    return f"{wanted}_{number}"


def name_from_code(names: CellNames, outputs: Sequence[str], inputs: Sequence[str]) -> str:
    """A verb and a noun for what the code does; empty when it says nothing.

    >>> from mlops_nb.notebook.cells import read_cell
    >>> name_from_code(read_cell("df = pd.read_csv('a.csv')"), ["df"], [])
    'load_df'
    """
    calls = [call.rpartition(".") for call in names.calls]
    methods = {last for _, _, last in calls}
    subject = identifier(outputs[0]) if outputs else ""
    if "train_test_split" in methods:
        return "split_data"
    if any(method.startswith(("read_", "load_", "fetch_")) or method in ("read_text", "open") for method in methods):
        name = f"load_{subject or 'data'}"
        return name if name not in methods else f"read_{subject or 'data'}"
    if "fit" in methods or "fit_transform" in methods:
        fitted = next((identifier(out) for out in outputs if not is_metric_name(out)), subject)
        return f"fit_{fitted}" if fitted else "fit"
    if methods & SKLEARN_METRICS or "cross_val_score" in methods or any(is_metric_name(out) for out in outputs):
        about = next((name for name in inputs if "model" in name or "clf" in name or "est" in name), "")
        return f"evaluate_{identifier(about)}" if about else "evaluate"
    if "predict" in methods or "predict_proba" in methods:
        return f"predict_{subject}" if subject else "predict"
    if subject:
        return f"{'update' if outputs[0] in inputs else 'make'}_{subject}"
    plots = any(method.startswith(("plot", "hist", "scatter", "bar", "show")) for owner, _, method in calls if owner)
    if plots or "plot" in methods:
        return f"plot_{identifier(inputs[0])}" if inputs else "plot"
    if any(method.startswith(("to_", "dump", "save", "write")) for method in methods):
        return f"save_{identifier(inputs[0])}" if inputs else "save"
    return f"show_{identifier(inputs[0])}" if inputs else ""
