"""What the lines `%%mlops run` and `%%mlops sweep` at the top of a cell ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mlops_nb.notebook.ipython_syntax import CellMagic
from mlops_nb.record import Record


@dataclass(frozen=True, slots=True)
class CapturedRun(Record):
    """What a `%%mlops run` line asks for."""

    name: str
    params: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SweptCell(Record):
    """What a `%%mlops sweep` line asks for; `axes` are names and their values as they are typed."""

    name: str
    axes: tuple[tuple[str, str], ...]
    metrics: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    """The sample and its seed."""
    is_on_dask: bool = False


def captured_run(magics: tuple[CellMagic, ...]) -> CapturedRun | None:
    """What the first `%%mlops run` of the cell asks for; None when it has none."""
    for magic in magics:
        words = words_of(magic.text)
        if magic.name == "mlops" and words[:1] == ["run"]:
            return _run_options(words[1:])
    return None


_SWEEP_OPTIONS = ("param", "metric", "tag", "sample", "seed", "engine", "scheduler", "workers")


def swept_cell(magics: tuple[CellMagic, ...]) -> SweptCell | None:
    """What the first `%%mlops sweep` of the cell asks for; None when it has none."""
    for magic in magics:
        words = words_of(magic.text)
        if magic.name == "mlops" and words[:1] == ["sweep"]:
            name, options = _options(_closed(words[1:]), _SWEEP_OPTIONS)
            axes = (each.partition("=") for each in options["param"])
            return SweptCell(
                name or "run",
                tuple((axis.strip(), values.strip()) for axis, _, values in axes if axis.strip().isidentifier()),
                tuple(each for each in options["metric"] if each.isidentifier()),
                _pairs(options["tag"]),
                tuple((each, options[each][-1]) for each in ("sample", "seed") if options[each]),
                options["engine"][-1:] == ["dask"],
            )
    return None


def _closed(words: list[str]) -> list[str]:
    """The words with those put together that a bracket spans: `depth=range(3,` and `9)`."""
    found: list[str] = []
    for word in words:
        if found and "=" in found[-1] and any(found[-1].count(a) > found[-1].count(b) for a, b in ("()", "[]")):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def words_of(line: str) -> list[str]:
    """The words of a magic's line, as a shell reads them where it can."""
    import shlex

    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _run_options(words: list[str]) -> CapturedRun:
    name, options = _options(words, ("param", "metric", "tag"))
    keep = [[each for each in options[kind] if each.isidentifier()] for kind in ("param", "metric")]
    return CapturedRun(name or "run", tuple(keep[0]), tuple(keep[1]), _pairs(options["tag"]))


def _options(words: list[str], known: Iterable[str]) -> tuple[str, dict[str, list[str]]]:
    """The name that a line gives, and the values of the options that are known."""
    name, options = "", {each: list[str]() for each in known}
    position = 0
    while position < len(words):
        word = words[position]
        option, equals, value = word.partition("=")
        kind = {"-p": "param", "-m": "metric", "-t": "tag"}.get(option, option.removeprefix("--"))
        if word.startswith("-") and kind in options:
            if not equals and position + 1 < len(words):
                position += 1
                value = words[position]
            options[kind].append(value)
        elif not name and not word.startswith("-"):
            name = word
        position += 1
    return name, options


def _pairs(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, _, value in (each.partition("=") for each in texts))
