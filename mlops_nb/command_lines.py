"""A line of a command as somebody types it: read by the table of commands, or answered with help."""

from __future__ import annotations

import argparse
import builtins
import re
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from mlops_nb.command_rest import READERS, parted, terminal_words, typed_words
from mlops_nb.commands import COMMANDS, Command, Option, Place
from mlops_nb.errors import BadUsage, MlopsError, NameNotDefined, nearest

if TYPE_CHECKING:
    from mlops_nb.panels.theme import Panel


HELP = ("", "help", "-h", "--help")
"""What asks for help in a command's place."""


class HelpAsked(MlopsError):
    """Not a fault: `--help` was typed; `what` is the text, `panel` the same for a notebook."""

    def __init__(self, what: str, panel: Panel | None = None) -> None:
        super().__init__(what)
        self.panel = panel

    def _render_traceback_(self) -> list[str]:
        return self.what.splitlines()


class _Parser(argparse.ArgumentParser):
    """argparse without its way of ending the process."""

    command: Command
    prefix: str

    def error(self, message: str) -> NoReturn:
        raise BadUsage(f"{self.prefix} {self.command.name}: {self._plain(message)}", self.command.examples[0])

    def _plain(self, message: str) -> str:
        if match := re.match(r"unrecognized arguments: (\S+)", message):
            word = match[1].partition("=")[0]
            known = [option.name for option in self.command.options if option.name.startswith("-")]
            near = nearest(word, known) if word.startswith("-") else ""
            return f"unknown {'option' if word.startswith('-') else 'argument'} {word}" + (
                f"; did you mean {near}?" if near else ""
            )
        if match := re.match(r"argument (\S+): invalid choice: (['\"])(.*)\2 \(choose from (.*)\)", message, re.DOTALL):
            allowed = [each.strip("'\" ") for each in match[4].split(",")]
            near = nearest(match[3], allowed)
            said = f"{match[1]} {match[3][:60]!r} is none of {', '.join(allowed)}"
            return f"{said}; did you mean {near}?" if near else said
        if match := re.match(r"the following arguments are required: (.+)", message):
            needed = {option.metavar or option.name: option for option in self.command.options if _is_needed(option)}
            lacking = [needed[name] for name in match[1].split(", ") if name in needed]
            return "; ".join(f"{option.name} is missing ({option.help})" for option in lacking) or message
        return message

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise BadUsage(message or "")

    def print_help(self, file: Any = None) -> NoReturn:
        from mlops_nb.panels.help import command_help_panel

        text = self.format_help()
        options = [(_typed(option), _said(option)) for option in self.command.options]
        usage = " ".join(self.format_usage().removeprefix("usage: ").split())
        raise HelpAsked(
            text,
            command_help_panel(text, self.command.summary, usage, options, self.command.examples, self.command.notes),
        )


def _is_needed(option: Option) -> bool:
    """Whether a command cannot do without the argument."""
    return not (option.name.startswith("-") or option.is_optional or option.many)


def _typed(option: Option) -> str:
    """An option as it is typed: `-o, --output FILE`."""
    names = ", ".join(filter(None, (option.short, option.name)))
    if not option.name.startswith("-"):
        return option.name
    return names if option.is_flag else f"{names} {option.metavar or option.key.upper()}"


def _said(option: Option) -> str:
    """What an option's help says, with the values that there are."""
    return f"{option.help}: {', '.join(option.choices)}" if option.choices else option.help


def _notes(command: Command) -> str:
    """What may stand in a query, in 80 columns."""
    width = max((len(what) for what, _ in command.notes), default=0) + 4
    lines = [
        textwrap.fill(words, 80, initial_indent=f"  {what}".ljust(width), subsequent_indent=" " * width)
        for what, words in command.notes
    ]
    return "\n".join(["", "", "a query:", *lines]) if lines else ""


@lru_cache(maxsize=64)
def parser(name: str, prefix: str = "%mlops") -> _Parser:
    """The argparse parser of a command."""
    command = COMMANDS[name]
    prefix = "%%mlops" if command.places == ("cell",) else prefix
    made = _Parser(
        prog=f"{prefix} {name}",
        description=command.summary,
        epilog="examples:\n  " + "\n  ".join(command.examples) + _notes(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.command, made.prefix = command, prefix
    for option in command.options:
        _add(made, option)
    return made


def _add(made: argparse.ArgumentParser, option: Option) -> None:
    if option.is_flag:
        made.add_argument(option.name, action="store_true", help=option.help)
        return
    settings: dict[str, Any] = {"help": option.help.replace("%", "%%"), "type": option.kind}
    if option.choices:
        settings["choices"] = option.choices
    if option.metavar:
        settings["metavar"] = option.metavar
    if not option.name.startswith("-"):
        if option.many:
            settings |= {"nargs": "*", "metavar": option.metavar or option.name.upper()}
        elif option.is_optional:
            settings |= {"nargs": "?", "default": option.default}
        made.add_argument(option.name, **settings)
        return
    settings |= {"action": "append", "default": []} if option.many else {"default": option.default}
    made.add_argument(*filter(None, (option.short, option.name)), **settings)


def overview(prefix: str = "%mlops") -> str:
    """What there is, a command's summary beside its name, in 80 columns."""
    shown = _listed(prefix)
    width = max(len(typed) for typed, _ in shown) + 4
    lines = [
        textwrap.fill(summary, 80, initial_indent=f"  {typed}".ljust(width), subsequent_indent=" " * width)
        for typed, summary in shown
    ]
    return "\n".join(
        ["MLOps in the notebook. Commands:", "", *lines, "", f"One command's options: {prefix} NAME --help"]
    )


def _listed(prefix: str) -> list[tuple[str, str]]:
    """The commands of a place as they are typed, with their summaries."""
    here: Place = "terminal" if prefix.startswith("jupyter") else "line"
    return [
        (f"{'%' if 'cell' in command.places else ''}{prefix} {command.name}", command.summary)
        for command in COMMANDS.values()
        if here in command.places or here == "line"
    ]


def help_on(name: str, prefix: str = "%mlops") -> NoReturn:
    """Say what there is, or a command's options.

    Raises:
        HelpAsked: always; with the text.
        BadUsage: there is no such command.
    """
    if not name:
        from mlops_nb.panels.help import overview_panel

        raise HelpAsked(overview(prefix), overview_panel(overview(prefix), _listed(prefix)))
    parser(command_named(name, prefix).name, prefix).print_help()


def words_of(line: str, namespace: Mapping[str, object] | None) -> list[str]:
    """The words of a command line; `$name` and `{expression}` replaced by their values, `{{`, `$$` and `{32}` kept.

    Raises:
        NameNotDefined: a name or expression cannot be evaluated.
        BadUsage: a quote is not closed.
    """
    line, values = _expanded(line, namespace)
    try:
        words = shlex.split(line) if any(sign in line for sign in "'\"\\") else line.split()
    except ValueError as error:
        raise BadUsage(
            f"{line.strip()[:200]!r}: {str(error).lower()}", "close the quote, or put \\ before it"
        ) from None
    return [re.sub("\0(\\d+)\0", lambda match: values[int(match[1])], word) for word in words]


def _expanded(line: str, namespace: Mapping[str, object] | None) -> tuple[str, list[str]]:
    """The line with `\\0n\\0` for what the namespace gives, and the n-th of what it gave."""
    found: list[str] = []
    if namespace is None:
        return line, found

    def put(match: re.Match[str]) -> str:
        text = match[0]
        if text in ("{{", "}}", "$$"):
            found.append(text[0])
        else:
            found.append(_value_of(text[1:-1] if text.startswith("{") else text[1:], text, namespace))
        return f"\0{len(found) - 1}\0"

    return re.sub(r"\{\{|\}\}|\$\$|\{(?!\d+(?:,\d*)?\})[^{}]*\}|\$[A-Za-z_]\w*", put, line.replace("\0", " ")), found


def _value_of(expression: str, text: str, namespace: Mapping[str, object]) -> str:
    try:
        return str(eval(expression, dict(namespace)))
    except NameError as error:
        literal = f"{{{text}}}" if text.startswith("{") else f"${text}"
        known = [name for name in namespace if not name.startswith("_") and not hasattr(builtins, name)]
        near = nearest(error.name or expression, known)
        raise NameNotDefined(
            f"{text}: no name {error.name or expression!r} is defined here",
            text.replace(error.name or expression, near)
            if near
            else f"define it first, or write {literal} for the text itself",
        ) from None
    except Exception as error:  # the expression is the user's own
        raise NameNotDefined(f"{text} cannot be evaluated: {type(error).__name__}: {error}") from None


def parse(
    name: str, line: str | Sequence[str], namespace: Mapping[str, object] | None = None, prefix: str = "%mlops"
) -> dict[str, Any]:
    """The options of a command line.

    Raises:
        BadUsage: it cannot be read; the fix is an example that can.
        HelpAsked: it asks for help.
    """
    command = COMMANDS[name]
    if any(option.values in READERS for option in command.options):
        words = _with_rest(command, line, namespace)
    else:
        words = _joined(command, words_of(line, namespace) if isinstance(line, str) else list(line))
    options = _parsed(name, prefix, tuple(words))
    return {option: list(value) if isinstance(value, list) else value for option, value in options.items()}


@lru_cache(maxsize=64)
def _parsed(name: str, prefix: str, words: tuple[str, ...]) -> Mapping[str, Any]:
    """What argparse makes of the words; a cell is run again and again with the same ones."""
    return vars(parser(name, prefix).parse_args(words))


def _with_rest(command: Command, line: str | Sequence[str], namespace: Mapping[str, object] | None) -> list[str]:
    """The words of a line whose last argument is all the rest of it."""
    positional = [option for option in command.options if not option.name.startswith("-")]
    line, values = _expanded(line, namespace) if isinstance(line, str) else (line, [])
    words = typed_words(line) if isinstance(line, str) else terminal_words(line)
    kind = positional[-1].values
    plain, rest = parted(words, len(positional) - 1, _names_of(command)[1], is_text=kind == "text")
    plain = [re.sub("\0(\\d+)\0", lambda match: values[int(match[1])], word) for word in plain]
    return [*_joined(command, plain), *(["--", READERS[kind](rest, values)] if rest else [])]


def _names_of(command: Command) -> tuple[set[str], set[str]]:
    """The names of the options, and of those that take a value."""
    named = {each for option in command.options for each in (option.name, option.short) if each.startswith("-")}
    return named, {
        each
        for option in command.options
        for each in (option.name, option.short)
        if each.startswith("-") and not option.is_flag
    }


def _joined(command: Command, words: Sequence[str]) -> list[str]:
    """The words with each value that begins with a dash tied to its option, which argparse wants.

    >>> _joined(COMMANDS["runs"], ["--sort", "-accuracy", "--limit", "--sort"])
    ['--sort=-accuracy', '--limit', '--sort']
    """
    named, valued = _names_of(command)
    found: list[str] = []
    for word in words:
        if found and _is_open(found[-1]) and any(option.values == "axis" for option in command.options):
            found[-1] += f" {word}"
        elif found and found[-1] in valued and word.startswith("-") and word not in named | {"-h", "--help"}:
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def _is_open(word: str) -> bool:
    """Whether a bracket in it is not closed yet: `depth=range(3,` goes on in the next word."""
    return "=" in word and (word.count("(") > word.count(")") or word.count("[") > word.count("]"))


def command_named(name: str, prefix: str = "%mlops") -> Command:
    """The command of that name.

    Raises:
        BadUsage: there is none; the fix is the nearest one.
    """
    if name in COMMANDS:
        return COMMANDS[name]
    near = nearest(name, COMMANDS)
    raise BadUsage(f"{prefix} {name[:60]}: there is no such command", f"{prefix} {near or '--help'}")
