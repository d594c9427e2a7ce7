"""What TAB offers after `%mlops` and `%%mlops`: commands, options, run names and numbers, metrics, names, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlops_nb.command_rest import WORD, Word, parted
from mlops_nb.commands import COMMANDS, Command, Option
from mlops_nb.errors import MlopsError
from mlops_nb.notebook.query_completion import query_offers
from mlops_nb.registry.uris import SCHEME
from mlops_nb.store import Store, open_store, store_folder
from mlops_nb.store.artifacts import artifact_paths
from mlops_nb.store.housekeeping import deleted_runs
from mlops_nb.store.location import DATABASE
from mlops_nb.store.registry import model_names, version_names
from mlops_nb.store.remote import servers
from mlops_nb.store.runs import find_run, metric_names, names_and_ids
from mlops_nb.store.search import StoredNames
from mlops_nb.tracking.search.query import ATTRIBUTES

_LINE = re.compile(r"^\s*(?P<sign>%%?)mlops\s+(?P<rest>.*)$", re.DOTALL)


def matches(context: Any, shell: Any) -> dict[str, Any]:
    """The completions in IPython's form; alone, when the line is ours."""
    line = context.line_with_cursor[: context.cursor_position]
    found = _LINE.match(line)
    if not found:
        return {"completions": []}
    from IPython.core.completer import SimpleCompletion

    words = _words(found["rest"])
    in_query = _offers_in_query(words)
    last, all_words = in_query or (words[-1], offers(found["sign"], words, shell.user_ns))
    begun = (last, f"'{last}", f'"{last}')
    offered = [word for word in (_as_begun(each, last) for each in all_words) if word.startswith(begun)]
    return {
        "completions": [SimpleCompletion(text=word, type="magic") for word in dict.fromkeys(offered)],
        "matched_fragment": last,
        "suppress": bool(offered),
    }


def _words(line: str) -> list[str]:
    """The words as they are typed, quotes and all; the last is the one that TAB completes, perhaps empty.

    >>> _words("show 'a b' --x 'c d")
    ['show', "'a b'", '--x', "'c d"]
    >>> _words("show ")
    ['show', '']
    """
    words = [found[0] for found in WORD.finditer(line) if found[0]]
    return words if words and line.endswith(words[-1]) else [*words, ""]


def _offers_in_query(words: list[str]) -> tuple[str, list[str]] | None:
    """What of a query is completed, and what by; None where the last word is no part of one."""
    command = COMMANDS.get(words[0])
    positional = [option for option in command.options if not option.name.startswith("-")] if command else []
    if command is None or len(words) < 2 or not positional or positional[-1].values != "query":
        return None
    typed = [Word(word, word) for word in words[1:]]
    valued = {each for option in command.options for each in (option.name, option.short) if each and not option.is_flag}
    _, rest = parted(typed, len(positional) - 1, valued, is_text=False)
    if not rest or rest[-1] is not typed[-1]:
        return None
    text = " ".join(word.raw for word in rest)
    whole = text[1:] if text[:1] in ("'", '"') and len(rest) == 1 and not text.endswith(text[0] * 2) else text
    with suppress(MlopsError):
        if (store := _store_if_any()) is not None:
            fragment, found = query_offers(whole, StoredNames(store), lambda: _run_names(store))
            options = [option.name for option in command.options if option.name.startswith("-")] if not fragment else []
            return fragment, [*(_DOUBLED.sub(r"\g<0>\g<0>", each) for each in found), *options]
    return None


_DOUBLED = re.compile(r"[{}$]")


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
    text = _DOUBLED.sub(r"\g<0>\g<0>", name)
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
            return _values(option, words, namespace)
    if words[-1].startswith("-"):
        return [*(option.name for option in command.options if option.name.startswith("-")), "--help"]
    position = _position(command, words[1:-1])
    options = [option.name for option in command.options if option.name.startswith("-")] if not words[-1] else []
    return [*(_values(position, words, namespace) if position else []), *options]


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


def _values(option: Option, words: list[str], namespace: dict[str, object]) -> list[str]:
    fragment = words[-1]
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
    if option.values == "library":
        from mlops_nb.tracking.autolog.service import libraries

        return list(libraries())
    if option.values in ("run", "deleted", "artifact", "sort", "metric", "server", "model", "version", "made"):
        with suppress(MlopsError):
            return _from_store(option.values, words)
    return []


def _is_setting(name: str, value: object) -> bool:
    return not name.startswith("_") and (value is None or type(value) in (bool, int, float, str))


def _from_store(values: str, words: list[str]) -> list[str]:
    store, fragment = _store_if_any(), words[-1]
    if store is None:
        return []
    if values == "metric":
        return [_typed(name) for name in metric_names(store)]
    if values == "artifact":
        run = find_run(store, "".join(shlex.split(words[1])))
        return [] if run is None else [_typed(path) for path in artifact_paths(store, run)]
    if values == "server":
        return servers(store)
    if values == "model":
        return [_typed(name) for name in model_names(store)]
    if values == "version":
        return [_typed(name) for name in [*model_names(store), *version_names(store)]]
    if values == "deleted":
        return [str(number) for number, _ in deleted_runs(store, 1000)]
    if values == "sort":
        names = [*ATTRIBUTES, *metric_names(store)]
        _, fields = query_offers(fragment.removeprefix("-"), StoredNames(store), list)
        names += [field for field in fields if field not in ("not", "text")]
        return [f"-{name}" for name in names] + names if fragment.startswith("-") else names
    if values == "made" and fragment.startswith(SCHEME):
        return [_typed(f"{SCHEME}{name}") for name in version_names(store)]
    if fragment.isdigit():
        return [str(number) for number, _ in names_and_ids(store)]
    versions = version_names(store) if values == "made" else []
    return [_typed(name) for name in [*_run_names(store), *versions]]


def _store_if_any() -> Store | None:
    """The store, where there is one: TAB makes none."""
    return open_store() if (store_folder() / DATABASE).exists() else None


def _run_names(store: Store) -> list[str]:
    """The names of the newest runs; the number of one whose name cannot be typed."""
    found = names_and_ids(store)
    return list(
        dict.fromkeys(name if name.isprintable() and len(name) <= 200 else str(number) for number, name in found)
    )


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
