"""`jupyter mlops NAME ...` in a terminal."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Sequence

from mlops_nb import command_lines, commands
from mlops_nb.errors import BadQuery, BadUsage, MlopsError
from mlops_nb.record import json_value

PREFIX = "jupyter mlops"
_QUERY = "%mlops runs "


def main(words: Sequence[str] | None = None) -> int:
    """Carry out a command line; its exit code (0 done, 1 a fault or a failed check, 2 bad usage, 130 interrupted)."""
    try:
        return _answered(list(sys.argv[1:] if words is None else words))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _answered(words: list[str]) -> int:
    try:
        return _run(words)
    except command_lines.HelpAsked as asked:
        print(asked.what)
        return 0
    except MlopsError as error:
        if isinstance(error, BadQuery) and error.fix.startswith(_QUERY):
            error.fix = _QUERY + shlex.quote(error.fix.removeprefix(_QUERY))  # a shell takes > for a file
        print(_for_terminal("\n".join(error._render_traceback_())), file=sys.stderr)
        if isinstance(error, KeyboardInterrupt):
            return 130
        return 2 if isinstance(error, BadUsage | BadQuery) else 1


def _for_terminal(text: str) -> str:
    """A text with the magics that the terminal has as they are typed there; those of a notebook stay.

    >>> print(_for_terminal("try: %mlops show 3 or %mlops track on or %%mlops run a"))
    try: jupyter mlops show 3 or %mlops track on or %%mlops run a
    """
    names = "|".join(name for name, command in commands.COMMANDS.items() if "terminal" in command.places)
    return re.sub(rf"(?<!%)%mlops(?= (?:{names}|--help)\b)", PREFIX, text)


def _run(words: list[str]) -> int:
    if not words or words[0] in command_lines.HELP:
        command_lines.help_on(" ".join(words[1:2]), PREFIX)
    if words[0] == "--version":
        from importlib import metadata

        raise command_lines.HelpAsked(f"mlops_nb {metadata.version('mlops-nb')}")
    command = command_lines.command_named(words[0], PREFIX)
    if command.answer is None or "terminal" not in command.places:
        raise BadUsage(f"{PREFIX} {command.name} works only in a notebook", command.examples[0])
    as_json = "--json" in words
    options = command_lines.parse(command.name, [word for word in words[1:] if word != "--json"], prefix=PREFIX)
    context = commands.Context(progress=lambda line: print(line, file=sys.stderr))
    answer = command.answer(options, context)
    if as_json:
        print(json.dumps(json_value(answer.record.to_dict()), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        print(answer.panel.text())
    return answer.exit_code


if __name__ == "__main__":
    sys.exit(main())
