"""Help: what there is, and how one command is typed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mlops_nb.panels.blocks import Block, Line, Pre, Span, Table
from mlops_nb.panels.theme import Panel


class HelpPanel(Panel):
    """Help that a page wraps as wide as it is; its text form is the terminal's."""

    def __init__(self, text: str, blocks: Iterable[Block]) -> None:
        super().__init__(blocks)
        self._text = text

    def text(self) -> str:
        """What the terminal says, in 80 columns."""
        return self._text


def overview_panel(text: str, commands: Sequence[tuple[str, str]]) -> Panel:
    """The commands as they are typed, with what each does."""
    return HelpPanel(text, _overview(commands))


def _overview(commands: Sequence[tuple[str, str]]) -> Iterator[Block]:
    yield Line("MLOps in the notebook.", "sentence")
    yield Table("Commands", ("type", "to"), tuple((Span(typed, "code"), summary) for typed, summary in commands))
    yield Line(("One command's options: ", Span("%mlops NAME --help", "code")), "small")


def command_help_panel(
    text: str,
    summary: str,
    usage: str,
    options: Sequence[tuple[str, str]],
    examples: Sequence[str],
    notes: Sequence[tuple[str, str]],
) -> Panel:
    """What a command does, how it is typed, its options, examples, and what may stand in a query."""
    return HelpPanel(text, _command(summary, usage, options, examples, notes))


def _command(
    summary: str,
    usage: str,
    options: Sequence[tuple[str, str]],
    examples: Sequence[str],
    notes: Sequence[tuple[str, str]],
) -> Iterator[Block]:
    yield Line(summary, "sentence")
    yield Line(("Typed as ", Span(usage, "code")))
    if options:
        yield Table(
            "Options", ("option", "what it says"), tuple((Span(typed, "code"), words) for typed, words in options)
        )
    yield Pre("Examples", "\n".join(examples))
    if notes:
        yield Table("A query", ("part", "may be"), tuple(notes))
