"""Help in a notebook: as wide as the page, and in the terminal's words as text."""

from __future__ import annotations

from html import escape

import pytest

from mlops_nb.command_lines import HelpAsked, help_on, overview, parser
from mlops_nb.commands import COMMANDS


def asked(name: str = "") -> HelpAsked:
    with pytest.raises(HelpAsked) as caught:
        help_on(name)
    return caught.value


def test_overview_is_a_table_of_all_commands_and_the_terminals_text():
    html = asked().panel.html()
    for command in COMMANDS.values():
        assert f"%mlops {command.name}</code>" in html
        assert escape(command.summary) in html
    assert asked().panel.text() == asked().what == overview()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_a_row_for_each_option_and_its_examples(name):
    html = asked(name).panel.html()
    for option in COMMANDS[name].options:
        assert f"{option.name}</code>" in html or f"{option.name} " in html
        assert escape(option.help) in html
    for example in COMMANDS[name].examples:
        assert escape(example) in html
    assert asked(name).panel.text() == parser(name).format_help()


def test_what_may_stand_in_a_query_fits_into_eighty_columns():
    said = parser("runs").format_help().partition("a query:")[2].splitlines()
    assert len(said) > 8
    assert max(map(len, said)) <= 80
    assert all(words.split()[0] in " ".join(said) for _, words in COMMANDS["runs"].notes)
