"""What TAB offers after `%mlops` and `%%mlops`: commands, options, run names and numbers, metrics, names, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlops_nb.commands import COMMANDS, Command, Option
from mlops_nb.errors import MlopsError

_LINE = re.compile(r"^\s*(?P<sign>%%?)mlops\s+(?P<rest>.*)$", re.DOTALL)
_WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$))*""")


def matches(context: Any, shell: Any) -> dict[str, Any]:
    """The completions in IPython's form; alone, when the line is ours."""
    line = context.line_with_cursor[: context.cursor_position]
    found = _LINE.match(line)
    if not found:
        return {"completions": []}
    from IPython.core.completer import SimpleCompletion

    words = _words(found["rest"])
    begun = (words[-1], f"'{words[-1]}", f'"{words[-1]}')
    all_words = [_as_begun(word, words[-1]) for word in offers(found["sign"], words, shell.user_ns)]
    offered = [word for word in all_words if word.startswith(begun)]
    return {
        "completions": [SimpleCompletion(text=word, type="magic") for word in dict.fromkeys(offered)],
        "matched_fragment": words[-1],
        "suppress": bool(offered),
    }


def _words(line: str) -> list[str]:
    """The words as they are typed, quotes and all; the last is the one that TAB completes, perhaps empty.

    >>> _words("show 'a b' --x 'c d")
    ['show', "'a b'", '--x', "'c d"]
    >>> _words("show ")
    ['show', '']
    """
    words = [found[0] for found in _WORD.finditer(line) if found[0]]
    return words if words and line.endswith(words[-1]) else [*words, ""]


def _as_begun(word: str, begun: str) -> str:
    """The word in double quotes where the user began with one.

    >>> print(_as_begun("'a forest'", '"a f'), _as_begun("forest", '"fo'), _as_begun("'a forest'", ""))
    "a forest" "forest" 'a forest'
    """
    if not begun.startswith('"') or word.startswith('"'):
        return word
    return '"' + word.strip("'").replace("\\", r"\\").replace('"', r"\"") + '"'


def _typed(name: str) -> str:
    """A name as it is typed in a line, so that the line means this name.

    >>> print(_typed("forest"), _typed("a forest"), _typed("{a}'s"))
    forest 'a forest' "{{a}}'s"
    """
    text = re.sub(r"[{}$]", r"\g<0>\g<0>", name)
    if "'" in text:
        return '"' + re.sub(r'["\\]', r"\\\g<0>", text) + '"'
    return shlex.quote(text) if re.search(r'[\s"\\]', text) or not text else text


def offers(sign: str, words: list[str], namespace: dict[str, object]) -> Iterable[str]:
    """What may stand in the place of the last of `words` (what follows `%mlops`)."""
    place = "cell" if sign == "%%" else "line"
    if len(words) == 1 or (len(words) == 2 and words[0] == "help"):
        names = [name for name, command in COMMANDS.items() if place in command.places]
        return [*names, "--help"] if place == "line" else names
    command = COMMANDS.get(words[0])
    if command is None:
        return []
    given, equals, fragment = words[-1].partition("=")
    if equals and any(option.name == given for option in command.options):
        return [f"{given}={value}" for value in offers(sign, [*words[:-1], given, fragment], namespace)]
    before = words[-2] if len(words) > 2 else ""
    for option in command.options:
        if before in (option.name, option.short) and before and not option.is_flag:
            return _values(option, words[-1], namespace)
    if words[-1].startswith("-"):
        return [*(option.name for option in command.options if option.name.startswith("-")), "--help"]
    position = _position(command, words[1:-1])
    options = [option.name for option in command.options if option.name.startswith("-")] if not words[-1] else []
    return [*(_values(position, words[-1], namespace) if position else []), *options]


def _position(command: Command, words: list[str]) -> Option | None:
    """The positional argument that comes next."""
    taking = {option.name for option in command.options if option.name.startswith("-") and not option.is_flag}
    taking |= {option.short for option in command.options if option.short}
    given = sum(
        1
        for number, word in enumerate(words)
        if not word.startswith("-") and (number == 0 or words[number - 1] not in taking)
    )
    positional = [option for option in command.options if not option.name.startswith("-")]
    if positional and positional[-1].many:
        return positional[min(given, len(positional) - 1)]
    return positional[given] if given < len(positional) else None


def _values(option: Option, fragment: str, namespace: dict[str, object]) -> list[str]:
    if option.choices:
        return list(option.choices)
    if option.values == "name":
        return sorted(name for name, value in namespace.items() if not name.startswith("_") and not callable(value))
    if option.values == "axis":
        if "=" in fragment:
            return [f"{fragment.partition('=')[0]}={form}" for form in ("range(", "linspace(", "logspace(")]
        return sorted(f"{name}=" for name, value in namespace.items() if _is_setting(name, value))
    if option.values == "path":
        return _files(fragment)
    if option.values in ("run", "sort"):
        with suppress(MlopsError):
            return _from_store(option.values, fragment)
    return []


def _is_setting(name: str, value: object) -> bool:
    return not name.startswith("_") and (value is None or type(value) in (bool, int, float, str))


def _from_store(values: str, fragment: str) -> list[str]:
    from mlops_nb.store import open_store, runs, store_folder
    from mlops_nb.store.location import DATABASE

    if not (store_folder() / DATABASE).exists():
        return []
    store = open_store()
    if values == "sort":
        names = ["started", "duration", *runs.metric_names(store)]
        return [f"-{name}" for name in names] + names if fragment.startswith("-") else names
    found = runs.names_and_ids(store)
    if fragment.isdigit():
        return [str(number) for number, _ in found]
    return [_typed(name) if name.isprintable() and len(name) <= 200 else str(number) for number, name in found]


def _files(fragment: str) -> list[str]:
    folder, _, start = fragment.rpartition("/")
    where = Path(f"{folder}/" if folder or fragment.startswith("/") else ".").expanduser()
    with suppress(OSError):
        found = sorted(where.iterdir())
        prefix = f"{folder}/" if "/" in fragment else ""
        return [
            f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}"
            for entry in found
            if entry.name.startswith(start) and (start.startswith(".") or not entry.name.startswith("."))
        ]
    return []
